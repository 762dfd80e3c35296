"""Infrastructure: what FINN inserts between the layers and leaves out of its own total.

A build puts a data width converter (DWC) where neighbours' streams differ in width, and a FIFO on
every stream, on both sides of a converter, and at the graph's input and output; FINN's builder
makes them so with ``InsertDWC`` and ``InsertFIFO(create_shallow_fifos=True)``. Their costs are
those of FINN's own estimators for these ops, asked of the engine for all widths that a design's
tables can produce.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from finn_tui.core.design import Design, Layer, Value
from finn_tui.core.device import RESOURCES
from finn_tui.core.estimate.platform_shell import Shell
from finn_tui.core.estimate.table import Tables

Use = tuple[float, ...]
"""Units of each resource, in the order of ``RESOURCES``."""

Settings = Mapping[str, Mapping[str, Any]]
"""Settings of a folding, by layer."""

NOTHING: Use = (0.0,) * len(RESOURCES)

#: FIFO depths whose costs are computed beforehand, beside those that a design or folding names:
#: FINN's sizing rounds to powers of two where it cannot measure.
USUAL_DEPTHS = tuple(2**exponent for exponent in range(1, 16))


@dataclass(frozen=True)
class CostLookup:
    """What FINN says that the ops cost that it inserts.

    Attributes:
        dwc: by (width in, width out) in bits; equal widths need none.
        fifo: by (width in bits, depth in words).
        dwc_depth: FIFO depth that a converter asks for on both sides.
        ops: the op types that FINN chose: {"dwc": "StreamingDataWidthConverter_rtl", ...}.
        shell: of the user's own builds, if there are any; published ones are known by the part.
        fifos_too_high: whether this FINN counts block RAM for each FIFO, whatever it is made of.
    """

    dwc: Mapping[tuple[int, int], Use] = field(default_factory=dict)
    fifo: Mapping[tuple[int, int], Use] = field(default_factory=dict)
    dwc_depth: int = 2
    ops: Mapping[str, str] = field(default_factory=dict)
    shell: Shell | None = None
    fifos_too_high: bool = False

    @property
    def known(self) -> bool:
        """Whether any cost is known."""
        return bool(self.dwc or self.fifo)

    def inserted(self, link: StreamFifo, out_width: int, in_width: int) -> tuple[InsertedNode, ...]:
        """Return what FINN inserts on a stream; cached, since edits come back to the same widths.

        Args:
            link: the stream with its FIFO depths.
            out_width: bits of the producer's output; 0 for the world outside.
            in_width: bits of the consumer's input; 0 for the world outside.
        """
        key = (link, out_width, in_width)
        nodes = self._inserted.get(key)
        if nodes is None:
            nodes = self._inserted[key] = link.items(self, out_width, in_width)
        return nodes

    def use(self, link: StreamFifo, out_width: int, in_width: int) -> Use:
        """Return the resources of what FINN inserts on a stream; cached.

        Args:
            link: the stream with its FIFO depths.
            out_width: bits of the producer's output; 0 for the world outside.
            in_width: bits of the consumer's input; 0 for the world outside.
        """
        key = (link, out_width, in_width)
        use = self._uses.get(key)
        if use is None:
            use = self._uses[key] = link.use(self, out_width, in_width, fifos=True)
        return use

    @cached_property
    def _uses(self) -> dict[tuple[StreamFifo, int, int], Use]:
        return {}

    @cached_property
    def _inserted(self) -> dict[tuple[StreamFifo, int, int], tuple[InsertedNode, ...]]:
        return {}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CostLookup:
        """Read what the engine's ``converters`` request answers."""
        return cls(
            {(row[0], row[1]): tuple(map(float, row[2:])) for row in data["dwc"]},
            {(row[0], row[1]): tuple(map(float, row[2:])) for row in data["fifo"]},
            int(data["depth"]),
            dict(data["ops"]),
        )


