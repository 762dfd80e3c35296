"""The stage check: each stage's graph against the network as it came, on the same samples.

Outputs are compared element by element for as long as a stage gives them, classes after top-k.
How many samples are taken follows from the size of the network alone, never from the time that the
machine takes, and is the same at every stage: what stages say can be compared.
"""

import importlib
import math
from typing import Any, Callable, Dict, List, Optional, Tuple

from finn_tui.engine.server.preparing import execution

#: At every stage, whatever the network's size.
LEAST_SAMPLES = 4
MOST_SAMPLES = 20
#: Multiply-accumulates of all samples of a stage: some seconds in FINN's Python execution.
_STAGE_MACS = 0.8e9
#: Differences of outputs up to this share of the largest output come from float arithmetic.
_TOLERANCE = 1e-3
#: Up to this share of changed classes, and of changed outputs or of their size, a change is one of
#: rounding at a threshold.
_FEW_CLASSES, _FEW_OUTPUTS, _SMALL = 0.1, 0.25, 0.15


def samples_for(model: Any) -> int:
    """How many samples each stage of a network is checked on."""
    return max(LEAST_SAMPLES, int(min(MOST_SAMPLES, _STAGE_MACS / max(1.0, macs(model)))))


def macs(model: Any) -> float:
    """Multiply-accumulates of one sample in convolutions and matrix products."""
    total = 0.0
    for node in model.graph.node:
        if node.op_type in ("Conv", "ConvTranspose", "MatMul", "Gemm") and len(node.input) > 1:
            weights = model.get_tensor_shape(node.input[1])
            output = model.get_tensor_shape(node.output[0])
            if weights and output:
                places = math.prod(output[2:]) if node.op_type.startswith("Conv") else 1
                total += float(math.prod(weights)) * float(places)
    return total


class Reference:
    """What the network as it came says of the samples.

    Attributes: ``samples`` (a batch for each input, as the accelerator gets them), ``classes`` (the
    software's top-1), ``outputs`` (of the first stage, filled in by its own check), ``scores``
    (whether the output tells classes apart), ``failure`` (why the first stage that Python
    could not execute was not; empty if all were).
    """

    def __init__(self, samples: List[Any], classes: Any, scores: bool, count: int) -> None:
        self.samples = samples
        self.classes = classes
        self.scores = scores
        self.count = min(count, len(samples[0]))
        self.outputs: Optional[List[List[Any]]] = None
        self.failure = ""

    def check(
        self,
        model: Any,
        front: Callable[[Any, int], Any],
        tail: Optional[Callable[[Any], Any]],
        topk: bool,
    ) -> Optional[Dict[str, Any]]:
        """Compare one stage; None for a graph that Python cannot execute, or without samples.

        ``front`` makes the graph's input of a batch of one (and the number of the input), ``tail``
        what was cut off its output; ``topk`` says whether the graph gives an index.
        """
        if self.count <= 0:
            return None
        run = execution.runner(execution.unspecialised(model))
        results: List[List[Any]] = []
        for at in range(self.count):
            batches = [front(batch[at : at + 1], which) for which, batch in enumerate(self.samples)]
            try:
                results.append(run(batches))
            except Exception as error:
                # A stage that FINN cannot execute in Python fails on its first sample; a check
                # that is missing is shown as missing. Later failures would be real ones.
                if results:
                    raise
                self.failure = self.failure or execution.why_failed(model, error)
                return None
        if tail is not None and not topk:
            results = [[tail(each) for each in outputs] for outputs in results]
        if self.outputs is None and not topk:
            self.outputs = results
        return self._verdict(results, topk)

    def _verdict(self, actual: List[List[Any]], topk: bool) -> Dict[str, Any]:
        count = len(actual)
        equal, largest, share = None, None, None
        if not topk and self.outputs is not None:
            pairs = [_apart(*each) for each in zip(actual, self.outputs)]
            equal = sum(pair[0] for pair in pairs)
            largest = max(pair[1] for pair in pairs)
            size = sum(pair[3] for pair in pairs)
            share = math.sqrt(sum(pair[2] for pair in pairs) / size) if size else 0.0
        if topk or self.scores:
            expected = [int(label) for label in self.classes[:count]]
            same = sum(self._same_class(at, execution.top1(actual[at][0])) for at in range(count))
        else:
            expected = []
            same = count if equal is None else equal
        return {
            "images": count,
            "same": same,
            "outputs": equal,
            "difference": largest,
            "relative": share,
            "weak": _weakness(count, expected, equal, topk),
        }

    def _same_class(self, at: int, label: int) -> bool:
        """Whether a sample's class is the network's, or one that scores as much as it."""
        expected = int(self.classes[at])
        if label == expected or self.outputs is None:
            return label == expected
        scores = self.outputs[at][0].reshape(-1)
        if not 0 <= label < scores.size:
            return False
        numpy = importlib.import_module("numpy")
        return bool(scores[expected] - scores[label] <= 1e-6 * float(numpy.abs(scores).max()))


