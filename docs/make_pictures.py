"""Draw the pictures of README and docs from the app itself.

Run by hand after a change of a screen: ``uv run python docs/make_pictures.py [NAME ...]``. It opens
recorded models (tests/data), so that it needs neither FINN nor a board, and writes
``docs/images/NAME.svg``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.ui.app import FinnTuiApp
from tests import data

ROOT = Path(__file__).resolve().parents[1]
#: Columns and rows of a picture; wide enough for all columns of Tune.
SIZE = (132, 36)
#: Seconds that a state of a screen is waited for.
_WAIT = 60
_FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Let the app run until a condition holds.

    Args:
        pilot: drives the app.
        condition: is true when the screen is ready.
    """
    async with asyncio.timeout(_WAIT):
        while not condition():
            await pilot.pause()
    await pilot.pause()


async def tune(pilot: Pilot[Any], app: FinnTuiApp) -> None:
    """Show CNV-w1a1 on Tune with the bottleneck made faster by hand."""
    await until(pilot, lambda: app.state.tune is not None and app.state.runs_read)
    await pilot.press("i", "plus", "plus")
    await pilot.pause()


PICTURES: dict[str, tuple[str, Callable[[Pilot[Any], FinnTuiApp], Awaitable[None]]]] = {
    "tune": ("cnv-w1a1", tune),
}


async def draw(name: str) -> str:
    """Draw one picture.

    Args:
        name: a key of ``PICTURES``.

    Returns:
        The SVG document.
    """
    model, prepare = PICTURES[name]
    with tempfile.TemporaryDirectory() as folder:
        data.home(Path(folder) / "home")
        root = Path(folder) / "my-networks"
        data.workspace(root, model)
        (root / "finn-tui.toml").write_text("rehearse = true\n", encoding="utf-8")
        app = FinnTuiApp(Workbench(Workspace.open(root)), model)
        async with app.run_test(size=SIZE) as pilot:
            await prepare(pilot, app)
            return _standalone(app.export_screenshot(title="finn-tui"))


def _standalone(svg: str) -> str:
    """Take out what a page's rules do not load: fonts from elsewhere; fonts of the system stay."""
    svg = re.sub(r"@font-face \{.*?\}\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: Fira Code, monospace", f"font-family: {_FONTS}", svg)
    svg = re.sub(r"-?\d+-matrix|terminal-\d+", lambda match: re.sub(r"\d+", "0", match[0]), svg)
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


def main() -> None:
    """Draw the pictures that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*PICTURES, []], metavar="NAME")
    names = parser.parse_args().names or list(PICTURES)
    os.environ.pop("NO_COLOR", None)
    for name in names:
        path = ROOT / "docs" / "images" / f"{name}.svg"
        path.parent.mkdir(exist_ok=True)
        path.write_text(asyncio.run(draw(name)), encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
