"""Preparation with the real FINN: stages, weights, samples, bad input."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.conftest import PART, Prepared, ServerError, Talk, brevitas

pytestmark = pytest.mark.engine


def prepare(server: Talk, folder: Path, source: dict[str, Any], **options: Any) -> Any:
    asked = {"board": "Pynq-Z2", "clock_ns": 10.0, "check": False, **options}
    return server.call("prepare", source=source, out=str(folder), **asked)


def stage_names(model: Any) -> list[str]:
    return [stage["name"] for stage in model["stages"]]


def test_info(server: Talk, engine_python: str) -> None:
    info = server.call("info")
    assert info["flavour"] in ("finn-plus", "finn")
    assert info["version"][0].isdigit()
    assert info["executable"] == engine_python
    pynq = info["boards"]["Pynq-Z2"]
    assert pynq["part"] == PART
    assert pynq["resources"] == {
        "LUT": 53200,
        "FF": 106400,
        "BRAM_18K": 280,
        "URAM": 0,
        "DSP": 220,
    }
    assert info["limits"] == {"LUT": 0.7, "FF": 0.5, "BRAM_18K": 0.8, "URAM": 0.8, "DSP": 0.8}
    assert set(info["tools"]) == {"vivado", "vitis_hls"}


def test_tfc_is_trained_to_something_that_means_something(tfc: Prepared) -> None:
    weights = tfc.model["weights"]
    assert weights["kind"] == "trained"
    assert weights["dataset"] == "digits28" and weights["images"] == 400
    assert weights["accuracy"] > 85
    labels = np.load(tfc.folder / "sample" / "labels.npy")
    software = np.load(tfc.folder / "sample" / "software.npy")
    assert weights["accuracy"] == pytest.approx(100 * np.mean(labels == software))
    messages = [e["data"]["message"] for e in tfc.events if e.get("event") == "progress"]
    assert any("epoch" in message for message in messages)


def test_every_stage_agrees_with_the_network(tfc: Prepared, cnv: Prepared) -> None:
    for prepared in (tfc, cnv):
        for stage in prepared.model["stages"]:
            # The same number everywhere, also of a large network.
            assert stage["check"]["images"] == (20 if prepared is tfc else 13), stage["name"]
            assert stage["check"]["same"] == stage["check"]["images"], stage["name"]
            assert (prepared.folder / stage["file"]).is_file()
    assert cnv.model["stages"][-1]["nodes"] == 21


def test_the_stages_are_those_of_the_issue(tfc: Prepared, cnv: Prepared) -> None:
    order = ["export", "qonnx_to_finn", "preprocess", "postprocess", "tidy_up", "streamline"]
    order += ["convert_to_hw", "create_dataflow_partition", "specialize_layers"]
    for prepared in (tfc, cnv):
        names = stage_names(prepared.model)
        assert [name for name in names if name in order] == order
        assert names[-1] == "minimize_bit_width"
        files = sorted(path.name for path in (prepared.folder / "stages").iterdir())
        assert files == [Path(stage["file"]).name for stage in prepared.model["stages"]]


def test_what_is_left_is_what_was_promised(tfc: Prepared) -> None:
    names = {path.name for path in tfc.folder.iterdir()}
    assert names == {"stages", "sample", "dataset", "dataflow.onnx", "model.json"}
    assert json.loads((tfc.folder / "model.json").read_text()) == tfc.model
    data = (tfc.folder / "dataflow.onnx").read_bytes()
    assert hashlib.sha256(data).hexdigest() == tfc.model["fingerprint"]
    assert data == (tfc.folder / tfc.model["stages"][-1]["file"]).read_bytes()


def test_the_host_transposes_for_cnv_and_nothing_for_tfc(tfc: Prepared, cnv: Prepared) -> None:
    assert tfc.model["input"]["host"] == []
    assert tfc.model["input"]["dtype"] == cnv.model["input"]["dtype"] == "UINT8"
    assert cnv.model["input"]["host"] == [{"op": "Transpose", "perm": [0, 2, 3, 1]}]
    assert cnv.model["input"]["shape"] == [1, 32, 32, 3]


def test_the_dataset_is_mnists_format(tfc: Prepared) -> None:
    def read(name: str, axes: int) -> Any:
        raw = gzip.decompress((tfc.folder / "dataset" / name).read_bytes())
        assert raw[:4] == bytes([0, 0, 8, axes])
        shape = struct.unpack(f">{axes}I", raw[4 : 4 + 4 * axes])
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)

    images, labels = read("t10k-images-idx3-ubyte.gz", 3), read("t10k-labels-idx1-ubyte.gz", 1)
    assert np.array_equal(images[:, None], np.load(tfc.folder / "sample" / "images.npy"))
    assert np.array_equal(labels, np.load(tfc.folder / "sample" / "labels.npy"))
    assert np.array_equal(np.unique(labels), np.arange(10))
    train = read("train-images-idx3-ubyte.gz", 3)
    assert len(train) == len(read("train-labels-idx1-ubyte.gz", 1)) == 1397
    seen = {image.tobytes() for image in train}
    assert not any(image.tobytes() in seen for image in images)


def test_a_board_of_ones_own_needs_a_part(server: Talk, networks: Path, tmp_path: Path) -> None:
    source = {"kind": "onnx", "path": str(networks / "small.onnx")}
    model = prepare(server, tmp_path / "out", source, board="mine", part="xczu3eg-sbva484-1-e")
    assert (model["board"], model["part"]) == ("mine", "xczu3eg-sbva484-1-e")
    with pytest.raises(ServerError, match="does not know the board"):
        prepare(server, tmp_path / "out", source, board="mine")


def test_random_weights_say_so_and_the_same_seed_gives_the_same_file(
    server: Talk, tmp_path: Path
) -> None:
    def once(folder: str, seed: int) -> Any:
        source = brevitas("tfc_2w2a", weights={"kind": "random", "seed": seed})
        return prepare(server, tmp_path / folder, source)

    first, again, other = once("a", 3), once("b", 3), once("c", 4)
    assert first["weights"]["kind"] == "random"
    assert "random" in first["weights"]["note"]
    assert first["fingerprint"] == again["fingerprint"] != other["fingerprint"]


def test_a_checkpoint_is_used_and_a_wrong_one_is_refused(
    server: Talk, engine_python: str, tmp_path: Path
) -> None:
    path = tmp_path / "best.tar"
    code = (
        "import sys, torch; from brevitas_examples.bnn_pynq.models import model_with_cfg as m;"
        "torch.manual_seed(5);"
        "torch.save({'state_dict': m('tfc_1w1a', False)[0].state_dict()}, sys.argv[1])"
    )
    subprocess.run([engine_python, "-c", code, str(path)], check=True, timeout=120)
    source = brevitas("tfc_1w1a", weights={"kind": "auto", "path": str(path)})
    model = prepare(server, tmp_path / "out", source)
    assert model["weights"]["kind"] == "checkpoint"
    assert model["weights"]["note"] == "best.tar"
    wrong = brevitas("cnv_1w1a", weights={"kind": "checkpoint", "path": str(path)})
    with pytest.raises(ServerError, match="does not fit") as caught:
        prepare(server, tmp_path / "wrong", wrong)
    assert caught.value.kind == "input"


def test_a_users_own_qonnx_goes_the_same_way(server: Talk, tfc: Prepared, tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes((tfc.folder / "stages" / "00-export.onnx").read_bytes())
    source = {"kind": "onnx", "path": str(path), "preprocess": "auto", "topk": 1}
    model = prepare(server, tmp_path / "out", source, check=True)
    assert stage_names(model)[0] == "import"
    assert stage_names(model)[1:] == stage_names(tfc.model)[1:]
    assert model["stages"][-1]["op_types"] == tfc.model["stages"][-1]["op_types"]
    assert all(s["check"]["same"] == s["check"]["images"] for s in model["stages"])
    software = np.load(tfc.folder / "sample" / "software.npy")
    output = np.load(tmp_path / "out" / "sample" / "software.npy")
    assert np.array_equal(output, software[: len(output)])


@pytest.fixture(scope="session")
def networks(engine_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small ONNX files made with the engine's onnx."""
    folder = tmp_path_factory.mktemp("networks")
    script = Path(__file__).parent / "make_onnx.py"
    for kind in ("small", "float", "stranger"):
        command = [engine_python, str(script), kind, str(folder / f"{kind}.onnx")]
        subprocess.run(command, check=True, timeout=120)
    (folder / "text.onnx").write_text("this is no network\n")
    (folder / "empty.onnx").write_bytes(b"")
    return folder


