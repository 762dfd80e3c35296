"""The solver: one request at a time, in the background."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.foldings import saved_foldings
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.state import Topic
from finn_tui.ui.tune.state import TuneState, tune_state

if TYPE_CHECKING:
    from finn_tui.base.progress import Progress
    from finn_tui.core.optimize.solve import Solution
    from finn_tui.lab.solver.options import SolveOptions
    from finn_tui.lab.solver.requests import ParetoPoint, SolveRequest
    from finn_tui.ui.pareto.state import ParetoFront
    from finn_tui.ui.solve.state import SolveState

#: Seconds between a choice in the form and the request for the fastest that fits.
_PAUSE = 0.25


@dataclass
class SolveFinished(WorkResult):
    """The solver has answered a request, or says why it cannot."""

    kind = WorkKind.SOLVE
    solving: SolveState
    request: SolveRequest
    solution: Solution | None
    error: FinnTuiError | None


@dataclass
class FrontAdvanced(WorkResult):
    """A new point of a Pareto front; its end if ``point`` is None."""

    kind = WorkKind.FRONT
    front: ParetoFront
    point: ParetoPoint | None
    error: FinnTuiError | None = None
    refused: FinnTuiError | None = None


@dataclass
class FastestFound(WorkResult):
    """The fastest folding that fits the solve dialog's form, or why there is none."""

    kind = WorkKind.FASTEST
    solving: SolveState
    request: SolveRequest
    answer: Solution | FinnTuiError


