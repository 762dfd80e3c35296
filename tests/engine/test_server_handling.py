"""Networks of users: what is read off their input and output, and why some cannot be built."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.conftest import PART, ServerError, Talk

pytestmark = pytest.mark.engine


@pytest.fixture(scope="session")
def cases(engine_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The networks of ``make_cases.py``."""
    folder = tmp_path_factory.mktemp("cases")
    script = Path(__file__).parent / "make_cases.py"
    subprocess.run([engine_python, str(script), str(folder)], check=True, timeout=120)
    return folder


def prepare(server: Talk, path: Path, out: Path, check: bool = True, **wishes: Any) -> Any:
    source = {"kind": "onnx", "path": str(path), **wishes}
    return server.call(
        "prepare", source=source, out=str(out), board="Pynq-Z2", clock_ns=10.0, check=check
    )


def ops(model: Any) -> Any:
    return model["stages"][-1]["op_types"]


def test_a_signed_input_is_not_made_uint8(server: Talk, cases: Path, tmp_path: Path) -> None:
    model = prepare(server, cases / "signed.onnx", tmp_path / "out")
    assert model["handling"]["preprocess"] == "none"
    assert model["input"]["dtype"] == "FLOAT32"
    assert "LabelSelect_hls" in ops(model)
    last = model["stages"][-1]["check"]
    assert last["images"] == last["same"] == 20
    images = np.load(tmp_path / "out" / "sample" / "images.npy")
    assert images.min() < -0.5 and images.max() > 0.5


def test_codes_of_the_first_quantizer_can_be_the_input(
    server: Talk, cases: Path, tmp_path: Path
) -> None:
    model = prepare(server, cases / "signed.onnx", tmp_path / "out", input_type="INT8")
    assert model["input"]["dtype"] == "INT8"
    assert model["handling"]["scale"] == pytest.approx(1 / 127)
    last = model["stages"][-1]["check"]
    assert last["images"] == last["same"]
    with pytest.raises(ServerError, match="There is no data type"):
        prepare(server, cases / "signed.onnx", tmp_path / "other", input_type="INT8X")


def test_pixels_and_whole_numbers_are_seen_by_the_quantizers_range(
    server: Talk, cases: Path, tmp_path: Path
) -> None:
    pixels = prepare(server, cases / "pixels.onnx", tmp_path / "a", check=False)
    assert pixels["handling"]["preprocess"] == "divide-255"
    assert pixels["input"]["dtype"] == "UINT8"
    assert any("UINT8" in note for note in pixels["notes"])
    whole = prepare(server, cases / "whole.onnx", tmp_path / "b", check=False)
    assert whole["handling"]["preprocess"] == "none"
    assert whole["input"]["dtype"] == "INT8"


def test_what_a_board_needs_to_know_of_the_samples_is_kept(
    server: Talk, cases: Path, tmp_path: Path
) -> None:
    """sample.json and the network's own outputs, with which a board's are compared."""
    prepare(server, cases / "bias.onnx", tmp_path / "a")
    about = json.loads((tmp_path / "a" / "sample" / "sample.json").read_text())
    assert (about["kind"], about["topk"], about["tail"]) == ("classes", 0, None)
    assert about["check"]["images"] == about["check"]["outputs"] == 20
    outputs = np.load(tmp_path / "a" / "sample" / "outputs.npy")
    software = np.load(tmp_path / "a" / "sample" / "software.npy")
    assert np.array_equal(outputs.argmax(axis=1), software)
    prepare(server, cases / "signed.onnx", tmp_path / "b", input_type="INT8", check=False)
    about = json.loads((tmp_path / "b" / "sample" / "sample.json").read_text())
    assert (about["topk"], about["preprocess"], about["dtypes"]) == (1, "scale", ["INT8"])
    assert about["scale"] == pytest.approx(1 / 127)


def test_an_input_without_a_quantizer_stays_what_it_is(
    server: Talk, cases: Path, tmp_path: Path
) -> None:
    with pytest.raises(ServerError, match="nothing quantizes it") as caught:
        prepare(server, cases / "float.onnx", tmp_path / "a")
    assert "MatMul_0 (MatMul)" in caught.value.data["what"]
    assert "--preprocess divide-255" in caught.value.data["fix"]
    model = prepare(server, cases / "float.onnx", tmp_path / "b", preprocess="divide-255")
    assert model["input"]["dtype"] == "UINT8"


