"""Connecting: host keys, refusals, silence."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncssh
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.board.catalogue import Board, find
from finn_tui.board.connection import connect
from finn_tui.hosts.ssh import errors as link_module
from finn_tui.hosts.ssh.errors import HostKeyChanged, HostKeyUnknown
from finn_tui.hosts.ssh.openssh_files import known_hosts_file
from finn_tui.rehearsal import board as rehearsal_board
from tests.board.proxy import line
from tests.waiting import PATIENCE

PYTHON = Path(sys.executable)


@pytest.fixture(autouse=True)
def no_ssh_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@contextlib.asynccontextmanager
async def lab_board(folder: Path) -> AsyncIterator[Board]:
    """A board that is not the simulated one by name, so that nothing is known of it."""
    async with rehearsal_board.running(folder=folder, python=PYTHON) as endpoint:
        yield Board(
            "lab",
            endpoint.host,
            endpoint.port,
            endpoint.user,
            sudo=False,
            key=str(endpoint.client_key),
        )


async def test_an_unknown_key_is_refused_shown_and_remembered_on_request(tmp_path: Path) -> None:
    async with lab_board(tmp_path / "board") as board:
        with pytest.raises(HostKeyUnknown) as caught:
            async with connect(board):
                pass
        fingerprint = caught.value.fingerprint
        assert fingerprint.startswith("SHA256:")
        assert fingerprint in caught.value.fix and "--trust" in caught.value.fix
        assert caught.value.kind == "board"
        with pytest.raises(HostKeyUnknown):
            async with connect(board, trust="SHA256:something else"):
                pass
        assert not known_hosts_file().exists()
        async with connect(board, trust=fingerprint) as link:
            assert (await link.run("echo", "a b"))[:2] == (0, b"a b\n")
        assert known_hosts_file().stat().st_mode & 0o077 == 0
        async with connect(board) as link:
            assert (await link.run("false"))[0] == 1
        assert len(known_hosts_file().read_text().splitlines()) == 1


async def test_a_changed_key_is_refused_even_if_trust_is_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "board"
    async with lab_board(folder) as board, line(board.port) as way:
        board = Board(board.name, board.host, way.port, board.user, sudo=False, key=board.key)
        async with connect(board, trust=True):
            pass
        (folder / "keys" / "host").unlink()
        async with lab_board(folder) as other, line(other.port) as new:
            known = known_hosts_file().read_text()
            known_hosts_file().write_text(known.replace(str(way.port), str(new.port)))
            moved = Board("lab", "127.0.0.1", new.port, sudo=False, key=other.key)
            for trust in (False, True):
                with pytest.raises(HostKeyChanged) as caught:
                    async with connect(moved, trust=trust):
                        pass
            assert "another host key" in caught.value.what
            assert caught.value.fingerprint.startswith("SHA256:")
            assert str(known_hosts_file()) in caught.value.fix


async def test_a_line_in_the_user_s_known_hosts_counts(tmp_path: Path) -> None:
    async with rehearsal_board.running(folder=tmp_path / "b", python=PYTHON) as endpoint:
        path = tmp_path / "user" / ".ssh" / "known_hosts"
        path.parent.mkdir(parents=True)
        path.write_text(f"[127.0.0.1]:{endpoint.port} {endpoint.host_key}\n")
        board = Board("lab", "127.0.0.1", endpoint.port, sudo=False, key=str(endpoint.client_key))
        async with connect(board) as link:
            assert (await link.run("true"))[0] == 0
        assert not known_hosts_file().exists()


async def test_refused() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(FinnTuiError, match="refuses the connection") as caught:
            async with connect(Board("lab", "127.0.0.1", port)):
                pass
    assert caught.value.kind == "board" and str(port) in caught.value.what


async def test_a_key_that_is_not_let_in(tmp_path: Path) -> None:
    async with lab_board(tmp_path / "board") as board:
        stranger = asyncssh.generate_private_key("ssh-ed25519")
        stranger.write_private_key(tmp_path / "stranger")
        wrong = Board("lab", board.host, board.port, board.user, key=str(tmp_path / "stranger"))
        with pytest.raises(FinnTuiError, match="does not let xilinx in") as caught:
            async with connect(wrong, trust=True):
                pass
    assert "ssh-copy-id" in caught.value.fix


async def test_no_such_name() -> None:
    with pytest.raises(FinnTuiError, match="cannot be resolved"):
        async with connect(Board("lab", "no-such-board.invalid")):
            pass


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Something that takes connections and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        yield server.getsockname()[1]


async def test_silence_has_an_end(silent_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "LOGIN_SECONDS", 0.3)
    monkeypatch.setattr(link_module, "CONNECT_SECONDS", 0.3)
    with pytest.raises(FinnTuiError, match=r"does not answer|broke"):
        async with asyncio.timeout(PATIENCE), connect(Board("lab", "127.0.0.1", silent_port)):
            pass


async def test_a_command_that_takes_too_long(board_home: None) -> None:
    async with connect(find("simulated")) as link:
        with pytest.raises(FinnTuiError, match=r"longer than 0\.2 s"):
            await link.run("sleep", "60", timeout=0.2)
        assert (await link.run("echo", "on"))[1] == b"on\n"


async def test_a_line_that_breaks_is_said_so(tmp_path: Path) -> None:
    async with lab_board(tmp_path / "board") as board, line(board.port) as way:
        through = Board("lab", board.host, way.port, board.user, sudo=False, key=board.key)
        async with connect(through, trust=True) as link:
            way.limit = 0
            with pytest.raises(FinnTuiError, match=r"line to lab|connection to lab"):
                await link.run("echo", "x")


async def test_cancelling_a_connection_leaves_nothing(board_home: None) -> None:
    connected = asyncio.Event()

    async def use() -> None:
        async with connect(find("simulated")) as link:
            connected.set()
            await link.run("sleep", "60", timeout=60)

    task = asyncio.create_task(use())
    await asyncio.wait_for(connected.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(PATIENCE):
            await task
