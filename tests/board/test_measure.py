"""What is measured on the simulated board beside accuracy: times, differences, a user's images."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.terminal_image import picture
from finn_tui.board import execution, jobs
from finn_tui.board.answers import BatchTimes, ThroughputAnswer
from finn_tui.board.catalogue import find
from finn_tui.board.connection import connect
from finn_tui.board.deploy import deploy
from finn_tui.board.throughput import measured, throughput
from finn_tui.board.transport import Transport
from finn_tui.board.validation import validate
from finn_tui.core.proportion import wilson
from finn_tui.rehearsal import bitstream
from tests.board import samples


@pytest.fixture
async def link(board_home: None) -> AsyncIterator[Transport]:
    async with connect(find("simulated")) as opened:
        yield opened


def with_graph(run: Path) -> Path:
    """The run as a rehearsal leaves it, with its dataflow graph as arithmetic."""
    (run / "rehearsal").mkdir()
    (run / "rehearsal" / "network.npz").write_bytes(samples.network_bytes())
    return run


def flip_weights(run: Path, count: int) -> None:
    """Change weights in the bitstream only, as a wrong build would."""
    path = run / "build" / "deploy" / "bitfile" / "finn-accel.bit"
    meta, network = bitstream.unpack(path)
    with np.load(io.BytesIO(network)) as file:
        arrays: dict[str, Any] = {name: file[name] for name in file.files}
    arrays["w"].reshape(-1)[:count] *= -1
    content = io.BytesIO()
    np.savez(content, **arrays)
    bitstream.pack(path, meta, content.getvalue())


def test_an_accuracy_has_wilson_s_interval() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 and 0 of 20.
    assert wilson(81, 263) == pytest.approx((25.53, 36.62), abs=0.006)
    assert wilson(0, 20) == pytest.approx((0.0, 16.11), abs=0.006)


async def test_batches_of_several_sizes(link: Transport, run_folder: Path) -> None:
    await deploy(link, run_folder)
    done = await throughput(link, run_folder, batches=[100, 1, 10])
    assert [each.batch for each in done.sweep] == [1, 10, 100]
    first, last = done.sweep[0], done.sweep[-1]
    assert first.images_per_s is first.end_to_end_images_per_s is None, "a latency is no rate"
    assert done.latency_ms == first.device_ms.median >= 1e3 * samples.LATENCY / 1e8
    assert done.batch == 100 and done.images_per_s == last.images_per_s
    assert last.bytes_in == 100 * 784 and last.repetitions > 1
    spread = last.device_ms
    assert spread.min <= spread.median <= spread.max
    assert last.end_to_end_ms.median > spread.min
    assert last.in_mb_per_s == pytest.approx(last.bytes_in / spread.median / 1e3)
    assert {"pack", "copy in", "unpack"} <= set(last.parts_ms)
    recorded = json.loads((run_folder / "results.json").read_text())["throughput"]
    assert recorded["sweep"][2]["batch"] == 100 and recorded["metrics"]["batch_size"] == 100
    with pytest.raises(FinnTuiError, match="no throughput"):
        await throughput(link, run_folder, batches=[1])


def test_the_difference_to_the_estimate_has_reasons() -> None:
    """TFC of the course lab: 784 bytes an image are more than its II of 64 cycles."""
    batch = 10_000
    times = BatchTimes(batch, [0.0104] * 3, [0.02] * 3, 784 * batch, batch, {"pack_input[ms]": 5.0})
    what: Any = SimpleNamespace(fps=3_125_000.0, clock_mhz=200.0)
    done = measured("lab", False, ThroughputAnswer([times], 100.0), what, "xc7z020clg400-1")
    clock, port, rest, around = done.reasons
    assert "100 MHz, the build was for 200 MHz: the estimate is 1,562,500" in clock
    assert "98 cycles for the 784 bytes" in port and "at most 1,020,408 images/s" in port
    assert "Of 10.4 ms for 10,000 images, 0.6 ms (6%)" in rest
    assert "takes 20 ms, 1.9 times" in around and "pack 5 ms" in around
    assert done.latency_ms is None
    times = BatchTimes(batch, [0.0070] * 3, [0.02] * 3, 784 * batch, batch, {})
    faster = measured("lab", True, ThroughputAnswer([times], 100.0), what, "xc7z020clg400-1")
    assert not any("DMA needs" in reason for reason in faster.reasons), "it is measured otherwise"


async def test_a_wrong_bitstream_is_caught_by_execute(link: Transport, run_folder: Path) -> None:
    flip_weights(run_folder, 600)
    await deploy(link, run_folder)
    compared = await execution.compare_samples(link, run_folder)
    assert compared is not None and compared.differs and compared.first is not None
    (executed,) = await execution.execute(link, run_folder, images=[compared.first])
    assert executed.differs and "but software gives" in executed.text()


async def test_images_that_differ_are_kept(link: Transport, run_folder: Path) -> None:
    with_graph(run_folder)
    (run_folder / "sample" / "labels.npy").unlink()  # another set than the samples
    same = (await jobs.go(link, run_folder, batch=10)).validation
    assert same is not None and same.software_same == 60 and not same.differs
    assert same.per_class and sum(row["images"] for row in same.per_class) == 60
    flip_weights(run_folder, 600)
    await deploy(link, run_folder)
    done = await validate(link, run_folder)
    assert done.comparison is not None and done.comparison.reference == "dataflow graph"
    assert done.differences_file is not None and done.software_same is not None
    with np.load(run_folder / done.differences_file) as file:
        rows = file["indices"].tolist()
        assert [row["index"] for row in done.differences] == rows
        assert file["images"].shape == (len(rows), 1, 28, 28)
        assert (file["board"].reshape(-1) != file["software"].reshape(-1)).all()
    assert done.software_same <= 60 - len(rows)


async def test_a_user_s_picture(link: Transport, run_folder: Path, tmp_path: Path) -> None:
    with_graph(run_folder)
    await deploy(link, run_folder)
    path = tmp_path / "cat.png"
    pixels = np.random.default_rng(3).integers(0, 90, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    own = execution.read_file(run_folder, path)
    (done,) = await execution.execute_file(link, run_folder, own)
    drawn = own.images.pixels
    assert done.result == done.software and done.comparison is not None and not done.differs
    assert done.reference == "dataflow graph" and done.file == "cat.png"
    assert done.notes == (
        "its colours are converted from RGB to grey (ITU-R 601 luma)",
        "it is resized from 60 x 40 to 28 x 28 pixels (Lanczos, the whole picture)",
    )
    assert len(done.top) == 5 and done.top[0]["class"] == done.result
    assert done.scores_of == "dataflow graph" and done.outputs == done.software_outputs
    assert drawn is not None and drawn.shape == (1, 1, 28, 28)
    assert "▀" in picture(drawn[0], {"TERM": "xterm"})
    assert picture(drawn[0], {"TERM": "xterm-kitty"}).startswith("\x1b_Ga=T,f=24,s=28,v=28")
    assert "\x1b" not in picture(drawn[0], {"NO_COLOR": "1"})

    array = tmp_path / "two.npy"
    np.save(array, np.load(run_folder / "sample" / "images.npy")[4:6])
    own = execution.read_file(run_folder, array)
    results = await execution.execute_file(link, run_folder, own)
    software = np.load(run_folder / "sample" / "software.npy")
    assert [one.result for one in results] == software[4:6].tolist()
    for content, words in (
        (b"\x89PNG\r\n\x1a\nxx", "no picture"),
        (b"\x93NUMPY", "cannot be read"),
    ):
        path.write_bytes(content)
        with pytest.raises(FinnTuiError, match=words):
            execution.read_file(run_folder, path)
    np.save(array, np.zeros((3, 5), np.uint8))
    with pytest.raises(FinnTuiError, match="does not fit"):
        execution.read_file(run_folder, array)
