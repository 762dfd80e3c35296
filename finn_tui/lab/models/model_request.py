"""What a user's MODEL means: a preset, a file, or a model of the workspace."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.models import checkpoints, identity
from finn_tui.lab.models.handling import FLOWS, Handling, file_of_network, file_of_steps
from finn_tui.lab.models.presets import SUFFIXES, Preset, load_presets, presets, read_preset
from finn_tui.lab.workspace import Workspace, is_plain_name, name_of_file, plain_name


@dataclass(frozen=True)
class ModelRequest:
    """What a user's MODEL means.

    Attributes:
        name: what people call it; two contents may have one.
        source: what the engine's ``prepare`` is given.
        preset: the preset that it is, if it is one.
        content: hash of the source's files and of how they are handled.
        label: the name in the workspace, if that is what the user said.
        otherwise: whether input, output or steps are not the preset's own.
        tests: folder of the published data set that it is for, None if it is not here; where the
            samples come from does not make it another model.
    """

    name: str
    source: Mapping[str, Any]
    preset: Preset | None
    content: str
    label: str | None = None
    otherwise: bool = False
    tests: str | None = None

    @property
    def origin(self) -> str:
        """Where it comes from: what is edited there keeps its name."""
        return f"preset {self.name}" if self.preset else str(self.source.get("path", ""))

    def handled(self, handling: Handling) -> ModelRequest:
        """The same with input, output and steps as the user wishes. Raises ``FinnTuiError``."""
        source = handling.applied(self.source)
        if source == self.source:
            return self
        content = identity.content(source)
        return replace(self, source=source, content=content, label=None, otherwise=True)

    def named(self, name: str) -> ModelRequest:
        """The same under a name that the user chooses, which files of odd names need.

        Raises:
            FinnTuiError: it is no file, or the name cannot be a model's.
        """
        if self.preset is not None or self.label is not None:
            raise FinnTuiError(
                f"{self.label or self.name} has a name already",
                "--name is for an .onnx file, whose name in the workspace is made from the file's.",
                "Leave out --name.",
            )
        return replace(self, name=plain_name(name))

    def with_weights(self, weights: Mapping[str, Any]) -> ModelRequest:
        """The same with its weights from elsewhere."""
        source = {**self.source, "weights": dict(weights)}
        return replace(self, source=source, content=identity.content(source))


def resolve(workspace: Workspace, model: str) -> ModelRequest:
    """Find out what MODEL names: a preset, an .onnx file, or a model of the workspace.

    A name of the workspace with a hash (``net-3fa2c1``, ``net (3fa2c1)``) means that content; one
    without means what its file holds now.

    Raises:
        FinnTuiError: if it is none of them.
    """
    known, broken = load_presets(workspace.root)
    if model in broken:
        raise broken[model]
    if model in known:
        return _of_preset(workspace, known[model])
    path = Path(model).expanduser()
    if path.suffix in SUFFIXES and path.is_file():
        return _of_preset(workspace, read_preset(path))
    if path.suffix == ".py" and path.is_file():
        source = _with_steps({**file_of_network(path)}, workspace)
        request = ModelRequest(name_of_file(path.stem), source, None, identity.content(source))
        weights = checkpoints.chosen(workspace, checkpoints.key_of_module(path))
        return request if weights is None else request.with_weights(weights)
    if path.suffix == ".onnx" or path.is_file():
        if not path.is_file():
            there = os.path.lexists(path)
            raise FinnTuiError(
                f"{model} is a folder, a device or a link to no file"
                if there
                else f"{model} does not exist",
                "A model is named by its .onnx file, a preset or a model of the workspace.",
                f"Presets: {', '.join(known)}.",
            )
        source = _with_steps({"kind": "onnx", "path": str(path.absolute())}, workspace)
        return ModelRequest(name_of_file(path.stem), source, None, identity.content(source))
    label = identity.label_of_title(model)
    if is_plain_name(label):
        for folder in sorted((workspace.models_dir / label).glob("*/model.json")):
            info = files.read_sealed(folder)
            if info is not None:
                return _of_workspace(label, info)
    here = workspace.models()
    raise FinnTuiError(
        f"there is no model called {model}",
        f"Presets: {', '.join(known)}. In this workspace: {', '.join(here) or 'none yet'}.",
        "Name one of these, or an .onnx file. A model that was prepared by an older finn-tui is "
        "prepared again from its file."
        if label in here
        else "Name one of these, or an .onnx file.",
    )


def _of_preset(workspace: Workspace, preset: Preset) -> ModelRequest:
    """A preset as a request: its files lie beside the preset's own."""
    source, folder = dict(preset.source), preset.path.parent
    for key in ("path", "preprocess"):
        value = source.get(key)
        if isinstance(value, str) and value.endswith(".onnx"):
            path = str(folder.joinpath(Path(value).expanduser()).absolute())
            source[key] = path if key == "path" else {"path": path}
    if isinstance(source.get("steps"), str):
        source["steps"] = file_of_steps(Path(source["steps"]), folder)
    request = ModelRequest(preset.name, source, preset, identity.content(source))
    weights = checkpoints.chosen(workspace, preset.name)
    return request if weights is None else request.with_weights(weights)


def choose_checkpoint(workspace: Workspace, model: str, checkpoint: str) -> None:
    """Have a network's weights from a checkpoint from now on.

    Args:
        workspace: where it is remembered.
        model: a preset, or a Python file with a network.
        checkpoint: a file, a training's run, or ``none`` for the network's own weights again.

    Raises:
        FinnTuiError: there is no such network, file or run.
    """
    request = resolve(workspace, model)
    kind = request.source.get("kind")
    if request.preset is not None and kind == "brevitas":
        key = request.name
    elif request.preset is None and kind == "module":
        key = checkpoints.key_of_module(Path(str(request.source["path"])))
    else:
        raise FinnTuiError(
            f"{model} takes no checkpoint",
            "It is a graph, which has its weights inside.",
            "Name the Python file or the preset that was trained: "
            f"{', '.join(presets(workspace.root))}.",
        )
    if checkpoint == checkpoints.NONE:
        checkpoints.forget(workspace, key)
    else:
        checkpoints.choose(workspace, key, checkpoints.find(workspace, checkpoint))


def _with_steps(source: dict[str, Any], workspace: Workspace) -> dict[str, Any]:
    """The source of an .onnx file with the steps that the workspace's settings name."""
    steps = workspace.settings.steps
    if steps in FLOWS:
        return source if steps == "auto" else {**source, "flow": steps}
    return {**source, "steps": file_of_steps(Path(steps), workspace.root)} if steps else source


def _of_workspace(label: str, info: Mapping[str, Any]) -> ModelRequest:
    source, content = info["source"], info["content"]
    name = info.get("name", label)
    path = Path(str(source.get("path", "")))
    if label == name and path.is_file():
        if source.get("kind") == "module":
            source = {**source, **file_of_network(path)}
        content = identity.content(source)
    # What was edited since may be known here by another name already.
    return ModelRequest(name, source, None, content, label if content == info["content"] else None)
