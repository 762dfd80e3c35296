"""Data sets in the real formats, augmentation and real trainings, in the engine's environment."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import pytest

from finn_tui.engine.server.training import datasets
from tests.engine.conftest import ROOT
from tests.engine.dataset_files import write_cifar10

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def facts(engine_python: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What ``check_training.py`` found; one process, for torch takes seconds to import."""
    script = Path(__file__).parent / "check_training.py"
    done = subprocess.run(
        [engine_python, str(script)],
        cwd=tmp_path_factory.mktemp("training"),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_format_gives_the_same_images_and_labels(facts: Any) -> None:
    formats = facts["formats"]
    assert formats["same"] == [True] * 4
    assert formats["content"] and formats["coarse"]
    assert formats["shapes"]["idx"] == [200, 1, 28, 28]
    assert formats["shapes"]["c10"] == [200, 3, 32, 32]
    assert formats["classes"] == {
        **dict.fromkeys(("idx", "plain", "c10", "c10bin"), 10),
        "c100 fine": 100,
        "c100bin fine": 100,
        "c100 coarse": 20,
        "c100bin coarse": 20,
    }
    assert formats["first class"] == "class0"


def test_a_made_set_is_never_called_by_a_published_name(facts: Any) -> None:
    assert facts["formats"]["names"]["c10"] == "c10"
    assert facts["formats"]["names"]["c100 coarse"] == "c100 (coarse labels)"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("idx cut", "156800 bytes; it has 4984"),
        ("gzip cut", "cannot be read"),
        ("idx missing", "is missing"),
        ("idx no idx", "does not begin as an IDX file"),
        ("idx huge", "Its head says 4294967295"),
        ("label", "A label is 77; there are 10 classes"),
        ("cifar batch missing", "data_batch_1 is missing"),
        ("cifar binary cut", "no multiple of 3073"),
        ("cifar evil", "it would call posix.system"),
        ("cifar no pickle", "cannot be read as a data set"),
        ("cifar pipe", "not a regular file"),
        ("idx pipe", "not a regular file"),
        ("cifar batch 0", "data_batch_1 is missing"),
        ("cifar vast", "images have more than 4294967296 bytes"),
        ("cifar list", "does not hold a dictionary"),
        ("cifar no labels", "has no 'fine_labels'"),
        ("cifar few labels", "labels do not fit its 3 images"),
        ("cifar floats", "not uint8"),
    ],
)
def test_a_damaged_file_is_refused_with_the_reason(facts: Any, damage: str, words: str) -> None:
    assert words in facts["damages"][damage]


def test_a_subset_that_was_written_with_bytes_as_keys_is_read(tmp_path: Path) -> None:
    write_cifar10(tmp_path, count=20)
    for path in tmp_path.glob("*_batch*"):
        content = pickle.loads(path.read_bytes())
        path.write_bytes(pickle.dumps({key.encode(): each for key, each in content.items()}))
    assert datasets.load(str(tmp_path)).test_images.shape == (20, 3, 32, 32)


def test_a_pickle_runs_nothing(facts: Any) -> None:
    assert facts["ran"] is False


def test_augmented_images_are_moved_and_mirrored_windows(facts: Any) -> None:
    assert facts["crops"] == {"windows": True, "moves": True, "both": True, "seeded": True}


def test_a_training_learns_and_its_best_weights_give_the_same_accuracy_again(facts: Any) -> None:
    trainings = facts["trainings"]
    assert trainings["accuracy"] > 50 and trainings["hinge"] > 50
    assert trainings["best again"] and trainings["sum of classes"] and trainings["wrong"]
    assert trainings["epochs"] == [1, 2]
    assert trainings["clipped"] <= 1.0


def test_the_seed_decides_and_a_kill_does_not(facts: Any) -> None:
    trainings = facts["trainings"]
    assert trainings["equal"] and trainings["seed matters"]
    assert trainings["largest seed"] == [1, 2]
    assert trainings["resumed equal"]


def test_an_epoch_that_a_time_limit_cut_is_counted_once(facts: Any) -> None:
    assert facts["trainings"]["continued"] == [1, 2]


def test_weights_that_are_no_numbers_are_never_gone_on_from(facts: Any) -> None:
    # It diverged in epoch 3: the best epoch is there, and where it goes on from is before that.
    assert facts["trainings"]["diverged"] == [True, True]


def test_a_training_stops_early_by_patience_and_time(facts: Any) -> None:
    assert facts["trainings"]["patient"] < 30
    assert facts["trainings"]["limited"] < 500


def test_schedules_and_held_out_images(facts: Any) -> None:
    trainings = facts["trainings"]
    assert trainings["rates"] == [0.05, pytest.approx(0.005)]
    assert trainings["cosine"] == [pytest.approx(0.05), pytest.approx(0.0)]
    assert trainings["held"] == [150, 50, "held-out training images"]


def test_pixels_are_what_prepare_compares_stages_on(facts: Any) -> None:
    assert facts["as_prepare"]


def test_what_does_not_fit_is_said_before_anything_is_trained(facts: Any) -> None:
    misfits = facts["misfits"]
    assert "does not take the images of c100: They have 3 channels of 32x32" in misfits["shape"]
    assert "the data set has 100 classes" in misfits["classes"]
    assert "2 to 65536 images" in misfits["lr"]
    assert "--device cpu" in misfits["gpu"]
    assert "There is no device 'gpu9'" in misfits["device"]
    assert "cannot be read: It is damaged" in misfits["checkpoint"]
    assert "file an issue" not in misfits["checkpoint"]  # torch's advice is not for its users


def test_the_test_images_of_the_training_go_to_prepare_and_to_the_board(facts: Any) -> None:
    images = facts["test images"]
    assert images["idx"] == ["idx", 0, True, True]
    assert images["c10"] == ["c10", 0, True, True]
    assert images["c100"] == ["c100", 0, True, True]
    # Where they are not there or are no images of the network, prepare takes others.
    assert images["other shape"] and images["moved"] and images["none"]
