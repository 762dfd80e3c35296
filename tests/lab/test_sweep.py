"""A series of foldings: what is there is taken, what fails stops nothing, and it can go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.core.folding import finn_json
from finn_tui.engine import catalogue as engines
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.server.runs import runprocesses
from finn_tui.hosts import catalogue as hosts
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.container import Container
from finn_tui.lab.foldings.opened import Opened
from finn_tui.lab.sweep import sweep
from finn_tui.lab.sweep.sweep import SweepItem, SweepOptions, SweepStatus
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import RunFolder
from tests import data
from tests.ui.conftest import MEASURED, make_run

IMAGE = Container(image="xilinx/finn:v0.10")


class QuickLab(Workbench):
    """A lab whose builds have ended when they begin, and whose board measures at once."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.built: list[str] = []
        self.measured: list[str] = []
        self.refuse = ""
        self.ends_as: dict[str, str] = {}

    async def build(
        self,
        opened: Opened,
        *,
        rehearse: bool | None = None,
        seconds: float | None = None,
        fail: Mapping[str, str] | None = None,
        log_mb: float = 0.0,
        force: bool = False,
        on: str | None = None,
        on_progress: OnProgress = ignore,
    ) -> RunFolder:
        name = opened.editor.baseline_name
        if name == self.refuse:
            raise FinnTuiError("refused", "It does not fit.", "Fold it.")
        self.built.append(name)
        await asyncio.sleep(0.05)
        return self.leave_run(opened, self.ends_as.get(name, "succeeded"))

    def leave_run(self, opened: Opened, state: str, *, measured: bool = False) -> RunFolder:
        editor = opened.editor
        number = (
            len(list(self.workspace.runs_dir.glob("*"))) if self.workspace.runs_dir.is_dir() else 0
        )
        run = make_run(
            self.workspace,
            f"20260102T0304{number:02}Z-tfc-w1a1-00f{number}",
            state,
            measured=measured,
        )
        path = run.path / "run.json"
        document = json.loads(path.read_text()) | {
            "folding": finn_json.to_json(editor.design, editor.folding),
            "folding_name": editor.baseline_name,
        }
        path.write_text(json.dumps(document))
        return RunFolder(run.path)

    @asynccontextmanager
    async def board(self, *arguments: Any, **options: Any) -> AsyncIterator[Any]:
        yield None


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QuickLab:
    monkeypatch.delenv("FINN_TUI_ENGINE_PYTHON", raising=False)
    data.home(tmp_path / "home")
    data.workspace(tmp_path / "workspace", "tfc-w1a1")
    (tmp_path / "workspace" / "finn-tui.toml").write_text("rehearse = true\n")
    lab = QuickLab(Workspace.open(tmp_path / "workspace"))

    async def go(link: Any, run: Path, *arguments: Any, **options: Any) -> Any:
        lab.measured.append(run.name)
        RunFolder(run).update_results(**MEASURED)
        return SimpleNamespace(failures=())

    monkeypatch.setattr("finn_tui.board.jobs.go", go)
    monkeypatch.setattr("finn_tui.lab.boards.driver_consent.check_driver", lambda path: None)
    return lab


BOARD = SweepOptions(board="simulated")


async def series(lab: QuickLab, options: SweepOptions = BOARD) -> list[SweepItem]:
    opened = await lab.open("tfc-w1a1")
    items = sweep.named(lab, opened, ["published", "exp1", "published", "ones"])
    return await sweep.sweep(lab, items, options)


async def test_each_folding_is_built_and_measured_once(lab: QuickLab) -> None:
    done = await series(lab)
    assert [item.name for item in done] == lab.built == ["published", "exp1", "ones"]
    assert all(item.status is SweepStatus.DONE and not item.reused for item in done)
    assert len(lab.measured) == 3
    # The foldings that were built differ.
    assert len({json.dumps(run.request.folding) for run in lab.runs()}) == 3


async def test_what_is_on_disk_is_not_done_again(lab: QuickLab) -> None:
    await series(lab)
    lab.built, lab.measured = [], []
    done = await series(lab)
    assert not lab.built and not lab.measured
    assert all(item.reused and item.status is SweepStatus.DONE for item in done)


