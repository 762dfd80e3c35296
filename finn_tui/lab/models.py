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
from finn_tui.core.design import Design
from finn_tui.core.device import Device
from finn_tui.core.estimate.estimate import CostTable
from finn_tui.core.estimate.infrastructure import USUAL_DEPTHS, CostLookup, CostQuery, StreamWidths
from finn_tui.engine.client import Engine
from finn_tui.engine.server.training.published import PUBLISHED
from finn_tui.lab import checkpoints, datasets, identity, remedies
from finn_tui.lab.handling import FLOWS, Handling, file_of_network, file_of_steps
from finn_tui.lab.presets import SUFFIXES, Preset, load_presets, presets, read_preset
from finn_tui.lab.workspace import Workspace, is_plain_name, name_of_file, plain_name


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


@dataclass(frozen=True)
class Request:
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

    def handled(self, handling: Handling) -> Request:
        """The same with input, output and steps as the user wishes. Raises ``FinnTuiError``."""
        source = handling.applied(self.source)
        if source == self.source:
            return self
        content = identity.content(source)
        return replace(self, source=source, content=content, label=None, otherwise=True)

    def named(self, name: str) -> Request:
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

    def with_weights(self, weights: Mapping[str, Any]) -> Request:
        """The same with its weights from elsewhere."""
        source = {**self.source, "weights": dict(weights)}
        return replace(self, source=source, content=identity.content(source))


def resolve(workspace: Workspace, model: str) -> Request:
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
        return Request(name_of_file(path.stem), source, None, identity.content(source))
    if path.suffix == ".onnx" or path.is_file():
        if not path.is_file():
            raise FinnTuiError(
                f"{model} does not exist",
                "A model is named by its .onnx file, a preset or a model of the workspace.",
                f"Presets: {', '.join(known)}.",
            )
        source = _with_steps({"kind": "onnx", "path": str(path.absolute())}, workspace)
        return Request(name_of_file(path.stem), source, None, identity.content(source))
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


def _of_preset(workspace: Workspace, preset: Preset) -> Request:
    """A preset as a request: its files lie beside the preset's own."""
    source, folder = dict(preset.source), preset.path.parent
    for key in ("path", "preprocess"):
        value = source.get(key)
        if isinstance(value, str) and value.endswith(".onnx"):
            path = str(folder.joinpath(Path(value).expanduser()).absolute())
            source[key] = path if key == "path" else {"path": path}
    if isinstance(source.get("steps"), str):
        source["steps"] = file_of_steps(Path(source["steps"]), folder)
    request = Request(preset.name, source, preset, identity.content(source))
    weights = checkpoints.chosen(workspace, preset.name)
    return request if weights is None else request.with_weights(weights)


def choose_checkpoint(workspace: Workspace, model: str, checkpoint: str) -> None:
    """Have a preset's weights from a checkpoint; see ``Workbench.choose_checkpoint``."""
    request = resolve(workspace, model)
    if request.preset is None:
        raise FinnTuiError(
            f"{model} takes no checkpoint",
            "It is a graph, which has its weights inside.",
            f"Name the preset that was trained: {', '.join(presets(workspace.root))}.",
        )
    if checkpoint == checkpoints.NONE:
        checkpoints.forget(workspace, request.name)
    else:
        checkpoints.choose(workspace, request.name, checkpoints.find(workspace, checkpoint))


def _with_steps(source: dict[str, Any], workspace: Workspace) -> dict[str, Any]:
    """The source of an .onnx file with the steps that the workspace's settings name."""
    steps = workspace.settings.steps
    if steps in FLOWS:
        return source if steps == "auto" else {**source, "flow": steps}
    return {**source, "steps": file_of_steps(Path(steps), workspace.root)} if steps else source


def _of_workspace(label: str, info: Mapping[str, Any]) -> Request:
    source, content = info["source"], info["content"]
    name = info.get("name", label)
    path = Path(str(source.get("path", "")))
    if label == name and path.is_file():
        if source.get("kind") == "module":
            source = {**source, **file_of_network(path)}
        content = identity.content(source)
    # What was edited since may be known here by another name already.
    return Request(name, source, None, content, label if content == info["content"] else None)


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


