"""FINN's builder steps, run one by one: their names, their configuration, what they are doing."""

import dataclasses
import errno
import importlib
import traceback
from typing import Any, Callable, Dict, List, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import graphs
from finn_tui.engine.server.preparing import sources

LAST_STEP = "step_minimize_bit_width"
# Without a target or a folding these do nothing to the graph and make no stage.
IDLE_STEPS = ("step_target_fps_parallelization", "step_apply_folding_config")


class StepFailed(EngineError):
    """A step of FINN's that raised; ``error`` is what it raised, ``step`` its name."""

    def __init__(self, step: str, error: BaseException, detail: str) -> None:
        text = "%s: %s" % (type(error).__name__, error) if str(error) else type(error).__name__
        super().__init__(
            "FINN stopped while it was %s" % words(step),
            text,
            "Look at the last stage that was written and at the detail",
            kind="finn",
            detail=detail,
        )
        self.step = step
        self.error = error


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


def guarded(name: str, action: Callable[[Any, Any], Any], model: Any, cfg: Any) -> Any:
    """One step of a flow. Raises ``StepFailed`` if it raises anything."""
    try:
        return action(model, cfg)
    except (Exception, SystemExit) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise  # a full disk is not FINN's doing
        # FINN's transformations raise assertions and bare exceptions for networks that they
        # cannot take; the user needs to know at which step.
        raise StepFailed(name, error, traceback.format_exc()) from error


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
    _one_annotation_each(model)
    # Random names first: counting ones would meet those that a partition already has.
    steps = ("SortGraph", "GiveUniqueNodeNames", "GiveRandomTensorNames", "GiveReadableTensorNames")
    for name in steps:
        model = model.transform(getattr(general, name)())
    return model


def _one_annotation_each(model: Any) -> None:
    """Keep one data type a tensor, none of tensors that are gone: their names are given anew."""
    annotations = model.graph.quantization_annotation
    names = {name for node in model.graph.node for name in (*node.input, *node.output)}
    last = {each.tensor_name: each for each in annotations if each.tensor_name in names}
    if len(last) < len(annotations):
        distinct = list(last.values())
        del annotations[:]
        annotations.extend(distinct)


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
    "step_minimize_bit_width_initial": "minimizing bit widths",
}


def words(name: str) -> str:
    """What a step does, as a verb for progress and errors."""
    return _WORDS.get(name, "running " + name[len("step_") * name.startswith("step_") :])
