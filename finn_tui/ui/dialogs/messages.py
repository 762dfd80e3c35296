"""Results of the background work of dialogs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from finn_tui.ui.messages import WorkKind, WorkResult


@dataclass
class OutlookReady(WorkResult):
    """More facts for the confirmation, as texts with their roles."""

    kind = WorkKind.OUTLOOK
    facts: Sequence[tuple[str, str]]
