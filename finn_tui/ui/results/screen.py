"""Results: one row for each run, its estimate beside what was built and measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import ClassVar

from textual.widget import Widget

from finn_tui.lab.presets import Preset, load_presets
from finn_tui.ui.actions import table as actions
from finn_tui.ui.results import view as results
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Content, Listing, facts
from finn_tui.ui.toolkit.mode_screen import ModeScreen
from finn_tui.ui.toolkit.panes import Resize
from finn_tui.ui.toolkit.styled_line import StyledLine, fit, printable


class ResultsScreen(ModeScreen):
    """The table of runs with their results."""

    place = "results"
    BINDINGS = actions.bindings("results")
    CSS_PATH = "screen.tcss"
    RESIZES: ClassVar[Mapping[str, Resize]] = {
        "runs": Resize("detail", "height", -1),
        "detail": Resize("detail", "height"),
    }

    @cached_property
    def _presets(self) -> Mapping[str, Preset]:
        return load_presets()[0]

    def body(self) -> Iterable[Widget]:
        """Yield the table, the details of a row, and unreadable documents."""
        yield Listing(id="runs", title="Results", classes="pane")
        yield Listing(id="detail", passive=True, headings=False, title="Run", classes="pane")
        yield LineView(self._broken, id="broken")

    def on_mount(self) -> None:
        """Focus the table."""
        self.query_one("#runs", Listing).focus()

    def draw(self) -> None:
        """Show all rows."""
        height = self.size.height
        rows = 7 if height >= 18 else 4
        self.resize_pane("detail", rows + (2 if height >= 34 else 1))
        listing = self.query_one("#runs", Listing)
        listing.set_content(results.results_content(self.state.results, listing.size.width))
        self._detail()
        self.query_one("#broken").display = bool(self.state.broken)
        self.query_one("#broken", LineView).redraw()

    def on_resize(self) -> None:
        """Choose the columns for the new size."""
        self.call_after_refresh(self.redraw)

    def _detail(self) -> None:
        key = self.query_one("#runs", Listing).key
        row = next((row for row in self.state.results if row.run == key), None)
        detail = self.query_one("#detail", Listing)
        if row is None:
            detail.set_content(Content(empty=""))
            return
        preset = self._presets.get(row.model)
        published = preset.published if preset is not None else ()
        detail.set_content(facts(results.result_facts(row, published)))

    def on_listing_moved(self, event: Listing.Moved) -> None:
        """Show another row."""
        if event.listing.id == "runs":
            self._detail()

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Show the run on the Runs screen."""
        if event.listing.id == "runs":
            self.state.chosen_run_id = str(event.key)
            self.context.show_mode("runs")

    def _broken(self, width: int, height: int) -> list[StyledLine]:
        return [
            StyledLine().add(" " + fit(printable(f"{error.what}: {error.why}"), width - 2), "warn")
            for error in self.state.broken[:height]
        ]
