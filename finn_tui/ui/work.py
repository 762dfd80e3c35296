"""The app's workers: each fetches something and posts it as a message; none touches a widget.

Every worker has a group of its own, so that cancelling one piece of work cancels nothing else, and
``exit_on_error=False``: an error of the work is shown, not died of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import work
from textual.app import App

from finn_tui.errors import FinnTuiError
from finn_tui.lab import foldings
from finn_tui.lab.session import Lab, default_folding
from finn_tui.progress import OnProgress, Progress
from finn_tui.ui.messages import (
    BoardDone,
    BoardRead,
    BuildBegun,
    BuildChecked,
    Failed,
    GraphRead,
    LogFound,
    LogsListed,
    LookedAfter,
    ModelOpened,
    PictureTaken,
    RunsRead,
    Told,
)
from finn_tui.ui.state import AppState, RunView

if TYPE_CHECKING:
    from finn_tui.lab.experiments import Experiment
    from finn_tui.lab.models import Stage
    from finn_tui.lab.session import Opened
    from finn_tui.runs.diagnosis import Diagnosis
    from finn_tui.runs.folder import RunFolder
    from finn_tui.runs.scanner import Hits

#: Seconds between looks at the runs of the workspace.
_LOOK = 1.0

BoardJob = Callable[
    [Lab, str, Path, str, "Credentials", OnProgress], Awaitable[tuple[FinnTuiError, ...]]
]


class Credentials:
    """What a board asked for in this session; kept in memory only."""

    def __init__(self) -> None:
        self.password: str | None = None
        self.trust: str | bool = False


class Workers(App[int]):
    """The app's half that works in the background."""

    lab: Lab
    state: AppState
    board_job: BoardJob
    credentials: dict[str, Credentials]

    def _teller(self, name: str) -> OnProgress:
        def tell(progress: Progress) -> None:
            self.post_message(Told(name, progress))

        return tell

    @work(group="open", exclusive=True, exit_on_error=False)
    async def open_model(
        self, model: str, board: str | None = None, folding: str | None = None
    ) -> ModelOpened | None:
        """Prepare a model if need be, and open it for folding."""
        try:
            opened = await self.lab.open(
                model, board=board, folding=folding, on_progress=self._teller("open")
            )
        except FinnTuiError as error:
            self.post_message(Failed("open", error))
            return None
        name = folding or default_folding(opened.model)
        message = ModelOpened(opened, foldings.title(name))
        self.post_message(message)
        return message

    @work(group="graph", exclusive=True, exit_on_error=False)
    async def read_graph(self, stage: Stage) -> None:
        """The nodes of one stage of the flow."""
        try:
            graph = await self.lab.graph(stage)
        except FinnTuiError as error:
            self.post_message(GraphRead(stage.path, None, error))
            return
        self.post_message(GraphRead(stage.path, graph))

    @work(group="build", exclusive=True, exit_on_error=False)
    async def begin_build(
        self, opened: Opened, rehearse: bool | None, *, force: bool = False
    ) -> None:
        """Look at what could end a build, and launch it if that is nothing; it goes on without us.

        With ``force`` the user has seen what was found.
        """
        try:
            if not force:
                found = await self.lab.preflight(opened, rehearse=rehearse)
                against = [one for one in found if one.verdict != "ok"]
                # Missing tools have an answer of their own, and so has what cannot be forced.
                if against and all(one.forced or one.verdict == "warn" for one in against):
                    self.post_message(BuildChecked(opened, rehearse, tuple(against)))
                    return
            run = await self.lab.build(
                opened, rehearse=rehearse, force=force, on_progress=self._teller("build")
            )
        except FinnTuiError as error:
            self.post_message(Failed("build", error))
            return
        self.post_message(BuildBegun(run))

    @work(group="build", exclusive=True, exit_on_error=False)
    async def build_again(self, run: RunFolder, step: str | None, anew: bool) -> None:
        """Go on with a run that has ended, at a step, or build it anew in another folder."""
        tell = self._teller("build")
        try:
            begun = await (self.lab.retry(run, tell) if anew else self.lab.resume(run, step, tell))
        except FinnTuiError as error:
            self.post_message(Failed("again", error))
            return
        self.post_message(BuildBegun(begun))

    @work(group="upkeep", exit_on_error=False)
    async def look_after(self, run: RunFolder, job: str, argument: Any = None) -> None:
        """What is done with a run that has ended; the answer comes as a message.

        ``steps`` asks where it can go on, ``space`` what cleaning would free, ``clean`` does it,
        ``note`` and ``tags`` say something of it.
        """
        try:
            answer = await asyncio.to_thread(_upkeep, run, job, argument)
        except FinnTuiError as error:
            self.post_message(Failed("upkeep", error))
            return
        self.post_message(LookedAfter(run, job, answer))

    @work(group="cancel", exit_on_error=False)
    async def cancel_build(self, run: RunFolder) -> None:
        """End a build with all its processes."""
        from finn_tui.runs.processes import cancel

        try:
            await cancel(run)
        except FinnTuiError as error:
            self.post_message(Failed("cancel", error))

    @work(group="runs", exclusive=True, exit_on_error=False)
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

    @work(group="follow", exclusive=True, exit_on_error=False)
    async def follow_run(self, run: RunFolder) -> None:
        """Pictures of one run until it ends or another is followed; at last why it failed."""
        from finn_tui.runs.eta import Kind, estimate, past_builds
        from finn_tui.runs.picture import pictures

        try:
            kind = Kind.of(run.request)
            others = [other for other in self.lab.runs() if other != run]
            history = await asyncio.to_thread(past_builds, others)
            async for picture in pictures(run):
                eta = estimate(picture.steps, kind, history, picture)
                cause = picture.findings[0] if picture.findings else None
                self.post_message(PictureTaken(run.id, picture, eta, cause))
            state = (await asyncio.to_thread(run.state)).state
            if state == "succeeded" and cause is not None and cause.id != "timing-missed":
                # It was no cause of anything, whatever a log says.
                self.post_message(PictureTaken(run.id, picture, None, None))
            elif state == "failed":
                # All files together tell more: which layers use most, what only reports say.
                cause = (await asyncio.to_thread(_inspect, run)) or cause
                self.post_message(PictureTaken(run.id, picture, None, cause))
        except FinnTuiError as error:
            self.post_message(Failed("follow", error))

    async def scan_log(self, path: Path, hits: Hits, start: int) -> None:
        """Look for something in a log, and go on with what is appended."""
        from finn_tui.runs.scanner import scan

        try:
            async for found in scan(path, hits.query, start):
                self.post_message(LogFound(hits, found))
        except FinnTuiError as error:
            self.post_message(Failed("scan", error))

    @work(group="logs", exclusive=True, exit_on_error=False)
    async def list_logs(self, run: RunFolder) -> None:
        """Which logs a run has, again and again."""
        from finn_tui.runs.logs import find_logs, measured

        while True:
            found = await asyncio.to_thread(lambda: measured(find_logs(run)))
            self.post_message(LogsListed(run.id, found))
            await asyncio.sleep(_LOOK)

    @work(group="board", exclusive=True, exit_on_error=False)
    async def work_on_board(
        self, job: str, run: RunFolder, machine: str, credentials: Credentials
    ) -> None:
        """Do one of the board's jobs, or all of them ("go")."""
        try:
            missing = await self.board_job(
                self.lab, job, run.path, machine, credentials, self._teller("board")
            )
        except FinnTuiError as error:
            self.post_message(Failed("board", error))
            return
        self.post_message(BoardDone(job, missing))

    @work(group="sample", exclusive=True, exit_on_error=False)
    async def read_board_results(self, run: RunView) -> None:
        """What is known of a run on a board, and the image that was executed."""
        results, image, sample = await asyncio.to_thread(_board_results, run.folder)
        self.post_message(BoardRead(run.id, run.changed, results, image, sample))


