"""A slow line, and a board that reboots: progress, cancel, and going on afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.board.catalogue import Board
from finn_tui.board.connection import connect
from finn_tui.board.deploy import deploy
from finn_tui.board.validation import validate
from finn_tui.rehearsal import board as rehearsal_board
from tests.board import samples
from tests.board.proxy import StyledLine, line
from tests.waiting import until


@dataclass
class Reached:
    """A board behind a line.

    Attributes:
        board: reached over the line.
        line: between the two.
        home: of the board's user.
        port: of its server.
    """

    board: Board
    line: StyledLine
    home: Path
    port: int

    def agents(self) -> list[int]:
        """What runs there but its server."""
        running = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if f"{self.home}" == process.environ().get("HOME") and any(
                    "agent-" in word for word in process.cmdline()
                ):
                    running.append(process.pid)
        return running

    async def nothing_runs(self) -> None:
        """Wait until nothing runs there."""
        await until(lambda: not self.agents())

    def server(self) -> psutil.Process:
        """Its SSH server."""
        server = next(
            each.pid
            for each in psutil.net_connections("tcp4")
            if each.laddr and each.laddr.port == self.port and each.status == "LISTEN" and each.pid
        )
        process = psutil.Process(server)
        assert str(self.home.parent) in " ".join(process.cmdline())
        return process


@contextlib.asynccontextmanager
async def reached(folder: Path, python: Path) -> AsyncIterator[Reached]:
    async with (
        rehearsal_board.running(folder=folder, python=python) as end,
        line(end.port) as slow,
    ):
        board = Board(
            "lab",
            "127.0.0.1",
            slow.port,
            end.user,
            sudo=False,
            key=str(end.client_key),
            stand_in=True,
        )
        yield Reached(board, slow, end.home, end.port)


@pytest.fixture
def slow_run(run_folder: Path) -> Path:
    """A run whose design takes 50 ms for an image."""
    bitfile = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
    samples.write_bitstream(bitfile, samples.network_bytes(), ii=5_000_000)
    return run_folder


def measured(run: Path) -> list[str]:
    """What the run has results of."""
    path = run / "results.json"
    return list(json.loads(path.read_text())) if path.is_file() else []


async def test_deploy_shows_its_progress_and_can_be_cancelled(
    tmp_path: Path, run_folder: Path
) -> None:
    weights = run_folder / "build" / "deploy" / "driver" / "weights.dat"
    weights.write_bytes(os.urandom(6 << 20))
    counts: list[int] = []

    def told(progress: Progress) -> None:
        if "bytes" in progress.data:
            counts.append(int(progress.data["bytes"]))
            if counts[-1] > 3 << 20 and not work.cancelled():
                work.cancel()

    async with reached(tmp_path / "board", Path(sys.executable)) as lab:
        async with connect(lab.board, trust=True) as link:
            lab.line.rate = 2 << 20
            work = asyncio.create_task(deploy(link, run_folder, told))
            with pytest.raises(asyncio.CancelledError):
                await work
            assert counts == sorted(counts) and len(set(counts)) >= 4, "it is seen to go on"
            assert counts[-1] < 6 << 20, "it did not wait for the end"
            lab.line.rate = None
            # The connection is as good as before.
            assert (await link.run("true"))[0] == 0
        async with connect(lab.board, trust=True) as link:
            assert (await deploy(link, run_folder)).bytes_resumed > 1 << 20
        there = next(lab.home.glob("finn-tui/runs/*/driver/weights.dat"))
        assert there.read_bytes() == weights.read_bytes()


async def test_validate_shows_its_progress_and_can_be_cancelled(
    tmp_path: Path, slow_run: Path, driver_python: Path
) -> None:
    done: list[int] = []

    def told(progress: Progress) -> None:
        if progress.data.get("done"):
            done.append(int(progress.data["done"]))
            if len(done) == 2:
                work.cancel()

    async with reached(tmp_path / "board", driver_python) as lab:
        async with connect(lab.board, trust=True) as link:
            await deploy(link, slow_run)
            lab.line.rate = 256 << 10
            work = asyncio.create_task(validate(link, slow_run, told, batch=5))
            with pytest.raises(asyncio.CancelledError):
                await work
            assert done == sorted(done) and done[-1] < 60
            await lab.nothing_runs()
        assert "accuracy" not in measured(slow_run)
        async with connect(lab.board, trust=True) as link:
            whole = await validate(link, slow_run, batch=5)
        assert whole.images == whole.software_same == 60


async def test_a_board_that_reboots_while_it_validates(
    tmp_path: Path, slow_run: Path, driver_python: Path
) -> None:
    def told(progress: Progress) -> None:
        if progress.data.get("done"):
            with contextlib.suppress(psutil.NoSuchProcess):
                server.kill()

    async with reached(tmp_path / "board", driver_python) as lab:
        async with connect(lab.board, trust=True) as link:
            await deploy(link, slow_run)
            # Looked up before, which takes a while: the kill itself is at once.
            server = lab.server()
            with pytest.raises(FinnTuiError, match=r"line to lab|connection to lab") as caught:
                async with asyncio.timeout(120):
                    await validate(link, slow_run, told, batch=5)
            assert caught.value.kind == "board" and caught.value.fix
        await lab.nothing_runs()
    assert "accuracy" not in measured(slow_run), "no half of a validation counts"
    async with (
        reached(tmp_path / "board", driver_python) as lab,
        connect(lab.board, trust=True) as link,
    ):
        again = await deploy(link, slow_run)
        assert again.sent == (), "what had arrived is there"
        whole = await validate(link, slow_run)
    assert whole.images == whole.software_same == 60
