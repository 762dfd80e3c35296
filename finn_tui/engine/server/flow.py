"""From a Brevitas or QONNX network to a dataflow graph, by the installed FINN's own builder steps.

Which steps there are and in what order is read from FINN; two stages of our own stand before
tidy-up, as in FINN's end-to-end notebooks: the division of uint8 input by 255 and the top-k.
"""

import contextlib
import dataclasses
import importlib
import json
import os
import shutil
import tempfile
from typing import Any, Callable, Dict, Iterator, List, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import digits, execution, finn_env, graphs, weights

Progress = Callable[[str, Optional[float]], None]

FORMAT = 1
LAST_STEP = "step_minimize_bit_width"
QUANTIZERS = ("Quant", "IntQuant", "BipolarQuant", "BinaryQuant", "FloatQuant", "Trunc")
FINN_OPS = ("MultiThreshold", "XnorPopcountMatMul")
# Ops that only arrange the input; at the very start of a graph the host does them, as the driver
# of FINN's own end-to-end examples does.
HOST_OPS = ("Transpose", "Reshape", "Flatten")
SAMPLE_IMAGES = 20
CHECK_SECONDS = 2.0


class Flow:
    """One preparation: the graph on its way, the stages written so far, what to check against."""

    def __init__(self, out, progress):
        # type: (str, Progress) -> None
        self.out = out
        self.progress = progress
        self.stages = []  # type: List[Dict[str, Any]]
        self.images = None  # type: Any
        self.expected = None  # type: Any
        self.divide = True
        self.host = []  # type: execution.HostSteps
        self.count = 1

    def save(self, name, model):
        # type: (str, Any) -> None
        """Write a stage, and compare its top-1 with the original's."""
        file = "stages/%02d-%s.onnx" % (len(self.stages), name)
        model.save(os.path.join(self.out, file))
        stage = {
            "index": len(self.stages),
            "name": name,
            "file": file,
            "nodes": len(model.graph.node),
            "op_types": graphs.op_types(model),
            "check": None,
        }  # type: Dict[str, Any]
        self.progress("checking %s" % name, self.fraction())
        if self.images is not None:
            stage["check"] = execution.check(
                model, self.images, self.expected, self.divide, self.host, CHECK_SECONDS
            )
        self.stages.append(stage)

    def fraction(self):
        # type: () -> float
        """How far the preparation is, by stages."""
        return min(1.0, len(self.stages) / float(self.count))


def step_names(config):
    # type: (Any) -> List[str]
    """FINN's default steps from the QONNX network to the graph that estimates are made of."""
    names = [step for step in config.default_build_dataflow_steps if isinstance(step, str)]
    if LAST_STEP in names:
        return names[: names.index(LAST_STEP) + 1]
    return names[: names.index("step_generate_estimate_reports")]  # FINN 0.8 has no such step


def build_config(config, board, clock_ns, output_dir):
    # type: (Any, str, float, str) -> Any
    """A ``DataflowBuildConfig`` for the steps; fields that this FINN does not have are left out."""
    fields = {field.name for field in dataclasses.fields(config.DataflowBuildConfig)}
    wanted = {
        "output_dir": output_dir,
        "synth_clk_period_ns": clock_ns,
        "board": board,
        "fpga_part": finn_env.part_of(board),
        "generate_outputs": [],
        "save_intermediate_models": True,
    }  # type: Dict[str, Any]
    return config.DataflowBuildConfig(**{k: v for k, v in wanted.items() if k in fields})


