"""The accuracy of a network in software on a data set's test images."""

import importlib
import time
from typing import Any, Callable, Dict, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.finn import finn_env
from finn_tui.engine.server.training import checkpoints, datasets, evaluate, initial, job

Progress = Callable[[str, Optional[float]], None]

#: Images between two reports of progress.
_CHUNK = 1000


def of_checkpoint(path: str, module: Optional[Dict[str, Any]] = None) -> Any:
    """Return the network of a training's checkpoint with its weights.

    Args:
        path: of the checkpoint.
        module: the user's own Python file that it may name: ``path``, and ``sha256`` of the content
            that was agreed to; what a checkpoint names is not run for its own sake.

    Raises ``EngineError``: it is damaged, or does not say what network it is of.
    """
    finn_env.torch_ready()
    document = checkpoints.load(path)
    definition = document.get("definition")
    if not isinstance(definition, dict):
        raise EngineError(
            "The checkpoint %s does not define its network" % path,
            "Trainers other than finn-tui's leave the weights only.",
            "Name the preset with it: finn-tui evaluate PRESET --checkpoint FILE",
        )
    if "module" in definition:
        if module is None or module != definition["module"]:
            raise EngineError(
                "The checkpoint %s is of a user's own Python file" % path,
                "It was %.200s; that file is not run unless it is named."
                % (definition["module"] or {}).get("path"),
                "Name the file: finn-tui evaluate FILE.py --checkpoint RUN",
            )
        definition = {"module": module}
    net = initial.network(definition, 0)
    initial.load_weights(net, document, path)
    return net


def measure(net: Any, folder: str, labels: str, progress: Progress) -> Dict[str, Any]:
    """Return accuracy in all and by class, and what is confused most.

    Args:
        net: the network.
        folder: of the data set.
        labels: of CIFAR-100: ``fine`` or ``coarse``.
        progress: told how far it is.

    Raises ``EngineError``: the data set cannot be read, or does not fit the network.
    """
    torch = finn_env.torch_ready()
    numpy = importlib.import_module("numpy")
    data = datasets.load(folder, labels, test_only=True)
    job.check_fit(net, data)
    images = torch.from_numpy(data.test_images)
    begun = time.monotonic()
    parts = []
    for start in range(0, len(images), _CHUNK):
        parts.append(evaluate.predict(net, images[start : start + _CHUNK]))
        done = min(len(images), start + _CHUNK)
        progress("%d of %d images" % (done, len(images)), done / float(len(images)))
    seconds = time.monotonic() - begun
    scores = evaluate.summary(numpy.concatenate(parts), data.test_labels, data.classes)
    return dict(
        scores,
        dataset=data.name,
        dataset_source=data.source,
        seconds=round(seconds, 3),
        images_per_s=round(len(images) / max(1e-9, seconds), 1),
    )
