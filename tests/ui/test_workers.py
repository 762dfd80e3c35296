"""Background work: one place starts it, every failure is shown, every message has its handler."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path
from typing import Any

import pytest

from finn_tui import ui
from finn_tui.base.errors import FinnTuiError
from finn_tui.ui import crash
from finn_tui.ui.advice.screen import AdviceDialog
from finn_tui.ui.advice.state import AdviceState
from finn_tui.ui.dialogs.choose import Notice
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.tune import detail as tune_detail
from finn_tui.ui.tune import folding_dialogs
from finn_tui.ui.tune import knobs as tune_knobs
from finn_tui.ui.tune.screen import TuneScreen
from tests.sources import syntax_tree
from tests.ui.conftest import MakeApp, opened, screen_text, until

SOURCES = sorted(Path(ui.__file__).parent.rglob("*.py"))


def defect(*_: Any) -> Any:
    raise TypeError("an int where a name should be")


@pytest.mark.parametrize(
    ("keys", "module", "name"),
    [
        (("f",), folding_dialogs, "_folding_rows"),
        (("C",), folding_dialogs, "_folding_rows"),
        (("space", "enter"), tune_detail, "options_table"),
        (("m", "enter"), tune_knobs, "values_content"),
        (("N",), AdviceState, "work_out"),
    ],
)
async def test_a_defect_in_the_work_of_a_screen_is_recorded_and_shown(
    make_app: MakeApp,
    monkeypatch: pytest.MonkeyPatch,
    keys: tuple[str, ...],
    module: Any,
    name: str,
) -> None:
    monkeypatch.setattr(module, name, defect)
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await until(pilot, lambda: isinstance(app.screen, Notice))
        assert "a defect of finn-tui" in screen_text(app)
        assert "an int where a name should be" in crash.log_file().read_text()
        # Nothing hangs: the key works again once the cause is gone.
        await pilot.press("escape")
        assert app.is_running


async def test_an_error_of_a_screens_work_is_a_notice(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise FinnTuiError("foldings/ cannot be read", "Permission denied", "Change its mode.")

    monkeypatch.setattr(folding_dialogs, "_folding_rows", refuse)
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, Notice))
        assert "foldings/ cannot be read" in screen_text(app)
        assert not crash.log_file().exists()


async def test_work_of_a_kind_replaces_the_one_before(make_app: MakeApp) -> None:
    begun, ended = [], []

    async def work(number: int) -> None:
        begun.append(number)
        await asyncio.sleep(0 if number == 2 else 60)
        ended.append(number)

    async with make_app(None).run_test() as pilot:
        app = pilot.app
        app.state.opening = "x"  # type: ignore[attr-defined]
        first = app.start(WorkKind.OPEN, work(1))  # type: ignore[attr-defined]
        await until(pilot, lambda: begun == [1])
        app.start(WorkKind.OPEN, work(2))  # type: ignore[attr-defined]
        await until(pilot, lambda: ended == [2])
        assert first.is_cancelled
        # What took its place is still what the screen speaks of.
        assert app.state.opening == "x"  # type: ignore[attr-defined]


async def test_every_kind_of_work_and_every_result_has_its_handler(make_app: MakeApp) -> None:
    app = make_app(None)
    async with app.run_test():
        assert set(app.work_table) == set(WorkKind)
        for result in WorkResult.__subclasses__():
            assert result in app.work_table[result.kind].results
    for method in ("foldings_listed", "values_listed", "shared_values_listed"):
        assert hasattr(TuneScreen, method)
    assert hasattr(AdviceDialog, "advice_ready")


def test_only_one_function_starts_workers() -> None:
    """Neither screens nor widgets start coroutines by themselves: their errors would be lost."""
    starters = {"run_worker", "create_task", "ensure_future", "work"}
    calls = set()
    for path in SOURCES:
        for node in ast.walk(syntax_tree(path)):
            target = node.func if isinstance(node, ast.Call) else None
            name = getattr(target, "attr", getattr(target, "id", ""))
            if name in starters:
                calls.add((path.name, name))
    assert calls == {
        ("workers.py", "run_worker"),
        # on_load waits a moment for the model that `start` has begun to open.
        ("app.py", "ensure_future"),
        # Whoever logs in waits for the answer, and has its error.
        ("host_questions.py", "create_task"),
    }
