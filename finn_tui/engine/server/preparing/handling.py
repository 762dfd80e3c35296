"""What a network takes and gives: pre-processing, input type and top-k, chosen or read off it.

"auto" follows what the network says of its input: a data type, a division by 255, or the range of
its first quantizer, followed back through scalar operations. An input of 0 to 1 is an image of
uint8 pixels divided by 255; any other float input stays what it is.
"""

import copy
import importlib
import math
import os
from typing import Any, Callable, Dict, List, Optional, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import graphs

#: Applied to a batch of samples, gives what the network as it came takes.
Front = Optional[Callable[[Any], Any]]
Range = Tuple[float, float]

_SCALAR_OPS = ("Add", "Sub", "Mul", "Div")
#: Ops that change the order of a network's outputs by nothing, so that the class stays the same.
_MONOTONE = ("Softmax", "LogSoftmax")
_PASS_THROUGH = ("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity")
#: How far the range of a quantizer may be from 0 to 1 to be one of scaled pixels.
_NEAR = 0.1


class Handling:
    """How a network's input and output are handled.

    Attributes: ``preprocess`` ("none", "divide-255", "scale" or "file"), ``path`` (of the "file"),
    ``scale`` (what an integer input is worth, for "scale"), ``dtype`` (FINN data type of the
    accelerator's input), ``span`` (least and largest value of the input, if known), ``topk`` (0
    for none), ``automatic`` (whether the top-k is ours to leave out), ``notes`` (what was assumed,
    for the user), ``others`` (of a second input and further ones, each as its own quantizer says).
    """

    def __init__(self) -> None:
        self.preprocess = "none"
        self.path = ""
        self.scale = 1.0
        self.dtype = "FLOAT32"
        self.span: Optional[Range] = None
        self.topk = 0
        self.automatic = False
        self.notes: List[str] = []
        self.others: List[Handling] = []

    @property
    def inputs(self) -> List["Handling"]:
        """One for each input of the network."""
        return [self, *self.others]

    def as_dict(self) -> Dict[str, Any]:
        """``handling`` of model.json."""
        return {
            "preprocess": self.preprocess,
            "file": self.path or None,
            "scale": self.scale if self.preprocess == "scale" else None,
            "input_type": self.dtype,
            "topk": self.topk,
            "notes": self.notes,
        }

    def front(self) -> Front:
        """What turns samples of the accelerator's input into the network's own."""
        numpy = importlib.import_module("numpy")
        if self.preprocess == "divide-255":
            return lambda batch: batch.astype(numpy.float32) / numpy.float32(255.0)
        if self.preprocess == "scale":
            return lambda batch: batch.astype(numpy.float32) * numpy.float32(self.scale)
        if self.preprocess == "file":
            return _file_front(self.path)
        return None


def choose(model: Any, source: Dict[str, Any]) -> Handling:
    """How to handle a tidied QONNX graph: ``source`` has the user's wishes, or "auto".

    Raises ``EngineError`` for a wish that does not exist.
    """
    asked = source.get("preprocess") or "auto"
    wish = str(asked.get("path") if isinstance(asked, dict) else asked)
    first, *others = graphs.dynamic_inputs(model)
    handling = _of_input(model, first, wish, source.get("input_type"))
    handling.topk, handling.automatic = _topk(source.get("topk", "auto"))
    for name in others:
        # A file in front has one output, which is the first input.
        rule = wish if wish in ("divide255", "divide-255", "none") else "auto"
        other = _of_input(model, name, rule, source.get("input_type"))
        handling.notes += ["input %s: %s" % (name, note) for note in other.notes]
        handling.others.append(other)
    return handling


def _of_input(model: Any, name: str, wish: str, wanted: Any) -> Handling:
    """How one input is handled, but for what comes out at the end."""
    handling = Handling()
    annotated = model.get_tensor_datatype(name).name
    handling.dtype, handling.span = annotated, _span(model, name)
    if wish in ("divide255", "divide-255"):
        handling.preprocess, handling.dtype = "divide-255", "UINT8"
    elif wish == "auto":
        _follow(model, name, handling)
    elif wish != "none":
        if not os.path.isfile(wish):
            raise EngineError(
                "There is no pre-processing %r" % wish,
                "It is neither none nor divide-255, and there is no such file",
                "Use none, divide-255 or an .onnx file that is put in front of the network",
            )
        front = graphs.load(wish)
        handling.preprocess, handling.path = "file", os.path.abspath(wish)
        front_type = front.get_tensor_datatype(graphs.dynamic_inputs(front)[0]).name
        handling.dtype = front_type if front_type != "FLOAT32" else "UINT8"
        handling.notes.append(
            "%s is put in front of the network; its input is %s"
            % (os.path.basename(wish), handling.dtype)
        )
    if wanted:
        _declare(model, name, handling, str(wanted))
    return handling


