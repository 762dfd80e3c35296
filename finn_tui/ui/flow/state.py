"""What only the Flow screen needs: drawn graphs, differences, and what a stage is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finn_tui.core.graph.stage import Difference, StageGraph, difference, stage_graph


@dataclass
class FlowDrawings:
    """Graphs as they are drawn, made once for each stage.

    Attributes:
        base: stage that the others are compared with; None for the one before each.
    """

    base: int | None = None
    _drawn: dict[int, tuple[Mapping[str, Any], StageGraph]] = field(default_factory=dict)
    _differences: dict[tuple[int, int], Difference] = field(default_factory=dict)
    _kept: list[Mapping[str, Any]] = field(default_factory=list)
    searched: str = ""

    def drawn(self, graph: Mapping[str, Any]) -> StageGraph:
        """Return a stage's graph as it is drawn."""
        known = self._drawn.get(id(graph))
        if known is None:
            # The document is kept with it, so that its id is not given to another one.
            known = self._drawn[id(graph)] = (graph, stage_graph(graph))
        return known[1]

    def between(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
        """Return what differs between two stages' graphs.

        Args:
            before: document of one.
            after: document of the other.
        """
        key = (id(before), id(after))
        if key not in self._differences:
            self._kept += [before, after]
            self._differences[key] = difference(before, after)
        return self._differences[key]

    def base_of(self, stage: int) -> int:
        """Return the stage that one is compared with; itself for the first."""
        return self.base if self.base is not None else max(0, stage - 1)


def missing_graph(graphs: Mapping[Path, Mapping[str, Any]], paths: tuple[Path, ...]) -> Path | None:
    """Return the first of some stages whose graph is not read yet.

    Args:
        graphs: that are read.
        paths: of the stages that are needed.
    """
    return next((path for path in paths if path not in graphs), None)