def prepare(source, out, board, clock_ns, progress):
    # type: (Dict[str, Any], str, str, float, Progress) -> Dict[str, Any]
    """The answer to ``prepare``; everything is written below ``out``, ``model.json`` at the end."""
    if not clock_ns > 0:
        raise EngineError("The clock period must be more than 0 ns", "It is %s" % clock_ns)
    kind = source.get("kind")
    if kind not in ("brevitas", "onnx"):
        raise EngineError("There are no sources of kind %r" % kind, "", "Use brevitas or onnx")
    if kind == "onnx":
        # Looked at before FINN is imported: a wrong file is said to be one at once.
        require_quantized(graphs.load(source.get("path")), source["path"])
    progress("starting FINN", 0.0)
    steps, config = finn_env.steps()
    finn_env.part_of(board)
    os.makedirs(out, exist_ok=True)
    for stale in ("model.json", "dataflow.onnx"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(out, stale))
    for folder in ("stages", "sample", "dataset"):
        shutil.rmtree(os.path.join(out, folder), ignore_errors=True)
    os.makedirs(os.path.join(out, "stages"))
    os.makedirs(os.path.join(out, "sample"))
    flow = Flow(out, progress)
    names = step_names(config)
    flow.count = len(names) + 3
    if kind == "brevitas":
        model, facts = _from_brevitas(flow, source)
    else:
        model, facts = _from_onnx(flow, source)
    with _working_folder() as folder:
        cfg = build_config(config, board, clock_ns, os.path.join(folder, "build"))
        os.makedirs(os.path.join(folder, "build"))
        for name in names:
            if name == "step_tidy_up":
                model = _before_and_after(flow, model, source)
            if name == "step_create_dataflow_partition":
                flow.host = host_steps(model)
            progress(_words(name), flow.fraction())
            before = model.model.SerializeToString()
            model = run_step(steps, name, model, cfg)
            if model.model.SerializeToString() != before:
                flow.save(name[len("step_") :], model)
    dataflow = os.path.join(out, "dataflow.onnx")
    shutil.copyfile(os.path.join(out, flow.stages[-1]["file"]), dataflow)
    result = {
        "format": FORMAT,
        "source": source,
        "weights": facts,
        "finn": finn_env.flavour(),
        "input": _end(model, graphs.dynamic_inputs(model)[0], flow.host),
        "output": _end(model, model.graph.output[0].name, None),
        "stages": flow.stages,
        "board": board,
        "clock_ns": clock_ns,
        "fingerprint": graphs.fingerprint(dataflow),
    }
    temporary = os.path.join(out, "model.json.part")
    with open(temporary, "w", encoding="utf-8") as stream:
        json.dump(result, stream, indent=1)
    os.replace(temporary, os.path.join(out, "model.json"))
    progress("prepared", 1.0)
    return result


def run_step(steps, name, model, cfg):
    # type: (Any, str, Any, Any) -> Any
    """One of FINN's builder steps. Raises ``EngineError`` of kind "finn" if it fails."""
    try:
        return steps.build_dataflow_step_lookup[name](model, cfg)
    except (Exception, SystemExit) as error:
        # FINN's transformations raise assertions and bare exceptions for networks that they
        # cannot take; the user needs to know at which step.
        raise EngineError(
            "FINN stopped while it was %s" % _words(name),
            "%s: %s" % (type(error).__name__, error),
            "Look at the last stage that was written and at the detail",
            kind="finn",
            detail=_traceback(error),
        )


def _traceback(error):
    # type: (BaseException) -> str
    traceback = importlib.import_module("traceback")
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


_WORDS = {
    "step_qonnx_to_finn": "turning QONNX into FINN's ops",
    "step_tidy_up": "tidying up",
    "step_streamline": "streamlining",
    "step_convert_to_hw": "converting to hardware layers",
    "step_convert_to_hls": "converting to hardware layers",
    "step_create_dataflow_partition": "cutting out the dataflow graph",
    "step_specialize_layers": "choosing HLS or RTL for each layer",
    "step_target_fps_parallelization": "setting the parallelism",
    "step_apply_folding_config": "applying the folding",
    "step_minimize_bit_width": "minimizing bit widths",
}


def _words(name):
    # type: (str) -> str
    return _WORDS.get(name, name[len("step_") :].replace("_", " "))


@contextlib.contextmanager
def _working_folder():
    # type: () -> Iterator[str]
    """A folder for what FINN writes by the way; FINN also changes directory."""
    back = os.getcwd()
    folder = tempfile.mkdtemp(prefix="finn-tui-flow-")
    try:
        os.chdir(folder)
        yield folder
    finally:
        os.chdir(back)
        shutil.rmtree(folder, ignore_errors=True)


