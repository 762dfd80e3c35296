"""The dialog in which input, output and steps of a network are chosen."""

from __future__ import annotations

from collections.abc import Sequence

from finn_tui.ui.dialogs.choose import ChooseDialog
from finn_tui.ui.toolkit.listing import Content
from finn_tui.ui.toolkit.styled_line import StyledLine, wrap


class HandlingDialog(ChooseDialog):
    """Settings as rows, and below them what was assumed when the network was prepared."""

    def __init__(self, title: str, content: Content, notes: Sequence[str], key: str) -> None:
        """Make a dialog.

        Args:
            title: what it is about.
            content: one row a setting.
            notes: what was assumed and done, and why.
            key: the row that the cursor begins on.
        """
        super().__init__(title, content, key, typing="find")
        self._notes = notes

    def on_mount(self) -> None:
        """Give the notes as many rows as they need."""
        super().on_mount()
        self._fit()

    def on_resize(self) -> None:
        """Wrap the notes for the new width."""
        self._fit()

    def _fit(self) -> None:
        width = min(76, self.size.width) - 4
        room = max(1, self.size.height - 12)
        self.query_one("#foot").styles.height = min(room, len(self._foot(width, 99)))

    def _foot(self, width: int, height: int) -> list[StyledLine]:
        lines: list[StyledLine] = []
        for note in self._notes:
            lines += wrap(f"- {note}", width, "quiet", "  ")
        return [*lines, *wrap("enter changes a setting; esc cancels", width, "dim")][:height]
