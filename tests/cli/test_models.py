"""`prepare`, `graph`, `estimate` with the real FINN."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli import contract
from tests.cli.conftest import Cli

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine_python")]

#: The lab's published folding of CNV-w1a1: cycles of the nine matrix layers.
PUBLISHED_CNV = [32400, 28224, 20736, 28800, 20736, 18432, 32768, 32768, 1024]


def test_the_published_folding_of_cnv(cli: Cli) -> None:
    done = cli(
        "estimate",
        "cnv-w1a1",
        "--folding",
        "published",
        "--board",
        "Pynq-Z2",
        "--clock-ns",
        "10",
        "--json",
    )
    assert done.code == 0, done.err
    answer = done.json
    mvaus = [layer["cycles"] for layer in answer["layers"] if layer["op"].startswith("MVAU")]
    assert mvaus == PUBLISHED_CNV
    assert answer["ii_cycles"] == 32768
    assert answer["fps"] == pytest.approx(3051.76, abs=0.01)
    assert answer["part"] == "xc7z020clg400-1"
    assert answer["budget"]["BRAM_18K"] == 280
    assert answer["fits"] is True
    for name, total in answer["total"].items():
        assert total == sum(layer[name] for layer in answer["layers"])


def test_the_published_folding_of_tfc_and_the_first_experiment(cli: Cli) -> None:
    published = cli("estimate", "tfc-w1a1", "--folding", "published", "--json").json
    assert published["ii_cycles"] == 64
    assert published["fps"] == pytest.approx(1_562_500)
    first = cli("estimate", "tfc-w1a1", "--folding", "exp1", "--json").json
    second_layer = [layer for layer in first["layers"] if layer["op"] == "MVAU_hls"][1]
    assert (second_layer["knobs"]["PE"], second_layer["knobs"]["SIMD"]) == (1, 1)
    assert first["ii_cycles"] == second_layer["cycles"] == 64 * 64


def test_a_folding_file_is_read_and_a_foreign_one_refused(cli: Cli, tmp_path: Path) -> None:
    ours = tmp_path / "mine.json"
    ours.write_text(json.dumps({"Defaults": {}, "MVAU_hls_0": {"PE": 2, "SIMD": 4}}))
    answer = cli("estimate", "tfc-w1a1", "--folding", str(ours), "--json").json
    first = next(layer for layer in answer["layers"] if layer["name"] == "MVAU_hls_0")
    assert first["cycles"] == (784 // 4) * (64 // 2)
    ours.write_text(json.dumps({"ConvolutionInputGenerator_rtl_0": {"SIMD": 1}}))
    done = cli("estimate", "tfc-w1a1", "--folding", str(ours))
    assert done.code == 2
    assert "ConvolutionInputGenerator_rtl_0" in done.err
    ours.write_text(json.dumps({"MVAU_hls_0": {"PE": 3}}))
    done = cli("estimate", "tfc-w1a1", "--folding", str(ours), "--json")
    assert done.code == 2
    assert "1, 2, 4, 8, 16, 32, 64" in done.json["error"]["why"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("estimate", "vgg900"), "there is no model called vgg900"),
        (("estimate", "tfc-w1a1", "--board", "pynq-z2"), "did you mean Pynq-Z2"),
        (("estimate", "tfc-w1a1", "--clock-ns", "0"), "clock period 0 ns is out of range"),
        (("estimate", "tfc-w1a1", "--folding", "best"), "no folding called best"),
        (("graph", "tfc-w1a1", "--stage", "99"), "has no stage 99"),
        (("prepare", "missing.onnx"), "missing.onnx does not exist"),
    ],
)
def test_wrong_use_is_answered_with_what_is_right(
    cli: Cli, arguments: tuple[str, ...], message: str
) -> None:
    done = cli(*arguments)
    assert done.code == 2, done.err
    assert message in done.err
    assert "Traceback" not in done.err


def test_a_text_file_is_no_model(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "notes.onnx").write_text("these are my notes\n")
    done = cli("prepare", str(tmp_path / "notes.onnx"))
    assert done.code == 2, done.err
    assert "notes.onnx" in done.err and "Traceback" not in done.err
    (tmp_path / "folder.onnx").mkdir()
    done = cli("prepare", str(tmp_path / "folder.onnx"))
    assert done.code == 2 and "folder.onnx is a folder" in done.err


def test_stages_show_what_each_changed(cli: Cli) -> None:
    done = cli("prepare", "tfc-w1a1")
    assert done.code == 0, done.err
    assert "convert_to_hw" in done.out and "+4 MVAU" in done.out
    answer = cli("graph", "tfc-w1a1", "--json").json
    assert not contract.missing("graph", [answer])
    assert [node["op_type"] for node in answer["nodes"]].count("MVAU_hls") == 4
    assert answer["nodes"][-1]["op_type"] == "LabelSelect_hls"


def test_engine_info_has_the_documented_keys(cli: Cli) -> None:
    answer = cli("engine", "info", "--json").json
    absent = contract.missing("engine info", [answer])
    # This one is in no container, and AMD's tools may not be here.
    in_container = {"runtime", "name", "image", "mounts", "env", "options"}
    assert absent == {f"container.{key}" for key in in_container} | (
        absent & {"tools.path", "tools.version"}
    )
    assert {"name", "flavour", "version", "python", "qonnx", "brevitas", "tools"} <= set(answer)
    assert set(answer["tools"]) == {"vivado", "vitis_hls"}
