"""Runs: the builds of the workspace, the steps of the chosen one, and its log."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from finn_tui.runs.folder import missed_text
from finn_tui.runs.live.workdirs import HLS_FOLDER
from finn_tui.ui.actions import availability
from finn_tui.ui.actions import table as actions
from finn_tui.ui.logs.auto_follow import growing
from finn_tui.ui.logs.pane import LogPane
from finn_tui.ui.logs.view import LogView
from finn_tui.ui.runs import build_tree, build_view, training_view
from finn_tui.ui.runs import list_view as runs
from finn_tui.ui.runs.place_view import place_lines
from finn_tui.ui.runs.state import RunsState
from finn_tui.ui.state import RunView, Topic
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Listing
from finn_tui.ui.toolkit.mode_screen import ModeScreen
from finn_tui.ui.toolkit.panes import Resize
from finn_tui.ui.toolkit.styled_line import StyledLine, duration, fit, printable, shorten

_BUILDS = "b builds the folding, ctrl+t trains the network"


class RunsScreen(ModeScreen):
    """The screen that follows builds."""

    place = "runs"
    topics = frozenset(Topic)
    BINDINGS = actions.bindings("runs", "log")
    CSS_PATH = "screen.tcss"
    RESIZES: ClassVar[Mapping[str, Resize]] = {
        "runs": Resize("runs", "height"),
        "steps": Resize("steps", "width"),
        "log": Resize("steps", "width", -1),
    }

    @property
    def own(self) -> RunsState:
        """Return the screen's own state."""
        return self.state.feature(RunsState)

    def body(self) -> Iterable[Widget]:
        """Yield the runs, and the steps, progress and log of the chosen one."""
        yield Listing(id="runs", title="Runs", classes="pane")
        yield LineView(self._about, id="about")
        with Horizontal():
            yield Listing(id="steps", passive=True, title="Steps", classes="pane")
            with Vertical(id="beside"):
                yield LineView(self._live, id="live")
                yield LogPane(id="log", classes="pane right")

    def on_mount(self) -> None:
        """Focus the runs, and redraw times while a build runs."""
        self._rows = runs.RunRows()
        self._logs: dict[Hashable, Path] = {}
        self._tall = ("", 0)
        self._ticks = 0
        self.query_one("#runs", Listing).focus()
        self.set_interval(1.0, self._tick)

    def _tick(self) -> None:
        run = self.state.chosen_run()
        self._ticks += 1
        # Times run on; of what has ended only the age does, in minutes.
        running = run is not None and not run.state.final
        if self.is_current and (running or self._ticks % 30 == 0):
            self.redraw()

    def draw(self) -> None:
        """Show the chosen run."""
        state = self.state
        listing = self.query_one("#runs", Listing)
        # As high as it has rows, so that a short list leaves its room to what is being built.
        width, height = self.size
        max_rows = 11 if height >= 34 else 7 if height >= 18 else 3
        count = len(state.runs) + len(state.broken)
        rows = max(2 if height < 18 else 3, min(max_rows, count + 1))
        self.resize_pane("runs", rows + (2 if height >= 34 else 1))
        self.resize_pane("steps", 44 if width >= 110 else min(34, width * 45 // 100))
        marked = self.own.marked = [run for run in self.own.marked if state.run(run) is not None]
        listing.title = f"Runs, {len(marked)} marked" if marked else "Runs"
        run = state.chosen_run()
        # The cursor is on what the panes show and keys act on, also when a newer run comes up.
        shown = run or state.damaged_run()
        content = self._rows.content(state.runs, listing.size.width, state.broken, marked)
        content.empty = availability.no_runs(state, _BUILDS)
        listing.set_content(content, shown.id if shown is not None else None)
        view = self.own
        if run is not None and view.log_of != run.id:
            view.log_of, view.snapshot, view.eta = run.id, None, None
            view.training, view.training_result, view.usual = None, {}, {}
            state.failure = None
            view.unfolded, view.log_fixed = set(), False
            self._show(run.folder.log)
            self.context.builds.follow_run(run.folder)
        self._show_growing(run)
        self._show_cause(run)
        self._draw_steps(run)
        self._make_room(run)
        fixed = view.log_fixed and run is not None and not run.state.final
        self.query_one("#log", LogPane).set_log(
            view.log,
            view.log_title if run is not None else "log",
            self._let_go if fixed else None,
        )
        self.query_one("#about", LineView).redraw()
        self.query_one("#live", LineView).redraw()

    def _draw_steps(self, run: RunView | None) -> None:
        view = self.own
        if run is not None and run.request.is_training:
            self._draw_epochs()
            return
        final = run is None or run.state.final
        since = 0.0 if final else build_view.seconds_since(view.snapshot_at)
        ended = run.ended if run is not None else None
        snapshot = view.snapshot if run is not None else None
        tree = build_tree.step_tree(snapshot, view.unfolded, since, ended, view.usual)
        if run is None:
            damaged = self.state.damaged_run()
            tree.content.empty = "no run is chosen" if damaged is None else "nothing is known of it"
        self._logs = tree.logs
        steps = self.query_one("#steps", Listing)
        steps.title = "Steps"
        newest = build_tree.newest_row(tree, snapshot) if snapshot is not None else None
        steps.set_content(tree.content, newest if not steps.has_keys else None)

    def _draw_epochs(self) -> None:
        """Show the epochs of a training where a build has its steps."""
        view = self.own
        content = training_view.epoch_rows(view.training)
        self._logs = {}
        steps = self.query_one("#steps", Listing)
        steps.title = "Epochs"
        newest = content.rows[-1].key if content.rows else None
        steps.set_content(content, newest if not steps.has_keys else None)

    def _show_growing(self, run: RunView | None) -> None:
        """Show the log that grows, until the user chooses or reads one."""
        view = self.own
        if run is None or run.state.final or view.snapshot is None:
            return
        if view.log_fixed or not view.log.following:
            return
        general = (run.folder.log, run.folder.build / "build_dataflow.log")
        shown = time.monotonic() - view.log_at
        path = growing(view.log.path, shown, view.snapshot.grew, general)
        if path is not None and path != view.log.path:
            self._show(path)

    def _show(self, path: Path) -> None:
        view = self.own
        view.log, view.log_title = LogView(path), self._name_of(path)
        view.log_at = time.monotonic()

    def _show_cause(self, run: RunView | None) -> None:
        """Show the log of a failed run at the line that explains it."""
        view = self.own
        cause = self.state.failure
        if run is None or not run.state.final or cause is None or cause.file is None:
            return
        path = Path(cause.file)
        if self.own.caused != (run.id, cause.file, cause.line) and path.is_file():
            self.own.caused = (run.id, cause.file, cause.line)
            self._show(path)
            if cause.line is not None:
                view.log.go_to_line(cause.line)

    def _make_room(self, run: RunView | None) -> None:
        """Fit the height to the text, leaving some lines of the log."""
        box = self.query_one("#live", LineView)
        width, room = self.query_one("#beside").size
        height = len(self._live(width - 1, max(3, room - 4))) if width and run is not None else 0
        if run is not None and not run.state.final:
            # Lines come and go while it runs; the log below them is to stay where it is.
            last, before = self._tall
            height = max(height, min(before, room - 4)) if last == run.id else height
            self._tall = (run.id, height)
        if self.zoomed is None and (box.styles.height is None or box.styles.height.value != height):
            box.styles.height = height
            box.display = height > 0

    def _live(self, width: int, height: int) -> list[StyledLine]:
        run = self.state.chosen_run()
        view = self.own
        if run is None:
            return []
        if run.request.is_training:
            return training_view.live_lines(run, view.training, view.training_result, width, height)
        since = build_view.seconds_since(view.snapshot_at)
        above = place_lines(run, time.time(), width, self.state.hosts)
        lines = build_view.live_lines(
            run, view.snapshot, view.eta, self.state.failure, since, width, height - len(above)
        )
        return [*above, *lines]

    def _about(self, width: int, height: int) -> list[StyledLine]:
        run = self.state.chosen_run()
        damaged = self.state.damaged_run()
        if damaged is not None:
            text = f" damaged: {damaged.reason} {damaged.error.fix}"
            return [StyledLine().add(fit(printable(text), width - 1), "bad")]
        if run is None:
            return []
        return [self._summary(run, width)]

    def _summary(self, run: RunView, width: int) -> StyledLine:
        request, state = run.request, run.state
        mark, role = build_tree.state_sign(state.state)
        line = StyledLine().add(f" {mark} {state.state}", role)
        if run.clock_missed_ns is not None:
            line.add(f", {missed_text(run.clock_missed_ns)}", "bad")
        if state.position:
            line.add(f"  position {state.position} in the queue", "dim")
        if state.state == "running" and state.step_count:
            unit = "epoch" if request.is_training else "step"
            line.add(f"  {unit} {state.step_index} of {state.step_count}", "dim")
        line.add(f"  {duration(state.seconds)}", "")
        if request.is_training:
            line.add(f"  {printable(request.subject)}", "dim")
        else:
            line.add(f"  {request.board} {1000 / request.clock_ns:.4g} MHz", "dim")
        if request.rehearsal is not None and line.width + 32 <= width:
            line.add(f"  rehearsal of {duration(request.rehearsal['seconds'])}", "dim")
        remarks = " ".join([*(f"#{tag}" for tag in run.notes.tags), run.notes.note])
        if remarks.strip():
            room = width - line.width - 13
            if room > 8:
                line.add("  " + shorten(printable(remarks), room), "accent")
        if run.simulated:
            line.right(StyledLine().add("SIMULATED ", "sim"), width)
        return line

    def on_listing_moved(self, event: Listing.Moved) -> None:
        """Show another run, or the log of the row under the cursor."""
        if event.listing.id == "runs":
            self.state.chosen_run_id = str(event.key or "")
        elif event.key in self._logs and event.listing.has_keys:
            self.own.log_fixed = True
            self._look_at(self._logs[event.key])
        self.redraw()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """In the steps, the log of what the cursor is on is shown; of a run that goes on, once
        the cursor is moved."""
        steps = self.query_one("#steps", Listing)
        run = self.state.chosen_run()
        final = run is None or run.state.final
        if final and event.widget is steps and steps.key in self._logs:
            self._look_at(self._logs[steps.key])
            self.redraw()

    def _look_at(self, path: Path) -> None:
        view = self.own
        if view.log.path != path:
            self._show(path)

    def _name_of(self, path: Path) -> str:
        plain = path.name not in ("runme.log", "vivado.log", "vitis_hls.log", "vivado_hls.log")
        folder = path.parent.name
        if layer := HLS_FOLDER.fullmatch(folder):
            folder = layer.group(1).rstrip("_")
        return path.name if plain else f"{folder}/{path.name}"

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Enter on a run goes to its steps, or says why it failed; on a step it unfolds it; on
        anything with a log it opens that."""
        run = self.state.chosen_run()
        damaged = self.state.damaged_run()
        if event.listing.id == "runs" and damaged is not None:
            self.context.show_error(damaged.error)
        elif event.listing.id == "runs":
            if run is not None and (run.state.error or self.state.failure):
                self.do_runs_error()
            else:
                self.query_one("#steps", Listing).focus()
        elif event.key in self._logs:
            path = self._logs[event.key]
            self.context.logs.open_log(path, self._name_of(path), run)
        elif isinstance(event.key, str):
            self.own.unfolded ^= {event.key}
            self.redraw()

    def on_log_pane_opened(self, event: LogPane.Opened) -> None:
        """Open the log in the viewer, beside the run's other logs."""
        run = self.state.chosen_run()
        log = event.log.view
        line = None
        if not log.following and log.count is not None:
            line = log.count.number(log.cursor)
        title = self.own.log_title
        self.context.logs.open_log(log.path, title, run, searching=event.searching, line=line)

    def do_runs_logs(self) -> None:
        """Open all logs of the run."""
        run = self.state.chosen_run()
        assert run is not None, "the action is disabled without one"
        self.context.logs.open_log(run.folder.log, "runner.log", run, tree=True)

    def do_log_follow(self) -> None:
        """Follow the log, from anywhere on the screen."""
        self.query_one("#log", LogPane).do_log_follow()

    def _let_go(self) -> None:
        """Show whichever log grows again."""
        self.own.log_fixed = False
        self.redraw()

    def do_runs_mark(self) -> None:
        """Mark the chosen run, or remove its mark, and go to the next."""
        run, marked = self.state.chosen_run(), self.own.marked
        assert run is not None, "the action is disabled without one"
        if run.id in marked:
            marked.remove(run.id)
        else:
            marked.append(run.id)
        self.query_one("#runs", Listing).do_list_down()
        self.redraw()

    def on_key(self, event: events.Key) -> None:
        """Remove all marks."""
        if event.key == "escape" and self.own.marked:
            self.own.marked.clear()
            self.redraw()
            event.stop()

    def do_app_go(self) -> None:
        """Deploy and validate the marked runs, else the chosen one."""
        run = self.state.chosen_run()
        self.context.boards.ask_to_go(
            list(self.own.marked) or ([run.id] if run is not None else [])
        )

    def do_runs_cancel(self) -> None:
        """End the chosen build after a confirmation."""
        from finn_tui.ui.dialogs.choose import confirm

        run = self.state.chosen_run()
        assert run is not None, "the action is disabled without one"

        def answered(answer: str | None) -> None:
            if answer == "y":
                self.context.builds.cancel_build(run.folder)

        text = f"{run.request.model}, {run.request.subject}: what is done so far is kept."
        self.app.push_screen(confirm(f"Cancel {run.id}?", text, "cancel the run"), answered)

    def do_runs_error(self) -> None:
        """Show why the chosen run failed, and offer the line in the log."""
        from finn_tui.ui.dialogs.choose import Notice

        run = self.state.chosen_run()
        cause = self.state.failure
        assert run is not None
        if cause is None:
            assert run.state.error is not None, "the action is disabled without one"
            self.context.show_error(run.state.error)
            return
        paragraphs = [(cause.means, ""), (cause.advice, "accent")]
        file = Path(cause.file) if cause.file is not None else None
        answers = []
        if file is not None and file.is_file():
            name = cause.file.removeprefix(f"{run.folder.path}/") if cause.file else ""
            paragraphs.insert(0, (f"{name}, line {cause.line}" if cause.line else name, "dim"))
            answers.append(("l", "open the log at this line"))
        error = run.state.error
        detail = "\n".join([*cause.before, f"> {cause.quote}", *cause.after])
        if error is not None:
            detail += f"\n\nMessage of the builder: {error.what}\n{error.why}\n{error.detail}"

        def answered(answer: str | None) -> None:
            if answer == "l" and file is not None:
                self.context.logs.open_log(file, self._name_of(file), run, line=cause.line)

        notice = Notice(f"✗ {cause.text}", paragraphs, answers, role="bad", detail=detail)
        self.app.push_screen(notice, answered)

    def do_runs_resume(self) -> None:
        """Ask for the step to resume at."""
        self._upkeep("steps")

    def do_runs_clean(self) -> None:
        """Ask whether to remove the run's working files."""
        self._upkeep("space")

    def _upkeep(self, job: str) -> None:
        run = self.state.chosen_run()
        assert run is not None, "the action is disabled without one"
        self.context.builds.look_after(run.folder, job)

    def do_runs_retry(self) -> None:
        """Build the same again after a confirmation."""
        run = self.state.chosen_run()
        assert run is not None, "the action is disabled without one"
        self.context.builds.retry_run(run)

    def do_runs_note(self) -> None:
        """Edit the note."""
        self._write("note", "Note on", "enter saves it; an empty note removes it")

    def do_runs_tags(self) -> None:
        """Add or remove tags."""
        self._write("tags", "Tags of", "enter adds the tags; -tag removes one")

    def _write(self, job: str, title: str, hint: str) -> None:
        from finn_tui.ui.dialogs.ask_text import AskTextDialog

        run = self.state.chosen_run()
        assert run is not None, "the action is disabled without one"
        notes, note = run.notes, job == "note"

        def typed(text: str | None) -> None:
            if text is not None and not (note and text == notes.note):
                self.context.builds.look_after(run.folder, job, text)

        if not note and notes.tags:
            hint += f"; now: {printable(' '.join(notes.tags))}"
        self.app.push_screen(
            AskTextDialog(
                f"{title} {run.id}",
                text=printable(notes.note) if note else "",
                empty=note,
                hint=hint,
            ),
            typed,
        )