@dataclass(frozen=True)
class InsertedNode:
    """One op that FINN inserts.

    Attributes:
        kind: "dwc" or "fifo".
        producer, consumer: the layers around it; None is the world outside.
        in_width, out_width: bits; equal for a FIFO.
        depth: words of a FIFO; None for a converter.
        use: what it costs; None where FINN was not asked for it.
    """

    kind: str
    producer: str | None
    consumer: str | None
    in_width: int
    out_width: int
    depth: int | None
    use: Use | None

    @property
    def lutram(self) -> float:
        """LUTs that hold its words: all that FINN counts for a FIFO without block memory.

        The pointers are among them, so it is an upper bound. FINN makes shift registers or
        distributed memory of such a FIFO, both of which only some LUTs of a part can be.
        """
        if self.kind != "fifo" or self.use is None:
            return 0.0
        lut, bram, uram = self.use[:3]
        return 0.0 if bram or uram else lut

    def as_json(self) -> dict[str, Any]:
        """Return one row under ``extra`` of ``estimate --json``."""
        row: dict[str, Any] = {"producer": self.producer, "consumer": self.consumer}
        if self.kind == "dwc":
            row |= {"out_width": self.in_width, "in_width": self.out_width}
        else:
            row |= {"width": self.in_width, "depth": self.depth}
        return row | (as_counts(self.use) if self.use is not None else {})


@dataclass(frozen=True)
class InfrastructureCost:
    """Everything that FINN inserts for one folding, and memory that it leaves out.

    Attributes:
        items: converters and FIFOs.
        memory: LUTs by layer, see ``finn_tui.core.estimate.memory``.
    """

    items: tuple[InsertedNode, ...]
    memory: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_widths(
        cls,
        design: Design,
        widths: Mapping[str, tuple[int, int]],
        settings: Settings,
        costs: CostLookup,
    ) -> InfrastructureCost:
        """Compute the cost for given stream widths.

        Args:
            design: the layers and streams.
            widths: (in, out) bits of each layer's streams.
            settings: FIFO depths of a folding.
            costs: of converters and FIFOs.
        """
        return cls.of_links(links(design, settings), widths, costs)

    @classmethod
    def of_links(
        cls, links: Sequence[StreamFifo], widths: Mapping[str, tuple[int, int]], costs: CostLookup
    ) -> InfrastructureCost:
        """Compute the cost for streams whose FIFO depths are known.

        Args:
            links: the streams.
            widths: (in, out) bits of each layer's streams.
            costs: of converters and FIFOs.
        """
        items: list[InsertedNode] = []
        for link in links:
            out_width = widths[link.producer][1] if link.producer is not None else 0
            in_width = widths[link.consumer][0] if link.consumer is not None else 0
            items += costs.inserted(link, out_width, in_width)
        return cls(tuple(items))

    @classmethod
    def of_folding(
        cls,
        design: Design,
        tables: Tables,
        values: Mapping[str, Mapping[str, Value]],
        settings: Settings,
        costs: CostLookup,
    ) -> InfrastructureCost:
        """Compute the cost for knob values.

        Args:
            design: the layers and streams.
            tables: cost table of each layer.
            values: knobs of each layer, each a legal point of its table.
            settings: FIFO depths of a folding.
            costs: of converters and FIFOs.
        """
        widths = {}
        for name, table in tables.items():
            row = table.row(values[name])
            assert row is not None, f"{name} holds no legal point"
            widths[name] = int(table.in_width[row]), int(table.out_width[row])
        return cls.of_widths(design, widths, settings, costs)

    def of(self, kind: str) -> tuple[InsertedNode, ...]:
        """Return the converters ("dwc") or FIFOs ("fifo")."""
        return tuple(self._kinds.get(kind, ()))

    def near(self, layer: str) -> tuple[InsertedNode, ...]:
        """Return the nodes next to a layer, in the order of the graph."""
        return tuple(item for item in self.items if layer in (item.producer, item.consumer))

    def total(self, kind: str | None = None) -> dict[str, float]:
        """Sum up known costs by resource, of one kind of node or of all."""
        kinds = self._totals if kind is None else {kind: self._totals.get(kind, NOTHING)}
        sums = (sum(column) for column in zip(NOTHING, *kinds.values(), strict=True))
        return dict(zip(RESOURCES, sums, strict=True))

    @cached_property
    def _kinds(self) -> Mapping[str, list[InsertedNode]]:
        nodes_by_kind: dict[str, list[InsertedNode]] = {}
        for item in self.items:
            nodes_by_kind.setdefault(item.kind, []).append(item)
        return nodes_by_kind

    @cached_property
    def _totals(self) -> Mapping[str, Use]:
        # Counted first: in a large graph many items cost the same.
        totals: dict[str, Use] = {}
        for kind, items in self._kinds.items():
            counts = Counter(item.use for item in items if item.use is not None)
            sums = zip(*([each * n for each in use] for use, n in counts.items()), strict=True)
            totals[kind] = tuple(map(sum, sums)) or NOTHING
        if self.memory:
            totals["memory"] = (sum(self.memory.values()), *NOTHING[1:])
        return totals

    def as_json(self) -> dict[str, Any]:
        """Return what stands under ``extra``, the shell apart.

        ``unpriced`` counts ops that FINN was not asked about.
        """
        document: dict[str, Any] = {}
        for kind in ("dwc", "fifo"):
            items = self.of(kind)
            unpriced = sum(item.use is None for item in items)
            document[kind] = {"count": len(items)}
            if unpriced < len(items) or not items:
                document[kind] |= as_counts(tuple(self.total(kind).values()))
            document[kind] |= {
                "unpriced": unpriced,
                "streams": [item.as_json() for item in items],
            }
        return document


