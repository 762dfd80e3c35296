"""Results: one row for each run, its estimate beside what was built and measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from textual import events
from textual.containers import Horizontal
from textual.widget import Widget

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.models.presets import Preset, load_presets
from finn_tui.ui.actions import availability
from finn_tui.ui.actions import table as actions
from finn_tui.ui.actions.keymap import key_name, keys_of
from finn_tui.ui.actions.table import BY_ID
from finn_tui.ui.context import AppContext
from finn_tui.ui.results import view as results
from finn_tui.ui.results.state import ResultsState
from finn_tui.ui.toolkit.frame_title import set_frame_title
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Content, Listing, facts
from finn_tui.ui.toolkit.mode_screen import ModeScreen
from finn_tui.ui.toolkit.panes import Resize
from finn_tui.ui.toolkit.styled_line import StyledLine, fit, printable

if TYPE_CHECKING:
    from finn_tui.lab.results.results_table import Experiment
    from finn_tui.ui.state import RunView

#: From this many columns on, a plot stands beside the details instead of in their place.
_BESIDE = 120


class RunFoldings(Protocol):
    """The part of ``ModelController`` that the screen uses."""

    def load_run_folding(self, run: RunView) -> None:
        """Load the folding of a run into Tune."""


class ResultsContext(AppContext, Protocol):
    """The app context with foldings of runs."""

    @property
    def models(self) -> RunFoldings:  # type: ignore[override]
        """Return the models' controller."""


_BUILDS = "b builds the present folding, B a series of foldings"


