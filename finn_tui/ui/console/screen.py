"""A terminal on a board over the whole window."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from finn_tui.hosts.transport import Console
from finn_tui.ui.console.view import ConsoleView
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.styled_line import StyledLine, printable, shorten


class ConsoleScreen(ModalScreen[None]):
    """A board's terminal, with one line that says where one is and how to leave."""

    BINDINGS: ClassVar[list[BindingType]] = []
    CSS = """
    ConsoleScreen { layout: vertical; }
    ConsoleScreen #where { height: 1; dock: bottom; }
    """

    def __init__(self, machine: str, *, simulated: bool) -> None:
        """Make the screen; ``attach`` brings the terminal."""
        super().__init__()
        self._machine = machine
        self._simulated = simulated
        self._state = "connecting ..."

    def compose(self) -> ComposeResult:
        """Yield the terminal and its line."""
        yield ConsoleView()
        yield LineView(self._line, id="where")

    def on_mount(self) -> None:
        """Keys go to the terminal."""
        self.query_one(ConsoleView).focus()

    async def serve(self, console: Console) -> None:
        """Show a console until it ends."""
        view = self.query_one(ConsoleView)
        view.connect(console)
        self.set_state("")
        try:
            while data := await console.read():
                await view.feed(data)
        finally:
            view.connect(None)
        self.set_state("the terminal has ended")

    @property
    def terminal_size(self) -> tuple[int, int]:
        """Columns and rows."""
        emulator = self.query_one(ConsoleView).emulator
        return emulator.columns, emulator.rows

    def set_state(self, text: str) -> None:
        """Say what is waited for or has happened."""
        self._state = printable(text)
        self.query_one("#where", LineView).redraw()

    def _line(self, width: int, height: int) -> list[StyledLine]:
        line = StyledLine().add(" ctrl+] ", "key").add("leave", "dim")
        line.add("  shift+pgup ", "key").add("back", "dim").add("  drag ", "key").add("copy", "dim")
        where = StyledLine().add(shorten(printable(self._machine), 30), "strong")
        if self._state:
            where.add(f"  {shorten(self._state, 40)}", "warn")
        if self._simulated:
            where.add("  SIMULATED", "sim")
        return [line.right(where.add(" "), width)]

    def on_console_view_left(self) -> None:
        """Leave; the board's shell ends with that."""
        self.dismiss(None)

    def on_text_selected(self) -> None:
        """Copy what was selected with the mouse."""
        text = self.get_selected_text()
        if text:
            self.app.copy_to_clipboard(text)
