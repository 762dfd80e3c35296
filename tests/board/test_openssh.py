"""The transport against a real OpenSSH server, whose ways differ from asyncssh's."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.board import answers
from finn_tui.board import deploy as deploy_module
from finn_tui.board import jobs as work
from finn_tui.board import request as request_module
from finn_tui.board.agent_session import conversation
from finn_tui.board.catalogue import Board
from finn_tui.board.connection import BoardConnection, connect
from finn_tui.board.deploy import deploy
from finn_tui.hosts.ssh.connection import HostKeyChanged, HostKeyUnknown
from finn_tui.hosts.ssh.openssh_files import known_hosts_file
from finn_tui.rehearsal import driver_env

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
pytestmark = pytest.mark.skipif(SSHD is None, reason="OpenSSH's sshd is not installed")

SFTP = next(
    (p for p in ("/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server") if Path(p).exists()),
    "internal-sftp",
)


@dataclass
class Server:
    board: Board
    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def start(self) -> None:
        """Start (again); ready when it answers."""
        assert SSHD is not None
        self.process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")],
            stderr=(self.folder / "sshd.log").open("ab"),
        )
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        pytest.skip("sshd does not start here: " + (self.folder / "sshd.log").read_text()[-300:])

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


def _refused(board: Board) -> str:
    """Why sshd lets this user in by no key at all; empty if it does."""
    code = (
        "import asyncio, asyncssh\n"
        "async def main():\n"
        f"    async with asyncssh.connect({board.host!r}, {board.port}, username={board.user!r},\n"
        f"                                client_keys=[{board.key!r}], known_hosts=None): pass\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["?"])[-1]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """sshd on a free port of the loopback, for this user and one key only."""
    folder = tmp_path / "sshd"
    folder.mkdir(mode=0o700)
    (folder / "bin").mkdir()
    for name in ("host", "client"):
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(folder / name)
        (folder / name).chmod(0o600)
    key = asyncssh.read_private_key(folder / "client")
    (folder / "authorized").write_bytes(key.export_public_key())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\n"
        f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n"
        f"PasswordAuthentication no\nPidFile {folder}/pid\nPermitRootLogin yes\n"
        f"Subsystem sftp {SFTP}\nSetEnv PATH={folder}/bin:/usr/local/bin:/usr/bin:/bin\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    user = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
    base = tmp_path / "files"
    board = Board(
        "lab",
        "127.0.0.1",
        port,
        user,
        folder=str(base),
        sudo=False,
        key=str(folder / "client"),
        python=sys.executable,
    )
    running = Server(board, folder, port, None)  # type: ignore[arg-type]
    running.start()
    if os.geteuid() != 0 and (reason := _refused(board)):
        running.stop()
        pytest.skip(f"this user cannot log in here (locked account or no shell): {reason}")
    yield running
    running.stop()


@pytest.fixture
async def trusted(server: Server) -> AsyncIterator[Server]:
    async with connect(server.board, trust=True):
        pass
    yield server


async def test_host_keys(server: Server) -> None:
    with pytest.raises(HostKeyUnknown) as caught:
        async with connect(server.board):
            pass
    shown = await asyncio.to_thread(
        subprocess.run,
        ["ssh-keygen", "-lf", str(server.folder / "host")],
        capture_output=True,
        text=True,
    )
    assert caught.value.fingerprint in shown.stdout, "the fingerprint is what ssh-keygen shows"
    async with connect(server.board, trust=caught.value.fingerprint) as link:
        assert (await link.run("echo", "it's"))[1] == b"it's\n"
    assert known_hosts_file().read_text().startswith(f"[127.0.0.1]:{server.port} ssh-ed25519 ")

    server.stop()
    (server.folder / "host").unlink()
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(server.folder / "host")
    (server.folder / "host").chmod(0o600)
    server.start()
    with pytest.raises(HostKeyChanged):
        async with connect(server.board, trust=True):
            pass

    server.stop()
    (server.folder / "host").unlink()
    asyncssh.generate_private_key("ecdsa-sha2-nistp256").write_private_key(server.folder / "host")
    (server.folder / "host").chmod(0o600)
    server.start()
    with pytest.raises(HostKeyChanged):
        async with connect(server.board, trust=True):
            pass


async def test_deploy_over_openssh(
    trusted: Server, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy_module, "check_kind", lambda link, what: None)
    async with connect(trusted.board) as link:
        first = await deploy(link, run_folder)
        second = await deploy(link, run_folder)
        assert len(first.sent) == first.files
        assert second.sent == () and second.seconds < 1.0
    there = Path(trusted.board.folder) / first.folder / "bitfile" / "finn-accel.bit"
    source = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
    assert there.read_bytes() == source.read_bytes()


async def test_go_over_openssh(
    trusted: Server,
    run_folder: Path,
    driver_python: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A board of another name whose Python has the driver and PYNQ's stand-in."""
    monkeypatch.setattr(deploy_module, "check_kind", lambda link, what: None)
    monkeypatch.setattr(request_module, "check_kind", lambda link, what: None)
    on_board = Path(driver_env.__file__).with_name("on_board")
    wrapper = trusted.folder / "python3"
    wrapper.write_text(f'#!/bin/sh\nPYTHONPATH={on_board} exec {driver_python} "$@"\n')
    wrapper.chmod(0o755)
    async with connect(replace(trusted.board, python=str(wrapper))) as link:
        outcome = await work.go(link, run_folder, batch=100)
    assert outcome.validation is not None and outcome.validation.correct == 40
    assert outcome.validation.simulated, "the agent says so, whatever the board is called"


