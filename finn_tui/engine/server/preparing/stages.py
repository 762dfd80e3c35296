"""The stages that a preparation writes, and their comparison with the network as it came."""

import contextlib
import importlib
import os
from typing import Any, Callable, Dict, List, Optional

from finn_tui.engine.server import graphs
from finn_tui.engine.server.preparing import checks, execution, handling, opening, padding, sources

Progress = Callable[[str, Optional[float]], None]

#: The share of a preparation that goes into the weights.
WEIGHTS_SHARE = 0.4


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
        self.topk = network.stage_kind != "qonnx" and ends_in_topk(network.model)
        self.tail: Optional[str] = None
        self.in_front = True  # whether the pre-processing is not yet part of the graph
        self._fronts = [each.front() for each in network.handling.inputs]
        self._unchecked: List[Any] = []
        self._count = count
        samples = checks.samples_for(network.model) if check else 0
        self.reference = checks.Reference(
            network.samples, network.software, handling.tells_classes(network.model), samples
        )

    def save(self, name: str, model: Any) -> None:
        """Write a stage; it is compared with the network by ``check``."""
        file = "stages/%02d-%s.onnx" % (len(self.stages), name)
        if self.stages:  # the first is the file as it came
            opening.sign(model)
        model.save(os.path.join(self.out, file))
        # Checked once a whole flow has succeeded: one that fails half way is not worth the time.
        self._unchecked.append(
            (model, self.in_front, list(self.hosts), ends_in_topk(model), self.tail)
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
        for stage, (model, in_front, hosts, topk, tail) in zip(self.stages, self._unchecked):
            self.progress("checking %s" % stage["name"], None)
            self.in_front, self.hosts, self.topk, self.tail = in_front, hosts, topk, tail
            stage["check"] = self._check(model)

    def _check(self, model: Any) -> Optional[Dict[str, Any]]:
        if not self.reference.classes.size:
            return None
        numpy = importlib.import_module("numpy")

        def front(batch: Any, at: int) -> Any:
            front_of = self._fronts[at] if self.in_front else None
            if front_of is not None:
                return front_of(batch)
            return execution.to_hardware(batch, self.hosts[at]).astype(numpy.float32)

        tail = _TAILS[self.tail] if self.tail else None
        if self.network.pads_as_hardware:
            model = padding.as_hardware(model)
        return self.reference.check(model, front, tail, self.topk)

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


def _log_softmax(output: Any) -> Any:
    numpy = importlib.import_module("numpy")
    shifted = output - output.max(axis=-1, keepdims=True)
    return shifted - numpy.log(numpy.exp(shifted).sum(axis=-1, keepdims=True))


#: What ``handling.cut_tail`` leaves to the host.
_TAILS = {"Softmax": _softmax, "LogSoftmax": _log_softmax}


def ends_in_topk(model: Any) -> bool:
    last = model.find_producer(model.graph.output[0].name)
    return last is not None and (last.op_type == "TopK" or last.op_type.startswith("LabelSelect"))