def _topk(wish: Any) -> Tuple[int, bool]:
    if wish is None or wish == "auto":
        return 1, True
    if wish in ("none", 0, False):
        return 0, False
    try:
        count = int(wish)
    except (TypeError, ValueError):
        count = -1
    if count < 1:
        raise EngineError(
            "There is no top-k of %r" % (wish,), "", "Give a number from 1 on, or none"
        )
    return count, False


def _follow(model: Any, name: str, handling: Handling) -> None:
    """Choose pre-processing by what the network says of its input."""
    if handling.dtype != "FLOAT32":
        handling.notes.append("the network says that its input is %s" % handling.dtype)
        return
    if divides_itself(model, name):
        handling.dtype = "UINT8"
        handling.notes.append("the network divides its input by 255 itself: it takes UINT8")
        return
    span = handling.span
    whole = _whole_type(model, name)
    if whole is not None:
        handling.dtype = whole
        handling.notes.append("the network's first quantizer takes the whole numbers of %s" % whole)
    elif span is not None and abs(span[0]) <= _NEAR and abs(span[1] - 1.0) <= _NEAR:
        handling.preprocess, handling.dtype = "divide-255", "UINT8"
        handling.notes.append(
            "the first quantizer covers %.3g to %.3g: the input is taken as UINT8 pixels / 255"
            % span
        )
    elif span is not None:
        handling.notes.append(
            "the first quantizer covers %.3g to %.3g: the input stays FLOAT32%s"
            % (*span, _cheaper(model, name))
        )
    elif _is_image(model.get_tensor_shape(name)):
        # Nothing can be read off: a convolution comes first. Said, because it is an assumption.
        handling.preprocess, handling.dtype = "divide-255", "UINT8"
        handling.notes.append(
            "ASSUMED: no quantizer at the input; its shape is an image's, so it is taken as "
            "UINT8 pixels / 255 (--preprocess none keeps the float input)"
        )
    else:
        handling.notes.append("no quantizer at the input: it stays FLOAT32")


def _cheaper(model: Any, name: str) -> str:
    """How the host can quantize instead, where the first quantizer allows that."""
    quantizer = first_quantizer(model, name)
    if quantizer is None or quantizer[1] > 8:
        return ""
    kind = "%s%d" % ("INT" if quantizer[2] else "UINT", quantizer[1])
    return " (--input-type %s: the host quantizes, which saves thresholds of 32 bits)" % kind


def _is_image(shape: Any) -> bool:
    return len(shape) == 4 and (
        (shape[1] in (1, 3) and min(shape[2:]) > 1) or (shape[3] in (1, 3) and min(shape[1:3]) > 1)
    )


def _declare(model: Any, name: str, handling: Handling, wanted: str) -> None:
    """Take over the input type that the user says."""
    datatype = importlib.import_module("qonnx.core.datatype").DataType
    try:
        chosen = datatype[wanted.upper()]
    except (KeyError, ValueError) as error:
        raise EngineError(
            "There is no data type %s" % wanted,
            str(error),
            "Use a FINN data type such as UINT8, INT8, INT4, BIPOLAR or FLOAT32",
        ) from error
    handling.notes = [note for note in handling.notes if not note.startswith("ASSUMED")]
    handling.dtype = chosen.name
    quantizer = first_quantizer(model, name)
    if handling.preprocess == "divide-255" and chosen.name != "UINT8":
        handling.preprocess = "none"
    if handling.preprocess != "none" or quantizer is None or not chosen.is_integer():
        handling.notes.append("the input is %s, as asked for" % chosen.name)
        return
    scale, bits, signed = quantizer
    codes = datatype["%s%d" % ("INT" if signed else "UINT", bits)]
    if codes.name == chosen.name and scale != 1.0:
        handling.preprocess, handling.scale = "scale", scale
        handling.notes.append(
            "the input is %s: the first quantizer's own codes, each worth %.6g; the host quantizes"
            % (chosen.name, scale)
        )
    else:
        handling.notes.append("the input is %s, as asked for" % chosen.name)


