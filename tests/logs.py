"""Where logs and reports of real builds lie, if they are here: beside the repository."""

from __future__ import annotations

import os
from pathlib import Path

LOGS = Path(
    os.environ.get("FINN_TUI_TEST_LOGS") or Path(__file__).resolve().parents[2] / "shared" / "logs"
)
