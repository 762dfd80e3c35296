"""How a network's input and output are handled, and by which steps it is prepared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab import consent

#: Flows that the engine knows by name; see ``finn_tui.engine.server.flows``.
FLOWS = ("auto", "default", "residual", "depthwise", "deconvolution", "extended")

#: Asked whether a user's file of steps may run; given its path and content.
Consent = Callable[[Path, str], bool]


@dataclass(frozen=True)
class Handling:
    """What a user wishes; None leaves it to what the network says, or to the preset.

    Attributes:
        preprocess: "none", "divide-255", or the path of an .onnx file to put in front.
        topk: a number, or "none".
        input_type: FINN's name of the input's data type.
        steps: name of a flow, or the path of a Python file with a list of steps.
    """

    preprocess: str | None = None
    topk: str | None = None
    input_type: str | None = None
    steps: str | None = None

    def __bool__(self) -> bool:
        return any((self.preprocess, self.topk, self.input_type, self.steps))

    def applied(self, source: Mapping[str, Any], ask: Consent | None = None) -> dict[str, Any]:
        """A source for the engine's ``prepare`` with these wishes.

        Args:
            source: as the preset or the file gives it.
            ask: asked for consent to a file of steps that was not agreed to before.

        Raises:
            FinnTuiError: a file that is not there, or steps that were not agreed to.
        """
        chosen = dict(source)
        if self.preprocess is not None:
            chosen["preprocess"] = self.preprocess
            path = Path(self.preprocess).expanduser()
            if self.preprocess not in ("auto", "none", "divide-255"):
                if not path.is_file():
                    raise FinnTuiError(
                        f"there is no pre-processing {self.preprocess}",
                        "It is neither none nor divide-255, and there is no such file.",
                        "Use none, divide-255 or an .onnx file that is put in front.",
                    )
                chosen["preprocess"] = {"path": str(path.absolute())}
        if self.topk is not None:
            chosen["topk"] = _topk(self.topk)
        if self.input_type is not None:
            chosen["input_type"] = self.input_type
        if self.steps in FLOWS:
            chosen["flow"] = self.steps
        elif self.steps is not None:
            chosen["steps"] = agreed_steps(Path(self.steps).expanduser(), ask)
        return chosen


def _topk(text: str) -> int | str:
    if text in ("none", "auto"):
        return text
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        raise FinnTuiError(
            f"top-k {text} is out of range",
            "It is the number of classes that the accelerator names, from 1 on.",
            "Give a number such as 1, or none for the network's own output.",
        )
    return count


# Consent to a user's own steps


def agreed_steps(path: Path, ask: Consent | None) -> dict[str, str]:
    """A file of build steps that the user has agreed to run.

    Raises:
        FinnTuiError: there is no such file, or nobody agreed to its present content.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FinnTuiError(
            f"the steps {path} cannot be read",
            error.strerror or str(error),
            f"Name a Python file, or one of {', '.join(FLOWS)}.",
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if not consent.is_agreed(digest):
        if ask is None or not ask(path.absolute(), content.decode("utf-8", "replace")):
            raise FinnTuiError(
                f"{path} is Python code that nobody has agreed to run",
                "It would run in FINN's process with your rights. "
                f"Its SHA-256 is {digest}; another content needs consent again.",
                "Read the file, then give --trust-steps once.",
            )
        consent.agree(digest, path)
    return {"path": str(path.absolute()), "sha256": digest}
