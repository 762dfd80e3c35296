"""Documents of `explain`."""

from __future__ import annotations

from msgspec import Struct

from finn_tui.cli.documents.base import Document


class MatrixDocument(Struct, frozen=True, kw_only=True):
    """A matrix-vector unit and its folding.

    Attributes:
        kind: ``MVAU``, ``VVAU`` or ``Thresholding``.
        rows: of the matrix: outputs, or channels.
        columns: of the matrix: inputs of a row.
        vectors: input vectors of a frame.
        pe: rows computed at the same time.
        simd: columns computed at the same time.
        neuron_fold: rows / PE.
        synapse_fold: columns / SIMD.
        cycles_per_vector (cycles): of one matrix-vector product.
        cycles (cycles): of a frame.
        weight_memory_width (bits): that all PEs read in a cycle.
        weight_memory_depth: words of the weight memory.
        input_width (bits): of the input stream.
        output_width (bits): of the output stream.
        thresholds: of each output; 0 without an activation.
    """

    kind: str
    rows: int
    columns: int
    vectors: int
    pe: int
    simd: int
    neuron_fold: int
    synapse_fold: int
    cycles_per_vector: int
    cycles: int
    weight_memory_width: int
    weight_memory_depth: int
    input_width: int
    output_width: int
    thresholds: int


class ConvolutionDocument(Struct, frozen=True, kw_only=True):
    """The shapes of a convolution; a fully connected layer is one with a 1x1 kernel.

    Attributes:
        input (pixels): height and width without padding, and channels.
        kernel (pixels): height and width.
        stride (pixels): vertical and horizontal.
        padding (pixels): top, left, bottom, right.
        dilation: vertical and horizontal.
        depthwise: whether each channel has filters of its own.
        output (pixels): height and width, and channels.
        filter_matrix: rows and columns: Co x K·K·Ci.
        image_matrix: rows and columns: K·K·Ci x Ho·Wo.
        buffered_pixels (pixels): that a window generator holds at least.
    """

    input: list[int]
    kernel: list[int]
    stride: list[int]
    padding: list[int]
    dilation: list[int]
    depthwise: bool
    output: list[int]
    filter_matrix: list[int]
    image_matrix: list[int]
    buffered_pixels: int


class Explain(Document, frozen=True, kw_only=True):
    """How a folded layer computes.

    Attributes:
        layer: node name, or the lab's example.
        finn_cycles (cycles): FINN's own figure for a frame; null where FINN has none.
        matrix: the matrix unit; null for a layer without one.
        convolution: the convolution; null for a layer without one.
    """

    layer: str
    finn_cycles: int | None
    matrix: MatrixDocument | None
    convolution: ConvolutionDocument | None
