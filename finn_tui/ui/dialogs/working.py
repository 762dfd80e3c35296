"""Progress of long work: finished stages, the present one, cancel."""

from __future__ import annotations

import time
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from finn_tui.base.progress import Progress
from finn_tui.ui.actions import table as actions
from finn_tui.ui.actions.keymap import key_name, keys_of
from finn_tui.ui.context import context_of
from finn_tui.ui.messages import WorkKind
from finn_tui.ui.toolkit.frame import MODES
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.styled_line import StyledLine, bar, duration, printable, shorten

#: Stages of progress as people call them.
_STAGES = {
    "install": "installing FINN",
    "engine": "starting FINN",
    "prepare": "preparing the network",
    "tables": "cost of every legal folding",
    "build": "starting the build",
    "board": "connecting",
}


class Working(ModalScreen[str | None]):
    """Progress of one piece of work; escape cancels it.

    Gives the action of a mode's key, for which the progress is put aside; None at its end.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("dialog")]
    CSS_PATH = "working.tcss"

    def __init__(self, title: str, kind: WorkKind) -> None:
        """Create the dialog.

        Args:
            title: of the work.
            kind: of the work.
        """
        super().__init__()
        self.kind = kind
        self._title = title
        self._ended = False
        self._last: dict[str, Progress] = {}
        #: Stages in the order in which they were last entered, with when that was.
        self._entered: list[tuple[str, float]] = []
        self._log: list[str] = []

    def compose(self) -> ComposeResult:
        """Yield one box of lines."""
        with Vertical(classes="box"):
            yield LineView(self._text, id="work")

    def on_mount(self) -> None:
        """Redraw the elapsed time."""
        self.set_interval(0.5, self.query_one(LineView).redraw)

    def end(self) -> None:
        """Close it: now, or as soon as no question lies over it."""
        if self._ended:
            return
        self._ended = True
        # Textual closes the screen on top, whichever is asked to close.
        if self.app.screen is self:
            self.dismiss(None)

    def on_screen_resume(self) -> None:
        """Close it if its work ended under a question."""
        if self._ended and self.app.screen is self:
            self.dismiss(None)

    def report(self, progress: Progress) -> None:
        """Show a step of the progress."""
        if not self._entered or self._entered[-1][0] != progress.stage:
            # A stage that is gone back to stands at the end again.
            self._entered = [entry for entry in self._entered if entry[0] != progress.stage]
            self._entered.append((progress.stage, time.monotonic()))
        if progress.data.get("log"):
            self._log = [*self._log, progress.message][-4:]
        else:
            self._last[progress.stage] = progress
        # The first words come before the box is there: it draws itself then.
        if self.is_mounted:
            self.query_one(LineView).redraw()

    def _text(self, width: int, height: int) -> list[StyledLine]:
        lines = [StyledLine().add(shorten(self._title, width), "title"), StyledLine()]
        seconds_now = time.monotonic()
        for index, (stage, began) in enumerate(self._entered):
            name = _STAGES.get(stage, stage)
            if index + 1 < len(self._entered):
                elapsed = self._entered[index + 1][1] - began
                done = StyledLine().add("✓ ", "good").add(name)
                lines.append(done.right(StyledLine().add(duration(elapsed), "dim"), width))
                continue
            line = StyledLine().add("• ", "accent").add(name, "strong")
            lines.append(line.right(StyledLine().add(duration(seconds_now - began), "dim"), width))
            last = self._last.get(stage)
            if last is None:
                continue
            if last.fraction is not None:
                size = min(40, width - 8)
                filled = bar(last.fraction, size).rstrip()
                meter = StyledLine().add("  ").add(filled, "bar")
                meter.add("░" * (size - len(filled)), "faint")
                lines.append(meter.add(f" {last.fraction:.0%}"))
            lines.append(
                StyledLine().add("  " + shorten(printable(last.message), width - 2), "dim")
            )
        lines += [StyledLine().add("  " + shorten(text, width - 2), "faint") for text in self._log]
        keys = StyledLine().add("esc", "key").add(" cancel", "dim")
        if self.kind is WorkKind.OPEN:
            first_key, last_key = (self._keys_of(id)[0] for _, id, _ in (MODES[0], MODES[-1]))
            text = f"   {key_name(first_key)}-{key_name(last_key)}"
            keys.add(text, "key").add(" other screens meanwhile", "dim")
        keys.add("   q", "key").add(" quit", "dim")
        return [
            *lines[: height - 2],
            *[StyledLine()] * (height - 1 - len(lines[: height - 2])),
            keys,
        ]

    def on_key(self, event: events.Key) -> None:
        """A mode's key puts the progress aside; the key to quit quits, whatever is at work."""
        modes = [id for _, id, _ in MODES] if self.kind is WorkKind.OPEN else []
        for id in (*modes, "app.quit"):
            if event.key in self._keys_of(id):
                event.stop()
                self.dismiss(id)

    def _keys_of(self, id: str) -> tuple[str, ...]:
        return keys_of(actions.BY_ID[id], context_of(self).state.keymap)

    def do_dialog_close(self) -> None:
        """Cancel the work."""
        context_of(self).stop(self.kind)
        self.dismiss(None)
