"""Prices of what FINN inserts, against FINN's own passes on folded graphs; and SetFolding."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from finn_tui.core.design import Design
from finn_tui.core.device import RESOURCES
from finn_tui.core.estimate.estimate import CostTable
from finn_tui.core.estimate.infrastructure import CostLookup, InfrastructureCost, StreamWidths
from tests.engine.conftest import PART, ROOT, Prepared, ServerError, Talk

pytestmark = pytest.mark.engine


def test_prices_are_those_of_finns_ops(server: Talk) -> None:
    answer = server.call(
        "converters",
        part=PART,
        dwc=[[3, 24], [24, 3], [6, 4], [8, 8]],
        fifo=[[1, 2], [64, 128], [64, 32768]],
    )
    assert answer["depth"] == 2
    assert answer["ops"]["dwc"].startswith("StreamingDataWidthConverter")
    assert [row[:2] for row in answer["dwc"]] == [[3, 24], [24, 3], [6, 4]]
    assert all(row[2] > 0 for row in answer["dwc"])
    fifo = {(row[0], row[1]): row[2:] for row in answer["fifo"]}
    assert fifo[64, 128][0] > fifo[1, 2][0] > 0
    # A part without UltraRAM gets its deep FIFOs in BRAM, another one in UltraRAM.
    assert fifo[64, 32768][1] > 64 * 32768 / 18432 > 1 > fifo[64, 128][1]
    assert fifo[64, 32768][2] == 0
    large = server.call("converters", part="xczu7ev-ffvc1156-2-e", fifo=[[64, 32768]])
    assert large["fifo"][0][4] > 0


def graph_of(
    path: Path, folding: dict[str, Any], engine_python: str, tmp_path: Path
) -> dict[str, list[Any]]:
    """FINN's own InsertDWC and InsertFIFO on a folded graph, priced op by op."""
    script = """
import json, sys
from finn_tui.engine.server import graphs
from finn_tui.engine.server.design import reports
from finn_tui.engine.server.finn import finn_env
finn_env.setup(); finn_env.load_ops()
from finn.transformation.fpgadataflow.insert_dwc import InsertDWC
from finn.transformation.fpgadataflow.insert_fifo import InsertFIFO
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
from qonnx.custom_op.registry import getCustomOp
path, part, folding, out = sys.argv[1:]
model = reports.apply_folding(graphs.load(path), json.load(open(folding)))
model = model.transform(InsertDWC())
model = model.transform(InsertFIFO(create_shallow_fifos=True))
model = model.transform(SpecializeLayers(part))
inserted = {"dwc": [], "fifo": []}
for node in model.graph.node:
    for kind, name in (("dwc", "StreamingDataWidthConverter"), ("fifo", "StreamingFIFO")):
        if node.op_type.startswith(name):
            inst = getCustomOp(node)
            use = inst.node_res_estimation(part)
            inserted[kind].append([int(inst.get_instream_width()), int(inst.get_outstream_width())]
                               + [int(use.get(n, 0)) for n in ("LUT", "BRAM_18K", "URAM", "DSP")])
json.dump(inserted, open(out, "w"))
"""
    given, out = tmp_path / "folding.json", tmp_path / "inserted.json"
    given.write_text(json.dumps({"Defaults": {}, **folding}))
    subprocess.run(
        [engine_python, "-c", script, str(path), PART, str(given), str(out)],
        check=True,
        cwd=ROOT,
        timeout=200,
        stdout=sys.stderr,
    )
    nodes: dict[str, list[Any]] = json.loads(out.read_text())
    return nodes


@pytest.mark.parametrize("name", ["tfc", "cnv"])
def test_the_bill_is_what_finns_own_passes_insert(
    server: Talk,
    name: str,
    request: pytest.FixtureRequest,
    engine_python: str,
    tmp_path: Path,
) -> None:
    prepared: Prepared = request.getfixturevalue(name)
    source = random.Random(name)
    design = Design.from_json(name, server.call("design", path=prepared.dataflow, part=PART))
    events: list[Any] = []
    server.call("tables", events, path=prepared.dataflow, part=PART, first=None)
    tables = {
        event["data"]["layer"]: CostTable.from_json(event["data"])
        for event in events
        if event.get("event") == "table"
    }
    values = {n: t.values(source.randrange(len(t.points))) for n, t in tables.items()}
    for coupling in design.couplings:
        (a, knob_a), (b, knob_b) = coupling.a, coupling.b
        row = tables[b].nearest({**values[b], knob_b: values[a][knob_a]}, fixed=knob_b)
        assert row is not None
        values[b] = tables[b].values(row)
    depths: dict[str, Any] = {
        layer.name: {
            "inFIFODepths": [source.choice([2, 32, 128])],
            "outFIFODepths": [source.choice([2, 32, 1000])],
        }
        for layer in design.layers
    }
    query = StreamWidths(design, tables).query(depths, ())
    known = CostLookup.from_json(
        server.call("converters", part=PART, dwc=query.dwc, fifo=query.fifo)
    )
    infrastructure = InfrastructureCost.of_folding(design, tables, values, depths, known)
    folding = {n: {**values[n], **depths[n]} for n in values}
    inserted = graph_of(Path(prepared.dataflow), folding, engine_python, tmp_path)
    for kind in ("dwc", "fifo"):
        ours = [
            [item.in_width, item.out_width, *map(int, item.use or ())]
            for item in infrastructure.of(kind)
        ]
        assert len(ours) > 1
        assert sorted(ours) == sorted(inserted[kind])
    assert infrastructure.total()["LUT"] == sum(
        row[2] for rows in inserted.values() for row in rows
    )
    assert set(infrastructure.total()) == set(RESOURCES)


def test_setfolding_is_finns(server: Talk, cnv: Prepared) -> None:
    path = cnv.dataflow
    answer = server.call("setfolding", path=path, part=PART, cycles=100_000)
    report = server.call("reports", path=path, part=PART, folding=answer["folding"])
    assert report["performance"]["max_cycles"] <= 100_000
    tables = server.call("tables", [], path=path, part=PART, first=None)
    assert len(answer["folding"]) == tables["layers"]


@pytest.mark.parametrize("wrong", [[[1]], [["a", 2]], 7, [[0, 2]]])
def test_what_are_no_pairs_is_refused(server: Talk, wrong: Any) -> None:
    with pytest.raises(ServerError) as refused:
        server.call("converters", part=PART, dwc=wrong)
    assert refused.value.kind == "protocol"
