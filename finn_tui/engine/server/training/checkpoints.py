"""Checkpoints of a training: written in one go, read without running anything in them."""

import contextlib
import importlib
import os
from typing import Any, Dict

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.training import weight_files

FORMAT = 1


def save(path: str, document: Dict[str, Any]) -> None:
    """Replace a checkpoint in one go: a reader sees the old or the new one. Raises ``OSError``."""
    torch = importlib.import_module("torch")
    partial = "%s.%d.partial" % (path, os.getpid())
    try:
        with open(partial, "wb") as file:
            torch.save(dict(document, format=FORMAT), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise


def load(path: str) -> Dict[str, Any]:
    """Read a checkpoint onto the CPU; tensors and plain values only.

    Raises ``EngineError``: it is missing, damaged, or names code to run.
    """
    torch = importlib.import_module("torch")
    if not os.path.isfile(path):
        raise EngineError("There is no checkpoint %s" % path, "", "Check the path")
    try:
        document = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch raises from its unpickler whatever the file provokes.
        raise EngineError(
            "The checkpoint %s cannot be read" % path,
            weight_files.reason(error),
            "Train again, or give another checkpoint",
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("state_dict"), dict):
        raise EngineError(
            "The checkpoint %s holds no weights" % path,
            "It has no state_dict.",
            "Give a checkpoint that `finn-tui train` wrote",
        )
    return document
