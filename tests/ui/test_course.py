"""The course in the app, and pictures of screens by key and by command."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_tui.lab.course import definition
from finn_tui.lab.course import pictures as course_pictures
from finn_tui.lab.course.facts import read_progress
from finn_tui.lab.workspace import Workspace
from finn_tui.ui import pictures
from finn_tui.ui.dialogs.choose import ChooseDialog
from tests.ui.conftest import MakeApp, make_run, opened, screen_text, until


async def test_steps_are_listed_and_one_is_done(make_app: MakeApp, workspace: Workspace) -> None:
    make_run(workspace, measured=True)
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        text = screen_text(app)
        assert "FINN lab:" in text and "steps done" in text
        (line,) = [line for line in text.splitlines() if "P3 2" in line]
        assert " x " in line and "SIMULATED" in line and "run 00ff" in line
        # A step of the open model is done by its key: here the confirmation of a build.
        await pilot.press(*"experiment 1", "enter")
        await until(pilot, lambda: not isinstance(app.screen, ChooseDialog))
        await until(pilot, lambda: "enter build" in screen_text(app))


async def test_a_step_of_another_model_says_its_command(make_app: MakeApp) -> None:
    async with make_app("tfc-w1a1").run_test(size=(120, 40), notifications=True) as pilot:
        app = await opened(pilot)
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        await pilot.press(*"train the", "enter")
        await until(pilot, lambda: "finn-tui train vgg9-w1a1" in screen_text(app))


async def test_a_key_keeps_the_screen(make_app: MakeApp, workspace: Workspace) -> None:
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("f12", "f12")
        await pilot.pause()
    folder = workspace.root / "report" / "pictures" / "Part3"
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "Part3-tune-tfc-w1a1-published-1.svg",
        "Part3-tune-tfc-w1a1-published-2.svg",
    ]
    svg = (folder / names[0]).read_text()
    assert "MVAU_hls_0" in svg
    # Nothing is fetched when it is opened.
    assert "url(" not in svg.replace("url(#", "")


async def test_pictures_are_taken_without_a_terminal(workspace: Workspace) -> None:
    make_run(workspace, measured=True)
    settings = (workspace.root / "finn-tui.toml").read_text()
    paths, problems = await pictures.take(workspace, definition.load(), ["Part3"])
    assert not problems
    names = [path.name for path in paths]
    assert names == [
        "Part3-tune-published.svg",
        "Part3-board-published-00ff-SIMULATED.svg",
        "Part3-results-throughput-against-lut-SIMULATED.svg",
    ]
    # Steps of a course know them by the screen.
    for screen, name in zip(("tune", "board", "results"), names, strict=True):
        assert course_pictures.shows(name, "Part3", screen)
    board = paths[1].read_text().replace("&#160;", " ")
    assert "1,550,861" in board and "SIMULATED" in board
    # Neither settings nor the user's theme are changed.
    assert (workspace.root / "finn-tui.toml").read_text() == settings


async def test_stages_without_an_engine_are_a_problem_and_no_picture(workspace: Workspace) -> None:
    paths, problems = await pictures.take(workspace, definition.load(), ["Part1"])
    assert not paths and len(problems) == 1
    steps = {step.place: step for step in read_progress(workspace, definition.load())}
    assert steps["Part 1, step 1"].done and not steps["Part 1, step 2"].done


async def test_a_network_that_is_not_prepared_has_no_pictures(tmp_path: Path) -> None:
    empty = Workspace.open(tmp_path / "empty")
    assert await pictures.take(empty, definition.load()) == ([], [])


@pytest.mark.parametrize("content", ["", "[[part]]\nid = 3\n"])
async def test_a_broken_course_is_an_error(make_app: MakeApp, content: str, home: Path) -> None:
    folder = home / "config" / "courses"
    folder.mkdir(parents=True)
    (folder / "finn-lab.toml").write_text(content)
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press("f2")
        await until(pilot, lambda: "finn-lab.toml" in screen_text(app))
