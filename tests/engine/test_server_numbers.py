"""Designs and cost tables against FINN's own reports."""

from __future__ import annotations

import os
import random
import tomllib
from pathlib import Path
from typing import Any

import pytest

from finn_tui.core.design import Value
from finn_tui.core.estimate.estimate import CostTable
from finn_tui.lab.models.presets import read_preset
from tests.engine.conftest import PART, ROOT, Prepared, ServerError, Talk

pytestmark = pytest.mark.engine

#: Presets with a published folding; the others have no layers of another kind.
PRESETS = [path for path in sorted((ROOT / "presets").glob("*.toml")) if read_preset(path).foldings]
#: Random legal foldings for each preset; the issue asks for 200 before a release.
FOLDINGS = int(os.environ.get("FINN_TUI_FOLDINGS", "10"))
RESOURCES = ("LUT", "BRAM_18K", "URAM", "DSP")


class Numbers:
    """A dataflow graph's design and tables, as the terminal gets them."""

    def __init__(self, server: Talk, path: str, first: str | None = None) -> None:
        self.server = server
        self.path = path
        self.design = server.call("design", path=path, part=PART)
        events: list[Any] = []
        self.result = server.call("tables", events, path=path, part=PART, first=first)
        self.sent = [event["data"] for event in events if event.get("event") == "table"]
        self.tables = {table["layer"]: CostTable.from_json(table) for table in self.sent}

    def layer(self, name: str) -> Any:
        return next(layer for layer in self.design["layers"] if layer["name"] == name)

    def random_folding(self, source: random.Random) -> dict[str, dict[str, Value]]:
        """Values of every knob of each layer, any legal ones, coupled ones together."""
        values = {n: t.values(source.randrange(len(t))) for n, t in self.tables.items()}
        for coupling in self.design["couplings"]:
            (a, knob_a), (b, knob_b) = coupling["a"], coupling["b"]
            row = self.tables[b].nearest({**values[b], knob_b: values[a][knob_a]}, knob_b)
            assert row is not None
            values[b] = self.tables[b].values(row)
        return values

    def compare(self, folding: dict[str, dict[str, Value]]) -> None:
        """Compare the tables' rows with FINN's reports on the graph folded so."""
        report = self.server.call("reports", path=self.path, part=PART, folding=folding)
        assert set(report["cycles"]) == set(folding)
        total = dict.fromkeys(RESOURCES, 0.0)
        slowest = 0
        for name, values in folding.items():
            row = self.tables[name].row(values)
            assert row is not None
            ours = self.tables[name].cost("", row)
            assert ours.values == values
            assert ours.cycles == report["cycles"][name], (name, values)
            assert [ours.in_width, ours.out_width] == report["widths"][name], (name, values)
            slowest = max(slowest, ours.cycles)
            for resource in RESOURCES:
                reported = report["resources"][name].get(resource, 0)
                assert ours.resources[resource] == reported, (name, resource, values)
                total[resource] += reported
        for resource in RESOURCES:
            assert total[resource] == sum(r.get(resource, 0) for r in report["resources"].values())
        assert report["performance"]["max_cycles"] == slowest


