"""The layers as a layered graph: what is chosen is a path, and its uses add up along the path.

Layers are taken in the order of the design. What matters of the layers so far to those that follow
is the frontier: the stream widths and coupled knobs of the layers that still have a neighbour to
come. In a chain that is one layer, inside of a residual block it is two. A state is what the
frontier looks like; an edge takes one row of the next layer and uses what the row uses and what is
inserted on its streams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finn_tui.core.optimize.problem import DIMENSIONS, NO_USE, Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: States of one frontier, and edges between two frontiers, beyond which HiGHS is the better way.
MOST_STATES = 4_000
MOST_EDGES = 400_000

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Edges:
    """The edges of one layer for one target, ordered by source.

    Attributes:
        layer: node name.
        source, target: state before and after, of each of E edges.
        row: row of the layer's table.
        use: float64[E, DIMENSIONS].
        states: number of states before.
        first: of each state its first edge, and E at the end.
    """

    layer: str
    source: Ints
    target: Ints
    row: Ints
    use: Floats
    states: int
    first: Ints

    @classmethod
    def of(
        cls, layer: str, source: Ints, target: Ints, row: Ints, use: Floats, states: int
    ) -> Edges:
        """Create them; ``source`` must ascend."""
        first = np.searchsorted(source, np.arange(states + 1)).astype(np.int64)
        return cls(layer, source, target, row, use, states, first)

    def kept(self, keep: NDArray[np.bool_]) -> Edges:
        """Return only some of them."""
        if keep.all():
            return self
        return Edges.of(
            self.layer,
            self.source[keep],
            self.target[keep],
            self.row[keep],
            self.use[keep],
            self.states,
        )

    def least(self, value: Floats) -> Floats:
        """Return the least value over the edges of each state, infinity where it has none.

        Args:
            value: float64[E, K].
        """
        least = np.full((self.states, value.shape[1]), np.inf)
        sources = np.flatnonzero(np.diff(self.first))
        if len(sources):
            least[sources] = np.minimum.reduceat(value, self.first[sources], axis=0)
        return least


@dataclass(frozen=True)
class _Stage:
    """What does not depend on the target.

    Attributes:
        rows, use, cycles: of the rows that may be chosen.
        until: from so many cycles on, another row dominates.
        enter, leave: index of what earlier and later neighbours see of a row.
        between: float64[states, enter, DIMENSIONS], what is inserted.
        allowed: bool[states, enter], whether coupled knobs agree.
        next: int64[states, leave], the state after.
    """

    layer: str
    rows: Ints
    use: Floats
    cycles: Ints
    until: Ints
    enter: Ints
    leave: Ints
    between: Floats
    allowed: NDArray[np.bool_]
    next: Ints


class Frontier:
    """The graph of a problem, whatever the target."""

    def __init__(self, stages: Sequence[_Stage]) -> None:
        """Create it from the stages in the order of the layers."""
        self._stages = stages

    @classmethod
    def of(cls, problem: Problem) -> Frontier | None:
        """Make the graph of a problem; None where too many streams are open at once."""
        builder = _Builder(problem)
        stages = []
        for layer in problem.design.layers:
            stage = builder.add(layer.name)
            if stage is None:
                return None
            stages.append(stage)
        return cls(stages)

    def edges(self, cycles: int, limits: Floats) -> list[Edges]:
        """Return the edges of the rows that are fast enough and not dominated, layer by layer.

        Args:
            cycles: the target.
            limits: float64[DIMENSIONS]; an edge that exceeds one alone is left out.
        """
        return [_edges(stage, cycles, limits) for stage in self._stages]


def _edges(stage: _Stage, cycles: int, limits: Floats) -> Edges:
    chosen = np.flatnonzero((stage.cycles <= cycles) & (cycles < stage.until))
    source, at = np.nonzero(stage.allowed[:, stage.enter[chosen]])
    row = chosen[at]
    use = stage.use[row] + stage.between[source, stage.enter[row]]
    fits = (use <= limits).all(axis=1)
    source, row, use = source[fits], row[fits], use[fits]
    target = stage.next[source, stage.leave[row]]
    return Edges.of(stage.layer, source, target, stage.rows[row], use, len(stage.between))


#: What a neighbour sees of a row: its value for each of "in", "out" (widths) and coupled knobs.
_View = Mapping[str, Any]


class _Builder:
    """Adds layer after layer and keeps the frontier.

    Attributes:
        states: int64[states, members], which view of each member.
        members: layers with a neighbour to come, each with its views.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._position = {layer.name: at for at, layer in enumerate(problem.design.layers)}
        self._neighbours: dict[str, set[str]] = {name: set() for name in self._position}
        pairs = [(producer, consumer) for producer, consumer, _ in problem.between]
        pairs += [(item.a[0], item.b[0]) for item in problem.design.couplings]
        for a, b in pairs:
            self._neighbours[a].add(b)
            self._neighbours[b].add(a)
        self.states: Ints = np.zeros((1, 0), dtype=np.int64)
        self.members: dict[str, Sequence[_View]] = {}

    def add(self, name: str) -> _Stage | None:
        """Return the stage of the next layer; None where it would be too large."""
        problem, at = self._problem, self._position[name]
        rows = self._agreeing(name, problem.rows(name, None))
        neighbours = self._neighbours[name] - {name}
        later = {other for other in neighbours if self._position[other] > at}
        enter_views, enter = self._views(name, rows, neighbours - later)
        leave_views, leave = self._views(name, rows, later)
        if len(self.states) * len(rows) > MOST_EDGES:
            return None
        between = np.zeros((len(self.states), len(enter_views), DIMENSIONS))
        allowed = np.ones(between.shape[:2], dtype=bool)
        for column, (member, views) in enumerate(self.members.items()):
            if member in neighbours:
                cost, agree = self._joint(member, views, name, enter_views)
                between += cost[self.states[:, column]]
                allowed &= agree[self.states[:, column]]
        following = self._advance(name, leave_views)
        if len(self.states) > MOST_STATES:
            return None
        cycles = problem.arrays[name].cycles[rows]
        dominated = problem.dominated[name][np.ix_(rows, rows)]
        until = np.where(dominated, cycles[:, None], _NEVER).min(axis=0, initial=_NEVER)
        use = problem.uses[name][rows]
        return _Stage(name, rows, use, cycles, until, enter, leave, between, allowed, following)

    def _advance(self, name: str, views: Sequence[_View]) -> Ints:
        """Take a layer into the frontier and others out; return the state after, by state, view."""
        at = self._position[name]

        def open_after(layer: str) -> bool:
            return any(self._position[other] > at for other in self._neighbours[layer])

        kept = [column for column, member in enumerate(self.members) if open_after(member)]
        remaining, to = np.unique(self.states[:, kept], axis=0, return_inverse=True)
        to = to.reshape(-1).astype(np.int64)
        names = list(self.members)
        self.members = {names[column]: self.members[names[column]] for column in kept}
        count = len(views)
        if not open_after(name):
            self.states = remaining
            return np.repeat(to[:, None], count, axis=1)
        view = np.tile(np.arange(count), len(remaining))[:, None]
        self.states = np.hstack([np.repeat(remaining, count, axis=0), view])
        self.members[name] = views
        return to[:, None] * count + np.arange(count)[None, :]

    def _agreeing(self, name: str, rows: Ints) -> Ints:
        """Return the rows in which knobs of the layer that are coupled to each other agree."""
        table = self._problem.tables[name]
        for item in self._problem.design.couplings:
            if item.a[0] == item.b[0] == name:
                a, b = table.columns[item.a[1]], table.columns[item.b[1]]
                points = table.points
                rows = rows[[points[row][a] == points[row][b] for row in rows.tolist()]]
        return rows

    def _views(self, name: str, rows: Ints, partners: Set[str]) -> tuple[list[_View], Ints]:
        """Return what partners see of a layer's rows, and which of that each row shows."""
        problem, table = self._problem, self._problem.tables[name]
        columns: dict[str, list[object]] = {}
        for producer, consumer, _ in problem.between:
            if producer == name and consumer in partners:
                columns["out"] = problem.arrays[name].out_width[rows].tolist()
            if consumer == name and producer in partners:
                columns["in"] = problem.arrays[name].in_width[rows].tolist()
        for item in problem.design.couplings:
            for (layer, knob), (other, _) in ((item.a, item.b), (item.b, item.a)):
                if layer == name and other in partners:
                    position = table.columns[knob]
                    columns[f"knob {knob}"] = [table.points[row][position] for row in rows.tolist()]
        if not columns:
            return [{}], np.zeros(len(rows), dtype=np.int64)
        shown = list(zip(*columns.values(), strict=True))
        distinct = {values: at for at, values in enumerate(dict.fromkeys(shown))}
        views: list[_View] = [dict(zip(columns, values, strict=True)) for values in distinct]
        return views, np.array([distinct[values] for values in shown], dtype=np.int64)

    def _joint(
        self, member: str, views: Sequence[_View], name: str, enter: Sequence[_View]
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return what is inserted between two layers and whether coupled knobs agree, by views."""
        cost = np.zeros((len(views), len(enter), DIMENSIONS))
        agree = np.ones((len(views), len(enter)), dtype=bool)
        for producer, consumer, use in self._problem.between:
            if (producer, consumer) == (member, name):
                cost += [[use.get((a["out"], b["in"]), NO_USE) for b in enter] for a in views]
            elif (producer, consumer) == (name, member):
                cost += [[use.get((b["out"], a["in"]), NO_USE) for b in enter] for a in views]
        for item in self._problem.design.couplings:
            for (a_layer, a_knob), (b_layer, b_knob) in ((item.a, item.b), (item.b, item.a)):
                if (a_layer, b_layer) == (member, name):
                    agree &= np.array(
                        [
                            [a[f"knob {a_knob}"] == b[f"knob {b_knob}"] for b in enter]
                            for a in views
                        ],
                        dtype=bool,
                    ).reshape(agree.shape)
        return cost, agree
