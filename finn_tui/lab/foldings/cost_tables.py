"""A model's design and cost tables for a device: computed by the engine and kept beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from finn_tui.base import files
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.core.design import Design
from finn_tui.core.device import Device
from finn_tui.core.estimate import infrastructure
from finn_tui.core.estimate.estimate import CostTable
from finn_tui.core.estimate.infrastructure import USUAL_DEPTHS, CostLookup, CostQuery, StreamWidths
from finn_tui.engine.client import Engine
from finn_tui.lab.foldings.opened import Opened
from finn_tui.lab.models.models import Model

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
    # By layer: a request that a broken line has cut off is asked again, from its first layer on.
    by_layer: dict[str, dict[str, Any]] = {}

    def on_event(name: str, data: dict[str, Any]) -> None:
        if name == "table":
            by_layer[data["layer"]] = data
            done = len(by_layer) / len(design.layers)
            on_progress(Progress("tables", f"{data['layer']}: {len(data['points'])} points", done))

    await engine.call("tables", {**question, "first": first}, on_event)
    tables = {layer: CostTable.from_json(item) for layer, item in by_layer.items()}
    brought = model.preset.fifo_depths if model.preset else ()
    query = StreamWidths(design, tables).query({}, (*USUAL_DEPTHS, *brought))
    costs = await _costs(query, device, engine)
    files.write_sealed(model.folder / "design.json", answer)
    document = {
        "key": tables_key(model, device),
        "tables": list(by_layer.values()),
        "prices": costs,
    }
    await asyncio.to_thread(files.write_sealed, model.folder / "tables.json", document)
    return design, tables, CostLookup.from_json(costs)


async def _costs(query: CostQuery, device: Device, engine: Engine) -> dict[str, Any]:
    question = {"part": device.part, "dwc": query.dwc, "fifo": query.fifo}
    answer: dict[str, Any] = await engine.call("converters", question)
    return answer


async def price(
    opened: Opened,
    start_engine: Callable[[OnProgress], Awaitable[Engine]],
    refused: set[tuple[Path, CostQuery]],
    on_progress: OnProgress,
    settings: infrastructure.Settings | None,
) -> None:
    """Ask FINN for what a folding's FIFO depths need and is not priced yet.

    Args:
        opened: model and folding.
        start_engine: called where something must be asked.
        refused: what FINN has refused to price, and refuses again; gets what it refuses now.
        on_progress: told what is going on.
        settings: of the folding that is priced; of the one that is edited if None.

    Raises:
        FinnTuiError: with the engine's explanation.
    """
    editor, model = opened.editor, opened.model
    widths = StreamWidths(editor.design, editor.tables)
    wanted = editor.folding.settings if settings is None else settings
    query = widths.query(wanted, ()).without(editor.costs)
    if not query or (model.folder, query) in refused:
        return
    engine = await start_engine(on_progress)
    on_progress(Progress("tables", "asking FINN for the cost of FIFOs of these depths"))
    costs = await look_up_costs(model, editor.device, engine, editor.costs, query)
    refused.add((model.folder, query.without(costs)))
    editor.set_costs(costs)


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
    return replace(
        costs,
        dwc={**costs.dwc, **known.dwc},
        fifo={**costs.fifo, **known.fifo},
        dwc_depth=known.dwc_depth,
        ops={**costs.ops, **known.ops},
    )
