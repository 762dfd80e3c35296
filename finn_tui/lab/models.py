"""Models: resolving what a user names, preparing it with the engine, and keeping the result.

``models/<name>/<part>/`` holds one preparation: ``model.json`` (what the engine said, written
last), ``stages/``, ``dataflow.onnx``, ``sample/``, ``dataset/``, ``design.json``, ``tables.json``.
The part is in the path because FINN chooses HLS or RTL layers by it.

A model is identified by its content (see ``finn_tui.lab.identity``); the name is for people. Of
two contents with one name, the second lies in ``models/<name>-<first digits of its hash>``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finn_tui.base import files
from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.core.device import Device
from finn_tui.engine.client import Engine
from finn_tui.engine.server.training.published import PUBLISHED
from finn_tui.lab import datasets, identity, remedies
from finn_tui.lab.model_request import ModelRequest
from finn_tui.lab.presets import Preset, presets
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


async def prepare(
    workspace: Workspace,
    request: ModelRequest,
    device: Device,
    clock_ns: float,
    engine: Engine,
    *,
    out: Path | None = None,
    weights: Mapping[str, Any] | None = None,
    data: Path | None = None,
    on_progress: OnProgress = ignore,
) -> Model:
    """Have the engine turn the model into a dataflow graph.

    What was there before stays until the new preparation is complete.

    Args:
        out: another folder for the result than the workspace's.
        weights: overrides where the weights come from (``{"kind": "random", "seed": 0}``).
        data: images on which to find out what zero padding costs (a folder or an .npz file).

    Raises:
        FinnTuiError: with the engine's explanation.
    """
    if weights is not None:
        request = request.with_weights(weights)
    label = await asyncio.to_thread(locate, workspace, request, device.part)
    folder = out or workspace.models_dir / label / device.part
    lock = workspace.models_dir / f".{label}.{device.part}.lock"
    if out is not None:
        lock = out.with_name(f".{out.name}.lock")
    async with _turn(lock, on_progress) as waited:
        if waited and out is None and weights is None and data is None:
            engine_info = await engine.call("info")
            prepared = await asyncio.to_thread(
                find_prepared, workspace, request, device, engine_info
            )
            if prepared is not None:
                return prepared
        tests = await asyncio.to_thread(_published_tests, workspace, request)
        asked = request if tests is None else replace(request, tests=tests)
        return await _prepare(folder, label, asked, device, clock_ns, engine, data, on_progress)


def _published_tests(workspace: Workspace, request: ModelRequest) -> str | None:
    """The folder of the published data set that a preset is for, if it is on this machine."""
    name = request.preset.dataset if request.preset is not None else None
    if name not in PUBLISHED:
        return None
    place = datasets.find(workspace.root, name)
    return place.folder if place is not None and place.name == name else None


@contextlib.asynccontextmanager
async def _turn(path: Path, on_progress: OnProgress) -> AsyncIterator[bool]:
    """Hold a model's lock while it is prepared; gives whether another process had it before.

    Waiting can be cancelled; a process that dies gives its lock back.
    """
    import filelock

    try:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        lock = filelock.FileLock(path, timeout=0)
        waited = False
        while True:
            try:
                lock.acquire()
                break
            except filelock.Timeout:
                if not waited:
                    message = "another finn-tui prepares this model; waiting"
                    on_progress(Progress("prepare", message))
                waited = True
                await asyncio.sleep(0.3)
    except OSError as error:
        raise _full(path.parent, str(error)) from error
    try:
        yield waited
    finally:
        lock.release()


def _sweep(folder: Path) -> None:
    """Remove what preparations left that were killed; who calls has the model's lock."""
    names = (f"{folder.name}.partial", f".{folder.name}.*.partial")
    for left in (path for name in names for path in folder.parent.glob(name)):
        shutil.rmtree(left, ignore_errors=True)


async def _prepare(
    folder: Path,
    label: str,
    request: ModelRequest,
    device: Device,
    clock_ns: float,
    engine: Engine,
    data: Path | None,
    on_progress: OnProgress,
) -> Model:
    """Prepare into a folder of its own name, and put that in place of ``folder`` at the end."""
    # Its own name: what another process does to this model must not meet it.
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    source = dict(request.source)

    def on_event(name: str, data: dict[str, Any]) -> None:
        if name == "progress":
            on_progress(Progress("prepare", data["message"], data.get("fraction"), data))

    await asyncio.to_thread(_sweep, folder)
    try:
        await asyncio.to_thread(partial.mkdir, parents=True, exist_ok=True)
        info = await engine.call(
            "prepare",
            {
                "source": {**source, "tests": request.tests},
                "out": str(partial),
                "board": device.board,
                "part": device.part,
                "clock_ns": clock_ns,
                "data": str(data.absolute()) if data is not None else None,
            },
            on_event,
        )
        # Remembered as it was asked, so that the next start finds it again.
        info["source"] = source
        info["warnings"] = remedies.with_commands(info["warnings"], request.preset)
        if await asyncio.to_thread(identity.content, source) != request.content:
            raise FinnTuiError(
                f"{request.origin} was changed while it was prepared",
                "What was prepared is neither the old file nor the new one.",
                "Prepare it again.",
            )
        info |= await asyncio.to_thread(identified, request, label, partial)
        files.write_sealed(partial / "model.json", info, indent=1)
        await asyncio.to_thread(_swap, partial, folder)
        await asyncio.to_thread(shutil.rmtree, failed_folder(folder), True)
    except OSError as error:
        raise _full(folder, str(error)) from error
    except FinnTuiError as error:
        await asyncio.to_thread(_keep_failed, partial, failed_folder(folder))
        kept = failed_folder(folder)
        if kept.is_dir() and error.detail and error.kind is not ErrorKind.CANCELLED:
            on_progress(Progress("prepare", f"the stages that passed are kept in {kept}"))
        # Libraries inside FINN lose the reason when a disk is full; look for ourselves.
        if error.kind is not ErrorKind.CANCELLED and _free(partial) < _LEAST_BYTES:
            raise _full(folder, error.what) from error
        raise
    finally:
        await asyncio.to_thread(shutil.rmtree, partial, True)
        if folder.parent.name == label:
            # Left only where it holds another part's preparation, or this one.
            with contextlib.suppress(OSError):
                await asyncio.to_thread(folder.parent.rmdir)
    return Model(label, folder, info, request.preset)


def failed_folder(folder: Path) -> Path:
    """Where the stages of a preparation are that failed, beside the folder of one that did not."""
    return folder.with_name(folder.name + ".failed")


def _keep_failed(partial: Path, failed: Path) -> None:
    if (partial / "failed.json").is_file():
        shutil.rmtree(failed, ignore_errors=True)
        partial.rename(failed)


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


#: A stage is larger than this; with less left, that is why writing one failed.
_LEAST_BYTES = 1_000_000


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free if folder.exists() else _LEAST_BYTES


def _full(folder: Path, why: str) -> FinnTuiError:
    return FinnTuiError(
        f"{folder} could not be written",
        f"{why}. {_free(folder.parent) / 1e6:.1f} MB are left on that disk.",
        "Make room on the disk or choose another workspace; what was there before is kept.",
        kind="disk",
    )


def _swap(partial: Path, folder: Path) -> None:
    if folder.exists():
        # A folder of the user's own (--out) may hold other things: replace only what is ours.
        for item in partial.iterdir():
            target = folder / item.name
            if target.is_dir():
                shutil.rmtree(target)
            item.replace(target)
        for stale in ("design.json", "tables.json"):
            (folder / stale).unlink(missing_ok=True)
    else:
        partial.rename(folder)
