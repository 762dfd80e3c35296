"""Prepared models as FINN gave them, small enough to keep: a workspace without an engine.

``python -m tests.data`` makes the files anew with the engine that is installed.
"""

from __future__ import annotations

import copy
import gzip
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from finn_tui.base import files
from finn_tui.core.device import Device
from finn_tui.lab.foldings import cost_tables
from finn_tui.lab.models import identity, model_request, models
from finn_tui.lab.models.presets import presets

FOLDER = Path(__file__).resolve().parent
PART = "xc7z020clg400-1"


@cache
def _read(name: str) -> str:
    with gzip.open(FOLDER / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        return file.read()


def prepared(name: str) -> dict[str, Any]:
    """``model, design, tables, graphs, images, labels, software`` of a prepared model."""
    document: dict[str, Any] = json.loads(_read(name))
    return document


def engine_info() -> dict[str, Any]:
    """What the engine said of itself: flavour, version, boards, limits."""
    return prepared("engine")


def home(folder: Path) -> None:
    """Make a user's home in which an engine is known that never has to start."""
    from finn_tui.engine import catalogue

    os.environ["FINN_TUI_HOME"] = str(folder)
    (folder / "config").mkdir(parents=True, exist_ok=True)
    command = '[recorded]\ncommand = ["finn-tui-test-engine-that-does-not-start"]\n'
    (folder / "config" / "engines.toml").write_text(command)
    spec = catalogue.EngineSpec("recorded", ("finn-tui-test-engine-that-does-not-start",))
    catalogue.remember(spec, engine_info())


def workspace(root: Path, *names: str) -> None:
    """Make a workspace with prepared models and their cost tables."""
    for name in names:
        _write(root / "models" / name / PART, prepared(name))


def large_workspace(root: Path, name: str, layers: int) -> None:
    """Make a workspace with a model of many layers: CNV's, again and again."""
    document = repeated(prepared("cnv-w1a1"), layers)
    document["model"]["source"] = {"kind": "onnx", "path": "large.onnx"}
    _write(root / "models" / name / PART, document)


def made_workspace(
    root: Path, name: str, design: dict[str, Any], tables: list[dict[str, Any]]
) -> None:
    """Make a workspace with a model of a made-up design and made-up prices of its converters."""
    from finn_tui.core.design import Design
    from finn_tui.core.estimate.estimate import CostTable
    from finn_tui.core.estimate.infrastructure import StreamWidths

    document = prepared("tfc-w1a1")
    document["model"]["source"] = {"kind": "onnx", "path": f"{name}.onnx"}
    mine = {"fingerprint": document["design"]["fingerprint"]}
    document["design"], document["tables"] = {**design, **mine}, tables
    costs = {item["layer"]: CostTable.from_json(item) for item in tables}
    query = StreamWidths(Design.from_json(name, design), costs).query({})
    document["prices"] = {
        "dwc": [[*pair, sum(pair), 0, 0, 0] for pair in query.dwc],
        "fifo": [[*pair, pair[0] + pair[1] // 32, 0, 0, 0] for pair in query.fifo],
        "depth": 2,
        "ops": {},
    }
    _write(root / "models" / name / PART, document)


def _write(folder: Path, document: dict[str, Any]) -> None:
    (folder / "stages").mkdir(parents=True, exist_ok=True)
    (folder / "sample").mkdir(exist_ok=True)
    (folder / "dataflow.onnx").write_bytes(b"recorded")
    model, device = _identified(folder, document["model"])
    files.write_sealed(folder / "model.json", model.info)
    files.write_sealed(folder / "design.json", document["design"])
    tables = {"key": cost_tables.tables_key(model, device)}
    tables |= {key: document[key] for key in ("tables", "prices")}
    files.write_sealed(folder / "tables.json", tables)
    np.save(folder / "sample" / "images.npy", np.array(document["images"], dtype=np.uint8))
    np.save(folder / "sample" / "labels.npy", np.array(document["labels"]))
    np.save(folder / "sample" / "software.npy", np.array(document["software"]))


def _identified(folder: Path, info: dict[str, Any]) -> tuple[models.Model, Device]:
    """A recorded model with what identifies it here."""
    name = folder.parent.name
    preset = presets().get(name)
    source = dict(preset.source) if preset is not None else info["source"]
    request = model_request.ModelRequest(name, source, preset, identity.content(source))
    info = {**info, "source": source, **models.identified(request, name, folder)}
    return models.Model(name, folder, info, preset), Device(info["board"], PART)


def repeated(document: dict[str, Any], layers: int) -> dict[str, Any]:
    """The same model with its layers repeated, as a graph of that many layers would be."""
    design, tables = document["design"], {item["layer"]: item for item in document["tables"]}
    made: list[dict[str, Any]] = []
    made_tables, streams, couplings = [], [], []
    for number in range(layers):
        copied, source = divmod(number, len(design["layers"]))
        layer = copy.deepcopy(design["layers"][source])
        old = layer["name"]
        layer["name"] = f"{layer['op']}_{1000 * copied + int(old.rpartition('_')[2])}"
        layer["inputs"], layer["outputs"] = [f"t{number}"], [f"t{number + 1}"]
        made.append(layer)
        made_tables.append({**tables[old], "layer": layer["name"]})
        stream = copy.deepcopy(design["streams"][source])
        before = made[-2]["name"] if number else None
        streams.append(
            {**stream, "tensor": f"t{number}", "producer": before, "consumer": layer["name"]}
        )
    names = {layer["name"] for layer in made}
    for coupling in design["couplings"]:
        for copied in range(layers // len(design["layers"]) + 1):
            ends = {}
            for end in ("a", "b"):
                stem, _, number = coupling[end][0].rpartition("_")
                ends[end] = [f"{stem}_{1000 * copied + int(number)}", coupling[end][1]]
            if ends["a"][0] in names and ends["b"][0] in names:
                couplings.append({**coupling, **ends})
    document["design"] = {**design, "layers": made, "streams": streams, "couplings": couplings}
    document["tables"] = made_tables
    return document
