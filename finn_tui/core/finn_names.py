"""What FINN called its ops and their attributes from version to version.

Sources, all in Xilinx/finn unless named otherwise: StreamingFCLayer_Batch and
Vector_Vector_Activate_Batch became MatrixVectorActivation and VectorVectorActivation in 0.8 (pull
request 604), then MVAU and VVAU in 0.10, where ``_Batch`` gave way to ``_hls`` and ``_rtl`` (963,
971); ConvolutionInputGenerator1D was merged into the general one; FIFO depths became lists (712);
``mem_mode`` "const" and "decoupled" became "internal_embedded" and "internal_decoupled" in 0.10.
finn-plus has replicas, element-wise ops and Pool in place of DuplicateStreams, AddStreams,
ChannelwiseOp and StreamingMaxPool (eki-project/finn-plus, issue 162).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: Newer FINN's name of an op, by the older one.
_RENAMED = {
    "StreamingFCLayer": "MVAU",
    "MatrixVectorActivation": "MVAU",
    "Vector_Vector_Activate": "VVAU",
    "VectorVectorActivation": "VVAU",
    "ConvolutionInputGenerator1D": "ConvolutionInputGenerator",
    "Thresholding_Binary_Search": "Thresholding",
    "ThresholdingBinarySearch": "Thresholding",
}

#: Ops that stand in for one another in other FINNs; the cost is not the same, the place is.
_STAND_INS = (
    ("StreamingMaxPool", "Pool"),
    ("AddStreams", "ElementwiseAdd"),
    ("StreamingEltwise", "ElementwiseAdd"),
    ("StreamingEltwise", "ElementwiseSub"),
    ("StreamingEltwise", "ElementwiseAbsDiff"),
    ("ChannelwiseOp", "ElementwiseAdd"),
    ("ChannelwiseOp", "ElementwiseMul"),
    ("ChannelwiseOp", "ElementwiseLessOrEqual"),
    ("ChannelwiseOp", "ElementwiseGreaterOrEqual"),
    ("DuplicateStreams", "ReplicateStream"),
    ("DownSampler", "ConvolutionInputGenerator"),
)

#: Other ops of FINN that keep their name.
_OTHERS = (
    "LabelSelect",
    "FMPadding",
    "FMPadding_Pixel",
    "GlobalAccPool",
    "UpsampleNearestNeighbour",
    "Lookup",
    "StreamingConcat",
    "StreamingSplit",
    "LayerNorm",
    "Shuffle",
    "Reshape",
)

#: Words of one attribute that mean the same; which of them is legal, the layer says.
_SYNONYMS = (("const", "internal_embedded"), ("decoupled", "internal_decoupled"))

#: An attribute that holds one FIFO depth, and the one that holds a depth for each stream.
_DEPTHS = {"inFIFODepth": "inFIFODepths", "outFIFODepth": "outFIFODepths"}

_NODE = re.compile(
    r"^(?:StreamingDataflowPartition_(?P<partition>\d+)_)?(?P<op>\D.*?)_(?P<index>\d+)$"
)

KNOWN = frozenset(
    [*_RENAMED, *_RENAMED.values(), *_OTHERS, *(name for pair in _STAND_INS for name in pair)]
)


@dataclass(frozen=True)
class NodeName:
    """Parts of a node's name: "MVAU_hls_3" is op "MVAU_hls", family "MVAU", number (0, 3).

    Attributes:
        op: the op type as the name has it.
        family: the op type that all FINNs' names of this op share.
        number: its partition (0 if it is in none) and its index there; FINN numbers the nodes of
            an op type in the graph's order, from 0 in each partition.
        known: whether any FINN has such an op.
        guess: the known op that a misspelt one ("MVA") was read as.
    """

    op: str
    family: str
    number: tuple[int, int]
    known: bool = True
    guess: str | None = None


def parse(name: str) -> NodeName | None:
    """Take a node's name apart; None for one that FINN would not give."""
    match = _NODE.match(name)
    if match is None:
        return None
    op, number = match["op"], (int(match["partition"] or 0), int(match["index"]))
    base = _base(op)
    if base in KNOWN or base.startswith("Elementwise"):
        return NodeName(op, _RENAMED.get(base, base), number)
    import difflib  # seldom needed, and a start is not to wait for it

    close = difflib.get_close_matches(base, KNOWN, n=1, cutoff=0.85)
    if close:
        return NodeName(op, _RENAMED.get(close[0], close[0]), number, False, close[0])
    return NodeName(op, base, number, False)


def family(op: str) -> str:
    """Return the op type that all FINNs' names of an op share, such as "MVAU"."""
    base = _base(op)
    return _RENAMED.get(base, base)


def _base(op: str) -> str:
    for ending in ("_hls", "_rtl", "_Batch"):
        op = op.removesuffix(ending)
    return op


def alike(a: str, b: str) -> bool:
    """Return whether two families are the same, or stand in for one another.

    Args:
        a: a family, such as "MVAU".
        b: another one.
    """
    return a == b or stand_ins(a, b)


def stand_ins(a: str, b: str) -> bool:
    """Return whether two different families do the same job in different FINNs.

    Args:
        a: a family, such as "Pool".
        b: another one.
    """
    return (a, b) in _STAND_INS or (b, a) in _STAND_INS


def spellings(name: str, value: Any) -> Sequence[tuple[str, Any]]:
    """Return an attribute and its value as other FINNs write them.

    Args:
        name: of the attribute.
        value: its value.

    Returns:
        (name, value) pairs, first as given.
    """
    pairs = [(name, value)]
    for one, many in _DEPTHS.items():
        if name == one and isinstance(value, int):
            pairs.append((many, [value]))
        elif name == many and isinstance(value, list) and len(value) == 1:
            pairs.append((one, value[0]))
    for pair in _SYNONYMS:
        if isinstance(value, str) and value in pair:
            pairs.append((name, pair[1 - pair.index(value)]))
    return pairs


#: A layer in a partition: the name is longer than a column, and all begin alike.
_PARTITION = re.compile(r"StreamingDataflowPartition_(\d+)_(\S+)")


def layer_of_partition(name: str) -> str:
    """Return a layer's own name, with the number of its partition after it."""
    return _PARTITION.sub(r"\2 of part \1", name)
