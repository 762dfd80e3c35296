"""Which layer each entry of another FINN's folding file means.

Node names say only what kind a node is and the how-maniest of its op type, and both change from
FINN to FINN. So entries are matched by kind and order: the best way to lay the file's sequence
beside the design's, where neighbours of the same kind, values that are legal and equal names speak
for a pair. The order within the file is the graph's; a hand-sorted file is matched kind by kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from finn_tui.core import finn_names
from finn_tui.core.design import Design, Layer
from finn_tui.core.estimate.estimate import Tables
from finn_tui.core.finn_names import NodeName

#: What speaks for a pair of entry and layer. A layer belongs to its consumer more than to what
#: feeds it: a sliding window is made for the matrix behind it.
_KIND, _STAND_IN, _NEXT, _BEFORE, _NAME, _LEGAL, _ILLEGAL = 10.0, 6.0, 6.0, 3.0, 1.0, 1.0, -4.0

#: A file of which less than this share keeps the graph's order is not in that order.
_IN_ORDER = 0.8


@dataclass(frozen=True)
class Node:
    """An entry of a file that is to find its layer, with the families beside it in the file."""

    name: str
    parsed: NodeName
    values: Mapping[str, Any]
    before: str | None = None
    after: str | None = None

    @property
    def family(self) -> str:
        """The op type that all FINNs' names of its op share."""
        return self.parsed.family


def in_order(entries: Sequence[Node]) -> list[Node]:
    """Sort the entries of a file into the graph's order and note each one's neighbours."""
    nodes = list(entries)
    # FINN numbers the nodes of an op type in the order of the graph.
    for op in {node.parsed.op for node in nodes}:
        places = [at for at, node in enumerate(nodes) if node.parsed.op == op]
        ranked = sorted((nodes[at] for at in places), key=lambda node: node.parsed.number)
        for at, node in zip(places, ranked, strict=True):
            nodes[at] = node
    families = [None, *(node.family for node in nodes), None]
    return [
        replace(node, before=families[at], after=families[at + 2]) for at, node in enumerate(nodes)
    ]


def pair(design: Design, tables: Tables, nodes: Sequence[Node]) -> list[tuple[Node, Layer]]:
    """Match the entries of a file with the layers of a design.

    Args:
        design: the layers.
        tables: their cost tables; values that are not legal speak against a pair.
        nodes: the entries, in the graph's order.

    Returns:
        (entry, layer) in the order of the layers; unmatched entries and layers are left out.
    """
    facts = _Facts(design, tables)
    pairs = _align(nodes, design.layers, facts)
    families = list(facts.family.values())
    placeable = sum(
        min(
            sum(node.family == kind for node in nodes),
            sum(finn_names.alike(kind, family) for family in families),
        )
        for kind in {node.family for node in nodes}
    )
    if len(pairs) < _IN_ORDER * placeable:
        # Not the graph's order: a file that was sorted by hand. Its numbers are all there is.
        pairs = []
        for kind in dict.fromkeys(families):
            same = [node for node in nodes if node.family == kind]
            layers = [
                layer for layer, other in zip(design.layers, families, strict=True) if other == kind
            ]
            if len(same) == len(layers) and len({node.parsed.op for node in same}) == 1:
                pairs += zip(same, layers, strict=True)
    # What is left over is matched kind by kind.
    left = [node for node in nodes if all(node is not paired for paired, _ in pairs)]
    for kind in dict.fromkeys(node.family for node in left):
        free = [layer for layer in design.layers if all(layer is not used for _, used in pairs)]
        pairs += _align([n for n in left if n.family == kind], free, facts)
    return _by_number(design, pairs)


def _by_number(design: Design, pairs: list[tuple[Node, Layer]]) -> list[tuple[Node, Layer]]:
    """Deal the layers of each op type's pairs out again in the order of its numbers.

    FINN numbers the nodes of an op type in the order of the graph, so two pairs of one op type
    never cross. They do where a file in another order leaves an entry to the second matching.
    """
    position = {layer.name: at for at, layer in enumerate(design.layers)}
    layers: dict[str, list[Layer]] = {}
    for node, layer in pairs:
        layers.setdefault(node.parsed.op, []).append(layer)
    dealt = {
        op: iter(sorted(same, key=lambda layer: position[layer.name]))
        for op, same in layers.items()
    }
    ranked = sorted((node for node, _ in pairs), key=lambda node: node.parsed.number)
    numbered = [(node, next(dealt[node.parsed.op])) for node in ranked]
    return sorted(numbered, key=lambda pair: position[pair[1].name])


class _Facts:
    """What is asked of each layer again and again: its family, those around it (None is the world
    outside), and which values of its knobs are legal."""

    def __init__(self, design: Design, tables: Tables) -> None:
        self.family = {layer.name: finn_names.family(layer.op) for layer in design.layers}
        self.before: dict[str, set[str | None]] = {name: set() for name in self.family}
        self.after: dict[str, set[str | None]] = {name: set() for name in self.family}
        for stream in design.streams:
            if stream.consumer in self.before:
                self.before[stream.consumer].add(self.family.get(stream.producer or ""))
            if stream.producer in self.after:
                self.after[stream.producer].add(self.family.get(stream.consumer or ""))
        self.legal = {
            name: {knob: frozenset(table.legal(knob)) for knob in table.knobs}
            for name, table in tables.items()
        }


def _align(
    nodes: Sequence[Node],
    layers: Sequence[Layer],
    facts: _Facts,
) -> list[tuple[Node, Layer]]:
    """Return the pairs that keep both orders and have the highest sum of scores.

    This is the algorithm of Needleman and Wunsch with gaps that cost nothing.
    """
    best = [[0.0] * (len(layers) + 1) for _ in range(len(nodes) + 1)]
    scores = [[_score(node, layer, facts) for layer in layers] for node in nodes]
    for i in range(len(nodes) - 1, -1, -1):
        for j in range(len(layers) - 1, -1, -1):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], best[i + 1][j + 1] + scores[i][j])
    pairs, i, j = [], 0, 0
    while i < len(nodes) and j < len(layers):
        if scores[i][j] > 0 and best[i][j] == best[i + 1][j + 1] + scores[i][j]:
            pairs.append((nodes[i], layers[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _score(node: Node, layer: Layer, facts: _Facts) -> float:
    family = facts.family[layer.name]
    if node.family != family and not finn_names.stand_ins(node.family, family):
        return 0.0
    certain = node.family == family and node.parsed.guess is None
    score = _KIND if certain else _STAND_IN
    score += _NEXT * _among(node.after, facts.after[layer.name])
    score += _BEFORE * _among(node.before, facts.before[layer.name])
    score += _NAME * (node.name == layer.name)
    legal = facts.legal[layer.name]
    for name, value in node.values.items():
        if name in legal and isinstance(value, int):
            score += _LEGAL if value in legal[name] else _ILLEGAL
    return max(score, 0.5)


def _among(family: str | None, families: set[str | None]) -> bool:
    if family in families:
        return True
    return family is not None and any(
        other is not None and finn_names.stand_ins(family, other) for other in families
    )
