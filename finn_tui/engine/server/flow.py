"""From a Brevitas or QONNX network to a dataflow graph, by the installed FINN's own builder steps.

Which steps there are and in what order is read from FINN; two stages of our own stand before
tidy-up, as in FINN's end-to-end notebooks: the pre-processing and the top-k. A file of a later
stage of FINN's flow goes on from there.
"""

import contextlib
import importlib
import json
import os
import shutil
import tempfile
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import (
    checks,
    execution,
    finn_env,
    flows,
    graphs,
    handling,
    host,
    network_failure,
    padding,
    sources,
    user_steps,
)
from finn_tui.engine.server import steps as builder_steps

Progress = Callable[[str, Optional[float]], None]
#: A step of a flow: its name and what it does to a graph, given FINN's build configuration.
Step = Tuple[str, Callable[[Any, Any], Any]]

FORMAT = 2
WEIGHTS_SHARE = 0.4
PARTITION = "step_create_dataflow_partition"
STREAMLINE = "step_streamline"


class Flow:
    """One preparation: the stages written so far, and the network that they must agree with."""

    def __init__(
        self, out: str, network: sources.Network, count: int, progress: Progress, check: bool
    ) -> None:
        self.out = out
        self.network = network
        self.progress = progress
        self.stages: List[Dict[str, Any]] = []
        self.notes = list(network.notes)
        self.hosts: List[List[Dict[str, Any]]] = [[] for _ in network.samples]
        self.cause: Dict[str, str] = {}
        self.topk = network.stage_kind != "qonnx" and _ends_in_topk(network.model)
        self.tail: Optional[str] = None
        self.in_front = True  # whether the pre-processing is not yet part of the graph
        self._front = network.handling.front()
        self._unchecked: List[Any] = []
        self._count = count
        samples = checks.samples_for(network.model) if check else 0
        self.reference = checks.Reference(
            network.samples, network.software, handling.classes(network.model) > 0, samples
        )

    def save(self, name: str, model: Any, last: bool = False) -> None:
        """Write a stage; it is compared with the network by ``check``."""
        file = "stages/%02d-%s.onnx" % (len(self.stages), name)
        model.save(os.path.join(self.out, file))
        # Checked once a whole flow has succeeded: one that fails half way is not worth the time.
        self._unchecked.append(
            (model, self.in_front, list(self.hosts), _ends_in_topk(model), self.tail, last)
        )
        self.stages.append(
            {
                "index": len(self.stages),
                "name": name,
                "file": file,
                "nodes": len(model.graph.node),
                "op_types": graphs.op_types(model),
                "check": None,
            }
        )

    def check(self) -> None:
        """Compare all stages with the network as it came."""
        for stage, (model, in_front, hosts, topk, tail, last) in zip(self.stages, self._unchecked):
            self.progress("checking %s" % stage["name"], None)
            self.in_front, self.hosts, self.topk, self.tail = in_front, hosts, topk, tail
            stage["check"] = self._check(model, last)

    def _check(self, model: Any, last: bool) -> Optional[Dict[str, Any]]:
        if not self.reference.classes.size:
            return None
        numpy = importlib.import_module("numpy")

        def front(batch: Any, at: int) -> Any:
            if self._front is not None and self.in_front:
                return self._front(batch)
            return execution.to_hardware(batch, self.hosts[at]).astype(numpy.float32)

        tail = _softmax if self.tail else None
        if self.network.pads_as_hardware:
            model = padding.as_hardware(model)
        return self.reference.check(model, front, tail, self.topk, last)

    def report(self, message: str) -> None:
        """Report progress: the weights are the first part of the whole, the stages the rest."""
        done = min(1.0, len(self.stages) / self._count)
        self.progress(message, WEIGHTS_SHARE + (1.0 - WEIGHTS_SHARE) * done)

    def drop_after(self, count: int) -> None:
        """Forget all stages but the first ``count``."""
        for stage in self.stages[count:]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.out, stage["file"]))
        del self.stages[count:], self._unchecked[count:]


