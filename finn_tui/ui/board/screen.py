"""Board: a built run on a PYNQ machine: deploy, execute, throughput, validate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.containers import Container, Horizontal, Vertical
from textual.widget import Widget

from finn_tui.base.half_blocks import half_blocks
from finn_tui.board.catalogue import REPLAY
from finn_tui.lab.boards.board_queue import QueueEntry
from finn_tui.ui.actions import table as actions
from finn_tui.ui.board import numbers as board_numbers
from finn_tui.ui.board import queue_view
from finn_tui.ui.board import view as board
from finn_tui.ui.board.facts_view import machine_text
from finn_tui.ui.board.road import road_lines
from finn_tui.ui.logs.pane import LogPane
from finn_tui.ui.logs.view import LogView
from finn_tui.ui.state import RunView
from finn_tui.ui.toolkit.frame import footer_actions, key_line
from finn_tui.ui.toolkit.frame_title import set_frame_title
from finn_tui.ui.toolkit.image import SampleImage
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Listing
from finn_tui.ui.toolkit.mode_screen import ModeScreen
from finn_tui.ui.toolkit.page import Page
from finn_tui.ui.toolkit.panes import Resize
from finn_tui.ui.toolkit.styled_line import StyledLine, cells, shorten

#: Columns of the longest line of the jobs, and of the log beside them at least.
_JOBS_WIDTH, _LOG_WIDTH = 48, 40
#: Lines of everything but the numbers in a window that has room for large ones.
_BELOW_NUMBERS = 27


class BoardScreen(ModeScreen):
    """The screen that deploys and measures."""

    place = "board"
    BINDINGS = actions.bindings("board")
    CSS_PATH = "screen.tcss"
    RESIZES: ClassVar[Mapping[str, Resize]] = {
        "jobs": Resize("work", "height"),
        "log": Resize("log", "width"),
    }

    def __init__(self) -> None:
        super().__init__()
        self._view = LogView()
        #: Columns and lines of the jobs and images, as they were laid out last.
        self._work = (0, 0)

    def body(self) -> Iterable[Widget]:
        """Yield run and machine, the numbers, the jobs beside images, the queue, and the log."""
        yield LineView(self._about, on_hit=self._do, id="about")
        with Container(id="all"):
            with Vertical(id="left"):
                yield LineView(self._numbers, id="numbers", classes="pane")
                with Horizontal(id="work"):
                    yield Page(self._jobs, title="Jobs", id="jobs", classes="pane")
                    for name in ("sample", "other"):
                        with Vertical(id=f"{name}-box"):
                            yield SampleImage(id=name)
                            yield LineView(partial(self._caption, name), id=f"{name}-text")
                yield Listing(id="queue", title="Queue", classes="pane")
            yield LogPane(id="log", classes="pane")

    def _keys(self, width: int, height: int) -> list[StyledLine]:
        if not self.state.board.busy:
            return super()._keys(width, height)
        # In few columns, too, it is seen how to stop what is being done.
        keys = sorted(footer_actions(self.place), key=lambda action: action.id != "board.stop")
        return [key_line(keys, self.state, width)]

    def on_mount(self) -> None:
        """Focus the log, and let the time left of a validation run on."""
        self.query_one("#log", LogPane).focus()
        set_frame_title(self.query_one("#numbers"), "Frames per second and accuracy")

    def draw(self) -> None:
        """Show the run and its results on the board."""
        state = self.state.board
        run = self.state.board_run()
        if run is not None and not state.busy and state.results_of != (run.id, run.changed):
            # Asked once: what is read is of this run as it is now.
            if state.results_of[0] != run.id:
                state.results, state.read = {}, None
            state.results_of = (run.id, run.changed)
            self.context.boards.read_results(run)
        self._make_room(run)
        self.query_one("#about", LineView).redraw()
        self.query_one("#numbers", LineView).redraw()
        jobs = self.query_one("#jobs", Page)
        jobs.title = "Jobs" if run is not None else "From the network to the board"
        jobs.redraw()
        self._draw_queue()
        self._draw_images(run)
        self.query_one("#log", LogPane).set_log(self._log_view(state.log.path), "board log")

    @property
    def _wide(self) -> bool:
        return self.size.width >= 110

    @property
    def _beside(self) -> bool:
        """Whether the log stands beside the others: an empty one would leave half of it empty."""
        state = self.state.board
        return self._wide and bool(state.busy or state.log.path)

    @property
    def _listed(self) -> bool:
        """Whether the list of runs is shown: where it has room, or has something to say."""
        built = any(run.built for run in self.state.runs)
        return (self._wide and built) or queue_view.shown(self.state.board.queue)

    def _make_room(self, run: RunView | None) -> None:
        """Fit the panes to the window: the log beside the others, or below them."""
        if self.zoomed is not None:
            return
        width, height = self.size
        frame = 2 if height >= 34 else 1
        log = self.query_one("#log")
        self.query_one("#all").set_class(self._beside, "beside")
        if self._beside:
            left = width - self.resize_pane("log", max(_LOG_WIDTH, width * 35 // 100))
        else:
            left = width
            log.styles.width = "1fr"
        numbers = self.query_one("#numbers")
        lines = 0
        numbers.set_class(run is None or height < 18, "-absent")
        if run is not None and height >= 18:
            figures = board_numbers.figures(self.state.board, run)
            lines = board_numbers.lines_wanted(figures, left - 2, height - _BELOW_NUMBERS) + frame
            _set(numbers, "height", lines)
        queue = self.query_one("#queue")
        queue.set_class(not self._listed, "-absent")
        if self._wide:
            below = 0 if self._beside else 6
            room = height - 3 - lines - below
            if run is None:
                wanted = min(room, len(road_lines(self.state, left - 4, room - frame)) + frame)
            else:
                # The list has what its rows need; the jobs have the rest, and 21 lines at least.
                rows = self._list_rows() + 1 + frame if self._listed else 0
                wanted = max(min(21, room - 9) if rows else room, room - max(rows, 4))
            work = self.resize_pane("work", max(8, wanted))
            self._work = (left, work - frame)
            if run is None and not self._beside:
                below = height - 3 - work
            _set(self.query_one("#left"), "height", height - 3 - below)
            _set(queue, "height", "1fr")
            return
        rows = min(len(self.state.board.queue.entries), 3 if height < 34 else 8)
        below = rows + 1 + frame if self._listed else 0
        _set(queue, "height", below)
        # Some of the log is left all the same.
        room = height - 3 - lines - below - max(4, height // 5)
        work = self.resize_pane("work", max(5, min(17, room)))
        self._work = (left, work - frame)
        _set(self.query_one("#left"), "height", lines + work + below)

    def _list_rows(self) -> int:
        queued = {entry.run for entry in self.state.board.queue.entries}
        others = [run for run in self.state.runs if run.built and run.id not in queued]
        return len(self.state.board.queue.entries) + len(others)

    def _numbers(self, width: int, height: int) -> list[StyledLine]:
        run = self.state.board_run()
        if run is None:
            return []
        return board_numbers.number_lines(
            board_numbers.figures(self.state.board, run), width, height
        )

    def _images(self, run: RunView | None) -> list[tuple[Any, str]]:
        """The images that are drawn, with their captions: those that differ come first."""
        read = self.state.board.read
        if run is None or read is None or self.state.board.results_of[0] != run.id:
            return []
        images = [
            (image.pixels, board.differing_text(image))
            for image in read.differing
            if image.pixels is not None
        ]
        if read.sample is not None:
            executed = read.results.get("execute") or {}
            text = f"image {read.image}"
            if executed.get("class") is not None:
                named = executed.get("class_name") or executed["class"]
                text += f": class {named}"
            images.append((read.sample, text))
        return images

    def _draw_images(self, run: RunView | None) -> None:
        if self.zoomed is not None:
            return
        images = self._images(run)
        width, height = self._work
        # The results of the jobs come before a large image.
        left = width - _JOBS_WIDTH - (0 if height >= board.JOB_LINES else 6)
        for number, name in enumerate(("sample", "other")):
            box = self.query_one(f"#{name}-box")
            pixels = images[number][0] if number < len(images) else None
            columns = pixels.shape[-1] if pixels is not None and pixels.ndim == 3 else 0
            wanted = min(columns + 2, left)
            # A second one has its whole width or is left out.
            shown = columns > 0 and wanted >= (12 if number == 0 else columns + 2)
            box.set_class(not shown, "-absent")
            image = self.query_one(f"#{name}", SampleImage)
            if shown:
                left -= wanted
                _set(box, "width", wanted)
                # The caption stands right below it.
                rows = half_blocks(pixels, wanted, max(1, height - 1))
                _set(image, "height", len(rows))
            image.set_image(pixels)
            self.query_one(f"#{name}-text", LineView).redraw()

    def _caption(self, name: str, width: int, height: int) -> list[StyledLine]:
        images = self._images(self.state.board_run())
        number = ("sample", "other").index(name)
        if number >= len(images):
            return []
        text = shorten(images[number][1], width)
        return [StyledLine().add(" " * ((width - cells(text)) // 2)).add(text, "dim")]

    def _draw_queue(self) -> None:
        queue = self.state.board.queue
        listing = self.query_one("#queue", Listing)
        if not self._listed:
            return
        others = [run for run in self.state.runs if run.built] if self._wide else []
        listing.title = queue_view.title(queue)
        measured = queue_view.measured_texts(self.state.results)
        listing.set_content(
            queue_view.content(queue, self.state.run, listing.size.width, others, measured)
        )

    def on_resize(self) -> None:
        """Lay the panes out for the new size."""
        self.call_after_refresh(self.redraw)

    def _entry(self) -> QueueEntry | None:
        """The entry of the queue under the cursor."""
        key, entries = self.query_one("#queue", Listing).key, self.state.board.queue.entries
        return entries[key] if isinstance(key, int) and key < len(entries) else None

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Show the run of the queue, or why it failed."""
        entry = self._entry()
        if entry is None or not entry.why:
            id = str(event.key) if entry is None else entry.run
            if not self.state.board.busy and self.state.run(id) is not None:
                self.state.board.run = id
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
        """Deploy and validate the run under the cursor of the list, else the one that is shown."""
        run, listing = self.state.board_run(), self.query_one("#queue", Listing)
        if listing.has_focus and isinstance(listing.key, str):
            self.context.boards.ask_to_go([listing.key])
        elif run is not None:
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

    def _about(self, width: int, height: int) -> list[StyledLine]:
        state = self.state.board
        machine = shorten(machine_text(state.machine), max(12, width // 5))
        line = StyledLine().add(" board ", "dim").add(machine, "strong", "board.choose")
        run = self.state.board_run()
        marks = self._about_marks(run)
        if run is None:
            return [line.right(marks, width)]
        line.add("   run ", "dim").add(run.id if width >= 100 else run.id[-4:], "strong")
        # The marks are never left out; in a narrow window the model is.
        room = width - line.width - marks.width - 1
        text = f"   {run.request.model}, {run.request.folding_name}"
        line.add(shorten(text, room) if room > 6 else "", "dim")
        line.right(marks, width)
        return [line]

    def _about_marks(self, run: RunView | None) -> StyledLine:
        """What holds for all that is shown or started."""
        state = self.state.board
        marks = StyledLine()
        if state.recording:
            marks.add("● recording ", "bad", "board.record")
        if state.replays:
            marks.add("REPLAY ", "sim").add(board.speed_text(state.replay_speed), "dim")
        if run is not None and (state.machine == "simulated" or run.simulated):
            marks.add("SIMULATED ", "sim")
        return marks

    def _jobs(self, width: int, height: int) -> list[StyledLine]:
        run = self.state.board_run()
        if run is None:
            return road_lines(self.state, width, height)
        return board.job_lines(self.state.board, width, height, run, self.state.board.read)

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
        from finn_tui.board.catalogue import load_boards, pasted
        from finn_tui.lab.boards.recordings import recorded_sessions
        from finn_tui.ui.board.choice import BoardChoice

        machines, broken = load_boards()
        machines.setdefault(pasted().name, pasted())
        sessions = recorded_sessions(self.state.workspace.root)

        def accept(name: str | None) -> None:
            if name in broken:
                self.context.show_error(broken[name])
            elif name is not None:
                board_state = self.state.board
                board_state.machine, board_state.replay_speed = name, None
                # What is shown is read again: a replay's results are kept apart.
                board_state.results_of, board_state.read = ("", 0.0), None
                if not name.startswith(REPLAY):
                    self.context.change_settings(to=name)
                self.redraw()

        self.app.push_screen(
            BoardChoice(machines, sessions, broken, self.state.board.machine), accept
        )


def _set(widget: Widget, dimension: str, size: int | str) -> None:
    """Set a width or height; the same again costs no layout."""
    before = getattr(widget.styles, dimension)
    if before is None or str(before) != str(size):
        setattr(widget.styles, dimension, size)
