"""The Python environment of the simulated board: the real driver, installed as on a board."""

from __future__ import annotations

import os
from pathlib import Path

from finn_tui.base import environments, paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore

DRIVER_VERSION = "1.6.1"
# An interpreter that has the driver already; tests and offline machines use it.
VARIABLE = "FINN_TUI_DRIVER_PYTHON"


def recipe() -> environments.Recipe:
    """Return what uv installs. Nothing of FINN, and not pynq: that is the stand-in's part."""
    requirement = f"finn-plus-driver=={DRIVER_VERSION}"
    return environments.Recipe(
        name="board driver",
        python="3.11",
        # six: finn-dataset-loading imports it without saying so.
        arguments=((requirement, "six"),),
        version=requirement,
    )


async def ensure(on_progress: OnProgress = ignore) -> Path:
    """Return the interpreter of the driver's environment, made at the first need.

    Raises:
        FinnTuiError: it could not be installed, or the one named in ``FINN_TUI_DRIVER_PYTHON`` is
            not there.
    """
    named = os.environ.get(VARIABLE)
    if named:
        python = Path(named)
        if python.exists():
            return python
        raise FinnTuiError(
            f"there is no Python at {named}",
            f"{VARIABLE} names it for the simulated board.",
            f"Correct {VARIABLE} or unset it.",
            kind="board",
        )
    return await environments.ensure(paths.data_dir() / "boards" / "driver", recipe(), on_progress)
