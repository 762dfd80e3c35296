"""What is asked before a build or a deployment begins, and where its keys mean nothing."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.folding import finn_json
from finn_tui.engine import catalogue as engines
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.server.runs import runfiles, runprocesses, runqueue
from finn_tui.hosts import catalogue as hosts
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.container import Container
from finn_tui.lab.builds import plans
from finn_tui.runs.folder import RunFolder
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.dialogs.choose import Notice
from finn_tui.ui.dialogs.confirm import Confirm
from finn_tui.ui.logs.screen import LogScreen
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until

WIDE = (120, 40)
SIZES = [(80, 24), (160, 50)]


def flat(app: FinnTuiApp) -> str:
    """The screen's text without the places where its lines were broken."""
    return " ".join(screen_text(app).split())


async def asked(pilot: Any, key: str) -> FinnTuiApp:
    """Press a key and wait until the bar knows everything."""
    app: FinnTuiApp = pilot.app
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, Confirm) and "looking at" not in flat(app))
    return app


@pytest.mark.parametrize("size", SIZES)
async def test_b_asks_first_and_says_what_would_be_built(
    make_app: MakeApp, lab: RecordedLab, size: tuple[int, int]
) -> None:
    async with make_app("tfc-w1a1").run_test(size=size) as pilot:
        app = await opened(pilot)
        await pilot.press("plus")
        await asked(pilot, "b")
        text = flat(app)
        for fact in (
            "published + 1 change",
            "Pynq-Z2",
            "10 ns, 100 MHz",
            "rehearsal, SIMULATED",
            "from the rehearsal's plan",
            "starts at once",
            "enter build",
        ):
            assert fact in text
        assert "built already" not in text
        # Neither letters nor a second b begin it, and esc leaves everything as it was.
        await pilot.press("b", "d", "x", "escape")
        await until(pilot, lambda: not isinstance(app.screen, Confirm))
        assert not lab.builds and not app.state.launching
        assert app.current_mode == "tune"


@pytest.mark.parametrize("key", ["enter", "y"])
async def test_enter_or_y_builds(make_app: MakeApp, lab: RecordedLab, key: str) -> None:
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("b", key)
        await until(pilot, lambda: app.current_mode == "runs")
        assert len(lab.builds) == 1


async def test_a_real_build_is_told_from_a_rehearsal(make_app: MakeApp, lab: RecordedLab) -> None:
    (lab.workspace.root / "finn-tui.toml").write_text("rehearse = false\n")
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await asked(pilot, "b")
        assert "real build" in flat(app) and "SIMULATED" not in flat(app)
        assert "from published builds" in flat(app)


async def same_as_edited(app: FinnTuiApp, run: RunFolder, **changes: Any) -> None:
    """Make a run that asked for what is edited."""
    assert app.state.tune is not None
    opened = app.state.tune.opened
    path = run.path / runfiles.RUN
    document = json.loads(path.read_text())
    document["folding"] = finn_json.to_json(opened.design, opened.editor.folding)
    document["source"] = {"content": opened.model.content}
    path.write_text(json.dumps({**document, **changes}))


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"clock_ns": 5.0}, False),
        ({"board": "Ultra96"}, False),
        ({"source": {"content": "another"}}, False),
        ({"folding": {"Defaults": {}}}, False),
        ({"rehearsal": None, "simulated": False}, False),
    ],
)
async def test_a_folding_that_is_built_already_is_said(
    make_app: MakeApp, lab: RecordedLab, changes: dict[str, Any], same: bool
) -> None:
    run = make_run(lab.workspace)
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await same_as_edited(app, run, **changes)
        await asked(pilot, "b")
        assert (f"this folding is built already: {run.id}" in flat(app)) is same


async def test_a_build_that_would_wait_says_its_place(make_app: MakeApp, lab: RecordedLab) -> None:
    for number in (1, 2):
        run = make_run(lab.workspace, f"2026010{number}T030405Z-tfc-w1a1-00a{number}", "running")
        runqueue.take(str(run.path))
        # As a runner that is about to become a process.
        state = {"state": "queued", **runprocesses.identity(), "pid": None}
        state["heartbeat"] = time.time()
        (run.path / "state.json").write_text(json.dumps(state))
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await asked(pilot, "b")
        assert "number 2 in the queue" in flat(app)


