"""The Pareto front: plot above, table below; a row can be loaded into Tune."""

from __future__ import annotations

from typing import ClassVar, Protocol, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from finn_tui.lab.solver.options import SolveOptions
from finn_tui.ui.actions import table as actions
from finn_tui.ui.actions.keymap import key_name, keys_of
from finn_tui.ui.actions.table import BY_ID
from finn_tui.ui.context import AppContext
from finn_tui.ui.pareto import state as pareto
from finn_tui.ui.pareto.state import ParetoFront
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Listing
from finn_tui.ui.toolkit.styled_line import StyledLine
from finn_tui.ui.tune.state import TuneState


class SolverActions(Protocol):
    """The part of ``SolverController`` that the screen uses."""

    def find_front(self, tune: TuneState, solve_options: SolveOptions) -> ParetoFront:
        """Start computing a front; its points arrive as messages.

        Args:
            tune: the open model.
            solve_options: limits and locks.
        """


class ParetoContext(AppContext, Protocol):
    """The app context with the solver."""

    @property
    def solver(self) -> SolverActions:
        """Return the solver."""


class ParetoScreen(ModalScreen[None]):
    """Shows a ``ParetoFront``, whose computation continues when the screen is closed."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("dialog", "pareto")]
    CSS_PATH = "screen.tcss"

    def __init__(self, front: ParetoFront) -> None:
        """Create the screen of a front."""
        super().__init__()
        self.front = front

    @property
    def context(self) -> ParetoContext:
        """Return the app context."""
        return cast("ParetoContext", self.app)

    def compose(self) -> ComposeResult:
        """Yield title, plot, table and keys."""
        with Vertical(id="front"):
            yield LineView(self._title, id="title")
            yield LineView(self._plot, id="plot")
            yield Listing(id="points", title="Points", classes="pane")
            yield LineView(self._keys, on_hit=self._hit, id="keys")

    def on_mount(self) -> None:
        """Focus the table."""
        self.query_one(Listing).focus()
        self.call_after_refresh(self.show)

    def show(self) -> None:
        """Show the points that are known."""
        listing = self.query_one(Listing)
        listing.set_content(pareto.table(self.front, self.size.width))
        for name in ("#title", "#plot", "#keys"):
            self.query_one(name, LineView).redraw()

    def _title(self, width: int, height: int) -> list[StyledLine]:
        return pareto.title(self.front, width)

    def _plot(self, width: int, height: int) -> list[StyledLine]:
        return pareto.drawing(self.front, self.query_one(Listing).key, width, height)

    def _keys(self, width: int, height: int) -> list[StyledLine]:
        line, keymap = StyledLine().add(" "), self.context.state.keymap
        for id, meaning in (
            ("list.choose", "load into Tune"),
            ("pareto.setfolding", "load SetFolding"),
            ("pareto.again", "compute again"),
            ("dialog.close", "close"),
        ):
            line.add(key_name(keys_of(BY_ID[id], keymap)[0]), "key", id)
            line.add(f" {meaning}   ", "dim", id)
        return [line]

    def _hit(self, hit: object) -> None:
        if isinstance(hit, str) and hit in BY_ID:
            target = self.query_one(Listing) if hit.startswith("list.") else self
            getattr(target, BY_ID[hit].method)()

    def on_listing_moved(self) -> None:
        """Mark the chosen point in the plot."""
        self.query_one("#plot", LineView).redraw()

    def on_listing_chosen(self) -> None:
        """Load the row's folding."""
        self._take(setfolding=False)

    def _take(self, *, setfolding: bool) -> None:
        key = self.query_one(Listing).key
        if (key == "now" and not setfolding) or self.front.load(key, setfolding=setfolding):
            self.dismiss(None)

    def do_pareto_setfolding(self) -> None:
        """Load the folding of SetFolding at the row's target."""
        self._take(setfolding=True)

    def do_pareto_again(self) -> None:
        """Compute the front again."""
        self.front = self.context.solver.find_front(self.front.tune, self.front.solve_options)
        self.show()

    def do_dialog_close(self) -> None:
        """Close; the computation continues."""
        self.dismiss(None)
