"""The build itself: drives the installed FINN's own builder, in a process of the runner's.

From the prepared dataflow graph (``model.onnx`` of the run folder) through folding, hardware
generation, stitching and synthesis to the deployment package. The steps are the installed FINN's
own default ones, wrapped only to report where the build is.
"""

import functools
import importlib
import os
import sys
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.build import build_config, build_results
from finn_tui.engine.server.design import converters, knobs
from finn_tui.engine.server.failures import build_failure
from finn_tui.engine.server.finn import finn_api, finn_env
from finn_tui.engine.server.preparing import netlist
from finn_tui.engine.server.runs import runfiles, worker

#: After this step the graph is folded and has no FIFOs yet: what the simulated board computes.
ESTIMATED_BY = "step_generate_estimate_reports"


def main(arguments: List[str]) -> int:
    """Build; see ``worker.main`` for the arguments, which name FINN's step to go on from."""
    return worker.main(arguments, _build, build_failure.explain)


def _build(folder: str, start: str, say: worker.Say) -> None:
    _Builder(folder, say, start).build()


class _Builder:
    def __init__(self, folder: str, say: worker.Say, start: str = "") -> None:
        self.folder = folder
        self.start = start
        self.say = say
        self.failure: Optional[BaseException] = None
        run = runfiles.read_json(os.path.join(folder, runfiles.RUN))
        self.run: Dict[str, Any] = run
        self.rehearsal: Optional[Dict[str, Any]] = run.get("rehearsal")

    def build(self) -> None:
        self.say("log", level="info", text="importing FINN")
        simulator = build_config.needs_simulator(self.run)
        finn_env.setup(os.environ["FINN_BUILD_DIR"], simulator=simulator)
        build_config.prepare_finn(self.run)
        dataflow = importlib.import_module("finn.builder.build_dataflow")
        configs = importlib.import_module("finn.builder.build_dataflow_config")
        names = build_names(configs.default_build_dataflow_steps)
        first, graph = self._begin_at(names)
        self.say("steps", names=names, start=self.start or None)
        lookup = importlib.import_module("finn.builder.build_dataflow_steps")
        steps = [
            self._reporting(lookup.build_dataflow_step_lookup[name], index, len(names))
            for index, name in list(enumerate(names, 1))[first:]
        ]
        config = build_config.make(configs, self.run, self.folder, steps)
        code = dataflow.build_dataflow_cfg(graph, config)
        sys.stdout.flush()
        if self.failure is not None:
            raise self.failure
        if code != 0:
            raise EngineError(
                "FINN's builder ended with code %s" % code,
                "It gave no reason.",
                "Read build/build_dataflow.log",
                kind="finn",
            )

    def _begin_at(self, names: List[str]) -> Tuple[int, str]:
        """Index of the first step to do, and the graph that it begins with.

        Raises ``EngineError`` if the step is none of this FINN's, or its graph is not there.
        """
        if not self.start or self.start == names[0]:
            return 0, os.path.join(self.folder, "model.onnx")
        if self.start not in names:
            raise EngineError(
                "The build cannot go on at %s" % self.start,
                "The steps of this FINN are %s." % ", ".join(names),
                "Name one of them, or build anew",
            )
        first = names.index(self.start)
        place = os.path.join(self.folder, "build", "intermediate_models")
        graph = os.path.join(place, names[first - 1] + ".onnx")
        if not os.path.isfile(graph):
            raise EngineError(
                "The build cannot go on at %s" % self.start,
                "The graph that %s left is not there: %s" % (names[first - 1], graph),
                "Go on from an earlier step, or build anew",
            )
        return first, graph

    def _reporting(self, step: Callable[..., Any], index: int, count: int) -> Callable[..., Any]:
        """A step that reports its start and end; its name stays, since FINN names files by it."""

        @functools.wraps(step)
        def run(model: Any, config: Any, *arguments: Any, **named: Any) -> Any:
            place = {"name": step.__name__, "index": index, "count": count}
            self.say("step", status="started", **place)
            begin = time.time()
            try:
                self._hang(step.__name__)
                build_config.complete_fifo_depths(model)
                result = step(model, config, *arguments, **named)
                if step.__name__ == ESTIMATED_BY and self.rehearsal is not None:
                    self._rehearse(result)
                if self.rehearsal is not None:
                    self._rehearse_inserted(result)
            except BaseException as error:
                # FINN swallows what its steps raise; kept here, the cause is not lost.
                self.failure = error
                seconds = round(time.time() - begin, 2)
                self.say("step", status="failed", seconds=seconds, **place)
                raise
            self.say("step", status="finished", seconds=round(time.time() - begin, 2), **place)
            return result

        return run

    def _hang(self, step: str) -> None:
        """In a rehearsal of it: stand at a debugger's prompt, as upstream FINN does on errors."""
        fail = (self.rehearsal or {}) and runfiles.read_json(
            os.path.join(self.folder, "rehearsal", "rehearsal.json")
        ).get("fail")
        if not fail or fail.get("mode") != "pdb" or step != "step_synthesize_bitfile":
            return
        sys.stdout.write(
            "Traceback (most recent call last):\n"
            '  File "finn/builder/build_dataflow.py", line 177, in build_dataflow_cfg\n'
            "    model = transform_step(model, cfg)\n"
            "AssertionError: SIMULATED: a step failed with the debugger switched on\n"
            "> finn/builder/build_dataflow_steps.py(791)step_synthesize_bitfile()\n"
            "-> model = model.transform(\n(Pdb) \n"
        )
        sys.stdout.flush()
        while True:
            time.sleep(3600)

    def _rehearse(self, model: Any) -> None:
        """Give the stand-in tools what they need: the network, and FINN's estimates of it."""
        place = os.path.join(self.folder, "rehearsal")
        netlist.export_network(model, os.path.join(place, "network.npz"))
        path = os.path.join(place, "rehearsal.json")
        plan = runfiles.read_json(path) or {}
        plan.update(build_results.finn_estimate(self.folder))
        plan["part"] = self.run["part"]
        plan["clock_ns"] = self.run["clock_ns"]
        plan["device"] = finn_env.boards()[self.run["board"]]["resources"]
        plan["hls_layers"] = sum("_hls" in node.op_type for node in model.graph.node)
        runfiles.write_json(path, plan)

    def _rehearse_inserted(self, model: Any) -> None:
        """Give the stand-in tools FINN's estimates of what it inserted between the layers.

        In which step that is depends on the version of FINN.
        """
        resources = inserted_resources(model, self.run["part"])
        if not resources:
            return
        path = os.path.join(self.folder, "rehearsal", "rehearsal.json")
        plan = runfiles.read_json(path) or {}
        plan.setdefault("resources", {}).update(resources)
        runfiles.write_json(path, plan)


def inserted_resources(model: Any, part: str) -> Dict[str, Dict[str, Any]]:
    """FINN's estimate of each FIFO and width converter of a graph, by node name."""
    inserted = ("StreamingFIFO", "StreamingDataWidthConverter")
    if not any(knobs.base_op(node.op_type) in inserted for node in model.graph.node):
        return {}
    resources = {
        node.name: dict(zip(converters.COLUMNS, converters.price(inst, part)))
        for node, inst in knobs.hardware_nodes(model)
        if knobs.base_op(node.op_type) in inserted
    }
    if not finn_env.has_uram(part):
        # As for the prices of FIFOs: some FINNs count UltraRAM where there is none.
        for use in resources.values():
            use["URAM"] = 0
    return resources


def build_names(default: List[str]) -> List[str]:
    """The steps that a build runs: those of the installed FINN after the graph's preparation."""
    prepared_by = finn_api.prepared_by(default)
    if prepared_by is None:
        raise EngineError(
            "This FINN's builder is not known",
            "Its steps are %s" % ", ".join(default),
            "Use an engine with finn-plus, or with FINN 0.8.1 or later",
            kind="engine",
        )
    return list(default[default.index(prepared_by) + 1 :])
