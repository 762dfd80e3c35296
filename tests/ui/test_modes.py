"""Flow, Runs, Board and Results on recorded data."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.half_blocks import half_blocks
from finn_tui.base.progress import OnProgress, Progress
from finn_tui.lab.workbench import Workbench
from finn_tui.runs.folder import RunFolder
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.board import progress as board
from finn_tui.ui.controllers.board_work import Credentials
from finn_tui.ui.flow import view as flow
from finn_tui.ui.logs.pane import LogPane
from finn_tui.ui.results.screen import ResultsScreen
from finn_tui.ui.state import BoardState
from finn_tui.ui.toolkit.listing import Listing
from finn_tui.ui.toolkit.page import Page
from tests import data
from tests.ui.conftest import (
    MEASURED,
    MakeApp,
    RecordedLab,
    make_run,
    opened,
    screen_text,
    until,
    until_mode,
)

WIDE = (140, 40)


# Flow


async def test_flow_shows_stages_changes_and_nodes(make_app: MakeApp, lab: RecordedLab) -> None:
    async with make_app().run_test(size=(160, 50)) as pilot:
        app = await opened(pilot)
        await pilot.press("1")
        await until(pilot, lambda: bool(app.state.flow.graphs))
        text = screen_text(app)
        model = app.state.tune.opened.model  # type: ignore[union-attr]
        for stage in model.stages:
            assert f"{stage.index:>2} {stage.name}" in text
        assert "weights RANDOM" in text
        assert "ConvolutionInputGenerator_" in text and "MVAU_hls" in text
        names = [stage.name for stage in model.stages]
        app.screen.query_one("#stages", Listing).go_to(names.index("streamline"))
        await until(pilot, lambda: "streamline changed" in screen_text(app))
        await until(pilot, lambda: "Im2Col_0" in screen_text(app))
        text = screen_text(app)
        assert "+8 XnorPopcountMatMul" in text
        assert "-6 Conv" in text
        # A stage that was read is not asked for again, nor is the one before it.
        await until(pilot, lambda: "+ Im2Col_0" in text_of_changes(app))
        asked = lab.graphs
        await pilot.press("down", "up")
        await until(pilot, lambda: lab.graphs >= asked + 1 and not app.state.flow.reading)
        assert lab.graphs == asked + 1


def text_of_changes(app: FinnTuiApp) -> str:
    """What the Changes pane says, in view."""
    return app.screen.query_one("#changes", Page).shown


async def test_flow_shows_the_attributes_of_a_node(make_app: MakeApp) -> None:
    async with make_app().run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("1")
        await until(pilot, lambda: bool(app.state.flow.graphs))
        await pilot.press("enter", "slash", *"mvau_hls_6", "enter")
        await until(pilot, lambda: "1x512" in screen_text(app))
        await pilot.press("enter", "slash", *"mh")
        await until(pilot, lambda: "MH " in screen_text(app))
        assert "512" in screen_text(app)


def test_differences_of_op_types() -> None:
    from finn_tui.lab.models.models import Stage

    before = Stage(0, "a", Path(), 3, {"Conv": 2, "Mul": 1}, None)
    after = Stage(1, "b", Path(), 4, {"Conv": 1, "Im2Col": 3}, {"images": 5, "same": 4})
    assert flow.op_differences(before, after) == [("Im2Col", 3), ("Conv", -1), ("Mul", -1)]
    assert flow.check_cell(after) == ("✗ 4/5", "bad")


async def test_a_graph_that_cannot_be_read_is_told(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise FinnTuiError("the engine does not start", "no python", "install it", kind="engine")

    monkeypatch.setattr(lab, "graph", broken)
    async with make_app().run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("1")
        await until(pilot, lambda: "the engine does not start: no python" in screen_text(app))


# Runs


async def test_b_builds_from_anywhere_and_shows_the_run(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("plus", "5")
        await until(pilot, lambda: app.current_mode == "results")
        await pilot.press("b", "enter")
        await until(pilot, lambda: app.current_mode == "runs" and bool(app.state.runs))
        folding, rehearse = lab.builds[0]
        assert rehearse is None, "the workspace's setting decides"
        assert folding["MVAU_hls_0"]["PE"] == 32
        await until(pilot, lambda: "step 2 of 4" in screen_text(app))
        text = screen_text(app)
        assert "3 RUNS*" in text
        assert "SIMULATED" in text
        assert "▸ hw_codegen" in text
        assert "✓ target_fps_parallelization" in text
        assert "03:04:05 Running step: step_hw_codegen [2/4]" in text


async def test_missing_tools_are_named_and_a_rehearsal_is_offered(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    lab.build_error = FinnTuiError(
        "vivado is not there", "It is not on PATH.", "Install it.", kind="tools"
    )
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("b", "enter")
        await until(pilot, lambda: "! vivado is not there" in screen_text(app))
        assert "r rehearse with stand-ins (SIMULATED)" in screen_text(app)
        await pilot.press("r")
        await until(pilot, lambda: app.current_mode == "runs" and bool(app.state.runs))
        assert [rehearse for _, rehearse in lab.builds] == [None, True]


async def test_runs_of_before_are_shown_with_their_error(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    why = FinnTuiError(
        "the design does not fit",
        "613 of 280 BRAM18",
        "Fold less.",
        kind="finn",
        detail="ERROR: [Place 30-640]\nmore",
    )
    make_run(lab.workspace, "20260101T000000Z-tfc-w1a1-aaaa", "failed", error=why)
    make_run(lab.workspace, "20260102T000000Z-tfc-w1a1-bbbb")
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("3", "down")
        await until(pilot, lambda: "the design does not fit" in screen_text(app))
        await pilot.press("e")
        await until(pilot, lambda: "613 of 280 BRAM18" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "ERROR: [Place 30-640]" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "hide details" not in screen_text(app))
        assert "613 of 280 BRAM18" in screen_text(app), "it stands beside the steps, too"


async def test_cancel_asks_first(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finn_tui.runs.launch import processes

    asked: list[RunFolder] = []

    async def cancel(run: RunFolder) -> None:
        asked.append(run)

    monkeypatch.setattr(processes, "cancel", cancel)
    run = make_run(lab.workspace, state="running")
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("3", "x")
        await until(pilot, lambda: f"Cancel {run.id}?" in screen_text(app))
        await pilot.press("escape")
        assert not asked
        await pilot.press("x", "y")
        await until(pilot, lambda: asked == [run])


async def test_a_run_that_ends_is_announced(make_app: MakeApp, lab: RecordedLab) -> None:
    make_run(lab.workspace, state="running")
    async with make_app("tfc-w1a1").run_test(size=WIDE, notifications=True) as pilot:
        app = await opened(pilot)
        make_run(lab.workspace, state="succeeded")
        app.builds.watch_runs()
        app.builds.watch_runs()
        await until(pilot, lambda: app.state.runs[0].state.state == "succeeded")


async def test_the_log_follows_until_one_scrolls_away(make_app: MakeApp, lab: RecordedLab) -> None:
    run = make_run(lab.workspace, log="".join(f"line {n}\n" for n in range(300)))
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("3")
        await until(pilot, lambda: "line 299" in screen_text(app))
        await pilot.press("tab", "tab", "g")
        await until(pilot, lambda: "line 1 of 300" in screen_text(app))
        assert "line 299" not in screen_text(app)
        with run.log.open("a") as log:
            log.write("one more\n")
        await until(pilot, lambda: "line 1 of 301" in screen_text(app))
        assert "one more" not in screen_text(app)
        await pilot.press("F")
        await until(pilot, lambda: "one more" in screen_text(app))
        await pilot.press("up")
        assert not app.screen.query_one(LogPane).view.following
        await pilot.press("end")
        assert app.screen.query_one(LogPane).view.following


# Results


async def test_results_mark_what_is_simulated(make_app: MakeApp, lab: RecordedLab) -> None:
    make_run(lab.workspace, measured=True)
    async with make_app("tfc-w1a1").run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press("5")
        await until(pilot, lambda: "1,550,861" in screen_text(app))
        row = next(
            line
            for line in screen_text(app).splitlines()
            if line.startswith(">") and "00ff" in line
        )
        for figure in ("64", "1,562,500", "17,561", "1,550,861", "93.25%", "SIMULATED"):
            assert figure in row
        text = screen_text(app)
        assert "SIMULATED  +2.684 ns, timing met" in text
        assert "SIMULATED  93.25 % of 400 images" in text
        assert "published" in text, "what others measured stands beside it"
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "runs")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("state.json", {"error": "text"}),
        ("state.json", {"started": "yesterday"}),
        ("run.json", {"clock_ns": "fast"}),
        ("results.json", {"timing": 5}),
    ],
)
async def test_a_malformed_run_folder_leaves_the_others(
    make_app: MakeApp, lab: RecordedLab, name: str, change: dict[str, Any]
) -> None:
    damaged = make_run(lab.workspace, "20260103T030405Z-tfc-w1a1-0bad")
    path = damaged.path / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    run = make_run(lab.workspace)
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        for key in ("3", "4", "5"):
            await pilot.press(key)
            await pilot.pause()
        await until(pilot, lambda: app.state.run(run.id) and bool(app.state.results))
        assert run.id in {row.run for row in app.state.results}
        assert isinstance(app.screen, ResultsScreen), "no notice of a defect"


async def test_a_broken_run_folder_is_named(make_app: MakeApp, lab: RecordedLab) -> None:
    run = make_run(lab.workspace)
    (run.path / "state.json").write_text("{")
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("5")
        await until(pilot, lambda: "state.json cannot be read" in screen_text(app))


# Board


async def test_d_goes_with_progress_and_shows_what_was_measured(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    run = make_run(lab.workspace)
    half_way, go_on = asyncio.Event(), asyncio.Event()

    async def job(
        lab: Workbench,
        name: str,
        path: Path,
        machine: str,
        credentials: Credentials,
        tell: OnProgress,
    ) -> tuple[FinnTuiError, ...]:
        assert (name, path, machine) == ("go", run.path, "simulated")
        tell(Progress("deploy", "sending finn-accel.bit", 0.5, {"bytes": 10}))
        tell(Progress("execute", "SIMULATED: image 0: class 8, expected 8", 1.0))
        tell(Progress("throughput", "SIMULATED: 1,550,861 images/s", 1.0))
        tell(Progress("validate", "[Place/x] batch 1 : total OK 93 NOK 7", None, {"log": True}))
        tell(
            Progress(
                "validate", "100 of 400 images", 0.25, {"accuracy": 93.0, "done": 100, "total": 400}
            )
        )
        half_way.set()
        await go_on.wait()
        run.update_results(**MEASURED)
        return ()

    app = make_app("tfc-w1a1", job)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        await pilot.press("d", "enter")
        await half_way.wait()
        await until(pilot, lambda: "93.00 % so far" in screen_text(app))
        text = screen_text(app)
        # The time that is left stands between them.
        assert re.search(r"93\.00 % so far, \S+ s left, 100 of 400", text)
        assert "4 BOARD*" in text
        assert "✓ deploy" in text and "▸ validate" in text
        # The log is drawn once a frame, perhaps after the figures.
        await until(pilot, lambda: "[Place/x] batch 1 : total OK 93 NOK 7" in screen_text(app))
        go_on.set()
        await until(pilot, lambda: "93.25 % of 400 images SIMULATED" in screen_text(app))
        text = screen_text(app)
        assert "image 0: class 8, expected 8 ✓ SIMULATED" in text
        assert "99.3% of the estimate, 1,562,500" in text
        assert "batch 10,000 at 100 MHz" in text
        assert "400 of 400 same as software" in text
        assert "▀▀▀▀▀▀▀▀▀▀▀▀▀▀" in text


async def test_each_job_can_be_done_alone_and_stopped(make_app: MakeApp, lab: RecordedLab) -> None:
    make_run(lab.workspace)
    begun: list[str] = []

    async def job(
        lab: Workbench,
        name: str,
        path: Path,
        machine: str,
        credentials: Credentials,
        tell: OnProgress,
    ) -> tuple[FinnTuiError, ...]:
        begun.append(name)
        tell(Progress(name, "at it", 0.1))
        await asyncio.Event().wait()
        return ()

    app = make_app("tfc-w1a1", job)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot)
        await pilot.press("4")
        await until(pilot, lambda: app.current_mode == "board")
        for key, name in zip("DITV", ("deploy", "execute", "throughput", "validate"), strict=True):
            await pilot.press(key)
            await until(pilot, lambda: "at it" in screen_text(app))
            assert begun[-1] == name
            await pilot.press("x")
            await until(pilot, lambda: not app.state.board.busy)
            assert f"■ {name}" in screen_text(app)


async def test_a_board_that_refuses_says_what_to_do(make_app: MakeApp, lab: RecordedLab) -> None:
    make_run(lab.workspace)

    async def job(*_: Any) -> tuple[FinnTuiError, ...]:
        raise FinnTuiError(
            "lab does not answer", "No answer within 10 s.", "Check the cable.", kind="board"
        )

    app = make_app("tfc-w1a1", job)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        await pilot.press("d", "enter")
        await until(pilot, lambda: "! lab does not answer" in screen_text(app))
        assert "Check the cable." in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: "ERROR: lab does not answer" in screen_text(app))


async def test_an_unknown_host_key_is_trusted_only_when_asked(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    from finn_tui.board.catalogue import Board
    from finn_tui.hosts.ssh.errors import HostKeyUnknown

    make_run(lab.workspace)
    trusted: list[object] = []

    async def job(
        lab: Workbench,
        name: str,
        path: Path,
        machine: str,
        credentials: Credentials,
        tell: OnProgress,
    ) -> tuple[FinnTuiError, ...]:
        trusted.append(credentials.trust)
        if not credentials.trust:
            raise HostKeyUnknown(Board("lab", "10.0.0.2").machine, "SHA256:abc")
        return ()

    app = make_app("tfc-w1a1", job)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        await pilot.press("d", "enter")
        await until(pilot, lambda: "SHA256:abc" in screen_text(app))
        await pilot.press("t")
        await until(pilot, lambda: trusted == [False, "SHA256:abc"])


async def test_a_password_is_asked_for_and_not_shown(make_app: MakeApp, lab: RecordedLab) -> None:
    from finn_tui.board.catalogue import Board
    from finn_tui.hosts.transport import LoginRefused

    make_run(lab.workspace)
    passwords: list[object] = []

    async def job(
        lab: Workbench,
        name: str,
        path: Path,
        machine: str,
        credentials: Credentials,
        tell: OnProgress,
    ) -> tuple[FinnTuiError, ...]:
        passwords.append(credentials.password)
        if not credentials.password:
            raise LoginRefused(Board("lab", "10.0.0.2").machine, "denied")
        return ()

    app = make_app("tfc-w1a1", job)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        await pilot.press("d", "enter")
        await until(pilot, lambda: "p enter a password" in screen_text(app))
        await pilot.press("p", *"xilinx")
        await until(pilot, lambda: "••••••" in screen_text(app))
        assert "xilinx▏" not in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: passwords == [None, "xilinx"])


async def test_the_machine_is_chosen_and_kept(make_app: MakeApp, lab: RecordedLab) -> None:
    from finn_tui.board import catalogue

    catalogue.add(catalogue.Board("lab", "10.0.0.2"))
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("4", "t")
        await until(pilot, lambda: "10.0.0.2" in screen_text(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.state.board.machine == "lab")
        assert lab.workspace.settings.to == "lab"


def test_images_become_half_blocks() -> None:
    grey = data.prepared("tfc-w1a1")["images"][0]
    rows = half_blocks(np.array(grey, dtype="uint8"), 40, 20)
    assert len(rows) == 14 and all(len(row) == 28 for row in rows)
    small = half_blocks(np.array(grey, dtype="uint8"), 20, 20)
    assert len(small) == 7 and len(small[0]) == 14
    assert half_blocks(np.zeros((5,), dtype="uint8"), 40, 20) == []


def test_a_late_word_of_stopped_work_changes_nothing() -> None:
    state = BoardState()
    board.apply_progress(state, Progress("validate", "100 of 400", 0.25))
    assert not state.jobs and not state.log.lines


async def test_modes_by_number_from_every_screen(make_app: MakeApp) -> None:
    async with make_app("tfc-w1a1").run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        assert isinstance(app, FinnTuiApp)
        modes = ("flow", "runs", "board", "results", "tune", "flow", "runs")
        for key, mode in zip("1345213", modes, strict=True):
            await pilot.press(key)
            await until_mode(pilot, mode)
            assert mode[:3].upper() in screen_text(app).splitlines()[0]
