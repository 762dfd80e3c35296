"""Pictures and arrays that users bring: what is odd about them is said, and no warning printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from finn_tui.base.errors import FinnTuiError
from finn_tui.board import user_image
from finn_tui.board.package import package

SHAPE = (1, 28, 28)


def header(shape: str) -> bytes:
    """An .npy file that says to have this shape, and has no data."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def read(run: Path, path: Path) -> user_image.UserImages:
    return user_image.read(path, package(run), SHAPE)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (header("(-1, 1, 28, 28)"), "It is damaged"),
        (header("(1000000000000, 1, 28, 28)"), "It is damaged"),
        (b"\x93NUMPY\x09\x00" + bytes(200), "It is damaged"),
        (np.full((4, 4), np.nan, np.float32), "brightness begins at 0"),
        (np.full((4, 4), -1, np.float32), "brightness begins at 0"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_is_refused(run_folder: Path, tmp_path: Path, content: Any, words: str) -> None:
    path = tmp_path / "own.tif"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        Image.fromarray(content).save(path)
    with pytest.raises(FinnTuiError, match=r"own\.tif") as caught:
        read(run_folder, path)
    assert words in caught.value.why


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("pixels", "limit"), [(48, None), (60, None), (60, 50), (130, None)])
def test_pixels_have_a_limit(
    run_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pixels: int,
    limit: int | None,
) -> None:
    """Pillow warns above its own limit, and refuses what has twice as many pixels."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    monkeypatch.setattr(user_image, "_MOST_PIXELS", limit or 100)
    path = tmp_path / "own.png"
    Image.new("L", (pixels, 1)).save(path)
    if pixels < (limit or 100):
        assert read(run_folder, path).images.shape == (1, *SHAPE)
        return
    with pytest.raises(FinnTuiError, match="is too large"):
        read(run_folder, path)


def test_of_a_large_array_no_more_is_read_than_is_executed(
    run_folder: Path, tmp_path: Path
) -> None:
    path, start = tmp_path / "own.npy", header("(2000000, 1, 28, 28)")
    with path.open("wb") as file:
        file.write(start)
        file.truncate(len(start) + 2_000_000 * 784)
    images = read(run_folder, path)
    assert len(images.images) == user_image.MOST_IMAGES
    assert "the first 100 of its 2,000,000 images are executed" in images.notes
