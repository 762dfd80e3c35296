"""What exporters write in ops and shapes of their own becomes hardware, or is refused truly."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import ROOT, ServerError, Talk
from tests.engine.test_server_handling import cases, ops, prepare

pytestmark = pytest.mark.engine

__all__ = ["cases"]


@pytest.mark.parametrize(
    ("name", "flow", "op", "note"),
    [
        ("batch", "default", "MVAU_hls", "exported for 4 samples at once"),
        ("nhwc", "default", "ConvolutionInputGenerator_rtl", "UINT8 pixels"),
        ("mean", "extended", "GlobalAccPool_hls", "default flow stops"),
        ("average", "extended", "VVAU_hls", "default flow stops"),
        ("qcdq", "default", "MVAU_hls", "read from QCDQ"),
    ],
)
def test_an_export_of_its_own_kind_becomes_hardware_that_computes_the_same(
    server: Talk, cases: Path, tmp_path: Path, name: str, flow: str, op: str, note: str
) -> None:
    model = prepare(server, cases / f"{name}.onnx", tmp_path / "out")
    assert model["flow"] == flow and op in ops(model)
    assert any(note in each for each in model["notes"])
    last = model["stages"][-1]["check"]
    # A value on the edge of a quantizer's step may be rounded the other way.
    assert last["images"] == 20 and last["same"] >= 19
    assert not [each for each in model["warnings"] if each["kind"] == "classes"]


def test_weights_of_qcdq_keep_the_bits_that_they_are_clipped_to(
    server: Talk, cases: Path, tmp_path: Path
) -> None:
    model = prepare(server, cases / "qcdq.onnx", tmp_path / "out", check=False)
    graph = server.call("graph", path=str(tmp_path / "out" / "dataflow.onnx"))
    kinds = [n["attrs"].get("weightDataType") for n in graph["nodes"] if "MVAU" in n["op_type"]]
    assert kinds == ["INT3", "INT3"], model["notes"]


def test_each_input_is_handled_as_its_own_quantizer_says(
    server: Talk, cases: Path, tmp_path: Path
) -> None:
    model = prepare(server, cases / "twoin.onnx", tmp_path / "out")
    # In the order of the network, whatever FINN's partition makes of it.
    assert [each["dtype"] for each in model["inputs"]] == ["UINT8", "FLOAT32"]
    assert [each["shape"] for each in model["inputs"]] == [[1, 12], [1, 6]]
    last = model["stages"][-1]["check"]
    assert last["images"] == last["same"] == 20


@pytest.mark.parametrize(
    ("name", "node", "why", "fix"),
    [
        ("ceil", "MaxPool_0 (MaxPool)", "reaches over the edge", "ceil_mode=False"),
        ("clip", "Clip_0 (Clip)", "no layer for Clip", "Let the quantizer clip"),
        ("gate", "Unsqueeze_0 (Unsqueeze)", "changes the number of axes", "Keep four axes"),
        ("unquantized", "MatMul_1 (MatMul)", "nothing quantizes what it gets", "Put a quantizer"),
    ],
)
def test_what_stays_refused_is_refused_by_its_true_reason(
    server: Talk, cases: Path, tmp_path: Path, name: str, node: str, why: str, fix: str
) -> None:
    with pytest.raises(ServerError) as caught:
        prepare(server, cases / f"{name}.onnx", tmp_path / "out")
    data: dict[str, Any] = caught.value.data
    assert node in data["what"] and why in data["why"] and fix in data["fix"]
    # What was tried already is no way out.
    assert "--steps" not in data["fix"]


def test_a_tail_that_stays_on_the_host_is_no_other_network(
    server: Talk, cases: Path, tmp_path: Path
) -> None:
    model = prepare(server, cases / "softmax.onnx", tmp_path / "out", topk="none")
    assert [each for each in model["warnings"] if each["kind"] == "classes"] == []
    assert model["stages"][-1]["check"]["outputs"] == 20


@pytest.mark.parametrize(
    ("name", "op"),
    [
        ("residual", "DuplicateStreams_hls"),
        ("depthwise", "VVAU_hls"),
        ("deconvolution", "FMPadding_Pixel_hls"),
    ],
)
def test_a_preset_shows_each_flow_that_the_default_steps_do_not_call(
    server: Talk, tmp_path: Path, name: str, op: str
) -> None:
    source = tomllib.loads((ROOT / "presets" / f"{name}-w4a4.toml").read_text())["source"]
    model = server.call(
        "prepare",
        source=source,
        out=str(tmp_path / "out"),
        board="Pynq-Z2",
        clock_ns=10.0,
        check=False,
    )
    assert model["flow"] == name and op in ops(model)
    assert model["weights"]["kind"] == "random"
