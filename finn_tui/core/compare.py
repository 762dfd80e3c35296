"""Two foldings of one design side by side: what differs, layer by layer, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Any

from finn_tui.core.design import Design, Layer
from finn_tui.core.device import RESOURCES
from finn_tui.core.estimate.estimate import Estimate, LayerCost, plain
from finn_tui.core.estimate.infrastructure import InsertedNode
from finn_tui.core.folding.model import Folding


@dataclass(frozen=True)
class Side:
    """One of the two: a folding with the name it goes by and its estimate."""

    name: str
    folding: Folding
    estimate: Estimate


@dataclass(frozen=True)
class Changed:
    """A knob or setting that differs. None is a setting that neither folding nor graph has."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Difference:
    """One layer in both foldings.

    Attributes:
        layer: the layer itself.
        changes: knobs first, then settings, both in the layer's own order; empty if none differs.
        before, after: FINN's numbers for it.
    """

    layer: Layer
    changes: tuple[Changed, ...]
    before: LayerCost
    after: LayerCost

    @property
    def name(self) -> str:
        """The node's name."""
        return self.layer.name

    @property
    def changed(self) -> bool:
        """Whether anything about the layer differs."""
        return bool(self.changes)

    @property
    def cycles(self) -> int:
        """Cycles per frame that the second folding needs more (less if negative)."""
        return self.after.cycles - self.before.cycles

    @cached_property
    def resources(self) -> Mapping[str, float]:
        """Units of each of ``RESOURCES`` that the second folding takes more."""
        return {
            name: self.after.resources[name] - self.before.resources[name] for name in RESOURCES
        }

    def as_json(self) -> dict[str, Any]:
        """Return one row of ``finn-tui compare --json``."""
        return {
            "name": self.name,
            "op": self.layer.op,
            "changed": {item.name: [item.before, item.after] for item in self.changes},
            "cycles": [self.before.cycles, self.after.cycles],
            **{
                name: [plain(self.before.resources[name]), plain(self.after.resources[name])]
                for name in RESOURCES
            },
        }


@dataclass(frozen=True)
class Rebuilt:
    """An op that FINN inserts on a stream and that comes (``before`` is None), goes (``after``
    is None) or gets another width or depth."""

    before: InsertedNode | None
    after: InsertedNode | None

    @property
    def either(self) -> InsertedNode:
        """The new op, or the old one where there is no new one."""
        node = self.after or self.before
        assert node is not None
        return node

    @property
    def kind(self) -> str:
        """ "dwc" or "fifo"."""
        return self.either.kind

    @property
    def how(self) -> str:
        """ "comes", "goes" or "changes"."""
        return "comes" if self.before is None else "goes" if self.after is None else "changes"

    def as_json(self) -> dict[str, Any]:
        """Return one row under ``inserted``."""
        return {
            "kind": self.kind,
            "how": self.how,
            "before": self.before.as_json() if self.before else None,
            "after": self.after.as_json() if self.after else None,
        }


