"""The app's background work: where all of it starts, and the coroutines that fetch something.

``Workers.start`` is the only place that starts a worker, for screens too. A coroutine gives its
result as a message, and an error of any kind arrives as ``WorkFailed``; none touches a widget.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.worker import Worker, WorkerState

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress
from finn_tui.lab import saved_foldings
from finn_tui.lab.workbench import Workbench, default_folding
from finn_tui.ui import crash
from finn_tui.ui.folding_keeper import FoldingKeeper, Snapshot
from finn_tui.ui.messages import (
    CONCURRENT,
    BoardJobDone,
    BoardResultsRead,
    BuildChecked,
    BuildStarted,
    FifosPriced,
    GraphRead,
    LogsListed,
    ModelOpened,
    OutlookReady,
    ProgressUpdated,
    RunsRead,
    SearchAdvanced,
    SnapshotTaken,
    TargetsListed,
    UpkeepDone,
    WorkCancelled,
    WorkFailed,
    WorkKind,
    WorkResult,
)
from finn_tui.ui.state import AppState, RunView

if TYPE_CHECKING:
    from finn_tui.lab.models import Stage
    from finn_tui.lab.plans import BuildPlan
    from finn_tui.lab.results_table import Experiment
    from finn_tui.lab.workbench import Opened
    from finn_tui.lab.working_folding import WorkingFolding
    from finn_tui.runs.analysis.diagnosis import Diagnosis
    from finn_tui.runs.folder import RunFolder, RunState
    from finn_tui.runs.logs.search_worker import Hits
    from finn_tui.ui.tune.state import TuneState

#: Seconds between looks at the runs of the workspace.
_LOOK = 1.0

BoardJob = Callable[
    [Workbench, str, Path, str, "Credentials", OnProgress], Awaitable[tuple[FinnTuiError, ...]]
]


class Credentials:
    """What a board asked for in this session; kept in memory only."""

    def __init__(self) -> None:
        self.password: str | None = None
        self.trust: str | bool = False


class Workers(App[int]):
    """The app's half that works in the background."""

    lab: Workbench
    state: AppState
    board_job: BoardJob
    credentials: dict[str, Credentials]
    keeper: FoldingKeeper
    keeping = False

    def __init__(self) -> None:
        super().__init__()
        self._coroutines: dict[Worker[Any], Coroutine[Any, Any, Any]] = {}

    def start(
        self, kind: WorkKind, work: Coroutine[Any, Any, WorkResult | None]
    ) -> Worker[WorkResult | None]:
        """Do something in the background.

        Args:
            kind: other work of it is cancelled, except where ``CONCURRENT`` names the kind.
            work: its result is posted to the app; so are its error and its cancellation.

        Returns:
            The worker; it gives None after an error.
        """
        guarded: Callable[[], Coroutine[None, None, WorkResult | None]]
        guarded = partial(self._guard, kind, work)
        worker: Worker[WorkResult | None] = self.run_worker(
            guarded,
            group=kind,
            exclusive=kind not in CONCURRENT,
            exit_on_error=False,
        )
        self._coroutines[worker] = work
        self._close_unstarted()
        return worker

    def stop(self, *kinds: WorkKind) -> None:
        """Cancel the work of some kinds."""
        for kind in kinds:
            self.workers.cancel_group(self, kind)
        self._close_unstarted()

    def _close_unstarted(self) -> None:
        """Drop coroutines whose worker was cancelled before it began: no event tells of those."""
        for worker, work in list(self._coroutines.items()):
            if worker.is_cancelled and inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
                work.close()
                del self._coroutines[worker]

    async def _guard(
        self, kind: WorkKind, work: Coroutine[Any, Any, WorkResult | None]
    ) -> WorkResult | None:
        try:
            result = await work
        except FinnTuiError as error:
            self.post_message(WorkFailed(kind, error))
            return None
        except Exception as error:
            # The boundary of all background work: what arrives here is a defect of finn-tui. It
            # is recorded and shown, and the app goes on.
            self.post_message(WorkFailed(kind, crash.explain(error, f"worker {kind}")))
            return None
        if result is not None:
            self.post_message(result)
        return result

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say that work was cancelled, unless other work of its kind has taken its place."""
        worker, kind = event.worker, event.worker.group
        if not worker.is_finished or not isinstance(kind, WorkKind):
            return
        self._coroutines.pop(worker, None)
        replaced = any(
            other.group == kind and not (other.is_finished or other.is_cancelled)
            for other in self.workers
        )
        if event.state == WorkerState.CANCELLED and not replaced:
            self.post_message(WorkCancelled(kind))

    def _teller(self, kind: WorkKind) -> OnProgress:
        def tell(progress: Progress) -> None:
            self.post_message(ProgressUpdated(kind, progress))

        return tell

    async def open_model(
        self, model: str, board: str | None = None, folding: str | None = None
    ) -> ModelOpened:
        """Prepare a model if need be, and open it for folding."""
        opened = await self.lab.open(
            model, board=board, folding=folding, on_progress=self._teller(WorkKind.OPEN)
        )
        result = ModelOpened(opened, saved_foldings.title(folding or default_folding(opened.model)))
        if folding is None:
            try:
                # The model that is open may be opened again, for another board of the same part.
                tune = self.state.tune
                snapshot = self.keeper.snapshot(tune) if tune is not None else None
                result.working = await asyncio.to_thread(self._restore, opened, snapshot)
            except FinnTuiError as error:
                result.problem = error
        return result

    def _restore(self, opened: Opened, before: Snapshot | None) -> WorkingFolding | None:
        """Keep the folding that is edited, and go on with the one of an earlier session."""
        from finn_tui.lab import working_folding

        if before is not None:
            with contextlib.suppress(FinnTuiError):
                self.keeper.write(before)
        return working_folding.restore(self.lab.workspace, opened)

    async def keep_folding(self, tune: TuneState) -> None:
        """Write the folding that is edited to the workspace."""
        self.keeping = True
        try:
            await asyncio.to_thread(self.keeper.write, self.keeper.snapshot(tune))
        finally:
            self.keeping = False

    async def read_graph(self, stage: Stage) -> GraphRead:
        """The nodes of one stage of the flow."""
        return GraphRead(stage.path, await self.lab.graph(stage))

    async def list_targets(self, tune: TuneState) -> TargetsListed:
        """The boards that a model can be folded for."""
        from finn_tui.lab.devices import devices

        info = await self.lab.info()
        return TargetsListed(tune, devices(info, self.lab.workspace.settings))

    async def price_fifos(self, tune: TuneState) -> FifosPriced:
        """Ask FINN for the cost of FIFOs of depths that are not known yet."""
        await self.lab.price(tune.opened)
        return FifosPriced(tune)

    async def look_ahead(self, plan: BuildPlan) -> OutlookReady:
        """How long a build takes, when it begins, and whether it is built already."""
        from finn_tui.lab.plans import build_outlook
        from finn_tui.ui.dialogs.plan_text import outlook_facts

        parallel = self.lab.workspace.settings.parallel_builds
        runs = await asyncio.to_thread(self.lab.runs)
        outlook = await asyncio.to_thread(build_outlook, plan, runs, parallel)
        return OutlookReady(outlook_facts(outlook))

    async def look_at_package(self, run: RunFolder) -> OutlookReady:
        """What a deployment sends, and whether its clock was missed."""
        from finn_tui.lab.plans import deploy_outlook
        from finn_tui.ui.dialogs.plan_text import deploy_outlook_facts

        outlook = await asyncio.to_thread(deploy_outlook, run)
        return OutlookReady(deploy_outlook_facts(outlook))

    async def begin_build(
        self, opened: Opened, rehearse: bool | None, *, force: bool = False
    ) -> BuildStarted | BuildChecked:
        """Look at what could end a build, and launch it if that is nothing; it goes on without us.

        With ``force`` the user has seen what was found.
        """
        if not force:
            found = await self.lab.preflight(opened, rehearse=rehearse)
            against = [one for one in found if one.verdict != "ok"]
            # Missing tools have an answer of their own, and so has what cannot be forced.
            if against and all(one.forced or one.verdict == "warn" for one in against):
                return BuildChecked(opened, rehearse, tuple(against))
        run = await self.lab.build(
            opened, rehearse=rehearse, force=force, on_progress=self._teller(WorkKind.BUILD)
        )
        return BuildStarted(run)

    async def resume_build(self, run: RunFolder, step: str | None) -> BuildStarted:
        """Go on with a run that has ended, at a step."""
        return BuildStarted(await self.lab.resume(run, step, self._teller(WorkKind.REBUILD)))

    async def retry_build(self, run: RunFolder) -> BuildStarted:
        """Build a run again, in another folder."""
        return BuildStarted(await self.lab.retry(run, self._teller(WorkKind.REBUILD)))

    async def look_after(self, run: RunFolder, job: str, argument: Any = None) -> UpkeepDone:
        """What is done with a run that has ended.

        ``steps`` asks where it can go on, ``space`` what cleaning would free, ``clean`` does it,
        ``note`` and ``tags`` say something of it.
        """
        return UpkeepDone(run, job, await asyncio.to_thread(_upkeep, run, job, argument))

    async def cancel_build(self, run: RunFolder) -> None:
        """End a build with all its processes."""
        from finn_tui.runs.launch.processes import cancel

        await cancel(run)

    async def watch_runs(self) -> None:
        """Look at the workspace's runs again and again; tell when something is another."""
        seen: tuple[RunView, ...] | None = None
        results: tuple[Experiment, ...] = ()
        while True:
            runs, broken = await asyncio.to_thread(_look, self.lab, seen or ())
            if seen is None or runs != seen:
                changed = [run for run in runs if run not in (seen or ())]
                gone = len(runs) != len(seen or ())
                told: tuple[Experiment, ...] | None = None
                if changed or gone or broken:
                    results = await asyncio.to_thread(_results, runs, seen or (), results)
                    told = results
                seen = runs
                self.post_message(RunsRead(runs, told, broken))
            await asyncio.sleep(_LOOK)

    async def follow_run(self, run: RunFolder) -> None:
        """Pictures of one run until it ends or another is followed; at last why it failed."""
        from finn_tui.runs.eta import Kind, estimate, past_builds
        from finn_tui.runs.live.snapshot import pictures

        kind = Kind.of(run.request)
        others = [other for other in self.lab.runs() if other != run]
        history = await asyncio.to_thread(past_builds, others)
        async for picture in pictures(run):
            eta = estimate(picture.steps, kind, history, picture)
            cause = picture.findings[0] if picture.findings else None
            self.post_message(SnapshotTaken(run.id, picture, eta, cause))
        state = (await asyncio.to_thread(run.state)).state
        if state == "succeeded" and cause is not None and cause.id != "timing-missed":
            # It was no cause of anything, whatever a log says.
            self.post_message(SnapshotTaken(run.id, picture, None, None))
        elif state == "failed":
            # All files together tell more: which layers use most, what only reports say.
            cause = (await asyncio.to_thread(_inspect, run)) or cause
            self.post_message(SnapshotTaken(run.id, picture, None, cause))

    async def scan_log(self, path: Path, hits: Hits, start: int) -> None:
        """Look for something in a log, and go on with what is appended."""
        from finn_tui.runs.logs.search_worker import scan

        async for found in scan(path, hits.query, start):
            self.post_message(SearchAdvanced(hits, found))

    async def list_logs(self, run: RunFolder) -> None:
        """Which logs a run has, again and again."""
        from finn_tui.runs.logs.tail import find_logs, measured

        while True:
            found = await asyncio.to_thread(lambda: measured(find_logs(run)))
            self.post_message(LogsListed(run.id, found))
            await asyncio.sleep(_LOOK)

    async def work_on_board(
        self, job: str, run: RunFolder, machine: str, credentials: Credentials
    ) -> BoardJobDone:
        """Do one of the board's jobs, or all of them ("go")."""
        tell = self._teller(WorkKind.BOARD)
        missing = await self.board_job(self.lab, job, run.path, machine, credentials, tell)
        return BoardJobDone(job, missing)

    async def read_board_results(self, run: RunView) -> BoardResultsRead:
        """What is known of a run on a board, and the image that was executed."""
        results, image, sample = await asyncio.to_thread(_board_results, run.folder)
        return BoardResultsRead(run.id, run.changed, results, image, sample)