def test_a_small_dense_network_of_ones_own(server: Talk, networks: Path, tmp_path: Path) -> None:
    source = {"kind": "onnx", "path": str(networks / "small.onnx"), "preprocess": "auto"}
    model = prepare(server, tmp_path / "out", source, check=True)
    assert model["weights"]["accuracy"] is None
    assert model["input"]["dtype"] == "UINT8"
    assert all(s["check"]["same"] == s["check"]["images"] for s in model["stages"])
    design = server.call("design", path=str(tmp_path / "out" / "dataflow.onnx"), part=PART)
    shapes = [layer["shape"] for layer in design["layers"] if layer["op"].startswith("MVAU")]
    assert shapes == ["16x8", "8x4"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("text.onnx", "is not an ONNX model"),
        ("empty.onnx", "is not an ONNX model"),
        ("missing.onnx", "There is no file"),
        ("float.onnx", "has no quantization"),
    ],
)
def test_a_file_that_is_no_quantized_network(
    server: Talk, networks: Path, tmp_path: Path, name: str, words: str
) -> None:
    source = {"kind": "onnx", "path": str(networks / name), "preprocess": "auto"}
    with pytest.raises(ServerError, match=words) as caught:
        prepare(server, tmp_path / "out", source)
    assert caught.value.kind == "input"
    assert caught.value.data["fix"]
    assert not (tmp_path / "out").exists()