def as_counts(use: Use) -> dict[str, int | float]:
    """Resources by name, whole numbers without a fraction."""
    return {
        name: int(value) if float(value).is_integer() else value
        for name, value in zip(RESOURCES, use, strict=True)
    }


def depths(layer: Layer, settings: Settings, name: str) -> Sequence[int]:
    """Return a layer's FIFO depths: the folding's, or else the graph's.

    Args:
        layer: any layer.
        settings: of a folding.
        name: "inFIFODepths" or "outFIFODepths".

    Returns:
        words, one for each stream on that side; FINN's default (2,) if neither says.
    """
    values = {**layer.attrs, **settings.get(layer.name, {})}
    # FINN 0.8 has one depth for each side, in an attribute without the s.
    value = values.get(name, values.get(name.removesuffix("s")))
    if isinstance(value, int):
        return (value,)
    return value if isinstance(value, list | tuple) and value else (2,)


@dataclass(frozen=True)
class StreamFifo:
    """A stream with the FIFO depths that its two ends ask for; an end outside asks for none."""

    producer: str | None
    consumer: str | None
    out_depth: int
    in_depth: int

    def items(self, costs: CostLookup, out_width: int, in_width: int) -> tuple[InsertedNode, ...]:
        """Return what FINN inserts on the stream, from the producer to the consumer.

        Args:
            costs: of converters and FIFOs.
            out_width: bits of the producer's output.
            in_width: bits of the consumer's input.
        """
        if self.producer is None or self.consumer is None:
            # InsertFIFO never makes one of less than two words at the graph's ends.
            depth = max(self.out_depth, self.in_depth, 2)
            width = in_width if self.producer is None else out_width
            return (self._fifo(costs, width, depth),)
        if out_width == in_width:
            return (self._fifo(costs, out_width, max(self.out_depth, self.in_depth)),)
        dwc = InsertedNode(
            "dwc",
            self.producer,
            self.consumer,
            out_width,
            in_width,
            None,
            costs.dwc.get((out_width, in_width)),
        )
        return (
            self._fifo(costs, out_width, max(self.out_depth, costs.dwc_depth)),
            dwc,
            self._fifo(costs, in_width, max(costs.dwc_depth, self.in_depth)),
        )

    def _fifo(self, costs: CostLookup, width: int, depth: int) -> InsertedNode:
        use = costs.fifo.get((width, depth))
        return InsertedNode("fifo", self.producer, self.consumer, width, width, depth, use)

    def lutram(self, costs: CostLookup, out_width: int, in_width: int) -> float:
        """Return the LUTs that are memory in the FIFOs of the stream.

        Args:
            costs: of converters and FIFOs.
            out_width: bits of the producer's output.
            in_width: bits of the consumer's input.
        """
        return sum(item.lutram for item in self.items(costs, out_width, in_width))

    def use(self, costs: CostLookup, out_width: int, in_width: int, *, fifos: bool) -> Use:
        """Sum up what FINN inserts on the stream; an unknown cost counts as 0.

        Args:
            costs: of converters and FIFOs.
            out_width: bits of the producer's output.
            in_width: bits of the consumer's input.
            fifos: count the FIFOs as well as the converter.
        """
        sums = NOTHING
        for item in self.items(costs, out_width, in_width):
            if item.use is not None and (fifos or item.kind == "dwc"):
                sums = tuple(a + b for a, b in zip(sums, item.use, strict=True))
        return sums


