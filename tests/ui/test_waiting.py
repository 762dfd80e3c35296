"""Progress of work that is waited for, and questions of a login that come meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from finn_tui.base.progress import Progress
from finn_tui.ui.controllers.host_questions import HostQuestions
from finn_tui.ui.dialogs.ask_text import AskTextDialog
from finn_tui.ui.dialogs.choose import Notice, confirm
from finn_tui.ui.dialogs.working import Working
from finn_tui.ui.messages import WorkKind
from tests.ui.conftest import MakeApp, until
from tests.ui.test_host_questions import KEY, PASSWORD
from tests.waiting import PATIENCE


async def test_progress_that_ends_under_a_question_leaves_the_question(make_app: MakeApp) -> None:
    app = make_app(None)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.state.runs_read)
        app.show_dialog(Working("Opening tfc", WorkKind.OPEN))
        app.show_dialog(confirm("Really?", "", "yes"))
        await until(pilot, lambda: isinstance(app.screen, Notice))
        app.close_working(WorkKind.OPEN)
        app.close_working(WorkKind.OPEN)
        await pilot.pause(0.2)
        assert [type(screen) for screen in app.screen_stack[1:]] == [Working, Notice]
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_progress_does_not_cover_a_question(make_app: MakeApp) -> None:
    app = make_app(None)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.state.runs_read)
        app.state.opening = "tfc"
        ask = app.hosts._questions
        answer = asyncio.create_task(ask(PASSWORD))
        await until(pilot, lambda: isinstance(app.screen, AskTextDialog))
        app.waiting.show_progress(WorkKind.OPEN, Progress("engine", "connecting"))
        await pilot.pause(0.2)
        assert isinstance(app.screen, AskTextDialog)
        await pilot.press(*"pw", "enter")
        assert await answer == "pw"
        # The next step shows it, and then a question may lie over it.
        app.waiting.show_progress(WorkKind.OPEN, Progress("engine", "starting"))
        await until(pilot, lambda: isinstance(app.screen, Working))
        key = asyncio.create_task(ask(KEY))
        await until(pilot, lambda: isinstance(app.screen, Notice))
        app.waiting.show_progress(WorkKind.OPEN, Progress("engine", "still starting"))
        await pilot.pause(0.2)
        assert [type(screen) for screen in app.screen_stack[1:]] == [Working, Notice]
        await pilot.press("t")
        assert await key == "yes"


async def test_a_question_waits_for_the_first_screen() -> None:
    """It would be the only one, and closing it would end the app."""
    shown: list[str] = []

    def show_error(error: Any, answers: Any, then: Callable[[str | None], None]) -> None:
        shown.append(error.what)
        then("t")

    context: Any = SimpleNamespace(screen_stack=[], show_error=show_error)
    answer = asyncio.create_task(HostQuestions(context)(KEY))
    await asyncio.sleep(0.5)
    assert not shown and not answer.done()
    context.screen_stack = [object()]
    async with asyncio.timeout(PATIENCE):
        assert await answer == "yes"
    assert shown == [KEY.text]