def first_quantizer(model: Any, name: str) -> Optional[Tuple[float, int, bool]]:
    """Scale, bits and sign of the one quantizer that reads a tensor; None where there is none."""
    consumers = model.find_consumers(name) or []
    if len(consumers) != 1 or consumers[0].op_type not in ("Quant", "IntQuant"):
        return None
    node = consumers[0]
    values = [model.get_initializer(operand) for operand in node.input[1:4]]
    if any(value is None or value.size != 1 for value in values):
        return None
    scale, zero, bits = [float(value.reshape(-1)[0]) for value in values]
    if zero != 0 or scale <= 0:
        return None
    return scale, int(bits), bool(_attribute(node, "signed", 1))


def _whole_type(model: Any, name: str) -> Optional[str]:
    """The type of an input whose first quantizer leaves whole numbers as they are."""
    quantizer = first_quantizer(model, name)
    if quantizer is None or quantizer[0] != 1.0:
        return None
    return "%s%d" % ("INT" if quantizer[2] else "UINT", quantizer[1])


def _span(model: Any, name: str) -> Optional[Range]:
    """What the first quantizer behind an input can tell apart, as values of that input."""
    steps: List[Tuple[str, float]] = []
    current = name
    while True:
        consumers = model.find_consumers(current) or []
        if len(consumers) != 1:
            return None
        node = consumers[0]
        if node.op_type in ("Quant", "IntQuant", "BipolarQuant", "BinaryQuant"):
            break
        if node.op_type in _PASS_THROUGH:
            current = node.output[0]
            continue
        operand = model.get_initializer(node.input[1]) if len(node.input) == 2 else None
        if node.op_type not in _SCALAR_OPS or operand is None or operand.size != 1:
            return None
        steps.append((node.op_type, float(operand.reshape(-1)[0])))
        current = node.output[0]
    ends = _ends(model, node)
    if ends is None:
        return None
    for op, value in reversed(steps):
        if value == 0 and op in ("Mul", "Div"):
            return None
        undo: Dict[str, Callable[[float, float], float]] = {
            "Add": lambda end, by: end - by,
            "Sub": lambda end, by: end + by,
            "Mul": lambda end, by: end / by,
            "Div": lambda end, by: end * by,
        }
        ends = [undo[op](end, value) for end in ends]
    return min(ends), max(ends)


def _ends(model: Any, node: Any) -> Optional[List[float]]:
    """The least and the largest value that a quantizer gives."""
    values = [model.get_initializer(operand) for operand in node.input[1:4]]
    if any(value is None or value.size != 1 for value in values):
        return None
    numbers = [float(value.reshape(-1)[0]) for value in values]
    unit = numbers[0]
    if node.op_type in ("BipolarQuant", "BinaryQuant"):
        return [-unit, unit]
    shift, bits = numbers[1], numbers[2]
    signed = bool(_attribute(node, "signed", 1))
    low = -(2.0 ** (bits - 1)) if signed else 0.0
    high = 2.0 ** (bits - 1) - 1 if signed else 2.0**bits - 1
    return [(low - shift) * unit, (high - shift) * unit]


def _attribute(node: Any, name: str, default: int) -> int:
    for attribute in node.attribute:
        if attribute.name == name:
            return int(attribute.i)
    return default


def divides_itself(model: Any, name: str) -> bool:
    """Whether the first thing that a graph does is to divide an input by 255."""
    first = model.find_consumers(name) or []
    if len(first) != 1 or first[0].op_type not in ("Div", "Mul"):
        return False
    operand = model.get_initializer(first[0].input[1])
    if operand is None or operand.size != 1:
        return False
    value = float(operand.reshape(-1)[0])
    factor = 1.0 / value if first[0].op_type == "Div" and value else value
    return abs(factor * 255.0 - 1.0) < 1e-5


# -- changing the graph -----------------------------------------------------------------------


def add_front(model: Any, handling: Handling) -> Any:
    """Put the pre-processing in front of a network, and annotate its inputs' data type."""
    names = graphs.dynamic_inputs(model)
    datatype = importlib.import_module("qonnx.core.datatype").DataType
    for name, each in zip(names, handling.inputs):
        if each.preprocess == "divide-255":
            _scalar_front(model, name, "Div", 255.0)
        elif each.preprocess == "scale":
            _scalar_front(model, name, "Mul", each.scale)
        elif each.preprocess == "file":
            merge = importlib.import_module("qonnx.transformation.merge_onnx_models")
            model = model.transform(merge.MergeONNXModels(graphs.load(each.path)))
            name = graphs.dynamic_inputs(model)[0]
        if each.dtype != "FLOAT32":
            model.set_tensor_datatype(name, datatype[each.dtype])
    return model


