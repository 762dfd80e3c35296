"""Boards that are reached by their Jupyter server, with a real one."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.board import jobs
from finn_tui.board.agent_session import conversation
from finn_tui.board.answers import Checked
from finn_tui.board.connection import connect
from finn_tui.board.deploy import deploy
from finn_tui.board.jupyter import session as session_module
from finn_tui.board.jupyter.http import JupyterServer
from finn_tui.board.transport import Transport
from finn_tui.hosts.transport import LoginRefused
from finn_tui.rehearsal import driver_env
from tests.board.consoles import check_terminal
from tests.board.jupyter_server import PASSWORD, TOKEN, JupyterBoard, jupyter_board, reached
from tests.board.proxy import line
from tests.board.test_deploy import bigger
from tests.waiting import PATIENCE, until

RUN = "finn-tui/runs/20261123T120000-tfc-w1a1-ab12"
CHECK = {"do": "check", "flavour": "finn-plus"}


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterBoard]:
    with jupyter_board(tmp_path_factory.mktemp("jupyter")) as running:
        running.board = replace(running.board, stand_in=True)
        yield running


@pytest.fixture
def server(shared_server: JupyterBoard) -> JupyterBoard:
    """Without what an earlier test has put there."""
    shutil.rmtree(shared_server.home / "finn-tui", ignore_errors=True)
    return shared_server


@pytest.fixture
async def link(server: JupyterBoard) -> AsyncIterator[Transport]:
    async with reached(server) as opened:
        yield opened


def agents(home: Path) -> list[str]:
    """Processes that run an agent in this home."""
    pids = []
    for process in Path("/proc").iterdir():
        try:
            if not process.name.isdigit() or b"agent-" not in (process / "cmdline").read_bytes():
                continue
            if (process / "cwd").resolve().is_relative_to(home):
                pids.append(process.name)
        except OSError:
            continue
    return pids


async def none_left(server: JupyterBoard) -> None:
    """Wait until no terminal, agent or upload of ours is left on the board."""
    await until(lambda: not (agents(server.home) or server.terminals()))
    assert list((server.home / "notebooks").iterdir()) == []


async def test_commands(link: Transport, server: JupyterBoard) -> None:
    done = await link.run("sh", "-c", r"printf '\377\0\r\n'; echo its >&2; cat; exit 3")
    assert done == (3, b"\xff\0\r\n", b"its\n")
    assert (await link.run("pwd"))[1].decode().strip() == str(server.home)
    code, out, _ = await link.run("sh", "-c", "yes | head -c 9000000")
    assert code == 0 and len(out) == 4 << 20
    with pytest.raises(FinnTuiError, match="yes on lab took longer than 1 s"):
        await link.run("yes", timeout=1)
    many = await asyncio.gather(*(link.run("sh", "-c", f"exit {n}") for n in range(30)))
    assert [code for code, _, _ in many] == list(range(30))
    assert not (server.home / ".bash_history").exists()


async def test_go(
    server: JupyterBoard, run_folder: Path, driver_python: Path, tmp_path: Path
) -> None:
    on_board = Path(driver_env.__file__).with_name("on_board")
    wrapper = tmp_path / "python3"
    wrapper.write_text(f'#!/bin/sh\nPYTHONPATH={on_board} exec {driver_python} "$@"\n')
    wrapper.chmod(0o755)
    board = replace(server.board, python=str(wrapper))
    async with connect(board, password=TOKEN) as link:
        outcome = await jobs.go(link, run_folder, batch=100)
    assert outcome.missing == ()
    assert outcome.executed is not None and outcome.executed.simulated
    assert outcome.executed.result == outcome.executed.software
    assert outcome.validation is not None and outcome.validation.correct == 40
    assert outcome.throughput is not None and outcome.throughput.images_per_s > 0
    await none_left(server)


async def test_deploy(
    server: JupyterBoard, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bigger(run_folder, 3)
    chunks: list[int] = []
    original = JupyterServer.put_chunk

    async def counted(self: JupyterServer, shown: str, chunk: int, text: str) -> int:
        chunks.append(chunk)
        return await original(self, shown, chunk, text)

    monkeypatch.setattr(JupyterServer, "put_chunk", counted)
    async with reached(server) as link:
        first = await deploy(link, run_folder)
        second = await deploy(link, run_folder)
    assert len(first.sent) == first.files and second.sent == ()
    assert chunks[chunks.index(1) :][:6] == [1, 2, 3, 4, 5, 6] and chunks[-1] == -1
    final = server.home / RUN / "bitfile" / "finn-accel.bit"
    assert final.read_bytes() == path.read_bytes()
    await none_left(server)


async def test_a_server_that_takes_no_uploads(
    server: JupyterBoard, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its contents API may be read-only: the files go over the terminal."""
    path = bigger(run_folder, 2)

    async def refused(self: JupyterServer, shown: str, chunk: int, text: str) -> int:
        return 403

    monkeypatch.setattr(JupyterServer, "put_chunk", refused)
    async with reached(server) as link:
        assert (await deploy(link, run_folder)).sent
    final = server.home / RUN / "bitfile" / "finn-accel.bit"
    assert final.read_bytes() == path.read_bytes()