def _upkeep(run: RunFolder, job: str, argument: Any) -> Any:
    from finn_tui.runs import notes
    from finn_tui.runs.launch import clean, rebuild

    if job == "steps":
        possible = rebuild.resumable(run)
        if possible.disabled_reason is not None:
            raise possible.disabled_reason
        return possible.steps
    if job == "space":
        return clean.plan_cleanup(run)
    if job == "clean":
        return clean.clean_up(argument)
    if job == "note":
        return notes.set_note(run, argument)
    add = [tag for tag in argument.split() if not tag.startswith("-")]
    return notes.change_tags(run, add, [tag[1:] for tag in argument.split() if tag[0] == "-"])


def _look(
    lab: Workbench, before: tuple[RunView, ...]
) -> tuple[tuple[RunView, ...], tuple[FinnTuiError, ...]]:
    """All runs; those that have ended are not read again unless their results are newer."""
    from finn_tui.engine.server import runfiles
    from finn_tui.runs.launch.processes import reconcile
    from finn_tui.runs.notes import read_notes

    known = {run.id: run for run in before}
    found, broken = [], []
    for folder in lab.runs():
        old = known.get(folder.id)
        stamp = tuple(
            _written(folder.path / name)
            for name in (runfiles.RESULTS, runfiles.STATE, runfiles.NOTES)
        )
        # One that has ended changes by being measured, resumed or spoken of.
        if old is not None and old.state.final and old.stamp == stamp:
            found.append(old)
            continue
        try:
            state = reconcile(folder)
            # A heartbeat is no news: without it, states that mean the same are equal.
            seen = RunView(
                folder, folder.request, _still(state), stamp[0], read_notes(folder), stamp,
                folder.clock_missed_ns() if state.state == "succeeded" else None,
            )  # fmt: skip
        except FinnTuiError as error:
            broken.append(error)
            continue
        found.append(seen)
    return tuple(run for run in found if run is not None), tuple(broken)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _inspect(run: RunFolder) -> Diagnosis | None:
    from dataclasses import replace

    from finn_tui.runs.analysis.inspect import inspect

    cause = inspect(run.path, quick=True).cause
    if cause is None or cause.file is None:
        return cause
    return replace(cause, file=str(run.path / cause.file))


def _still(state: RunState) -> RunState:
    from msgspec.structs import replace

    return replace(state, heartbeat=0.0)


def _results(
    runs: tuple[RunView, ...], before: tuple[RunView, ...], results: tuple[Experiment, ...]
) -> tuple[Experiment, ...]:
    from finn_tui.lab.results_table import experiment

    old = {run.id: run for run in before}
    rows = {row.run: row for row in results}
    found = []
    for run in runs:
        if run.id not in rows or old.get(run.id) != run:
            try:
                rows[run.id] = experiment(run.folder)
            except FinnTuiError:
                # Its state could be read a moment ago: it is listed without its figures then.
                continue
        found.append(rows[run.id])
    return tuple(found)


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

    async with lab.board(
        machine,
        on_progress,
        trust=credentials.trust,
        password=credentials.password,
        sudo_password=credentials.password,
    ) as link:
        if job == "go":
            return (await jobs.go(link, run, on_progress)).missing
        await deploy(link, run, on_progress)
        if job == "execute":
            await jobs.execute(link, run, on_progress)
        elif job == "throughput":
            await jobs.throughput(link, run, on_progress)
        elif job == "validate":
            await jobs.validate(link, run, on_progress)
    return ()
