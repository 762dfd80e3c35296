"""Cost tables: every legal point of a layer with FINN's numbers for it.

A layer is folded (PE, SIMD, parallel_window) and has a mode: how it stores its weights and
multiplies. FINN's cycles and stream widths follow from the folding alone, so a table holds them
once; many modes cost the same in every folding, so the resources are held once for all of these.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import log2
from typing import Any

from finn_tui.core.design import Value
from finn_tui.core.device import RESOURCES

ParetoPoint = tuple[Value, ...]


@dataclass(frozen=True)
class LayerCost:
    """One layer's part of an estimate; ``resources`` as in ``RESOURCES``."""

    name: str
    op: str
    cycles: int
    resources: Mapping[str, float]
    in_width: int
    out_width: int
    values: Mapping[str, Value]


@dataclass(frozen=True)
class ResourceColumns:
    """What all folds of a layer take in modes that FINN's estimates cannot tell apart.

    Attributes:
        columns: a column for each of ``RESOURCES``, an amount for each fold.
        folds: the folds that are legal (and, in a part of a table, wanted); None if all are.
    """

    columns: tuple[Sequence[float], ...]
    folds: tuple[int, ...] | None = None


@dataclass(frozen=True)
class CostTable:
    """Every legal point of one layer with FINN's numbers for it.

    Plain tuples: a folding looks rows up one by one, and an app that imported numpy for that would
    start a third later. What computes over whole columns makes arrays of them. Rows are numbered
    mode by mode; ``points`` and the columns of all rows are made when somebody asks for them, who
    better asks ``part`` first.

    Attributes:
        layer: node name.
        knobs: names of the knobs: those of folding, then those of the mode.
        folds: N values of the first, no two alike.
        fold_cycles, fold_in, fold_out: of each fold, cycles per frame and bits of the data streams.
        modes: values of the others, each with its face.
    """

    layer: str
    knobs: tuple[str, ...]
    folds: tuple[ParetoPoint, ...]
    fold_cycles: tuple[int, ...]
    fold_in: tuple[int, ...]
    fold_out: tuple[int, ...]
    modes: Mapping[ParetoPoint, ResourceColumns]

    @cached_property
    def _starts(self) -> Mapping[ParetoPoint, int]:
        """The first row of each mode."""
        starts, count = {}, 0
        for mode, face in self.modes.items():
            starts[mode] = count
            count += len(self.folds) if face.folds is None else len(face.folds)
        return starts

    def __getstate__(self) -> dict[str, Any]:
        # What can be made again does not travel to the solver's process.
        return {name: self.__dict__[name] for name in self.__dataclass_fields__}

    def __len__(self) -> int:
        return sum(
            len(self.folds) if face.folds is None else len(face.folds)
            for face in self.modes.values()
        )

    @cached_property
    def _fold_at(self) -> Mapping[ParetoPoint, int]:
        return {fold: at for at, fold in enumerate(self.folds)}

    @cached_property
    def _width(self) -> int:
        """How many of the knobs fold."""
        return len(self.knobs) - len(next(iter(self.modes)))

    @cached_property
    def columns(self) -> Mapping[str, int]:
        """Position of each knob in a point."""
        return {knob: position for position, knob in enumerate(self.knobs)}

    @cached_property
    def _rows(self) -> Sequence[tuple[ParetoPoint, ResourceColumns, int]]:
        """Mode, face and fold of each row."""
        return [
            (mode, face, fold)
            for mode, face in self.modes.items()
            for fold in (range(len(self.folds)) if face.folds is None else face.folds)
        ]

    @cached_property
    def points(self) -> tuple[ParetoPoint, ...]:
        """The legal points, no two alike."""
        return tuple([self.folds[fold] + mode for mode, _, fold in self._rows])

    @cached_property
    def cycles(self) -> tuple[int, ...]:
        """Cycles per frame of each row."""
        return tuple([self.fold_cycles[fold] for _, _, fold in self._rows])

    @cached_property
    def in_width(self) -> tuple[int, ...]:
        """Bits of the input stream of each row."""
        return tuple([self.fold_in[fold] for _, _, fold in self._rows])

    @cached_property
    def out_width(self) -> tuple[int, ...]:
        """Bits of the output stream of each row."""
        return tuple([self.fold_out[fold] for _, _, fold in self._rows])

    @cached_property
    def resources(self) -> tuple[tuple[float, ...], ...]:
        """Amounts of each row in the order of ``RESOURCES``, FINN's numbers unrounded."""
        return tuple(
            [
                tuple([float(column[fold]) for column in face.columns])
                for _, face, fold in self._rows
            ]
        )

    def mode(self, values: Mapping[str, Value]) -> ParetoPoint:
        """Return the mode among the knob values of the layer."""
        return tuple([values[knob] for knob in self.knobs[self._width :]])

    def row(self, values: Mapping[str, Value]) -> int | None:
        """Return the row of these knob values, or None where they are no legal point."""
        try:
            point = tuple([values[knob] for knob in self.knobs])
        except KeyError:
            return None
        return self._row(point[: self._width], point[self._width :])

    def _row(self, fold: ParetoPoint, mode: ParetoPoint) -> int | None:
        face, at = self.modes.get(mode), self._fold_at.get(fold)
        if face is None or at is None:
            return None
        if face.folds is not None:
            if at not in face.folds:
                return None
            at = face.folds.index(at)
        return self._starts[mode] + at

    def _at(self, row: int) -> tuple[ParetoPoint, ResourceColumns, int]:
        """Mode, face and fold of one row, without a list of them all."""
        firsts = self._firsts
        at = bisect_right(firsts, row) - 1
        mode = self._ordered[at]
        face = self.modes[mode]
        return (
            mode,
            face,
            (row - firsts[at]) if face.folds is None else face.folds[row - firsts[at]],
        )

    @cached_property
    def _firsts(self) -> Sequence[int]:
        return list(self._starts.values())

    @cached_property
    def _ordered(self) -> Sequence[ParetoPoint]:
        return list(self.modes)

    def values(self, row: int) -> dict[str, Value]:
        """Return the knob values of a row."""
        mode, _, fold = self._at(row)
        return dict(zip(self.knobs, self.folds[fold] + mode, strict=True))

    def cycles_of(self, row: int) -> int:
        """Return cycles per frame of one row."""
        return self.fold_cycles[self._at(row)[2]]

    @cached_property
    def _costs(self) -> dict[int, LayerCost]:
        return {}

    def cost(self, op: str, row: int) -> LayerCost:
        """Return a row as a part of an estimate; cached, since edits come back to the same rows.

        Args:
            op: op type of the layer.
            row: index of the row.
        """
        cost = self._costs.get(row)
        if cost is None:
            mode, face, fold = self._at(row)
            cost = self._costs[row] = LayerCost(
                name=self.layer,
                op=op,
                cycles=self.fold_cycles[fold],
                resources={
                    name: float(column[fold])
                    for name, column in zip(RESOURCES, face.columns, strict=True)
                },
                in_width=self.fold_in[fold],
                out_width=self.fold_out[fold],
                values=dict(zip(self.knobs, self.folds[fold] + mode, strict=True)),
            )
        return cost

    @cached_property
    def _legal(self) -> Mapping[str, tuple[Value, ...]]:
        legal = {}
        for at, knob in enumerate(self.knobs):
            if at < self._width:
                values = dict.fromkeys(fold[at] for fold in self.folds)
            else:
                values = dict.fromkeys(mode[at - self._width] for mode in self.modes)
            whole = all(isinstance(value, int) for value in values)
            legal[knob] = tuple(sorted(values)) if whole else tuple(values)
        return legal

    def legal(self, knob: str) -> tuple[Value, ...]:
        """Return all values of a knob that occur in some legal point, numbers ascending."""
        return self._legal[knob]

    def nearest(self, values: Mapping[str, Value], fixed: str) -> int | None:
        """Return the legal row with ``values[fixed]`` that differs least from ``values`` elsewhere.

        The mode (memory, resource type) stays where it can. Then fewest other knobs changed, then
        the smallest change of numbers (as a ratio), then the first row.

        Args:
            values: all knobs of the layer.
            fixed: the knob that keeps its value.

        Returns:
            index of the row; None where no legal point has that value.
        """
        exact = self.row(values)
        if exact is not None:
            return exact
        position = self.columns[fixed]
        mode = self.mode(values)
        fold = tuple(values[knob] for knob in self.knobs[: self._width])

        def away(other: ParetoPoint) -> int:
            return sum(a != b for a, b in zip(other, mode, strict=True))

        modes = [
            other
            for other in self.modes
            if position < self._width or other[position - self._width] == values[fixed]
        ]
        for other in sorted(modes, key=away):
            row = self._nearest(fold, other, position)
            if row is not None:
                return row
        return None

    def _nearest(self, fold: ParetoPoint, mode: ParetoPoint, position: int) -> int | None:
        best: tuple[int, float, int] | None = None
        face = self.modes[mode]
        for at in range(len(self.folds)) if face.folds is None else face.folds:
            other = self.folds[at]
            if position < self._width and other[position] != fold[position]:
                continue
            changed, distance = 0, 0.0
            for value, wanted in zip(other, fold, strict=True):
                if value != wanted:
                    changed += 1
                    if isinstance(value, int) and isinstance(wanted, int):
                        distance += abs(log2((value + 1) / (wanted + 1)))
            if best is None or (changed, distance, at) < best:
                best = (changed, distance, at)
        return None if best is None else self._row(self.folds[best[2]], mode)

    def part(
        self, values: Mapping[str, Value], free: Collection[str], avoid: Collection[Value] = ()
    ) -> CostTable:
        """Those rows in which no knob of the mode differs from ``values`` but the free ones.

        Of modes that cost the same the one that changes least stands for all.

        Args:
            avoid: values that are not taken up where ``values`` has another.
        """
        point = self.mode(values)
        key = (point, frozenset(free), frozenset(avoid))
        if key not in self._parts:
            self._parts[key] = self._part(point, free, avoid)
        return self._parts[key]

    @cached_property
    def _parts(self) -> dict[tuple[Any, ...], CostTable]:
        return {}

    def _part(
        self, point: ParetoPoint, free: Collection[str], avoid: Collection[Value]
    ) -> CostTable:
        names = self.knobs[self._width :]

        def may(mode: ParetoPoint) -> bool:
            return all(
                new == old or (name in free and new not in avoid)
                for name, new, old in zip(names, mode, point, strict=True)
            )

        def away(mode: ParetoPoint) -> int:
            return sum(new != old for new, old in zip(mode, point, strict=True))

        chosen: dict[int, ParetoPoint] = {}
        for mode in sorted((mode for mode in self.modes if may(mode)), key=away):
            chosen.setdefault(id(self.modes[mode]), mode)
        modes = {mode: self.modes[mode] for mode in chosen.values()}
        return replace(self, modes=modes)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CostTable:
        """Read one ``table`` event of the engine."""
        if "modes" in data:
            columns = data["columns"]
            column_sets = [
                ResourceColumns(
                    tuple(columns[face[name]] for name in RESOURCES),
                    None if face["points"] is None else tuple(face["points"]),
                )
                for face in data["faces"]
            ]
            modes = {tuple(values): column_sets[face] for *values, face in data["modes"]}
        else:
            modes = {(): ResourceColumns(tuple(data[name] for name in RESOURCES))}
        return cls(
            layer=data["layer"],
            knobs=tuple(data["knobs"]),
            folds=tuple([tuple(point) for point in data["points"]]),
            fold_cycles=tuple(data["cycles"]),
            fold_in=tuple(data["in_width"]),
            fold_out=tuple(data["out_width"]),
            modes=modes,
        )


Tables = Mapping[str, CostTable]
