"""How much larger or smaller than usual the user has made the panes of a screen."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from finn_tui.base import files, paths
from finn_tui.base.errors import FinnTuiError

#: Rows or columns by which a pane can differ from its usual size: no more are believed of a file.
_MOST = 500


def sizes_path() -> Path:
    """Return the file in which sizes are remembered, of all workspaces of the user."""
    return paths.state_dir() / "panes.json"


def read_sizes(screen: str) -> dict[str, int]:
    """Return the differences by pane, in rows or columns; none if they cannot be read.

    Args:
        screen: name of the screen.
    """
    return dict(_valid(_read().get(screen)))


def keep_sizes(screen: str, sizes: Mapping[str, int]) -> None:
    """Remember the differences of a screen's panes; where they cannot be written, for now only.

    Args:
        screen: name of the screen.
        sizes: differences by pane, in rows or columns.
    """
    document = _read()
    document[screen] = {pane: size for pane, size in sizes.items() if size}
    text = json.dumps({name: dict(_valid(panes)) for name, panes in document.items()}, indent=1)
    # Sizes are no work that could be lost: not worth an error, nor waiting for the disk.
    with contextlib.suppress(FinnTuiError):
        files.replace(sizes_path(), text + "\n", durable=False)


def _read() -> dict[str, object]:
    try:
        document = json.loads(sizes_path().read_bytes()[:65536])
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _valid(panes: object) -> dict[str, int]:
    if not isinstance(panes, dict):
        return {}
    return {
        str(pane): size
        for pane, size in panes.items()
        if isinstance(size, int) and not isinstance(size, bool) and abs(size) <= _MOST
    }
