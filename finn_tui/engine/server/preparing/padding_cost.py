"""What zero padding of bipolar activations costs in hardware, computed in software beforehand.

The network is run twice on the same images: as it was trained, and with padded pixels worth -1, as
the hardware computes them.
"""

import importlib
import os
from typing import Any, Callable, Dict, List, Optional, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import graphs as onnx_graphs
from finn_tui.engine.server.preparing import execution, padding
from finn_tui.engine.server.training import weights

Progress = Callable[[str, Optional[float]], None]

#: Images that are enough to tell a loss of one percent, by how fast the network runs here: with
#: torch in batches, or node by node as FINN executes a graph.
_MOST_TORCH, _MOST_GRAPH = 2000, 100


def examine(network: Any, data: Optional[str], progress: Progress) -> Optional[Dict[str, Any]]:
    """The warning for a network whose hardware pads otherwise than it does; None without need.

    Args:
        network: a ``sources.Network``.
        data: a file .npz with ``images`` and ``labels`` or a folder of a data set; None takes the
            network's samples.
        progress: told what is going on.

    Raises ``EngineError`` for data that cannot be read or do not fit the network.
    """
    if network.stage_kind not in ("qonnx", "finn") or network.pads_as_hardware:
        if data is not None:
            network.notes.append("%s is not needed: the hardware pads as the network does" % data)
        return None
    layers = padding.bipolar_layers(network.model)
    if not layers:
        if data is not None:
            network.notes.append("%s is not needed: no bipolar activation is padded" % data)
        return None
    images, labels, name = _images(network, data)
    images, labels = _some(network, images, labels)
    progress("computing what zero padding costs in hardware, %d images" % len(images), None)
    software, hardware = _classes(network, images)
    count, same = len(images), int((software == hardware).sum())
    known = labels is not None and bool((labels >= 0).all())
    accuracy = _percent(software == labels) if known else None
    true = _percent(hardware == labels) if known else None
    return {
        "kind": "padding",
        "stage": "streamline",
        "what": "%s %s bipolar activations with zeros; the hardware pads with -1"
        % (_places(layers), "pads" if len(layers) == 1 else "pad"),
        "why": "Bipolar activations are -1 and +1. FINN computes them as bits 0 and 1, and a "
        "padded 0 is the bit 0, which means -1. %s" % _cost(count, same, accuracy, true, name),
        "fix": "Train with padding -1 in these layers (the export keeps zero padding), or give "
        "these activations 2 bits, which have a 0",
        "padding": {
            "layers": [layer.place for layer in layers],
            "nodes": [str(layer.node.name) for layer in layers],
            "images": count,
            "same": same,
            "data": name,
            "accuracy": accuracy,
            "hardware_accuracy": true,
        },
    }


def _percent(right: Any) -> float:
    return round(100.0 * float(right.mean()), 2)


def _places(layers: List[padding.PaddedLayer]) -> str:
    numbers = [str(layer.place) for layer in layers]
    if len(numbers) == 1:
        return "convolution %s" % numbers[0]
    return "convolutions %s and %s" % (", ".join(numbers[:-1]), numbers[-1])


def _cost(
    count: int, same: int, accuracy: Optional[float], true: Optional[float], name: str
) -> str:
    text = "On %d images (%s) the hardware gives another class for %d (%.0f %%)" % (
        count,
        name,
        count - same,
        100.0 * (count - same) / count,
    )
    if accuracy is not None and true is not None:
        text += ": accuracy %.2f %% as trained, %.2f %% in hardware" % (accuracy, true)
    return text + "."


def _some(network: Any, images: Any, labels: Any) -> Tuple[Any, Any]:
    """So many images as take a minute or two, from all parts of the data."""
    most = _MOST_TORCH if network.net is not None else _MOST_GRAPH
    step = max(1, len(images) // most)
    chosen = slice(0, step * most, step)
    return images[chosen], labels[chosen] if labels is not None else None


def _classes(network: Any, images: Any) -> Tuple[Any, Any]:
    """Classes as trained and as the hardware gives them."""
    if network.net is not None:
        networks = importlib.import_module("finn_tui.engine.server.training.networks")
        software = weights.scores(network.net, images).argmax(axis=1)
        with networks.hardware_padding(network.net):
            return software, weights.scores(network.net, images).argmax(axis=1)
    numpy = importlib.import_module("numpy")
    front = network.handling.inputs[0].front()
    answers = []
    for model in (network.model, padding.as_hardware(network.model)):
        run = execution.runner(model)
        classes = []
        for at in range(len(images)):
            image = images[at : at + 1].astype(numpy.float32)
            outputs = run([image if front is None else front(image)])
            classes.append(execution.top1(outputs[0]))
        answers.append(numpy.asarray(classes))
    return answers[0], answers[1]


def _images(network: Any, data: Optional[str]) -> Tuple[Any, Any, str]:
    """Images, labels (or None) and what they are called."""
    if data is None:
        labels = network.labels if (network.labels >= 0).all() else None
        return network.images, labels, "digits28" if network.split is not None else "samples"
    images, labels = _read(data)
    shape = list(onnx_graphs.plain(network.images.shape[1:]))
    if list(images.shape[1:]) != shape:
        raise EngineError(
            "The images of %s do not fit the network" % os.path.basename(data),
            "They are %s, the network takes %s"
            % ("x".join(map(str, images.shape[1:])), "x".join(map(str, shape))),
            "Give images of that shape, channels first",
        )
    return images, labels, os.path.basename(os.path.normpath(data))


def _read(data: str) -> Tuple[Any, Any]:
    numpy = importlib.import_module("numpy")
    if os.path.isdir(data):
        try:
            datasets = importlib.import_module("finn_tui.engine.server.training.datasets")
        except ImportError as error:
            raise EngineError("Folders of data sets cannot be read", str(error), "") from error
        found = datasets.load(data, test_only=True)
        return found.test_images, found.test_labels
    try:
        with numpy.load(data, allow_pickle=False) as arrays:
            images = arrays["images"]
            labels = arrays["labels"].reshape(-1) if "labels" in arrays.files else None
    except (OSError, ValueError, KeyError, AttributeError, EOFError) as error:
        raise EngineError(
            "%s cannot be read" % os.path.basename(data),
            str(error),
            "Give an .npz file with uint8 images (N, C, H, W) and labels (N), or the folder of a "
            "data set",
        ) from error
    if images.dtype != numpy.uint8 or images.ndim < 2 or not len(images):
        raise EngineError(
            "%s holds no images" % os.path.basename(data),
            "images has the type %s and the shape %s" % (images.dtype, images.shape),
            "Give uint8 images (N, C, H, W)",
        )
    if labels is not None and (len(labels) != len(images) or labels.dtype.kind not in "iu"):
        raise EngineError(
            "The labels of %s do not fit its images" % os.path.basename(data),
            "There are %d labels (%s) for %d images" % (len(labels), labels.dtype, len(images)),
            "Give one whole number an image",
        )
    return images, None if labels is None else labels.astype(numpy.int64)
