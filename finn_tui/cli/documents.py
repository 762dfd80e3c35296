"""What the documents of ``--json`` hold, command by command: the contract with programs.

``docs/json.md`` is generated from these classes, and tests check the commands' real output against
them: every key is here, and every key that is here occurs. Every document begins with
``format_version``, the version of its form; new keys leave it as it is.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Struct

from finn_tui.base.config import known_keys
from finn_tui.engine.catalogue import EngineInfo
from finn_tui.runs.documents import (
    AccuracyResult,
    ExecuteResult,
    RunError,
    RunResults,
    RunStatus,
    StepStatus,
    ThroughputResult,
)

Pair = tuple[float | str | None, float | str | None]
Optional = msgspec.UnsetType


class Document(Struct, frozen=True, kw_only=True):
    """What every document has.

    Attributes:
        format_version: version of the document's form.
    """

    format_version: int


class Failure(Document, frozen=True, kw_only=True):
    """Printed by every command that could not do its work, with exit code 1, or 2 for wrong use.

    Attributes:
        error: what happened.
    """

    error: RunError


class Finn(Struct, frozen=True):
    """The FINN that a design was made with.

    Attributes:
        flavour: ``finn-plus`` or ``upstream``.
        version: of FINN.
    """

    flavour: str
    version: str


class Resources(Struct, frozen=True, kw_only=True):
    """Resources of the FPGA.

    Attributes:
        LUT: look-up tables.
        BRAM_18K: block RAM in halves of 18 kbit.
        URAM: UltraRAM blocks.
        DSP: DSP slices.
    """

    LUT: float
    BRAM_18K: float
    URAM: float
    DSP: float


class Budget(Resources, frozen=True, kw_only=True):
    """What the part has.

    Attributes:
        LUT: look-up tables.
        FF: flip-flops.
        BRAM_18K: block RAM in halves of 18 kbit.
        URAM: UltraRAM blocks.
        DSP: DSP slices.
    """

    FF: float | Optional = msgspec.UNSET


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
    LUT: float | Optional = msgspec.UNSET
    BRAM_18K: float | Optional = msgspec.UNSET
    URAM: float | Optional = msgspec.UNSET
    DSP: float | Optional = msgspec.UNSET


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
    LUT: float | Optional = msgspec.UNSET
    BRAM_18K: float | Optional = msgspec.UNSET
    URAM: float | Optional = msgspec.UNSET
    DSP: float | Optional = msgspec.UNSET


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
    LUT: float | Optional = msgspec.UNSET
    BRAM_18K: float | Optional = msgspec.UNSET
    URAM: float | Optional = msgspec.UNSET
    DSP: float | Optional = msgspec.UNSET
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
    LUT: float | Optional = msgspec.UNSET
    BRAM_18K: float | Optional = msgspec.UNSET
    URAM: float | Optional = msgspec.UNSET
    DSP: float | Optional = msgspec.UNSET
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

    LUT: float | Optional = msgspec.UNSET
    BRAM_18K: float | Optional = msgspec.UNSET
    URAM: float | Optional = msgspec.UNSET
    DSP: float | Optional = msgspec.UNSET
    family: str | Optional = msgspec.UNSET
    source: str | Optional = msgspec.UNSET
    tool: str | Optional = msgspec.UNSET
    state: str | Optional = msgspec.UNSET
    others: str | Optional = msgspec.UNSET
    own: bool | Optional = msgspec.UNSET
    parts: tuple[ShellPart, ...] | Optional = msgspec.UNSET


class Memory(Struct, frozen=True, kw_only=True):
    """Weight memory that FINN's estimator leaves out, by FINN's arithmetic of other layers.

    Attributes:
        LUT: look-up tables in all.
        layers: look-up tables by layer.
        LUTRAM: look-up tables used as memory, of all layers.
        LUTRAM_budget: how many the part has; null where it is not known.
    """

    LUT: float
    layers: dict[str, float]
    LUTRAM: float
    LUTRAM_budget: float | None


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
    layers: tuple[dict[str, Any], ...] | Optional = msgspec.UNSET
    total: dict[str, dict[str, float]] | Optional = msgspec.UNSET


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

    learned: Learned | Optional = msgspec.UNSET


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
    optimal: bool | Optional = msgspec.UNSET
    bound: float | Optional | None = msgspec.UNSET


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


class LayerDifference(Struct, frozen=True, kw_only=True):
    """A layer in two foldings; pairs are [of a, of b].

    Attributes:
        name: of the node.
        op: its operation.
        changed: pairs of values by knob.
        cycles (cycles): per frame.
        LUT: look-up tables.
        BRAM_18K: block RAM in halves of 18 kbit.
        URAM: UltraRAM blocks.
        DSP: DSP slices.
    """

    name: str
    op: str
    changed: dict[str, tuple[Any, Any]]
    cycles: Pair
    LUT: Pair
    BRAM_18K: Pair
    URAM: Pair
    DSP: Pair


class InsertedDifference(Struct, frozen=True, kw_only=True):
    """A FIFO or width converter that comes, goes or changes.

    Attributes:
        kind: ``dwc`` or ``fifo``.
        how: ``comes``, ``goes`` or ``changes``.
        before: as a has it; null where it has none.
        after: as b has it; null where it has none.
    """

    kind: str
    how: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Compare(Document, frozen=True, kw_only=True):
    """Two foldings of a model; pairs are [of a, of b].

    Attributes:
        format_version: version of the document's form.
        model: the model's name.
        board: FINN's name of the board type.
        part: the FPGA part.
        a: the first folding's name.
        b: the second folding's name.
        clock_ns (ns): clock period.
        ii_cycles (cycles): initiation intervals.
        fps (frames/s): rates.
        latency_cycles (cycles): cycles along the longest path.
        bottleneck: the slowest layers.
        layers_changed: how many layers differ.
        layers: those that differ, or all with ``--all``.
        total: pairs by resource.
        extra: of ``dwc`` and ``fifo``: count and resources, as pairs.
        inserted: FIFOs and width converters that differ.
    """

    model: str
    board: str
    part: str
    a: str
    b: str
    clock_ns: float
    ii_cycles: Pair
    fps: Pair
    latency_cycles: Pair
    bottleneck: Pair
    layers_changed: int
    layers: tuple[LayerDifference, ...]
    total: dict[str, Pair]
    extra: dict[str, dict[str, Pair]]
    inserted: tuple[InsertedDifference, ...]


class RefusedValue(Struct, frozen=True, kw_only=True):
    """A value of the file that the layer cannot have.

    Attributes:
        name: the attribute.
        value: as the file has it.
        legal: what is legal.
        taken: what was taken instead.
        why: why it was refused.
    """

    name: str
    value: Any
    legal: tuple[Any, ...]
    taken: Any
    why: str


class MigratedEntry(Struct, frozen=True, kw_only=True):
    """What became of an entry of the file.

    Attributes:
        name: as the file has it.
        layer: the layer that it is for; null if there is none.
        how: ``same``, ``renamed``, ``inserted`` by FINN itself, or ``unmatched``.
        why: why it has no layer, or what leaves a doubt; may be empty.
        renamed: attributes in other words, as [before, after].
        refused: values that the layer cannot have.
    """

    name: str
    layer: str | None
    how: str
    why: str
    renamed: tuple[tuple[str, str], ...]
    refused: tuple[RefusedValue, ...]


class Migrate(Document, frozen=True, kw_only=True):
    """A folding file of another FINN, read for a design.

    Attributes:
        format_version: version of the document's form.
        model: the model's name.
        file: the folding file.
        matched: how many entries have a layer.
        renamed: how many of them under another name.
        inserted: how many are of nodes that FINN inserts itself.
        unmatched: how many have no layer.
        complete: whether every entry and every layer found its counterpart.
        entries: in the file's order.
        filled: [layer, knob, before, after] of layers that the file does not name and that were
            folded to fit.
        moved: the same, of what had to move for values to go together.
        unnamed: layers that no entry is for.
        misfits: values that do not divide the size of a matrix layer, in words.
        ii_cycles (cycles): initiation interval of the result.
        fps (frames/s): clock / II.
        folding: FINN's folding configuration.
    """

    model: str
    file: str
    matched: int
    renamed: int
    inserted: int
    unmatched: int
    complete: bool
    entries: tuple[MigratedEntry, ...]
    filled: tuple[tuple[Any, ...], ...]
    moved: tuple[tuple[Any, ...], ...]
    unnamed: tuple[str, ...]
    misfits: tuple[str, ...]
    ii_cycles: int
    fps: float
    folding: dict[str, Any]


class CalibratedNode(Struct, frozen=True, kw_only=True):
    """A node of a build in every report that has it; units by resource.

    Attributes:
        name: of the node.
        group: ``layer``, ``fifo``, ``dwc``, ``shell`` or ``other``.
        estimate: FINN's estimate.
        hls: Vitis HLS's estimate.
        out_of_context: synthesized by itself.
        post_synthesis: in the whole design.
        error (fraction): of the estimate, by resource: 0.45 is 45 % more than estimated.
    """

    name: str
    group: str
    estimate: dict[str, float] | Optional | None = msgspec.UNSET
    hls: dict[str, float] | Optional | None = msgspec.UNSET
    out_of_context: dict[str, float] | Optional | None = msgspec.UNSET
    post_synthesis: dict[str, float] | Optional | None = msgspec.UNSET
    error: dict[str, float]


class Calibrate(Document, frozen=True, kw_only=True):
    """A build's estimates beside what it came to: ``calibrate RUN`` or ``calibrate PATH``.

    Attributes:
        format_version: version of the document's form.
        name: of the run or build folder.
        simulated: whether stand-ins built it.
        sources: the reports by kind.
        measured: the kind of report that errors are against; null where there is none.
        nodes: layers and what FINN inserted.
        whole: units of the whole design by kind of report and resource.
    """

    name: str
    simulated: bool
    sources: dict[str, str]
    measured: str | None
    nodes: tuple[CalibratedNode, ...]
    whole: dict[str, dict[str, float]]


class CalibrateAll(Document, frozen=True, kw_only=True):
    """What the workspace's builds say of FINN's estimates: ``calibrate`` without a run.

    Attributes:
        format_version: version of the document's form.
        builds: the builds that it is from, oldest first.
        factors: by operation and resource.
        layers: empty here.
        total: zero here.
    """

    builds: tuple[str, ...]
    factors: tuple[Correction, ...]
    layers: tuple[dict[str, Any], ...] | Optional = msgspec.UNSET
    total: dict[str, dict[str, float]] | Optional = msgspec.UNSET


class Check(Struct, frozen=True, kw_only=True):
    """How a stage's outputs compare with the original network's.

    Attributes:
        images: how many samples were run.
        same: how many have the same class.
        outputs: how many have the same outputs.
        difference: the largest difference of an output; null where it is not known.
        weak: why the evidence is weak; null where it is not.
    """

    images: int
    same: int
    outputs: int | None = None
    difference: float | None = None
    weak: str | None = None


class StageDocument(Struct, frozen=True, kw_only=True):
    """A stage on the way from the network to the dataflow graph.

    Attributes:
        index: its place, from 0.
        name: of the step.
        file: its graph, as a path below ``folder``.
        nodes: how many the graph has.
        op_types: how many of each operation.
        check: its outputs against the original's; null where it was not checked.
    """

    index: int
    name: str
    file: str
    nodes: int
    op_types: dict[str, int]
    check: Annotated[dict[str, Any], known_keys(Check)] | None = None


class WeightsDocument(Struct, frozen=True, kw_only=True):
    """Where a model's weights come from.

    Attributes:
        kind: ``random``, ``trained``, ``checkpoint``, ``pretrained`` or ``onnx``.
        note: the same in words.
        accuracy (%): in software, where it was measured.
        images: over how many images.
        dataset: the data set that it was trained on, where that is known.
    """

    kind: str
    note: str
    accuracy: float | None = None
    images: int | None = None
    dataset: str | None = None


class Prepare(Document, frozen=True, kw_only=True):
    """A model as it was prepared: the content of its ``model.json``; keys may be added.

    Attributes:
        format_version: version of the document's form.
        folder: where the model lies.
        format: version of model.json.
        name: the model's name.
        title: its name for people, where another model has the same name.
        origin: what it was prepared from.
        content: hash of what it was prepared from.
        source: what the engine was asked to prepare.
        weights: where its weights come from.
        handling: how input and output are handled: preprocess, input_type, topk, ...
        flow: the steps that were used: ``default``, the name of a flow, or a file.
        notes: what is worth knowing, in words.
        warnings: what may be wrong: what, why, fix.
        finn: the FINN that prepared it.
        input: the first input: shape, dtype.
        inputs: all of them.
        output: the first output: shape, dtype.
        outputs: all of them.
        stages: from the export to the dataflow graph.
        board: FINN's name of the board type.
        part: the FPGA part.
        clock_ns (ns): clock period.
        fingerprint: hash of the dataflow graph's content.
        dataflow_sha256: hash of its file.
    """

    folder: str
    format: int
    name: str
    title: str
    origin: str
    content: str
    source: dict[str, Any]
    weights: Annotated[dict[str, Any], known_keys(WeightsDocument)]
    handling: dict[str, Any]
    flow: str
    notes: tuple[str, ...]
    warnings: tuple[dict[str, Any], ...]
    finn: Finn
    input: dict[str, Any]
    inputs: tuple[dict[str, Any], ...]
    output: dict[str, Any]
    outputs: tuple[dict[str, Any], ...]
    stages: tuple[Annotated[dict[str, Any], known_keys(StageDocument)], ...]
    board: str
    part: str
    clock_ns: float
    fingerprint: str
    dataflow_sha256: str


class Tensor(Struct, frozen=True, kw_only=True):
    """A tensor of a graph.

    Attributes:
        name: its name.
        shape: sizes, outermost first; null where it is not known.
        dtype: FINN's data type, such as ``INT4`` or ``BIPOLAR``; null where it is not known.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: str | None


