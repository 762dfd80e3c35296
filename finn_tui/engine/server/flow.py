"""From a Brevitas or QONNX network to a dataflow graph, by the installed FINN's own builder steps.

Which steps there are and in what order is read from FINN; two stages of our own stand before
tidy-up, as in FINN's end-to-end notebooks: the division of uint8 input by 255 and the top-k.
"""

import contextlib
import dataclasses
import errno
import importlib
import json
import os
import shutil
import tempfile
import traceback
from typing import Any, Callable, Dict, Iterator, List, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import execution, finn_env, graphs, sources

Progress = Callable[[str, Optional[float]], None]

FORMAT = 1
LAST_STEP = "step_minimize_bit_width"
# Ops that only arrange the input; at the very start of a graph the host does them, as the driver
# of FINN's own end-to-end examples does.
HOST_OPS = ("Transpose", "Reshape", "Flatten")
# Without a target or a folding these do nothing to the graph and make no stage.
IDLE_STEPS = ("step_target_fps_parallelization", "step_apply_folding_config")
# For comparing a stage with the original; the last one, which will be built, gets ten times as
# much. FINN's Python takes about 5 ms for an image of TFC and 150 ms for one of CNV.
CHECK_SECONDS = 0.5
WEIGHTS_SHARE = 0.4


class Flow:
    """One preparation: the stages written so far, and the network that they must agree with."""

    def __init__(self, out: str, network: sources.Network, count: int, progress: Progress) -> None:
        self.out = out
        self.network = network
        self.progress = progress
        self.stages: List[Dict[str, Any]] = []
        self.divide = network.preprocess == "divide"
        self.host: execution.HostSteps = []
        self._count = count

    def save(self, name: str, model: Any, seconds: float) -> None:
        """Write a stage, and compare its top-1 with the original's for some ``seconds``."""
        file = "stages/%02d-%s.onnx" % (len(self.stages), name)
        model.save(os.path.join(self.out, file))
        self.report("checking %s" % name)
        self.stages.append(
            {
                "index": len(self.stages),
                "name": name,
                "file": file,
                "nodes": len(model.graph.node),
                "op_types": graphs.op_types(model),
                "check": execution.check(
                    model,
                    self.network.images,
                    self.network.software,
                    self.divide,
                    self.host,
                    seconds,
                ),
            }
        )

    def report(self, message: str) -> None:
        """Report progress: the weights are the first part of the whole, the stages the rest."""
        done = min(1.0, len(self.stages) / self._count)
        self.progress(message, WEIGHTS_SHARE + (1.0 - WEIGHTS_SHARE) * done)


def step_names(config: Any) -> List[str]:
    """FINN's default steps from the QONNX network to the graph that estimates are made of."""
    names = [step for step in config.default_build_dataflow_steps if isinstance(step, str)]
    if LAST_STEP in names:
        return names[: names.index(LAST_STEP) + 1]
    return names[: names.index("step_generate_estimate_reports")]  # FINN 0.8 has no such step


def build_config(
    config: Any, board: Optional[str], part: str, clock_ns: float, output_dir: str
) -> Any:
    """A ``DataflowBuildConfig`` for the steps; fields that this FINN does not have are left out."""
    fields = {field.name for field in dataclasses.fields(config.DataflowBuildConfig)}
    wanted: Dict[str, Any] = {
        "output_dir": output_dir,
        "synth_clk_period_ns": clock_ns,
        "board": board,
        "fpga_part": part,
        "generate_outputs": [],
        "save_intermediate_models": True,
    }
    return config.DataflowBuildConfig(**{k: v for k, v in wanted.items() if k in fields})


