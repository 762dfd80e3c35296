"""Networks that can be trained: presets, and users' own Python files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.models import user_modules
from finn_tui.lab.models.handling import Consent, file_of_network, require_agreed
from finn_tui.lab.models.presets import Preset, find_preset
from finn_tui.lab.workspace import name_of_file

if TYPE_CHECKING:
    from finn_tui.runs.folder import RunFolder


@dataclass(frozen=True)
class Trainable:
    """A network that can be trained.

    Attributes:
        name: what runs call it.
        title: what it is, in words.
        definition: what the engine builds it from.
        dataset: name or folder of the data set that it is for, None where nothing says it.
        convolutional: whether it has convolutions.
        values: how it wishes to be trained, in place of ``usual`` values.
    """

    name: str
    title: str
    definition: Mapping[str, Any]
    dataset: str | None
    convolutional: bool
    values: Mapping[str, Any] = field(default_factory=dict)

    def usual(self, family: str) -> dict[str, Any]:
        """The usual values: they reach a good accuracy in few epochs.

        Args:
            family: of the data set's files.
        """
        return {
            "epochs": 100 if self.convolutional else 40,
            "batch": 100,
            "lr": 0.02 if self.convolutional else 0.06,
            "augmentation": "none" if family == "idx" else "crop-flip",
            **self.values,
        }


def is_module(model: str) -> bool:
    """Whether a user's MODEL is a Python file."""
    path = Path(model).expanduser()
    return path.suffix == ".py" and path.is_file()


def find(model: str, workspace: Path) -> Trainable:
    """What a user's MODEL is, to be trained; nothing of a Python file is run.

    Args:
        model: a preset's name, its .toml or .ini file, or a Python file with a network.
        workspace: the workspace's folder.

    Raises:
        FinnTuiError: there is no such network, or it cannot be trained.
    """
    if is_module(model):
        return of_module(Path(model))
    path = Path(model).expanduser()
    if path.suffix == ".py":
        raise FinnTuiError(
            f"there is no file {model}",
            "A network of your own is a Python file that gives model and INPUT.",
            "Check the path.",
        )
    return of_preset(find_preset(model, workspace))


def of_module(path: Path) -> Trainable:
    """A user's own Python file, as it is now. Raises ``FinnTuiError`` if it cannot be used."""
    path = path.expanduser().absolute()
    facts = user_modules.read(path)
    source = file_of_network(path)
    definition = {"module": {"path": source["path"], "sha256": source["sha256"]}}
    dataset = facts.dataset
    if dataset is not None and (path.parent / dataset).is_dir():
        dataset = str(path.parent / dataset)
    return Trainable(
        name_of_file(path.stem),
        path.name,
        definition,
        dataset,
        facts.is_convolutional,
        facts.training,
    )


def of_preset(preset: Preset) -> Trainable:
    """A preset's network.

    Raises:
        FinnTuiError: it comes from a file that holds no definition.
    """
    if preset.network is not None:
        definition = preset.network.definition()
        convolutional = bool(definition.get("channels"))
    elif preset.source.get("kind") == "brevitas":
        definition = {"brevitas": preset.source["network"]}
        convolutional = "cnv" in str(preset.source["network"])
    else:
        raise FinnTuiError(
            f"{preset.name} cannot be trained",
            "Its network comes from a file that holds no definition.",
            "Define it in the preset's [network] table.",
        )
    return Trainable(preset.name, preset.title, definition, preset.dataset, convolutional)


def require_agreed_run(run: RunFolder, ask: Consent | None) -> dict[str, Any] | None:
    """Have the user agree to the Python file that a training is of, once for its content.

    Args:
        run: the training.
        ask: asked where nobody has agreed yet.

    Returns:
        the file as the engine takes it, with the hash of what was trained; None if the network
        is no user's file.

    Raises:
        ConsentRequired: nobody agrees.
        FinnTuiError: the file is not there.
    """
    training = run.request.training
    module = training.definition.get("module") if training is not None else None
    if not isinstance(module, dict):
        return None
    require_agreed({"kind": "module", "path": str(module.get("path"))}, ask)
    return module
