"""Builds: starting one, the checks before it, the end of a run, and upkeep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.ui.controllers import run_following
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.controllers.build_place import choose_place
from finn_tui.ui.controllers.run_following import SnapshotTaken
from finn_tui.ui.controllers.run_notices import run_notices
from finn_tui.ui.controllers.run_reader import (
    has_changed,
    read_results,
    read_runs,
    upkeep,
)
from finn_tui.ui.dialogs.messages import OutlookReady
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.runs.state import RunsState
from finn_tui.ui.state import RunView, Topic

if TYPE_CHECKING:
    from finn_tui.lab.builds.plans import BuildPlan
    from finn_tui.lab.foldings.opened import Opened
    from finn_tui.lab.results.results_table import Experiment
    from finn_tui.runs.folder import DamagedRun, RunFolder
    from finn_tui.runs.launch.preflight import Finding

#: Seconds between looks at the runs of the workspace.
_LOOK = 1.0


@dataclass
class RunsRead(WorkResult):
    """The runs of the workspace; ``results`` is None if no result changed."""

    kind = WorkKind.RUNS
    runs: tuple[RunView, ...]
    results: tuple[Experiment, ...] | None
    broken: tuple[DamagedRun, ...] = ()


@dataclass
class BuildStarted(WorkResult):
    """A build has started in its own process."""

    kind = WorkKind.BUILD
    run: RunFolder


@dataclass
class BuildChecked(WorkResult):
    """The checks before a build have findings; the user decides."""

    kind = WorkKind.BUILD
    opened: Opened
    rehearse: bool | None
    on: str
    findings: tuple[Finding, ...]


@dataclass
class UpkeepDone(WorkResult):
    """A job on an ended run is done; the type of ``answer`` depends on the job."""

    kind = WorkKind.UPKEEP
    run: RunFolder
    job: str
    answer: Any


class BuildController(Controller):
    """Starts builds and follows runs."""

    #: The host that was chosen for the last build; empty for this machine.
    _host = ""

    def do_app_build(self) -> None:
        """Build the present folding after a confirmation."""
        from finn_tui.lab.builds.plans import plan_build

        tune = self.state.tune
        assert tune is not None, "the action is disabled without a model"
        plan = plan_build(self.lab.workspace, tune.opened)

        def confirm(host: str) -> None:
            self._host = host
            self._confirm_build(replace(plan, on=host), "build", lambda: self._build(None))

        choose_place(self.context, self._host, confirm)

    def retry_run(self, run: RunView) -> None:
        """Build a run again after a confirmation."""
        from finn_tui.lab.builds.plans import plan_retry

        def retry() -> None:
            self.state.launching = True
            self.context.start(WorkKind.REBUILD, self._retry_build(run.folder))

        if run.request.is_training:
            # Nothing is expensive about it that the user has not seen once.
            retry()
            return
        self._confirm_build(plan_retry(run.request), "build it again", retry)

    def _confirm_build(self, plan: BuildPlan, yes: str, then: Callable[[], None]) -> None:
        from finn_tui.ui.dialogs.plan_text import build_facts, build_title

        self.context.confirm(
            build_title(plan),
            build_facts(plan),
            yes,
            "reading earlier builds ...",
            self._look_ahead(plan),
            then,
        )

    def _build(self, rehearse: bool | None) -> None:
        tune = self.state.tune
        assert tune is not None, "the action is disabled without a model"
        self.state.launching = True
        self.context.start(WorkKind.BUILD, self._begin_build(tune.opened, rehearse, self._host))
        self.state.publish(Topic.RUNS)

    def _rehearse(self, answer: str | None) -> None:
        if answer == "r":
            self._build(True)

    def build_started(self, message: BuildStarted) -> None:
        """Show the run that has started."""
        self.launch_ended()
        self.state.chosen_run_id = message.run.id
        self.watch_runs()
        self.context.show_mode("runs")

    def runs_read(self, message: RunsRead) -> None:
        """Store the runs and report those that have ended."""
        before = {run.id: run for run in self.state.runs}
        self.state.runs = message.runs
        self.state.broken = message.broken
        if message.results is not None:
            self.state.results = message.results
        if self.state.runs_read:
            ended: list[RunView] = []
            for run in message.runs:
                old = before.get(run.id)
                resumed = old is not None and old.state.final and not run.state.final
                if resumed and self.state.feature(RunsState).log_of == run.id:
                    self.state.feature(RunsState).log_of = ""  # it is followed anew
                # Not from ``before``: the run that is followed has told its end there already.
                if run.state.final and run.id in self.state.unfinished:
                    ended.append(run)
            for notice in run_notices(ended):
                self._alert(notice.alert)
                self.context.notify(
                    notice.text,
                    title=notice.title,
                    severity=notice.severity,
                    timeout=8,
                    markup=False,
                )
        self.state.unfinished = {run.id for run in message.runs if not run.state.final}
        self.state.runs_read = True
        self.state.publish(Topic.RUNS)

    def snapshot_taken(self, message: SnapshotTaken) -> None:
        """Store the snapshot of the run that is shown."""
        view = self.state.feature(RunsState)
        if message.run == view.log_of:
            view.snapshot, view.snapshot_at = message.snapshot, time.monotonic()
            view.eta, self.state.failure = message.eta, message.cause
            view.usual = message.usual
            self.state.publish(Topic.SNAPSHOT)

    def _alert(self, text: str) -> None:
        from finn_tui.base.terminal_alert import alert

        self.context.write_to_terminal(alert(self.lab.workspace.settings.alert, "finn-tui", text))

    def build_checked(self, message: BuildChecked) -> None:
        """Show the findings before a build; the user decides."""
        from finn_tui.ui.dialogs.choose import Notice

        self.launch_ended()
        paragraphs: list[tuple[str, str]] = []
        for finding in message.findings:
            refuse = finding.verdict == "refuse"
            sign, role = ("✗", "bad") if refuse else ("!", "warn")
            paragraphs.append((f"{sign} {finding.what}", role))
            paragraphs.append((f"{finding.lost} {finding.fix}".strip(), ""))

        def answered(answer: str | None) -> None:
            if answer == "b":
                self.state.launching = True
                work = self._begin_build(message.opened, message.rehearse, message.on, force=True)
                self.context.start(WorkKind.BUILD, work)

        certain = any(finding.verdict == "refuse" for finding in message.findings)
        title = "This build would fail" if certain else "Before this build begins"
        self.context.show_dialog(
            Notice(title, paragraphs, [("b", "build anyway")], role="warn"), answered
        )
        self.state.publish(Topic.RUNS)

    def upkeep_done(self, message: UpkeepDone) -> None:
        """Ask the next question of the job, or report that it is done."""
        from finn_tui.base.text import size
        from finn_tui.ui.dialogs import choose
        from finn_tui.ui.toolkit.listing import Column, Content, Row

        run, answer = message.run, message.answer
        if message.job == "steps":
            rows = [Row(step, [(step, "")]) for step in answer]
            content = Content([Column("step")], rows)

            def go_on(step: str | None) -> None:
                if step is not None:
                    self.state.launching = True
                    self.context.start(WorkKind.REBUILD, self._resume_build(run, step))

            hint = "the last row is the step that the run ended in"
            self.context.show_dialog(
                choose.ChooseDialog(f"Resume {run.id} at", content, answer[-1], hint=hint), go_on
            )
        elif message.job == "space":
            if not answer.paths:
                self.context.notify(f"{run.id} has no working files", markup=False)
                return

            def clean(yes: str | None) -> None:
                if yes == "y":
                    self.look_after(run, "clean", answer)

            names = ", ".join(path.name for path in answer.paths)
            self.context.show_dialog(
                choose.confirm(
                    f"Clean {run.id}?",
                    f"{names}: {size(answer.bytes)}. {answer.loses}",
                    f"free {size(answer.bytes)}",
                ),
                clean,
            )
        elif message.job == "clean":
            self.context.notify(f"{size(answer.bytes)} freed", title=run.id, markup=False)
        else:
            self.watch_runs()

    def build_failed(self, error: FinnTuiError) -> None:
        """Show why a build could not start; offer a rehearsal if AMD's tools are missing."""
        self.launch_ended()
        if error.kind is ErrorKind.TOOLS:
            self.context.show_error(
                error, (("r", "rehearse with stand-ins (SIMULATED)"),), self._rehearse
            )
        else:
            self.context.show_error(error)

    def rebuild_failed(self, error: FinnTuiError) -> None:
        """Show why a run could not be resumed or built again."""
        self.launch_ended()
        self.context.show_error(error)

    def launch_ended(self) -> None:
        """Record that no build is being started."""
        self.state.launching = False
        self.context.close_working(WorkKind.BUILD)
        self.context.close_working(WorkKind.REBUILD)
        self.state.publish(Topic.RUNS)

    def watch_runs(self) -> None:
        """Watch the workspace's runs."""
        self.context.start(WorkKind.RUNS, self._watch_runs())

    def follow_hosts(self) -> None:
        """Keep the mirrors of runs that work on hosts up to date."""
        self.context.start(WorkKind.MIRROR, self._follow_hosts())

    def follow_run(self, run: RunFolder) -> None:
        """Follow a run until it ends or another is followed."""
        self.context.start(WorkKind.FOLLOW, self._follow_run(run))

    def cancel_build(self, run: RunFolder) -> None:
        """End a build with all its processes."""
        self.context.start(WorkKind.CANCEL, self._cancel_build(run))

    def look_after(self, run: RunFolder, job: str, argument: Any = None) -> None:
        """Do a job on a run that has ended.

        Args:
            run: the run.
            job: ``steps`` asks where it can go on, ``space`` what cleaning would free, ``clean``
                does it, ``note`` and ``tags`` change what the user says of it.
            argument: of the job: what to clean, the note, or the tags.
        """
        self.context.start(WorkKind.UPKEEP, self._look_after(run, job, argument))

    async def _look_ahead(self, plan: BuildPlan) -> OutlookReady:
        """Return where it builds, for how long, from which place in the queue; and any twin."""
        from finn_tui.lab.builds.build_request import default_host
        from finn_tui.lab.builds.plans import build_outlook
        from finn_tui.ui.dialogs.plan_text import outlook_facts

        place: list[tuple[str, str]] = []
        if not plan.on and not plan.retry_of and (host := await default_host(self.lab)):
            plan = replace(plan, on=host)
            place = [(f"on {host}, where the engine is", "strong")]
        parallel = self.lab.workspace.settings.parallel_builds
        runs = await asyncio.to_thread(self.lab.runs)
        outlook = await asyncio.to_thread(build_outlook, plan, runs, parallel)
        return OutlookReady([*place, *outlook_facts(outlook)])

    async def _begin_build(
        self, opened: Opened, rehearse: bool | None, on: str, *, force: bool = False
    ) -> BuildStarted | BuildChecked:
        """Look at what could end a build, and launch it if that is nothing; it goes on without us.

        With ``force`` the user has seen the findings.
        """
        if not force:
            findings = await self.lab.preflight(opened, rehearse=rehearse, on=on or None)
            against = [finding for finding in findings if finding.verdict != "ok"]
            # Missing tools have an answer of their own, and so has what cannot be forced.
            if against and all(finding.forced or finding.verdict == "warn" for finding in against):
                return BuildChecked(opened, rehearse, on, tuple(against))
        run = await self.lab.build(
            opened,
            rehearse=rehearse,
            force=force,
            on=on or None,
            on_progress=self.context.progress_of(WorkKind.BUILD),
        )
        return BuildStarted(run)

    async def _resume_build(self, run: RunFolder, step: str | None) -> BuildStarted:
        """Resume an ended run at a step."""
        return BuildStarted(
            await self.lab.resume(run, step, self.context.progress_of(WorkKind.REBUILD))
        )

    async def _retry_build(self, run: RunFolder) -> BuildStarted:
        """Build a run again in a new folder."""
        return BuildStarted(await self.lab.retry(run, self.context.progress_of(WorkKind.REBUILD)))

    async def _look_after(self, run: RunFolder, job: str, argument: Any = None) -> UpkeepDone:
        """What is done with a run that has ended.

        ``steps`` asks where it can go on, ``space`` what cleaning would free, ``clean`` does it,
        ``note`` and ``tags`` say something of it.
        """
        from finn_tui.lab.build_places.locate import place_of

        if job == "clean":
            # What is here says what it was: it goes once the host has removed its part.
            place = await asyncio.to_thread(place_of, run)
            argument = await place.clean(argument, keep_results=False, dry=False)
        answer = await asyncio.to_thread(upkeep, run, job, argument)
        if job == "space":
            place = await asyncio.to_thread(place_of, run)
            answer = await place.clean(answer, keep_results=False, dry=True)
        return UpkeepDone(run, job, answer)

    async def _cancel_build(self, run: RunFolder) -> None:
        """End a build with all its processes."""
        await self.lab.cancel(run)

    async def _watch_runs(self) -> None:
        """Read the workspace's runs repeatedly; post a message when they change."""
        from finn_tui.lab.build_places import following

        async with following.asked(self.lab.workspace.runs_dir):
            await self._read_again_and_again()

    async def _read_again_and_again(self) -> None:
        seen: tuple[RunView, ...] | None = None
        damaged: list[str] = []
        results: tuple[Experiment, ...] = ()
        while True:
            runs, broken = await asyncio.to_thread(read_runs, self.lab, seen or ())
            reasons = [run.reason for run in broken]
            if seen is None or runs != seen or reasons != damaged:
                changed = has_changed(runs, seen or ())
                removed = len(runs) != len(seen or ())
                changed_results: tuple[Experiment, ...] | None = None
                if changed or removed or broken:
                    results = await asyncio.to_thread(read_results, runs, seen or (), results)
                    changed_results = results
                seen, damaged = runs, reasons
                self.context.post_message(RunsRead(runs, changed_results, broken))
            await asyncio.sleep(_LOOK)

    async def _follow_hosts(self) -> None:
        """Follow the runs on hosts; what is heard is in their folders, which are watched."""
        from finn_tui.lab.build_places.following import keep_mirrors

        await keep_mirrors(self.lab.workspace.runs_dir)

    async def _follow_run(self, run: RunFolder) -> None:
        """Post snapshots of a run until it ends; at the end, why it failed."""
        await run_following.follow(self.context, run)
