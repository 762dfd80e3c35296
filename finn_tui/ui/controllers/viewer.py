"""Opens graphs in Netron, and ends it with the app."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from finn_tui.lab.models.netron import Netron
from finn_tui.ui.context import AppContext
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.messages import WorkKind, WorkResult


@dataclass
class NetronStarted(WorkResult):
    """Netron shows a graph; ``address`` is empty for a window of its own."""

    kind = WorkKind.NETRON
    path: Path
    address: str


class ViewerController(Controller):
    """At most one Netron."""

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._netron = Netron()

    def do_flow_netron(self) -> None:
        """Open the shown stage in Netron."""
        flow, tune = self.state.flow, self.state.tune
        if flow.failed is not None:
            stages = flow.failed.stages
        else:
            stages = tune.opened.model.stages if tune is not None else ()
        if stages and -len(stages) <= flow.stage < len(stages):
            self.context.start(WorkKind.NETRON, self._open(stages[flow.stage].path))

    async def _open(self, path: Path) -> NetronStarted:
        return NetronStarted(path, await self._netron.open(path))

    def netron_started(self, message: NetronStarted) -> None:
        """Say where the graph is shown."""
        where = message.address or "in a window of its own"
        self.context.notify(f"{message.path.name}\n{where}", title="Netron", timeout=8)

    async def close(self) -> None:
        """End Netron."""
        await self._netron.close()