async def test_a_series_that_was_broken_off_goes_on(lab: QuickLab) -> None:
    opened = await lab.open("tfc-w1a1")
    items = sweep.named(lab, opened, ["published", "exp1", "ones"])
    lab.leave_run(items[0].opened, "succeeded", measured=True)
    lab.leave_run(items[1].opened, "succeeded")
    done = await series(lab)
    assert lab.built == ["ones"]
    assert [item.reused for item in done] == [True, True, False]
    assert len(lab.measured) == 2


async def test_figures_of_another_board_do_not_count(lab: QuickLab) -> None:
    await series(lab)
    lab.measured = []
    await series(lab, SweepOptions(board="lab"))
    assert len(lab.measured) == 3


async def test_one_that_fails_stops_no_other(lab: QuickLab) -> None:
    lab.refuse, lab.ends_as = "published", {"exp1": "failed"}
    done = await series(lab)
    assert [item.status for item in done] == ["failed", "failed", "done"]
    assert done[0].error is not None and done[0].error.what == "refused"
    assert done[1].error is not None and "failed" in done[1].error.what


async def test_a_folding_with_two_names_is_built_and_measured_once(lab: QuickLab) -> None:
    opened = await lab.open("tfc-w1a1")
    published, _ = lab.read_folding(opened, "published")
    copy = finn_json.to_json(opened.design, published)
    lab.workspace.save_folding("copy", copy, (opened.model.title, opened.model.content))
    items = sweep.named(lab, opened, ["published", "ones", "copy"])
    done = await sweep.sweep(lab, items, BOARD)
    assert lab.built == ["published", "ones"] and len(lab.measured) == 2
    assert all(item.status is SweepStatus.DONE for item in done)
    assert done[2].run == done[0].run and done[2].reused


async def test_two_series_at_once_build_each_folding_once(lab: QuickLab) -> None:
    opened = await lab.open("tfc-w1a1")
    items = sweep.named(lab, opened, ["published", "exp1", "ones"])
    both = await asyncio.gather(sweep.sweep(lab, items, BOARD), sweep.sweep(lab, items, BOARD))
    assert sorted(lab.built) == ["exp1", "ones", "published"]
    assert all(item.status is SweepStatus.DONE for done in both for item in done)


@pytest.mark.parametrize("state", ["running", "queued"])
async def test_builds_that_died_with_their_machine_are_built_again(
    lab: QuickLab, state: str
) -> None:
    opened = await lab.open("tfc-w1a1")
    items = sweep.named(lab, opened, ["ones"])
    dead = lab.leave_run(items[0].opened, state)
    document = json.loads((dead.path / "state.json").read_text())
    process = {**runprocesses.own_identity(), "boot": "another", "heartbeat": 1.0}
    (dead.path / "state.json").write_text(json.dumps({**document, **process}))
    (item,) = await sweep.sweep(lab, items, BOARD)
    assert lab.built == ["ones"] and item.status is SweepStatus.DONE and not item.reused
    assert dead.state().state == "lost"


async def test_what_another_finn_has_built_is_not_taken(lab: QuickLab) -> None:
    await series(lab)
    lab.built = []
    for run in lab.runs():
        document = json.loads((run.path / "run.json").read_text())
        document["engine"] = {"version": "1.4.0"}
        (run.path / "run.json").write_text(json.dumps(document))
    await series(lab)
    assert lab.built == ["published", "exp1", "ones"]


async def test_all_mistakes_of_a_series_are_named_before_it_begins(lab: QuickLab) -> None:
    opened = await lab.open("tfc-w1a1")
    layer = opened.design.layers[1].name
    lab.workspace.save_folding("odd", {"Defaults": {}, layer: {"PE": 5}}, ("", ""))
    with pytest.raises(FinnTuiError, match="2 of 4 foldings cannot be used") as caught:
        sweep.named(lab, opened, ["ones", "odd", "nosuch", "exp1"])
    assert "odd: " in caught.value.why and "nosuch: " in caught.value.why
    with pytest.raises(FinnTuiError, match="no folding called nosuch"):
        sweep.named(lab, opened, ["ones", "nosuch"])


