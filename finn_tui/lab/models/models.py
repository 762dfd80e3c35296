"""Models: what the workspace has of them, and under which names.

``models/<name>/<part>/`` holds one preparation: ``model.json`` (what the engine said, written
last), ``stages/``, ``dataflow.onnx``, ``sample/``, ``dataset/``, ``design.json``, ``tables.json``.
The part is in the path because FINN chooses HLS or RTL layers by it.

A model is identified by its content (see ``identity``); the name is for people. Of two contents
with one name, the second lies in ``models/<name>-<first digits of its hash>``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.core.device import Device
from finn_tui.lab.models import identity
from finn_tui.lab.models.model_request import ModelRequest
from finn_tui.lab.models.presets import Preset, presets
from finn_tui.lab.workspace import Workspace


@dataclass(frozen=True)
class Stage:
    """One stage of the flow, from export to dataflow graph.

    Attributes:
        index, name, path: place in the flow, FINN's name of the step, the saved graph.
        nodes, op_types: how many nodes, and how many of each op type.
        check: ``images`` tried and how many had the ``same`` top-1 as the original, how many
            equal ``outputs`` (None behind a top-k), their largest ``difference``, and why it is
            ``weak`` evidence; None where the graph cannot be run in software.
    """

    index: int
    name: str
    path: Path
    nodes: int
    op_types: Mapping[str, int]
    check: Mapping[str, Any] | None


@dataclass(frozen=True)
class Model:
    """A prepared model for one part.

    Attributes:
        name: its name in this workspace, which no other content has.
        folder: where everything of it lies.
        info: model.json: what the engine wrote, and what identifies it.
        preset: what it was made from, if it was a preset.
    """

    name: str
    folder: Path
    info: Mapping[str, Any]
    preset: Preset | None

    @property
    def title(self) -> str:
        """Its name for people: ``net``, or ``net (3fa2c1)`` where ``net`` is another content."""
        return str(self.info.get("title") or self.name)

    @property
    def content(self) -> str:
        """The hash of what it was prepared from; empty if it is not known."""
        return str(self.info.get("content") or "")

    @property
    def id(self) -> str:
        """What identifies it everywhere: content, FINN and part, as 16 hex digits."""
        return identity.model_id(self.content, self.info["finn"], self.info["part"])

    @property
    def dataflow(self) -> Path:
        """The dataflow graph: hardware layers of the part, not folded yet."""
        return self.folder / "dataflow.onnx"

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The flow, first stage first."""
        return tuple(_stage(self.folder, item) for item in self.info["stages"])

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed and done to prepare it, for the user."""
        return tuple(self.info.get("notes", ()))

    @property
    def warnings(self) -> tuple[Mapping[str, Any], ...]:
        """What the stage check found: kind, stage, what, why, fix."""
        return tuple(self.info.get("warnings", ()))

    @property
    def computes_otherwise(self) -> bool:
        """Whether some stage gives other classes than the network."""
        return any(warning["kind"] == "classes" for warning in self.warnings)

    @property
    def weights(self) -> Mapping[str, Any]:
        """Where the weights come from: kind, note, accuracy (percent, or None)."""
        weights: Mapping[str, Any] = self.info["weights"]
        return weights


def shown_names(workspace: Workspace) -> dict[str, str]:
    """How the models of a workspace are shown, by their names in it."""
    return {
        name: str((info or {}).get("title") or name) for name, info in _infos(workspace).items()
    }


def damaged_names(workspace: Workspace) -> set[str]:
    """The models of a workspace that cannot be read and are prepared again when they are opened."""
    return {name for name, info in _infos(workspace).items() if info is None}


def _infos(workspace: Workspace) -> dict[str, dict[str, Any] | None]:
    """What is known of each model by its name; None where no part's document can be read."""
    infos = {}
    for name in workspace.models():
        paths = sorted((workspace.models_dir / name).glob("*/model.json"))
        infos[name] = next(
            (info for info in map(files.read_sealed, paths) if info is not None), None
        )
    return infos