def _end(model, name, host):
    # type: (Any, str, Optional[execution.HostSteps]) -> Dict[str, Any]
    end = {"shape": graphs.plain(model.get_tensor_shape(name))}  # type: Dict[str, Any]
    end["dtype"] = model.get_tensor_datatype(name).name
    if host is not None:
        end["host"] = host
    return end


# -- where the network comes from -----------------------------------------------------------


def _from_brevitas(flow, source):
    # type: (Flow, Dict[str, Any]) -> Any
    flow.progress("loading the network", 0.0)
    shape = [int(size) for size in source["input"]]
    net, facts = weights.obtain(source, flow.progress)
    facts = dict(facts, accuracy=None, images=0, dataset=None)
    split = digits.digits28() if shape[1:] == [1, 28, 28] else None
    images, labels = _sample(split, tuple(shape[1:]))
    software = weights.top1(net, images)
    if split is not None:
        digits.write_idx(os.path.join(flow.out, "dataset"), split)
        right = int((software == labels).sum())
        facts.update(accuracy=100.0 * right / len(images), images=len(images), dataset="digits28")
    _save_sample(flow, images, labels, software)
    flow.progress("exporting to QONNX", 0.0)
    path = os.path.join(flow.out, "export.onnx")
    weights.export(net, shape, path)
    model = graphs.load(path)
    os.unlink(path)
    flow.save("export", model)
    return model, facts


def _from_onnx(flow, source):
    # type: (Flow, Dict[str, Any]) -> Any
    model = graphs.load(source["path"])
    require_quantized(model, source["path"])
    model = _import_onnx(model)
    shape = model.get_tensor_shape(graphs.dynamic_inputs(model)[0])
    flow.divide = source.get("preprocess", "divide255") == "divide255"
    facts = {
        "kind": "checkpoint",
        "note": os.path.basename(source["path"]),
        "accuracy": None,
        "images": 0,
        "dataset": None,
    }  # type: Dict[str, Any]
    if flow.divide and len(shape) == 4:
        split = digits.digits28() if list(shape[1:]) == [1, 28, 28] else None
        images, labels = _sample(split, tuple(shape[1:]))
        run = execution.runner(model)
        numpy = importlib.import_module("numpy")
        images, labels = images[:SAMPLE_IMAGES], labels[:SAMPLE_IMAGES]
        outputs = [run(i[None].astype(numpy.float32) / numpy.float32(255)) for i in images]
        _save_sample(flow, images, labels, numpy.array([execution.top1(o) for o in outputs]))
    flow.save("import", model)
    return model, facts


def _sample(split, shape):
    # type: (Optional[digits.Split], Any) -> Any
    """Images and labels; a label of -1 says that the image has none."""
    numpy = importlib.import_module("numpy")
    if split is not None:
        return split[2], split[3].astype(numpy.int64)
    return digits.photographs(shape, SAMPLE_IMAGES), numpy.full(SAMPLE_IMAGES, -1)


def _save_sample(flow, images, labels, software):
    # type: (Flow, Any, Any, Any) -> None
    numpy = importlib.import_module("numpy")
    for name, array in (("images", images), ("labels", labels), ("software", software)):
        numpy.save(os.path.join(flow.out, "sample", name + ".npy"), array)
    flow.images, flow.expected = images, software


def _import_onnx(model):
    # type: (Any) -> Any
    """Make a user's graph one that FINN's steps take: QONNX, fixed shapes, clean names."""
    if "QuantizeLinear" in graphs.op_types(model):
        qcdq = importlib.import_module("qonnx.transformation.qcdq_to_qonnx")
        model = model.transform(qcdq.QCDQToQuant())
    batch = model.graph.input[0].type.tensor_type.shape.dim
    if len(batch) and batch[0].dim_value == 0:
        batch[0].dim_value = 1
    missing = [i for i, size in enumerate(batch) if size.dim_value == 0]
    if missing:
        raise EngineError(
            "The network's input has no fixed shape",
            "Axis %s has no size" % ", ".join(str(i) for i in missing),
            "Export the network with a fixed input shape",
        )
    return importlib.import_module("qonnx.util.cleanup").cleanup_model(model)


