"""Zero padding of bipolar activations: the one difference between a network and its hardware.

FINN computes bipolar activations (-1, +1) as bits 0 and 1 (ConvertBipolarMatMulToXnorPopcount, in
``step_streamline``). From there on a padded 0 is the bit 0, which means -1.
"""

import copy
import importlib
from typing import Any, Dict, List, NamedTuple, Optional

from finn_tui.engine.server import graphs

#: Metadata of an exported graph whose network was trained with padding -1.
_MARK, _TRUE = "finn_tui_padding", "-1"


class PaddedLayer(NamedTuple):
    """A convolution that pads bipolar activations: its ``node``, what the hardware's padded pixel
    is worth (``value``), and its ``place`` among the graph's convolutions, from 1."""

    node: Any
    value: float
    place: int


def bipolar_layers(model: Any) -> List[PaddedLayer]:
    """The convolutions of a graph before it is streamlined that pad bipolar activations."""
    layers = []
    place = 0
    for node in model.graph.node:
        if node.op_type != "Conv":
            continue
        place += 1
        if any(_pads(node)):
            level = _level(model, node.input[0])
            if level is not None:
                layers.append(PaddedLayer(node, -level, place))
    return layers


def _pads(node: Any) -> List[int]:
    return next((list(a.ints) for a in node.attribute if a.name == "pads"), [])


def _level(model: Any, name: str) -> Optional[float]:
    """What +1 of a bipolar tensor is worth; None for a tensor that is not bipolar."""
    factor = 1.0
    while True:
        producer = model.find_producer(name)
        if model.get_tensor_datatype(name).name == "BIPOLAR":
            return factor
        if producer is None:
            return None
        if producer.op_type in ("BipolarQuant", "BinaryQuant"):
            scale = model.get_initializer(producer.input[1])
            return factor * float(scale.reshape(-1)[0]) if scale is not None else factor
        # A scale or a pooling between the quantizer and the convolution changes no sign.
        if producer.op_type == "Mul":
            scale = model.get_initializer(producer.input[1])
            if scale is not None and scale.size == 1:
                factor *= float(scale.reshape(-1)[0])
        elif producer.op_type not in ("MaxPool", "Transpose", "Reshape"):
            return None
        name = producer.input[0]


def as_hardware(model: Any) -> Any:
    """A graph that pads as the hardware does; the same graph where it makes no difference."""
    if not bipolar_layers(model):
        return model
    helper = importlib.import_module("onnx").helper
    numpy = importlib.import_module("numpy")
    wrapper = importlib.import_module("qonnx.core.modelwrapper").ModelWrapper
    twin = wrapper(copy.deepcopy(model.model))
    for layer in bipolar_layers(twin):
        node, pads = layer.node, _pads(layer.node)
        half = len(pads) // 2
        shape = list(twin.get_tensor_shape(node.input[0]))
        at = len(shape) - half
        for axis in range(half):
            shape[at + axis] += pads[axis] + pads[half + axis]
        amounts, value = twin.make_new_valueinfo_name(), None
        both = [0] * at + pads[:half] + [0] * at + pads[half:]
        twin.set_initializer(amounts, numpy.asarray(both, dtype=numpy.int64))
        value = twin.make_new_valueinfo_name()
        twin.set_initializer(value, numpy.asarray(layer.value, dtype=numpy.float32))
        padded = twin.make_new_valueinfo_name()
        twin.set_tensor_shape(padded, shape)
        index = list(twin.graph.node).index(node)
        twin.graph.node.insert(
            index, helper.make_node("Pad", [node.input[0], amounts, value], [padded])
        )
        node.input[0] = padded
        for attribute in node.attribute:
            if attribute.name == "pads":
                attribute.ints[:] = [0] * len(pads)
    return twin


def mark(model: Any) -> None:
    """Note in a graph that its network computes padded bipolar pixels as -1."""
    model.set_metadata_prop(_MARK, _TRUE)


def is_marked(model: Any) -> bool:
    """Whether ``mark`` was called on a graph."""
    return bool(model.get_metadata_prop(_MARK) == _TRUE)


def cause(model: Any) -> Dict[str, str]:
    """Why the classes of a network change that pads bipolar activations; empty where none does.

    ``model`` is the graph before it is streamlined.
    """
    layers = bipolar_layers(model)
    if not layers:
        return {}
    return {
        "why": "Bipolar activations (-1, +1) are padded with zeros in front of %s. FINN computes "
        "them as 0 and 1, so that a padded 0 means -1."
        % graphs.listed([layer.node.name for layer in layers]),
        "fix": "Train and evaluate with padding -1 there and export with zero padding, or give "
        "these activations 2 bits, or do not pad them",
    }