def locate(workspace: Workspace, request: ModelRequest, part: str) -> str:
    """The name in the workspace that a request's content has, or gets, for a part.

    The same content keeps the name that it has. Another content gets the plain name if that is
    free, or holds what the same file was before it was edited; otherwise one with its hash.
    """
    if request.label is not None:
        return request.label
    infos = [
        (path.parts[-3], path.parts[-2], files.read_sealed(path) or {})
        for path in sorted(workspace.models_dir.glob(f"{request.name}*/*/model.json"))
    ]
    for label, of_part, info in infos:
        if of_part == part and (info.get("name"), info.get("content")) == (
            request.name,
            request.content,
        ):
            return label
    own = request.preset is None or request.otherwise
    taken = own and request.name in presets(workspace.root)
    others = {label for label, _, info in infos if info.get("origin") != request.origin}
    if not taken and request.name not in others:
        return request.name
    elsewhere = {label for label, _, info in infos if info.get("content") != request.content}
    names = [f"{request.name}-{request.content[:digits]}" for digits in identity.DIGITS]
    return next((name for name in names if name not in elsewhere), names[-1])


def find_prepared(
    workspace: Workspace, request: ModelRequest, device: Device, finn: Mapping[str, Any] | None
) -> Model | None:
    """The model as prepared before; None if it must be prepared (again).

    Args:
        finn: flavour and version of the engine, if known; another FINN makes another graph.
    """
    label = locate(workspace, request, device.part)
    folder = workspace.models_dir / label / device.part
    info = files.read_sealed(folder / "model.json")
    if info is None or info.get("content") != request.content:
        return None
    if finn is not None and info["finn"] != {key: finn[key] for key in ("flavour", "version")}:
        return None
    model = Model(label, folder, info, request.preset)
    try:
        if files.sha256(model.dataflow) != info["dataflow_sha256"]:
            return None
    except OSError:
        return None
    return model


def failed_folder(folder: Path) -> Path:
    """Where the stages of a preparation are that failed, beside the folder of one that did not."""
    return folder.with_name(folder.name + ".failed")


@dataclass(frozen=True)
class FailedPreparation:
    """What is left of a preparation that failed.

    Attributes:
        name: what people call the model.
        folder: where its stages are.
        stages: those that passed.
        notes: what was assumed and tried.
        error: why it failed.
    """

    name: str
    folder: Path
    stages: tuple[Stage, ...]
    notes: tuple[str, ...]
    error: FinnTuiError


def failed_preparation(
    workspace: Workspace, request: ModelRequest, part: str
) -> FailedPreparation | None:
    """The stages that passed of a preparation that failed, and why it did; None without one."""
    folder = failed_folder(workspace.models_dir / locate(workspace, request, part) / part)
    try:
        document = json.loads((folder / "failed.json").read_text(encoding="utf-8"))
        stages = tuple(_stage(folder, item) for item in document["stages"])
        notes = tuple(str(note) for note in document.get("notes", ()))
        error = FinnTuiError.from_dict(document["error"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return FailedPreparation(request.name, folder, stages, notes, error) if stages else None


def _stage(folder: Path, item: Mapping[str, Any]) -> Stage:
    return Stage(
        item["index"],
        item["name"],
        folder / item["file"],
        item["nodes"],
        item["op_types"],
        item.get("check"),
    )


def identified(request: ModelRequest, label: str, folder: Path) -> dict[str, Any]:
    """What model.json says of a model's identity.

    Args:
        request: what was prepared.
        label: its name in the workspace.
        folder: where its ``dataflow.onnx`` is.
    """
    return {
        "name": request.name,
        "title": identity.title_of(label, request.content),
        "origin": request.origin,
        "content": request.content,
        "dataflow_sha256": files.sha256(folder / "dataflow.onnx"),
    }
