"""Cost tables and estimates: cycles, II, fps, latency, resources against a budget.

All numbers of a layer come from FINN's own estimators by way of its cost table; this file only
looks them up and adds them, so that there is no second copy of FINN's formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from finn_tui.core.design import Design, Value
from finn_tui.core.device import RESOURCES, Device
from finn_tui.core.estimate import memory
from finn_tui.core.estimate.infrastructure import (
    CostLookup,
    InfrastructureCost,
    Settings,
    StreamFifo,
    links,
)
from finn_tui.core.estimate.platform_shell import Shell, published
from finn_tui.core.estimate.table import CostTable as CostTable
from finn_tui.core.estimate.table import LayerCost as LayerCost
from finn_tui.core.estimate.table import Tables as Tables


@dataclass(frozen=True)
class Mismatch:
    """Neighbours whose streams differ in width (bits): FINN puts a converter (DWC) there."""

    producer: str
    consumer: str
    out_width: int
    in_width: int


@dataclass(frozen=True)
class Estimate:
    """What a folding costs and gives.

    Attributes:
        clock_ns: clock period.
        layers: in the order of the design.
        ii_cycles: the largest layer's cycles, the design's initiation interval.
        bottleneck: the first layer that needs that many.
        latency_cycles: cycles along the longest path, FINN's ``critical_path_cycles``.
        total: sum by resource, FINN's ``res_estimation`` total; no FIFO, DWC, DMA or shell.
        mismatches: where data width converters arise.
        design, settings, costs: what ``infrastructure`` is computed from on first use.
        streams: ``links`` of another estimate with the same settings, if there is one.
    """

    clock_ns: float
    layers: tuple[LayerCost, ...]
    ii_cycles: int
    bottleneck: str
    latency_cycles: int
    total: Mapping[str, float]
    mismatches: tuple[Mismatch, ...]
    design: Design = field(compare=False, repr=False)
    settings: Settings = field(default_factory=dict, compare=False, repr=False)
    costs: CostLookup = field(default_factory=CostLookup, compare=False, repr=False)
    streams: tuple[StreamFifo, ...] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def infrastructure(self) -> InfrastructureCost:
        """What FINN inserts between the layers and leaves out of ``total``."""
        widths = {layer.name: (layer.in_width, layer.out_width) for layer in self.layers}
        cost = InfrastructureCost.of_links(self.links, widths, self.costs)
        left_out = {
            layer.name: memory.missing(self.design.by_name[layer.name], layer.values)
            for layer in self.layers
            if layer.op.endswith("_rtl")
        }
        left_out = {name: luts for name, luts in left_out.items() if luts}
        return replace(cost, memory=left_out) if left_out else cost

    @cached_property
    def lutram(self) -> float:
        """LUTs that are memory, of all layers and FIFOs."""
        layers = sum(
            memory.lutram(self.design.by_name[layer.name], layer.values, layer.resources["LUT"])
            for layer in self.layers
        )
        return layers + sum(item.lutram for item in self.infrastructure.items)

    @cached_property
    def external(self) -> Mapping[str, float]:
        """Bytes of weights per second that layers read from outside of the chip, by layer."""
        rates = {}
        for layer in self.layers:
            bits = memory.external_bits(self.design.by_name[layer.name], layer.values)
            if bits:
                # It reads in each of its cycles, and waits for the slowest layer in the others.
                rates[layer.name] = bits / 8 * layer.cycles * self.fps
        return rates

    @cached_property
    def unmodelled(self) -> frozenset[str]:
        """Layers of whose LUTs FINN has no model: their 0 is unknown, not free."""
        return frozenset(
            layer.name
            for layer in self.layers
            if memory.unmodelled(self.design.by_name[layer.name], layer.resources["LUT"])
        )

    @cached_property
    def links(self) -> tuple[StreamFifo, ...]:
        """The streams with their FIFO depths."""
        return self.streams if self.streams is not None else links(self.design, self.settings)

    @cached_property
    def converted(self) -> frozenset[str]:
        """The layers that have a data width converter before them."""
        return frozenset(mismatch.consumer for mismatch in self.mismatches)

    @property
    def shell(self) -> Shell | None:
        """DMA and shell, of the user's own build or a published one for this family of parts.

        None where no source is known. In no total: FINN has no estimate of it.
        """
        return self.costs.shell or published(self.design.part)

    @cached_property
    def streams_of(self) -> Mapping[str, tuple[StreamFifo, ...]]:
        """The streams at each layer, with their FIFO depths."""
        streams_by_layer: dict[str, list[StreamFifo]] = {layer.name: [] for layer in self.layers}
        for link in links(self.design, self.settings):
            for end in {link.producer, link.consumer}:
                if end is not None and end in streams_by_layer:
                    streams_by_layer[end].append(link)
        return {name: tuple(streams) for name, streams in streams_by_layer.items()}

    @cached_property
    def widths(self) -> Mapping[str, tuple[int, int]]:
        """Bits of each layer's input and output streams."""
        return {layer.name: (layer.in_width, layer.out_width) for layer in self.layers}

    @property
    def fps(self) -> float:
        """Frames per second: clock / II."""
        return 1e9 / (self.clock_ns * self.ii_cycles)

    @property
    def latency_ms(self) -> float:
        """The latency of one frame in milliseconds."""
        return self.latency_cycles * self.clock_ns * 1e-6

    def fits(self, device: Device, *, include_infrastructure: bool = False) -> bool | None:
        """Return whether FINN's total is within the device's budget; None where that is unknown.

        Args:
            include_infrastructure: count what FINN leaves out as well: width converters, FIFOs,
                memory, DMA and shell; what is in distributed memory must find LUTRAM, too.
        """
        resources = dict.fromkeys(RESOURCES, 0.0)
        if include_infrastructure:
            built_shell = self.costs.shell or published(device.part)
            inserted = self.infrastructure.total()
            if built_shell is not None:
                # Each layer with weights outside of the chip has a DMA of its own.
                dmas, shell, dma = len(self.external), built_shell.use, built_shell.dma
                inserted = {n: use + shell[n] + dmas * dma[n] for n, use in inserted.items()}
            resources = inserted
            most = memory.lutram_of(device.part)
            if most is not None and self.lutram > most:
                return False
        uses = [device.use(name, self.total[name] + resources[name]) for name in RESOURCES]
        if any(use is None for use in uses):
            return None
        return all(use is not None and use <= 1 for use in uses)

    def _dma(self, part: str) -> dict[str, int | float]:
        shell = self.costs.shell or published(part)
        return {} if shell is None else {name: plain(use) for name, use in shell.dma.items()}

    def as_json(self, design: Design, device: Device) -> dict[str, Any]:
        """Return the document of ``finn-tui estimate --json``.

        Args:
            design: what was estimated.
            device: whose budget the totals are compared with.
        """
        return {
            "model": design.model,
            "board": device.board,
            "part": device.part,
            "clock_ns": self.clock_ns,
            "finn": {"flavour": design.finn_flavour, "version": design.finn_version},
            "ii_cycles": self.ii_cycles,
            "fps": self.fps,
            "latency_cycles": self.latency_cycles,
            "bottleneck": self.bottleneck,
            "layers": [
                {
                    "name": layer.name,
                    "op": layer.op,
                    "cycles": layer.cycles,
                    **{name: plain(layer.resources[name]) for name in RESOURCES},
                    "knobs": dict(layer.values),
                }
                for layer in self.layers
            ],
            "total": {name: plain(self.total[name]) for name in RESOURCES},
            "latency_is": "upper bound",
            "fps_holds": "with FIFOs deep enough",
            "unmodelled": sorted(self.unmodelled),
            "extra": {
                **self.infrastructure.as_json(),
                "shell": self.shell.as_json() if self.shell else {},
                "memory": {
                    "LUT": plain(self.infrastructure.total("memory")["LUT"]),
                    "layers": {
                        name: plain(luts) for name, luts in self.infrastructure.memory.items()
                    },
                    "LUTRAM": plain(self.lutram),
                    "LUTRAM_budget": memory.lutram_of(device.part),
                    "external": {
                        name: {"bytes_per_second": rate, **self._dma(device.part)}
                        for name, rate in self.external.items()
                    },
                },
            },
            "budget": dict(device.budget),
            "fits": self.fits(device),
            "fits_with_extra": self.fits(device, include_infrastructure=True),
        }


