"""The graph of one stage of FINN's flow, as it is drawn and walked through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush
from typing import Any

from finn_tui.core.graph.lanes import LaneRow, lane_rows


@dataclass(frozen=True)
class GraphNode:
    """A node, or an input or output of the graph.

    Attributes:
        name: of the node or tensor.
        op: FINN's op type; "input" and "output" for the graph's own.
        number: of the node in the stage's document; None for an input or output.
        produces: shape and type of what it gives: "1x64 BINARY".
        constants: weights, thresholds and parameters: "784x64 BIPOLAR".
    """

    name: str
    op: str
    number: int | None
    produces: str
    constants: tuple[str, ...] = ()


@dataclass(frozen=True)
class DrawnLine:
    """A line of the drawing.

    Attributes:
        lanes: streams and nodes at the left.
        node: the node that it belongs to.
        is_node: whether it is the node itself and not what runs on from it.
    """

    lanes: str
    node: int
    is_node: bool


@dataclass(frozen=True)
class StageGraph:
    """Nodes in an order in which producers come first, and the tensors between them."""

    nodes: tuple[GraphNode, ...]
    links: tuple[tuple[int, int], ...]

    @cached_property
    def rows(self) -> tuple[LaneRow, ...]:
        """The drawing of each node."""
        return lane_rows(len(self.nodes), self.links)

    @cached_property
    def consumers(self) -> Mapping[int, tuple[int, ...]]:
        """The nodes that take what a node gives."""
        return _neighbours(len(self.nodes), self.links)

    @cached_property
    def producers(self) -> Mapping[int, tuple[int, ...]]:
        """The nodes that a node takes from."""
        return _neighbours(len(self.nodes), [(b, a) for a, b in self.links])

    @cached_property
    def lines(self) -> tuple[DrawnLine, ...]:
        """All lines of the drawing: each node, then what runs on from it."""
        lines = []
        for at, row in enumerate(self.rows):
            lines.append(DrawnLine(row.text, at, True))
            if any(row.below):
                lines.append(DrawnLine(row.rest, at, False))
        return tuple(lines)

    @cached_property
    def line_of(self) -> tuple[int, ...]:
        """The line of each node in the drawing."""
        return tuple(at for at, line in enumerate(self.lines) if line.is_node)

    def follow(self, at: int, *, forward: bool) -> int:
        """Return the node at the far end of a branch: the last consumer or producer.

        Args:
            at: a node.
            forward: to a consumer; otherwise to a producer.

        Returns:
            the node itself where nothing goes on.
        """
        if forward:
            return max(self.consumers[at], default=at)
        return min(self.producers[at], default=at)

    def search(self, text: str, start: int) -> int | None:
        """Return the next node with a text in its name, op or tensors; wraps around.

        Args:
            text: letters, of any case.
            start: the node after which the search begins.
        """
        wanted = text.lower()
        count = len(self.nodes)
        for step in range(1, count + 1):
            at = (start + step) % count
            node = self.nodes[at]
            words = (node.name, node.op, node.produces, *node.constants)
            if any(wanted in word.lower() for word in words):
                return at
        return None


def _neighbours(count: int, links: Sequence[tuple[int, int]]) -> Mapping[int, tuple[int, ...]]:
    result: dict[int, list[int]] = {at: [] for at in range(count)}
    for start, end in links:
        if end not in result[start]:
            result[start].append(end)
    return {at: tuple(sorted(ends)) for at, ends in result.items()}


def tensor_text(tensor: Mapping[str, Any]) -> str:
    """Return a tensor's shape and type: "1x64 BINARY"."""
    shape = tensor.get("shape")
    sizes = "?" if shape is None else "x".join(str(size) for size in shape) or "scalar"
    return f"{sizes} {tensor.get('dtype') or ''}".rstrip()