class ResultsScreen(ModeScreen):
    """The table of runs with their results."""

    place = "results"
    BINDINGS = actions.bindings("results")
    CSS_PATH = "screen.tcss"
    RESIZES: ClassVar[Mapping[str, Resize]] = {
        "runs": Resize("below", "height", -1),
        "detail": Resize("below", "height"),
        "compare": Resize("below", "height"),
    }

    @property
    def own(self) -> ResultsState:
        """Return the screen's own state."""
        return self.state.feature(ResultsState)

    @cached_property
    def _presets(self) -> Mapping[str, Preset]:
        return load_presets(self.state.workspace.root)[0]

    def body(self) -> Iterable[Widget]:
        """Yield the table, the details of a row, a plot, and unreadable documents."""
        yield Listing(id="runs", title="Results", classes="pane")
        with Horizontal(id="below"):
            yield Listing(id="detail", passive=True, headings=False, title="Run", classes="pane")
            yield Listing(id="compare", passive=True, title="Marked runs", classes="pane")
            yield LineView(self._plot, id="plot", classes="pane right")
        yield LineView(self._broken, id="broken")

    def on_mount(self) -> None:
        """Focus the table."""
        self._comparing = False
        self.query_one("#runs", Listing).focus()

    def draw(self) -> None:
        """Show all rows."""
        own, width, height = self.own, *self.size
        known = {row.run for row in self.state.results}
        own.marked = [run for run in own.marked if run in known]
        plotted = own.plot is not None
        usual = 9 if height >= 18 else 5
        if (self._comparing or plotted) and height >= 18:
            usual = max(usual, height // 2)
        self.resize_pane("below", usual)
        listing = self.query_one("#runs", Listing)
        listing.title = self._title()
        rows = own.sorted(self.state.results)
        content = results.results_content(rows, listing.size.width, own.marked)
        content.empty = availability.no_runs(self.state, _BUILDS)
        listing.set_content(content)
        self.query_one("#plot").display = plotted
        self._comparing = self._comparing and len(own.marked) > 1
        room = not plotted or width >= _BESIDE
        self.query_one("#detail").display = room and not self._comparing
        self.query_one("#compare").display = room and self._comparing
        self._detail()
        self.query_one("#broken").display = bool(self.state.broken)
        self.query_one("#broken", LineView).redraw()

    def _title(self) -> str:
        own = self.own
        parts = ["Results"]
        if own.sort != "newest":
            parts.append(f"by {own.sort}")
        if own.marked:
            parts.append(f"{len(own.marked)} marked")
        if self.state.sweeping:
            parts.append(f"series: {self.state.sweeping}")
        return ", ".join(parts)

    def on_resize(self) -> None:
        """Choose the columns for the new size."""
        self.call_after_refresh(self.redraw)

    def _row(self) -> Experiment | None:
        key = self.query_one("#runs", Listing).key
        return next((row for row in self.state.results if row.run == key), None)

    def _run(self) -> RunView | None:
        row = self._row()
        return self.state.run(row.run) if row is not None else None

    def _detail(self) -> None:
        row, detail = self._row(), self.query_one("#detail", Listing)
        if self._comparing:
            compared = self.query_one("#compare", Listing)
            compared.set_content(self._comparison(compared.size.width))
        if row is None:
            detail.set_content(Content(empty=""))
        else:
            preset = self._presets.get(row.model)
            published = preset.published if preset is not None else ()
            detail.set_content(facts(results.result_facts(row, published)))
        plot = self.query_one("#plot", LineView)
        if self.own.plot is not None:
            set_frame_title(plot, results.PLOTS[self.own.plot][0])
            plot.redraw()

    def _comparison(self, width: int) -> Content:
        """The marked runs side by side."""
        from finn_tui.lab.results.results_compare import compare_runs

        by_id = {row.run: row for row in self.state.results}
        folders = {run.id: run.folder for run in self.state.runs}
        rows = [by_id[run] for run in self.own.marked if run in by_id and run in folders]
        try:
            comparison = compare_runs(rows, folders)
        except FinnTuiError as error:
            return Content(empty=printable(f"{error.what}: {error.why}"))
        return results.comparison_content(comparison, width or self.size.width)

    def on_listing_moved(self, event: Listing.Moved) -> None:
        """Show another row."""
        if event.listing.id == "runs":
            self._detail()

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Show the run on the Runs screen."""
        if event.listing.id == "runs":
            self.state.chosen_run_id = str(event.key)
            self.context.show_mode("runs")

    def on_key(self, event: events.Key) -> None:
        """Remove all marks."""
        if event.key == "escape" and self.own.marked:
            self.own.marked.clear()
            self._comparing = False
            self.redraw()
            event.stop()

    # Actions

    def do_results_mark(self) -> None:
        """Mark the run under the cursor, and go to the next."""
        row, listing = self._row(), self.query_one("#runs", Listing)
        if row is not None:
            self.own.toggle(row.run)
            listing.do_list_down()
            self.redraw()

    def do_app_go(self) -> None:
        """Deploy and validate the marked runs, else the one under the cursor."""
        row = self._row()
        runs = list(self.own.marked) or ([row.run] if row is not None else [])
        self.context.boards.ask_to_go(runs)

    def do_results_compare(self) -> None:
        """Show marked runs side by side, or one run again."""
        if not self._comparing and len(self.own.marked) < 2:
            key = key_name(keys_of(BY_ID["results.mark"], self.state.keymap)[0])
            text = results.compared_text(len(self.own.marked), key)
            self.context.notify(text, title="Compare", markup=False)
            return
        self._comparing = not self._comparing
        if self._comparing and self.size.width < _BESIDE:
            self.own.plot = None
        self.redraw()
        # The pane has its width only once it is laid out.
        self.call_after_refresh(self.redraw)

    def do_results_load(self) -> None:
        """Load the folding of the run into Tune."""
        run = self._run()
        if run is not None:
            cast("ResultsContext", self.context).models.load_run_folding(run)

    def do_results_plot(self) -> None:
        """Show the next plot, or none."""
        at = -1 if self.own.plot is None else self.own.plot
        self.own.plot = at + 1 if at + 1 < len(results.PLOTS) else None
        self.redraw()

    def do_results_sort(self) -> None:
        """Sort by the next criterion."""
        self.own.next_sort()
        self.redraw()

    def do_results_tags(self) -> None:
        """Add or remove tags of the run."""
        from finn_tui.ui.dialogs.ask_text import AskTextDialog

        run = self._run()
        if run is None:
            return

        def typed(text: str | None) -> None:
            if text is not None:
                self.context.builds.look_after(run.folder, "tags", text)

        hint = "enter adds the tags; -tag removes one"
        if run.notes.tags:
            hint += f"; now: {printable(' '.join(run.notes.tags))}"
        self.app.push_screen(AskTextDialog(f"Tags of {run.id}", hint=hint), typed)

    def do_results_export(self) -> None:
        """Write the table into the workspace."""
        from finn_tui.ui.dialogs.choose import ChooseDialog
        from finn_tui.ui.toolkit.listing import Column, Row

        formats = {
            "csv": "all figures, for a spreadsheet",
            "md": "Markdown",
            "tex": "LaTeX, with booktabs",
            "json": "as experiments --json",
        }
        rows = [Row(name, [(name, ""), (text, "dim")]) for name, text in formats.items()]
        content = Content([Column("format", 8), Column("")], rows)
        self.app.push_screen(ChooseDialog("Export the table", content), self._export)

    def _export(self, form: str | None) -> None:
        from finn_tui.lab.results import results_export

        if form is None:
            return
        shown = [row.key for row in self.query_one("#runs", Listing).rows]
        by_id = {row.run: row for row in self.state.results}
        rows = [by_id[str(key)] for key in shown if str(key) in by_id]
        path = self.state.workspace.root / f"experiments.{form}"
        try:
            results_export.write(path, rows)
        except FinnTuiError as error:
            self.context.show_error(error)
            return
        self.context.notify(f"{len(rows)} runs: {path}", title="exported", markup=False)

    def _plot(self, width: int, height: int) -> list[StyledLine]:
        if self.own.plot is None:
            return []
        row = self._row()
        return results.plot_lines(
            self.state.results, self.own.plot, row.run if row else None, width, height
        )

    def _broken(self, width: int, height: int) -> list[StyledLine]:
        return [
            StyledLine().add(
                " " + fit(printable(f"{run.id} is damaged: {run.reason}"), width - 2), "warn"
            )
            for run in self.state.broken[:height]
        ]
