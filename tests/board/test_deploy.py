"""Deploying: only what changed, whole files only, taken up where it broke off."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.board import deploy as deploy_module
from finn_tui.board.agent_zipapp import agent_bytes
from finn_tui.board.catalogue import Board
from finn_tui.board.connection import BoardConnection, connect
from finn_tui.board.deploy import MANIFEST, deploy
from finn_tui.rehearsal import board as rehearsal_board
from tests.board.proxy import StyledLine, line

RUN = "finn-tui/runs/20261123T120000-tfc-w1a1-ab12"


class Reached:
    """A board behind a line that can break. Its name makes it a simulated one to ``deploy``."""

    def __init__(self, home: Path, board: Board, way: StyledLine) -> None:
        self.home = home
        self.board = board
        self.way = way

    def files(self) -> dict[str, bytes]:
        """Everything below our folder but what is only ours."""
        root = self.home / "finn-tui"
        paths = {str(p.relative_to(root)): p for p in root.rglob("*") if p.is_file()}
        return {
            name: path.read_bytes()
            for name, path in paths.items()
            if not name.endswith((MANIFEST, ".lock"))
        }


@pytest.fixture
async def reached(tmp_path: Path) -> AsyncIterator[Reached]:
    running = rehearsal_board.running(folder=tmp_path / "board", python=Path(sys.executable))
    async with running as endpoint, line(endpoint.port) as way:
        key = str(endpoint.client_key)
        board = Board("lab", "127.0.0.1", way.port, endpoint.user, sudo=False, key=key)
        async with connect(board, trust=True):
            pass
        yield Reached(endpoint.home, board, way)


@pytest.fixture(autouse=True)
def any_board_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy_module, "check_kind", lambda link, what: None)


def bigger(run_folder: Path, megabytes: int) -> Path:
    """The run's bitstream, grown; returns it."""
    path = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
    noise = np.random.default_rng(0).integers(0, 256, megabytes << 20, np.uint8)
    path.write_bytes(path.read_bytes() + noise.tobytes())
    return path


async def test_everything_arrives(reached: Reached, run_folder: Path) -> None:
    seen: list[Progress] = []
    async with connect(reached.board) as link:
        done = await deploy(link, run_folder, seen.append)
    there = reached.files()
    for name in ("bitfile/finn-accel.bit", "bitfile/finn-accel.hwh", "driver/settings.json"):
        source = (run_folder / "build" / "deploy" / name).read_bytes()
        assert there[f"{RUN.removeprefix('finn-tui/')}/{name}"] == source
    assert done.files == len(done.sent) == len(there) == 6
    assert done.bytes_sent == sum(len(data) for data in there.values())
    assert not any("datasets" in name for name in there), "validate sends its images itself"
    fractions = [p.fraction for p in seen if "total_bytes" in p.data]
    assert fractions and fractions[-1] == 1.0


async def test_only_changed_files_travel_and_gone_ones_go(
    reached: Reached, run_folder: Path
) -> None:
    bigger(run_folder, 3)
    hwh = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.hwh"
    extra = run_folder / "build" / "deploy" / "driver" / "runtime_weights" / "0_0_MVAU.dat"
    extra.parent.mkdir()
    extra.write_text("ff\n")
    async with connect(reached.board) as link:
        await deploy(link, run_folder)
        before = reached.way.upwards
        again = await deploy(link, run_folder)
        assert again.sent == () and again.bytes_sent == 0
        assert again.seconds < 1.0
        assert reached.way.upwards - before < 20_000
        # The same size: only the content tells.
        hwh.write_text(hwh.read_text().replace("100.0", "200.0"))
        extra.unlink()
        third = await deploy(link, run_folder)
    run = RUN.removeprefix("finn-tui/")
    assert third.sent == (f"{run}/bitfile/finn-accel.hwh",)
    assert third.bytes_sent == hwh.stat().st_size
    assert b"200.0" in reached.files()[f"{run}/bitfile/finn-accel.hwh"]
    assert not any("runtime_weights" in name for name in reached.files())


async def test_files_that_were_lost_on_the_board_travel_again(
    reached: Reached, run_folder: Path
) -> None:
    async with connect(reached.board) as link:
        await deploy(link, run_folder)
        (reached.home / RUN / "driver" / "settings.json").unlink()
        (reached.home / RUN / "bitfile" / "finn-accel.bit").write_bytes(b"cut")
        (reached.home / RUN / MANIFEST).write_text("not JSON")
        again = await deploy(link, run_folder)
        assert (reached.home / RUN / "driver" / "settings.json").exists()
        assert len(again.sent) == 2, "what is there, by its content, is not sent"
        (reached.home / RUN / "bitfile" / "finn-accel.bit").write_bytes(b"cut")
        assert len((await deploy(link, run_folder)).sent) == 1