def locate(workspace: Workspace, request: Request, part: str) -> str:
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
    workspace: Workspace, request: Request, device: Device, finn: Mapping[str, Any] | None
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
    request: Request,
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


def _published_tests(workspace: Workspace, request: Request) -> str | None:
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
    request: Request,
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
    workspace: Workspace, request: Request, part: str
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


def identified(request: Request, label: str, folder: Path) -> dict[str, Any]:
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


#: Changes whenever tables.json holds something else than before; older files are made anew.
_TABLES_FORMAT = 5

#: A design, the cost tables of its layers, and the costs of what FINN inserts between them.
Costed = tuple[Design, dict[str, CostTable], CostLookup]


def cached_design(model: Model, device: Device) -> Costed | None:
    """Design, cost tables and costs from an earlier time; None if they must be computed."""
    design = files.read_sealed(model.folder / "design.json")
    tables = files.read_sealed(model.folder / "tables.json")
    if design is None or tables is None:
        return None
    key = tables_key(model, device)
    if design.get("fingerprint") != key["fingerprint"] or tables.get("key") != key:
        return None
    try:
        return (
            Design.from_json(model.name, design),
            {item["layer"]: CostTable.from_json(item) for item in tables["tables"]},
            CostLookup.from_json(tables["prices"]),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        # Written by another finn-tui with another idea of what stands in it.
        return None


def tables_key(model: Model, device: Device) -> dict[str, Any]:
    """What the cost tables of a model depend on."""
    return {
        "fingerprint": model.info["fingerprint"],
        "dataflow": model.info.get("dataflow_sha256"),
        "finn": model.info["finn"],
        "part": device.part,
        "format": _TABLES_FORMAT,
    }


async def compute_design(
    model: Model,
    device: Device,
    engine: Engine,
    *,
    first: str | None = None,
    on_progress: OnProgress = ignore,
) -> Costed:
    """Have the engine evaluate FINN's estimators over every legal point, and keep the result.

    Args:
        first: the layer whose table is wanted first.

    Raises:
        FinnTuiError: with the engine's explanation.
    """
    question = {"path": str(model.dataflow), "part": device.part}
    answer = await engine.call("design", question)
    design = Design.from_json(model.name, answer)
    documents: list[dict[str, Any]] = []

    def on_event(name: str, data: dict[str, Any]) -> None:
        if name == "table":
            documents.append(data)
            done = len(documents) / len(design.layers)
            on_progress(Progress("tables", f"{data['layer']}: {len(data['points'])} points", done))

    await engine.call("tables", {**question, "first": first}, on_event)
    tables = {item["layer"]: CostTable.from_json(item) for item in documents}
    brought = model.preset.fifo_depths if model.preset else ()
    query = StreamWidths(design, tables).query({}, (*USUAL_DEPTHS, *brought))
    costs = await _costs(query, device, engine)
    files.write_sealed(model.folder / "design.json", answer)
    document = {"key": tables_key(model, device), "tables": documents, "prices": costs}
    await asyncio.to_thread(files.write_sealed, model.folder / "tables.json", document)
    return design, tables, CostLookup.from_json(costs)


async def _costs(query: CostQuery, device: Device, engine: Engine) -> dict[str, Any]:
    question = {"part": device.part, "dwc": query.dwc, "fifo": query.fifo}
    answer: dict[str, Any] = await engine.call("converters", question)
    return answer


async def look_up_costs(
    model: Model, device: Device, engine: Engine, costs: CostLookup, query: CostQuery
) -> CostLookup:
    """Have the engine price what is not known yet, and keep it with the tables.

    Raises:
        FinnTuiError: with the engine's explanation.
    """
    more = await _costs(query, device, engine)
    known = CostLookup.from_json(more)

    def keep() -> None:
        path = model.folder / "tables.json"
        with files.locked(path):
            document = files.read_sealed(path)
            if document is not None and document.get("key") == tables_key(model, device):
                for kind in ("dwc", "fifo"):
                    document["prices"][kind] += more[kind]
                files.write_sealed(path, document)

    await asyncio.to_thread(keep)
    return CostLookup(
        {**costs.dwc, **known.dwc},
        {**costs.fifo, **known.fifo},
        known.dwc_depth,
        {**costs.ops, **known.ops},
        costs.shell,
    )