@dataclass(frozen=True)
class Comparison:
    """Two foldings of one design.

    Attributes:
        a, b: the two; differences are those of ``b`` against ``a``.
        layers: every layer, in the order of the design.
    """

    a: Side
    b: Side
    layers: tuple[Difference, ...]

    @cached_property
    def changed(self) -> tuple[Difference, ...]:
        """The layers of which something differs."""
        return tuple(item for item in self.layers if item.changed)

    @cached_property
    def by_name(self) -> Mapping[str, Difference]:
        """Every layer by node name."""
        return {item.name: item for item in self.layers}

    @property
    def same(self) -> bool:
        """Whether the two are the same folding."""
        return not self.changed

    @cached_property
    def total(self) -> Mapping[str, float]:
        """Units of each resource that ``b`` takes more, in FINN's own total."""
        return _minus(self.b.estimate.total, self.a.estimate.total)

    @cached_property
    def total_with_infrastructure(self) -> Mapping[str, float]:
        """The same with the converters and FIFOs that FINN inserts, where their costs are known."""
        extra = _minus(
            self.b.estimate.infrastructure.total(), self.a.estimate.infrastructure.total()
        )
        return {name: self.total[name] + extra[name] for name in RESOURCES}

    @cached_property
    def inserted(self) -> tuple[Rebuilt, ...]:
        """Converters and FIFOs that come, go or change, stream by stream."""
        rebuilt: list[Rebuilt] = []
        befores, afters = _by_stream(self.a.estimate), _by_stream(self.b.estimate)
        for key, before in befores.items():
            for old, new in zip_longest(before, afters.get(key, ())):
                if old != new:
                    rebuilt.append(Rebuilt(old, new))
        for key, after in afters.items():
            if key not in befores:
                rebuilt += [Rebuilt(None, new) for new in after]
        return tuple(rebuilt)

    def of(self, kind: str) -> tuple[Rebuilt, ...]:
        """Return the converters ("dwc") or FIFOs ("fifo") that come, go or change."""
        return tuple(item for item in self.inserted if item.kind == kind)

    def as_json(self, *, only_changed: bool = False) -> dict[str, Any]:
        """Return the document of ``finn-tui compare --json``; every pair is [of a, of b]."""
        a, b = self.a.estimate, self.b.estimate
        return {
            "a": self.a.name,
            "b": self.b.name,
            "clock_ns": b.clock_ns,
            "ii_cycles": [a.ii_cycles, b.ii_cycles],
            "fps": [a.fps, b.fps],
            "latency_cycles": [a.latency_cycles, b.latency_cycles],
            "bottleneck": [a.bottleneck, b.bottleneck],
            "layers_changed": len(self.changed),
            "layers": [item.as_json() for item in (self.changed if only_changed else self.layers)],
            "total": {name: [plain(a.total[name]), plain(b.total[name])] for name in RESOURCES},
            "extra": {
                kind: {
                    "count": [len(a.infrastructure.of(kind)), len(b.infrastructure.of(kind))],
                    **{
                        name: [
                            plain(a.infrastructure.total(kind)[name]),
                            plain(b.infrastructure.total(kind)[name]),
                        ]
                        for name in RESOURCES
                    },
                }
                for kind in ("dwc", "fifo")
            },
            "inserted": [item.as_json() for item in self.inserted],
        }


def _minus(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {name: after[name] - before[name] for name in RESOURCES}


def _by_stream(
    estimate: Estimate,
) -> dict[tuple[str, str | None, str | None], list[InsertedNode]]:
    # In the order of the graph, so that what stands first on a stream meets what stood first.
    nodes: dict[tuple[str, str | None, str | None], list[InsertedNode]] = {}
    for item in estimate.infrastructure.items:
        nodes.setdefault((item.kind, item.producer, item.consumer), []).append(item)
    return nodes


def compare(design: Design, a: Side, b: Side) -> Comparison:
    """Compare two foldings of a design.

    A setting that a folding leaves alone has the graph's value; a difference in the file alone
    does not count. Costs of layers are FINN's own, as in the estimates.

    Args:
        design: what both foldings are for.
        a: the side that is compared with.
        b: the side whose differences are listed.

    Returns:
        all layers, with the differences of ``b`` against ``a``.
    """
    layers = []
    costs = zip(design.layers, a.estimate.layers, b.estimate.layers, strict=True)
    for layer, before, after in costs:
        layers.append(Difference(layer, _changes(layer, a.folding, b.folding), before, after))
    return Comparison(a, b, tuple(layers))


def _changes(layer: Layer, a: Folding, b: Folding) -> tuple[Changed, ...]:
    changes = []
    old, new = a.values[layer.name], b.values[layer.name]
    if old is not new:
        changes = [Changed(k, old[k], new[k]) for k in old if old[k] != new[k]]
    settings_a, settings_b = a.settings.get(layer.name), b.settings.get(layer.name)
    if settings_a is not settings_b:
        settings_a, settings_b = settings_a or {}, settings_b or {}
        names = [s.name for s in layer.settings if s.name in settings_a or s.name in settings_b]
        for name in names:
            graph = layer.attrs.get(name)
            before, after = settings_a.get(name, graph), settings_b.get(name, graph)
            if before != after:
                changes.append(Changed(name, before, after))
    return tuple(changes)
