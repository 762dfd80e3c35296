"""Board: a built run on a PYNQ machine: deploy, execute, throughput, validate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from textual.containers import Horizontal
from textual.widget import Widget

from finn_tui.lab.board_queue import QueueEntry
from finn_tui.ui.actions import table as actions
from finn_tui.ui.board import queue_view
from finn_tui.ui.board import view as board
from finn_tui.ui.logs.pane import LogPane
from finn_tui.ui.logs.view import LogView
from finn_tui.ui.toolkit.frame_title import set_frame_title
from finn_tui.ui.toolkit.image import SampleImage
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Listing
from finn_tui.ui.toolkit.mode_screen import ModeScreen
from finn_tui.ui.toolkit.panes import Resize
from finn_tui.ui.toolkit.styled_line import StyledLine

_NO_RUN = "No run has succeeded yet. b builds the present folding; d then deploys it."


#: Columns of the longest line of the jobs.
_JOBS_WIDTH = 48


class BoardScreen(ModeScreen):
    """The screen that deploys and measures."""

    place = "board"
    BINDINGS = actions.bindings("board")
    CSS_PATH = "screen.tcss"
    RESIZES: ClassVar[Mapping[str, Resize]] = {"log": Resize("work", "height", -1)}

    def __init__(self) -> None:
        super().__init__()
        self._view = LogView()

    def body(self) -> Iterable[Widget]:
        """Yield run and machine, the jobs beside the sample image, and the log."""
        yield LineView(self._about, id="about")
        with Horizontal(id="work", classes="pane"):
            yield LineView(self._jobs, id="jobs")
            yield SampleImage(id="sample")
        yield Listing(id="queue", title="Queue", classes="pane")
        yield LogPane(id="log")

    def on_mount(self) -> None:
        """Focus the log, the only part that scrolls."""
        self.query_one("#log", LogPane).focus()
        set_frame_title(self.query_one("#work"), "Jobs and sample image")

    def draw(self) -> None:
        """Show the run and its results on the board."""
        state = self.state.board
        run = self.state.board_run()
        if run is not None and not state.busy and state.results_of != (run.id, run.changed):
            # Asked once: what is read is of this run as it is now.
            state.results_of = (run.id, run.changed)
            self.context.boards.read_results(run)
        self._make_room()
        self.query_one("#about", LineView).redraw()
        self.query_one("#jobs", LineView).redraw()
        self._draw_queue()
        self.query_one("#sample", SampleImage).set_image(state.sample if run is not None else None)
        self.query_one("#log", LogPane).set_log(self._log_view(state.log.path), "board log")

    def _draw_queue(self) -> None:
        queue = self.state.board.queue
        listing = self.query_one("#queue", Listing)
        listing.display = queue_view.shown(queue)
        if not listing.display:
            return
        rows = min(len(queue.entries), 4 if self.size.height < 34 else 10)
        height = rows + 1 + (1 if self.size.height < 34 else 2)
        if listing.styles.height is None or listing.styles.height.value != height:
            listing.styles.height = height
        listing.title = queue_view.title(queue)
        listing.set_content(queue_view.content(queue, self.state.run, listing.size.width))

    def _entry(self) -> QueueEntry | None:
        """The entry of the queue under the cursor."""
        key, entries = self.query_one("#queue", Listing).key, self.state.board.queue.entries
        return entries[key] if isinstance(key, int) and key < len(entries) else None

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Show the run of the queue, or why it failed."""
        entry = self._entry()
        if entry is None:
            return
        if not entry.why:
            if not self.state.board.busy:
                self.state.board.run = entry.run
                self.redraw()
            return
        from finn_tui.ui.dialogs.choose import Notice

        run = entry.run

        def answered(answer: str | None) -> None:
            if answer == "d":
                self.context.boards.ask_to_go([run])

        notice = Notice(
            f"{entry.run} on {entry.board}: {entry.status}",
            [(entry.why, ""), (entry.fix, "accent")],
            [("d", "deploy and validate it again")] if entry.ended else [],
            role="bad",
        )
        self.app.push_screen(notice, answered)

    def do_app_go(self) -> None:
        """Deploy and validate the run that is shown."""
        run = self.state.board_run()
        if run is not None:
            self.context.boards.ask_to_go([run.id])

    def do_board_earlier(self) -> None:
        """Move the run under the cursor up in the queue."""
        self._move(-1)

    def do_board_later(self) -> None:
        """Move the run under the cursor down in the queue."""
        self._move(1)

    def _move(self, by: int) -> None:
        queue, entry = self.state.board.queue, self._entry()
        if entry is None:
            return
        queue.move(entry, by)
        self._draw_queue()
        at = next(i for i, each in enumerate(queue.entries) if each is entry)
        self.query_one("#queue", Listing).go_to(at)

    def do_board_remove(self) -> None:
        """Remove the run under the cursor from the queue."""
        entry = self._entry()
        if entry is not None:
            self.state.board.queue.remove(entry)
            self.redraw()

    def _log_view(self, path: Path | None) -> LogView:
        """Return the view of the board log; a new one for another file."""
        if path != self._view.path:
            self._view = LogView(path)
        return self._view

    def _make_room(self) -> None:
        """Fit the height to the sample image, leaving some lines of the log."""
        sample = self.state.board.sample
        rows, columns = sample.shape[-2:] if sample is not None and sample.ndim == 3 else (28, 28)
        frame = 2 if self.size.height >= 34 else 1
        # The jobs with their results are nine lines; some of the log is left all the same.
        height = max(min(12, self.size.height - 7), min((rows + 1) // 2, self.size.height - 8))
        self.resize_pane("work", height + frame)
        image = self.query_one("#sample")
        # The results of the jobs come before a large image.
        jobs = _JOBS_WIDTH if height >= board.JOB_LINES else _JOBS_WIDTH + 8
        wanted = max(1, min(columns + 2, self.size.width - jobs))
        if image.styles.width is None or image.styles.width.value != wanted:
            image.styles.width = wanted

    def _about(self, width: int, height: int) -> list[StyledLine]:
        state = self.state.board
        line = StyledLine().add(" board ", "dim").add(state.machine, "strong", "board.choose")
        run = self.state.board_run()
        if run is None:
            return [line]
        line.add("   run ", "dim").add(run.id if width >= 100 else run.id[-4:], "strong")
        line.add(f"   {run.request.model}, {run.request.folding_name}", "dim")
        if state.machine == "simulated" or run.simulated:
            line.right(StyledLine().add("SIMULATED ", "sim"), width)
        return [line]

    def _jobs(self, width: int, height: int) -> list[StyledLine]:
        if self.state.board_run() is None:
            from finn_tui.ui.toolkit.styled_line import wrap

            return wrap(_NO_RUN, width - 4, "dim", "  ")
        return board.job_lines(self.state.board, width, height)

    def on_log_pane_opened(self, event: LogPane.Opened) -> None:
        """Open the log in the viewer."""
        self.context.logs.open_log(event.log.view.path, "board log", searching=event.searching)

    def do_board_deploy(self) -> None:
        """Copy changed files to the board."""
        self.context.boards.start_job("deploy")

    def do_board_execute(self) -> None:
        """Run one sample image."""
        self.context.boards.start_job("execute")

    def do_board_throughput(self) -> None:
        """Measure images per second."""
        self.context.boards.start_job("throughput")

    def do_board_validate(self) -> None:
        """Measure the accuracy."""
        self.context.boards.start_job("validate")

    def do_board_stop(self) -> None:
        """Stop the job on the board."""
        self.context.boards.stop()

    def do_board_choose(self) -> None:
        """Choose the machine to deploy to."""
        from finn_tui.board.catalogue import load_boards
        from finn_tui.ui.dialogs.choose import ChooseDialog
        from finn_tui.ui.toolkit.listing import Column, Content, Row

        machines, broken = load_boards()
        rows = [
            Row(
                machine.name,
                [
                    (machine.name, ""),
                    ("simulated by finn-tui" if machine.simulated else machine.host, "dim"),
                    ("SIMULATED" if machine.simulated else "", "sim"),
                ],
            )
            for machine in machines.values()
        ]
        rows += [
            Row(name, [(name, "dim"), (f"damaged: {error.why}", "warn")])
            for name, error in broken.items()
        ]

        def accept(name: str | None) -> None:
            if name in broken:
                self.context.show_error(broken[name])
            elif name is not None:
                self.state.board.machine = name
                self.context.change_settings(to=name)
                self.redraw()

        columns = [Column("board", 20), Column("address"), Column("", 9)]
        self.app.push_screen(
            ChooseDialog(
                "Board to deploy to",
                Content(columns, rows),
                self.state.board.machine,
                hint="`finn-tui boards add NAME --host ADDRESS` adds a board",
            ),
            accept,
        )