def require_quantized(model, path):
    # type: (Any, str) -> None
    """Raise ``EngineError`` of kind "input" for a network without quantization."""
    ops = graphs.op_types(model)
    if any(op in ops for op in QUANTIZERS + FINN_OPS + ("QuantizeLinear",)):
        return
    raise EngineError(
        "%s has no quantization" % os.path.basename(path),
        "None of its %d nodes (%s) quantizes anything; FINN builds networks of few bits"
        % (len(model.graph.node), ", ".join(list(ops)[:6])),
        "Quantize and train it with Brevitas and export it with export_qonnx",
    )


# -- stages of our own ----------------------------------------------------------------------


def _before_and_after(flow, model, source):
    # type: (Flow, Any, Dict[str, Any]) -> Any
    """Add the division by 255 in front and the top-k behind, each as a stage."""
    shapes = importlib.import_module("qonnx.transformation.infer_shapes")
    if flow.divide:
        flow.progress("adding pre-processing", flow.fraction())
        model = model.transform(shapes.InferShapes())
        model = _divide_by_255(model)
        flow.divide = False
        flow.save("preprocess", model)
    topk = int(source.get("topk", 1) or 0)
    if topk:
        flow.progress("adding top-%d" % topk, flow.fraction())
        insert = importlib.import_module("qonnx.transformation.insert_topk")
        model = model.transform(insert.InsertTopK(k=topk))
        model = model.transform(shapes.InferShapes())
        flow.save("postprocess", model)
    return model


def _divide_by_255(model):
    # type: (Any) -> Any
    onnx = importlib.import_module("onnx")
    datatype = importlib.import_module("qonnx.core.datatype")
    merge = importlib.import_module("qonnx.transformation.merge_onnx_models")
    wrapper = importlib.import_module("qonnx.core.modelwrapper")
    helper, real = onnx.helper, onnx.TensorProto.FLOAT
    shape = model.get_tensor_shape(graphs.dynamic_inputs(model)[0])
    graph = helper.make_graph(
        nodes=[helper.make_node("Div", ["pixels", "largest"], ["scaled"])],
        name="divide-by-255",
        inputs=[helper.make_tensor_value_info("pixels", real, shape)],
        outputs=[helper.make_tensor_value_info("scaled", real, shape)],
        initializer=[helper.make_tensor("largest", real, [], [255.0])],
    )
    opset = max(o.version for o in model.model.opset_import if o.domain == "")
    front = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model = model.transform(merge.MergeONNXModels(wrapper.ModelWrapper(front)))
    model.set_tensor_datatype(model.graph.input[0].name, datatype.DataType["UINT8"])
    return model


def host_steps(model):
    # type: (Any) -> execution.HostSteps
    """What stays in front of the accelerator for the host to do.

    Raises ``EngineError`` of kind "input", naming the node, for anything else that did not become
    hardware.
    """
    outside = [n for n in model.graph.node if not n.domain.startswith("finn.custom_op.fpgadataflow")]
    helper = importlib.import_module("onnx").helper
    current = graphs.dynamic_inputs(model)[0]
    steps = []  # type: execution.HostSteps
    for node in list(outside):
        if node.op_type not in HOST_OPS or node.input[0] != current:
            break
        shape = graphs.plain(model.get_tensor_shape(node.output[0]))
        if node.op_type == "Transpose":
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            steps.append({"op": "Transpose", "perm": graphs.plain(attributes["perm"])})
        else:
            steps.append({"op": "Reshape", "shape": shape})
        outside.remove(node)
        current = node.output[0]
    if not outside:
        return steps
    node = outside[0]
    types = ", ".join(model.get_tensor_datatype(name).name for name in node.input if name)
    more = ["%s (%s)" % (other.name, other.op_type) for other in outside[1:5]]
    raise EngineError(
        "The node %s (%s) does not become hardware" % (node.name, node.op_type),
        "Its inputs are %s; FINN has no hardware layer for it here%s"
        % (types, ". The same holds for " + ", ".join(more) if more else ""),
        "Quantize its inputs, replace it, or move it out of the network",
    )