async def test_a_broken_upload_leaves_no_half_file_and_is_resumed(
    reached: Reached, run_folder: Path
) -> None:
    path = bigger(run_folder, 8)
    final = reached.home / RUN / "bitfile" / "finn-accel.bit"
    reached.way.limit = reached.way.upwards + (5 << 20)
    with pytest.raises(FinnTuiError, match=r"line to lab|connection to lab") as caught:
        async with connect(reached.board) as link:
            await deploy(link, run_folder)
    assert "not sent twice" in caught.value.fix or caught.value.kind == "board"
    assert not final.exists()
    parts = list(final.parent.glob(".*.part"))
    assert len(parts) == 1 and 0 < parts[0].stat().st_size < path.stat().st_size
    reached.way.limit = None
    before = reached.way.upwards
    async with connect(reached.board) as link:
        done = await deploy(link, run_folder)
    assert final.read_bytes() == path.read_bytes()
    assert done.bytes_resumed > 3 << 20
    assert reached.way.upwards - before < 6 << 20
    assert not list(final.parent.glob(".*.part"))


async def test_the_old_version_stays_until_the_new_one_is_whole(
    reached: Reached, run_folder: Path
) -> None:
    async with connect(reached.board) as link:
        await deploy(link, run_folder)
    final = reached.home / RUN / "bitfile" / "finn-accel.bit"
    old = final.read_bytes()
    path = bigger(run_folder, 4)
    reached.way.limit = reached.way.upwards + (2 << 20)
    with pytest.raises(FinnTuiError):
        async with connect(reached.board) as link:
            await deploy(link, run_folder)
    assert final.read_bytes() == old
    reached.way.limit = None
    async with connect(reached.board) as link:
        await deploy(link, run_folder)
    assert final.read_bytes() == path.read_bytes()


async def test_a_part_with_a_hole_is_found_out(reached: Reached, run_folder: Path) -> None:
    """Requests of the last chunk may arrive in any order; a part before it must be right."""
    path = bigger(run_folder, 4)
    reached.way.limit = reached.way.upwards + (2 << 20)
    with pytest.raises(FinnTuiError):
        async with connect(reached.board) as link:
            await deploy(link, run_folder)
    reached.way.limit = None
    final = reached.home / RUN / "bitfile" / "finn-accel.bit"
    part = next(final.parent.glob(".*.part"))
    damaged = bytearray(part.read_bytes())
    damaged[1000:1010] = bytes(10)
    part.write_bytes(damaged)
    async with connect(reached.board) as link:
        with pytest.raises(FinnTuiError, match="did not arrive as sent"):
            await deploy(link, run_folder)
        assert not final.exists() and not part.exists()
        await deploy(link, run_folder)
    assert final.read_bytes() == path.read_bytes()


async def test_cancelling_leaves_what_can_be_resumed(reached: Reached, run_folder: Path) -> None:
    path = bigger(run_folder, 16)
    started = asyncio.Event()

    def listen(progress: Progress) -> None:
        if progress.data.get("bytes", 0) > 1 << 20:
            started.set()

    async with connect(reached.board) as link:
        task = asyncio.create_task(deploy(link, run_folder, listen))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        final = reached.home / RUN / "bitfile" / "finn-accel.bit"
        assert not final.exists()
        done = await deploy(link, run_folder)
    assert done.bytes_resumed > 0
    assert final.read_bytes() == path.read_bytes()


async def test_two_deploys_at_once(reached: Reached, run_folder: Path) -> None:
    bigger(run_folder, 2)
    async with connect(reached.board) as one, connect(reached.board) as two:
        await asyncio.gather(deploy(one, run_folder), deploy(two, run_folder))
        assert (await deploy(one, run_folder)).sent == ()
    source = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
    assert (reached.home / RUN / "bitfile" / "finn-accel.bit").read_bytes() == source.read_bytes()


async def test_a_folder_that_cannot_be_written(reached: Reached, run_folder: Path) -> None:
    (reached.home / "file").write_text("in the way")
    board = replace(reached.board, folder="file")
    async with connect(board) as link:
        with pytest.raises(FinnTuiError, match="folder file cannot be made") as caught:
            await deploy(link, run_folder)
    assert "`folder` in boards.toml" in caught.value.fix


async def test_runs_without_a_package(reached: Reached, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    async with connect(reached.board) as link:
        with pytest.raises(FinnTuiError, match="no deployment package"):
            await deploy(link, tmp_path / "empty")


def test_the_agent_is_the_same_file_everywhere() -> None:
    first = agent_bytes()
    agent_bytes.cache_clear()
    assert agent_bytes() == first


@pytest.mark.parametrize("simulated_board", [True, False])
async def test_rehearsals_and_real_boards_are_kept_apart(
    run_folder: Path, simulated_board: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    if simulated_board:
        bitfile = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
        bitfile.write_bytes(b"\x00\x09\x0f\xf0" * 100)
    board = Board("simulated" if simulated_board else "lab", "127.0.0.1")
    link = BoardConnection.__new__(BoardConnection)
    link.board = board
    with pytest.raises(FinnTuiError, match=r"real bitstream|SIMULATED"):
        await deploy(link, run_folder)
