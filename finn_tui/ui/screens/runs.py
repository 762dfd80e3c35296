"""Runs: the builds of the workspace, the steps of the chosen one, and its log."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Horizontal
from textual.widget import Widget

from finn_tui.ui import actions, runs
from finn_tui.ui.log_view import LogView
from finn_tui.ui.screens.base import ModeScreen
from finn_tui.ui.state import RunView
from finn_tui.ui.text import Line, duration, fit, printable
from finn_tui.ui.widgets.frame import Rule
from finn_tui.ui.widgets.lines import Lines
from finn_tui.ui.widgets.listing import Listing
from finn_tui.ui.widgets.log import Log


class RunsScreen(ModeScreen):
    """The screen that watches builds."""

    place = "runs"
    BINDINGS = actions.bindings("runs")
    CSS_PATH = "runs.tcss"

    def body(self) -> Iterable[Widget]:
        """The runs; what the chosen one is at; its steps and its log."""
        yield Listing(id="runs")
        yield Rule()
        yield Lines(self._about, id="about")
        with Horizontal():
            yield Listing(id="steps", passive=True)
            yield Log(id="log")

    def on_mount(self) -> None:
        """Keys go to the runs; times run on while a build does."""
        self.query_one("#runs", Listing).focus()
        self.set_interval(1.0, self._tick)

    def _tick(self) -> None:
        run = self.state.chosen_run()
        if self.is_current and run is not None and not run.state.final:
            self.redraw()

    def draw(self) -> None:
        """Show the chosen run."""
        state = self.state
        listing = self.query_one("#runs", Listing)
        listing.give(runs.runs(state.runs, listing.size.width), state.runs_view.chosen or None)
        run = state.chosen_run()
        view = state.runs_view
        if run is not None and view.log_of != run.id:
            view.log_of, view.steps, view.noted = run.id, (), None
            view.log = LogView(run.folder.log)
            self.desk.follow_run(run.folder)
        steps = self.query_one("#steps", Listing)
        final = run is None or run.state.final
        now = runs.present(view.steps)
        follow = now if not steps.has_focus else None
        steps.give(runs.steps(view.steps, view.steps_at, final), follow)
        self.query_one("#log", Log).give(view.log, "runner.log" if run is not None else "")
        self.query_one("#about", Lines).redraw()

    def _about(self, width: int, height: int) -> list[Line]:
        run = self.state.chosen_run()
        if run is None:
            return []
        return [self._summary(run, width)]

    def _summary(self, run: RunView, width: int) -> Line:
        request, state = run.request, run.state
        mark, role = runs.sign(state.state)
        line = Line().add(f" {mark} {state.state}", role)
        if state.position:
            line.add(f"  number {state.position} in line", "dim")
        if state.state == "running" and state.step_count:
            line.add(f"  step {state.step_index} of {state.step_count}", "dim")
        line.add(f"  {duration(state.seconds)}", "")
        if state.error is not None:
            room = width - line.width - 14
            line.add("  " + fit(printable(state.error.what), room).rstrip(), "bad")
        else:
            line.add(f"  {request.board} {1000 / request.clock_ns:.4g} MHz", "dim")
            noted = self.state.runs_view.noted
            if noted is not None and not state.final:
                room = width - line.width - 14
                role = "dim" if noted.level == "info" else "warn"
                line.add("  " + fit(printable(noted.text), room).rstrip(), role)
            elif request.rehearsal is not None:
                line.add(f"  rehearsal of {duration(request.rehearsal['seconds'])}", "dim")
        said = " ".join([*(f"#{tag}" for tag in run.notes.tags), run.notes.note])
        if said.strip():
            room = width - line.width - 13
            if room > 8:
                line.add("  " + fit(printable(said), room).rstrip(), "accent")
        if run.simulated:
            line.right(Line().add("SIMULATED ", "sim"), width)
        return line

    def on_listing_moved(self, event: Listing.Moved) -> None:
        """Another run."""
        if event.listing.id == "runs":
            self.state.runs_view.chosen = str(event.key or "")
            self.redraw()

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Enter on a run goes to its log; on a failed one it says why."""
        run = self.state.chosen_run()
        if event.listing.id == "runs" and run is not None and run.state.error is not None:
            self.do_runs_error()
        else:
            self.query_one("#log", Log).focus()

    def on_log_opened(self, event: Log.Opened) -> None:
        """The log, large, beside the run's other logs."""
        run = self.state.chosen_run()
        path = event.log.view.path
        self.desk.open_log(path, "runner.log", run, searching=event.searching)

    def do_runs_logs(self) -> None:
        """All logs of the run."""
        run = self.state.chosen_run()
        assert run is not None, "the action is disabled without one"
        self.desk.open_log(run.folder.log, "runner.log", run, tree=True)

    def do_log_follow(self) -> None:
        """Follow, from anywhere on the screen."""
        self.query_one("#log", Log).do_log_follow()

    def do_runs_cancel(self) -> None:
        """End the chosen build, after asking."""
        from finn_tui.ui.screens.pick import confirm

        run = self.state.chosen_run()
        assert run is not None, "the action is disabled without one"

        def answered(answer: str | None) -> None:
            if answer == "y":
                self.desk.cancel_build(run.folder)

        text = f"{run.request.model}, {run.request.folding_name}: what was built so far stays."
        self.app.push_screen(confirm(f"Cancel {run.id}?", text, "cancel the build"), answered)

    def do_runs_error(self) -> None:
        """Why the chosen run failed."""
        run = self.state.chosen_run()
        assert run is not None and run.state.error is not None, "the action is disabled without one"
        self.desk.trouble(run.state.error)

    def do_runs_resume(self) -> None:
        """Ask at which step to go on."""
        self._upkeep("steps")

    def do_runs_clean(self) -> None:
        """Ask whether to free what the run takes."""
        self._upkeep("space")

    def _upkeep(self, job: str) -> None:
        run = self.state.chosen_run()
        assert run is not None, "the action is disabled without one"
        self.desk.look_after(run.folder, job)

    def do_runs_retry(self) -> None:
        """Build the same again."""
        run = self.state.chosen_run()
        assert run is not None, "the action is disabled without one"
        self.state.launching = True
        self.desk.build_again(run.folder, None, True)

    def do_runs_note(self) -> None:
        """Type a note."""
        self._write("note", "Note on", "enter keeps it; a blank . takes it away")

    def do_runs_tags(self) -> None:
        """Type tags."""
        self._write("tags", "Tags of", "enter adds them; -tag takes one away")

    def _write(self, job: str, title: str, hint: str) -> None:
        from finn_tui.ui.screens.pick import Pick
        from finn_tui.ui.widgets.listing import Column, Content

        run = self.state.chosen_run()
        assert run is not None, "the action is disabled without one"
        notes = run.notes
        now = notes.note if job == "note" else " ".join(notes.tags)

        def typed(text: str | None) -> None:
            if text is not None:
                self.desk.look_after(run.folder, job, "" if text == "." else text)

        content = Content([Column("")], [], f"now: {printable(now)}" if now else "nothing yet")
        self.app.push_screen(
            Pick(f"{title} {run.id}", content, free=lambda text: None, hint=hint), typed
        )
