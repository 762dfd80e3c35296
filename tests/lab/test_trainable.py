"""A user's own Python file as a network to train: read without running it, run once agreed to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.lab.models import trainable, training
from finn_tui.lab.models.handling import ConsentRequired
from finn_tui.lab.models.model_request import choose_checkpoint, resolve
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import RunFolder
from tests.engine import dataset_files

FILE = """
import torch
open("ran", "w")
INPUT = [1, 784]
DATASET = "made-digits"
TRAINING = {"epochs": 3, "lr": 0.05}
model = torch.nn.Linear(784, 10)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a network, and the data set beside it that it names."""
    monkeypatch.chdir(tmp_path)
    dataset_files.write_idx(tmp_path / "made-digits", train=20, test=20)
    path = tmp_path / "mynet.py"
    path.write_text(FILE)
    return path


def test_its_constants_are_read_and_nothing_is_run(module: Path) -> None:
    network = trainable.find("mynet.py", module.parent)
    assert (network.name, network.convolutional) == ("mynet", False)
    assert network.dataset == str(module.parent / "made-digits")
    assert network.usual("idx") == {"epochs": 3, "batch": 100, "lr": 0.05, "augmentation": "none"}
    assert set(network.definition["module"]) == {"path", "sha256"}
    assert not (module.parent / "ran").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def (", "it is no Python"),
        ("\0", "it is no Python"),
        ("DATASET = 3", "DATASET is 3"),
        ("TRAINING = [1]", "TRAINING is no dict"),
        ("TRAINING = {'epoch': 3}", "no key 'epoch'"),
        ("TRAINING = {'dataset': 'x'}", "no key 'dataset'"),
        ("TRAINING = {'lr': 'fast'}", "lr"),
        ("(" * 100_000, "it is no Python"),
    ],
)
def test_a_file_that_says_something_odd_is_explained(module: Path, text: str, problem: str) -> None:
    module.write_text(text)
    with pytest.raises(FinnTuiError, match=r"mynet\.py cannot be used") as caught:
        trainable.find(str(module), module.parent)
    assert problem in caught.value.why and caught.value.fix


class _Lab(SimpleNamespace):
    workspace: Workspace
    ask_steps: Any = None

    async def spec(self, on_progress: Any = None) -> Any:
        raise AssertionError("an engine was asked for before the user has agreed")

    async def engine(self, on_progress: Any = None) -> Any:
        raise AssertionError("an engine was asked for before the user has agreed")


def _run(folder: Path, module: Path) -> RunFolder:
    """A training of a user's file, with a checkpoint."""
    definition = dict(trainable.of_module(module).definition)
    build = folder / "runs" / "20260101T000000Z-mynet-0abc" / "build"
    build.mkdir(parents=True)
    (build / "best.pt").write_bytes(b"best")
    request = {
        "id": build.parent.name,
        "model": "mynet",
        "created": "2026-01-01T00:00:00Z",
        "folding": {},
        "folding_name": "",
        "board": "",
        "part": "",
        "clock_ns": 10,
        "kind": "train",
        "training": {"definition": definition, "dataset": str(folder / "made-digits")},
    }
    (build.parent / "run.json").write_bytes(msgspec.json.encode(request))
    return RunFolder(build.parent)


def test_training_and_evaluation_ask_once_for_a_content(module: Path) -> None:
    lab = _Lab(workspace=Workspace.open(module.parent))
    run = _run(module.parent, module)
    options = training.TrainOptions()
    for call in (
        training.train(lab, "mynet.py", options),
        training.evaluate(lab, "mynet.py", options),
        # What a run or a checkpoint names is agreed to as well.
        training.evaluate(lab, "0abc", options),
    ):
        with pytest.raises(ConsentRequired):
            asyncio.run(call)
    with pytest.raises(ConsentRequired):
        trainable.require_agreed_run(run, None)
    trainable.require_agreed_run(run, lambda path, text: True)
    lab.ask_steps = None
    with pytest.raises(AssertionError, match="an engine was asked for"):
        asyncio.run(training.train(lab, "mynet.py", options))
    module.write_text(FILE + "\n# edited\n")
    with pytest.raises(ConsentRequired):
        asyncio.run(training.train(lab, "mynet.py", options))


def test_an_engine_without_brevitas_says_so_before_it_looks_for_data(module: Path) -> None:
    lab = _Lab(workspace=Workspace.open(module.parent), ask_steps=lambda path, text: True)
    info = {"flavour": "finn", "version": "0.9", "brevitas": None, "torch": None}
    spec = EngineSpec("old", ("python",), info=info)

    async def engine(on_progress: Any = None) -> EngineSpec:
        return spec

    lab.spec = engine  # type: ignore[method-assign]
    options = training.TrainOptions(dataset="no-such-data-set")
    for call in (training.train, training.evaluate):
        with pytest.raises(FinnTuiError, match="old cannot train or evaluate: it has no brevitas"):
            asyncio.run(call(lab, "mynet.py", options))


def test_its_checkpoint_is_its_own_and_not_that_of_a_preset(module: Path) -> None:
    workspace = Workspace.open(module.parent)
    _run(module.parent, module)
    same_name = module.with_name("tfc-w1a1.py")
    same_name.write_text(FILE)
    before = resolve(workspace, "mynet.py").content
    choose_checkpoint(workspace, "mynet.py", "0abc")
    choose_checkpoint(workspace, "tfc-w1a1.py", "0abc")
    chosen = resolve(workspace, "mynet.py")
    assert Path(chosen.source["weights"]["path"]).read_bytes() == b"best"
    assert chosen.content != before
    assert "weights" not in resolve(workspace, "tfc-w1a1").source
    choose_checkpoint(workspace, "mynet.py", "none")
    assert resolve(workspace, "mynet.py").content == before
