"""Files of any stage of FINN's flow open, and a file that does not says the true reason."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import PART, ROOT, Prepared, ServerError, Talk
from tests.engine.test_server_handling import prepare

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def later(tfc: Prepared, engine_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What FINN makes of TFC's dataflow graph on the way to a bitstream; see ``make_stages``."""
    folder = tmp_path_factory.mktemp("later")
    script = Path(__file__).with_name("make_stages.py")
    subprocess.run(
        [engine_python, str(script), tfc.dataflow, PART, str(folder)],
        check=True,
        timeout=200,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    return folder


def damaged(python: str, kind: str, source: Path, target: Path) -> Path:
    """A copy that ``make_damaged`` has changed."""
    script = Path(__file__).with_name("make_damaged.py")
    subprocess.run([python, str(script), kind, str(source), str(target)], check=True, timeout=300)
    return target


def layers(model: Any) -> Any:
    return model["stages"][-1]["op_types"]


@pytest.mark.parametrize("name", ["dwc", "fifo", "iodma", "parent"])
def test_a_graph_that_a_build_went_on_with_opens_as_it_was_folded(
    server: Talk, tfc: Prepared, later: Path, tmp_path: Path, name: str
) -> None:
    model = prepare(server, later / f"{name}.onnx", tmp_path / "out")
    assert layers(model) == layers(tfc.model)
    assert model["flow"] == "none" and len(model["stages"]) == 1
    assert any("finished dataflow graph" in note for note in model["notes"])
    # Files that go on from a stage still say which FINN has written it.
    assert any("made by finn-plus 1." in note for note in model["notes"])
    assert any("left out" in note for note in model["notes"])
    assert model["warnings"] == []
    for end in ("input", "output"):
        assert model[end]["dtype"] == tfc.model[end]["dtype"]
    design = server.call("design", path=str(tmp_path / "out" / "dataflow.onnx"), part=PART)
    ours = server.call("design", path=tfc.dataflow, part=PART)
    assert [layer["name"] for layer in design["layers"]] == [
        layer["name"] for layer in ours["layers"]
    ]


def test_a_parent_finds_its_partition_beside_it_or_says_that_it_is_missing(
    server: Talk, later: Path, engine_python: str, tmp_path: Path
) -> None:
    # FINN writes where the file was on the machine that built it.
    moved = tmp_path / "moved"
    moved.mkdir()
    damaged(engine_python, "moved", later / "parent.onnx", moved / "parent.onnx")
    with pytest.raises(ServerError, match="its partition is not there") as caught:
        prepare(server, moved / "parent.onnx", tmp_path / "a")
    assert "/elsewhere/partition_" in caught.value.data["why"]
    shutil.copytree(later / "kernel_partitions", moved / "kernel_partitions")
    with pytest.raises(ServerError, match="holds no layer to fold") as caught:
        prepare(server, later / "kernel_partitions" / "partition_0.onnx", tmp_path / "dma")
    assert "IODMA_hls" in caught.value.data["why"]
    model = prepare(server, moved / "parent.onnx", tmp_path / "b")
    assert any("the partition of parent.onnx" in note for note in model["notes"])


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("loop", "loop"),
        ("lost", "needs the tensor nothing-gives-it"),
        ("attribute", "not_an_attribute"),
        ("cut", ""),
        ("twice", ""),
        ("type", "has the data type 99"),
        ("external", "is in weights.bin, which is not in"),
    ],
)
def test_a_damaged_file_is_called_damaged(
    server: Talk, tfc: Prepared, engine_python: str, tmp_path: Path, damage: str, why: str
) -> None:
    stages = {stage["name"]: tfc.folder / stage["file"] for stage in tfc.model["stages"]}
    path = damaged(engine_python, damage, stages["export"], tmp_path / "damaged.onnx")
    with pytest.raises(ServerError, match=r"damaged|not an ONNX model|not there") as caught:
        prepare(server, path, tmp_path / "out")
    assert caught.value.kind == "input"
    assert why in caught.value.data["why"]


def test_nodes_out_of_order_are_no_damage(
    server: Talk, tfc: Prepared, engine_python: str, tmp_path: Path
) -> None:
    source = Path(tfc.dataflow)
    path = damaged(engine_python, "reversed", source, tmp_path / "reversed.onnx")
    assert layers(prepare(server, path, tmp_path / "out")) == layers(tfc.model)
