"""Ways from a tidied network to one that FINN turns into hardware.

"default" is FINN's own step. The others use FINN's and QONNX's transformations that its default
step does not call: scales and transposes are moved past forks and joins (residual connections,
concatenation), past depthwise convolutions, average pooling and upsampling, transposed convolutions
are lowered with pixel padding, and convolutions of one dimension are written as two.
"""

import importlib
from typing import Any, Callable, List, Optional, Sequence, Tuple

from finn_tui.engine.server import graphs
from finn_tui.engine.server.preparing import pools

#: Names that a preset or a user may give; "extended" is all of them together.
NAMES = ("default", "residual", "depthwise", "deconvolution", "extended")

_FINN = "finn.transformation."
_STREAM = _FINN + "streamline."
_QONNX = "qonnx.transformation."
_HW = _FINN + "fpgadataflow.convert_to_hw."

Names = Sequence[Tuple[str, str]]


def _of(module: str, names: str) -> List[Tuple[str, str]]:
    return [(module, name) for name in names.split()]


#: What moves scales towards the next thresholds, in a network without branches.
_LINEAR = [
    *_of(_QONNX + "general", "ConvertSubToAdd ConvertDivToMul"),
    *_of(_QONNX + "batchnorm_to_affine", "BatchNormToAffine"),
    *_of(_STREAM + "sign_to_thres", "ConvertSignToThres"),
    *_of(_STREAM + "reorder", "MoveMulPastMaxPool"),
    *_of(_STREAM + "absorb", "AbsorbScalarBiasIntoMultiThreshold"),
    *_of(
        _STREAM + "reorder",
        "MoveScalarLinearPastInvariants MoveAddPastMul MoveScalarAddPastMatMul MoveAddPastConv "
        "MoveScalarMulPastMatMul MoveScalarMulPastConv MoveScalarMulPastConvTranspose "
        "MoveMulPastDWConv MoveAddPastMul",
    ),
    *_of(_STREAM + "collapse_repeated", "CollapseRepeatedAdd CollapseRepeatedMul"),
    *_of(_STREAM + "reorder", "MoveMulPastMaxPool"),
    *_of(
        _STREAM + "absorb",
        "AbsorbAddIntoMultiThreshold FactorOutMulSignMagnitude AbsorbMulIntoMultiThreshold "
        "Absorb1BitMulIntoMatMul Absorb1BitMulIntoConv",
    ),
]
_FORKS = _of(_STREAM + "reorder", "MoveLinearPastFork MoveTransposePastFork")
_JOINS = _of(
    _STREAM + "reorder",
    "MoveLinearPastEltwiseAdd MoveLinearPastFork MoveMulPastJoinAdd MoveAddPastJoinAdd "
    "MoveMulPastJoinConcat MoveAddPastJoinConcat MoveScalarLinearPastSplit",
)
_LAYOUT = [
    *_of(
        _STREAM + "reorder",
        "MoveTransposePastFork MoveTransposePastSplit MoveTransposePastJoinConcat "
        "MoveTransposePastJoinAdd MoveTransposePastEltwise",
    ),
    *_of(_STREAM + "absorb", "AbsorbTransposeIntoMultiThreshold AbsorbConsecutiveTransposes"),
]
#: The same transformations take at most so many turns; some undo one another for ever.
_TURNS = 6


def suggested(model: Any) -> Optional[str]:
    """The flow that the ops of a tidied network ask for; None where the default one should do."""
    ops = graphs.op_types(model)
    if "ConvTranspose" in ops:
        return "deconvolution"
    joins = [node for node in model.graph.node if node.op_type in ("Add", "Mul", "Concat")]
    if any(all(model.get_initializer(name) is None for name in node.input) for node in joins):
        return "residual"
    if any(_group(node) > 1 for node in model.graph.node if node.op_type == "Conv"):
        return "depthwise"
    return None


def _group(node: Any) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "group"), 1)


def streamline(name: str) -> Callable[[Any, Any], Any]:
    """A builder step that streamlines as the flow ``name`` does."""

    def step_streamline(model: Any, cfg: Any) -> Any:
        return _streamlined(model, name)

    return step_streamline


def _transform(model: Any, module: str, name: str) -> Any:
    """A transformation by name; unchanged where this FINN lacks it or it does not apply.

    FINN's raise for topologies that they were not made for, and some make a loop of a residual
    connection, which sorting the graph finds; the graph before it is untouched then.
    """
    try:
        transformation = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return model
    try:
        changed = model.transform(transformation())
        return changed.transform(importlib.import_module(_QONNX + "general").SortGraph())
    except Exception:
        return model