def links(design: Design, settings: Settings) -> tuple[StreamFifo, ...]:
    """Return all streams with their FIFO depths, in the order of ``design.streams``.

    Args:
        design: the layers and streams.
        settings: of a folding.
    """
    stream_fifos = []
    for stream in design.streams:
        producer, consumer = stream.producer, stream.consumer
        out_depth = in_depth = 0
        if producer is not None and producer in design.by_name:
            layer = design.by_name[producer]
            out_depth = _at(depths(layer, settings, "outFIFODepths"), layer.outputs, stream.tensor)
        if consumer is not None and consumer in design.by_name:
            layer = design.by_name[consumer]
            in_depth = _at(depths(layer, settings, "inFIFODepths"), layer.inputs, stream.tensor)
        stream_fifos.append(StreamFifo(producer, consumer, out_depth, in_depth))
    return tuple(stream_fifos)


def _at(depths: Sequence[int], tensors: Sequence[str], tensor: str) -> int:
    # As InsertFIFO: a list that is too short ends with the depth of all further streams.
    index = tensors.index(tensor) if tensor in tensors else 0
    return int(depths[min(index, len(depths) - 1)])


@dataclass(frozen=True)
class CostQuery:
    """What FINN must be asked so that the infrastructure of every folding has costs."""

    dwc: tuple[tuple[int, int], ...]
    fifo: tuple[tuple[int, int], ...]

    def without(self, costs: CostLookup) -> CostQuery:
        """Return the part of the query whose costs are not known yet."""
        return CostQuery(
            tuple(pair for pair in self.dwc if pair not in costs.dwc),
            tuple(pair for pair in self.fifo if pair not in costs.fifo),
        )

    def __bool__(self) -> bool:
        return bool(self.dwc or self.fifo)


@dataclass(frozen=True)
class StreamWidths:
    """Widths (bits) that each stream can have, from the cost tables."""

    design: Design
    tables: Tables

    @cached_property
    def outs(self) -> Mapping[str, tuple[int, ...]]:
        """By producer."""
        return {name: _distinct(table.fold_out) for name, table in self.tables.items()}

    @cached_property
    def ins(self) -> Mapping[str, tuple[int, ...]]:
        """By consumer."""
        return {name: _distinct(table.fold_in) for name, table in self.tables.items()}

    def query(self, settings: Settings, depths: Sequence[int] = USUAL_DEPTHS) -> CostQuery:
        """Return every converter and FIFO that some folding with these settings needs.

        Args:
            more: FIFO depths that are wanted for every width, whatever the settings say.
        """
        dwc: dict[tuple[int, int], None] = {}
        fifo: dict[tuple[int, int], None] = {}
        for link in links(self.design, settings):
            outs = self.outs[link.producer] if link.producer is not None else ()
            ins = self.ins[link.consumer] if link.consumer is not None else ()
            wanted = {2, link.out_depth, link.in_depth, max(link.out_depth, link.in_depth)}
            for width in dict.fromkeys((*outs, *ins)):
                fifo.update({(width, depth): None for depth in sorted({*wanted, *depths} - {0})})
            dwc.update({(a, b): None for a in outs for b in ins if a != b})
        return CostQuery(tuple(dwc), tuple(fifo))


def _distinct(values: Any) -> tuple[int, ...]:
    return tuple(sorted({int(value) for value in values}))