class SolverController(Controller):
    """Runs the solver; the user decides whether to apply its answers."""

    @property
    def _solving(self) -> SolveState | None:
        from finn_tui.ui.solve.state import SolveState

        solving = self.state.find(SolveState)
        return solving if solving is not None and solving.tune is self.state.tune else None

    @property
    def _front(self) -> ParetoFront | None:
        from finn_tui.ui.pareto.state import ParetoFront

        front = self.state.find(ParetoFront)
        return front if front is not None and front.tune is self.state.tune else None

    def do_tune_solve(self) -> None:
        """Open the solve dialog."""
        # The solver brings numpy, which only those who solve shall pay.
        from finn_tui.ui.solve import state as solving
        from finn_tui.ui.solve.screen import SolveDialog

        tune = tune_state(self.state)
        assert tune is not None, "the action is disabled without a model"
        names = saved_foldings.names(self.lab.workspace, tune.opened.model)
        self.context.show_dialog(
            SolveDialog(solving.solve_state(self.state, tune, names)), self._solve_closed
        )

    def _solve_closed(self, action: str | None) -> None:
        self.state.publish(Topic.MODEL)
        if action is not None:
            self.context.after_refresh(self.context.action_do, action)

    def begin_solving(self, solving: SolveState, request: SolveRequest) -> None:
        """Send a request to the solver; the answer arrives as a message.

        Args:
            solving: the dialog's state.
            request: from its form.
        """
        self.context.stop(WorkKind.FASTEST)
        self._stop_front()
        solving.begin(request)
        self.context.start(WorkKind.SOLVE, self._solve(solving, request))

    def stop_solving(self, solving: SolveState) -> None:
        """End the solver's process without an answer."""
        solving.end()
        self.context.stop(WorkKind.SOLVE)

    async def _find_fastest(self, solving: SolveState, request: SolveRequest) -> FastestFound:
        """Compute the fastest folding that fits."""
        from finn_tui.lab.solver import requests

        # Whoever is still choosing shall not have the solver started anew with every key.
        await asyncio.sleep(_PAUSE)
        answer: Solution | FinnTuiError
        try:
            answer = await requests.ask(self.lab, solving.tune.opened, request)
        except FinnTuiError as error:
            answer = error
        return FastestFound(solving, request, answer)

    async def _solve(self, solving: SolveState, request: SolveRequest) -> SolveFinished:
        """Solve a request."""
        from finn_tui.lab.solver import requests

        try:
            solution = await requests.ask(
                self.lab, solving.tune.opened, request, self.context.progress_of(WorkKind.SOLVE)
            )
        except FinnTuiError as error:
            # No folding reaches what was asked for: that is an answer too.
            return SolveFinished(solving, request, None, error)
        return SolveFinished(solving, request, solution, None)

    # The Pareto front

    def do_tune_pareto(self) -> None:
        """Open the Pareto screen; compute the front unless it is known."""
        from finn_tui.ui.pareto.screen import ParetoScreen
        from finn_tui.ui.pareto.state import front_options

        tune = tune_state(self.state)
        assert tune is not None, "the action is disabled without a model"
        try:
            solve_options = front_options(self.state, tune)
        except FinnTuiError as error:
            self.context.show_error(error)
            return
        front = self._front
        if front is None or not front.is_of(solve_options):
            front = self.find_front(tune, solve_options)
        self.context.show_dialog(ParetoScreen(front), lambda _: self.state.publish(Topic.MODEL))

    def find_front(self, tune: TuneState, solve_options: SolveOptions) -> ParetoFront:
        """Start computing a front; its points arrive as messages.

        Args:
            tune: the open model.
            solve_options: limits and locks.
        """
        from finn_tui.ui.pareto.state import ParetoFront

        front = ParetoFront(tune, solve_options)
        self.state.put(front)
        self.context.start(WorkKind.FRONT, self._find_points(front))
        return front

    def _stop_front(self) -> None:
        front = self._front
        if front is not None and front.busy:
            self.context.stop(WorkKind.FRONT)
            self.state.drop(type(front))

    async def _find_points(self, front: ParetoFront) -> FrontAdvanced:
        """Compute the points of a front and SetFolding's."""
        from finn_tui.lab.solver import requests
        from finn_tui.ui.pareto.state import POINTS

        try:
            result = await requests.front(
                self.lab,
                front.tune.opened,
                front.solve_options,
                POINTS,
                on_progress=self.context.progress_of(WorkKind.FRONT),
                on_point=lambda point: self._post_point(front, point),
            )
        except FinnTuiError as error:
            return FrontAdvanced(front, None, error)
        return FrontAdvanced(front, None, None, result.refused)

    def _post_point(self, front: ParetoFront, point: ParetoPoint) -> None:
        self.context.post_message(FrontAdvanced(front, point))

    def front_found(self, message: FrontAdvanced) -> None:
        """Add a point, or record the end."""
        if message.point is not None:
            message.front.add(message.point)
        else:
            message.front.end(message.error, message.refused)
        self._show_front()

    def front_told(self, progress: Progress) -> None:
        """Show the progress of the front."""
        front = self._front
        if front is not None:
            front.report(progress)
            self._show_front()

    def _show_front(self) -> None:
        from finn_tui.ui.pareto.screen import ParetoScreen

        shown = self.context.screen
        if isinstance(shown, ParetoScreen) and shown.is_mounted:
            shown.show()

    # What comes of a request

    def fastest_found(self, message: FastestFound) -> None:
        """Show the fastest folding in the form."""
        message.solving.set_fastest(message.request, message.answer)
        self._show_solving(message.solving)

    def solved(self, message: SolveFinished) -> None:
        """Store the answer and show it."""
        solving = message.solving
        if solving.request is not message.request or not solving.busy:
            return
        solving.end(message.solution, message.error)
        if not self._show_solving(solving) and self.state.tune is solving.tune:
            solving.leave_unseen()
            outcome = "no solution" if message.solution is None else "solved"
            self.context.notify(
                f"{outcome}: {solving.title}; s on Tune shows it",
                title="solve",
                timeout=8,
                markup=False,
            )
            self.state.publish(Topic.MODEL)

    def solve_told(self, progress: Progress) -> None:
        """Show the progress of the solver."""
        solving = self._solving
        if solving is not None and solving.busy:
            solving.report(progress)
            self._show_solving(solving)

    def solve_failed(self, error: FinnTuiError) -> None:
        """Show an internal error of the solver in the dialog, or as a notice if it is closed."""
        solving = self._solving
        if solving is not None and solving.request is not None:
            solving.end(error=error)
            if self._show_solving(solving):
                return
        self.context.show_error(error)

    def front_failed(self, error: FinnTuiError) -> None:
        """Show an internal error of the front; its points stay."""
        front = self._front
        if front is not None:
            front.end(error, None)
            self._show_front()
        self.context.show_error(error)

    def _show_solving(self, solving: SolveState) -> bool:
        from finn_tui.ui.solve.screen import SolveDialog

        for screen in self.context.screen_stack:
            if isinstance(screen, SolveDialog) and screen.solving is solving:
                if screen.is_mounted:
                    screen.show()
                return True
        return False

    def find_fastest(self, solving: SolveState, request: SolveRequest) -> None:
        """Compute the fastest folding that fits, which the form shows.

        Args:
            solving: the dialog's state.
            request: for the fastest.
        """
        self.context.start(WorkKind.FASTEST, self._find_fastest(solving, request))

    def do_tune_advice(self) -> None:
        """Open the dialog of next moves."""
        from finn_tui.ui.advice.screen import AdviceDialog

        tune = tune_state(self.state)
        assert tune is not None, "the action is disabled without a model"
        tune.notice = None
        self.context.show_dialog(AdviceDialog(tune), lambda _: self.state.publish(Topic.MODEL))