@pytest.fixture(scope="session")
def presets(
    server: Talk, tmp_path_factory: pytest.TempPathFactory, tfc: Prepared, cnv: Prepared
) -> dict[str, Numbers]:
    """Every preset's numbers; weights do not matter for them beyond bit widths."""
    numbers = {"tfc-w1a1": Numbers(server, tfc.dataflow), "cnv-w1a1": Numbers(server, cnv.dataflow)}
    for path in PRESETS:
        preset = tomllib.loads(path.read_text())
        if preset["name"] not in numbers:
            source = {**read_preset(path).source, "weights": {"kind": "random"}}
            # An image of CNV takes FINN's Python up to a second in each of eleven stages.
            seconds = 0.05 if FOLDINGS > 10 or path.stem.startswith("tfc") else 0.0
            prepared = Prepared(server, tmp_path_factory.mktemp("preset"), source, seconds)
            for stage in prepared.model["stages"]:
                check = stage["check"] or {"same": 0, "images": 0}
                assert check["same"] == check["images"]
                assert bool(check["images"]) == bool(seconds)
            numbers[preset["name"]] = Numbers(server, prepared.dataflow)
    return numbers


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_tables_equal_finns_reports(path: Path, presets: dict[str, Numbers]) -> None:
    numbers = presets[path.stem]
    source = random.Random(path.stem)
    for _ in range(FOLDINGS):
        numbers.compare(numbers.random_folding(source))


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_published_foldings_are_legal_and_cost_what_finn_says(
    path: Path, presets: dict[str, Numbers]
) -> None:
    numbers = presets[path.stem]
    preset = tomllib.loads(path.read_text())
    mvaus = [name for name in numbers.tables if name.startswith("MVAU")]
    assert preset["foldings"]
    for name, published in preset["foldings"].items():
        assert len(published["mvau"]) == len(mvaus)
        folding = {layer: table.values(0) for layer, table in numbers.tables.items()}
        for layer, (pe, simd, *rest) in zip(mvaus, published["mvau"], strict=True):
            style = rest[2] if len(rest) > 2 else "auto"
            folding[layer] |= {"PE": pe, "SIMD": simd, "ram_style": style}
        thresholds = [name for name in folding if name.startswith("Thresholding")]
        for layer, pe in zip(thresholds, published.get("thresholding_pe", []), strict=False):
            folding[layer]["PE"] = pe
        numbers.compare(folding)
        rows = {layer: numbers.tables[layer].row(folding[layer]) or 0 for layer in mvaus}
        cycles = [numbers.tables[layer].cycles[rows[layer]] for layer in mvaus]
        if path.stem.startswith("cnv"):
            expected = [32400, 28224, 20736, 28800, 20736, 18432, 32768, 32768, 1024]
        else:
            expected = [64, 64 if name == "published" else 4096, 64, 8]
        assert cycles == expected
    for reference in preset["reference"]:
        assert set(reference) == {"what", "value", "unit", "source"}


def test_the_layer_that_is_looked_at_comes_first(server: Talk, cnv: Prepared) -> None:
    order = [
        layer["name"] for layer in server.call("design", path=cnv.dataflow, part=PART)["layers"]
    ]
    numbers = Numbers(server, cnv.dataflow, "MVAU_hls_4")
    sent = [table["layer"] for table in numbers.sent]
    assert sent == ["MVAU_hls_4", *[name for name in order if name != "MVAU_hls_4"]]
    assert numbers.result["layers"] == 21
    priced = sum(len(table["points"]) * len(table["faces"]) for table in numbers.sent)
    assert numbers.result["points"] == priced
    # The modes that FINN cannot tell apart are many more than those that it can.
    assert priced < sum(len(table) for table in numbers.tables.values()) / 3


def test_the_work_for_all_tables_of_cnv_is_half_a_second(server: Talk, cnv: Prepared) -> None:
    best = min(Numbers(server, cnv.dataflow).result["seconds"] for _ in range(3))
    assert best < 0.5


def test_a_design_says_what_may_be_changed(presets: dict[str, Numbers], cnv: Prepared) -> None:
    numbers = presets["cnv-w1a1"]
    design = numbers.design
    assert design["fingerprint"] == cnv.model["fingerprint"]
    assert design["part"] == PART
    assert [layer["name"] for layer in design["layers"]] == list(numbers.tables)
    for layer in design["layers"]:
        table = numbers.tables[layer["name"]]
        assert list(table.knobs) == [knob["name"] for knob in layer["knobs"]]
        for knob in layer["knobs"]:
            # Every value is legal somewhere, and nothing else is.
            assert set(knob["values"]) == set(table.legal(knob["name"]))
            assert len(knob["values"]) > 1 or knob["kind"] == "int"
        assert "inFIFODepths" in [setting["name"] for setting in layer["settings"]]
    swg = numbers.layer("ConvolutionInputGenerator_rtl_1")
    assert [knob["name"] for knob in swg["knobs"]] == ["SIMD", "parallel_window", "ram_style"]
    rows = numbers.tables["ConvolutionInputGenerator_rtl_1"].points
    assert all(simd == 64 for simd, window, _ in rows if window == 1)
    assert {(c["a"][0], c["b"][0]) for c in design["couplings"]} == {
        ("ConvolutionInputGenerator_rtl_2", "Pool_hls_0"),
        ("ConvolutionInputGenerator_rtl_5", "Pool_hls_1"),
    }
    mvau = numbers.layer("MVAU_hls_0")
    assert (mvau["shape"], mvau["in_dtype"], mvau["in_channels"]) == ("27x64", "INT8", 27)
    assert mvau["attrs"]["mem_mode"] == "internal_decoupled"