def _softmax(output: Any) -> Any:
    numpy = importlib.import_module("numpy")
    powers = numpy.exp(output - output.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _ends_in_topk(model: Any) -> bool:
    last = model.find_producer(model.graph.output[0].name)
    return last is not None and (last.op_type == "TopK" or last.op_type.startswith("LabelSelect"))


def prepare(
    source: Dict[str, Any],
    out: str,
    board: str,
    part: Optional[str],
    clock_ns: float,
    progress: Progress,
    check: bool = True,
) -> Dict[str, Any]:
    """The answer to ``prepare``; everything is written below ``out``, ``model.json`` at the end.

    ``part`` is for boards that FINN does not know; None means FINN's part for ``board``. With
    ``check`` each stage is compared with the network. Of a preparation that fails after its first
    stage, the stages and a ``failed.json`` stay.
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
    flow_name = str(source.get("flow") or "auto")
    if flow_name != "auto" and flow_name not in flows.NAMES:
        raise EngineError(
            "There is no flow %r" % flow_name, "", "Use %s" % ", ".join(("auto", *flows.NAMES))
        )
    if kind == "onnx":
        sources.require_usable(source.get("path"))  # said at once, before FINN's long import
    progress("starting FINN", None)
    steps, config = finn_env.steps()
    target = board if board in finn_env.boards() else None
    part = part or finn_env.part_of(board)
    network = sources.load(source, _share(progress))
    _clear(out)
    network.save(out)
    flow = Flow(out, network, len(builder_steps.step_names(config)) + 3, progress, check)
    with _working_folder() as folder:
        # FINN's builder makes these before its steps; upstream's write into them.
        os.makedirs(os.path.join(folder, "build", "intermediate_models"))
        os.makedirs(os.path.join(folder, "build", "report"))
        cfg = builder_steps.build_config(
            config, target, part, clock_ns, os.path.join(folder, "build")
        )
        runner = _Runner(flow, steps, config, cfg, source)
        try:
            model, used = runner.run(flow_name)
        except EngineError as error:
            _keep_failure(out, flow, source, error)
            raise
    dataflow = os.path.join(out, "dataflow.onnx")
    shutil.copyfile(os.path.join(out, flow.stages[-1]["file"]), dataflow)
    ends = [
        _end(model, name, steps) for name, steps in zip(graphs.dynamic_inputs(model), flow.hosts)
    ]
    result = {
        "format": FORMAT,
        "source": source,
        "weights": network.facts,
        "handling": network.handling.as_dict(),
        "flow": used,
        "notes": flow.notes,
        "warnings": checks.warnings(flow.stages, flow.cause) if check else [],
        "finn": finn_env.flavour(),
        "input": ends[0],
        "inputs": ends,
        "output": _end(model, model.graph.output[0].name, None),
        "outputs": [_end(model, output.name, None) for output in model.graph.output],
        "stages": flow.stages,
        "board": board,
        "part": part,
        "clock_ns": clock_ns,
        "fingerprint": graphs.fingerprint(dataflow),
    }
    _write(os.path.join(out, "model.json"), result)
    progress("prepared", 1.0)
    return result


class _Runner:
    """Runs the steps of a flow over a network, and another flow where FINN's own one stops."""

    def __init__(
        self, flow: Flow, steps: Any, config: Any, cfg: Any, source: Dict[str, Any]
    ) -> None:
        self.flow = flow
        self.steps = steps
        self.cfg = cfg
        self.network = flow.network
        self.names = builder_steps.step_names(config)
        self.user = user_steps.load(source.get("steps"), steps)
        self.current: Any = self.network.model

    def run(self, flow_name: str) -> Tuple[Any, str]:
        """The dataflow graph, and the flow that led there.

        Raises ``EngineError`` with the node, the reason and the next step.
        """
        flow, model = self.flow, self.network.model
        flow.save(self.network.stage, model)
        if self.network.stage_kind == "dataflow":
            # A finished graph: there is nothing to do, and nothing to compare it with.
            flow.hosts = host.steps_of(model)
            return model, "none"
        tried = self._candidates(flow_name)
        failures: List[EngineError] = []
        for name in tried:
            try:
                result = self._whole(model, name)
            except EngineError as error:
                failures.append(self._explained(error))
                flow.notes.append("the %s flow stops: %s" % (name, error.what))
                continue
            flow.check()
            if failures:
                flow.notes.append("the %s flow converts the network" % name)
            return result, name
        raise failures[0]

    def _candidates(self, flow_name: str) -> List[str]:
        if self.user is not None:
            return ["user"]
        if flow_name != "auto":
            return [flow_name]
        wanted = flows.suggested(self.network.model)
        return ["default", *([wanted] if wanted else []), "extended"]

    def _explained(self, error: EngineError) -> EngineError:
        if not isinstance(error, (builder_steps.StepFailed, host.NotHardware)):
            return error
        float_input = self.network.handling.dtype == "FLOAT32"
        return network_failure.explain(error, self.network.model, self.current, float_input)

    def _whole(self, model: Any, name: str) -> Any:
        """All steps of one flow; without the top-k where that does not convert and is ours."""
        flow = self.flow
        try:
            return self._steps(model, name, self.network.handling.topk)
        except host.NotHardware as error:
            ours = flow.topk and self.network.stage_kind == "qonnx"
            refused = any(op == "TopK" for _, op in error.nodes)
            if not (ours and refused and self.network.handling.automatic):
                raise
            if len(error.nodes) > 1:
                raise
        flow.notes.append(
            "top-1 stays on the host: the network's last scale or bias differs by class, and "
            "FINN's LabelSelect takes whole numbers only"
        )
        result = self._steps(model, name, 0)
        self.network.handling.topk = 0
        return result

    def _steps(self, model: Any, name: str, topk: int) -> Any:
        flow = self.flow
        flow.drop_after(1)
        flow.in_front, flow.tail = True, None
        flow.topk = self.network.stage_kind != "qonnx" and _ends_in_topk(model)
        flow.hosts = [[] for _ in self.network.samples]
        todo = self._todo(name)
        names = [each for each, _ in todo]
        saved = [each for each in names if each not in builder_steps.IDLE_STEPS]
        ours = self.network.stage_kind in ("qonnx", "finn")
        before = "step_tidy_up" if "step_tidy_up" in names else names[0]
        for step, action in todo:
            if step == before and ours:
                model = self._before_and_after(model, topk)
            if step == STREAMLINE:
                flow.cause = padding.cause(model)
            if step == PARTITION:
                self.current = model
                flow.hosts = host.steps_of(model)
            flow.report(builder_steps.words(step))
            self.current = model
            model = builder_steps.guarded(step, self._tidied(step, action), model, self.cfg)
            if step == PARTITION:
                self._require_whole(model)
            if step in saved:
                flow.save(
                    step[len("step_") :] if step.startswith("step_") else step,
                    model,
                    last=step == saved[-1],
                )
        self.current = model
        rest = host.steps_of(model)
        if any(rest):
            flow.hosts = rest
        return model

    def _require_whole(self, model: Any) -> None:
        """Raise if FINN's partition is not the graph that it was cut out of."""
        produced = {name for node in model.graph.node for name in node.output}
        produced.update(tensor.name for tensor in model.graph.input)
        loose = [
            "%s (%s)" % (node.name, node.op_type)
            for node in model.graph.node
            if any(
                name and name not in produced and model.get_initializer(name) is None
                for name in node.input
            )
        ]
        if loose or len(graphs.dynamic_inputs(model)) != len(self.network.samples):
            raise EngineError(
                "FINN's partition is not the whole network",
                "%d inputs became %d; without an input of theirs are %s"
                % (
                    len(self.network.samples),
                    len(graphs.dynamic_inputs(model)),
                    graphs.listed(loose) or "none",
                ),
                "Give the network one output (a concatenation of its outputs), or cut it where it "
                "forks",
                kind="finn",
            )

    def _tidied(self, step: str, action: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """A step, followed by what makes its graph complete and readable."""

        def run(model: Any, cfg: Any) -> Any:
            model = action(model, cfg)
            if step == "step_qonnx_to_finn":
                model = builder_steps.convert_what_is_left(model)
            return builder_steps.readable(model)

        return run

    def _todo(self, name: str) -> List[Step]:
        lookup = self.steps.build_dataflow_step_lookup
        if self.user is not None:
            return self.user
        todo: List[Step] = [(each, lookup[each]) for each in self.names]
        if name != "default":
            todo = [
                (each, flows.streamline(name)) if each == STREAMLINE else (each, action)
                for each, action in todo
            ]
        start = {"finn": "step_tidy_up", "hardware": PARTITION}.get(self.network.stage_kind)
        if start is not None and start in self.names:
            todo = todo[self.names.index(start) :]
        return todo

    def _before_and_after(self, model: Any, topk: int) -> Any:
        """Add pre-processing in front and top-k behind, each as a stage."""
        flow = self.flow
        shapes = importlib.import_module("qonnx.transformation.infer_shapes")
        model = model.transform(shapes.InferShapes())
        if self.network.handling.preprocess != "none":
            flow.report("adding pre-processing")
        model = handling.add_front(model, self.network.handling)
        flow.in_front = False
        if self.network.handling.preprocess != "none":
            model = builder_steps.readable(model.transform(shapes.InferShapes()))
            flow.save("preprocess", model)
        model, cut = handling.cut_tail(model)
        if cut is not None:
            flow.tail = cut
            note = "%s stays on the host: the order of the classes is the same without it" % cut
            if note not in flow.notes:
                flow.notes.append(note)
        if topk and handling.classes(model) == 0:
            if not self.network.handling.automatic:
                raise EngineError(
                    "There is no top-%d of this output" % topk,
                    "The network has %d output%s of the shape %s"
                    % (
                        len(model.graph.output),
                        "" if len(model.graph.output) == 1 else "s",
                        model.get_tensor_shape(model.graph.output[0].name),
                    ),
                    "Use --topk none",
                )
            topk = 0
        if topk:
            flow.report("adding top-%d" % topk)
            model = builder_steps.readable(handling.add_topk(model, topk))
            flow.topk = True
            flow.save("postprocess", model)
        elif cut is not None:
            model = builder_steps.readable(model)
            flow.save("postprocess", model)
        return model


def _keep_failure(out: str, flow: Flow, source: Dict[str, Any], error: EngineError) -> None:
    """Leave what was reached where it can be looked at, marked as failed."""
    if not flow.stages:
        return
    _write(
        os.path.join(out, "failed.json"),
        {
            "format": FORMAT,
            "source": source,
            "finn": finn_env.flavour(),
            "stages": flow.stages,
            "notes": flow.notes,
            "error": error.as_dict(),
        },
    )


def _write(path: str, document: Dict[str, Any]) -> None:
    temporary = path + ".part"
    with open(temporary, "w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=1)
    os.replace(temporary, path)


def _share(progress: Progress) -> Progress:
    def report(message: str, fraction: Optional[float] = None) -> None:
        progress(message, None if fraction is None else fraction * WEIGHTS_SHARE)

    return report


def _clear(out: str) -> None:
    """Make ``out`` ready to be written, and no longer a prepared model until it is one again."""
    os.makedirs(out, exist_ok=True)
    for stale in ("model.json", "failed.json", "dataflow.onnx"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(out, stale))
    for folder in ("stages", "sample", "dataset"):
        shutil.rmtree(os.path.join(out, folder), ignore_errors=True)
    os.makedirs(os.path.join(out, "stages"))


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


def _end(model: Any, name: str, steps: Optional[List[Dict[str, Any]]]) -> Dict[str, Any]:
    end: Dict[str, Any] = {"shape": graphs.plain(model.get_tensor_shape(name))}
    end["dtype"] = model.get_tensor_datatype(name).name
    if steps is not None:
        end["host"] = steps
    return end
