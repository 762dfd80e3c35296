"""Documents of prepare, export, presets and graph."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Struct

from finn_tui.base.config import known_keys
from finn_tui.cli.documents.base import DamagedItem, Document, Finn


class Check(Struct, frozen=True, kw_only=True):
    """How a stage's outputs compare with the original network's.

    Attributes:
        images: how many samples were run.
        same: how many have the same class.
        outputs: how many have the same outputs.
        difference: the largest difference of an output; null where it is not known.
        relative: root of the differences' squares over that of the outputs'; may be null, too.
        weak: why the evidence is weak; null where it is not.
    """

    images: int
    same: int
    outputs: int | None = None
    difference: float | None = None
    relative: float | None = None
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


class ExportPadding(Struct, frozen=True, kw_only=True):
    """Convolutions that pad bipolar activations, and what with.

    Attributes:
        layers: their places among the convolutions, from 1.
        value: what a padded pixel was in training: -1, as in the hardware, or 0; null without any.
    """

    layers: tuple[int, ...]
    value: int | None


class Export(Document, frozen=True, kw_only=True):
    """A network that was written as QONNX.

    Attributes:
        format_version: version of the document's form.
        file: the file.
        weights: where its weights come from.
        input: shape of its input.
        nodes: of its graph.
        padding: of bipolar activations.
    """

    file: str
    weights: Annotated[dict[str, Any], known_keys(WeightsDocument)]
    input: tuple[int, ...]
    nodes: int
    padding: ExportPadding


class PresetDocument(Struct, frozen=True, kw_only=True):
    """A network by name.

    Attributes:
        name: what commands call it.
        title: what it is, in words.
        dataset: the data set that it is for; null where the file does not say.
        file: where it is defined.
        foldings: names of the foldings that it brings.
        checkpoint: the trained weights that were chosen in this workspace; null for none.
    """

    name: str
    title: str
    dataset: str | None
    file: str
    foldings: tuple[str, ...]
    checkpoint: str | None


class Presets(Document, frozen=True, kw_only=True):
    """All networks that are known by name.

    Attributes:
        format_version: version of the document's form.
        presets: the networks.
        damaged: those that cannot be read, each with the reason.
    """

    presets: tuple[PresetDocument, ...]
    damaged: tuple[DamagedItem, ...]


class NetworkLayer(Struct, frozen=True, kw_only=True):
    """A layer of a preset's network.

    Attributes:
        name: such as ``conv 1``, ``pool 2`` or ``dense 1``.
        what: kernel and padding, in words; empty where there is nothing to say.
        input: shape of its input, channels first.
        output: shape of its output.
        weights: how many it has.
        macs: multiply-accumulates of one image.
    """

    name: str
    what: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    weights: int
    macs: int


class PresetShow(Document, frozen=True, kw_only=True):
    """A preset with its layers.

    Attributes:
        format_version: version of the document's form.
        name: what commands call it.
        title: what it is, in words.
        dataset: the data set that it is for; null where the file does not say.
        file: where it is defined.
        foldings: names of the foldings that it brings.
        checkpoint: the trained weights that were chosen in this workspace; null for none.
        definition: the network as data: family, channels, bits ...; null where there is none.
        layers: its layers with shapes; empty where there is no definition.
    """

    name: str
    title: str
    dataset: str | None
    file: str
    foldings: tuple[str, ...]
    checkpoint: str | None
    definition: dict[str, Any] | None
    layers: tuple[NetworkLayer, ...]


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


class TensorValues(Struct, frozen=True, kw_only=True):
    """How often the values of a constant occur.

    Attributes:
        count: of all finite values.
        min: the lowest; null where there are none.
        max: the highest; null where there are none.
        bins: lowest value, highest value and how many, for each value or range of values.
    """

    count: int
    min: float | None
    max: float | None
    bins: list[tuple[float, float, int]]


class InputTensor(Tensor, frozen=True, kw_only=True):
    """A tensor that a node takes.

    Attributes:
        values: of a weight, threshold or parameter; absent for data.
    """

    values: TensorValues | msgspec.UnsetType = msgspec.UNSET


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
    inputs: tuple[InputTensor, ...]
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