def _upkeep(run: RunFolder, job: str, argument: Any) -> Any:
    from finn_tui.runs import again, clean, notes

    if job == "steps":
        possible = again.resumable(run)
        if possible.why_not is not None:
            raise possible.why_not
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
    lab: Lab, before: tuple[RunView, ...]
) -> tuple[tuple[RunView, ...], tuple[FinnTuiError, ...]]:
    """All runs; those that have ended are not read again unless their results are newer."""
    from finn_tui.engine.server import runfiles
    from finn_tui.runs.notes import read_notes
    from finn_tui.runs.processes import reconcile

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
                folder, folder.request, _still(state), stamp[0], read_notes(folder), stamp
            )
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

    from finn_tui.runs.inspect import inspect

    cause = inspect(run.path, quick=True).cause
    if cause is None or cause.file is None:
        return cause
    return replace(cause, file=str(run.path / cause.file))


def _still(state: Any) -> Any:
    from dataclasses import replace

    return replace(state, heartbeat=0.0)


def _results(
    runs: tuple[RunView, ...], before: tuple[RunView, ...], results: tuple[Experiment, ...]
) -> tuple[Experiment, ...]:
    from finn_tui.lab.experiments import experiment

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
    lab: Lab, job: str, run: Path, machine: str, credentials: Credentials, on_progress: OnProgress
) -> tuple[FinnTuiError, ...]:
    """Connect to a board and do a job with a run; what of it could not be done and why."""
    # asyncssh takes half a second to import: only those who deploy pay for it.
    from finn_tui.board import work as jobs
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
