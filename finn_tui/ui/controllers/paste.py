"""Boards that only have a terminal: where the server listens, and the line that is pasted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.ui.context import AppContext
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.state import Topic

if TYPE_CHECKING:
    from finn_tui.board.paste.session import Listening, PasteHost
    from finn_tui.ui.board.paste_dialog import PasteDialog


@dataclass
class PasteListens(WorkResult):
    """The server for a board's line listens."""

    kind = WorkKind.PASTE
    machine: str
    host: PasteHost


@dataclass
class PasteEnded(WorkResult):
    """The server was not wanted any more and is closed."""

    kind = WorkKind.PASTE


class PasteController(Controller):
    """At most one server for a line to paste, for one board."""

    def __init__(self, context: AppContext) -> None:
        """Create the controller."""
        super().__init__(context)
        self._machine = ""
        self._host: PasteHost | None = None
        self._dialog: PasteDialog | None = None
        self._then: Callable[[], None] = lambda: None
        self._refused: Callable[[], None] = lambda: None
        #: What the user said last time.
        self._address = ""

    def host(self, machine: str) -> PasteHost | None:
        """Return the server for a board, if it listens."""
        return self._host if machine == self._machine else None

    def lacks(self, machine: str) -> bool:
        """Return whether a board is reached by a pasted line and no server waits for it yet."""
        from finn_tui.board import catalogue

        if self.host(machine) is not None:
            return False
        try:
            return catalogue.find(machine).paste
        except FinnTuiError:
            # Said by what is done with the board.
            return False

    def ask(
        self, machine: str, then: Callable[[], None], refused: Callable[[], None] = lambda: None
    ) -> None:
        """Ask where the board reaches this machine, and listen there.

        Args:
            machine: the board's name.
            then: called when the server listens.
            refused: called if the user names no address, or it cannot be used.
        """
        from finn_tui.board.paste.session import parse_listening
        from finn_tui.ui.board.paste_address import address_dialog

        def chosen(text: str | None) -> None:
            if text is None:
                refused()
                return
            self._address, self._then, self._refused = text, then, refused
            self.context.start(WorkKind.PASTE, self._serve(machine, parse_listening(text)))

        self.context.show_dialog(address_dialog(machine, self._address), chosen)

    def do_board_paste(self) -> None:
        """Show the line to paste."""
        from finn_tui.ui.board.paste_dialog import PasteDialog

        if self._host is None:
            self.context.notify(
                "d asks for an address and shows the line, for a board that is reached by one",
                title="no line to paste",
                severity="warning",
                markup=False,
            )
            return
        if self._dialog is not None:
            return
        dialog = self._dialog = PasteDialog(self._machine, self._host)

        def closed(answer: str | None) -> None:
            self._dialog = None
            if answer == "x":
                self.context.stop(WorkKind.BOARD, WorkKind.PASTE)

        self.context.show_dialog(dialog, closed)

    def follow(self, step: str) -> None:
        """Show the line while it is waited for, and close it when the board is there.

        Args:
            step: "waits" or "connected".
        """
        if step == "waits":
            self.do_board_paste()
        elif self._dialog is not None and self._dialog.is_current:
            self._dialog.dismiss(None)

    def listens(self, message: PasteListens) -> None:
        """Go on with what needs the board."""
        self._machine, self._host = message.machine, message.host
        then, self._then = self._then, lambda: None
        then()

    def failed(self, error: FinnTuiError) -> None:
        """Show why there is no server."""
        self._close()
        self._refused()
        self.context.show_error(error)

    def ended(self, message: PasteEnded | None = None) -> None:
        """Forget a server that is closed."""
        self._close()

    def _close(self) -> None:
        self._host = None
        if self._dialog is not None and self._dialog.is_current:
            self._dialog.dismiss(None)
        self.state.publish(Topic.BOARD)

    async def _serve(self, machine: str, where: Listening) -> PasteEnded:
        from finn_tui.board import catalogue
        from finn_tui.board.paste.session import hosting

        board = await asyncio.to_thread(catalogue.find, machine)
        async with hosting(board, where) as host:
            self.context.post_message(PasteListens(machine, host))
            await host.wait_unused()
        return PasteEnded()
