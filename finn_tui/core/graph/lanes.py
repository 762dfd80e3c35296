"""Branches and joins of a graph beside a list of its layers, as ``git log --graph`` draws history.

One line a layer, from top to bottom in topological order; a lane is a column in which a stream
runs down to the layer that takes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NODE = "●"

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_BOX = {
    0: " ",
    _UP | _DOWN: "│",
    _LEFT | _RIGHT: "─",
    _UP | _LEFT: "╯",
    _DOWN | _LEFT: "╮",
    _UP | _LEFT | _RIGHT: "┴",
    _DOWN | _LEFT | _RIGHT: "┬",
    _UP | _DOWN | _LEFT | _RIGHT: "┼",
}


@dataclass(frozen=True)
class LaneRow:
    """The drawing of one layer.

    Attributes:
        text: its lanes, the layer among them.
        column: the lane of the layer.
        below: by lane, whether a stream runs on to the next line.
    """

    text: str
    column: int
    below: tuple[bool, ...]

    @property
    def rest(self) -> str:
        """The lanes between this line and the next one."""
        return "".join("│" if down else " " for down in self.below)


def lane_texts(count: int, links: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """Return one text for each layer, all of one width; empty texts where nothing branches.

    Args:
        count: number of layers, in topological order.
        links: (producer, consumer) of each stream as positions, the producer first.
    """
    rows = lane_rows(count, links)
    if max((len(row.text) for row in rows), default=0) <= 1:
        return ("",) * count
    return tuple(row.text for row in rows)


def lane_rows(count: int, links: Sequence[tuple[int, int]]) -> tuple[LaneRow, ...]:
    """Return the drawing of each layer, all of one width.

    A layer stands in the leftmost lane that reaches it, and its nearest consumer goes on in its
    lane, so that a trunk stays straight and shortcuts run to the right of it. A lane that ends on
    a line is not begun again on it, and a layer that nothing feeds stands under none that ends
    there: that way a drawing means one graph.

    Args:
        count: number of layers, in topological order.
        links: (producer, consumer) of each stream as positions, the producer first.
    """
    targets: list[list[int]] = [[] for _ in range(count)]
    for producer, consumer in links:
        assert producer < consumer, "layers are in topological order"
        targets[producer].append(consumer)
    lanes: list[int | None] = []
    ended: set[int] = set()
    rows: list[tuple[list[str], int, list[bool]]] = []
    for at in range(count):
        before = [lane is not None for lane in lanes]
        arriving = [index for index, lane in enumerate(lanes) if lane == at]
        column = arriving[0] if arriving else _free(lanes, -1, ended)
        ended = {column, *arriving}
        for index in arriving:
            lanes[index] = None
        begun: list[int] = []
        for number, target in enumerate(sorted(targets[at])):
            index = column if number == 0 else _free(lanes, column, {*ended, column})
            lanes[index] = target
            begun.append(index)
        if column in begun:
            ended.discard(column)
        last = max([column, *arriving, *begun])
        drawn: list[str] = []
        for index in range(max(len(lanes), last + 1)):
            up = index < len(before) and before[index]
            down = index < len(lanes) and lanes[index] is not None
            arms = _UP * up | _DOWN * down
            arms |= _LEFT * (column < index <= last) | _RIGHT * (column < index < last)
            drawn.append(NODE if index == column else _BOX[arms])
        rows.append((drawn, column, [lane is not None for lane in lanes]))
    width = max((len(drawn) for drawn, _, _ in rows), default=0)
    return tuple(
        LaneRow("".join(drawn).ljust(width), column, tuple(below)) for drawn, column, below in rows
    )


def _free(lanes: list[int | None], after: int, occupied: set[int]) -> int:
    """Return the first unused lane to the right of ``after``; add one if there is none."""
    for index in range(after + 1, len(lanes)):
        if lanes[index] is None and index not in occupied:
            return index
    while len(lanes) in occupied or len(lanes) <= after:
        lanes.append(None)
    lanes.append(None)
    return len(lanes) - 1