def test_streams_lead_from_the_input_to_the_output(presets: dict[str, Numbers]) -> None:
    for numbers in presets.values():
        streams = numbers.design["streams"]
        assert [s["producer"] for s in streams].count(None) == 1
        assert [s["consumer"] for s in streams].count(None) == 1
        assert streams[0]["dtype"] == "UINT8" and streams[0]["bits"] == 8
        for stream in streams:
            if stream["consumer"] is not None:
                table = numbers.tables[stream["consumer"]]
                # One beat carries a whole number of elements.
                assert all(width % stream["bits"] == 0 for width in table.fold_in)


def test_no_weight_stream_is_wider_than_hls_takes(presets: dict[str, Numbers]) -> None:
    numbers = presets["cnv-w2a2"]
    layer, table = numbers.layer("MVAU_hls_5"), numbers.tables["MVAU_hls_5"]
    assert layer["weight_dtype"] == "INT2"
    values = {knob["name"]: knob["values"] for knob in layer["knobs"]}
    legal = {(pe, simd) for pe in values["PE"] for simd in values["SIMD"] if pe * simd * 2 <= 8191}
    decoupled = [p for p in table.points if p[table.columns["mem_mode"]] == "internal_decoupled"]
    assert {(pe, simd) for pe, simd, *_ in decoupled} == legal
    assert len(legal) < len(values["PE"]) * len(values["SIMD"])
    # Weights that are embedded into the code have no stream.
    embedded = [p for p in table.points if p[table.columns["mem_mode"]] == "internal_embedded"]
    assert len({(pe, simd) for pe, simd, *_ in embedded}) > len(legal)


def test_reshape_takes_what_divides_both_its_shapes(presets: dict[str, Numbers]) -> None:
    numbers = presets["tfc-w1a1"]
    reshape = [name for name in numbers.tables if name.startswith("Reshape")]
    if not reshape:
        pytest.skip("this FINN leaves the reshape of the input to the host")
    assert [pe for (pe,) in numbers.tables[reshape[0]].points] == [1, 2, 4, 7, 14, 28]


def test_a_folding_for_another_model_or_an_illegal_value_is_refused(
    server: Talk, tfc: Prepared
) -> None:
    def ask(folding: dict[str, Any]) -> None:
        server.call("reports", path=tfc.dataflow, part=PART, folding=folding)

    with pytest.raises(ServerError, match="ConvolutionInputGenerator_rtl_0"):
        ask({"ConvolutionInputGenerator_rtl_0": {"SIMD": 1}})
    with pytest.raises(ServerError, match="colourful"):
        ask({"MVAU_hls_0": {"mem_mode": "colourful"}})


def test_the_defaults_of_a_folding_file_are_finns(server: Talk, tfc: Prepared) -> None:
    folding = {"Defaults": {"PE": [2, ["MVAU_hls"]]}, "MVAU_hls_1": {"PE": 4}}
    cycles = server.call("reports", path=tfc.dataflow, part=PART, folding=folding)["cycles"]
    assert cycles["MVAU_hls_0"] == 784 * 64 // 2
    assert cycles["MVAU_hls_1"] == 64 * 64 // 4
