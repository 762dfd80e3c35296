"""The app's half that builds: beginning, what speaks against it, runs that end, and upkeep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.messages import (
    BuildChecked,
    BuildStarted,
    RunsRead,
    SnapshotTaken,
    UpkeepDone,
    WorkKind,
)

if TYPE_CHECKING:
    from finn_tui.lab.plans import BuildPlan
    from finn_tui.ui.state import RunView


class BuildController(Controller):
    """Builds and what becomes of them."""

    def do_app_build(self) -> None:
        """Build the present folding, after asking."""
        from finn_tui.lab.plans import plan_build

        tune = self.state.tune
        assert tune is not None, "the action is disabled without a model"
        plan = plan_build(self.lab, tune.opened)
        self._confirm_build(plan, "build", lambda: self._build(None))

    def retry_run(self, run: RunView) -> None:
        """Build a run again, after asking."""
        from finn_tui.lab.plans import plan_retry

        def retry() -> None:
            self.state.launching = True
            self.start(WorkKind.REBUILD, self.retry_build(run.folder))

        self._confirm_build(plan_retry(run.request), "build it again", retry)

    def _confirm_build(self, plan: BuildPlan, yes: str, then: Callable[[], None]) -> None:
        from finn_tui.ui.dialogs.plan_text import build_facts, build_title

        self.confirm(
            build_title(plan),
            build_facts(plan),
            yes,
            "looking at earlier builds ...",
            self.look_ahead(plan),
            then,
        )

    def _build(self, rehearse: bool | None) -> None:
        tune = self.state.tune
        assert tune is not None, "the action is disabled without a model"
        self.state.launching = True
        self.start(WorkKind.BUILD, self.begin_build(tune.opened, rehearse))
        self.redraw()

    def _rehearse(self, answer: str | None) -> None:
        if answer == "r":
            self._build(True)

    def build_started(self, message: BuildStarted) -> None:
        """Show the run that has begun."""
        self.launch_ended()
        self.state.runs_view.chosen = message.run.id
        self.start(WorkKind.RUNS, self.watch_runs())
        self.switch_mode("runs")

    def runs_read(self, message: RunsRead) -> None:
        """The runs are others, or have moved on."""
        before = {run.id: run for run in self.state.runs}
        self.state.runs = message.runs
        if message.results is not None:
            self.state.results, self.state.broken = message.results, message.broken
        if self.state.runs_read:
            for run in message.runs:
                old = before.get(run.id)
                resumed = old is not None and old.state.final and not run.state.final
                if resumed and self.state.runs_view.log_of == run.id:
                    self.state.runs_view.log_of = ""  # it is followed anew
                # Not from ``before``: the run that is followed has told its end there already.
                if run.state.final and run.id in self.state.unfinished:
                    self._run_ended(run.id, run.state.state, run.simulated)
        self.state.unfinished = {run.id for run in message.runs if not run.state.final}
        self.state.runs_read = True
        self.redraw()

    def _run_ended(self, id: str, state: str, simulated: bool) -> None:
        mark = " SIMULATED" if simulated else ""
        then = "; d deploys and validates it" if state == "succeeded" else "; e says why on Runs"
        severity = "information" if state == "succeeded" else "error"
        self._alert(f"{id}: {state}{mark}")
        self.notify(
            f"{id}: {state}{mark}{then}",
            title="build",
            severity=severity,  # type: ignore[arg-type]
            timeout=8,
            markup=False,
        )

    def picture_taken(self, message: SnapshotTaken) -> None:
        """The run that is shown has moved on."""
        view = self.state.runs_view
        if message.run == view.log_of:
            view.picture, view.picture_at = message.picture, time.monotonic()
            view.eta, view.cause = message.eta, message.cause
            if self.current_mode == "runs":
                self.redraw()

    def _alert(self, text: str) -> None:
        from finn_tui.base.terminal_alert import alert

        if self._driver is not None:
            self._driver.write(alert(self.lab.workspace.settings.alert, "finn-tui", text))
            self._driver.flush()

    def build_checked(self, message: BuildChecked) -> None:
        """Say what speaks against the build, and what would be lost; the user decides."""
        from finn_tui.ui.dialogs.choose import Notice

        self.launch_ended()
        paragraphs: list[tuple[str, str]] = []
        for finding in message.found:
            refuse = finding.verdict == "refuse"
            sign, role = ("✗", "bad") if refuse else ("!", "warn")
            paragraphs.append((f"{sign} {finding.what}", role))
            paragraphs.append((f"{finding.lost} {finding.fix}".strip(), ""))

        def answered(answer: str | None) -> None:
            if answer == "b":
                self.state.launching = True
                work = self.begin_build(message.opened, message.rehearse, force=True)
                self.start(WorkKind.BUILD, work)

        certain = any(finding.verdict == "refuse" for finding in message.found)
        title = "This build would fail" if certain else "Before this build begins"
        self.push_screen(
            Notice(title, paragraphs, [("b", "build all the same")], role="warn"), answered
        )
        self.redraw()

    def upkeep_done(self, message: UpkeepDone) -> None:
        """Ask what follows from the answer, or say that it is done."""
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
                    self.start(WorkKind.REBUILD, self.resume_build(run, step))

            hint = "the last is the step that it ended in; enter goes on there"
            self.push_screen(
                choose.ChooseDialog(f"Resume {run.id} at", content, answer[-1], hint=hint), go_on
            )
        elif message.job == "space":
            if not answer.paths:
                self.notify(f"{run.id} has nothing left to clean", markup=False)
                return

            def clean(yes: str | None) -> None:
                if yes == "y":
                    self.start(WorkKind.UPKEEP, self.look_after(run, "clean", answer))

            names = ", ".join(path.name for path in answer.paths)
            self.push_screen(
                choose.confirm(
                    f"Clean {run.id}?",
                    f"{names}: {size(answer.bytes)}. {answer.loses}",
                    f"free {size(answer.bytes)}",
                ),
                clean,
            )
        elif message.job == "clean":
            self.notify(f"{size(answer.bytes)} freed", title=run.id, markup=False)
        else:
            self.start(WorkKind.RUNS, self.watch_runs())

    def build_failed(self, error: FinnTuiError) -> None:
        """A build could not be started; without AMD's tools it can be rehearsed."""
        self.launch_ended()
        if error.kind is ErrorKind.TOOLS:
            self.show_error(error, (("r", "rehearse with stand-ins (SIMULATED)"),), self._rehearse)
        else:
            self.show_error(error)

    def rebuild_failed(self, error: FinnTuiError) -> None:
        """A run could not be resumed or built again."""
        self.launch_ended()
        self.show_error(error)

    def launch_ended(self) -> None:
        """No build is being started any more."""
        self.state.launching = False
        self.close_working(WorkKind.BUILD)
        self.close_working(WorkKind.REBUILD)
        self.redraw()
