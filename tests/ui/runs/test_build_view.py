"""The live picture of a build: rows, curves and causes without a screen, then on it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finn_tui.runs.analysis.diagnosis import Diagnosis
from finn_tui.runs.documents import StepStatus
from finn_tui.runs.eta import Eta
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.live.jobs import Job, JobState, Stage
from finn_tui.runs.live.process_usage import ToolProcess
from finn_tui.runs.live.snapshot import RunSnapshot
from finn_tui.runs.readers.parsed_file import Timing
from finn_tui.runs.steps import Step
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.controllers.builds import BuildController
from finn_tui.ui.controllers.run_following import SnapshotTaken
from finn_tui.ui.logs.auto_follow import LAG_SECONDS, growing
from finn_tui.ui.logs.pane import LogPane
from finn_tui.ui.logs.screen import LogScreen
from finn_tui.ui.runs import build_tree, build_view, list_view
from finn_tui.ui.runs.state import RunsState
from finn_tui.ui.state import RunView
from finn_tui.ui.toolkit.listing import Listing
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until
from tests.ui.test_snapshots import SIZES, compare

AT = 10_000.0
CAUSE = Diagnosis(
    "over-utilization",
    "The design does not fit",
    "over-utilization of BRAM: 613 of 280 (RAMB18)",
    "It needs more of a resource than the part has; placing was refused.",
    "Fold the named layers further, give their memories another ram_style, or take a bigger part.",
    "/runs/x/finn_build_dir/impl_1/runme.log",
    2,
    "ERROR: [DRC UTLZ-1] Resource utilization: RAMB18 over-utilized in Top Level Design",
)


def picture(**changes: Any) -> RunSnapshot:
    """A build that routes."""
    steps = (
        Step("step_generate_hardware", StepStatus.FINISHED, 60.0),
        Step("step_synthesize_bitfile", StepStatus.RUNNING, 300.0),
        Step("step_make_driver", StepStatus.WAITING),
    )
    stages = (
        Stage("init_design", JobState.FINISHED, 20.0),
        Stage("place_design", JobState.FINISHED, 90.0),
        Stage("route_design", JobState.RUNNING, 30.0),
        Stage("write_bitstream", JobState.WAITING),
    )
    jobs = (
        Job("hls", "MVAU_hls_0", JobState.FINISHED, AT - 350, 50.0, log=Path("/w/a/vitis_hls.log")),
        Job("hls", "StreamingDataflowPartition_0_IODMA_hls_0", JobState.FINISHED, AT - 295, 20.0),
        *(
            Job(
                "synthesis",
                f"ip_{n}_synth_1",
                JobState.FINISHED if n else JobState.RUNNING,
                AT - 250,
                30.0,
            )
            for n in range(12)
        ),
        Job(
            "implementation",
            "impl_1",
            JobState.RUNNING,
            AT - 140,
            140.0,
            stages,
            ("route_design", "Rip-up And Reroute"),
            Path("/w/p/x.runs/impl_1/runme.log"),
            4.0,
        ),
    )
    wns = (0.128, 0.61, -0.2, 0.244)
    defaults: Mapping[str, Any] = {
        "at": AT,
        "steps": steps,
        "jobs": jobs,
        "timings": tuple(Timing("Intermediate", "route_design", value) for value in wns),
        "overlaps": (7037, 2547, 636, 12),
        "log": Path("/w/p/x.runs/impl_1/runme.log"),
        "silent": 4.0,
        "processes": (ToolProcess(1, "vivado", 1.94, 3_200_000_000, Path("/w/p/x.runs/impl_1")),),
    }
    return RunSnapshot(**{**defaults, **changes})


def texts(tree: build_tree.BuildTree) -> list[str]:
    return [" ".join(text for text, _ in row.cells) for row in tree.content.rows]


def test_jobs_stand_below_the_step_that_they_began_in() -> None:
    jobs = build_tree.jobs_by_step(picture())
    assert [job.name for job in jobs["step_generate_hardware"]] == ["MVAU_hls_0"]
    assert len(jobs["step_synthesize_bitfile"]) == 14
    # Of a run that has ended, steps are reckoned back from its end, whenever it is looked at.
    later = picture(at=AT + 9999)
    assert build_tree.jobs_by_step(later, AT) == jobs


def test_the_tree_unfolds_what_is_being_done_and_counts_what_is_many() -> None:
    rows = texts(build_tree.step_tree(picture(), set(), 2.0, None))
    assert rows == [
        "✓ generate_hardware +1 1m00",
        "▸ synthesize_bitfile 5m02",
        "✓   IODMA_hls_0 of part 0 20 s",
        "▸   synthesis 11 of 12 ",
        "▸     ip_0_synth_1 32 s",
        "▸   impl_1 2m22",
        "✓     init_design 20 s",
        "✓     place_design 1m30",
        "▸     route_design 32 s",
        "     Rip-up And Reroute ",
        "· make_driver ",
    ]
    tree = build_tree.step_tree(
        picture(), {"step_generate_hardware", "step_synthesize_bitfile"}, 0.0, None
    )
    assert texts(tree) == [
        "✓ generate_hardware 1m00",
        "✓   MVAU_hls_0 50 s",
        "▸ synthesize_bitfile +14 5m00",
        "· make_driver ",
    ]
    job = tree.content.rows[1].key
    assert tree.logs == {job: Path("/w/a/vitis_hls.log")}
    folded = build_tree.step_tree(picture(), set(), 0.0, None)
    names = dict(zip([row.key for row in folded.content.rows], texts(folded), strict=True))
    assert names[build_tree.newest_row(folded, picture())].startswith("     Rip-up")


def run_of(tmp_path: Path, state: str) -> RunView:
    from finn_tui.lab.workspace import Workspace

    folder = make_run(Workspace.open(tmp_path), state=state)
    return RunView(folder, folder.request, folder.state())


def lines(
    run: RunView, snapshot: RunSnapshot, width: int = 60, height: int = 12, **arguments: Any
) -> str:
    eta, cause = arguments.get("eta"), arguments.get("cause")
    return "\n".join(
        line.text for line in build_view.live_lines(run, snapshot, eta, cause, 1.0, width, height)
    )


def test_a_running_build_says_what_it_takes_and_how_it_converges(tmp_path: Path) -> None:
    run = run_of(tmp_path, "running")
    eta = Eta(600, 480, 900, 0.6, "3 builds of this network", 3, note="nobody can foretell it")
    text = lines(run, picture(), eta=eta)
    assert " about 10 min 00 s left (8m00 to 15m00)\n 3 builds of this network" in text
    assert "nobody can foretell it" in text
    assert " vivado 194% 3.2 GB in impl_1" in text
    assert " no output for 5.0 s  impl_1/runme.log" in text
    assert " WNS ▄█▁▅ 0.244 ns  lowest -0.200" in text
    assert " overlaps █▇▅▁ 12" in text
    assert "debugger prompt" in lines(run, picture(waiting=True))
    quiet = Job("implementation", "impl_1", JobState.RUNNING, AT, 5000.0, silent=4000.0)
    assert "! impl_1: no output for 1 h 06 min" in lines(run, picture(jobs=(quiet,)))


def test_a_failed_build_says_why_first(tmp_path: Path) -> None:
    text = lines(run_of(tmp_path, "failed"), picture(), cause=CAUSE)
    assert text.splitlines()[0] == " ✗ over-utilization of BRAM: 613 of 280 (RAMB18)"
    text = text.replace("\n", "")
    for part in ("line 2", "> ERROR: [DRC UTLZ-1]", "placing was refused", "take a bigger part"):
        assert part in text


@given(st.integers(20, 120), st.integers(3, 20), st.text(max_size=300), st.text(max_size=300))
def test_causes_fit_and_keep_what_happened(width: int, height: int, text: str, means: str) -> None:
    cause = Diagnosis("x", "x", f"it broke {text}", means, "do this", "/a/b.log", 7, "q" * 200)
    drawn = build_view.cause_lines(cause, Path("/a"), width, height)
    assert 0 < len(drawn) <= height
    assert drawn[0].text.startswith(" ✗ it")
    assert all(line.width <= width for line in drawn)


@given(st.lists(st.floats(-1e3, 1e3), max_size=90), st.integers(1, 40), st.booleans())
def test_curves_fit_and_end_at_their_ends(values: list[float], width: int, log: bool) -> None:
    text = build_view.spark(values, width, log=log)
    assert len(text) == min(len(values), width)
    shown = [max(0.0, value) if log else value for value in values]
    if len(values) <= width and values and max(shown) - min(shown) > 1:
        assert text[shown.index(max(shown))] == "█" and text[shown.index(min(shown))] == "▁"


def fail(run: RunFolder) -> Diagnosis:
    """A log with a cause in it, as of that run."""
    path = run.path / "finn_build_dir/vivado_zynq_proj_abcdefgh/x.runs/impl_1/runme.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    before = [f"Phase {n} Placing\n" for n in range(1, 200)]
    after = [f"INFO: [x 1-{n}] later\n" for n in range(100)]
    path.write_text("".join([*before, f"{CAUSE.quote}\n", *after]))
    return Diagnosis(**{**vars(CAUSE), "file": str(path), "line": 200})


async def not_followed(builds: BuildController, run: RunFolder) -> None:
    """Nobody looks at the run but the test."""


async def publish_snapshot(
    app: FinnTuiApp, run: RunFolder, snapshot: RunSnapshot, **details: Any
) -> None:
    app.builds.snapshot_taken(SnapshotTaken(run.id, snapshot, **details))


@pytest.mark.parametrize("size", SIZES)
async def test_looks_while_it_runs_and_when_it_failed(
    make_app: MakeApp, lab: RecordedLab, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finn_tui.ui.runs import list_view as runs

    monkeypatch.setattr(runs, "_age", lambda created: "3 h")
    monkeypatch.setattr(build_view, "seconds_since", lambda taken: 0.0)
    monkeypatch.setattr(RunView, "ended", None)
    run = make_run(lab.workspace, state="failed")
    cause = fail(run)
    monkeypatch.setattr(BuildController, "_follow_run", not_followed)
    async with make_app("tfc-w1a1").run_test(size=SIZES[size]) as pilot:
        app = await opened(pilot)
        await pilot.press("3")
        await until(pilot, lambda: app.state.feature(RunsState).log_of == run.id)
        await publish_snapshot(app, run, picture(), cause=cause)
        await until(pilot, lambda: "line 200" in screen_text(app))
        await compare(pilot, f"runs-cause-{size}", "#live")
        # e says all of it; l goes to the line in the log.
        await pilot.press("e")
        await until(pilot, lambda: "placing was refused" in screen_text(app))
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        await until(pilot, lambda: "line 200 of 300" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, LogScreen))


@pytest.mark.parametrize("size", SIZES)
async def test_looks_while_it_routes(
    make_app: MakeApp, lab: RecordedLab, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finn_tui.runs.folder import RunState
    from finn_tui.ui.runs import list_view as runs

    monkeypatch.setattr(runs, "_age", lambda created: "3 h")
    monkeypatch.setattr(build_view, "seconds_since", lambda taken: 0.0)
    monkeypatch.setattr(RunState, "seconds", 372.0)
    monkeypatch.setattr(BuildController, "_follow_run", not_followed)
    run = make_run(lab.workspace, state="running")
    async with make_app("tfc-w1a1").run_test(size=SIZES[size]) as pilot:
        app = await opened(pilot)
        await pilot.press("3")
        await until(pilot, lambda: app.state.feature(RunsState).log_of == run.id)
        eta = Eta(600, 480, 900, 0.6, "3 builds of this network", 3)
        await publish_snapshot(app, run, picture(), eta=eta)
        await until(pilot, lambda: "Rip-up And Reroute" in screen_text(app))
        await compare(pilot, f"runs-routing-{size}", "#steps")


async def test_steps_unfold_and_their_logs_are_shown(make_app: MakeApp, lab: RecordedLab) -> None:
    run = make_run(lab.workspace, state="failed")
    path = run.path / "finn_build_dir/code_gen_ipgen_MVAU_hls_0_abcdefgh/vitis_hls.log"
    path.parent.mkdir(parents=True)
    path.write_text("INFO: [HLS 200-10] a layer's own log\n")
    os.utime(path, (time.time(), time.time()))
    async with make_app("tfc-w1a1").run_test(size=(140, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press("3")
        await until(pilot, lambda: "✗ hw_codegen" in screen_text(app))
        await pilot.press("tab")
        steps = app.screen.query_one("#steps", Listing)
        assert steps.has_focus
        await until(pilot, lambda: "MVAU_hls_0" in screen_text(app) or "+1" in screen_text(app))
        if "MVAU_hls_0" not in screen_text(app):
            steps.go_to([row.key for row in steps.rows].index("step_hw_codegen"))
            await pilot.press("enter")
        await until(pilot, lambda: "MVAU_hls_0" in screen_text(app))
        names = [row.cells[1][0].strip() for row in steps.rows]
        steps.go_to(names.index("MVAU_hls_0"))
        await until(pilot, lambda: "a layer's own log" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        await until(pilot, lambda: "a layer's own log" in screen_text(app))


A, B = Path("/w/a/vitis_hls.log"), Path("/w/b/vitis_hls.log")
RUNNER, FINN = Path("/r/runner.log"), Path("/r/build_dataflow.log")


def shown(current: Path | None, seconds: float, **grew: float) -> Path | None:
    logs = {"a": A, "b": B, "runner": RUNNER, "finn": FINN}
    return growing(current, seconds, {logs[name]: at for name, at in grew.items()}, (RUNNER, FINN))


def test_the_log_that_grows_is_shown_without_going_to_and_fro() -> None:
    assert shown(RUNNER, 99.0) == RUNNER
    # Layers side by side: the one that is shown stays until it falls silent.
    assert shown(A, 99.0, a=100.0, b=101.5, runner=101.9) == A
    assert shown(A, 0.0, a=100.0, b=104.0, runner=90.0) == B
    # FINN's own log gives way to a tool's at once if it is silent, after a while if it is not.
    assert shown(RUNNER, 0.0, runner=90.0, a=100.0) == A
    assert shown(RUNNER, 1.0, runner=99.0, a=100.0) == RUNNER
    assert shown(RUNNER, 9.0, runner=100.0, a=99.0) == A
    assert shown(RUNNER, 9.0, runner=100.0, a=50.0, finn=100.5) == RUNNER
    assert shown(A, 9.0, runner=100.0, a=50.0, finn=100.0) == RUNNER
    assert shown(Path("/gone.log"), 0.0, a=100.0, b=99.0) == A


@given(
    st.lists(st.dictionaries(st.sampled_from([A, B]), st.floats(0.0, 1.0), min_size=1), max_size=40)
)
def test_no_log_of_a_tool_is_left_while_it_still_grows(seconds: list[dict[Path, float]]) -> None:
    current: Path | None = None
    grew: dict[Path, float] = {}
    for second, growth in enumerate(seconds):
        grew |= {path: second + part for path, part in growth.items()}
        after = growing(current, 99.0, grew, (RUNNER, FINN))
        if current is not None and after != current:
            assert grew[after or current] - grew[current] >= LAG_SECONDS
        current = after


async def test_the_pane_goes_to_the_log_that_grows_until_one_is_chosen(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BuildController, "_follow_run", not_followed)
    run = make_run(lab.workspace, state="running")
    logs = [run.working / f"code_gen_ipgen_MVAU_hls_{n}_abcdefgh/vitis_hls.log" for n in (0, 1)]
    for number, path in enumerate(logs):
        path.parent.mkdir(parents=True)
        path.write_text(f"layer {number} is synthesized\n")
    steps = (
        Step("step_hw_codegen", StepStatus.FINISHED, 1.0),
        Step("step_hw_ipgen", StepStatus.RUNNING, 40.0),
    )
    jobs = tuple(
        Job("hls", f"MVAU_hls_{n}", JobState.RUNNING, AT - 30, 30.0, log=path)
        for n, path in enumerate(logs)
    )

    def grown(*at: float) -> RunSnapshot:
        grew = dict(zip([run.log, *logs], at, strict=False))
        return RunSnapshot(AT, steps, jobs, grew=grew, log=logs[0], silent=0.0)

    async with make_app("tfc-w1a1").run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press("3")
        await until(pilot, lambda: app.state.feature(RunsState).log_of == run.id)
        assert "runner.log" in screen_text(app)
        await publish_snapshot(app, run, grown(50.0, 100.0, 99.0))
        await until(pilot, lambda: "layer 0 is synthesized" in screen_text(app))
        assert "MVAU_hls_0/vitis_hls.log" in screen_text(app)
        await publish_snapshot(app, run, grown(50.0, 100.0, 104.0))
        await until(pilot, lambda: "MVAU_hls_1/vitis_hls.log" in screen_text(app))
        # Who reads somewhere in it is not torn away; f goes on.
        await pilot.press("tab", "tab", "g")
        assert app.screen.query_one(LogPane).has_focus
        await publish_snapshot(app, run, grown(50.0, 110.0, 104.0))
        await pilot.pause()
        assert "layer 1 is synthesized" in screen_text(app)
        await pilot.press("F")
        await until(pilot, lambda: "layer 0 is synthesized" in screen_text(app))
        # A log that was chosen stays, whatever grows, until f lets it go.
        await pilot.press("shift+tab", "up")
        await until(pilot, lambda: "following (pinned)" in screen_text(app))
        await publish_snapshot(app, run, grown(50.0, 110.0, 120.0))
        await pilot.pause()
        assert "layer 0 is synthesized" in screen_text(app)
        await pilot.press("F")
        await until(pilot, lambda: "layer 1 is synthesized" in screen_text(app))
        assert "following (pinned)" not in screen_text(app)


@pytest.mark.parametrize("width", [80, 160])
def test_the_list_says_that_a_clock_is_missed(tmp_path: Path, width: int) -> None:
    view = replace(run_of(tmp_path, "succeeded"), clock_missed_ns=0.618)
    cell = list_view.state_cell(view)
    assert "clock missed by 0.618 ns" in cell[0]
    content = list_view.runs_content([view], width)
    assert next(c for c in content.columns if c.title == "state").width >= len(cell[0])


def test_steps_and_their_usual_times_stand_there_before_the_builder_names_them() -> None:
    usual = {"step_tidy_up": 0.1, "step_hw_codegen": 95.0, "step_synthesize_bitfile": 2250.0}
    starting = picture(steps=(), jobs=())
    assert texts(build_tree.step_tree(starting, set(), 0.0, None, usual)) == [
        "· tidy_up ",
        "· hw_codegen ~1m35",
        "· synthesize_bitfile ~37m30",
    ]
    # Once they are named: those that are still to come.
    assert "· make_driver ~4.0 s" in texts(
        build_tree.step_tree(picture(), set(), 0.0, None, {"step_make_driver": 4.0})
    )
    # Of a run that has ended nothing more is to come.
    assert texts(build_tree.step_tree(starting, set(), 0.0, AT, usual)) == []


async def test_a_build_that_starts_shows_what_is_to_come(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    make_run(lab.workspace, "20260101T000000Z-tfc-w1a1-aaaa")
    run = make_run(lab.workspace, "20260102T000000Z-tfc-w1a1-bbbb", "running", log="FINN starts\n")
    (run.path / "events.jsonl").write_text("")
    state = json.loads((run.path / "state.json").read_text())
    state |= {"step": None, "step_index": 0, "step_count": 0}
    (run.path / "state.json").write_text(json.dumps(state))
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press("3")
        # FINN's default steps, with the times of earlier or published builds.
        await until(pilot, lambda: "· synthesize_bitfile" in screen_text(app))
        assert "~" in screen_text(app)
        assert "about" in screen_text(app)
