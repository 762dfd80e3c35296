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
from finn_tui.engine.server import graphs
from finn_tui.engine.server.finn import finn_env
from finn_tui.engine.server.hashes import file_sha256
from finn_tui.engine.server.preparing import (
    checks,
    flows,
    handling,
    host,
    network_failure,
    opening,
    padding,
    padding_cost,
    sources,
    stages,
    user_steps,
)
from finn_tui.engine.server.preparing import steps as builder_steps

Progress = Callable[[str, Optional[float]], None]
#: A step of a flow: its name and what it does to a graph, given FINN's build configuration.
Step = Tuple[str, Callable[[Any, Any], Any]]

FORMAT = 2
PARTITION = "step_create_dataflow_partition"
STREAMLINE = "step_streamline"


def prepare(
    source: Dict[str, Any],
    out: str,
    board: str,
    part: Optional[str],
    clock_ns: float,
    progress: Progress,
    check: bool = True,
    data: Optional[str] = None,
) -> Dict[str, Any]:
    """The answer to ``prepare``; everything is written below ``out``, ``model.json`` at the end.

    ``data`` are images to find out what zero padding costs; None takes a few samples.
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
    if kind not in ("brevitas", "module", "onnx"):
        raise EngineError(
            "There are no sources of kind %r" % kind, "", "Use brevitas, module or onnx"
        )
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
    defect = padding_cost.examine(network, data, _share(progress))
    if defect is not None:
        # Said at once, and long before anything is built.
        progress("WARNING: %s. %s" % (defect["what"], defect["why"]), None)
    _clear(out)
    network.save(out)
    flow = stages.Flow(out, network, len(builder_steps.step_names(config)) + 3, progress, check)
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
            opening.explained(error, network.stage_kind, network.maker)
            _keep_failure(out, flow, source, error)
            raise
    _write(
        os.path.join(out, "sample", "sample.json"),
        handling.sample_document(
            network.handling,
            network.model,
            model,
            stages.ends_in_topk(model),
            flow.tail,
            flow.stages[-1]["check"],
        ),
    )
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
        "warnings": [*([defect] if defect else []), *(_warnings(flow) if check else [])],
        "finn": finn_env.flavour(),
        "input": ends[0],
        "inputs": ends,
        "output": _end(model, model.graph.output[0].name, None),
        "outputs": [_end(model, output.name, None) for output in model.graph.output],
        "stages": flow.stages,
        "board": board,
        "part": part,
        "clock_ns": clock_ns,
        "fingerprint": file_sha256(dataflow),
    }
    _write(os.path.join(out, "model.json"), result)
    progress("prepared", 1.0)
    return result


class _Runner:
    """Runs the steps of a flow over a network, and another flow where FINN's own one stops."""

    def __init__(
        self, flow: stages.Flow, steps: Any, config: Any, cfg: Any, source: Dict[str, Any]
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
            flow.notes.append("a finished dataflow graph: no step was run, nothing was compared")
            return model, "none"
        tried = self._candidates(flow_name)
        failures: List[Tuple[int, EngineError]] = []
        for name in tried:
            try:
                result = self._whole(model, name)
            except EngineError as error:
                failures.append((len(flow.stages), self._explained(error, tried)))
                flow.notes.append("the %s flow stops: %s" % (name, error.what))
                continue
            flow.check()
            if failures:
                flow.notes.append("the %s flow converts the network" % name)
            return result, name
        # The one that came furthest; of equal ones the last, which tried most.
        raise max(reversed(failures), key=lambda failure: failure[0])[1]

    def _candidates(self, flow_name: str) -> List[str]:
        if self.user is not None:
            return ["user"]
        if flow_name != "auto":
            return [flow_name]
        wanted = flows.suggested(self.network.model)
        return ["default", *([wanted] if wanted else []), "extended"]

    def _explained(self, error: EngineError, tried: List[str]) -> EngineError:
        if not isinstance(error, (builder_steps.StepFailed, host.NotHardware)):
            return error
        float_input = any(each.dtype == "FLOAT32" for each in self.network.handling.inputs)
        error = network_failure.explain(error, self.network.model, self.current, float_input)
        for name in tried:
            # What was tried is no way out.
            error.fix = error.fix.replace(", or try --steps %s" % name, "")
        return error

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
        flow.topk = self.network.stage_kind != "qonnx" and stages.ends_in_topk(model)
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
                flow.save(step[len("step_") :] if step.startswith("step_") else step, model)
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
            names = graphs.dynamic_inputs(model), [output.name for output in model.graph.output]
            model = action(model, cfg)
            graphs.keep_order(model, *names)
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
        fronts = any(each.preprocess != "none" for each in self.network.handling.inputs)
        if fronts:
            flow.report("adding pre-processing")
        model = handling.add_front(model, self.network.handling)
        flow.in_front = False
        if fronts:
            model = builder_steps.readable(model.transform(shapes.InferShapes()))
            flow.save("preprocess", model)
        model, cut = handling.cut_tail(model)
        if cut is not None:
            flow.tail = cut
            note = "%s stays on the host: the order of the classes is the same without it" % cut
            if note not in flow.notes:
                flow.notes.append(note)
        if topk and self.network.handling.automatic and handling.is_autoencoder(model):
            note = "as many outputs as inputs: an autoencoder, no top-1 is added (--topk 1 adds it)"
            if note not in flow.notes:
                flow.notes.append(note)
            topk = 0
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


def _warnings(flow: stages.Flow) -> List[Dict[str, Any]]:
    if flow.network.stage_kind == "dataflow":
        return []  # the network that it was made from did not come along: nothing to compare with
    return checks.warnings(flow.stages, flow.cause, flow.reference.scores, flow.reference.failure)


def _keep_failure(out: str, flow: stages.Flow, source: Dict[str, Any], error: EngineError) -> None:
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
        progress(message, None if fraction is None else fraction * stages.WEIGHTS_SHARE)

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