def _tidy(model: Any) -> Any:
    for module, name in (
        *_of(_QONNX + "remove", "RemoveIdentityOps"),
        *_of(_QONNX + "general", "GiveUniqueNodeNames GiveReadableTensorNames"),
        *_of(_QONNX + "infer_datatypes", "InferDataTypes"),
        *_of(_QONNX + "infer_data_layouts", "InferDataLayouts"),
    ):
        model = model.transform(getattr(importlib.import_module(module), name)())
    return model


def _turns(model: Any, groups: Sequence[Names], most: int = _TURNS) -> Any:
    for _ in range(most):
        before = _shape(model)
        for group in groups:
            for module, name in group:
                model = _transform(model, module, name)
            model = _tidy(model)
        if _shape(model) == before:
            break
    return model


def _flatten_each(model: Any) -> Any:
    """Flatten each branch behind a fork: FINN permutes the weights of one layer behind it only."""
    try:
        past_fork = importlib.import_module(_STREAM + "reorder").MoveOpPastFork
        for op_types in (["Flatten", "Reshape"], ["Transpose"]):
            model = model.transform(past_fork(op_types))
    except (AttributeError, TypeError, AssertionError):
        return model  # another FINN, or a fork that it does not take
    return _tidy(model)


def _shape(model: Any) -> Any:
    return [(node.op_type, tuple(node.input)) for node in model.graph.node]


def _streamlined(model: Any, name: str) -> Any:
    ops = graphs.op_types(model)
    branches = name in ("residual", "deconvolution", "extended")
    if name == "extended":
        model = _two_dimensions(model)
    model = pools.rewritten(model, name)
    groups = [_LINEAR, _FORKS, _LINEAR, _JOINS] if branches else [_LINEAR]
    model = _turns(model, groups)
    if "ConvTranspose" in ops and name in ("deconvolution", "extended"):
        model = _transform(
            model, _FINN + "fpgadataflow.infer_pixel_padding_deconv", "InferPixelPaddingDeconv"
        )
    model = _transform(model, _QONNX + "change_datalayout", "ChangeDataLayoutQuantAvgPool2d")
    model = _transform(model, _QONNX + "infer_data_layouts", "InferDataLayouts")
    if "Conv" in graphs.op_types(model):
        # This one may raise: a convolution that it cannot lower stays one for good.
        lower = importlib.import_module(_QONNX + "lower_convs_to_matmul")
        model = model.transform(lower.LowerConvsToMatMul())
    for each in ("MakeMaxPoolNHWC", "MakeScaleResizeNHWC"):
        model = _transform(model, _STREAM + "reorder", each)
    model = _flatten_each(model) if branches else model
    model = _transform(model, _STREAM + "absorb", "AbsorbTransposeIntoFlatten")
    model = _turns(model, [_LAYOUT])
    if "GlobalAveragePool" in graphs.op_types(model):
        model = _transform(model, _HW + "global_acc_pool", "InferGlobalAccPoolLayer")
    model = _transform(model, _STREAM + "reorder", "MakeMaxPoolNHWC")
    model = _transform(model, _STREAM + "absorb", "AbsorbConsecutiveTransposes")
    model = _transform(model, _QONNX + "bipolar_to_xnor", "ConvertBipolarMatMulToXnorPopcount")
    model = _turns(model, [*groups, _LAYOUT])
    model = _transform(model, _STREAM + "absorb", "AbsorbTransposeIntoFlatten")
    model = _transform(model, _QONNX + "infer_data_layouts", "InferDataLayouts")
    if "Resize" in graphs.op_types(model):
        # FINN's own step looks for ops called Upsample only, although this takes both.
        model = _transform(model, _HW + "upsample", "InferUpsample")
    model = _transform(model, _STREAM + "absorb", "AbsorbScalarMulAddIntoTopK")
    model = _transform(model, _STREAM + "round_thresholds", "RoundAndClipThresholds")
    model = _transform(model, _QONNX + "general", "RemoveUnusedTensors")
    return _tidy(model)


def _two_dimensions(model: Any) -> Any:
    """Write convolutions of one dimension as ones of two, (k, 1)."""
    for node in model.graph.node:
        shape = model.get_tensor_shape(node.input[0]) if node.op_type == "Conv" else None
        if shape is not None and len(shape) == 3:
            return _transform(model, _QONNX + "change_3d_tensors_to_4d", "Change3DTo4DTensors")
    return model
