"""What is to be folded: the rows of each layer, what they cost, and which of them can be best.

Every layer takes one row of its table. Rows too slow for the target are out; of the others only
those matter that no row with the same coupled knobs beats in every resource, whatever the
neighbours' widths are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from finn_tui.core.design import CHOSEN, Design, Layer
from finn_tui.core.device import RESOURCES
from finn_tui.core.estimate.estimate import CostTable, Tables
from finn_tui.core.estimate.infrastructure import Use
from finn_tui.core.estimate.memory import lutram, stores_in_luts
from finn_tui.core.folding.model import Folding
from finn_tui.core.optimize.buildability import refusal

#: What is added up: ``RESOURCES``, then LUTRAM, the part of the LUTs that is memory.
DIMENSIONS = len(RESOURCES) + 1

NO_USE: NDArray[np.float64] = np.zeros(DIMENSIONS)


@dataclass(frozen=True)
class StreamCost:
    """What FINN inserts on one stream, by (out, in) width in bits.

    An end outside of the design is None; its width in the keys is 0.
    """

    producer: str | None
    consumer: str | None
    use: Mapping[tuple[int, int], Use]
    lutram: Mapping[tuple[int, int], float] = field(default_factory=dict)

    def uses(self, counts_lutram: bool) -> Mapping[tuple[int, int], NDArray[np.float64]]:
        """Return the resources and the LUTRAM, by widths; no LUTRAM where it is not limited."""
        return {
            widths: np.array([*use, self.lutram.get(widths, 0.0) if counts_lutram else 0.0])
            for widths, use in self.use.items()
        }


def restricted(tables: Tables, folding: Folding, free: Collection[str] = CHOSEN) -> Tables:
    """Return the tables with the rows that can be part of an optimum.

    Of rows with the same PE, SIMD, ... those are dropped that another one beats in every
    resource. Weights outside of the chip are never chosen: FINN's estimate leaves out what fetches
    them.

    Args:
        tables: cost table of each layer.
        folding: the present folding.
        free: knobs of the mode that may change; the others keep what they have in ``folding``.
    """
    restricted_tables = {}
    for name, full in tables.items():
        values = folding.values[name]
        table = full.part(values, free, avoid=_OUTSIDE)
        current_mode = table.mode(values)
        column_sets = list(table.modes.items())
        use = np.array([face.columns for _, face in column_sets], dtype=float)
        legal = np.ones((len(column_sets), len(table.folds)), dtype=bool)
        for at, (_, face) in enumerate(column_sets):
            if face.folds is not None:
                legal[at] = False
                legal[at, list(face.folds)] = True
        modes = {}
        for at, (mode, face) in enumerate(column_sets):
            fine = legal[at].copy()
            if mode != current_mode:
                for other in range(len(column_sets)):
                    no_more = (use[other] <= use[at]).all(axis=0)
                    less = (use[other] < use[at]).any(axis=0)
                    fine &= ~(legal[other] & no_more & (less | (other < at)))
            if fine.any():
                modes[mode] = replace(face, folds=tuple(np.flatnonzero(fine).tolist()))
        restricted_tables[name] = replace(table, modes=modes)
    return restricted_tables


_OUTSIDE = frozenset({"external"})


@dataclass(frozen=True)
class Arrays:
    """The columns of a cost table: int64[N], and float64[N, 4] in the order of ``RESOURCES``."""

    cycles: NDArray[np.int64]
    resources: NDArray[np.float64]
    in_width: NDArray[np.int64]
    out_width: NDArray[np.int64]

    @classmethod
    def of(cls, table: CostTable) -> Arrays:
        """Those of a table."""
        return cls(
            np.asarray(table.cycles, dtype=np.int64),
            np.asarray(table.resources, dtype=np.float64),
            np.asarray(table.in_width, dtype=np.int64),
            np.asarray(table.out_width, dtype=np.int64),
        )


@dataclass(frozen=True)
class Problem:
    """What is to be folded.

    Attributes:
        folding: where locked layers, settings and choices that cost the same come from.
        limits: units of each resource that may be used; one that is not named is not limited.
        weights: cost of one unit of each resource.
        minimax_weight: cost of the most expensive resource (the largest weight x units) on top of
            the sum; with the reciprocals of a budget as weights, that is the highest utilization.
        locked: layers that keep what they have in ``folding``.
        streams: cost of what FINN inserts between layers; empty leaves it out of account.
        fixed: knobs that keep what they have in ``folding``, in every layer that has them.
        lutram_limit: LUTs that may be memory: weights, windows, thresholds, FIFOs; None for any.
    """

    design: Design
    tables: Tables
    folding: Folding
    limits: Mapping[str, float]
    weights: Mapping[str, float]
    locked: frozenset[str] = frozenset()
    streams: tuple[StreamCost, ...] = ()
    fixed: frozenset[str] = frozenset()
    minimax_weight: float = 0.0
    lutram_limit: float | None = None

    @cached_property
    def arrays(self) -> Mapping[str, Arrays]:
        """The columns of each layer's table as arrays."""
        return {layer.name: Arrays.of(self.tables[layer.name]) for layer in self.design.layers}

    @cached_property
    def uses(self) -> Mapping[str, NDArray[np.float64]]:
        """What each layer's rows use, with what is inserted between it and the outside.

        float64[N, DIMENSIONS]; the LUTRAM is 0 where it is not limited.
        """
        uses = {}
        for layer in self.design.layers:
            own, resources = self._lutram(layer), self.arrays[layer.name].resources
            uses[layer.name] = np.hstack([resources, own[:, None]])
        for stream in self.streams:
            costs = stream.uses(self.lutram_limit is not None)
            if stream.consumer is not None and stream.producer is None:
                widths = self.tables[stream.consumer].in_width
                inserted = [costs.get((0, int(width)), NO_USE) for width in widths]
                uses[stream.consumer] = uses[stream.consumer] + np.array(inserted)
            elif stream.producer is not None and stream.consumer is None:
                widths = self.tables[stream.producer].out_width
                inserted = [costs.get((int(width), 0), NO_USE) for width in widths]
                uses[stream.producer] = uses[stream.producer] + np.array(inserted)
        return uses

    def _lutram(self, layer: Layer) -> NDArray[np.float64]:
        """Return the LUTs that are memory, of each row of a layer."""
        table = self.tables[layer.name]
        if self.lutram_limit is None or not stores_in_luts(layer):
            return np.zeros(len(table))
        luts = self.arrays[layer.name].resources[:, 0]
        rows = [lutram(layer, table.values(row), luts[row]) for row in range(len(table))]
        return np.array(rows, dtype=np.float64)

    @cached_property
    def between(self) -> tuple[tuple[str, str, Mapping[tuple[int, int], NDArray[np.float64]]], ...]:
        """(producer, consumer, cost by widths) of each stream between two layers."""
        return tuple(
            (stream.producer, stream.consumer, stream.uses(self.lutram_limit is not None))
            for stream in self.streams
            if stream.producer is not None and stream.consumer is not None
        )

    @cached_property
    def buildable(self) -> Mapping[str, NDArray[np.int64]]:
        """Rows of each layer that FINN can generate code for; all where it can for none."""
        rows_by_layer = {}
        for layer in self.design.layers:
            table = self.tables[layer.name]
            rows = range(len(table.points))
            legal_rows = [row for row in rows if refusal(layer, table.values(row)) is None]
            rows_by_layer[layer.name] = np.array(legal_rows or rows, dtype=np.int64)
        return rows_by_layer

    @cached_property
    def dominated(self) -> Mapping[str, NDArray[np.bool_]]:
        """For each layer, ``[i, j]``: whoever has row j can as well take row i, and rather does.

        A row is beaten by one with the same coupled knobs that uses no more of any resource, even
        with the worst that its other widths can cost on the streams: an optimum without it
        exists. Of rows that beat each other the one nearest to the present folding is preferred.
        """
        return {layer.name: _dominated(self, layer.name) for layer in self.design.layers}

    def rows(self, layer: str, cycles: int | None) -> NDArray[np.int64]:
        """Return the rows of a layer that may be chosen.

        Args:
            layer: node name.
            cycles: at most so many cycles per frame; any number if None.
        """
        table = self.tables[layer]
        if layer in self.locked:
            row = table.row(self.folding.values[layer])
            assert row is not None, f"{layer} holds no legal point"
            rows = np.array([row], dtype=np.int64)
        else:
            rows = self._with_fixed(layer)
        return rows if cycles is None else rows[self.arrays[layer].cycles[rows] <= cycles]

    def _with_fixed(self, layer: str) -> NDArray[np.int64]:
        table, present = self.tables[layer], self.folding.values[layer]
        rows = self.buildable[layer]
        fixed = [(table.columns[knob], present[knob]) for knob in table.knobs if knob in self.fixed]
        if not fixed:
            return rows

        def keep(rows: Iterable[int]) -> list[int]:
            return [
                row for row in rows if all(table.points[row][at] == value for at, value in fixed)
            ]

        # What is fixed may be what FINN cannot build: it is not for the solver to change it.
        rows_kept = keep(rows.tolist()) or keep(range(len(table.points)))
        return np.array(rows_kept, dtype=np.int64)


