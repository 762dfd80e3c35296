"""Which SIMD a transpose (Shuffle) may have: what FINN's own decomposition of it takes."""

import copy
import importlib
from typing import Any, List, Sequence

_DECOMPOSITION = "finn.transformation.fpgadataflow.transpose_decomposition"


def decomposable(inst: Any, values: Sequence[int]) -> List[int]:
    """Those SIMD values with which FINN takes a Shuffle apart into layers that it can build.

    All of them for a FINN that has no such decomposition.
    """
    try:
        decompose = importlib.import_module(_DECOMPOSITION).ShuffleDecomposition
    except (ImportError, AttributeError):
        return list(values)
    return [value for value in values if _takes(decompose, inst, value)]


def _takes(decompose: Any, inst: Any, simd: int) -> bool:
    onnx = importlib.import_module("onnx")
    wrapper = importlib.import_module("qonnx.core.modelwrapper")
    registry = importlib.import_module("qonnx.custom_op.registry")
    datatype = importlib.import_module("qonnx.core.datatype").DataType
    node = copy.deepcopy(inst.onnx_node)
    real = onnx.TensorProto.FLOAT
    shapes = list(inst.get_nodeattr("in_shape")), list(inst.get_nodeattr("out_shape"))
    graph = onnx.helper.make_graph(
        [node],
        "shuffle",
        [onnx.helper.make_tensor_value_info(node.input[0], real, shapes[0])],
        [onnx.helper.make_tensor_value_info(node.output[0], real, shapes[1])],
    )
    model = wrapper.ModelWrapper(onnx.helper.make_model(graph))
    kind = datatype[inst.get_nodeattr("data_type")]
    model.set_tensor_datatype(node.input[0], kind)
    model.set_tensor_datatype(node.output[0], kind)
    registry.getCustomOp(model.graph.node[0]).set_nodeattr("SIMD", simd)
    try:
        model.transform(decompose())
    except Exception:
        # FINN raises a RuntimeError where it finds no way; whatever it is, it would end a build.
        return False
    return True
