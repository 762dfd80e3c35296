"""Models: resolving what a user names, preparing it with the engine, and keeping the result.

``models/<name>/<part>/`` holds one preparation: ``model.json`` (what the engine said, written
last), ``stages/``, ``dataflow.onnx``, ``sample/``, ``dataset/``, ``design.json``, ``tables.json``.
The part is in the path because FINN chooses HLS or RTL layers by it.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finn_tui.base import files
from finn_tui.core.bill import USUAL_DEPTHS, Ask, Prices, Widths
from finn_tui.core.costs import CostTable
from finn_tui.core.design import Design
from finn_tui.core.device import Device
from finn_tui.engine.client import Engine
from finn_tui.errors import FinnTuiError
from finn_tui.lab.presets import Preset, presets
from finn_tui.lab.workspace import Workspace, plain_name
from finn_tui.progress import OnProgress, Progress, ignore


@dataclass(frozen=True)
class Stage:
    """One stage of the flow, from export to dataflow graph.

    Attributes:
        index, name, path: place in the flow, FINN's name of the step, the saved graph.
        nodes, op_types: how many nodes, and how many of each op type.
        check: ``images`` tried and how many had the ``same`` top-1 as the original; None where
            the graph cannot be run in software.
    """

    index: int
    name: str
    path: Path
    nodes: int
    op_types: Mapping[str, int]
    check: Mapping[str, int] | None


@dataclass(frozen=True)
class Model:
    """A prepared model for one part.

    Attributes:
        name: preset's or file's name.
        folder: where everything of it lies.
        info: model.json, as the engine wrote it.
        preset: what it was made from, if it was a preset.
    """

    name: str
    folder: Path
    info: Mapping[str, Any]
    preset: Preset | None

    @property
    def dataflow(self) -> Path:
        """The dataflow graph: hardware layers of the part, not folded yet."""
        return self.folder / "dataflow.onnx"

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The flow, first stage first."""
        return tuple(
            Stage(
                item["index"],
                item["name"],
                self.folder / item["file"],
                item["nodes"],
                item["op_types"],
                item.get("check"),
            )
            for item in self.info["stages"]
        )

    @property
    def weights(self) -> Mapping[str, Any]:
        """Where the weights come from: kind, note, accuracy (percent, or None)."""
        weights: Mapping[str, Any] = self.info["weights"]
        return weights


@dataclass(frozen=True)
class Request:
    """What a user's MODEL means: its name here and what the engine's ``prepare`` is given."""

    name: str
    source: Mapping[str, Any]
    preset: Preset | None


def resolve(workspace: Workspace, model: str) -> Request:
    """Find out what MODEL names: a preset, an .onnx file, or a model of the workspace.

    Raises:
        FinnTuiError: if it is none of them.
    """
    known = presets()
    if model in known:
        preset = known[model]
        return Request(model, preset.source, preset)
    path = Path(model).expanduser()
    if path.suffix == ".onnx" or path.is_file():
        if not path.is_file():
            raise FinnTuiError(
                f"{model} does not exist",
                "A model is named by its .onnx file, a preset or a model of the workspace.",
                f"Presets: {', '.join(known)}.",
            )
        source = {"kind": "onnx", "path": str(path.absolute()), "preprocess": "auto", "topk": 1}
        return Request(plain_name(path.stem), source, None)
    for folder in sorted((workspace.models_dir / model).glob("*/model.json")):
        return Request(model, _read_json(folder)["source"], None)
    here = workspace.models()
    raise FinnTuiError(
        f"there is no model called {model}",
        f"Presets: {', '.join(known)}. In this workspace: {', '.join(here) or 'none yet'}.",
        "Name one of these, or an .onnx file.",
    )


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def find_prepared(
    workspace: Workspace, request: Request, device: Device, finn: Mapping[str, Any] | None
) -> Model | None:
    """The model as prepared before; None if it must be prepared (again).

    Args:
        finn: flavour and version of the engine, if known; another FINN makes another graph.
    """
    folder = workspace.models_dir / request.name / device.part
    try:
        info = _read_json(folder / "model.json")
    except (OSError, ValueError):
        return None
    if finn is not None and info["finn"] != {key: finn[key] for key in ("flavour", "version")}:
        return None
    if request.preset is not None and info["source"] != dict(request.source):
        return None
    source = Path(info["source"].get("path", ""))
    if info["source"]["kind"] == "onnx" and source.is_file():
        model = folder / "model.json"
        if source.stat().st_mtime > model.stat().st_mtime:
            return None
    return Model(request.name, folder, info, request.preset)


