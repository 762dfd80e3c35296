"""A user's own .npz: what is accepted, and what the host makes of it for the accelerator."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.board import own_dataset, validation_set
from finn_tui.board.package import SampleDescription, package
from tests.board import samples

CODES = SampleDescription(preprocess="scale", scale=0.5, dtypes=("INT4",))
PIXELS = SampleDescription(preprocess="divide-255", dtypes=("UINT8",))
FLOATS = SampleDescription(dtypes=("FLOAT32",))
VALUES = SampleDescription(kind="values", dtypes=("INT8",))


def written(folder: Path, **arrays: Any) -> Path:
    path = folder / "set.npz"
    np.savez(path, **arrays)
    return path


def read(folder: Path, about: SampleDescription, **arrays: Any) -> own_dataset.OwnDataset:
    return own_dataset.read(written(folder, **arrays), about)


def test_floats_are_quantized_as_the_network_does(tmp_path: Path) -> None:
    images = np.array([[0.2, 0.3, -0.75, 100.0, -100.0]])
    done = read(tmp_path, CODES, images=images, labels=[3])
    assert done.images.tolist() == [[0, 1, -2, 7, -8]], "rounded half to even, saturated"
    assert done.images.dtype == np.int8 and done.labels is not None
    assert done.labels.tolist() == [3] and done.name == "set.npz"
    pixels = read(tmp_path, PIXELS, x=np.array([[0.0, 0.5, 1.0]]), y=[[0, 0, 1]])
    assert pixels.images.tolist() == [[0, 128, 255]] and pixels.images.dtype == np.uint8
    assert pixels.labels is not None and pixels.labels.tolist() == [2], "one-hot"
    assert read(tmp_path, FLOATS, x=np.array([[0.1, 7.0]])).images.dtype == np.float32


def test_integers_are_the_accelerator_s_own(tmp_path: Path) -> None:
    assert read(tmp_path, CODES, images=np.array([[7, -8]])).images.tolist() == [[7, -8]]
    assert read(tmp_path, PIXELS, x=np.array([[255]], np.uint8)).images.tolist() == [[255]]
    without = SampleDescription()
    assert read(tmp_path, without, x=np.array([[300]])).images.tolist() == [[300]], "an older run"


def test_values_are_expected_outputs(tmp_path: Path) -> None:
    done = read(tmp_path, VALUES, x=np.zeros((2, 3), int), y=np.ones((2, 5)))
    assert done.labels is None and done.values is not None and done.values.shape == (2, 5)
    with pytest.raises(FinnTuiError, match="no data set") as caught:
        read(tmp_path, VALUES, x=np.zeros((2, 3), int), y=[1, 2])
    assert "no classes" in caught.value.why


@pytest.mark.parametrize(
    "arrays, why",
    [
        ({"pictures": np.zeros((2, 2))}, "pictures"),
        ({"images": np.zeros((2, 2)), "labels": [1]}, "2 images and 1 labels"),
        ({"images": np.zeros((2, 2), int), "labels": [0.5, 1]}, "no classes"),
        ({"images": np.array([["a"]])}, "numbers"),
        ({"images": np.array([[object()]], object)}, "allow_pickle"),
        ({"images": np.array([[9]])}, "INT4, -8 to 7"),
        ({"images": np.zeros((3, 0))}, "shape (3, 0)"),
        ({"images": np.zeros((2, 2), int), "labels": 1}, "labels have the shape ()"),
        ({"images": np.zeros((2, 2), int), "labels": np.zeros((2, 0))}, "shape (2, 0)"),
        ({"images": np.zeros((2, 2), int), "labels": [[1, 2], [2, 5]]}, "not one-hot"),
        ({"images": np.zeros((2, 2), int), "labels": [[0.5, 0.5], [0.5, 0.5]]}, "not one-hot"),
        ({"images": np.zeros((2, 2), int), "labels": [1, 1e300]}, "no classes"),
        ({"images": np.array([[-1]])}, None),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, arrays: Any, why: str | None) -> None:
    path = written(tmp_path, **arrays)
    if why is None:
        assert own_dataset.read(path, CODES).labels is None
        return
    with pytest.raises(FinnTuiError) as caught:
        own_dataset.read(path, CODES)
    assert why in caught.value.why and "images and labels" in caught.value.fix


def test_pixels_as_floats_of_255_are_explained(tmp_path: Path) -> None:
    with pytest.raises(FinnTuiError, match="do not fit the accelerator") as caught:
        read(tmp_path, PIXELS, images=np.array([[0.0, 200.0]]))
    assert "given as uint8" in caught.value.why


@pytest.mark.parametrize("value", [7.5, -8.6])
def test_what_is_rounded_out_of_the_range_is_refused(tmp_path: Path, value: float) -> None:
    codes = SampleDescription(dtypes=("INT4",))
    assert read(tmp_path, codes, images=np.array([[7.4, -8.4]])).images.tolist() == [[7, -8]]
    with pytest.raises(FinnTuiError, match="do not fit the accelerator"):
        read(tmp_path, codes, images=np.array([[value]]))


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez_compressed(path, images=np.random.default_rng(0).integers(0, 8, (9, 90)))
    whole = path.read_bytes()
    method, flags = whole.rindex(b"PK\x01\x02") + 10, whole.rindex(b"PK\x01\x02") + 8
    for at, value in ((len(whole) // 2, 0xFF), (method, 99), (flags, 1), (flags, 0x40)):
        content = bytearray(whole)
        content[at] = value if content[at] != value else 0
        path.write_bytes(content)
        with pytest.raises(FinnTuiError, match="no data set"):
            own_dataset.read(path, CODES)


def test_what_unpacks_to_more_than_memory_has_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_dataset, "_MOST_BYTES", 10_000)
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, images=np.zeros((20, 1000), np.uint8))
    assert path.stat().st_size < 1000
    with pytest.raises(FinnTuiError, match="is no data set") as error:
        own_dataset.read(path, PIXELS)
    assert "it unpacks to 20 kB, more than 10 kB" in error.value.why


def test_what_is_no_npz(tmp_path: Path) -> None:
    for content in (b"", b"PK\x03\x04 cut off", b"text"):
        (tmp_path / "set.npz").write_bytes(content)
        with pytest.raises(FinnTuiError, match="no data set"):
            own_dataset.read(tmp_path / "set.npz", CODES)
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        archive.writestr("images", "no array")
    with pytest.raises(FinnTuiError, match="no data set") as caught:
        own_dataset.read(tmp_path / "set.npz", CODES)
    assert "images in it is no array" in caught.value.why
    np.save(tmp_path / "set.npy", np.zeros(3))
    with pytest.raises(FinnTuiError, match=r"no \.npz|no data set"):
        own_dataset.read(tmp_path / "set.npy", CODES)


def test_labels_beyond_the_classes_are_refused(run_folder: Path, tmp_path: Path) -> None:
    """They could never be right: the accuracy would be 0 % without a word."""
    what = package(run_folder)
    images = np.zeros((3, 1, 28, 28), np.uint8)
    fits = validation_set.read(what, written(tmp_path, images=images, labels=[0, 9, 9]))
    assert fits.labels is not None
    with pytest.raises(FinnTuiError, match=r"labels up to 10, the network has the classes 0 to 9"):
        validation_set.read(what, written(tmp_path, images=images, labels=[1, 10, 10]))
    # Where the dataflow graph is known, it says how many classes there are.
    (run_folder / "rehearsal").mkdir()
    (run_folder / "rehearsal" / "network.npz").write_bytes(samples.cifar_network_bytes())
    with pytest.raises(FinnTuiError, match="classes 0 to 2") as caught:
        validation_set.read(what, written(tmp_path, images=images, labels=[9, 9, 9]))
    assert caught.value.why.startswith("all of its images") and caught.value.kind == "input"