async def test_a_retry_asks_with_what_the_run_asked_for(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    retried: list[str] = []

    async def retry(run: RunFolder, on_progress: Any = None) -> RunFolder:
        retried.append(run.id)
        return run

    monkeypatch.setattr(lab, "retry", retry)
    run = make_run(lab.workspace, state="failed")
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("3")
        await asked(pilot, "a")
        text = flat(app)
        assert f"Build {run.id} again" in text and "tfc-w1a1 · published · Pynq-Z2" in text
        assert "rehearsal, SIMULATED" in text
        await pilot.press("escape")
        assert not retried
        await pilot.press("a", "enter")
        await until(pilot, lambda: retried == [run.id])


async def test_d_asks_first_and_says_what_is_sent_and_that_the_clock_was_missed(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    jobs: list[str] = []

    async def job(lab: Any, name: str, *_: Any) -> tuple[FinnTuiError, ...]:
        jobs.append(name)
        return ()

    run = make_run(lab.workspace)
    run.update_results(timing={"wns": -0.618, "met": False})
    run.deploy.mkdir(parents=True)
    (run.deploy / "finn-accel.bit").write_bytes(bytes(4_000_000))
    async with make_app("tfc-w1a1", job).run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await asked(pilot, "d")
        text = flat(app)
        facts = [f"run {run.id}", "Deploy to simulated", "100 MHz", "SIMULATED", "4 MB"]
        facts += ["CLOCK MISSED by 0.618 ns", "execute a sample", "validate on mnist"]
        for fact in facts:
            assert fact in text
        await pilot.press("escape")
        assert not jobs and not app.state.board.busy and app.current_mode == "tune"
        await pilot.press("d", "enter")
        await until(pilot, lambda: jobs == ["go"] and app.current_mode == "board")


async def test_a_met_clock_is_not_spoken_of(make_app: MakeApp, lab: RecordedLab) -> None:
    make_run(lab.workspace)
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await asked(pilot, "d")
        assert "MISSED" not in flat(app)


async def test_in_a_large_log_and_in_dialogs_the_keys_start_nothing(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    make_run(lab.workspace)
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("3", "l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        for key in ("b", "d", "a"):
            await pilot.press(key)
            assert isinstance(app.screen, LogScreen)
        await pilot.press("ctrl+p")
        await pilot.press(*"wrap")
        await until(pilot, lambda: "Wrap" in screen_text(app))
        await pilot.press(*["backspace"] * 4, *"build")
        await until(pilot, lambda: "Runs  (3)" in screen_text(app))
        assert "(b)" not in screen_text(app)
        await pilot.press("escape", "escape", "2", "question_mark", "b", "d")
        assert not isinstance(app.screen, Confirm)
        assert not lab.builds


async def test_the_palette_asks_too(make_app: MakeApp, lab: RecordedLab) -> None:
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("ctrl+p", *"build")
        await until(pilot, lambda: "Build  (b)" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert not lab.builds


async def test_what_cannot_be_told_is_said_and_does_not_stop_it(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("no time")

    monkeypatch.setattr(plans, "build_outlook", broken)
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await asked(pilot, "b")
        assert "a defect of finn-tui: ZeroDivisionError" in flat(app)
        assert not isinstance(app.screen, Notice)
        await pilot.press("enter")
        await until(pilot, lambda: len(lab.builds) == 1)


async def test_a_build_names_the_host_that_its_engine_sends_it_to(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where this machine was chosen: an engine in a container does not build outside it."""
    boxed = EngineSpec("boxed", ("python3",), container=Container(image="xilinx/finn:v0.10"))
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        monkeypatch.setattr(engines, "engines", lambda: [boxed])
        monkeypatch.setattr(lab, "_spec", boxed)
        await asked(pilot, "b")
        await until(pilot, lambda: "no host builds with the engine boxed" in flat(app))
        await pilot.press("escape")
        hosts.add(Host(name="box", engine=boxed.command, container=boxed.container))
        await pilot.press("b", "enter")
        await until(pilot, lambda: "on box, where the engine is" in flat(app))