def _weakness(count: int, expected: List[int], equal: Optional[int], topk: bool) -> Optional[str]:
    """Why a comparison proves little; None where it proves something."""
    if count < LEAST_SAMPLES:
        return "only %d sample%s" % (count, "" if count == 1 else "s")
    if equal is not None:
        return None
    if topk and len(set(expected)) < 2:
        return "all %d samples have the same class" % count
    return None


def _apart(actual: List[Any], wanted: List[Any]) -> Tuple[bool, float, float, float]:
    """Whether outputs are equal but for float arithmetic, and the largest difference.

    Then the sums of the squares of the differences and of the outputs.
    """
    numpy = importlib.import_module("numpy")
    largest, same, apart, size = 0.0, len(actual) == len(wanted), 0.0, 0.0
    for ours, reference in zip(actual, wanted):
        if ours.size != reference.size:
            return False, 0.0, 1.0, 1.0
        # A stage may order axes otherwise (NHWC); then the values are compared as they are.
        if ours.shape != reference.shape and ours.ndim == 4 and reference.ndim == 4:
            ours = ours.transpose(0, 3, 1, 2)
        differences = numpy.abs(ours.reshape(-1) - reference.reshape(-1)).astype(float)
        difference = float(differences.max())
        scale = max(1e-6, float(numpy.abs(reference).max()))
        largest = max(largest, difference)
        same = same and difference <= _TOLERANCE * scale
        apart += float((differences**2).sum())
        size += float((reference.astype(float) ** 2).sum())
    return same, largest, apart, size


# -- what the checks say together ---------------------------------------------------------------


def warnings(
    stages: List[Dict[str, Any]], cause: Dict[str, str], classes: bool, failure: str = ""
) -> List[Dict[str, Any]]:
    """What the user must know of the stages: the first that differs, and weak evidence.

    ``classes``: whether the network tells classes apart; ``same`` counts outputs where it does not.
    ``failure``: why a stage was not executed, empty where that is not known.
    ``cause``: ``why`` and ``fix`` for a network whose classes change, where they are known.
    ``kind`` of an entry is "classes" (the network computes something else), "rounding" or "weak".
    """
    checked = [stage for stage in stages if stage["check"]]
    unchecked = stages[stages.index(checked[-1]) + 1 :] if checked else []
    results: List[Dict[str, Any]] = []
    changed = _first(checked, _FEW_CLASSES if classes else 1.0, _FEW_OUTPUTS, _SMALL)
    if changed is not None:
        results.append(
            {
                "kind": "classes",
                "stage": changed["name"],
                "what": _difference(changed, classes),
                "why": cause.get("why", "The stage computes something else than the network."),
                "fix": cause.get(
                    "fix",
                    "Compare this stage with the one before it (finn-tui graph --stage %s)"
                    % changed["name"],
                ),
            }
        )
    else:
        rounded = _first(checked, 0.0, 0.0, 0.0)
        if rounded is not None:
            results.append(
                {
                    "kind": "rounding",
                    "stage": rounded["name"],
                    "what": _difference(rounded, classes),
                    "why": "So little differs where a value lies on the edge of a quantizer's "
                    "step, and thresholds round it the other way.",
                    "fix": "Evaluate the last stage on more samples if this matters",
                }
            )
    last = checked[-1] if checked else None
    if last is None:
        results.append(
            {
                "kind": "weak",
                "stage": stages[-1]["name"],
                "what": "no stage could be compared with the network",
                "why": failure or execution.why_not() + " Or no samples were asked for.",
                "fix": "Take the figures as they are; whether the hardware computes the network "
                "is not checked",
            }
        )
    elif unchecked:
        results.append(
            {
                "kind": "weak",
                "stage": unchecked[0]["name"],
                "what": "the stages from %s on could not be compared with the network"
                % unchecked[0]["name"],
                "why": failure or execution.why_not(),
                "fix": "Whether the hardware computes the network is not checked: compare the "
                "board's outputs with the network's",
            }
        )
    elif last["check"]["weak"]:
        results.append(
            {
                "kind": "weak",
                "stage": last["name"],
                "what": "weak evidence: %s" % last["check"]["weak"],
                "why": "Equal classes prove little then.",
                "fix": "Prepare with --topk none to compare outputs instead of classes",
            }
        )
    return results


def _first(
    stages: List[Dict[str, Any]], few_classes: float, few_outputs: float, small: float
) -> Optional[Dict[str, Any]]:
    for stage in stages:
        check = stage["check"]
        images = check["images"]
        if images - check["same"] > few_classes * images:
            return stage
        if check["outputs"] is None or images - check["outputs"] <= few_outputs * images:
            continue
        if check["relative"] > small:
            return stage
    return None


def _difference(stage: Dict[str, Any], classes: bool) -> str:
    check = stage["check"]
    images, parts = check["images"], []
    if classes and check["same"] < images:
        parts.append("%d of %d classes differ" % (images - check["same"], images))
    if check["outputs"] is not None and check["outputs"] < images:
        difference = check["difference"]
        parts.append(
            "%d of %d outputs differ (by %.3g at most, %.2g %% of their size in all)"
            % (images - check["outputs"], images, difference, 100.0 * check["relative"])
        )
    return "from the stage %s on, %s" % (stage["name"], " and ".join(parts))
