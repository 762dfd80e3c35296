"""The line to paste into a board's terminal, and how far the board is with it."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from finn_tui.base.errors import FinnTuiError
from finn_tui.ui.actions import keymap
from finn_tui.ui.actions import table as actions
from finn_tui.ui.context import context_of
from finn_tui.ui.messages import WorkKind
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.styled_line import StyledLine, duration, shorten, wrap

if TYPE_CHECKING:
    from finn_tui.board.paste.session import PasteHost

#: Seconds after which a board that has fetched the program and is not there is explained.
_LATE = 10.0


class PasteDialog(ModalScreen[str | None]):
    """Shows the line; returns "x" to end the work and the server, None when it is put aside."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("dialog")]
    CSS = "PasteDialog #paste { height: 14; }"

    def __init__(self, machine: str, host: PasteHost) -> None:
        """Make the dialog.

        Args:
            machine: name of the board.
            host: the server that waits for it.
        """
        super().__init__()
        self._machine = machine
        self.host = host

    def compose(self) -> ComposeResult:
        """Yield one box of lines."""
        with Vertical(classes="box"):
            yield LineView(self._text, on_hit=self._hit, id="paste")

    def on_mount(self) -> None:
        """Follow the board."""
        self.set_interval(0.5, self._follow)
        self._fit()

    def on_resize(self) -> None:
        """Wrap the line for the new width."""
        self._fit()

    def _follow(self) -> None:
        self._fit()
        self.query_one(LineView).redraw()

    def _fit(self) -> None:
        width = min(76, self.size.width) - 4
        lines = min(len(self._lines(width)) + 2, self.size.height - 2)
        view = self.query_one("#paste")
        if view.styles.height is None or view.styles.height.value != lines:
            view.styles.height = lines

    def _lines(self, width: int) -> list[StyledLine]:
        host = self.host
        title = StyledLine().add(
            shorten(f"Paste this line into the terminal of {self._machine}", width - 8), "title"
        )
        if not host.connected:
            waited = duration(time.monotonic() - host.begun)
            title.right(StyledLine().add(waited, "dim"), width)
        line = host.line
        # Cut where the box ends: it has no blanks to wrap at.
        pieces = [line[at : at + width] for at in range(0, len(line), width)]
        lines = [title, StyledLine(), *(StyledLine().add(piece, "strong") for piece in pieces)]
        return [*lines, StyledLine(), *self._steps(width)]

    def _steps(self, width: int) -> list[StyledLine]:
        host, connected = self.host, self.host.connected
        fetched = host.fetched or connected
        lines = [
            _step(True, f"the server listens at {host.address}", width),
            _step(fetched, "the board fetches a program, checks its SHA-256, starts it", width),
            _step(
                connected,
                f"connected to {host.board_text}" if connected else "it connects; the work goes on",
                width,
            ),
        ]
        text = (
            "Closed to everybody else; it ends with finn-tui, or half an hour after the last job."
        )
        if fetched and not connected and time.monotonic() - host.begun > _LATE:
            text = "Its terminal shows what it waits for: a password for sudo, or an error."
        lines += [StyledLine(), *wrap(text, width, "dim")]
        if host.refused:
            lines.append(StyledLine().add(f"{host.refused} requests of others refused", "warn"))
        return lines

    def _text(self, width: int, height: int) -> list[StyledLine]:
        lines = self._lines(width)[: height - 2]
        keys = StyledLine()
        words = (("c", "copy"), ("w", "plain, for the mouse"), ("escape", "aside"), ("x", "stop"))
        for key, word in words:
            keys.add("  " if keys.width else "").add(keymap.key_name(key), "key", key)
            keys.add(f" {word}", "dim", key)
        return [*lines, *[StyledLine()] * (height - 1 - len(lines)), keys]

    def _hit(self, hit: object) -> None:
        if isinstance(hit, str):
            self._answer(hit)

    def on_key(self, event: events.Key) -> None:
        """Take an answer."""
        if event.key in ("c", "w", "x"):
            event.stop()
            event.prevent_default()
            self._answer(event.key)

    def _answer(self, key: str) -> None:
        if key == "c":
            self._copy()
        elif key == "w":
            context_of(self).start(WorkKind.PAGER, self._show_plain())
        else:
            self.dismiss("x" if key == "x" else None)

    def _copy(self) -> None:
        self.app.copy_to_clipboard(self.host.line)
        text = "sent to the terminal's clipboard; w shows it where the terminal takes none"
        if os.environ.get("TMUX"):
            text += "; tmux passes it on with `set -g set-clipboard on`"
        context_of(self).notify(text, title="copied", markup=False)

    async def _show_plain(self) -> None:
        """Show the line without the app around it, for terminals that take no clipboard."""
        try:
            # The server goes on meanwhile; nothing may be drawn.
            with self.app.suspend(), self.app.batch_update():
                print(f"\n{self.host.line}\n\nenter goes back", flush=True)
                waiting = await asyncio.create_subprocess_exec("sh", "-c", "read line < /dev/tty")
                await waiting.wait()
        except (OSError, SuspendNotSupported) as error:
            raise FinnTuiError(
                "the line cannot be shown without the app",
                str(error),
                "`finn-tui go RUN --paste --bind ADDRESS` prints one.",
                kind="tools",
            ) from error

    def do_dialog_close(self) -> None:
        """Put the line aside; the work waits for it."""
        self.dismiss(None)


def _step(done: bool, text: str, width: int) -> StyledLine:
    line = StyledLine().add("✓ " if done else "· ", "good" if done else "faint")
    return line.add(shorten(text, width - 2), "" if done else "dim")
