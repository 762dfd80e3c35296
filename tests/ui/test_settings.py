"""finn-tui.toml while the app is open: broken, changed by hand, changed by the app."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_tui.lab.workspace import SETTINGS, Workspace
from finn_tui.ui import theming
from finn_tui.ui.app import FinnTuiApp
from tests.ui.conftest import MakeApp, RecordedLab, opened, screen_text, until


@pytest.fixture
def settings(workspace: Workspace) -> Path:
    """The workspace's finn-tui.toml."""
    return workspace.root / SETTINGS


async def test_the_app_opens_beside_a_broken_file_and_never_writes_it(
    workspace: Workspace, settings: Path
) -> None:
    settings.write_text("rehearse = true\nboard = \n")
    lab = RecordedLab(Workspace.open(workspace.root, tolerant=True))
    async with FinnTuiApp(lab, "tfc-w1a1").run_test(size=(100, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, FinnTuiApp)
        await until(pilot, lambda: app.state.tune is not None)
        await until(pilot, lambda: "Line 2" in screen_text(app) and "board =" in screen_text(app))
        await pilot.press("escape")
        app.change_settings(board="Pynq-Z1")
        assert lab.workspace.settings.board == "Pynq-Z1"
    assert settings.read_text() == "rehearse = true\nboard = \n"


async def test_a_file_that_breaks_while_the_app_is_open_is_a_message(
    make_app: MakeApp, settings: Path
) -> None:
    async with make_app().run_test(size=(100, 40)) as pilot:
        app = await opened(pilot)
        settings.write_text("clock_ns = 5\nclok_ns = ")
        await until(pilot, lambda: "Line 2" in screen_text(app))
        await pilot.press("escape", "plus")
        assert app.state.tune is not None and app.state.tune.editor.unsaved
    assert settings.read_text() == "clock_ns = 5\nclok_ns = "


async def test_settings_changed_by_hand_are_taken_up_and_said(
    make_app: MakeApp, lab: RecordedLab, settings: Path
) -> None:
    async with make_app().run_test(size=(100, 40), notifications=True) as pilot:
        app = await opened(pilot)
        settings.write_text("# mine\nparallel_builds = 3\nto = 'lab'\n")
        await until(pilot, lambda: "parallel_builds = 3" in screen_text(app))
        assert app.state.board.machine == "lab"
        app.change_settings(clock_ns=5.0)
        kept = Workspace.open(lab.workspace.root).settings
        assert (kept.parallel_builds, kept.to, kept.clock_ns) == (3, "lab", 5.0)
        assert settings.read_text().startswith("# mine\n")


async def test_a_clock_changed_elsewhere_is_said_and_taken_only_by_the_user(
    make_app: MakeApp, lab: RecordedLab, settings: Path
) -> None:
    async with make_app().run_test(size=(100, 40), notifications=True) as pilot:
        app = await opened(pilot)
        tune = app.state.tune
        assert tune is not None and tune.editor.clock_ns == 10
        # Another app on the same workspace.
        Workspace.open(lab.workspace.root).change_settings(clock_ns=5.0)
        await until(pilot, lambda: "is now 5 ns (changed elsewhere)" in screen_text(app))
        assert "this app keeps 10 ns; press p in Tune" in screen_text(app)
        # Neither the open model nor the next one, nor a setting that is written, changes it.
        assert tune.editor.clock_ns == 10 and lab.workspace.settings.clock_ns == 10
        app.change_settings(parallel_builds=3)
        assert lab.workspace.settings.clock_ns == 10
        assert Workspace.open(lab.workspace.root).settings.clock_ns == 5
        # Taken as any clock is, the workspace's among those that are offered.
        await pilot.press("p")
        await until(pilot, lambda: "200 MHz" in screen_text(app))
        await pilot.press("escape")
        app.change_settings(clock_ns=5.0)
        assert lab.workspace.settings.clock_ns == 5
        # From now on the workspace's is its own again.
        Workspace.open(lab.workspace.root).change_settings(clock_ns=7.5)
        await until(pilot, lambda: "is now 7.5 ns (changed elsewhere)" in screen_text(app))
        assert lab.workspace.settings.clock_ns == 5


async def test_a_broken_ui_toml_is_said_and_stays(make_app: MakeApp, home: Path) -> None:
    choice = home / "config" / "ui.toml"
    choice.write_text("theme = ")
    async with make_app().run_test(size=(100, 40), notifications=True) as pilot:
        app = await opened(pilot)
        await until(pilot, lambda: "ui.toml" in screen_text(app))
        app.theme = "finn-light"
        await until(pilot, lambda: "theme: for now only" in screen_text(app))
    assert choice.read_text() == "theme = "


def test_a_theme_is_kept_beside_what_else_stands_in_the_file(home: Path) -> None:
    choice = home / "config" / "ui.toml"
    choice.write_text('# my colours\ntheme = "finn-dark"\n')
    theming.keep_choice('a "quoted" name')
    assert theming.chosen_theme() == ('a "quoted" name', [])
    assert "# my colours" in choice.read_text()
