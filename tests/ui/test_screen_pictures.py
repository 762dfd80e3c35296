"""Whole screens as pictures, so that colours count; ``--snapshot-update`` draws them again.

What stands in a single pane is compared as text in ``test_snapshots.py``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from textual.pilot import Pilot

from finn_tui.base.errors import FinnTuiError
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.runs import list_view as runs
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until

#: Seconds that a screen stays the same before its picture is taken.
_SETTLED = 0.6


@dataclass(frozen=True)
class Picture:
    """A screen: where it is, and what is on it once it is complete.

    Attributes:
        keys: pressed one after the other, each when what came before is drawn.
        shows: texts that the finished screen has.
        size: of the window.
        model: the model that is opened; None for none.
    """

    keys: Sequence[str]
    shows: Sequence[str]
    size: tuple[int, int] = (120, 40)
    model: str | None = "tfc-w1a1"


PICTURES = {
    "welcome": Picture((), ("No model is open",), (80, 24), None),
    "tune": Picture(("plus",), ("1 change against", "next "), (160, 50), "cnv-w1a1"),
    "tune-narrow": Picture(("plus",), ("1 change against",), (80, 24), "cnv-w1a1"),
    "tune-low": Picture(("tab",), ("Detail",), (100, 14), "cnv-w1a1"),
    "flow": Picture(("1",), ("MVAU_hls", "BINARY")),
    "runs": Picture(("3",), ("✓ hw_codegen", "Running step")),
    "runs-failed": Picture(("3", "down"), ("✗ hw_codegen", "613 of 280")),
    "board": Picture(("4",), ("▀▀▀", "93.25 %")),
    "results": Picture(("5",), ("1,550,861", "after synthesis")),
    "learn": Picture(("6", "right", "right"), ("[2]", "128 cycles")),
    "help": Picture(("question_mark",), ("Signs and colours",), (80, 24)),
    "log": Picture(("3", "l"), ("Running step", "search")),
}

Compare = Callable[..., bool]


def complete(picture: Picture) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Return what drives the app to a screen and waits until nothing changes on it."""

    async def drive(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, FinnTuiApp)
        if picture.model is not None:
            await opened(pilot)
        for key in picture.keys:
            await pilot.press(key)
            await settled(pilot, app)
        await until(pilot, lambda: all(text in screen_text(app) for text in picture.shows))
        await settled(pilot, app)

    return drive


async def settled(pilot: Pilot[Any], app: FinnTuiApp) -> None:
    """Wait until the screen stays as it is."""
    before = ""
    while (now := screen_text(app)) != before:
        before = now
        await pilot.pause(_SETTLED)


@pytest.mark.parametrize("name", PICTURES)
def test_a_screen_looks_as_it_did(
    snap_compare: Compare,
    make_app: MakeApp,
    lab: RecordedLab,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr(runs, "_age", lambda created: "3 h")
    why = FinnTuiError("the design does not fit", "613 of 280 BRAM18", "Fold less.", kind="tools")
    make_run(lab.workspace, "20260101T000000Z-tfc-w1a1-aaaa", "failed", error=why)
    make_run(lab.workspace, "20260102T000000Z-tfc-w1a1-bbbb", measured=True)
    picture = PICTURES[name]
    app = make_app(picture.model)
    assert snap_compare(app, terminal_size=picture.size, run_before=complete(picture))