def _scalar_front(model: Any, name: str, op: str, value: float) -> None:
    """Put one more node in front of everything that reads an input."""
    numpy = importlib.import_module("numpy")
    helper = importlib.import_module("onnx").helper
    inner = model.make_new_valueinfo_name()
    model.set_tensor_shape(inner, model.get_tensor_shape(name))
    operand = model.make_new_valueinfo_name()
    model.set_initializer(operand, numpy.asarray(value, dtype=numpy.float32))
    for node in model.graph.node:
        for at, tensor in enumerate(node.input):
            if tensor == name:
                node.input[at] = inner
    model.graph.node.insert(0, helper.make_node(op, [name, operand], [inner]))


def cut_tail(model: Any) -> Tuple[Any, Optional[str]]:
    """Leave a final softmax to the host: the order of the classes is the same without it.

    Returns the graph and the op that was cut off, None where there was none.
    """
    if len(model.graph.output) != 1:
        return model, None
    output = model.graph.output[0]
    last = model.find_producer(output.name)
    if last is None or last.op_type not in _MONOTONE:
        return model, None
    shape, before = model.get_tensor_shape(output.name), last.input[0]
    if model.find_consumers(before) and len(model.find_consumers(before)) > 1:
        return model, None
    producer = model.find_producer(before)
    if producer is None:
        return model, None
    op = str(last.op_type)
    # A copy: the graph with it is a stage of its own.
    model = copy.deepcopy(model)
    last, producer = model.find_producer(output.name), model.find_producer(before)
    output = model.graph.output[0]
    model.graph.node.remove(last)
    for at, name in enumerate(producer.output):
        if name == before:
            producer.output[at] = output.name
    model.set_tensor_shape(output.name, shape)
    return model, op


def add_topk(model: Any, count: int) -> Any:
    """A network with a top-k behind it."""
    insert = importlib.import_module("qonnx.transformation.insert_topk")
    shapes = importlib.import_module("qonnx.transformation.infer_shapes")
    return model.transform(insert.InsertTopK(k=count)).transform(shapes.InferShapes())


def classes(model: Any) -> int:
    """How many classes a network tells apart; 0 where its output is no vector of scores."""
    if len(model.graph.output) != 1:
        return 0
    shape = model.get_tensor_shape(model.graph.output[0].name)
    last = model.find_producer(model.graph.output[0].name)
    if shape is None or len(shape) != 2 or shape[1] <= 1:
        return 0
    return 0 if last is not None and last.op_type == "TopK" else int(shape[1])


def is_autoencoder(model: Any) -> bool:
    """Whether a network gives as many values as it takes, so that they are no scores."""
    inputs = graphs.dynamic_inputs(model)
    count = classes(model)
    return len(inputs) == 1 and count > 1 and math.prod(model.get_tensor_shape(inputs[0])) == count


def tells_classes(model: Any) -> bool:
    """Whether a network's output is a score for each class."""
    return classes(model) > 0 and not is_autoencoder(model)


def sample_document(
    chosen: Handling,
    network: Any,
    model: Any,
    ends_in_topk: bool,
    tail: Optional[str],
    check: Optional[Dict[str, Any]],
) -> Dict[str, Any]:
    """sample.json: how the samples relate to the ends of the accelerator.

    ``network`` as it came, ``model`` the dataflow graph, ``tail`` what the host does to its output,
    ``check`` what the stage check said of it. ``kind`` is "classes" where the output is a class or
    a score for each class, "values" for anything else; ``topk`` is the accelerator's own.
    """
    topk = (chosen.topk or 1) if ends_in_topk else 0
    return {
        "format": 1,
        "kind": "classes" if topk or tells_classes(network) else "values",
        "topk": topk,
        "tail": tail,
        "preprocess": chosen.preprocess,
        "scale": chosen.scale if chosen.preprocess == "scale" else None,
        "dtypes": [model.get_tensor_datatype(name).name for name in graphs.dynamic_inputs(model)],
        "check": check and {name: check[name] for name in ("images", "same", "outputs")},
    }


def _file_front(path: str) -> Callable[[Any], Any]:
    numpy = importlib.import_module("numpy")
    execution = importlib.import_module("finn_tui.engine.server.preparing.execution")
    run = execution.runner(graphs.load(path))

    def front(batch: Any) -> Any:
        return numpy.concatenate([run([sample[None].astype(numpy.float32)])[0] for sample in batch])

    return front
