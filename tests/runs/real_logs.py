"""Where real logs lie: not in this repository, and not everywhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_DEFAULT = Path(__file__).parents[2].parent / "shared" / "logs"
LOGS = Path(os.environ.get("FINN_TUI_TEST_LOGS", _DEFAULT))

needs_logs = pytest.mark.skipif(
    not LOGS.is_dir(), reason=f"no real logs at {LOGS} (FINN_TUI_TEST_LOGS names another place)"
)


def folders() -> list[str]:
    """The collections of logs, one folder each."""
    return sorted(path.name for path in LOGS.iterdir() if path.is_dir()) if LOGS.is_dir() else []
