"""Tune says what its numbers are: bounds, conditions, and what FINN has no model of."""

from __future__ import annotations

import pytest

from finn_tui.core.estimate import memory
from tests.ui.conftest import MakeApp, opened, screen_text, until


async def test_figures_say_what_they_hold_for(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(160, 50)) as pilot:
        app = await opened(pilot)
        await until(pilot, lambda: "latency" in screen_text(app))
        figures = screen_text(app).splitlines()[1]
        assert "latency ≤ " in figures and "with FIFOs deep enough" in figures
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "deep enough" not in screen_text(app))
        assert "latency ≤ " in screen_text(app).splitlines()[1]


async def test_luts_without_a_model_are_unknown_and_not_nothing(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The recorded network has no RTL matrix layer: one whose LUTs FINN gives as 0 stands for it.
    monkeypatch.setattr(memory, "unmodelled", lambda layer, *_: layer.op == "LabelSelect_hls")
    async with make_app().run_test(size=(160, 50)) as pilot:
        app = await opened(pilot)
        await pilot.press("G")
        await until(pilot, lambda: "LUT unknown: FINN has no model" in screen_text(app))
        rows = [line for line in screen_text(app).splitlines() if "LabelSelect" in line]
        assert any(" ? " in row for row in rows), rows
        assert "LUT of 1 layer unknown" in screen_text(app)
