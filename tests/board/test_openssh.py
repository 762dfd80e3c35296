"""The transport against a real OpenSSH server, whose ways differ from asyncssh's."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

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
from finn_tui.hosts.ssh.errors import HostKeyChanged, HostKeyUnknown
from finn_tui.hosts.ssh.openssh_files import known_hosts_file
from finn_tui.rehearsal import driver_env
from tests.board.consoles import check_terminal, read_until
from tests.hosts import sshd
from tests.waiting import until


@dataclass
class BoardServer:
    """An sshd, and the board that it is."""

    board: Board
    sshd: sshd.Server

    @property
    def folder(self) -> Path:
        return self.sshd.folder


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BoardServer]:
    """sshd on a free port of the loopback, for this user and one key only."""
    running = sshd.server_in(tmp_path / "sshd")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    board = Board(
        "lab",
        running.address,
        running.port,
        running.user,
        folder=str(tmp_path / "files"),
        sudo=False,
        key=running.key,
        python=sys.executable,
    )
    running.start()
    if os.geteuid() != 0 and (reason := running.refused()):
        running.stop()
        pytest.skip(f"this user cannot log in here (locked account or no shell): {reason}")
    yield BoardServer(board, running)
    running.stop()


@pytest.fixture
async def trusted(server: BoardServer) -> AsyncIterator[BoardServer]:
    async with connect(server.board, trust=True):
        pass
    yield server


async def test_host_keys(server: BoardServer) -> None:
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
    assert known_hosts_file().read_text().startswith(f"[127.0.0.1]:{server.sshd.port} ssh-ed25519 ")

    server.sshd.stop()
    sshd.new_key(server.folder / "host")
    server.sshd.start()
    with pytest.raises(HostKeyChanged):
        async with connect(server.board, trust=True):
            pass

    server.sshd.stop()
    sshd.new_key(server.folder / "host", "ecdsa-sha2-nistp256")
    server.sshd.start()
    with pytest.raises(HostKeyChanged):
        async with connect(server.board, trust=True):
            pass


async def test_deploy_over_openssh(
    trusted: BoardServer, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy_module, "check_kind", lambda link, what: None)
    async with connect(trusted.board) as link:
        first = await deploy(link, run_folder)
        again = [await deploy(link, run_folder) for _ in range(3)]
        assert len(first.sent) == first.files
        assert all(each.sent == () for each in again)
        # What else the machine does lengthens it too, as it does the shortest command.
        shortest = min([await _seconds(link.run("true")) for _ in range(3)])
        assert min(each.seconds for each in again) < 1.0 + 10 * shortest
    there = Path(trusted.board.folder) / first.folder / "bitfile" / "finn-accel.bit"
    source = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
    assert there.read_bytes() == source.read_bytes()


async def _seconds(work: Awaitable[object]) -> float:
    began = time.monotonic()
    await work
    return time.monotonic() - began


async def test_go_over_openssh(
    trusted: BoardServer,
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


async def test_the_agent_dies_with_the_line(trusted: BoardServer) -> None:
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
    await until(lambda: not _pids(trusted.board.folder))


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


async def test_invalid_bytes_do_not_close_the_connection(trusted: BoardServer) -> None:
    async with connect(trusted.board) as link:
        assert (await link.run("printf", r"\377"))[1] == b"\xff"
        assert (await link.run("echo", "on"))[1] == b"on\n"


async def test_more_sessions_than_openssh_allows_at_once(trusted: BoardServer) -> None:
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


async def test_sudo(trusted: BoardServer) -> None:
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


async def test_a_terminal(trusted: BoardServer) -> None:
    async with connect(trusted.board) as link:
        await check_terminal(await link.console(90, 20))
        # Closed from here, what runs there ends.
        other = await link.console(80, 24)
        other.write(b"echo p''id=$$ e''nd; exec sleep 1000\n")
        pid = int((await read_until(other, b" end")).split(b"pid=")[-1].split()[0])
        await other.close()
        await until(lambda: not Path(f"/proc/{pid}").exists())