class Node(Struct, frozen=True, kw_only=True):
    """A node of a graph.

    Attributes:
        name: its name.
        op_type: its operation.
        domain: of the operation.
        inputs: its input tensors.
        outputs: its output tensors.
        attrs: its attributes by name.
    """

    name: str
    op_type: str
    domain: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    attrs: dict[str, Any]


class Graph(Document, frozen=True, kw_only=True):
    """The graph of a stage.

    Attributes:
        format_version: version of the document's form.
        model: the model's name.
        stage: the stage's name.
        changed: how many more (or fewer) nodes of each operation than the stage before.
        nodes: in the graph's order.
        inputs: of the graph.
        outputs: of the graph.
    """

    model: str
    stage: str
    changed: dict[str, int]
    nodes: tuple[Node, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at before a build.

    Attributes:
        id: budget, fill, tools, licence, disk, memory, place, path, folding, ...
        verdict: ``ok``, ``warn`` or ``refuse``.
        what: what is so.
        lost: what would be lost if one went on; may be empty.
        fix: what to do; may be empty.
    """

    id: str
    verdict: str
    what: str
    lost: str
    fix: str


class BuildCheck(Document, frozen=True, kw_only=True):
    """What could end a build: ``build --check``.

    Attributes:
        format_version: version of the document's form.
        refused: whether the build would be refused.
        findings: each thing that was looked at.
    """

    refused: bool
    findings: tuple[Finding, ...]


class BuildEnd(Document, frozen=True, kw_only=True):
    """A build as ``build``, ``attach``, ``runs resume`` and ``runs retry`` leave it.

    Attributes:
        format_version: version of the document's form.
        run: name of the run.
        state: where it stands.
        folder: the run folder.
        simulated: whether stand-ins build it.
        clock_missed_ns (ns): by how much the clock was missed; null if it was not.
        error: why it failed; only there if it did.
    """

    run: str
    state: RunStatus
    folder: str
    simulated: bool
    clock_missed_ns: float | None
    error: RunError | Optional = msgspec.UNSET


class RunRow(Struct, frozen=True, kw_only=True):
    """A run.

    Attributes:
        run: name of the run.
        model: the model's name.
        folding: what the user calls the folding.
        board: FINN's name of the board type.
        clock_ns (ns): clock period.
        simulated: whether stand-ins build it.
        state: where it stands.
        clock_missed_ns (ns): by how much the clock was missed; null if it was not.
        position: its place in the queue, from 1; null if it does not wait.
        attempt: 1, and one more for each time that it was resumed.
        step: FINN's name of the step it is in; null before the first.
        step_index: the step's place, from 1.
        step_count: how many steps there are.
        seconds (s): how long it has taken.
        error: why it failed or was lost; null if it did not.
        note: the user's note.
        tags: the user's tags.
        folder: the run folder.
    """

    run: str
    model: str
    folding: str
    board: str
    clock_ns: float
    simulated: bool
    state: RunStatus
    clock_missed_ns: float | None
    position: int | None
    attempt: int
    step: str | None
    step_index: int
    step_count: int
    seconds: float
    error: RunError | None
    note: str
    tags: tuple[str, ...]
    folder: str


class Runs(Document, frozen=True, kw_only=True):
    """The runs of the workspace, newest first.

    Attributes:
        format_version: version of the document's form.
        runs: each of them.
    """

    runs: tuple[RunRow, ...]


class Cancel(RunRow, frozen=True, kw_only=True):
    """The run as it was left, with the keys of a row of ``runs``.

    Attributes:
        format_version: version of the document's form.
    """

    format_version: int


class Step(Struct, frozen=True, kw_only=True):
    """A step of a build.

    Attributes:
        name: FINN's name of it.
        status: where it stands.
        seconds (s): how long it took; so far, if it runs; null if it has not begun.
    """

    name: str
    status: StepStatus
    seconds: float | None


class RunsShow(RunRow, frozen=True, kw_only=True):
    """A run with the keys of a row of ``runs``, its steps and results.

    Attributes:
        format_version: version of the document's form.
        steps: all of them.
        results: the content of results.json.
    """

    format_version: int
    steps: tuple[Step, ...]
    results: Annotated[dict[str, Any], known_keys(RunResults)]


class Cleaned(Struct, frozen=True, kw_only=True):
    """What was removed of a run.

    Attributes:
        run: name of the run.
        bytes (bytes): how much that was.
        removed: paths in the run folder.
    """

    run: str
    bytes: int
    removed: tuple[str, ...]


class RunsClean(Document, frozen=True, kw_only=True):
    """What was removed, or would be with ``--dry-run``.

    Attributes:
        format_version: version of the document's form.
        bytes (bytes): in all.
        dry_run: whether nothing was removed.
        runs: run by run.
    """

    bytes: int
    dry_run: bool
    runs: tuple[Cleaned, ...]


class RunsNote(Document, frozen=True, kw_only=True):
    """What the user says of a run, after ``runs note`` or ``runs tag``.

    Attributes:
        format_version: version of the document's form.
        run: name of the run.
        note: the note.
        tags: the tags.
    """

    run: str
    note: str
    tags: tuple[str, ...]


class Experiment(Struct, frozen=True, kw_only=True):
    """A run as a row; null where nothing was estimated, built or measured.

    Attributes:
        run: name of the run.
        model: the model's name.
        folding: what the user calls the folding.
        board: FINN's name of the board type.
        clock_ns (ns): clock period.
        created: when it was asked, ISO 8601 in UTC.
        state: where it stands.
        simulated: whether stand-ins built it.
        ii_cycles (cycles): estimated initiation interval.
        estimated_fps (frames/s): clock / II.
        estimated: FINN's estimate by resource.
        synthesized: after synthesis by resource.
        wns (ns): worst negative slack.
        timing_met: whether the clock is met.
        fps (images/s): measured throughput.
        batch (images): what it was measured with.
        clock_mhz (MHz): what the accelerator ran at.
        accuracy (%): top-1, on the board.
        images: over how many images.
        measured_simulated: whether throughput and accuracy are from the simulated board.
        content: hash of what the model was prepared from; empty if it is not known.
    """

    run: str
    model: str
    folding: str
    board: str
    clock_ns: float
    created: str
    state: RunStatus
    simulated: bool
    ii_cycles: int | None
    estimated_fps: float | None
    estimated: dict[str, float]
    synthesized: dict[str, float]
    wns: float | None
    timing_met: bool | None
    fps: float | None
    batch: int | None
    clock_mhz: float | None
    accuracy: float | None
    images: int | None
    measured_simulated: bool
    content: str


class Experiments(Document, frozen=True, kw_only=True):
    """The table of runs and results.

    Attributes:
        format_version: version of the document's form.
        experiments: a row a run, newest first.
    """

    experiments: tuple[Experiment, ...]


class Cause(Struct, frozen=True, kw_only=True):
    """Why a build failed.

    Attributes:
        id: a word for programs.
        title: in one line.
        text: what was said.
        file: where, as a path below ``path``; null if it is not known.
        line: the line, from 1; null if it is not known.
        quote: that line.
        before: the lines before it.
        after: the lines behind it.
        means: what it means.
        advice: what to do.
        details: figures and names that belong to it.
    """

    id: str
    title: str
    text: str
    file: str | None
    line: int | None
    quote: str | None
    before: tuple[str, ...]
    after: tuple[str, ...]
    means: str | None
    advice: str | None
    details: dict[str, Any]


class InspectedBuild(Struct, frozen=True, kw_only=True):
    """A build among several in one folder.

    Attributes:
        name: of the build.
        outcome: how it ended.
        retried: whether a later one is its retry.
        clock_missed_ns (ns): by how much the clock was missed; null if it was not.
        cause: why it failed; null if it did not.
    """

    name: str
    outcome: str
    retried: bool
    clock_missed_ns: float | None
    cause: Cause | None


class Phase(Struct, frozen=True, kw_only=True):
    """A phase of a tool.

    Attributes:
        name: as the tool calls it.
        seconds (s): that it took; null if it is not known.
        level: 0, and one more inside another phase.
    """

    name: str
    seconds: float | None
    level: int


class InspectedFile(Struct, frozen=True, kw_only=True):
    """A file that was read.

    Attributes:
        path: below ``path``.
        kind: what it is: finn, hls, vivado, timing-summary, utilization, ...
        tool: that wrote it; null if it is not known.
        version: of the tool; null if it is not known.
        sessions: how many runs of the tool it holds.
        seconds (s): of its phases; null without any.
        phases: in their order.
        wns (ns): worst negative slack; null without one.
        tns (ns): total negative slack; null without one.
        messages: how many by severity.
        muted: messages that the tool held back, by id.
        outcome: what this file alone says; null if nothing.
        copy_of: the file that it is a copy of; null if it is none.
        old: whether it is of an earlier attempt.
        note: what is worth knowing; null if nothing.
        simulated: whether a stand-in wrote it.
        data: figures that it holds; null if none.
    """

    path: str
    kind: str
    tool: str | None
    version: str | None
    sessions: int
    seconds: float | None
    phases: tuple[Phase, ...]
    wns: float | None
    tns: float | None
    messages: dict[str, int]
    muted: dict[str, Any]
    outcome: str | None
    copy_of: str | None
    old: bool
    note: str | None
    simulated: bool
    data: dict[str, Any] | None


class Utilization(Struct, frozen=True, kw_only=True):
    """Resources that the design takes.

    Attributes:
        source: the report.
        device: the part; null if it is not known.
        used: units by resource.
        available: what the part has by resource.
        blocks: the design's blocks with their name and units by resource.
    """

    source: str
    device: str | None
    used: dict[str, float]
    available: dict[str, float]
    blocks: tuple[dict[str, Any], ...]


class InspectedStep(Struct, frozen=True, kw_only=True):
    """A step of FINN's builder.

    Attributes:
        name: FINN's name of it.
        seconds (s): that it took; null if it is not known.
        build: the build that it belongs to, where there are several.
    """

    name: str
    seconds: float | None
    build: str | Optional = msgspec.UNSET


class Inspect(Document, frozen=True, kw_only=True):
    """What a log, report or build folder says.

    Attributes:
        format_version: version of the document's form.
        path: what was read.
        outcome: succeeded, failed, cancelled, incomplete or unknown.
        simulated: whether stand-ins wrote it.
        clock_missed_ns (ns): by how much the clock was missed; null if it was not.
        builds: each build, where there are several.
        cause: why it failed; null if it did not.
        also: other causes.
        files: each file that was read.
        utilization: resources that the design takes; null if no report says.
        steps: of FINN's builder.
    """

    path: str
    outcome: str
    simulated: bool
    clock_missed_ns: float | None
    builds: tuple[InspectedBuild, ...]
    cause: Cause | None
    also: tuple[Cause, ...]
    files: tuple[InspectedFile, ...]
    utilization: Utilization | None
    steps: tuple[InspectedStep, ...]


class BoardRow(Struct, frozen=True, kw_only=True):
    """A machine with an FPGA.

    Attributes:
        name: what the user calls it.
        host: its address, or a name from the user's SSH configuration.
        port: SSH port; 0 for the usual one.
        user: login name.
        folder: where finn-tui's files go.
        sudo: whether the driver is started as root.
        python: interpreter or virtual environment that has pynq.
        driver: ``finn-plus``, ``upstream`` or ``auto``.
        key: private key file; empty for the usual ones.
        simulated: whether it has no FPGA.
    """

    name: str
    host: str
    port: int
    user: str
    folder: str
    sudo: bool
    python: str
    driver: str
    key: str
    simulated: bool


class BoardsList(Document, frozen=True, kw_only=True):
    """All machines, the simulated one first.

    Attributes:
        format_version: version of the document's form.
        boards: each of them.
    """

    boards: tuple[BoardRow, ...]


class BoardsTest(Document, frozen=True, kw_only=True):
    """What a board is.

    Attributes:
        format_version: version of the document's form.
        python: version of its Python.
        machine: the processor.
        root: whether the driver runs as root.
        free_bytes (bytes): free on its disk.
        flavour: the driver that it has: ``finn-plus`` or ``upstream``; empty without one.
        pynq: version of pynq; null if it is not installed.
        driver: version of the driver; null if it is not installed.
        simulated: whether it has no FPGA.
    """

    python: str
    machine: str
    root: bool
    free_bytes: int
    flavour: str
    pynq: str | None
    driver: str | None
    simulated: bool


class DeployRow(Struct, frozen=True, kw_only=True):
    """What was sent to a board.

    Attributes:
        board: the machine's name.
        folder: where the run lies, below the board's folder.
        files: how many the run has there.
        sent: those that travelled.
        bytes_sent (bytes): how much that was.
        bytes_resumed (bytes): how much of it was there from a deploy that broke off.
        seconds (s): that it took.
        dataset: where the test set lies, below the board's folder; null without one.
    """

    board: str
    folder: str
    files: int
    sent: tuple[str, ...]
    bytes_sent: int
    bytes_resumed: int
    seconds: float
    dataset: str | None


class Deploy(DeployRow, frozen=True, kw_only=True):
    """What was sent to a board.

    Attributes:
        format_version: version of the document's form.
    """

    format_version: int


class Execute(Document, frozen=True, kw_only=True):
    """Sample images on the board.

    Attributes:
        format_version: version of the document's form.
        images: one entry an image.
    """

    images: tuple[ExecuteResult, ...]


class Throughput(ThroughputResult, frozen=True, kw_only=True):
    """The driver's throughput test, as in results.json.

    Attributes:
        format_version: version of the document's form.
    """

    format_version: int


class Validate(AccuracyResult, frozen=True, kw_only=True):
    """The test set through the accelerator, as in results.json.

    Attributes:
        format_version: version of the document's form.
    """

    format_version: int


class Go(Document, frozen=True, kw_only=True):
    """Everything that was done with a run on a board.

    Attributes:
        format_version: version of the document's form.
        deploy: what was sent.
        execute: one sample image; null if that could not be done.
        throughput: the driver's throughput test.
        validate: the test set; null if that could not be done.
        missing: why a step could not be done.
    """

    deploy: DeployRow
    execute: ExecuteResult | None
    throughput: ThroughputResult
    validate: AccuracyResult | None
    missing: tuple[RunError, ...]


class EngineRow(Struct, frozen=True, kw_only=True):
    """A Python in which FINN is installed.

    Attributes:
        name: what it is called.
        command: what starts it.
        managed: whether finn-tui installed it.
        flavour: ``finn-plus`` or ``upstream``; null before it was asked.
        version: of FINN; null before it was asked.
    """

    name: str
    command: tuple[str, ...]
    managed: bool
    flavour: str | None
    version: str | None


class EngineList(Document, frozen=True, kw_only=True):
    """All engines, in the order in which they are tried.

    Attributes:
        format_version: version of the document's form.
        engines: each of them.
    """

    engines: tuple[EngineRow, ...]


class EngineInfoDocument(EngineInfo, frozen=True, kw_only=True):
    """What an engine says of itself.

    Attributes:
        format_version: version of the document's form.
        name: of the engine.
    """

    format_version: int
    name: str


#: The documents by command, in the order of ``finn-tui --help``.
DOCUMENTS: dict[str, type[Struct]] = {
    "prepare": Prepare,
    "graph": Graph,
    "estimate": Estimate,
    "solve": Solve,
    "pareto": Pareto,
    "compare": Compare,
    "migrate": Migrate,
    "calibrate": CalibrateAll,
    "calibrate RUN": Calibrate,
    "build --check": BuildCheck,
    "build": BuildEnd,
    "attach": BuildEnd,
    "cancel": Cancel,
    "runs": Runs,
    "runs show": RunsShow,
    "runs resume": BuildEnd,
    "runs retry": BuildEnd,
    "runs clean": RunsClean,
    "runs note": RunsNote,
    "runs tag": RunsNote,
    "inspect": Inspect,
    "experiments": Experiments,
    "boards list": BoardsList,
    "boards test": BoardsTest,
    "deploy": Deploy,
    "execute": Execute,
    "throughput": Throughput,
    "validate": Validate,
    "go": Go,
    "engine list": EngineList,
    "engine info": EngineInfoDocument,
}
