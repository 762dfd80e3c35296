"""The solve dialog: the form, the solver at work, and the changes to review."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.compare import Comparison
from finn_tui.lab.solver.requests import SolveRequest
from finn_tui.ui.actions import table as actions
from finn_tui.ui.actions.keymap import key_name, keys_of
from finn_tui.ui.actions.table import BY_ID
from finn_tui.ui.context import AppContext
from finn_tui.ui.solve import view as solve_view
from finn_tui.ui.solve.state import SolveState
from finn_tui.ui.toolkit.frame import MODES
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Listing
from finn_tui.ui.toolkit.styled_line import StyledLine, wrap
from finn_tui.ui.toolkit.text_input import FieldInput


class SolverActions(Protocol):
    """The part of ``SolverController`` that the dialog uses."""

    def begin_solving(self, solving: SolveState, request: SolveRequest) -> None:
        """Send a request to the solver; the answer is written into ``solving``.

        Args:
            solving: the dialog's state.
            request: from its form.
        """

    def stop_solving(self, solving: SolveState) -> None:
        """End the solver's process without an answer."""

    def find_fastest(self, solving: SolveState, request: SolveRequest) -> None:
        """Compute the fastest folding that fits, which the form shows.

        Args:
            solving: the dialog's state.
            request: for the fastest.
        """


class SolveContext(AppContext, Protocol):
    """The app context with the solver."""

    @property
    def solver(self) -> SolverActions:
        """Return the solver."""


