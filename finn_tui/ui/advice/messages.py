"""Results of the background work of the What-next dialog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_tui.ui.messages import WorkKind, WorkResult

if TYPE_CHECKING:
    from finn_tui.ui.advice.state import Advice, AdviceState


@dataclass
class AdviceReady(WorkResult):
    """The layers that can be reduced; ``advice`` is the dialog's state that asked."""

    kind = WorkKind.ADVICE
    advice: AdviceState
    answer: Advice
