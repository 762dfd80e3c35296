"""Documents of estimate, solve and pareto."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from finn_tui.cli.documents.base import Document, Finn, Resources
from finn_tui.runs.documents import RunError


class Budget(Resources, frozen=True, kw_only=True):
    """What the part has.

    Attributes:
        LUT: look-up tables.
        FF: flip-flops.
        BRAM_18K: block RAM in halves of 18 kbit.
        URAM: UltraRAM blocks.
        DSP: DSP slices.
    """

    FF: float | msgspec.UnsetType = msgspec.UNSET


class Layer(Resources, frozen=True, kw_only=True):
    """A layer with FINN's own figures.

    Attributes:
        name: of the node.
        op: its operation.
        cycles (cycles): per frame.
        LUT: look-up tables.
        BRAM_18K: block RAM in halves of 18 kbit.
        URAM: UltraRAM blocks.
        DSP: DSP slices.
        knobs: the values of its knobs by name: PE, SIMD, ram_style, ...
    """

    name: str
    op: str
    cycles: int
    knobs: dict[str, Any]


class Converter(Struct, frozen=True, kw_only=True):
    """A width converter between two layers.

    Attributes:
        producer: the layer before it; null at the input.
        consumer: the layer behind it; null at the output.
        out_width (bits): what the producer sends.
        in_width (bits): what the consumer takes.
        LUT: look-up tables; like the others, not there where FINN was not asked.
        BRAM_18K: block RAM in halves of 18 kbit.
        URAM: UltraRAM blocks.
        DSP: DSP slices.
    """

    producer: str | None
    consumer: str | None
    out_width: int
    in_width: int
    LUT: float | msgspec.UnsetType = msgspec.UNSET
    BRAM_18K: float | msgspec.UnsetType = msgspec.UNSET
    URAM: float | msgspec.UnsetType = msgspec.UNSET
    DSP: float | msgspec.UnsetType = msgspec.UNSET


class Fifo(Struct, frozen=True, kw_only=True):
    """A FIFO between two layers.

    Attributes:
        producer: the layer before it; null at the input.
        consumer: the layer behind it; null at the output.
        width (bits): of a word.
        depth (words): how many it holds.
        LUT: look-up tables; like the others, not there where FINN was not asked.
        BRAM_18K: block RAM in halves of 18 kbit.
        URAM: UltraRAM blocks.
        DSP: DSP slices.
    """

    producer: str | None
    consumer: str | None
    width: int
    depth: int
    LUT: float | msgspec.UnsetType = msgspec.UNSET
    BRAM_18K: float | msgspec.UnsetType = msgspec.UNSET
    URAM: float | msgspec.UnsetType = msgspec.UNSET
    DSP: float | msgspec.UnsetType = msgspec.UNSET


class Converters(Struct, frozen=True, kw_only=True):
    """All width converters.

    Attributes:
        count: how many.
        LUT: look-up tables in all.
        BRAM_18K: block RAM in halves of 18 kbit.
        URAM: UltraRAM blocks.
        DSP: DSP slices.
        unpriced: how many of them FINN was not asked about.
        streams: each of them.
    """

    count: int
    LUT: float | msgspec.UnsetType = msgspec.UNSET
    BRAM_18K: float | msgspec.UnsetType = msgspec.UNSET
    URAM: float | msgspec.UnsetType = msgspec.UNSET
    DSP: float | msgspec.UnsetType = msgspec.UNSET
    unpriced: int
    streams: tuple[Converter, ...]


class Fifos(Struct, frozen=True, kw_only=True):
    """All FIFOs.

    Attributes:
        count: how many.
        LUT: look-up tables in all.
        BRAM_18K: block RAM in halves of 18 kbit.
        URAM: UltraRAM blocks.
        DSP: DSP slices.
        unpriced: how many of them FINN was not asked about.
        streams: each of them.
    """

    count: int
    LUT: float | msgspec.UnsetType = msgspec.UNSET
    BRAM_18K: float | msgspec.UnsetType = msgspec.UNSET
    URAM: float | msgspec.UnsetType = msgspec.UNSET
    DSP: float | msgspec.UnsetType = msgspec.UNSET
    unpriced: int
    streams: tuple[Fifo, ...]


class ShellPart(Resources, frozen=True, kw_only=True):
    """A part of the shell.

    Attributes:
        name: what it is.
        LUT: look-up tables.
        BRAM_18K: block RAM in halves of 18 kbit.
        URAM: UltraRAM blocks.
        DSP: DSP slices.
        widths: the widths that it was measured with.
    """

    name: str
    widths: str


class Shell(Struct, frozen=True, kw_only=True):
    """DMA and interconnect around the accelerator, as one build had it; empty where not known.

    Attributes:
        LUT: look-up tables.
        BRAM_18K: block RAM in halves of 18 kbit.
        URAM: UltraRAM blocks.
        DSP: DSP slices.
        family: of the parts that it holds for.
        source: where the figures come from.
        tool: versions that they were measured with.
        state: ``synthesized``, ``placed`` or ``routed``.
        others: what others measured.
        own: whether it is from a build of this workspace.
        parts: what it consists of.
    """

    LUT: float | msgspec.UnsetType = msgspec.UNSET
    BRAM_18K: float | msgspec.UnsetType = msgspec.UNSET
    URAM: float | msgspec.UnsetType = msgspec.UNSET
    DSP: float | msgspec.UnsetType = msgspec.UNSET
    family: str | msgspec.UnsetType = msgspec.UNSET
    source: str | msgspec.UnsetType = msgspec.UNSET
    tool: str | msgspec.UnsetType = msgspec.UNSET
    state: str | msgspec.UnsetType = msgspec.UNSET
    others: str | msgspec.UnsetType = msgspec.UNSET
    own: bool | msgspec.UnsetType = msgspec.UNSET
    parts: tuple[ShellPart, ...] | msgspec.UnsetType = msgspec.UNSET


class ExternalWeights(Struct, frozen=True, kw_only=True):
    """What a layer with weights outside of the chip needs besides.

    Attributes:
        bytes_per_second: what it reads from memory at the design's rate.
        LUT: of a DMA as the shell's source has it; left out without a source.
        BRAM_18K: likewise.
        URAM: likewise.
        DSP: likewise.
    """

    bytes_per_second: float
    LUT: float = 0
    BRAM_18K: float = 0
    URAM: float = 0
    DSP: float = 0


class Memory(Struct, frozen=True, kw_only=True):
    """Memory that FINN's estimator leaves out, by FINN's arithmetic of other layers.

    Attributes:
        LUT: look-up tables in all.
        layers: look-up tables by layer.
        LUTRAM: look-up tables used as memory, of all layers and FIFOs.
        LUTRAM_budget: how many the part has; null where it is not known.
        external: layers that read their weights from outside of the chip.
    """

    LUT: float
    layers: dict[str, float]
    LUTRAM: float
    LUTRAM_budget: float | None
    external: dict[str, ExternalWeights]


class Extra(Struct, frozen=True, kw_only=True):
    """What FINN's own total leaves out.

    Attributes:
        memory: weight memory.
        dwc: width converters.
        fifo: FIFOs.
        shell: DMA and interconnect.
    """

    dwc: Converters
    fifo: Fifos
    shell: Shell
    memory: Memory


class Correction(Struct, frozen=True, kw_only=True):
    """What own builds say of FINN's estimate of one resource of one operation.

    Attributes:
        op: the operation.
        resource: the resource.
        of: ``factor`` on FINN's estimate, or ``amount`` where FINN estimates nothing.
        middle: the median.
        low: the lower end.
        high: the upper end.
        n: how many layers were built.
        widened: whether the band goes beyond what was seen, for want of samples.
    """

    op: str
    resource: str
    of: str
    middle: float
    low: float
    high: float
    n: int
    widened: bool


class Learned(Struct, frozen=True, kw_only=True):
    """What own builds say of FINN's estimates.

    Attributes:
        builds: the builds that it is from, oldest first.
        factors: by operation and resource.
        layers: each layer with its corrected figures: value, low, high, n by resource.
        total: the corrected sum by resource: value, low, high, n, layers_as_finn_says.
    """

    builds: tuple[str, ...]
    factors: tuple[Correction, ...]
    layers: tuple[dict[str, Any], ...] | msgspec.UnsetType = msgspec.UNSET
    total: dict[str, dict[str, float]] | msgspec.UnsetType = msgspec.UNSET


class Figures(Document, frozen=True, kw_only=True):
    """Cycles, rate and resources of a folding.

    Attributes:
        format_version: version of the document's form.
        model: the model's name.
        board: FINN's name of the board type.
        part: the FPGA part.
        clock_ns (ns): clock period.
        finn: the FINN that the design was made with.
        ii_cycles (cycles): initiation interval, the largest of the layers' cycles.
        fps (frames/s): clock / II; holds with FIFOs that are deep enough.
        latency_cycles (cycles): cycles along the longest path, an upper bound of the latency.
        bottleneck: the first layer that needs that many cycles.
        layers: in the order of the design, equal to FINN's reports.
        total: sum of the layers, equal to FINN's report.
        latency_is: what ``latency_cycles`` is: ``upper bound``.
        fps_holds: on which condition ``fps`` holds.
        unmodelled: layers of whose look-up tables FINN has no model: their 0 is unknown, not free.
        extra: what FINN's total leaves out.
        budget: what the part has.
        fits: whether the total is within the budget.
        fits_with_extra: whether total and extra together are.
    """

    model: str
    board: str
    part: str
    clock_ns: float
    finn: Finn
    ii_cycles: int
    fps: float
    latency_cycles: int
    bottleneck: str
    layers: tuple[Layer, ...]
    total: Resources
    latency_is: str
    fps_holds: str
    unmodelled: tuple[str, ...]
    extra: Extra
    budget: Budget
    fits: bool
    fits_with_extra: bool


class Estimate(Figures, frozen=True, kw_only=True):
    """Cycles, rate and resources of a folding.

    Attributes:
        learned: corrections from own builds, where there are any.
    """

    learned: Learned | msgspec.UnsetType = msgspec.UNSET


class Binding(Struct, frozen=True, kw_only=True):
    """A limit that a solution comes up to.

    Attributes:
        resource: the resource.
        used: how much of it is used.
        limit: how much may be.
        layers: those that use the most.
        holds: whether the design could be faster without it; null where that was not asked.
    """

    resource: str
    used: float
    limit: float
    layers: tuple[str, ...]
    holds: bool | None


class Solve(Figures, frozen=True, kw_only=True):
    """The figures of the solution as ``estimate`` gives them, and how good it is.

    Attributes:
        optimal: whether it is proved that no folding is better.
        cost: what was minimized: the weighted sum of shares of the budget.
        bound: no folding costs less than this.
        least_cycles (cycles): the least II that fits, where that was asked; else null.
        not_varied: what the solver did not vary, so that ``optimal`` holds without it.
        seconds (s): that solving took.
        counted: ``whole`` with FIFOs and width converters, or ``finn`` for FINN's total alone.
        binding: the limits that it comes up to.
        folding: FINN's folding configuration.
    """

    optimal: bool
    cost: float | None
    bound: float | None
    least_cycles: int | None
    not_varied: tuple[str, ...]
    seconds: float
    counted: str
    binding: tuple[Binding, ...]
    folding: dict[str, Any]


class Scarcest(Struct, frozen=True):
    """The resource of which the largest share of the part is used.

    Attributes:
        resource: its name.
        share (fraction): of what the part has; null where the part has none.
    """

    resource: str
    share: float | None


class ParetoPoint(Struct, frozen=True, kw_only=True):
    """A folding of the front.

    Attributes:
        target_cycles (cycles): the II that it was solved for.
        ii_cycles (cycles): its initiation interval.
        fps (frames/s): clock / II.
        total: FINN's total.
        inserted: FIFOs and width converters in all.
        scarcest: the resource of which the largest share is used.
        fits: whether it fits the part.
        cost: the weighted sum of shares of the budget.
        folding: FINN's folding configuration.
        optimal: whether it is proved that none is better; of solved points.
        bound: no folding costs less than this; of solved points.
    """

    target_cycles: int
    ii_cycles: int
    fps: float
    total: Resources
    inserted: Resources
    scarcest: Scarcest | None
    fits: bool
    cost: float | None
    folding: dict[str, Any]
    optimal: bool | msgspec.UnsetType = msgspec.UNSET
    bound: float | msgspec.UnsetType | None = msgspec.UNSET


class Pareto(Document, frozen=True, kw_only=True):
    """The best foldings of rate against resources.

    Attributes:
        format_version: version of the document's form.
        model: the model's name.
        board: FINN's name of the board type.
        part: the FPGA part.
        clock_ns (ns): clock period.
        budget: what the part has.
        counted: ``whole`` with FIFOs and width converters, or ``finn`` for FINN's total alone.
        points: the front.
        setfolding: what FINN's own heuristic gives for the same targets.
        setfolding_refused: why it has no point, or not one for each target; null if it has.
    """

    model: str
    board: str
    part: str
    clock_ns: float
    budget: Budget
    counted: str
    points: tuple[ParetoPoint, ...]
    setfolding: tuple[ParetoPoint, ...]
    setfolding_refused: RunError | None
