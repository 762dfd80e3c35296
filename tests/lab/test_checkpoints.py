"""Trained weights of presets: found by file or run, and remembered."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.models import checkpoints
from finn_tui.lab.models.model_request import choose_checkpoint, resolve
from finn_tui.lab.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with a training that left two checkpoints."""
    build = tmp_path / "runs" / "20260101T000000Z-vgg9-w1a1-0abc" / "build"
    build.mkdir(parents=True)
    (build.parent / "run.json").write_text("{}")
    (build / "best.pt").write_bytes(b"best")
    (build / "checkpoint.pt").write_bytes(b"latest")
    return Workspace.open(tmp_path)


@pytest.mark.parametrize("name", ["0abc", "last", "20260101T000000Z-vgg9-w1a1-0abc"])
def test_a_run_means_its_best_checkpoint(workspace: Workspace, name: str) -> None:
    path = checkpoints.find(workspace, name)
    assert path.read_bytes() == b"best"
    path.unlink()
    assert checkpoints.find(workspace, name).read_bytes() == b"latest"


def test_the_folder_of_brevitas_trainer_has_one_too(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "experiments" / "VGG_1W1A_20260101"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "best.tar").touch()
    assert checkpoints.find(workspace, str(folder)).name == "best.tar"


def test_a_run_without_one_is_explained(workspace: Workspace) -> None:
    shutil.rmtree(workspace.runs_dir / "20260101T000000Z-vgg9-w1a1-0abc" / "build")
    with pytest.raises(FinnTuiError, match="0abc has no checkpoint"):
        checkpoints.find(workspace, "0abc")
    with pytest.raises(FinnTuiError, match="there is no run called nothing"):
        checkpoints.find(workspace, "nothing")


def test_a_chosen_checkpoint_is_what_the_preset_means_from_then_on(workspace: Workspace) -> None:
    before = resolve(workspace, "vgg9-w1a1")
    choose_checkpoint(workspace, "vgg9-w1a1", "0abc")
    shutil.rmtree(workspace.runs_dir)
    request = resolve(workspace, "vgg9-w1a1")
    weights = request.source["weights"]
    assert weights["kind"] == "checkpoint" and Path(weights["path"]).read_bytes() == b"best"
    assert request.content != before.content and request.preset is not None
    assert resolve(Workspace.open(workspace.root), "vgg9-w1a1").content == request.content
    assert "weights" not in resolve(workspace, "cnv-w1a1").source
    choose_checkpoint(workspace, "vgg9-w1a1", "none")
    assert resolve(workspace, "vgg9-w1a1").content == before.content


def test_the_next_choice_replaces_the_last_one(workspace: Workspace, tmp_path: Path) -> None:
    choose_checkpoint(workspace, "vgg9-w1a1", "0abc")
    other = tmp_path / "other.pth"
    other.write_bytes(b"other")
    choose_checkpoint(workspace, "vgg9-w1a1", str(other))
    kept = Path(resolve(workspace, "vgg9-w1a1").source["weights"]["path"])
    assert kept.read_bytes() == b"other"
    assert {path.name for path in kept.parent.iterdir()} == {"other.pth", "weights.json"}


def test_a_graph_takes_no_checkpoint(workspace: Workspace, tmp_path: Path) -> None:
    graph = tmp_path / "net.onnx"
    graph.touch()
    with pytest.raises(FinnTuiError, match="takes no checkpoint"):
        choose_checkpoint(workspace, str(graph), "0abc")


def test_a_preset_of_a_graph_takes_no_checkpoint(workspace: Workspace) -> None:
    (workspace.root / "presets").mkdir()
    (workspace.root / "presets" / "mine.toml").write_text(
        'name = "mine"\ntitle = "My net"\n[source]\nkind = "onnx"\npath = "net.onnx"\n'
    )
    (workspace.root / "presets" / "net.onnx").touch()
    with pytest.raises(FinnTuiError, match="takes no checkpoint"):
        choose_checkpoint(workspace, "mine", "0abc")
    assert not (workspace.models_dir / "mine").exists()


def test_a_choice_that_is_cut_short_leaves_the_one_before(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_checkpoint(workspace, "vgg9-w1a1", "0abc")
    other = tmp_path / "other.pth"
    other.write_bytes(b"other")

    def full(path: Path, document: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(files, "write_sealed", full)
        with pytest.raises(FinnTuiError, match="could not be kept"):
            choose_checkpoint(workspace, "vgg9-w1a1", str(other))
    kept = Path(resolve(workspace, "vgg9-w1a1").source["weights"]["path"])
    assert kept.read_bytes() == b"best"