@dataclass(frozen=True)
class Answer:
    """What a solver found.

    Attributes:
        rows: the chosen row of each layer; empty where nothing was found.
        cost, bound: weighted cost, and what no choice can go below.
        optimal: proved to be the least.
        impossible: proved that there is no choice; False with no rows means that time ran out.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    cost: float = float("inf")
    bound: float = 0.0
    optimal: bool = False
    impossible: bool = False


def _dominated(problem: Problem, layer: str) -> NDArray[np.bool_]:
    table, uses = problem.tables[layer], problem.uses[layer]
    count = len(table.points)
    sides = []
    for producer, consumer, costs in problem.between:
        if consumer == layer:
            far = np.unique(problem.arrays[producer].out_width).tolist()
            reversed_costs = {(width, out): cost for (out, width), cost in costs.items()}
            sides.append(_extra_cost(problem.arrays[layer].in_width, far, reversed_costs))
        if producer == layer:
            far = np.unique(problem.arrays[consumer].in_width).tolist()
            sides.append(_extra_cost(problem.arrays[layer].out_width, far, costs))
    beats = np.ones((count, count), dtype=bool)
    for at in range(DIMENSIONS):
        streams = [(extra[:, :, at], widths) for extra, widths in sides if extra[:, :, at].any()]
        if not streams and not uses[:, at].any():
            continue
        extra_cost = uses[:, None, at] - uses[None, :, at]
        for stream_extra, widths in streams:
            extra_cost += stream_extra[np.ix_(widths, widths)]
        beats &= extra_cost <= 0
    for coupling in problem.design.couplings:
        for name, knob in (coupling.a, coupling.b):
            if name == layer:
                _, codes = np.unique(
                    [point[table.columns[knob]] for point in table.points], return_inverse=True
                )
                beats &= codes[:, None] == codes[None, :]
    current = tuple(problem.folding.values[layer][knob] for knob in table.knobs)
    changed = np.array(
        [sum(a != b for a, b in zip(point, current, strict=True)) for point in table.points]
    )
    rank = np.empty(count, dtype=np.int64)
    rank[np.lexsort((np.arange(count), problem.arrays[layer].cycles, changed))] = np.arange(count)
    strict: NDArray[np.bool_] = beats & (~beats.T | (rank[:, None] < rank[None, :]))
    return strict


def _extra_cost(
    widths: NDArray[np.int64],
    far: list[int],
    costs: Mapping[tuple[int, int], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Compute how much more a stream can cost with one width of a layer than with another.

    Args:
        widths: the stream width in bits of each row of the layer's table.
        far: the widths that the layer at the other end of the stream can have.
        costs: resources of what FINN inserts, by (own, far) width.

    Returns:
        ``[i, j, resource]``, how much more width i can cost than width j; and for each row the
        index of its width.
    """
    own, at = np.unique(widths, return_inverse=True)
    each = np.array([[costs.get((int(w), f), NO_USE) for f in far] for w in own])
    return (each[:, None] - each[None, :]).max(axis=2), at