class SolveDialog(ModalScreen[str | None]):
    """One of three views of a ``SolveState``: the form, the progress, the answer.

    Gives the action of a mode's key, for which the work is put aside; None when it is closed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("dialog", "solve")]
    CSS_PATH = "screen.tcss"

    def __init__(self, solving: SolveState) -> None:
        """Make the dialog of a model's solver state."""
        super().__init__()
        self.solving = solving
        self._difference: Comparison | None = None

    @property
    def context(self) -> SolveContext:
        """Return the app context."""
        return cast("SolveContext", self.app)

    def compose(self) -> ComposeResult:
        """Yield text, list and keys."""
        with Vertical(classes="box"):
            with LineView(self._face, on_hit=self._hit, id="face"):
                yield FieldInput(id="typed")
            yield Listing(id="changed")
            yield LineView(self._keys, on_hit=self._hit, id="keys")

    def on_mount(self) -> None:
        """Show the state, and redraw the elapsed time."""
        self.show()
        self.set_interval(0.5, self._tick)

    def on_resize(self) -> None:
        """Wrap the text for the new width."""
        self.show()

    def _tick(self) -> None:
        if self.solving.busy:
            self.query_one("#face", LineView).redraw()

    def show(self) -> None:
        """Show the present state."""
        solving, listing = self.solving, self.query_one(Listing)
        if solving.solution is None:
            self._difference = None
        elif self._difference is None:
            self._difference = solving.comparison()
            solving.look_at()
        room = self.size.height - 5
        width = self._width
        face = self.query_one("#face", LineView)
        height = len(self._written(width))
        difference = self._difference
        listing.display = difference is not None
        if difference is not None:
            content = solve_view.layers(difference, width)
            rows = min(max(1, len(content.rows)) + 1, max(4, room - height - 1))
            listing.styles.height = rows
            height = min(height, room - rows)
            listing.call_after_refresh(listing.set_content, content)
            if not listing.has_focus:
                listing.window.to(0)
                listing.focus()
        self._place_field(width, min(height, room))
        face.styles.height = max(1, min(height, room))
        face.redraw()
        self.query_one("#keys", LineView).redraw()
        request = solving.wants_fastest() if self._asks else None
        if request is not None:
            self.context.solver.find_fastest(solving, request)

    def _place_field(self, width: int, height: int) -> None:
        """Place the text input over the form's current field if that takes text."""
        solving, line = self.solving, self.query_one(FieldInput)
        if self._asks and solving.current_field.kind == "text":
            at = ("edit", solving.form.at)
            line.display = line.place(self._written(width)[:height], at)
            text = solving.form.texts.get(solving.current_field.key, "")
            if line.value != text:
                line.value = text
                line.cursor_position = len(text)
        else:
            line.display = False
        if line.display:
            self.set_focus(line)
        elif self._difference is None:
            self.set_focus(None)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take the text of the current field."""
        event.stop()
        if self._asks and event.value != self.solving.text:
            self.solving.write(event.value)
            self.show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Send the form's request."""
        event.stop()
        self.do_solve_go()

    @property
    def _width(self) -> int:
        return min(100, self.size.width) - 4

    @property
    def _asks(self) -> bool:
        solving = self.solving
        return not solving.busy and solving.solution is None and solving.error is None

    def _written(self, width: int) -> list[StyledLine]:
        solving = self.solving
        lines = [solve_view.title(solving), StyledLine()]
        if solving.busy:
            return [*lines, *solve_view.working(solving, width)]
        if self._difference is not None:
            return [*lines[:1], *solve_view.summary(solving, self._difference, width)]
        if solving.error is not None:
            return [*lines, *solve_view.refused(solving, width)]
        lines += solve_view.form(solving, width)
        if solving.refusal:
            lines += wrap(solving.refusal, width, "bad")
        return lines

    def _face(self, width: int, height: int) -> list[StyledLine]:
        return self._written(width)[:height]

    def _answers(self) -> Sequence[tuple[str, str]]:
        solving = self.solving
        if solving.busy:
            return (
                ("dialog.close", "stop"),
                ("app.tune", "to 5 other screens meanwhile"),
            )
        if solving.solution is not None:
            return (
                ("solve.go", "apply"),
                ("dialog.close", "discard"),
                ("solve.again", "edit the form"),
            )
        if solving.error is not None:
            first = (("solve.fastest", "the fastest that fits"),) if solving.offers_fastest else ()
            again = (("solve.again", "edit the form"),)
            return (*first, ("solve.go", "try again"), *again, ("dialog.close", "close"))
        return solve_view.form_keys()

    def _keys(self, width: int, height: int) -> list[StyledLine]:
        line, keymap = StyledLine(), self.context.state.keymap
        for id, meaning in self._answers():
            name = "1" if id == "app.tune" else key_name(keys_of(BY_ID[id], keymap)[0])
            line.add("   " if line.width else "").add(name, "key", ("do", id))
            line.add(f" {meaning}", "dim", ("do", id))
        return [StyledLine(), line]

    # Keys and mouse

    def on_key(self, event: events.Key) -> None:
        """Pass digits to the form; a mode's key hides the dialog while the solver works."""
        if self.solving.busy:
            for _, id, _ in MODES:
                if event.key in keys_of(BY_ID[id], self.context.state.keymap):
                    event.stop()
                    self.dismiss(id)
            return
        if not self._asks:
            return
        if event.is_printable and event.character is not None and event.key != "space":
            self.solving.type(event.character)
            event.stop()
            event.prevent_default()
            self.show()

    def on_paste(self, event: events.Paste) -> None:
        """Take a pasted number."""
        event.stop()
        if self._asks:
            self.solving.type(event.text.strip())
            self.show()

    def _hit(self, hit: object) -> None:
        if not isinstance(hit, tuple):
            return
        solving = self.solving
        if hit[0] == "do":
            if hit[1] in BY_ID and hit[1] != "app.tune":
                getattr(self, BY_ID[hit[1]].method)()
            return
        solving.form.at = hit[1]
        if hit[0] == "choice":
            field = solving.current_field
            solving.form.values[field.key] = field.choices[hit[2]][0]
        elif hit[0] == "knob":
            solving.form.knob = hit[2]
            solving.toggle()
        self.show()

    def on_listing_chosen(self) -> None:
        """Apply the answer."""
        self.do_solve_go()

    def _form(self, change: str, direction: int) -> None:
        if self._asks:
            getattr(self.solving, change)(direction)
            self.show()

    def do_solve_up(self) -> None:
        """Go to the line above."""
        self._form("move", -1)

    def do_solve_down(self) -> None:
        """Go to the line below."""
        self._form("move", 1)

    def do_solve_left(self) -> None:
        """Select the previous choice."""
        self._form("turn", -1)

    def do_solve_right(self) -> None:
        """Select the next choice."""
        self._form("turn", 1)

    def do_solve_toggle(self) -> None:
        """Fix or free the knob under the cursor."""
        if self._asks:
            self.solving.toggle()
            self.show()

    def do_solve_go(self) -> None:
        """Send the request, or apply the answer."""
        solving = self.solving
        if solving.busy:
            return
        if solving.solution is not None:
            solving.accept()
            self.dismiss(None)
            return
        if solving.error is not None and solving.request is not None:
            self.context.solver.begin_solving(solving, solving.request)
        else:
            try:
                request = solving.build_request()
            except FinnTuiError as error:
                solving.refusal = ". ".join(part for part in (error.what, error.why) if part)
                self.show()
                return
            self.context.solver.begin_solving(solving, request)
        self.show()

    def do_solve_fastest(self) -> None:
        """Solve for the fastest that fits instead of an unreachable rate."""
        solving = self.solving
        if not solving.busy and solving.offers_fastest:
            solving.form.values["goal"] = "fill"
            solving.leave()
            self.do_solve_go()

    def do_solve_again(self) -> None:
        """Return to the form without applying the answer."""
        if not self.solving.busy:
            self.solving.leave()
            self.show()

    def do_solve_stop(self) -> None:
        """Stop the solver."""
        if self.solving.busy:
            self.context.solver.stop_solving(self.solving)
            self.show()

    def do_dialog_close(self) -> None:
        """Stop the solver, or discard its answer and close."""
        if self.solving.busy:
            self.do_solve_stop()
            return
        self.solving.leave()
        self.dismiss(None)
