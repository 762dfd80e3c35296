"""The choice of a board, with whether each answers and how far away it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from finn_tui.base.errors import FinnTuiError
from finn_tui.board.catalogue import REPLAY, marks
from finn_tui.ui.context import AppContext, context_of
from finn_tui.ui.dialogs.choose import ChooseDialog
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.toolkit.listing import Cell, Column, Content, Row

if TYPE_CHECKING:
    from finn_tui.board.catalogue import Board
    from finn_tui.hosts.reach import Reach
    from finn_tui.lab.boards.recordings import RecordedSession

_COLUMNS = (Column("board", 14), Column("address", 32), Column("answers"))


@dataclass
class ReachMeasured(WorkResult):
    """A board was looked for."""

    kind = WorkKind.REACH
    name: str
    reach: Reach


class BoardChoice(ChooseDialog):
    """Choose a board; that they are looked for never makes the choice wait."""

    CSS_PATH: ClassVar[list[str | PurePath]] = [
        "../dialogs/ask_text.tcss",
        "../dialogs/choose.tcss",
    ]

    def __init__(
        self,
        machines: Mapping[str, Board],
        sessions: Sequence[RecordedSession],
        broken: Mapping[str, FinnTuiError],
        now: str,
    ) -> None:
        """Make the dialog.

        Args:
            machines: by name.
            sessions: recorded ones of the workspace, which are replayed in place of a board.
            broken: what is wrong with entries that cannot be read.
            now: the machine that is chosen.
        """
        self._machines = machines
        self._sessions = sessions
        self._broken = broken
        self._reach: dict[str, Reach] = {}
        super().__init__(
            "Board to deploy to",
            self._boards(),
            now,
            hint="`finn-tui boards add NAME --host ADDRESS` adds a board",
        )

    def on_mount(self) -> None:
        """Look for the boards."""
        super().on_mount()
        # An answer may come at once, and needs the dialog's parts.
        self.call_after_refresh(self._look)

    def _look(self) -> None:
        context = context_of(self)
        context.start(WorkKind.REACH, _measure(context, self._machines))

    def on_unmount(self) -> None:
        """Look no longer."""
        context_of(self).stop(WorkKind.REACH)

    def reach_measured(self, message: ReachMeasured) -> None:
        """Show how a board answers."""
        self._reach[message.name] = message.reach
        self.show_content(self._boards())

    def _boards(self) -> Content:
        rows = [
            Row(board.name, [(board.name, ""), _where(board), self._answer(board)])
            for board in self._machines.values()
        ]
        rows += [
            Row(
                f"{REPLAY}{session.path}",
                [
                    (session.path.stem, ""),
                    (f"recorded from {session.board}, {session.time[:16]}", "dim"),
                    (marks({"replay": True, "simulated": session.simulated}), "sim"),
                ],
            )
            for session in self._sessions
        ]
        rows += [
            Row(name, [(name, "dim"), (f"damaged: {error.why}", "warn")])
            for name, error in self._broken.items()
        ]
        return Content(_COLUMNS, rows)

    def _answer(self, board: Board) -> Cell:
        if not board.is_connected_to:
            return marks({"replay": board.replay, "simulated": board.simulated}), "sim"
        mark = "SIMULATED " if board.simulated else ""
        reach = self._reach.get(board.name)
        if reach is None:
            return f"{mark}...", "dim"
        role = {"answers": "good", "not measured": "dim"}.get(reach.status, "warn")
        return f"{mark}{reach.text}", role


def _where(board: Board) -> Cell:
    from finn_tui.board.catalogue import SIMULATED

    return ("on this machine" if board.name == SIMULATED else board.address, "dim")


async def _measure(context: AppContext, machines: Mapping[str, Board]) -> None:
    from finn_tui.hosts.reach import measure

    async def one(board: Board) -> None:
        context.post_message(ReachMeasured(board.name, await measure(board.machine)))

    await asyncio.gather(*(one(board) for board in machines.values() if board.is_connected_to))
