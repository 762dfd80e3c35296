"""Logging in: jump hosts, questions, what a server keeps to itself; against a real OpenSSH."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import asyncssh
import pytest

from finn_tui.hosts.machine import Machine
from finn_tui.hosts.ssh import connection as connection_module
from finn_tui.hosts.ssh import login
from finn_tui.hosts.ssh.connection import SshConnection
from finn_tui.hosts.ssh.errors import HostKeyChanged, HostKeyUnknown
from finn_tui.hosts.ssh.openssh_files import KeyEncrypted, known_hosts_file
from finn_tui.hosts.ssh.questions import LoginAnswers, Question, QuestionKind, Secrets
from finn_tui.hosts.transport import LoginRefused, Unreachable
from tests.hosts import sshd
from tests.hosts.sshd import Server

PASSWORD = "it's me"


class User:
    """Answers questions by their kind, and remembers them."""

    def __init__(self, **answers: Sequence[str | None]) -> None:
        self._answers = {QuestionKind[kind.upper()]: list(all_) for kind, all_ in answers.items()}
        self.asked: list[Question] = []

    async def __call__(self, question: Question) -> str | None:
        self.asked.append(question)
        return self._answers[question.kind].pop(0)

    @property
    def kinds(self) -> list[QuestionKind]:
        return [question.kind for question in self.asked]


async def echo(machine: Machine, secrets: Secrets, *, trust: bool | str = False) -> bytes:
    """Log in and run a command."""
    async with login.connect(machine, trust=trust, secrets=secrets) as connection:
        return (await SshConnection(machine, connection).run("echo", "on"))[1]


@pytest.fixture
def gate(tmp_path: Path, server: Server, user: Path) -> Iterator[Server]:
    """A jump host in front of ``server``, which ~/.ssh/config calls lab."""
    gate = sshd.server_in(tmp_path / "gate")
    (user / ".ssh" / "config").write_text(
        f"Host gate\n  HostName {gate.address}\n  Port {gate.port}\n  User {gate.user}\n"
        f"  IdentityFile {gate.key}\n"
        f"Host lab\n  HostName {server.address}\n  Port {server.port}\n  User {server.user}\n"
        f"  IdentityFile {server.key}\n  ProxyJump gate\n"
    )
    gate.start()
    yield gate
    gate.stop()


LAB = Machine("lab", "host", "lab")


async def test_each_hop_shows_its_host_key(gate: Server, server: Server) -> None:
    with pytest.raises(HostKeyUnknown, match="gate") as caught:
        await echo(LAB, Secrets())
    assert "hosts test lab --trust" in caught.value.fix
    with pytest.raises(HostKeyUnknown, match="lab"):
        await echo(LAB, Secrets(), trust=caught.value.fingerprint)
    user = User(host_key=["yes"])
    assert await echo(LAB, Secrets(user)) == b"on\n"
    assert [question.machine.name for question in user.asked] == ["lab"], "the gate is known now"
    assert "SHA256:" in user.asked[0].text and not user.asked[0].hidden
    known = known_hosts_file().read_text()
    assert f"]:{gate.port} " in known and f"]:{server.port} " in known
    assert await echo(LAB, Secrets()) == b"on\n"

    gate.stop()
    with pytest.raises(Unreachable, match=r"gate.* refuses"):
        await echo(LAB, Secrets())
    sshd.new_key(gate.folder / "host")
    gate.start()
    with pytest.raises(HostKeyChanged, match="gate"):
        await echo(LAB, Secrets(User()), trust=True)


async def test_a_host_that_its_jump_host_cannot_reach(gate: Server, server: Server) -> None:
    await echo(LAB, Secrets(), trust=True)
    server.stop()
    with pytest.raises(Unreachable, match=r"lab.* through the jump host"):
        await echo(LAB, Secrets())
    server.start()


async def test_jump_hosts_without_an_end(gate: Server, user: Path) -> None:
    config = user / ".ssh" / "config"
    config.write_text("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
    with pytest.raises(Exception, match=r"the SSH connection to . failed"):
        await echo(Machine("a", "host", "a"), Secrets())
    config.write_text("Host a\n  ProxyJump me@:22\n")
    with pytest.raises(Exception, match="the SSH connection to a failed"):
        await echo(Machine("a", "host", "a"), Secrets())


@pytest.fixture
def asking(tmp_path: Path, user: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """An sshd that asks for a password through PAM, by the way that the test names."""
    if os.geteuid() != 0:
        pytest.skip("only root can give sshd a PAM configuration of its own")
    pam = tmp_path / "pam.d"
    pam.mkdir()
    check = tmp_path / "check"
    # The script's input ends with a NUL or not, by PAM's version.
    check.write_text(f'#!/bin/sh\n[ "$(tr -d "\\000")" = "{PASSWORD}" ]\n')
    check.chmod(0o755)
    (pam / "sshd").write_text(
        f"auth required pam_exec.so expose_authtok quiet {check}\nauth optional pam_permit.so\n"
        "account required pam_permit.so\nsession required pam_permit.so\n"
    )
    inside = 'mount --bind "$0" /etc/pam.d && exec "$@"'
    prefix = ("unshare", "-m", "sh", "-c", inside, str(pam))
    tried = subprocess.run([*prefix, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"no mount namespace can be made here: {tried.stderr.strip()}")
    running = sshd.server_in(
        tmp_path / "sshd",
        "UsePAM yes",
        "PubkeyAuthentication no",
        "PasswordAuthentication yes",
        "KbdInteractiveAuthentication yes",
        f"AuthenticationMethods {request.param}",
        prefix=prefix,
    )
    running.start()
    yield running
    running.stop()


@pytest.mark.parametrize("asking", ["keyboard-interactive", "password"], indirect=True)
async def test_a_password_is_asked_for_and_kept_in_memory_only(
    asking: Server, user: Path, tmp_path: Path
) -> None:
    machine = Machine("lab", "host", asking.address, asking.port, asking.user)
    with pytest.raises(LoginRefused, match="does not let"):
        await echo(machine, Secrets(), trust=True)
    assert await echo(machine, Secrets(password=PASSWORD), trust=True) == b"on\n"
    with pytest.raises(LoginRefused):
        await echo(machine, Secrets(password="wrong"))

    answers = ["wrong", PASSWORD]
    person = User(password=answers, code=answers)
    secrets = Secrets(person)
    assert await echo(machine, secrets) == b"on\n"
    assert len(person.asked) == 2 and all(question.hidden for question in person.asked)
    assert f"{asking.user}@" in person.asked[0].text
    assert await echo(machine, secrets) == b"on\n"
    assert len(person.asked) == 2, "a reconnection does not ask again"
    with pytest.raises(LoginRefused):
        await echo(machine, Secrets(User(password=[None] * 3, code=[None] * 3)))
    for path in (*user.rglob("*"), *(tmp_path / "home").rglob("*")):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()


@pytest.mark.parametrize("asking", ["keyboard-interactive"], indirect=True)
async def test_a_passphrase_is_asked_for_before_a_password(asking: Server, user: Path) -> None:
    key = user / ".ssh" / "id_ed25519"
    key.write_bytes(
        asyncssh.generate_private_key("ssh-ed25519").export_private_key(passphrase="secret words")
    )
    key.chmod(0o600)
    machine = Machine("lab", "host", asking.address, asking.port, asking.user)
    person = User(passphrase=["wrong", "secret words"], code=[PASSWORD])
    assert await echo(machine, Secrets(person), trust=True) == b"on\n"
    assert person.kinds == [QuestionKind.PASSPHRASE] * 2 + [QuestionKind.CODE]
    person = User(passphrase=[None], code=[PASSWORD])
    assert await echo(machine, Secrets(person)) == b"on\n", "a key can be left out"
    with pytest.raises(KeyEncrypted) as caught:
        await echo(machine, Secrets())
    assert "ssh-add" in caught.value.fix and "--ask-password" not in caught.value.fix


async def test_several_prompts_and_prompts_without_an_end() -> None:
    person = User(code=["123456", *["x"] * 20])
    machine = Machine("lab", "host", "h", 0, "me")
    answers = LoginAnswers(machine, Secrets(password=PASSWORD), person)
    prompts = [("Password: ", False), ("Verification\x1b[31m code: ", True)]
    assert await answers.meet_challenge("Two\nfactors", "", prompts) == [PASSWORD, "123456"]
    (question,) = person.asked
    assert question.text == "me@h: Two factors, Verification code" and not question.hidden
    assert answers.password == PASSWORD
    for _ in range(9):
        assert await answers.meet_challenge("", "", [("again?", True)]) == ["x"]
    assert await answers.meet_challenge("", "", [("again?", True)]) is None


async def test_an_sftp_server_that_never_answers(
    server: Server, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = server.folder / "sshd_config"
    config.write_text(config.read_text().replace(sshd.SFTP, "/bin/sleep 600"))
    server.stop()
    server.start()
    monkeypatch.setattr(connection_module, "LOGIN_SECONDS", 0.3)
    machine = Machine("lab", "host", server.address, server.port, server.user, server.key)
    async with login.connect(machine, trust=True) as connection:
        link = SshConnection(machine, connection)
        for _ in range(12):
            with pytest.raises(Unreachable, match="does not answer"), link.translated():
                await link.files("finn-tui")
        # Those that were given up take none of the sessions that OpenSSH allows.
        assert (await link.run("echo", "on"))[1] == b"on\n"