async def test_a_broken_upload_is_resumed(
    server: JupyterBoard, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The board hears no more of us, and lets go of what it ran: the lock, for one."""
    path = bigger(run_folder, 8)
    final = server.home / RUN / "bitfile" / "finn-accel.bit"
    async with line(server.port) as way:
        there = replace(server.board, url=f"http://127.0.0.1:{way.port}")
        way.limit = 6 << 20
        with (
            monkeypatch.context() as impatient,
            pytest.raises(FinnTuiError, match=r"the line to lab .* broke") as caught,
        ):
            impatient.setattr(session_module, "PING_SECONDS", 0.5)
            # Longer than a busy machine stands still.
            impatient.setattr(session_module, "SILENCE_SECONDS", 8.0)
            async with connect(there, password=TOKEN) as link:
                await deploy(link, run_folder)
        assert "not sent twice" in caught.value.fix and not final.exists()
        way.limit, way.upwards = None, 0
        async with connect(there, password=TOKEN) as link:
            done = await deploy(link, run_folder)
    assert final.read_bytes() == path.read_bytes()
    assert done.bytes_resumed > 2 << 20 and way.upwards < 9 << 20


async def test_cancelling_leaves_nothing_behind(server: JupyterBoard) -> None:
    working = asyncio.Event()

    async def work() -> None:
        async with reached(server) as link, conversation(link) as agent:
            await agent.ask(CHECK, lambda event: None, Checked)
            await link.console(80, 24)
            assert server.terminals() == 2 and agents(server.home)
            working.set()
            await link.run("sleep", "1000", timeout=2000)

    task = asyncio.create_task(work())
    await asyncio.wait((task, asyncio.create_task(working.wait())), return_when="FIRST_COMPLETED")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await none_left(server)


async def test_console(link: Transport) -> None:
    console = await link.console(100, 30)
    console.write('stty size; echo "gr\u00fc\u00df"e\n'.encode())
    seen = b""
    async with asyncio.timeout(PATIENCE):
        while "gr\u00fc\u00dfe\r\n".encode() not in seen:
            seen += await console.read()
        assert b"30 100" in seen
        console.resize(60, 20)
        console.write(b"stty size; exit\n")
        while piece := await console.read():
            seen += piece
    assert b"20 60" in seen and await console.read() == b""
    await console.close()


async def test_tokens(server: JupyterBoard) -> None:
    for secret in (None, "wrong", "pass word", "gr\u00fcn"):
        with pytest.raises(LoginRefused):
            async with reached(server, secret):
                pass
    assert server.terminals() == 0


async def test_a_password_and_a_restart(tmp_path: Path) -> None:
    digest = hashlib.sha1(f"{PASSWORD}0123".encode()).hexdigest()
    options = (f"--PasswordIdentityProvider.hashed_password=sha1:0123:{digest}",)
    with jupyter_board(tmp_path, *options) as running:
        for secret in (None, "wrong"):
            with pytest.raises(LoginRefused):
                async with reached(running, secret):
                    pass
        with pytest.raises(FinnTuiError, match=r"the line to lab .* broke"):
            async with reached(running, PASSWORD) as link, conversation(link) as agent:
                await agent.ask(CHECK, lambda event: None, Checked)
                assert agents(running.home)
                await asyncio.to_thread(running.stop)
                began = time.monotonic()
                await agent.ask(CHECK, lambda event: None, Checked)
        assert time.monotonic() - began < 30
        await until(lambda: not agents(running.home))
        await asyncio.to_thread(running.start)
        async with reached(running, PASSWORD) as link:
            assert (await link.run("echo", "on"))[1] == b"on\n"


async def test_a_server_without_a_login(tmp_path: Path) -> None:
    with jupyter_board(tmp_path, "--IdentityProvider.token=") as running:
        async with reached(running, None) as link:
            assert (await link.run("echo", "on"))[1] == b"on\n"


async def test_a_terminal(link: Transport, server: JupyterBoard) -> None:
    await check_terminal(await link.console(90, 20))
    before = server.terminals()
    other = await link.console(80, 24)
    assert server.terminals() == before + 1
    await other.close()
    assert server.terminals() == before, "the server keeps none of ours"