async def test_a_run_that_another_series_begins_during_the_look_is_taken(
    lab: QuickLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await lab.open("tfc-w1a1")
    items = sweep.named(lab, opened, ["ones"])
    first_look = sweep.look

    def look(*arguments: Any) -> list[SweepItem]:
        looked = first_look(*arguments)
        lab.leave_run(items[0].opened, "succeeded")
        return looked

    monkeypatch.setattr(sweep, "look", look)
    (done,) = await sweep.sweep(lab, items, BOARD)
    assert done.status is SweepStatus.DONE and done.reused and not lab.built


class FarLab(QuickLab):
    """A lab whose engine is in a container."""

    async def spec(self, on_progress: OnProgress = ignore) -> EngineSpec:
        return EngineSpec("boxed", ("python3",), container=IMAGE)


async def far(lab: QuickLab, on_progress: OnProgress = ignore) -> tuple[FarLab, list[SweepItem]]:
    """Do a series of which one folding is built, where the engine is in a container."""
    opened = await lab.open("tfc-w1a1")
    items = sweep.named(lab, opened, ["published", "ones"])
    lab.leave_run(items[0].opened, "succeeded")
    engines.add(EngineSpec("boxed", ("python3",), container=IMAGE))
    there = FarLab(lab.workspace)
    return there, await sweep.sweep(there, items, BOARD, on_progress=on_progress)


async def test_a_series_without_a_host_goes_where_the_engine_is(
    lab: QuickLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send_all(
        lab: FarLab, items: list[SweepItem], waiting: list[int], options: SweepOptions, *others: Any
    ) -> None:
        for index in waiting:
            sent.append((items[index].name, options.on))
            run = lab.leave_run(items[index].opened, "succeeded")
            others[0](index, status=SweepStatus.BUILDING, run=run)

    sent: list[tuple[str, str | None]] = []
    said: list[str] = []
    monkeypatch.setattr(sweep, "send_all", send_all)
    hosts.add(Host(name="box", engine=("python3",), container=IMAGE))
    there, done = await far(lab, lambda progress: said.append(progress.message))
    assert sent == [("ones", "box")] and not there.built
    assert "on box, where the engine is" in said
    assert all(item.status is SweepStatus.DONE for item in done)


async def test_a_series_that_no_host_builds_is_refused_and_what_is_built_is_measured(
    lab: QuickLab,
) -> None:
    there, (built, refused) = await far(lab)
    assert built.status is SweepStatus.DONE and not there.built
    assert refused.error is not None
    assert "no host builds with the engine boxed" in refused.error.what


async def test_a_missed_clock_is_not_measured_unasked(lab: QuickLab) -> None:
    opened = await lab.open("tfc-w1a1")
    items = sweep.named(lab, opened, ["published"])
    run = lab.leave_run(items[0].opened, "succeeded")
    run.update_results(timing={"wns": -0.5, "met": False})
    (item,) = await sweep.sweep(lab, items, BOARD)
    assert item.error is not None and "clock missed by 0.500 ns" in item.error.what
    (item,) = await sweep.sweep(lab, items, SweepOptions("simulated", allow_missed_clock=True))
    assert item.status is SweepStatus.DONE


async def test_points_of_the_front_are_saved_and_found_again(lab: QuickLab) -> None:
    opened = await lab.open("tfc-w1a1")
    first = await sweep.pareto(lab, opened, 2)
    again = await sweep.pareto(lab, opened, 2)
    await lab.close()
    names = [item.name for item in first]
    assert (
        names == [item.name for item in again] == sorted(lab.workspace.foldings(), key=names.index)
    )
    cycles = [item.opened.editor.estimate.ii_cycles for item in first]
    assert cycles == sorted(cycles) and len(set(cycles)) == 2
    assert names == [f"tfc-w1a1-ii{each}" for each in cycles]


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [1]), (2, [1, 32]), (3, [1, 4, 32]), (9, [1, 4, 32, 256, 1024])]
)
def test_points_lie_in_equal_ratios(count: int, expected: list[int]) -> None:
    assert sweep.spread([1, 4, 32, 256, 1024], count) == expected
