"""What the Tune screen and its dialogs share."""

from __future__ import annotations

from finn_tui.ui.toolkit.mode_screen import ModeScreen
from finn_tui.ui.tune.state import TuneState, tune_state


class TuneMode(ModeScreen):
    """A screen of the open model."""

    @property
    def tune(self) -> TuneState | None:
        """Return the open model; None before one is open."""
        return tune_state(self.state)
