"""Opening, first use, errors, themes, colours, and what an app that starts may import."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.lab.workspace import Workspace
from finn_tui.ui import crash, theming
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.dialogs.working import Working
from finn_tui.ui.state import AppState
from tests import data
from tests.ui.conftest import MakeApp, RecordedLab, opened, screen_text, until


async def test_without_a_model_the_screen_says_what_to_do(make_app: MakeApp) -> None:
    async with make_app(None).run_test(size=(80, 24)) as pilot:
        app = pilot.app
        await until(pilot, lambda: "Press o to open a network" in screen_text(app))  # type: ignore[arg-type]
        await pilot.press("o")
        await until(pilot, lambda: "TFC-w1a1 on MNIST" in screen_text(app))  # type: ignore[arg-type]
        # What enter cannot do is not offered.
        await pilot.press(*"tfcw1a1")
        await until(pilot, lambda: "no model is named tfcw1a1" in screen_text(app))  # type: ignore[arg-type]
        assert "accepts" not in screen_text(app)  # type: ignore[arg-type]
        await pilot.press("ctrl+u")
        await pilot.press(*"tfc-w1a1", "enter")
        await opened(pilot)
        assert "1,562,500 fps" in screen_text(app)  # type: ignore[arg-type]


async def test_what_a_screen_loads_is_settled_once(lab: RecordedLab) -> None:
    settled: list[str] = []
    app = FinnTuiApp(lab, None, settle=lambda: settled.append(app.current_mode))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: settled == ["tune"])
        for key, mode in (("3", "runs"), ("2", "tune"), ("5", "results"), ("3", "runs")):
            await pilot.press(key)
            await until(pilot, lambda mode=mode: app.current_mode == mode)  # type: ignore[misc]
        await until(pilot, lambda: settled == ["tune", "runs", "results"])


async def test_each_screen_says_that_there_is_no_model_or_that_one_is_being_opened(
    make_app: MakeApp,
) -> None:
    async with make_app(None).run_test(size=(80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, FinnTuiApp)
        for opening, text in (
            ("", "press o"),
            ("a-network", "a-network is being"),
        ):
            app.state.opening = opening
            for key, mode in (("1", "flow"), ("3", "runs"), ("5", "results")):
                await pilot.press(key)
                await until(pilot, lambda mode=mode: app.current_mode == mode)  # type: ignore[misc]
                await until(pilot, lambda text=text: text in screen_text(app))  # type: ignore[misc]
                assert "b builds" not in screen_text(app)


async def test_keys_without_a_model_do_no_harm(make_app: MakeApp) -> None:
    async with make_app(None).run_test(size=(80, 24), notifications=True) as pilot:
        app = pilot.app
        await pilot.press(
            "plus",
            "minus",
            "enter",
            "u",
            "f",
            "w",
            "t",
            "p",
            "i",
            "slash",
            "g",
            "G",
            "left",
            "right",
            "b",
            "d",
            "down",
            "pagedown",
        )
        await until(pilot, lambda: "no model is open yet" in screen_text(app))  # type: ignore[arg-type]
        await pilot.press("1", "3", "4", "5", "2")
        await until(pilot, lambda: app.current_mode == "tune")


async def test_first_use_shows_what_happens_and_can_be_cancelled(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = asyncio.Event()

    async def slow(*_: Any, on_progress: Any, **__: Any) -> Any:
        on_progress(Progress("install", "engine finn-plus: 12 of 80 packages", 0.15))
        on_progress(Progress("install", "Downloading torch [1/2]", None, {"log": True}))
        on_progress(Progress("engine", "starting finn-plus"))
        on_progress(Progress("prepare", "streamlining", 0.4))
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    monkeypatch.setattr(lab, "open", slow)
    async with make_app().run_test(size=(80, 24)) as pilot:
        app = pilot.app
        await until(pilot, lambda: "streamlining" in screen_text(app))  # type: ignore[arg-type]
        text = screen_text(app)  # type: ignore[arg-type]
        assert "Opening cnv-w1a1" in text
        assert "✓ installing FINN" in text
        assert "• preparing the network" in text
        assert "40%" in text
        assert "Downloading torch [1/2]" in text
        await pilot.press("escape")
        await cancelled.wait()
        await until(pilot, lambda: not isinstance(app.screen, Working))
        assert "No model is open." in screen_text(app)  # type: ignore[arg-type]


async def test_runs_can_be_looked_at_while_a_model_is_opened(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()
    really = lab.open

    async def slow(*names: Any, on_progress: Any, **options: Any) -> Any:
        on_progress(Progress("prepare", "streamlining", 0.4))
        await go_on.wait()
        on_progress(Progress("prepare", "almost done", 0.9))
        return await really(*names, on_progress=on_progress, **options)

    monkeypatch.setattr(lab, "open", slow)
    async with make_app().run_test(size=(120, 30)) as pilot:
        app = pilot.app
        await until(pilot, lambda: isinstance(app.screen, Working))
        await pilot.press("3")
        await until(pilot, lambda: app.current_mode == "runs")
        assert "cnv-w1a1 prepare 40%" in screen_text(app)  # type: ignore[arg-type]
        go_on.set()
        await opened(pilot)
        assert app.current_mode == "runs"
        assert "cnv-w1a1   Pynq-Z2" in screen_text(app)  # type: ignore[arg-type]


async def test_an_error_shows_what_why_and_fix_with_details_folded(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise FinnTuiError(
            "the engine could not be installed",
            "The index does not answer: [/no markup] here.",
            "Check the network.",
            kind="engine",
            detail="\n".join(f"uv line {n} [/x]" for n in range(50)),
        )

    monkeypatch.setattr(lab, "open", broken)
    async with make_app().run_test(size=(80, 24)) as pilot:
        app = pilot.app
        await until(pilot, lambda: "! the engine could not be installed" in screen_text(app))  # type: ignore[arg-type]
        text = screen_text(app)  # type: ignore[arg-type]
        assert "[/no markup]" in text and "Check the network." in text
        assert "uv line 0" not in text
        await pilot.press("enter")
        await until(pilot, lambda: "uv line 0 [/x]" in screen_text(app))  # type: ignore[arg-type]
        await pilot.press("enter")
        await until(pilot, lambda: "uv line 0" not in screen_text(app))  # type: ignore[arg-type]
        await pilot.press("escape")
        await until(pilot, lambda: "No model is open." in screen_text(app))  # type: ignore[arg-type]


async def test_a_defect_in_a_worker_is_written_down_and_the_app_goes_on(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def defect(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(lab, "open", defect)
    async with make_app().run_test(size=(80, 24)) as pilot:
        app = pilot.app
        await until(pilot, lambda: "! a defect of finn-tui" in screen_text(app))  # type: ignore[arg-type]
        assert "ZeroDivisionError: ours" in crash.log_file().read_text()
        await pilot.press("escape", "3")
        await until(pilot, lambda: app.current_mode == "runs")


def test_the_crash_log_is_kept_small(home: Path) -> None:
    path = crash.log_file()
    path.parent.mkdir(parents=True)
    path.write_text("x" * 1_100_000)
    assert crash.record(ValueError("later"), "a test") == path
    assert path.stat().st_size < 10_000
    assert path.with_suffix(".log.1").stat().st_size == 1_100_000


# Themes and colours


def test_both_our_themes_ship_and_are_sound() -> None:
    themes, problems = theming.load_themes()
    assert not problems
    assert {theme.name: theme.dark for theme in themes} == {"finn-dark": True, "finn-light": False}


async def test_a_users_theme_is_used_and_a_broken_one_explained(
    make_app: MakeApp, home: Path
) -> None:
    folder = paths.config_dir() / "themes"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text('[colors]\nprimary = "#123456"\n')
    (folder / "bad.toml").write_text('drak = true\n[colors]\nprimary = "blu"\naccnt = "red"\n')
    theming.keep_choice("mine")
    async with make_app().run_test(size=(140, 40), notifications=True) as pilot:
        app = await opened(pilot)
        assert app.theme == "mine"
        await until(
            pilot, lambda: "drak = True is an unknown key" in " ".join(screen_text(app).split())
        )
        notices = " ".join(toast.message for toast in app._notifications)
        assert "line 3: colors.primary = 'blu' is not a colour" in notices


async def test_the_chosen_theme_is_kept(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        app.theme = "finn-light"
        await until(pilot, lambda: theming.chosen_theme()[0] == "finn-light")


async def test_a_theme_that_is_gone_falls_back(make_app: MakeApp) -> None:
    theming.keep_choice("gone")
    async with make_app().run_test(size=(80, 24)) as pilot:
        assert (await opened(pilot)).theme == theming.DEFAULT


async def test_without_colour_everything_is_still_told(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with make_app().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        assert app.no_color
        text = screen_text(app)
        assert "2 TUNE" in text and "‹1›" in text and "█ II" in text and "> MVAU 6" in text


# Start-up

_IMPORTS = """
import asyncio, sys
from pathlib import Path
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.ui.app import FinnTuiApp

