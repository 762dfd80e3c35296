"""Work with boards: the queue of runs, single jobs, their results and questions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.lab.boards.board_queue import BoardQueue, EntryStatus
from finn_tui.lab.boards.board_results import BoardResults, read_board_results
from finn_tui.runs.folder import RunFolder
from finn_tui.ui.context import AppContext
from finn_tui.ui.controllers import board_questions
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.controllers.board_work import BoardJob, Credentials
from finn_tui.ui.controllers.paste import PasteController
from finn_tui.ui.dialogs.messages import OutlookReady
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.state import RunView, Topic
from finn_tui.ui.toolkit.styled_line import plural

if TYPE_CHECKING:
    from finn_tui.board.recording.pace import Pace


@dataclass
class BoardJobDone(WorkResult):
    """A job of the board has ended; ``missing`` says which parts failed or differ from software."""

    kind = WorkKind.BOARD
    job: str
    missing: tuple[FinnTuiError, ...] = ()


@dataclass
class BoardResultsRead(WorkResult):
    """The results of a run on a board, and a sample image."""

    kind = WorkKind.SAMPLE
    run: str
    changed: float
    read: BoardResults


class BoardController(Controller):
    """Starts the jobs deploy, execute, throughput and validate."""

    def __init__(self, context: AppContext, board_job: BoardJob, paste: PasteController) -> None:
        """Create the controller.

        Args:
            context: of the app.
            board_job: does the work on the board, replaced in tests.
            paste: reaches boards that only have a terminal.
        """
        super().__init__(context)
        self._board_job = board_job
        self._paste = paste
        self._credentials: dict[str, Credentials] = {}
        #: Of the replay that is done, or was last.
        self._pace: Pace | None = None

    @property
    def queue(self) -> BoardQueue:
        """The runs that are deployed and validated one after the other."""
        return self.state.board.queue

    # The queue

    def do_app_go(self) -> None:
        """Deploy and validate the newest run that has been built, after asking."""
        run = self.state.newest_built()
        if run is not None:
            self.ask_to_go([run.id])

    def ask_to_go(self, runs: Sequence[str]) -> None:
        """Say what is sent where and done there, and put the runs into the queue if wished.

        Args:
            runs: ids, in the order in which they are to be done; those that are not built are left
                out, which is said.
        """
        from finn_tui.ui.dialogs.plan_text import deploy_facts, queue_fact

        views = [run for run in map(self.state.run, runs) if run is not None]
        built = [run for run in views if run.built]
        if not built:
            states = ", ".join(sorted({run.state.state for run in views})) or "not there"
            self.context.notify(
                f"nothing to deploy: {states}", title="deploy", severity="warning", markup=False
            )
            return
        machine, queue = self.state.board.machine, self.queue
        refused = [error for run in built if (error := _wrong_board(run, machine)) is not None]
        if len(refused) == len(built):
            self.context.show_error(refused[0])
            return

        def go() -> None:
            if not queue.add([run.id for run in built], machine):
                self.context.notify("it is in the queue already", title="deploy", markup=False)
            if not self.state.board.busy:
                self.state.board.run = built[0].id
            self.context.show_mode("board")
            self.start_next()
            self.state.publish(Topic.BOARD)

        title = f"Deploy to {machine} and validate"
        if len(built) > 1:
            title = f"Deploy {len(built)} runs to {machine} and validate, one after the other"
        facts = [fact for run in built for fact in deploy_facts(run, machine)]
        if len(views) > len(built):
            facts.append((f"{len(views) - len(built)} not built, left out", "warn"))
        before = len(queue.waiting) + bool(self.state.board.busy)
        if before:
            facts.append((queue_fact(before), "warn"))
        self.context.confirm(
            title,
            facts,
            "deploy and validate",
            "checking the package ...",
            self._look_at_packages([run.folder for run in built], machine),
            go,
        )

    def start_next(self) -> None:
        """Start the next run of the queue, if nothing is done on the board."""
        board = self.state.board
        if board.busy or self.state.sweeping:
            return
        while (entry := self.queue.next()) is not None:
            run = self.state.run(entry.run)
            if run is None or not run.built:
                self.queue.set(entry, EntryStatus.FAILED, "the run is not there any more")
                continue
            wrong = _wrong_board(run, entry.board)
            if wrong is not None:
                self.queue.set(entry, EntryStatus.FAILED, f"{wrong.what}. {wrong.why}", wrong.fix)
                continue
            board.run, board.machine = entry.run, entry.board
            if self._paste.lacks(entry.board):
                self.queue.held = True
                self._paste.ask(entry.board, self.do_board_continue)
                return
            self.queue.set(entry, EntryStatus.RUNNING)
            self._tell_problem()
            self.start_job("go")
            return

    def offer_queue(self) -> None:
        """Offer to go on with what an earlier app has not done."""
        from finn_tui.ui.dialogs.choose import Notice

        count = self.queue.restore()
        if not count:
            return

        def answered(answer: str | None) -> None:
            if answer == "y":
                self.context.show_mode("board")
                self.do_board_continue()
            elif answer == "r":
                self.queue.clear()
                self.state.publish(Topic.BOARD)

        names = ", ".join(f"{entry.run} to {entry.board}" for entry in self.queue.entries[:5])
        more = f", and {count - 5} more" if count > 5 else ""
        what = "A run was" if count == 1 else f"{count} runs were"
        self.context.show_dialog(
            Notice(
                f"{what} not measured when finn-tui ended",
                [(f"{names}{more}.", ""), ("The Board screen has the queue.", "dim")],
                [("y", "go on"), ("r", "remove")],
                role="warn",
            ),
            answered,
        )

    def do_board_continue(self) -> None:
        """Go on with the queue."""
        self.queue.held = False
        self.start_next()
        self.state.publish(Topic.BOARD)

    def leave_text(self) -> str:
        """Return what quitting means for the board and its queue."""
        entry, waiting = self.queue.running, len(self.queue.waiting)
        text = "What runs on the board would be ended; builds go on in any case."
        if entry is None and not waiting:
            return text
        if self.queue.problem is not None:
            return f"{text} The queue is lost: {self.queue.problem.why}"
        kept = "It is" if not waiting else f"It and the {plural(waiting, 'run')} behind it are"
        if entry is None:
            kept = f"The {plural(waiting, 'run')} in the queue are"
        return f"{text} {kept} offered again at the next start."

    def leave(self) -> None:
        """Prepare for the end of the app: what runs is done again by the next one."""
        self.queue.freeze()
        self.state.board.busy = ""

    def _tell_problem(self) -> None:
        problem = self.queue.problem
        if problem is not None:
            self.context.notify(
                f"{problem.what}. {problem.why}", title="queue", severity="warning", markup=False
            )

    def _entry_ended(self, status: EntryStatus, error: FinnTuiError | None = None) -> bool:
        """Record how the run of the queue ended, start the next; whether others are left to do."""
        entry = self.queue.running
        if entry is None:
            return False
        why, fix = ("", "") if error is None else (f"{error.what}. {error.why}", error.fix)
        self.queue.set(entry, status, why, fix)
        more = bool(self.queue.waiting)
        if status is EntryStatus.STOPPED and more:
            self.queue.held = True
        self.start_next()
        several = len(self.queue.entries) > 1
        if several and not more:
            done = sum(each.status is EntryStatus.DONE for each in self.queue.entries)
            self.context.notify(
                f"{done} of {len(self.queue.entries)} runs are deployed and as in software",
                title="queue",
                severity="information" if done == len(self.queue.entries) else "warning",
                markup=False,
            )
        return more

    # Jobs

    def credentials(self, machine: str) -> Credentials:
        """Return what is known for logging in to a machine; in memory only."""
        return self._credentials.setdefault(machine, Credentials())

    def read_results(self, run: RunView) -> None:
        """Read the results of a run on a board."""
        self.context.start(WorkKind.SAMPLE, self._read_results(run))

    def stop(self) -> None:
        """Stop the board's job."""
        self.context.stop(WorkKind.BOARD)

    def start_job(self, job: str) -> None:
        """Start a job with the run that the Board screen shows."""
        run = self.state.board_run()
        assert run is not None, "the action is disabled without one"
        board = self.state.board
        wrong = _wrong_board(run, board.machine)
        if wrong is not None:
            self.context.show_error(wrong)
            return
        if self._paste.lacks(board.machine):
            self._paste.ask(board.machine, lambda: self.start_job(job))
            return
        board.run = run.id
        board.begin(job)
        board.log.clear()
        credentials = self.credentials(board.machine)
        credentials.host = self._paste.host(board.machine)
        credentials.record = self._recording_file(run.id, board.machine)
        credentials.pace = self._pace = self._new_pace(board.machine)
        work = self._work_on_board(job, run.folder, board.machine, credentials)
        self.context.start(WorkKind.BOARD, work)
        self.state.publish(Topic.BOARD)

    def do_board_record(self) -> None:
        """Record what is done on the board from now on, or no more."""
        board = self.state.board
        board.recording = not board.recording
        text = "is recorded" if board.recording else "is not recorded any more"
        self.context.notify(f"what is started on the board {text}", title="record", markup=False)
        self.state.publish(Topic.BOARD)

    def do_board_replay_slower(self) -> None:
        """Replay a recorded session more slowly."""
        self._change_speed(-1)

    def do_board_replay_faster(self) -> None:
        """Replay a recorded session faster."""
        self._change_speed(1)

    def _change_speed(self, by: int) -> None:
        from finn_tui.board.recording.pace import next_speed

        board = self.state.board
        speed = _entry_speed(board.machine) if board.replay_speed is None else board.replay_speed
        board.replay_speed = next_speed(speed, by)
        if board.busy and board.busy_on == board.machine and self._pace is not None:
            self._pace.set_speed(board.replay_speed)
        self.state.publish(Topic.BOARD)

    def _new_pace(self, machine: str) -> Pace | None:
        """The pace of the next replay; None where the machine is no recorded session."""
        from finn_tui.board.recording.pace import Pace

        if not self.state.board.replays:
            return None
        speed = self.state.board.replay_speed
        return Pace(_entry_speed(machine) if speed is None else speed)

    def _recording_file(self, run: str, machine: str) -> Path | None:
        """A new file for a recording, if one is wished; a replay is not recorded again."""
        from finn_tui.board.catalogue import REPLAY
        from finn_tui.lab.boards.recordings import new_recording

        if not self.state.board.recording or machine.startswith(REPLAY):
            return None
        return new_recording(self.lab.workspace.root, run, machine)

    def job_done(self, message: BoardJobDone) -> None:
        """Record that a job has ended well."""
        from finn_tui.ui.board.progress import end_finished

        board, missing = self.state.board, message.missing
        end_finished(board, missing)
        differs = missing and missing[0].kind is ErrorKind.BOARD
        status = EntryStatus.DONE
        if missing:
            status = EntryStatus.DIFFERS if differs else EntryStatus.FAILED
        more = self._entry_ended(status, missing[0] if missing else None)
        if missing and not more:
            self.context.show_error(missing[0])
        self.state.publish(Topic.BOARD)

    def results_read(self, message: BoardResultsRead) -> None:
        """Show the results of a run on a board."""
        board = self.state.board
        board.results, board.results_of = message.read.results, (message.run, message.changed)
        board.read = message.read
        self.state.publish(Topic.BOARD)

    def job_advanced(self, progress: Progress) -> None:
        """Show the progress of a job."""
        from finn_tui.ui.board.progress import apply_progress

        if self.state.board.busy and "paste" in progress.data:
            self._paste.follow(progress.data["paste"])
        apply_progress(self.state.board, progress)
        self.state.publish(Topic.BOARD)

    def job_stopped(self) -> None:
        """Record that the user stopped the job."""
        from finn_tui.ui.board.progress import end_stopped

        end_stopped(self.state.board)
        self._entry_ended(EntryStatus.STOPPED)
        self.state.publish(Topic.BOARD)

    def job_failed(self, error: FinnTuiError) -> None:
        """Show why a job failed; ask for a secret or for trust where that helps."""
        from finn_tui.lab.boards.driver_consent import UnagreedDriver
        from finn_tui.ui.board.progress import end_failed

        board, entry = self.state.board, self.queue.running
        job, machine, run = board.busy, board.busy_on, board.run
        end_failed(board, error)
        if isinstance(error, UnagreedDriver) and self.queue.waiting:
            # Nobody may be there to answer, and the next run may do without.
            self._entry_ended(EntryStatus.FAILED, error)
            self.state.publish(Topic.BOARD)
            return

        def again() -> None:
            if entry is not None:
                self.do_board_continue()
                return
            board.run, board.machine = run, machine
            self.start_job(job)

        def refused() -> None:
            if entry is not None and entry.waits:
                self.queue.set(entry, EntryStatus.FAILED, f"{error.what}. {error.why}", error.fix)
                self.state.publish(Topic.BOARD)

        credentials = self._credentials.setdefault(machine, Credentials())
        if board_questions.ask(self.context, error, machine, credentials, again, refused):
            if entry is not None:
                # It waits for the answer, and so do the others: they would be asked the same.
                self.queue.held = True
                self.queue.set(entry, EntryStatus.WAITING, f"asks: {error.what}", error.fix)
        elif not self._entry_ended(EntryStatus.FAILED, error):
            self.context.show_error(error)
        self.state.publish(Topic.BOARD)

    async def _look_at_packages(self, runs: Sequence[RunFolder], machine: str) -> OutlookReady:
        """Return what deployments send and where, and which clocks were missed."""
        from finn_tui.lab.builds.plans import board_outlook, deploy_outlook
        from finn_tui.ui.dialogs.plan_text import board_facts, deploy_outlook_facts

        facts = board_facts(await asyncio.to_thread(board_outlook, machine))
        for run in runs:
            outlook = await asyncio.to_thread(deploy_outlook, run)
            facts += deploy_outlook_facts(outlook, run.id if len(runs) > 1 else "")
        return OutlookReady(facts)

    async def _work_on_board(
        self, job: str, run: RunFolder, machine: str, credentials: Credentials
    ) -> BoardJobDone:
        """Do one of the board's jobs, or all of them ("go")."""
        tell = self.context.progress_of(WorkKind.BOARD)
        missing = await self._board_job(self.lab, job, run.path, machine, credentials, tell)
        return BoardJobDone(job, missing)

    async def _read_results(self, run: RunView) -> BoardResultsRead:
        """Read the results of a run on a board, and the image that was executed."""
        machine = self.state.board.machine
        read = await asyncio.to_thread(read_board_results, run.folder, machine)
        return BoardResultsRead(run.id, run.changed, read)


def _entry_speed(machine: str) -> float:
    """The speed that the board's entry says."""
    from finn_tui.board import catalogue

    try:
        return catalogue.find(machine).replay_speed
    except FinnTuiError:
        return 1.0


def _wrong_board(run: RunView, machine: str) -> FinnTuiError | None:
    """Why a run's bitstream is not for the board, before that is connected to; None if it is."""
    from finn_tui.board import catalogue

    try:
        board = catalogue.find(machine)
        # Of a replay the recording says it.
        if not board.replay:
            catalogue.check_board_kind(board, run.id, simulated=run.simulated)
    except FinnTuiError as error:
        return error
    return None