def test_what_stands_at_the_end_decides_about_top_k(
    server: Talk, cases: Path, tmp_path: Path
) -> None:
    softmax = prepare(server, cases / "softmax.onnx", tmp_path / "a")
    assert any("Softmax stays on the host" in note for note in softmax["notes"])
    assert "LabelSelect_hls" in ops(softmax)
    assert softmax["stages"][-1]["check"]["same"] == 20
    bias = prepare(server, cases / "bias.onnx", tmp_path / "b")
    assert any("top-1 stays on the host" in note for note in bias["notes"])
    assert bias["handling"]["topk"] == 0
    assert not any(name.startswith("LabelSelect") for name in ops(bias))
    assert bias["stages"][-1]["check"]["outputs"] == 20
    with pytest.raises(ServerError, match="own top-k") as caught:
        prepare(server, cases / "bias.onnx", tmp_path / "c", topk=1)
    assert "--topk none" in caught.value.data["fix"]


def test_branches_convert_by_another_flow_and_compute_the_same(
    server: Talk, cases: Path, tmp_path: Path
) -> None:
    model = prepare(server, cases / "residual.onnx", tmp_path / "a")
    assert model["flow"] == "residual"
    assert {"DuplicateStreams_hls", "ElementwiseAdd_hls"} <= set(ops(model))
    assert model["stages"][-1]["check"]["same"] == 20
    both = prepare(server, cases / "twoout.onnx", tmp_path / "b")
    assert len(both["outputs"]) == 2
    assert both["stages"][-1]["check"]["outputs"] == 20
    assert any("2 outputs" in note for note in both["notes"])
    line = prepare(server, cases / "line.onnx", tmp_path / "c")
    assert line["flow"] == "extended"
    assert line["stages"][-1]["check"]["same"] == 20


@pytest.mark.parametrize(
    ("name", "node", "why", "fix"),
    [
        ("bits16", "Quant_0 (Quant), 16 bits", "at most 8 bits", "8 bits or fewer"),
        ("zeropoint", "(Quant)", "zero point", "without a zero point"),
        ("grouped", "Conv_0 (Conv), group 2 of 4", "no grouped", "depthwise"),
        ("sine", "(Sin)", "no layer for Sin", "host"),
    ],
)
def test_a_failure_names_node_reason_and_next_step(
    server: Talk, cases: Path, tmp_path: Path, name: str, node: str, why: str, fix: str
) -> None:
    with pytest.raises(ServerError) as caught:
        prepare(server, cases / f"{name}.onnx", tmp_path / "out")
    data = caught.value.data
    assert caught.value.kind == "input"
    assert node in data["what"] and why in data["why"] and fix in data["fix"]
    # What passed is kept, under a mark.
    failed = json.loads((tmp_path / "out" / "failed.json").read_text())
    assert failed["error"]["what"] == data["what"]
    assert all((tmp_path / "out" / stage["file"]).is_file() for stage in failed["stages"])
    assert failed["stages"] and not (tmp_path / "out" / "model.json").exists()


def test_every_stage_opens(server: Talk, cases: Path, tmp_path: Path) -> None:
    model = prepare(server, cases / "pixels.onnx", tmp_path / "first", check=False)
    stages = {stage["name"]: tmp_path / "first" / stage["file"] for stage in model["stages"]}
    layers = ops(model)
    for name in ("qonnx_to_finn", "tidy_up", "streamline", "convert_to_hw", "specialize_layers"):
        again = prepare(server, stages[name], tmp_path / name)
        assert ops(again) == layers, name
    finished = prepare(server, stages["minimize_bit_width"], tmp_path / "done")
    assert finished["flow"] == "none"
    assert [stage["name"] for stage in finished["stages"]] == ["import"]
    assert any("made by" in note for note in finished["notes"])
    design = server.call("design", path=str(tmp_path / "done" / "dataflow.onnx"), part=PART)
    assert len(design["layers"]) == sum(layers.values())


def test_steps_of_a_user_run_only_as_agreed(server: Talk, cases: Path, tmp_path: Path) -> None:
    path = tmp_path / "mysteps.py"
    path.write_text(
        "from qonnx.transformation.insert_topk import InsertTopK\n"
        "def my_topk(model, cfg):\n"
        "    return model.transform(InsertTopK(k=2))\n"
        "steps = ['step_qonnx_to_finn', 'step_tidy_up', my_topk, 'step_tidy_up', 'step_streamline',"
        " 'step_convert_to_hw', 'step_create_dataflow_partition', 'step_specialize_layers',"
        " 'step_hw_codegen']\n"
    )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    wish = {"path": str(path), "sha256": digest}
    model = prepare(server, cases / "signed.onnx", tmp_path / "out", steps=wish)
    names = [stage["name"] for stage in model["stages"]]
    assert "my_topk" in names and "hw_codegen" not in names
    assert model["flow"] == "user" and model["output"]["shape"] == [1, 2]
    path.write_text(path.read_text() + "# changed\n")
    with pytest.raises(ServerError, match="not the file that was agreed to"):
        prepare(server, cases / "signed.onnx", tmp_path / "other", steps=wish)
