"""A series of foldings: asking which, building and measuring them, saying how it went."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.lab.foldings import saved_foldings
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.dialogs.messages import OutlookReady
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.state import Topic

if TYPE_CHECKING:
    from finn_tui.lab.foldings.opened import Opened
    from finn_tui.lab.sweep.sweep import SweepItem, SweepOptions

_PARETO = re.compile(r"pareto:(\d{1,2})")
_ON = re.compile(r"on:(\S+)")


@dataclass(frozen=True)
class SeriesText:
    """What the user has typed for a series.

    Attributes:
        names: of foldings.
        pareto: how many foldings the solver finds.
        on: the host that builds; None for this machine.
    """

    names: tuple[str, ...]
    pareto: int = 0
    on: str | None = None


@dataclass
class SweepEnded(WorkResult):
    """A series has come to its end."""

    kind = WorkKind.SWEEP
    items: tuple[SweepItem, ...]


class SweepController(Controller):
    """Does a series of foldings in the background."""

    def do_results_series(self) -> None:
        """Ask for foldings, confirm, and do them one after the other."""
        from finn_tui.ui.dialogs.ask_text import AskTextDialog

        tune = self.state.tune
        assert tune is not None, "the action is disabled without a model"
        opened = tune.opened
        known = saved_foldings.names(self.lab.workspace, opened.model)
        usual: list[str] = [name for name in ("published", "exp1") if name in known]

        def accept(text: str | None) -> None:
            if text:
                self._confirm(opened, read_series(text))

        self.context.show_dialog(
            AskTextDialog(
                f"Series of {opened.model.title}: build, deploy and validate",
                text=", ".join([*(usual or ["ones"]), "pareto:2"]),
                refuse=lambda text: why_no_series(text, known),
                hint="foldings by name; pareto:2 adds two of the solver's, on:HOST builds on a "
                "host's Slurm. Known: " + ", ".join(known),
            ),
            accept,
        )

    def _confirm(self, opened: Opened, series: SeriesText) -> None:
        from finn_tui.lab.sweep import sweep

        settings, pareto = self.lab.workspace.settings, series.pareto
        options = sweep.SweepOptions(board=self.state.board.machine, on=series.on)
        try:
            items = sweep.named(self.lab, opened, series.names)
        except FinnTuiError as error:
            self.context.show_error(error)
            return
        facts = [(f"measured on {self.state.board.machine}", "")]
        if settings.rehearse:
            facts.insert(0, ("SIMULATED: stand-ins for Vivado and Vitis HLS", "sim"))
        if pareto:
            facts.append((f"{pareto} of the solver's foldings", ""))
        if series.on:
            facts.append((f"built on {series.on}; where it has Slurm, as one job array", ""))
        self.context.confirm(
            f"Series of {len(items) + pareto} foldings of {opened.model.title}",
            facts,
            "build and measure them",
            "looking for what is built already ...",
            self._look(items, options),
            lambda: self._begin(opened, items, pareto, options),
        )

    async def _look(self, items: Sequence[SweepItem], options: SweepOptions) -> OutlookReady:
        from finn_tui.lab.builds.build_request import default_host
        from finn_tui.lab.sweep import sweep

        looked = await asyncio.to_thread(sweep.look, self.lab, items, options)
        facts = [
            (f"{item.name}: {'to be built' if item.status == 'waiting' else item.status}", "")
            for item in looked
        ]
        is_to_be_built = any(item.status == "waiting" for item in looked)
        if not options.on and is_to_be_built and (host := await default_host(self.lab)):
            facts.insert(0, (f"built on {host}, where the engine is", ""))
        return OutlookReady(facts)

    def _begin(
        self, opened: Opened, items: list[SweepItem], pareto: int, options: SweepOptions
    ) -> None:
        self.state.sweeping = "starting"
        self.context.start(WorkKind.SWEEP, self._sweep(opened, items, pareto, options))
        self.context.show_mode("results")
        self.state.publish(Topic.RUNS)

    async def _sweep(
        self, opened: Opened, items: list[SweepItem], pareto: int, options: SweepOptions
    ) -> SweepEnded:
        from finn_tui.lab.sweep import sweep

        report = self.context.progress_of(WorkKind.SWEEP)
        if pareto:
            items = [*items, *await sweep.pareto(self.lab, opened, pareto, report)]

        def tell(index: int, item: SweepItem) -> None:
            report(Progress("series", f"{index + 1} of {len(items)}: {item.name}, {item.status}"))

        return SweepEnded(tuple(await sweep.sweep(self.lab, items, options, tell, report)))

    def advanced(self, progress: Progress) -> None:
        """Keep what the series is doing."""
        self.state.sweeping = progress.message
        self.state.publish(Topic.RUNS)

    def ended(self, message: SweepEnded) -> None:
        """Say how the series went."""
        self.stopped()
        failed = [item for item in message.items if item.error is not None]
        done = len(message.items) - len(failed)
        self.context.notify(
            f"{done} of {len(message.items)} foldings are built and measured",
            title="series",
            severity="warning" if failed else "information",
            markup=False,
        )
        if failed and failed[0].error is not None:
            self.context.show_error(failed[0].error)

    def failed(self, error: FinnTuiError) -> None:
        """Show why the series could not be done."""
        self.stopped()
        self.context.show_error(error)

    def stopped(self) -> None:
        """Record that no series is done any more."""
        self.state.sweeping = ""
        self.state.publish(Topic.RUNS)

    def do_results_stop(self) -> None:
        """Start and measure no more foldings."""
        self.context.stop(WorkKind.SWEEP)


def read_series(text: str) -> SeriesText:
    """Return what is typed for a series."""
    names, pareto, on = [], 0, None
    for name in (part.strip() for part in text.split(",")):
        if match := _PARETO.fullmatch(name):
            pareto = max(pareto, int(match[1]))
        elif match := _ON.fullmatch(name):
            on = match[1]
        elif name:
            names.append(name)
    return SeriesText(tuple(names), pareto, on)


def why_no_series(text: str, known: Sequence[str]) -> str | None:
    """Return why a text names no series; None if it does.

    Args:
        text: what was typed.
        known: names of foldings.
    """
    series = read_series(text)
    unknown = [name for name in series.names if name not in known and not name.endswith(".json")]
    if unknown:
        return f"there is no folding called {unknown[0]}"
    return None if series.names or series.pareto else "name a folding"