def prepare(
    source: Dict[str, Any],
    out: str,
    board: str,
    part: Optional[str],
    clock_ns: float,
    progress: Progress,
    check_seconds: float = CHECK_SECONDS,
) -> Dict[str, Any]:
    """The answer to ``prepare``; everything is written below ``out``, ``model.json`` at the end.

    ``part`` is for boards that FINN does not know; None means FINN's part for ``board``. Each stage
    is compared with the network for ``check_seconds``, the last for ten times as long; 0 for none.
    """
    if not 0 < clock_ns < float("inf"):
        raise EngineError(
            "The clock period must be more than 0 ns",
            "It is %s" % clock_ns,
            "Give the period in ns, 10 for 100 MHz",
        )
    kind = source.get("kind")
    if kind not in ("brevitas", "onnx"):
        raise EngineError("There are no sources of kind %r" % kind, "", "Use brevitas or onnx")
    if kind == "onnx":
        sources.require_quantized(source.get("path"))  # said at once, before FINN's long import
    progress("starting FINN", None)
    steps, config = finn_env.steps()
    known = board in finn_env.boards()
    part = part or finn_env.part_of(board)
    names = step_names(config)
    network = sources.load(source, _share(progress))
    _clear(out)
    network.save(out)
    flow = Flow(out, network, len(names) + 3, progress)
    model = network.model
    flow.save(network.stage, model, check_seconds)
    with _working_folder() as folder:
        target = board if known else None
        # FINN's builder makes these before its steps; upstream's write into them.
        os.makedirs(os.path.join(folder, "build", "intermediate_models"))
        os.makedirs(os.path.join(folder, "build", "report"))
        cfg = build_config(config, target, part, clock_ns, os.path.join(folder, "build"))
        for name in names:
            if name == "step_tidy_up":
                topk = int(source.get("topk", 1) or 0)
                model = _before_and_after(flow, model, topk, check_seconds)
            if name == "step_create_dataflow_partition":
                flow.host = host_steps(model)
            flow.report(_words(name))
            model = run_step(steps, name, model, cfg)
            if name == "step_qonnx_to_finn":
                model = convert_what_is_left(model)
            model = readable(model)
            if name not in IDLE_STEPS:
                last = name == names[-1]
                flow.save(name[len("step_") :], model, check_seconds * (10 if last else 1))
    dataflow = os.path.join(out, "dataflow.onnx")
    shutil.copyfile(os.path.join(out, flow.stages[-1]["file"]), dataflow)
    result = {
        "format": FORMAT,
        "source": source,
        "weights": network.facts,
        "finn": finn_env.flavour(),
        "input": _end(model, graphs.dynamic_inputs(model)[0], flow.host),
        "output": _end(model, model.graph.output[0].name, None),
        "stages": flow.stages,
        "board": board,
        "part": part,
        "clock_ns": clock_ns,
        "fingerprint": graphs.fingerprint(dataflow),
    }
    temporary = os.path.join(out, "model.json.part")
    with open(temporary, "w", encoding="utf-8") as stream:
        json.dump(result, stream, indent=1)
    os.replace(temporary, os.path.join(out, "model.json"))
    progress("prepared", 1.0)
    return result


def _share(progress: Progress) -> Progress:
    def report(message: str, fraction: Optional[float] = None) -> None:
        progress(message, None if fraction is None else fraction * WEIGHTS_SHARE)

    return report


def _clear(out: str) -> None:
    """Make ``out`` ready to be written, and no longer a prepared model until it is one again."""
    os.makedirs(out, exist_ok=True)
    for stale in ("model.json", "dataflow.onnx"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(out, stale))
    for folder in ("stages", "sample", "dataset"):
        shutil.rmtree(os.path.join(out, folder), ignore_errors=True)
    os.makedirs(os.path.join(out, "stages"))


def run_step(steps: Any, name: str, model: Any, cfg: Any) -> Any:
    """One of FINN's builder steps. Raises ``EngineError`` of kind "finn" if it fails."""
    try:
        return steps.build_dataflow_step_lookup[name](model, cfg)
    except (Exception, SystemExit) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise  # a full disk is not FINN's doing
        # FINN's transformations raise assertions and bare exceptions for networks that they
        # cannot take; the user needs to know at which step.
        raise EngineError(
            "FINN stopped while it was %s" % _words(name),
            "%s: %s" % (type(error).__name__, error),
            "Look at the last stage that was written and at the detail",
            kind="finn",
            detail=traceback.format_exc(),
        ) from error