def plain(value: float) -> int | float:
    """Return a number as JSON should show it: whole ones without a fraction."""
    return int(value) if float(value).is_integer() else float(value)


def estimate(
    design: Design,
    tables: Tables,
    values: Mapping[str, Mapping[str, Value]],
    clock_ns: float,
    near: tuple[Mapping[str, Mapping[str, Value]], Estimate] | None = None,
    *,
    settings: Settings | None = None,
    costs: CostLookup | None = None,
) -> Estimate:
    """Return what a folding costs and gives.

    Args:
        values: the knobs of every layer; each must be a legal point of the layer's table.
        near: the values and the estimate of another folding; what they share is not looked up
            again, which is most of it while a large design is folded step by step.
        settings: of the folding; its FIFO depths count in ``infrastructure``.
        costs: of what FINN inserts; without them ``infrastructure`` has no resources.

    Raises:
        KeyError: for a layer without a table or a point that is not legal, which a ``Folding``
            made by this package cannot hold.
    """
    layers: list[LayerCost] = []
    finish: list[int] = []
    lut = bram = uram = dsp = 0.0
    before = near[0] if near is not None else {}
    known = near[1].layers if near is not None else ()
    for position, (layer, feeders) in enumerate(zip(design.layers, design.feeders, strict=True)):
        chosen = values[layer.name]
        if near is not None and before[layer.name] is chosen:
            cost = known[position]
        else:
            table = tables[layer.name]
            row = table.row(chosen)
            if row is None:
                raise KeyError(layer.name)
            cost = table.cost(layer.op, row)
        layers.append(cost)
        resources = cost.resources
        lut += resources["LUT"]
        bram += resources["BRAM_18K"]
        uram += resources["URAM"]
        dsp += resources["DSP"]
        finish.append(cost.cycles + max([finish[feeder] for feeder in feeders], default=0))
    slowest = max(layers, key=lambda cost: cost.cycles)
    return Estimate(
        clock_ns=clock_ns,
        layers=tuple(layers),
        ii_cycles=slowest.cycles,
        bottleneck=slowest.name,
        latency_cycles=max(finish),
        total={"LUT": lut, "BRAM_18K": bram, "URAM": uram, "DSP": dsp},
        mismatches=_mismatches(design, layers),
        design=design,
        settings=settings or {},
        streams=near[1].links
        if near is not None and near[1].settings == (settings or {})
        else None,
        costs=costs or _NO_COSTS,
    )


_NO_COSTS = CostLookup()


def mismatches(
    design: Design, tables: Tables, values: Mapping[str, Mapping[str, Value]]
) -> tuple[Mismatch, ...]:
    """List the streams whose two ends differ in width.

    Args:
        design: the layers.
        tables: their cost tables.
        values: knobs of each layer, each a legal point of its table.
    """
    costs = []
    for layer in design.layers:
        row = tables[layer.name].row(values[layer.name])
        assert row is not None, f"{layer.name} holds no legal point"
        costs.append(tables[layer.name].cost(layer.op, row))
    return _mismatches(design, costs)


def _mismatches(design: Design, costs: Sequence[LayerCost]) -> tuple[Mismatch, ...]:
    return tuple(
        Mismatch(costs[a].name, costs[b].name, costs[a].out_width, costs[b].in_width)
        for a, b in design.links
        if costs[a].out_width != costs[b].in_width
    )
