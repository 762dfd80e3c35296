"""Hardware-true padding: a small network of VGG9's kind, from Brevitas to the dataflow graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.conftest import Prepared, ServerError, Talk

pytestmark = pytest.mark.engine

#: As VGG9: padding on the first convolutions, none on the last, pooling in between.
MINI = {
    "family": "conv",
    "input": [3, 10, 10],
    "input_bits": 8,
    "weight_bits": 1,
    "activation_bits": 1,
    "channels": [8, 8, 16],
    "pool": [False, True, False],
    "padding": [1, 1, 0],
    "fully_connected": [16],
    "classes": 10,
}


def source(**changes: Any) -> dict[str, Any]:
    """A source for ``prepare``; the weights are random."""
    return {
        "kind": "brevitas",
        "definition": {**MINI, **changes},
        "input": [1, 3, 10, 10],
        "topk": 1,
        "weights": {"kind": "random", "seed": 5},
    }


def checks(model: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The checks of the stages, by their names."""
    return {stage["name"]: stage["check"] for stage in model["stages"] if stage["check"]}


def same_classes(server: Talk, folder: Path, model: dict[str, Any]) -> int:
    """On how many samples the dataflow graph gives the class of Brevitas' own forward."""
    sample = folder / "sample"
    arranged = np.load(sample / "images.npy").transpose(model["input"]["host"][0]["perm"])
    np.save(sample / "arranged.npy", arranged)
    server.call(
        "execute",
        path=str(folder / "dataflow.onnx"),
        input=str(sample / "arranged.npy"),
        output=str(sample / "classes.npy"),
    )
    classes = np.load(sample / "classes.npy").reshape(-1)
    return int((classes == np.load(sample / "software.npy")).sum())


def test_a_network_padded_with_minus_1_is_its_hardware(server: Talk, tmp_path: Path) -> None:
    model = Prepared(server, tmp_path, source(), 1).model
    found = checks(model)
    assert {"export", "tidy_up", "streamline", "minimize_bit_width"} <= set(found)
    for name, check in found.items():
        # "same" is against Brevitas' own forward, "outputs" against the exported graph.
        assert check["same"] == check["images"] == 20, name
        assert check["outputs"] in (None, 20), name
    assert not model["warnings"]
    assert same_classes(server, tmp_path, model) == 20
    assert model["stages"][-1]["op_types"]["FMPadding_rtl"] == 2


def test_one_padded_with_zeros_is_not_and_the_stage_is_named(server: Talk, tmp_path: Path) -> None:
    prepared = Prepared(server, tmp_path, source(padding_value=0), 1)
    found = checks(prepared.model)
    assert found["tidy_up"]["same"] == 20 > found["streamline"]["same"]
    kinds = {each["kind"]: each for each in prepared.model["warnings"]}
    assert kinds["classes"]["stage"] == "streamline" and "padded" in kinds["classes"]["why"]
    cost = kinds["padding"]["padding"]
    assert "convolution 2 pads bipolar" in kinds["padding"]["what"]
    assert cost["layers"] == [2] and cost["images"] == 20
    # What is said beforehand is what the hardware layers compute in the end.
    assert same_classes(server, tmp_path, prepared.model) == cost["same"] < 20
    # It is said before the first of FINN's steps, not at the end.
    said = [event["data"].get("message", "") for event in prepared.events]
    warned = next(at for at, text in enumerate(said) if text.startswith("WARNING"))
    assert warned < said.index("streamlining")


def exported(server: Talk, folder: Path, **changes: Any) -> Path:
    """The network as a QONNX file, without a word on how it was trained."""
    file = folder / "net.onnx"
    server.call("export", source=source(padding_value=0, **changes), out=str(file))
    return file


def images(folder: Path, count: int = 12) -> Path:
    """Random images with labels, as a file."""
    random = np.random.RandomState(3)
    pictures = random.randint(0, 256, (count, 3, 10, 10)).astype(np.uint8)
    labels = random.randint(0, 10, count)
    np.savez(folder / "mine.npz", images=pictures, labels=labels)
    return folder / "mine.npz"


def test_the_cost_is_computed_on_the_users_images(server: Talk, tmp_path: Path) -> None:
    """A file's cost, found node by node, is that of the module, found with torch."""
    data = images(tmp_path)
    file = exported(server, tmp_path)
    costs = []
    for at, each in enumerate((source(padding_value=0), {"kind": "onnx", "path": str(file)})):
        model = server.call(
            "prepare",
            source=each,
            out=str(tmp_path / str(at)),
            board="Pynq-Z2",
            clock_ns=10.0,
            check=False,
            data=str(data),
        )
        (warning,) = model["warnings"]
        assert "12 images (mine.npz)" in warning["why"] and "% in hardware" in warning["why"]
        cost = warning["padding"]
        costs.append({key: cost[key] for key in ("same", "accuracy", "hardware_accuracy")})
    assert costs[0] == costs[1]
    assert costs[0]["same"] < 12 and 0 <= costs[0]["hardware_accuracy"] <= 100


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros((2, 3, 8, 8), np.uint8)}, "They are 3x8x8, the network takes 3x10x10"),
        ({"images": np.zeros((2, 3, 10, 10))}, "holds no images"),
        ({"pictures": np.zeros(3)}, "cannot be read"),
        (
            {"images": np.zeros((2, 3, 10, 10), np.uint8), "labels": np.zeros(5, int)},
            "5 labels (int64) for 2 images",
        ),
        ({"images": np.array([{}], dtype=object)}, "cannot be read"),
    ],
)
def test_images_that_do_not_fit_are_refused(
    server: Talk, tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(ServerError) as caught:
        server.call(
            "prepare",
            source=source(padding_value=0),
            out=str(tmp_path / "out"),
            board="Pynq-Z2",
            clock_ns=10.0,
            data=str(tmp_path / "mine.npz"),
        )
    assert message in caught.value.text


def test_activations_of_2_bits_have_a_zero(server: Talk, tmp_path: Path) -> None:
    model = Prepared(server, tmp_path, source(activation_bits=2), 1).model
    assert all(check["same"] == 20 for check in checks(model).values())
    assert not model["warnings"]
