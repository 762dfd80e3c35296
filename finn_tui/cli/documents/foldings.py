"""Documents of compare, migrate and calibrate."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from finn_tui.cli.documents.base import Document
from finn_tui.cli.documents.estimates import Correction

#: A figure of the first and of the second folding.
Pair = tuple[float | str | None, float | str | None]


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
    estimate: dict[str, float] | msgspec.UnsetType | None = msgspec.UNSET
    hls: dict[str, float] | msgspec.UnsetType | None = msgspec.UNSET
    out_of_context: dict[str, float] | msgspec.UnsetType | None = msgspec.UNSET
    post_synthesis: dict[str, float] | msgspec.UnsetType | None = msgspec.UNSET
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
    layers: tuple[dict[str, Any], ...] | msgspec.UnsetType = msgspec.UNSET
    total: dict[str, dict[str, float]] | msgspec.UnsetType = msgspec.UNSET
