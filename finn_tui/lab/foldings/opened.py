"""A model that is opened for a board."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_tui.core.design import Design
from finn_tui.core.editor import Editor
from finn_tui.lab.models.models import Model

if TYPE_CHECKING:
    from finn_tui.core.calibrate import Learned


@dataclass
class Opened:
    """A model opened for a board.

    Attributes:
        editor: which folding it was opened with, and what became of it.
        learned: what the workspace's own builds teach; None if there are none.
    """

    model: Model
    editor: Editor
    learned: Learned | None = None

    @property
    def design(self) -> Design:
        """The design that is edited."""
        return self.editor.design


def default_folding(model: Model) -> str:
    """The folding that a model is opened with: the published one where there is one."""
    brought = model.preset.foldings if model.preset else {}
    return "published" if "published" in brought else "ones"
