"""What a network makes of a test set: accuracy, per class, and what it takes for what."""

import importlib
from typing import Any, Dict, List, Sequence, Tuple

#: Pairs of classes that are listed, most frequent first.
CONFUSIONS = 20
BATCH = 250


def as_input(images: Any) -> Any:
    """Return uint8 images as the network and the hardware see them: value / 255."""
    torch = importlib.import_module("torch")
    return images.to(torch.float32).div_(255.0)


def predict(net: Any, images: Any, batch: int = BATCH) -> Any:
    """Return the class of each image as an int64 numpy array.

    Among equal outputs the first one counts, as in FINN's LabelSelect.

    Args:
        net: in evaluation mode afterwards.
        images: uint8 tensor (N, C, H, W) on the network's device.
        batch: images at once.
    """
    torch = importlib.import_module("torch")
    numpy = importlib.import_module("numpy")
    net.eval()
    classes = []
    with torch.no_grad():
        for start in range(0, len(images), batch):
            outputs = net(as_input(images[start : start + batch]))
            classes.append(outputs.cpu().numpy().argmax(axis=1))
    return numpy.concatenate(classes)


def summary(predictions: Any, labels: Any, classes: Sequence[str]) -> Dict[str, Any]:
    """Return top-1 accuracy in all and by class, and the confusions that occur most.

    Args:
        predictions: classes (N,).
        labels: the true ones (N,).
        classes: their names.
    """
    correct = predictions == labels
    per_class: List[Dict[str, Any]] = []
    for at, name in enumerate(classes):
        of_class = labels == at
        images = int(of_class.sum())
        right = int((correct & of_class).sum())
        percent = round(100.0 * right / images, 4) if images else None
        per_class.append(
            {"class": at, "name": name, "images": images, "correct": right, "percent": percent}
        )
    return {
        "percent": round(100.0 * float(correct.mean()), 4) if len(labels) else 0.0,
        "correct": int(correct.sum()),
        "images": len(labels),
        "per_class": per_class,
        "confusions": [
            {"label": label, "predicted": predicted, "count": count}
            for label, predicted, count in _confusions(predictions, labels)
        ],
    }


def _confusions(predictions: Any, labels: Any) -> List[Tuple[int, int, int]]:
    numpy = importlib.import_module("numpy")
    wrong = predictions != labels
    pairs, counts = numpy.unique(
        numpy.stack([labels[wrong], predictions[wrong]]), axis=1, return_counts=True
    )
    order = numpy.argsort(-counts, kind="stable")[:CONFUSIONS]
    return [(int(pairs[0, i]), int(pairs[1, i]), int(counts[i])) for i in order]
