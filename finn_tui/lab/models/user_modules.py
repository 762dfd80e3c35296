"""What a user's own Python file says of its network, read without running anything in it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from finn_tui.base.errors import FinnTuiError
from finn_tui.runs.documents import TrainingRequest

_MOST_BYTES = 4_000_000
#: Keys of ``TRAINING``: how, but neither what nor on which images.
RECIPE = frozenset(TrainingRequest.__struct_fields__) - {
    "definition",
    "dataset",
    "dataset_name",
    "labels",
    "weights",
}


@dataclass(frozen=True)
class ModuleFacts:
    """Constants at the top level of a Python file; None or empty where it has none.

    Attributes:
        dataset: ``DATASET``, name or folder of the data set that the network is for.
        input: ``INPUT``, the shape of the network's input.
        training: ``TRAINING``, values of a training, such as ``{"epochs": 20, "lr": 0.01}``.
    """

    dataset: str | None = None
    input: tuple[int, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_convolutional(self) -> bool:
        """Whether its input is an image of channels, height and width; so if it does not say."""
        return len(self.input) not in (1, 2)


def read(path: Path) -> ModuleFacts:
    """Read the constants of a file.

    Args:
        path: of the file.

    Raises:
        FinnTuiError: it cannot be read or is no Python, or a constant has another form than it
            should.
    """
    constants = _constants(path)
    dataset, shape, training = (constants.get(name) for name in ("DATASET", "INPUT", "TRAINING"))
    if dataset is not None and not isinstance(dataset, str):
        raise _wrong(path, f"DATASET is {dataset!r:.80}", 'Give a name, as in DATASET = "cifar10".')
    sizes = shape if isinstance(shape, list | tuple) else ()
    if training is not None:
        _check(path, training)
    return ModuleFacts(
        dataset, tuple(size for size in sizes if isinstance(size, int)), training or {}
    )


def _constants(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise _wrong(path, "it cannot be read", "Check the path.", str(error)) from error
    if len(content) > _MOST_BYTES:
        raise _wrong(path, f"it has more than {_MOST_BYTES:,} bytes", "Name a Python file.")
    try:
        body = ast.parse(content).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _wrong(path, "it is no Python", "Mend the file.", str(error)) from error
    constants: dict[str, Any] = {}
    for statement in body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            if isinstance(target, ast.Name):
                try:
                    constants[target.id] = ast.literal_eval(statement.value)
                except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                    continue  # computed: only the engine can say, once the user has agreed
    return constants


def _check(path: Path, training: Any) -> None:
    if not isinstance(training, dict) or not all(isinstance(key, str) for key in training):
        raise _wrong(path, "TRAINING is no dict of names", 'Give TRAINING = {"epochs": 20}.')
    for key in training:
        if key not in RECIPE:
            raise _wrong(
                path, f"TRAINING has no key {key!r:.80}", f"Keys: {', '.join(sorted(RECIPE))}."
            )
    try:
        msgspec.convert({"definition": {}, "dataset": "", **training}, TrainingRequest)
    except msgspec.ValidationError as error:
        raise _wrong(path, f"TRAINING: {error}", "Correct the value.") from error


def _wrong(path: Path, why: str, fix: str, detail: str = "") -> FinnTuiError:
    return FinnTuiError(f"{path} cannot be used", why, fix, detail=detail)