async def test_the_agent_dies_with_the_line(trusted: Server) -> None:
    """OpenSSH leaves commands running when a channel closes; the agent must end by itself."""
    agents: list[str] = []
    async with connect(trusted.board) as link:
        await work.check(link)
        async with conversation(link) as agent:
            await agent.ask(
                {"do": "check", "flavour": "finn-plus"}, lambda event: None, answers.Checked
            )
            agents = _pids(trusted.board.folder)
            assert len(agents) == 1
            assert isinstance(link, BoardConnection)
            link.connection.abort()
    async with asyncio.timeout(120):
        while _pids(trusted.board.folder):  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.05)


def _pids(folder: str) -> list[str]:
    pids = []
    for process in Path("/proc").iterdir():
        try:
            if not process.name.isdigit() or b"agent-" not in (process / "cmdline").read_bytes():
                continue
            if (process / "cwd").resolve() == Path(folder).resolve():
                pids.append(process.name)
        except OSError:
            continue
    return pids


async def test_invalid_bytes_do_not_close_the_connection(trusted: Server) -> None:
    async with connect(trusted.board) as link:
        assert (await link.run("printf", r"\377"))[1] == b"\xff"
        assert (await link.run("echo", "on"))[1] == b"on\n"


async def test_more_sessions_than_openssh_allows_at_once(trusted: Server) -> None:
    async with connect(trusted.board) as link:
        done = await asyncio.gather(*(link.run("sleep", "0.2") for _ in range(14)))
    assert [code for code, _, _ in done] == [0] * 14


SUDO = """#!/bin/bash
# Like sudo of a user who must give a password (or need not, if the file free is there), for whom
# sudoers demand a terminal. It leaves the echo of that to whoever made it.
ask=yes
while [ "$1" != -- ]; do
  case "$1" in -n) ask=no;; -p) prompt=$2; shift;; esac; shift
done
shift
echo "$@" >> {folder}/arguments
( : < /dev/tty ) 2>/dev/null || {{ echo "sudo: sorry, you must have a tty" >&2; exit 1; }}
[ -e {folder}/free ] && exec "$@"
[ $ask = no ] && {{ echo "sudo: a password is required" >&2; exit 1; }}
for try in 1 2 3; do
  echo -n "$prompt" > /dev/tty
  read -r given < /dev/tty
  [ "$given" = "it's me" ] && exec "$@"
  echo "Sorry, try again." > /dev/tty
done
echo "sudo: 3 incorrect password attempts" >&2
exit 1
"""


async def test_sudo(trusted: Server) -> None:
    path = trusted.folder / "bin" / "sudo"
    path.write_text(SUDO.format(folder=trusted.folder))
    path.chmod(0o755)
    board = replace(trusted.board, sudo=True)
    async with connect(board) as link:
        with pytest.raises(FinnTuiError, match="sudo on lab asks for a password") as caught:
            await work.check(link)
        assert "NOPASSWD" in caught.value.fix
    async with connect(board, sudo_password="wrong") as link:
        with pytest.raises(FinnTuiError, match="sudo on lab asks for a password") as caught:
            await work.check(link)
        assert "incorrect password" in caught.value.detail and "wrong" not in caught.value.detail
    seen: list[Progress] = []
    async with connect(board, sudo_password="it's me") as link:
        assert (await work.check(link, seen.append))["driver"] is None
        (trusted.folder / "free").touch()
        assert (await work.check(link, seen.append))["python"]
    assert not any("it's me" in progress.message for progress in seen)
    assert "it's me" not in (trusted.folder / "arguments").read_text()
    async with connect(board) as link:
        assert (await work.check(link))["python"]
