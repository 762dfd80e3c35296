"""The board doctor over the window: what stands between a board and a run, each with its fix."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from finn_tui.ui.actions import keymap
from finn_tui.ui.actions import table as actions
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Column, Content, Listing, Row
from finn_tui.ui.toolkit.styled_line import StyledLine, printable, shorten, wrap

if TYPE_CHECKING:
    from finn_tui.base.errors import FinnTuiError
    from finn_tui.board.doctor import DoctorReport

#: By status: sign, word, role.
_SIGNS = {
    "ok": ("✓", "ok", "good"),
    "warn": ("!", "warn", "warn"),
    "fail": ("✗", "wrong", "bad"),
    "unknown": ("?", "unknown", "dim"),
}
#: Lines of the value and the fix of the check under the cursor.
_DETAIL = 5


class DoctorScreen(ModalScreen[None]):
    """The checks of a board as a list."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("dialog")]
    CSS = f"""
    DoctorScreen .box {{ width: 130; }}
    DoctorScreen #head {{ height: 1; }}
    DoctorScreen #checks {{ height: 16; }}
    DoctorScreen #detail {{ height: {_DETAIL}; }}
    DoctorScreen #keys {{ height: 1; }}
    """

    def __init__(
        self, machine: str, run: str, look: Callable[[], None], ask_sudo: Callable[[], None]
    ) -> None:
        """Make the screen; ``set_report`` fills it.

        Args:
            machine: name of the board.
            run: id of the run that it is examined for; empty for none.
            look: examines it again.
            ask_sudo: asks for the password of sudo, and examines it again.
        """
        super().__init__()
        self._look = look
        self._ask_sudo = ask_sudo
        self.machine = machine
        self._run = run
        self._state = ""
        self._report: DoctorReport | None = None
        self._error: FinnTuiError | None = None

    def compose(self) -> ComposeResult:
        """Yield title, checks, the chosen one's value and fix, and the keys."""
        with Vertical(classes="box"):
            yield LineView(self._head, id="head")
            yield Listing(id="checks", headings=False)
            yield LineView(self._detail, id="detail")
            yield LineView(self._keys, on_hit=self._hit, id="keys")

    def on_mount(self) -> None:
        """Keys go to the list."""
        self.query_one(Listing).focus()
        self._fit()
        self._show()

    def on_resize(self) -> None:
        """Fit the list to the window."""
        self._fit()

    def _fit(self) -> None:
        rows = len(self._report.checks) if self._report is not None else 1
        room = self.size.height - _DETAIL - 4
        self.query_one(Listing).styles.height = max(3, min(rows, room))

    def set_state(self, text: str) -> None:
        """Say what is being done; empty when it is done."""
        self._state, self._error = printable(text), None
        self._show()

    def set_report(self, report: DoctorReport) -> None:
        """Show what was found, the first problem under the cursor."""
        self._state, self._error, self._report = "", None, report
        self._fit()
        worst = next(
            (check.name for check in report.checks if check.status in ("fail", "warn")), None
        )
        self._show(worst)

    def set_error(self, error: FinnTuiError) -> None:
        """Say why the board could not be examined."""
        self._state, self._error, self._report = "", error, None
        self._show()

    def _show(self, key: str | None = None) -> None:
        if not self.is_mounted:
            return
        listing = self.query_one(Listing)
        rows = []
        for check in self._report.checks if self._report is not None else ():
            sign, word, role = _SIGNS[check.status]
            cells = [(f"{sign} {word}", role), (check.title, ""), (printable(check.value), "dim")]
            rows.append(Row(check.name, cells))
        empty = "the board could not be examined" if self._error is not None else self._state
        columns = [Column("", 9), Column("check", 18), Column("")]
        listing.set_content(Content(columns, rows, empty or "nothing was examined yet"), key)
        for view in self.query(LineView):
            view.redraw()

    def _head(self, width: int, height: int) -> list[StyledLine]:
        line = (
            StyledLine().add(shorten(printable(self.machine), 30), "title").add(" doctor", "title")
        )
        if self._run:
            line.add(f"  for {self._run if width >= 100 else self._run[-4:]}", "dim")
        report = self._report
        right = StyledLine()
        if self._state:
            right.add(shorten(self._state, width - line.width - 14), "accent")
        elif report is not None:
            right.add(_summary(report), "dim")
        if report is not None and report.simulated:
            right.add("  SIMULATED", "sim")
        return [line.right(right, width)]

    def _detail(self, width: int, height: int) -> list[StyledLine]:
        if self._error is not None:
            lines = wrap(f"✗ {self._error.what}. {self._error.why}", width, "bad")
            return [StyledLine(), *lines[: height - 2], *wrap(self._error.fix, width, "accent")]
        key = self.query_one(Listing).key
        checks = self._report.checks if self._report is not None else ()
        check = next((check for check in checks if check.name == key), None)
        if check is None:
            return []
        fix = wrap(f"→ {printable(check.fix)}", width, "accent") if check.fix else []
        value = wrap(f"{check.title}: {printable(check.value)}", width)
        return [StyledLine(), *value[: max(1, height - 1 - len(fix))], *fix]

    def _keys(self, width: int, height: int) -> list[StyledLine]:
        line = StyledLine()
        words = [("r", "look again"), ("escape", "close")]
        if self._wants_sudo:
            words.insert(1, ("s", "password for sudo"))
        for key, word in words:
            line.add("  " if line.width else "").add(keymap.key_name(key), "key", key)
            line.add(f" {word}", "dim", key)
        return [line]

    def _hit(self, hit: object) -> None:
        if hit == "escape":
            self.dismiss(None)
        elif self._state:
            return
        elif hit == "r":
            self._look()
        elif self._wants_sudo:
            self._ask_sudo()

    @property
    def _wants_sudo(self) -> bool:
        """Whether a password could help the check of the driver process."""
        checks = self._report.checks if self._report is not None else ()
        return any(
            check.name == "sudo" and check.status == "fail" and "password" in check.value
            for check in checks
        )

    def on_key(self, event: events.Key) -> None:
        """Look again, or ask for a password."""
        if event.key == "r" or (event.key == "s" and self._wants_sudo):
            event.stop()
            event.prevent_default()
            self._hit(event.key)

    def on_listing_moved(self, event: Listing.Moved) -> None:
        """Show the check under the cursor."""
        event.stop()
        self.query_one("#detail", LineView).redraw()

    def do_dialog_close(self) -> None:
        """Close; an examination that runs ends."""
        self.dismiss(None)


def _summary(report: DoctorReport) -> str:
    counts = {word: 0 for _, word, _ in _SIGNS.values()}
    for check in report.checks:
        counts[_SIGNS[check.status][1]] += 1
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)
