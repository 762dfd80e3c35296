"""How a network's input and output are handled, and by which steps it is prepared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.lab import consent

#: Flows that the engine knows by name; see ``finn_tui.engine.server.preparing.flows``.
FLOWS = ("auto", "default", "residual", "depthwise", "deconvolution", "extended")

#: Bytes of a Python file at most.
_MOST_BYTES = 16 << 20

#: Asked whether a user's file of steps may run; given its path and content.
Consent = Callable[[Path, str], bool]


@dataclass(frozen=True)
class Handling:
    """What a user wishes; None leaves it as it was, "auto" to what the network says.

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

    def applied(self, source: Mapping[str, Any]) -> dict[str, Any]:
        """A source for the engine's ``prepare`` with these wishes.

        Args:
            source: as the preset or the file gives it.

        Raises:
            FinnTuiError: a file that is not there, or a number that is none.
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
        if self.steps is not None:
            for key in ("flow", "steps"):
                chosen.pop(key, None)
            if self.steps in FLOWS:
                chosen["flow"] = self.steps
            else:
                chosen["steps"] = file_of_steps(Path(self.steps))
        for key in ("preprocess", "topk", "input_type", "flow"):
            # Nothing said is the same content as "auto".
            if chosen.get(key) == "auto":
                del chosen[key]
        return chosen

    @classmethod
    def of(cls, source: Mapping[str, Any]) -> Handling:
        """What a source says of it, as a user would say it; "auto" where it says nothing."""
        preprocess, steps = source.get("preprocess", "auto"), source.get("steps")
        if isinstance(preprocess, Mapping):
            preprocess = preprocess.get("path", "auto")
        return cls(
            str(preprocess),
            str(source.get("topk", "auto")),
            str(source.get("input_type") or "auto"),
            str(steps.get("path")) if isinstance(steps, Mapping) else source.get("flow", "auto"),
        )

    def changed_from(self, before: Handling) -> Handling:
        """Only what differs, for ``applied``."""
        pairs = {field.name: getattr(self, field.name) for field in fields(self)}
        return Handling(
            **{
                name: value if value != getattr(before, name) else None
                for name, value in pairs.items()
            }
        )


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


class ConsentRequired(FinnTuiError):
    """A file of build steps that nobody has agreed to run.

    Attributes:
        path: of the file.
        digest: SHA-256 of its content.
        text: its content.
    """

    def __init__(self, path: Path, digest: str, text: str) -> None:
        super().__init__(
            f"{path} is Python code that nobody has agreed to run",
            "It would run in FINN's process with your rights. "
            f"Its SHA-256 is {digest}; another content needs consent again.",
            "Read the file, then give --trust-steps once.",
        )
        self.path, self.digest, self.text = path, digest, text

    def agree(self) -> None:
        """Remember that the user agreed to this content."""
        consent.agree(self.digest, self.path)


def file_of_steps(path: Path, folder: Path | None = None) -> dict[str, str]:
    """A file of build steps with its content's hash, as the engine's ``prepare`` takes it.

    Args:
        path: of the file.
        folder: what a relative path is relative to; the current folder if None.

    Raises:
        FinnTuiError: there is no such file.
    """
    path = (folder or Path()).joinpath(path.expanduser()).absolute()
    return {"path": str(path), "sha256": hashlib.sha256(_content(path)).hexdigest()}


def file_of_network(path: Path) -> dict[str, str]:
    """A Python file with a network, as the engine's ``prepare`` takes it.

    Raises:
        FinnTuiError: it cannot be read.
    """
    return {"kind": "module", **file_of_steps(path)}


def _content(path: Path) -> bytes:
    try:
        return files.read_bounded(path, _MOST_BYTES)
    except OSError as error:
        raise FinnTuiError(
            f"{path} cannot be read",
            error.strerror or str(error),
            f"Name a Python file, or for --steps one of {', '.join(FLOWS)}.",
        ) from error


def require_agreed(source: Mapping[str, Any], ask: Consent | None) -> None:
    """Have the user agree to a source's Python files, once for each content of them.

    Args:
        source: for the engine's ``prepare``; wherever it comes from.
        ask: asked where nobody has agreed yet.

    Raises:
        ConsentRequired: nobody agrees.
        FinnTuiError: the file is not there, or was changed.
    """
    if source.get("steps") is not None:
        _require_agreed(Path(str(source["steps"]["path"])), ask)
    if source.get("kind") == "module":
        _require_agreed(Path(str(source["path"])), ask)


def _require_agreed(path: Path, ask: Consent | None) -> None:
    content = _content(path)
    digest = hashlib.sha256(content).hexdigest()
    if consent.is_agreed(digest):
        return
    required = ConsentRequired(path, digest, content.decode("utf-8", "replace"))
    if ask is None or not ask(path, required.text):
        raise required
    required.agree()
