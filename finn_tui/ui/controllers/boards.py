"""Work with boards: starts jobs, and handles their results and questions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress
from finn_tui.lab.workbench import Workbench
from finn_tui.runs.folder import RunFolder
from finn_tui.ui.context import AppContext
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.dialogs.messages import OutlookReady
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.state import RunView, Topic

BoardJob = Callable[
    [Workbench, str, Path, str, "Credentials", OnProgress], Awaitable[tuple[FinnTuiError, ...]]
]


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
    results: Mapping[str, Any]
    image: int
    sample: Any


class Credentials:
    """Password, passphrases by key file and trusted host key of a board; in memory only."""

    def __init__(self) -> None:
        self.password: str | None = None
        self.passphrases: dict[str, str] = {}
        self.trust: str | bool = False


class BoardController(Controller):
    """Starts the jobs deploy, execute, throughput and validate."""

    def __init__(self, context: AppContext, board_job: BoardJob) -> None:
        """Create the controller.

        Args:
            context: of the app.
            board_job: does the work on the board, replaced in tests.
        """
        super().__init__(context)
        self._board_job = board_job
        self._credentials: dict[str, Credentials] = {}

    def do_app_go(self) -> None:
        """Deploy and validate the newest run that has been built, after asking."""
        from finn_tui.ui.dialogs.plan_text import deploy_facts

        run = self.state.newest_built()
        assert run is not None, "the action is disabled without one"
        id, machine = run.id, self.state.board.machine

        def go() -> None:
            self.state.board.run = id
            self.start_job("go")
            self.context.show_mode("board")

        self.context.confirm(
            f"Deploy to {machine} and validate",
            deploy_facts(run, machine),
            "deploy and validate",
            "checking the package ...",
            self._look_at_package(run.folder),
            go,
        )

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
        board.run = run.id
        board.begin(job)
        board.log.clear()
        credentials = self._credentials.setdefault(board.machine, Credentials())
        work = self._work_on_board(job, run.folder, board.machine, credentials)
        self.context.start(WorkKind.BOARD, work)
        self.state.publish(Topic.BOARD)

    def job_done(self, message: BoardJobDone) -> None:
        """Record that a job has ended well."""
        from finn_tui.ui.board.view import end_finished

        end_finished(self.state.board, message.missing)
        if message.missing:
            self.context.show_error(message.missing[0])
        self.state.publish(Topic.BOARD)

    def results_read(self, message: BoardResultsRead) -> None:
        """Show the results of a run on a board."""
        board = self.state.board
        board.results, board.results_of = message.results, (message.run, message.changed)
        board.sample, board.sample_of = message.sample, (message.run, message.image)
        self.state.publish(Topic.BOARD)

    def job_advanced(self, progress: Progress) -> None:
        """Show the progress of a job."""
        from finn_tui.ui.board.view import apply_progress

        apply_progress(self.state.board, progress)
        self.state.publish(Topic.BOARD)

    def job_stopped(self) -> None:
        """Record that the user stopped the job."""
        from finn_tui.ui.board.view import end_stopped

        end_stopped(self.state.board)
        self.state.publish(Topic.BOARD)

    def job_failed(self, error: FinnTuiError) -> None:
        """Show why a job failed; ask for a secret or for trust where that helps."""
        from finn_tui.lab import consent
        from finn_tui.lab.driver_consent import UnagreedDriver
        from finn_tui.ui.board.view import end_failed, unknown_key

        board = self.state.board
        job = board.busy
        end_failed(board, error)
        self.state.publish(Topic.BOARD)
        credentials = self._credentials.setdefault(board.machine, Credentials())
        fingerprint = unknown_key(error)
        if isinstance(error, UnagreedDriver):
            driver = error

            def agreed(answer: str | None) -> None:
                if answer == "r":
                    try:
                        consent.agree(driver.digest, driver.path)
                    except FinnTuiError as problem:
                        self.context.show_error(problem)
                    else:
                        self.start_job(job)

            self.context.show_error(error, (("r", "run this code on the board"),), agreed)
        elif fingerprint:

            def trusted(answer: str | None) -> None:
                if answer == "t":
                    credentials.trust = fingerprint
                    self.start_job(job)

            self.context.show_error(error, (("t", "trust this key"),), trusted)
        else:
            self._ask_secret(error, job, credentials)

    def _ask_secret(self, error: FinnTuiError, job: str, credentials: Credentials) -> None:
        """Show why a board did not let us in, and ask for what may help.

        Args:
            error: what happened.
            job: done again with the secret.
            credentials: kept for the board.
        """
        from finn_tui.ui.board.view import asks_password, encrypted_key

        key = encrypted_key(error)
        # A wrong one is forgotten: it would be tried again before anything else.
        credentials.passphrases.pop(key, None)

        def entered_passphrase(text: str | None) -> None:
            if text:
                credentials.passphrases[key] = text
                self.start_job(job)

        def entered_password(text: str | None) -> None:
            if text:
                credentials.password = text
                self.start_job(job)

        def answered(answer: str | None) -> None:
            if answer == "k":
                self._show_secret_dialog(f"Passphrase of {key}", entered_passphrase)
            elif answer == "p":
                machine = self.state.board.machine
                self._show_secret_dialog(f"Password for {machine}", entered_password)

        ways = [("k", "enter the key's passphrase")] if key else []
        if asks_password(error):
            ways.append(("p", "enter a password"))
        self.context.show_error(error, tuple(ways), answered)

    def _show_secret_dialog(self, title: str, then: Callable[[str | None], None]) -> None:
        from finn_tui.ui.dialogs.ask_text import AskTextDialog

        self.context.show_dialog(
            AskTextDialog(
                title,
                secret=True,
                hint="kept in memory while the app runs, never on disk",
            ),
            then,
        )

    async def _look_at_package(self, run: RunFolder) -> OutlookReady:
        """Return what a deployment sends, and whether its clock was missed."""
        from finn_tui.lab.plans import deploy_outlook
        from finn_tui.ui.dialogs.plan_text import deploy_outlook_facts

        outlook = await asyncio.to_thread(deploy_outlook, run)
        return OutlookReady(deploy_outlook_facts(outlook))

    async def _work_on_board(
        self, job: str, run: RunFolder, machine: str, credentials: Credentials
    ) -> BoardJobDone:
        """Do one of the board's jobs, or all of them ("go")."""
        tell = self.context.progress_of(WorkKind.BOARD)
        missing = await self._board_job(self.lab, job, run.path, machine, credentials, tell)
        return BoardJobDone(job, missing)

    async def _read_results(self, run: RunView) -> BoardResultsRead:
        """Read the results of a run on a board, and the image that was executed."""
        results, image, sample = await asyncio.to_thread(_board_results, run.folder)
        return BoardResultsRead(run.id, run.changed, results, image, sample)