def test_a_node_that_stays_outside_is_named(server: Talk, networks: Path, tmp_path: Path) -> None:
    source = {"kind": "onnx", "path": str(networks / "stranger.onnx"), "preprocess": "auto"}
    with pytest.raises(ServerError, match="does not become hardware") as caught:
        prepare(server, tmp_path / "out", source)
    assert caught.value.kind == "input"
    assert "(Sin)" in caught.value.data["what"]
    # What was reached is there to be looked at, but it is no prepared model.
    assert list((tmp_path / "out" / "stages").iterdir())
    assert not (tmp_path / "out" / "model.json").exists()


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        (brevitas("tfc_1w1a"), {"board": "Pynq-Z9"}, "does not know the board"),
        (brevitas("tfc_1w1a"), {"clock_ns": 0}, "more than 0 ns"),
        (brevitas("tfc_1w1a"), {"clock_ns": "fast"}, "must be a number"),
        (brevitas("tfc_1w1a"), {"clock_ns": -1}, "more than 0 ns"),
        (brevitas("tfc_9w9a"), {}, "no example network"),
        (brevitas("cnv_1w1a", weights={"kind": "trained"}), {}, "nothing to train"),
        (brevitas("tfc_1w1a", weights={"kind": "magic"}), {}, "no weights of kind"),
        (brevitas("tfc_1w1a", weights={"kind": "checkpoint"}), {}, "No checkpoint"),
        ({"kind": "brevitas", "network": "tfc_1w1a"}, {"board": None}, "no 'board'"),
        ({"kind": "guess"}, {}, "no sources of kind"),
    ],
)
def test_what_cannot_be_prepared_is_explained(
    server: Talk, tmp_path: Path, source: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ServerError, match=words):
        prepare(server, tmp_path / "out", source, **options)


def test_a_preparation_can_be_cancelled(server: Talk, tmp_path: Path) -> None:
    source = brevitas("tfc_1w1a", weights={"kind": "trained"}, train={"dataset": "digits28"})
    asked = {"source": source, "board": "Pynq-Z2", "clock_ns": 10.0, "check": False}
    id = server.send("prepare", out=str(tmp_path / "out"), **asked)
    while "epoch" not in str(server.receive()):
        pass
    assert server.call("cancel", id=id) == {"cancelled": True}
    with pytest.raises(ServerError) as caught:
        server.answer(id)
    assert caught.value.kind == "cancelled"
    assert not (tmp_path / "out" / "model.json").exists()


def test_graph_lists_the_nodes_of_a_stage(server: Talk, cnv: Prepared) -> None:
    export = server.call("graph", path=str(cnv.folder / "stages" / "00-export.onnx"))
    assert [tensor["shape"] for tensor in export["inputs"]] == [[1, 3, 32, 32]]
    counts: dict[str, int] = {}
    for node in export["nodes"]:
        counts[node["op_type"]] = counts.get(node["op_type"], 0) + 1
    assert counts == cnv.model["stages"][0]["op_types"]
    nodes = server.call("graph", path=cnv.dataflow)["nodes"]
    mvau = next(node for node in nodes if node["op_type"] == "MVAU_hls")
    assert (mvau["attrs"]["MW"], mvau["attrs"]["MH"]) == (27, 64)
    assert mvau["inputs"][0]["shape"][-1] == 27
    # Data has no values; weights and thresholds are counted.
    data, weights, thresholds = mvau["inputs"]
    assert "values" not in data
    assert [bin[0] for bin in weights["values"]["bins"]] == [-1, 1]
    assert weights["values"]["count"] == sum(bin[2] for bin in weights["values"]["bins"]) == 27 * 64
    assert thresholds["values"]["count"] == 64
    assert sum(bin[2] for bin in thresholds["values"]["bins"]) == 64


def test_execute_gives_the_networks_answers(server: Talk, tfc: Prepared, tmp_path: Path) -> None:
    images = np.load(tfc.folder / "sample" / "images.npy")[:5]
    np.save(tmp_path / "in.npy", images)
    target = str(tmp_path / "out.npy")
    done = server.call("execute", path=tfc.dataflow, input=str(tmp_path / "in.npy"), output=target)
    assert done["samples"] == 5
    software = np.load(tfc.folder / "sample" / "software.npy")[:5]
    assert np.array_equal(np.load(target).reshape(-1), software)
    np.save(tmp_path / "wrong.npy", images[:, :, :5])
    with pytest.raises(ServerError, match="does not fit"):
        server.call("execute", path=tfc.dataflow, input=str(tmp_path / "wrong.npy"), output=target)
