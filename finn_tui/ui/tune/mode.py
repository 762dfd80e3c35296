"""What the Tune screen and its dialogs have in common."""

from __future__ import annotations

from finn_tui.ui.toolkit.mode_screen import ModeScreen
from finn_tui.ui.tune.state import TuneState, tune_state


class TuneMode(ModeScreen):
    """A screen of the model that is open."""

    @property
    def tune(self) -> TuneState | None:
        """The model as Tune has it; None before one is open."""
        return tune_state(self.state)
