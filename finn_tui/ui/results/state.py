"""What the Results screen keeps: order, marks, and which plot is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finn_tui.lab.results.results_table import Experiment

#: What the rows can be sorted by, in the order in which a key goes through it.
SORTS: dict[str, Callable[[Experiment], Any]] = {
    "newest": lambda row: None,
    "folding": lambda row: row.folding,
    "fps": lambda row: -(row.fps or 0.0),
    "estimate": lambda row: -(row.estimated_fps or 0.0),
    "LUT": lambda row: row.synthesized.get("LUT", float("inf")),
    "accuracy": lambda row: -(row.accuracy or 0.0),
}


@dataclass
class ResultsState:
    """The state of the Results screen.

    Attributes:
        sort: one of ``SORTS``.
        marked: ids of marked runs, in the order in which they were marked.
        plot: number of the plot that is shown, see ``view.PLOTS``; None for none.
    """

    sort: str = "newest"
    marked: list[str] = field(default_factory=list)
    plot: int | None = None

    def sorted(self, rows: Sequence[Experiment]) -> list[Experiment]:
        """Return the rows in the chosen order; those that are alike stay newest first."""
        return list(rows) if self.sort == "newest" else sorted(rows, key=SORTS[self.sort])

    def next_sort(self) -> None:
        """Sort by the next of ``SORTS``."""
        names = list(SORTS)
        self.sort = names[(names.index(self.sort) + 1) % len(names)]

    def toggle(self, run: str) -> None:
        """Mark a run, or remove its mark."""
        if run in self.marked:
            self.marked.remove(run)
        else:
            self.marked.append(run)