async def main():
    app = FinnTuiApp(Workbench(Workspace.open(Path(sys.argv[1]))), "cnv-w1a1")
    async with app.run_test(size=(80, 24)) as pilot:
        async with asyncio.timeout(120):
            while app.state.tune is None or not app.state.runs_read:
                await pilot.pause()
asyncio.run(main())
unwanted = ("asyncssh", "highspy", "finn", "torch", "qonnx", "onnx", "plotext", "cryptography")
print([name for name in unwanted if name in sys.modules])
"""


def test_starting_imports_neither_ssh_nor_finn(workspace: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS, str(workspace.root)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ},
    )
    assert done.stdout.strip().splitlines()[-1:] == ["[]"], done.stdout + done.stderr


async def test_a_large_design_is_edited_within_a_frame(tmp_path: Path, home: Path) -> None:
    import time

    from finn_tui.ui.app import FinnTuiApp

    data.large_workspace(tmp_path / "large", "large", 500)
    lab = RecordedLab(Workspace.open(tmp_path / "large"))
    async with FinnTuiApp(lab, "large").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        screen = app.screen_stack[0]
        assert screen is not None
        times = []
        for _ in range(20):
            for step in (screen.do_tune_larger, screen.do_tune_smaller):  # type: ignore[attr-defined]
                start = time.process_time()
                step()
                times.append(time.process_time() - start)
        # Far above what it takes, far below what was there before lookups were kept.
        assert sorted(times)[len(times) // 2] < 0.05


def test_state_knows_nothing_of_widgets(workspace: Any) -> None:
    state = AppState(workspace, {})
    assert state.chosen_run() is None and state.newest_built() is None
    json.dumps(state.keymap)


async def test_the_next_start_opens_the_model_that_was_open(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    async with make_app("tfc-w1a1").run_test(size=(80, 24)) as pilot:
        await opened(pilot)
    kept = Workspace.open(lab.workspace.root).settings
    assert (kept.model, kept.rehearse) == ("tfc-w1a1", True)
