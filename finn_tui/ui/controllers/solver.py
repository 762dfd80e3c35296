"""The app's half that asks the solver: in the background, one question at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.messages import FastestFound, FrontAdvanced, SolveFinished, WorkKind
from finn_tui.ui.tune.state import TuneState

if TYPE_CHECKING:
    from finn_tui.base.progress import Progress
    from finn_tui.core.optimize.solve import Solution
    from finn_tui.lab.solver.options import SolveOptions
    from finn_tui.lab.solver.requests import ParetoPoint, SolveRequest
    from finn_tui.ui.pareto.state import ParetoFront
    from finn_tui.ui.solve.state import SolveState


#: Seconds between a choice in the form and the question for the fastest that fits.
_PAUSE = 0.25


class SolverController(Controller):
    """Solving; what it finds is for the user to take."""

    def open_solve(self, tune: TuneState) -> None:
        """The dialog: its form, or what is under way or waits to be looked at."""
        # The solver brings numpy, which only those who solve shall pay.
        from finn_tui.ui.solve import state as solving
        from finn_tui.ui.solve.screen import SolveDialog

        names = self.lab.folding_names(tune.opened.model)
        self.push_screen(SolveDialog(solving.of(tune, names)), self._solve_closed)

    def _solve_closed(self, action: str | None) -> None:
        self.redraw()
        if action is not None:
            self.call_after_refresh(self.action_do, action)

    def begin_solving(self, solving: SolveState, question: SolveRequest) -> None:
        """Ask; the answer comes as a message."""
        self.stop(WorkKind.FASTEST)
        self._stop_front(solving.tune)
        solving.begin(question)
        self.start(WorkKind.SOLVE, self.solve(solving, question))

    def stop_solving(self, solving: SolveState) -> None:
        """End the solver's process; there is no answer then."""
        solving.end()
        self.stop(WorkKind.SOLVE)

    async def find_fastest(self, solving: SolveState, question: SolveRequest) -> FastestFound:
        """What the form tells beside the question: the fastest that fits."""
        from finn_tui.lab.solver import requests

        # Whoever is still choosing shall not have the solver started anew with every key.
        await asyncio.sleep(_PAUSE)
        found: Solution | FinnTuiError
        try:
            found = await requests.ask(self.lab, solving.tune.opened, question)
        except FinnTuiError as error:
            found = error
        return FastestFound(solving, question, found)

    async def solve(self, solving: SolveState, question: SolveRequest) -> SolveFinished:
        """Have a question answered."""
        from finn_tui.lab.solver import requests

        try:
            found = await requests.ask(
                self.lab, solving.tune.opened, question, self._teller(WorkKind.SOLVE)
            )
        except FinnTuiError as error:
            # No folding reaches what was asked for: that is an answer too.
            return SolveFinished(solving, question, None, error)
        return SolveFinished(solving, question, found, None)

    # The Pareto front

    def open_pareto(self, tune: TuneState) -> None:
        """The front's screen; it is found now unless it was before."""
        from finn_tui.ui.pareto.screen import ParetoScreen
        from finn_tui.ui.pareto.state import wish_of

        try:
            wish = wish_of(tune)
        except FinnTuiError as error:
            self.show_error(error)
            return
        front = tune.front
        if front is None or not front.is_of(wish):
            front = self.find_front(tune, wish)
        self.push_screen(ParetoScreen(front), lambda _: self.redraw())

    def find_front(self, tune: TuneState, wish: SolveOptions) -> ParetoFront:
        """Begin to find a front; its points come as messages."""
        from finn_tui.ui.pareto.state import ParetoFront

        tune.front = ParetoFront(tune, wish)
        self.start(WorkKind.FRONT, self.find_points(tune.front))
        return tune.front

    def _stop_front(self, tune: TuneState) -> None:
        if tune.front is not None and tune.front.busy:
            self.stop(WorkKind.FRONT)
            tune.front = None

    async def find_points(self, front: ParetoFront) -> FrontAdvanced:
        """Find a front's points, SetFolding's beside them."""
        from finn_tui.lab.solver import requests
        from finn_tui.ui.pareto.state import POINTS

        try:
            found = await requests.front(
                self.lab,
                front.tune.opened,
                front.wish,
                POINTS,
                on_progress=self._teller(WorkKind.FRONT),
                on_point=lambda point: self._post_point(front, point),
            )
        except FinnTuiError as error:
            return FrontAdvanced(front, None, error)
        return FrontAdvanced(front, None, None, found.refused)

    def _post_point(self, front: ParetoFront, point: ParetoPoint) -> None:
        self.post_message(FrontAdvanced(front, point))

    def front_found(self, message: FrontAdvanced) -> None:
        """A point more, or the end."""
        if message.point is not None:
            message.front.add(message.point)
        else:
            message.front.end(message.error, message.refused)
        self._show_front()

    def front_told(self, progress: Progress) -> None:
        """The solver or FINN is a step further."""
        tune = self.state.tune
        if tune is not None and tune.front is not None:
            tune.front.tell(progress)
            self._show_front()

    def _show_front(self) -> None:
        from finn_tui.ui.pareto.screen import ParetoScreen

        shown = self.screen
        if isinstance(shown, ParetoScreen) and shown.is_mounted:
            shown.show()

    # What comes of a question

    def fastest_found(self, message: FastestFound) -> None:
        """The form can tell it."""
        message.solving.take_fastest(message.question, message.found)
        self._show_solving(message.solving)

    def solved(self, message: SolveFinished) -> None:
        """An answer, or why there is none."""
        solving = message.solving
        if solving.question is not message.question or not solving.busy:
            return
        solving.end(message.solution, message.error)
        if not self._show_solving(solving) and self.state.tune is solving.tune:
            solving.unseen = True
            what = "there is no answer" if message.solution is None else "solved"
            self.notify(
                f"{what}: {solving.title}; s on Tune shows it",
                title="solve",
                timeout=8,
                markup=False,
            )
            self.redraw()

    def solve_told(self, progress: Progress) -> None:
        """The solver is a step further."""
        tune = self.state.tune
        if tune is not None and tune.solving is not None and tune.solving.busy:
            tune.solving.tell(progress)
            self._show_solving(tune.solving)

    def solve_failed(self, error: FinnTuiError) -> None:
        """A defect while solving: the dialog tells it, or a notice where it is closed."""
        tune = self.state.tune
        if tune is not None and tune.solving is not None and tune.solving.question is not None:
            tune.solving.end(error=error)
            if self._show_solving(tune.solving):
                return
        self.show_error(error)

    def front_failed(self, error: FinnTuiError) -> None:
        """A defect while a Pareto front is found; the points that are there stay."""
        tune = self.state.tune
        if tune is not None and tune.front is not None:
            tune.front.end(error, None)
            self._show_front()
        self.show_error(error)

    def _show_solving(self, solving: SolveState) -> bool:
        from finn_tui.ui.solve.screen import SolveDialog

        for screen in self.screen_stack:
            if isinstance(screen, SolveDialog) and screen.solving is solving:
                if screen.is_mounted:
                    screen.show()
                return True
        return False