def convert_what_is_left(model: Any) -> Any:
    """Turn quantizers into FINN's ops that the installed FINN's step has passed over.

    Upstream's step does nothing at all for a network whose only quantizers are bipolar ones.
    """
    if not any(op in graphs.op_types(model) for op in sources.QUANTIZERS):
        return model
    convert = importlib.import_module("finn.transformation.qonnx.convert_qonnx_to_finn")
    model = importlib.import_module("qonnx.util.cleanup").cleanup_model(model)
    return model.transform(convert.ConvertQONNXtoFINN())


def readable(model: Any) -> Any:
    """A graph with the names that FINN's tidy-up gives: some steps leave random ones behind.

    The same network then gives the same file, by whose hash cost tables are cached.
    """
    general = importlib.import_module("qonnx.transformation.general")
    for name in ("SortGraph", "GiveUniqueNodeNames", "GiveReadableTensorNames"):
        model = model.transform(getattr(general, name)())
    return model


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


def _words(name: str) -> str:
    return _WORDS.get(name, name[len("step_") :].replace("_", " "))


@contextlib.contextmanager
def _working_folder() -> Iterator[str]:
    """A folder for what FINN writes by the way; FINN also changes directory."""
    back = os.getcwd()
    folder = tempfile.mkdtemp(prefix="flow-", dir=finn_env.scratch())
    try:
        os.chdir(folder)
        yield folder
    finally:
        os.chdir(back)
        shutil.rmtree(folder, ignore_errors=True)


def _end(model: Any, name: str, host: Optional[execution.HostSteps]) -> Dict[str, Any]:
    end: Dict[str, Any] = {"shape": graphs.plain(model.get_tensor_shape(name))}
    end["dtype"] = model.get_tensor_datatype(name).name
    if host is not None:
        end["host"] = host
    return end


# -- stages of our own ----------------------------------------------------------------------


def _before_and_after(flow: Flow, model: Any, topk: int, check_seconds: float) -> Any:
    """Add the division by 255 in front and the top-k behind, each as a stage."""
    shapes = importlib.import_module("qonnx.transformation.infer_shapes")
    datatype = importlib.import_module("qonnx.core.datatype")
    model = model.transform(shapes.InferShapes())
    if flow.divide:
        flow.report("adding pre-processing")
        model = readable(_divide_by_255(model))
    if flow.network.preprocess != "none":
        model.set_tensor_datatype(graphs.dynamic_inputs(model)[0], datatype.DataType["UINT8"])
    if flow.divide:
        flow.divide = False
        flow.save("preprocess", model, check_seconds)
    classes = model.get_tensor_shape(model.graph.output[0].name)
    last = model.find_producer(model.graph.output[0].name)
    if topk and len(classes) == 2 and classes[1] > 1 and last.op_type != "TopK":
        flow.report("adding top-%d" % topk)
        insert = importlib.import_module("qonnx.transformation.insert_topk")
        model = model.transform(insert.InsertTopK(k=topk))
        model = readable(model.transform(shapes.InferShapes()))
        flow.save("postprocess", model, check_seconds)
    return model


def _divide_by_255(model: Any) -> Any:
    onnx = importlib.import_module("onnx")
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
    return model.transform(merge.MergeONNXModels(wrapper.ModelWrapper(front)))


def host_steps(model: Any) -> execution.HostSteps:
    """What stays in front of the accelerator for the host to do.

    Raises ``EngineError`` of kind "input", naming the node, for anything else that did not become
    hardware.
    """
    hardware = "finn.custom_op.fpgadataflow"
    outside = [node for node in model.graph.node if not node.domain.startswith(hardware)]
    helper = importlib.import_module("onnx").helper
    current = graphs.dynamic_inputs(model)[0]
    steps: execution.HostSteps = []
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