async def prepare(
    workspace: Workspace,
    request: Request,
    device: Device,
    clock_ns: float,
    engine: Engine,
    *,
    out: Path | None = None,
    weights: Mapping[str, Any] | None = None,
    on_progress: OnProgress = ignore,
) -> Model:
    """Have the engine turn the model into a dataflow graph.

    What was there before stays until the new preparation is complete.

    Args:
        out: another folder for the result than the workspace's.
        weights: overrides where the weights come from (``{"kind": "random", "seed": 0}``).

    Raises:
        FinnTuiError: with the engine's explanation.
    """
    folder = out or workspace.models_dir / request.name / device.part
    partial = folder.with_name(folder.name + ".partial")
    source = dict(request.source)
    if weights is not None:
        source["weights"] = dict(weights)

    def on_event(name: str, data: dict[str, Any]) -> None:
        if name == "progress":
            on_progress(Progress("prepare", data["message"], data.get("fraction"), data))

    await asyncio.to_thread(shutil.rmtree, partial, True)
    try:
        await asyncio.to_thread(partial.mkdir, parents=True, exist_ok=True)
        info = await engine.call(
            "prepare",
            {"source": source, "out": str(partial), "board": device.board, "part": device.part,
             "clock_ns": clock_ns},
            on_event,
        )  # fmt: skip
        # Remembered as it was asked, so that the next start finds it again.
        info["source"] = dict(request.source) if weights is None else source
        files.replace(partial / "model.json", json.dumps(info, indent=1))
        await asyncio.to_thread(_swap, partial, folder)
    except OSError as error:
        raise _full(folder, str(error)) from error
    except FinnTuiError as error:
        # Libraries inside FINN lose the reason when a disk is full; look for ourselves.
        if error.kind != "cancelled" and _free(partial) < _LEAST_BYTES:
            raise _full(folder, error.what) from error
        raise
    finally:
        await asyncio.to_thread(shutil.rmtree, partial, True)
    return Model(request.name, folder, info, request.preset)


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
_TABLES_FORMAT = 3

#: A design, the cost tables of its layers, and the prices of what FINN inserts between them.
Costed = tuple[Design, dict[str, CostTable], Prices]


def cached_design(model: Model, device: Device) -> Costed | None:
    """Design, cost tables and prices from an earlier time; None if they must be computed."""
    try:
        design = _read_json(model.folder / "design.json")
        tables = _read_json(model.folder / "tables.json")
    except (OSError, ValueError):
        return None
    key = _key(model, device)
    if design.get("fingerprint") != key["fingerprint"] or tables.get("key") != key:
        return None
    return (
        Design.from_json(model.name, design),
        {item["layer"]: CostTable.from_json(item) for item in tables["tables"]},
        Prices.from_json(tables["prices"]),
    )


def _key(model: Model, device: Device) -> dict[str, Any]:
    return {
        "fingerprint": model.info["fingerprint"],
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
    ask = Widths(design, tables).ask({}, (*USUAL_DEPTHS, *brought))
    prices = await _prices(ask, device, engine)
    files.replace(model.folder / "design.json", json.dumps(answer))
    document = {"key": _key(model, device), "tables": documents, "prices": prices}
    await asyncio.to_thread(files.replace, model.folder / "tables.json", json.dumps(document))
    return design, tables, Prices.from_json(prices)


async def _prices(ask: Ask, device: Device, engine: Engine) -> dict[str, Any]:
    question = {"part": device.part, "dwc": ask.dwc, "fifo": ask.fifo}
    answer: dict[str, Any] = await engine.call("converters", question)
    return answer


async def price_more(
    model: Model, device: Device, engine: Engine, prices: Prices, ask: Ask
) -> Prices:
    """Have the engine price what is not known yet, and keep it with the tables.

    Raises:
        FinnTuiError: with the engine's explanation.
    """
    more = await _prices(ask, device, engine)
    known = Prices.from_json(more)

    def keep() -> None:
        path = model.folder / "tables.json"
        try:
            document = _read_json(path)
        except (OSError, ValueError):
            return
        if document.get("key") == _key(model, device):
            for kind in ("dwc", "fifo"):
                document["prices"][kind] += more[kind]
            files.replace(path, json.dumps(document))

    await asyncio.to_thread(keep)
    return Prices(
        {**prices.dwc, **known.dwc},
        {**prices.fifo, **known.fifo},
        known.dwc_depth,
        {**prices.ops, **known.ops},
        prices.shell,
    )