def stage_graph(graph: Mapping[str, Any]) -> StageGraph:
    """Return the drawn graph of a stage's document.

    Args:
        graph: the engine's answer to ``graph``: nodes, inputs, outputs.
    """
    items: list[GraphNode] = []
    produced: dict[str, int] = {}
    taken: list[list[str]] = []
    for tensor in graph.get("inputs", ()):
        produced.setdefault(tensor["name"], len(items))
        items.append(GraphNode(tensor["name"], "input", None, tensor_text(tensor)))
        taken.append([])
    outputs = {tensor["name"] for node in graph["nodes"] for tensor in node["outputs"]}
    for number, node in enumerate(graph["nodes"]):
        for tensor in node["outputs"]:
            produced.setdefault(tensor["name"], len(items))
        known = set(produced) | outputs
        constants = [t for t in node["inputs"] if t["name"] not in known]
        items.append(
            GraphNode(
                node["name"] or f"{node['op_type']} {number}",
                node["op_type"],
                number,
                tensor_text(node["outputs"][0]) if node["outputs"] else "",
                tuple(tensor_text(tensor) for tensor in constants),
            )
        )
        taken.append([tensor["name"] for tensor in node["inputs"]])
    for tensor in graph.get("outputs", ()):
        items.append(GraphNode(tensor["name"], "output", None, tensor_text(tensor)))
        taken.append([tensor["name"]])
    links = [
        (produced[name], at)
        for at, names in enumerate(taken)
        for name in names
        if name in produced and produced[name] != at
    ]
    return _sorted(items, links)


def _sorted(items: Sequence[GraphNode], links: Sequence[tuple[int, int]]) -> StageGraph:
    """Put producers first, and otherwise keep the order; what runs in a circle is cut."""
    waiting = [0] * len(items)
    following: list[list[int]] = [[] for _ in items]
    for start, end in links:
        waiting[end] += 1
        following[start].append(end)
    ready = [at for at, count in enumerate(waiting) if not count]
    heapify(ready)
    order: list[int] = []
    while ready:
        at = heappop(ready)
        order.append(at)
        for end in following[at]:
            waiting[end] -= 1
            if not waiting[end]:
                heappush(ready, end)
    order += sorted(set(range(len(items))) - set(order))
    place = {at: position for position, at in enumerate(order)}
    return StageGraph(
        tuple(items[at] for at in order),
        tuple((place[a], place[b]) for a, b in links if place[a] < place[b]),
    )


# -- differences -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """What differs between two stages.

    Attributes:
        added, removed: names and op types of nodes.
        changed: name of a node, and what of it: ("MVAU_0", "accDataType INT32 -> INT10").
    """

    added: tuple[tuple[str, str], ...]
    removed: tuple[tuple[str, str], ...]
    changed: tuple[tuple[str, str], ...]

    @property
    def marks(self) -> Mapping[str, str]:
        """By name of a node: "new", or "≠" for one that changed."""
        return {name: "≠" for name, _ in self.changed} | {name: "new" for name, _ in self.added}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Compare two stages: nodes are the same if they have the same op type and name.

    A node that only got another name is paired with one of the same op type and attributes.

    Args:
        before: document of one stage.
        after: document of the other.
    """
    old = {(node["op_type"], node["name"]): node for node in before["nodes"]}
    new = {(node["op_type"], node["name"]): node for node in after["nodes"]}
    changed = []
    for key, node in new.items():
        if key in old:
            changed += [(key[1], text) for text in _changes(old[key], node)]
    gone = [key for key in old if key not in new]
    added = [key for key in new if key not in old]
    for key in list(added):
        same = next((each for each in gone if _like(old[each], new[key])), None)
        if same is not None:
            added.remove(key)
            gone.remove(same)
            changed.append((key[1], f"was called {same[1]}"))
    return Difference(
        tuple((name, op) for op, name in added),
        tuple((name, op) for op, name in gone),
        tuple(changed),
    )


def _like(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two nodes do the same on tensors of the same kind."""
    return (
        a["op_type"] == b["op_type"]
        and a["attrs"] == b["attrs"]
        and [tensor_text(tensor) for side in ("inputs", "outputs") for tensor in a[side]]
        == [tensor_text(tensor) for side in ("inputs", "outputs") for tensor in b[side]]
    )


def _changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """What of a node is another one, in words."""
    texts = []
    for side, word in (("inputs", "input"), ("outputs", "output")):
        for number in range(max(len(a[side]), len(b[side]))):
            pair = [
                tensor_text(each[side][number]) if number < len(each[side]) else "none"
                for each in (a, b)
            ]
            if pair[0] != pair[1]:
                texts.append(f"{word} {number}: {pair[0]} -> {pair[1]}")
    for name in sorted({*a["attrs"], *b["attrs"]}):
        old, new = a["attrs"].get(name), b["attrs"].get(name)
        if old != new:
            texts.append(f"{name} {_short(old)} -> {_short(new)}")
    return texts


def _short(value: Any) -> str:
    text = "none" if value is None or value == "" else str(value)
    return text if len(text) <= 24 else f"{text[:23]}…"
