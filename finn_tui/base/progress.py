"""How long work tells where it is: one small value, from the deepest function to bar or line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Progress:
    """One step forward.

    Attributes:
        stage: the piece of work ("engine", "prepare", "tables", "deploy", "validate", ...).
        message: what is being done now, one short line.
        fraction: 0..1, or None where no total is known.
        data: whatever a screen may want beside it (running accuracy, bytes, image counts).
    """

    stage: str
    message: str
    fraction: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


OnProgress = Callable[[Progress], None]


def ignore(_: Progress) -> None:
    """Ignore progress: the default listener."""