def _board_results(folder: RunFolder) -> tuple[dict[str, Any], int, Any]:
    import numpy as np

    try:
        results = folder.results()
    except FinnTuiError:
        results = {}
    image = int((results.get("execute") or {}).get("image", 0))
    try:
        images = np.load(folder.sample / "images.npy", mmap_mode="r", allow_pickle=False)
        sample = np.array(images[image])
    except (OSError, ValueError, IndexError):
        return results, image, None
    return results, image, sample


async def board_job(
    lab: Workbench,
    job: str,
    run: Path,
    machine: str,
    credentials: Credentials,
    on_progress: OnProgress,
) -> tuple[FinnTuiError, ...]:
    """Connect to a board and do a job with a run; what of it could not be done and why."""
    # asyncssh takes half a second to import: only those who deploy pay for it.
    from finn_tui.board import jobs
    from finn_tui.board.deploy import deploy
    from finn_tui.board.results import differences
    from finn_tui.board.validation import validate
    from finn_tui.lab.driver_consent import check_driver

    await asyncio.to_thread(check_driver, run)
    async with lab.board(
        machine,
        on_progress,
        trust=credentials.trust,
        password=credentials.password,
        sudo_password=credentials.password,
        passphrases=credentials.passphrases,
    ) as session:
        dataset = None
        if job in ("go", "validate"):
            dataset = lab.workspace.dataset(RunFolder(run).request.model)
        if job == "go":
            return (await jobs.go(session, run, on_progress, dataset=dataset)).failures
        await deploy(session, run, on_progress)
        if job == "execute":
            difference = differences((await jobs.execute(session, run, on_progress))[0], None)
            return () if difference is None else (difference,)
        if job == "throughput":
            await jobs.throughput(session, run, on_progress)
        elif job == "validate":
            difference = differences(
                None, await validate(session, run, on_progress, dataset=dataset)
            )
            return () if difference is None else (difference,)
    return ()
