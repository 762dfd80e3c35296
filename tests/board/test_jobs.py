"""Work on the simulated board with the real driver, from one image to the whole test set."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import pickle
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.board import execution
from finn_tui.board import jobs as work
from finn_tui.board import request as request_module
from finn_tui.board.agent_session import conversation
from finn_tui.board.catalogue import find
from finn_tui.board.connection import connect
from finn_tui.board.deploy import deploy
from finn_tui.board.throughput import throughput
from finn_tui.board.transport import Transport
from finn_tui.board.validation import validate
from finn_tui.rehearsal import bitstream
from finn_tui.rehearsal.board import default_folder
from finn_tui.rehearsal.network import Network
from tests.board import samples
from tests.waiting import PATIENCE, until


@pytest.fixture
async def link(board_home: None) -> AsyncIterator[Transport]:
    async with connect(find("simulated")) as opened:
        yield opened


def results(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "results.json").read_text())
    return content


def agents() -> list[int]:
    """Processes of this test's board that run an agent."""
    home = str(default_folder() / "home").encode()
    pids = []
    for process in Path("/proc").iterdir():
        try:
            is_agent = process.name.isdigit() and b"agent-" in (process / "cmdline").read_bytes()
            if is_agent and home in (process / "environ").read_bytes():
                pids.append(int(process.name))
        except OSError:
            continue
    return pids


async def gone() -> None:
    await until(lambda: not agents())


async def test_go_from_nothing_to_the_results(link: Transport, run_folder: Path) -> None:
    (run_folder / "results.json").write_text('{"estimate": {"fps": 1}}')
    seen: list[Progress] = []
    outcome = await work.go(link, run_folder, seen.append)
    assert outcome.missing == ()
    software = np.load(run_folder / "sample" / "software.npy")
    labels = np.load(run_folder / "sample" / "labels.npy")

    executed = outcome.executed
    assert executed is not None and executed.simulated and executed.board == "simulated"
    assert executed.result == executed.software == software[0]
    assert executed.expected == labels[0] != executed.result

    measured = outcome.throughput
    ideal = 1e9 / samples.CLOCK_NS / samples.II
    assert 0.8 * ideal < measured.images_per_s <= ideal * 1.001
    assert measured.estimate_images_per_s == ideal
    assert measured.clock_mhz == 100.0 and measured.batch == 10_000
    assert measured.metrics["batch_size"] == 10_000

    validation = outcome.validation
    assert validation is not None
    assert (validation.images, validation.correct) == (60, 40)
    assert validation.percent == pytest.approx(100 * 40 / 60)
    assert validation.software_same == 60, "the accelerator gives what the software gives"
    assert validation.comparison is not None and not validation.differs
    assert validation.comparison.text().endswith("60 samples: classes equal")
    assert validation.predictions is not None
    with np.load(run_folder / validation.predictions) as file:
        assert np.array_equal(file["predictions"], software)
        assert np.array_equal(file["labels"], labels)

    there = results(run_folder)
    assert there["estimate"] == {"fps": 1}, "what others wrote stays"
    assert there["execute"] == executed.as_dict() and there["execute"]["class"] == software[0]
    assert there["throughput"] == measured.as_dict()
    assert there["accuracy"] == validation.accuracy_dict()
    assert there["comparison"]["classes_same"] == 60 and not there["comparison"]["differs"]
    assert all(there[part]["simulated"] for part in ("execute", "throughput", "accuracy"))
    assert {p.stage for p in seen} >= {"deploy", "execute", "throughput", "validate"}
    last = [p for p in seen if "SIMULATED" in p.message]
    assert {p.stage for p in last} == {"execute", "throughput", "validate"}
    await gone()


async def test_chosen_images(link: Transport, run_folder: Path) -> None:
    np.save(run_folder / "sample" / "labels.npy", np.full(60, -1))
    await deploy(link, run_folder)
    done = await execution.execute(link, run_folder, images=(5, 59, 5))
    software = np.load(run_folder / "sample" / "software.npy")
    assert [one.result for one in done] == software[[5, 59, 5]].tolist()
    assert [one.expected for one in done] == [None, None, None], "-1 is no label"
    with pytest.raises(FinnTuiError, match="no sample image 60"):
        await execution.execute(link, run_folder, images=(60,))


async def test_channels_first_samples_are_turned(link: Transport, run_folder: Path) -> None:
    """CNV's samples are N, C, H, W; its accelerator takes channels last."""
    settings = samples.settings()
    shapes = settings["driver_information"]["io_shape_dict"]
    shapes["ishape_normal"] = [[1, 28, 14, 2]]
    path = run_folder / "build" / "deploy" / "driver" / "settings.json"
    path.write_text(json.dumps(settings))
    pixels = samples.images()
    flat = pixels.reshape(60, 28, 14, 2)
    np.save(run_folder / "sample" / "images.npy", flat.transpose(0, 3, 1, 2))
    await deploy(link, run_folder)
    done = await execution.execute(link, run_folder, images=range(4))
    assert [one.result for one in done] == [one.software for one in done]
    np.save(run_folder / "sample" / "images.npy", np.zeros((60, 3, 8, 8), np.uint8))
    await deploy(link, run_folder)
    with pytest.raises(FinnTuiError, match="do not fit"):
        await execution.execute(link, run_folder)


async def test_validation_tells_its_running_accuracy(link: Transport, run_folder: Path) -> None:
    await deploy(link, run_folder)
    seen: list[Progress] = []
    done = await validate(link, run_folder, seen.append, batch=25)
    assert done.batch == 25, "the last batch is filled up, and what fills it is not counted"
    running = [(p.data["done"], p.data["accuracy"], p.fraction) for p in seen if "ok" in p.data]
    assert [done for done, _, _ in running] == [25, 50, 60]
    assert running[-1][1] == pytest.approx(done.percent) and running[-1][2] == 1.0
    last = next(p.data for p in reversed(seen) if "ok" in p.data)
    assert (last["low"], last["high"]) == (done.low_percent, done.high_percent)
    assert next(p.data["eta_s"] for p in seen if p.data.get("done") == 50) >= 0.0
    limited = await validate(link, run_folder, limit=7)
    assert limited.images == 7 and limited.correct == 4


async def test_without_a_test_set_the_board_is_compared(link: Transport, run_folder: Path) -> None:
    """That a data set is not here is no failure: the run's samples are compared."""
    for file in (run_folder / "dataset").iterdir():
        file.unlink()
    run = json.loads((run_folder / "run.json").read_text())
    (run_folder / "run.json").write_text(json.dumps({**run, "dataset": "cifar10"}))
    outcome = await work.go(link, run_folder, batch=10)
    assert outcome.executed is not None and outcome.throughput.batch == 10
    assert outcome.missing == outcome.failures == ()
    validation = outcome.validation
    assert validation is not None and validation.percent is None
    assert validation.comparison is not None and validation.comparison.classes_same == 60
    assert validation.text().startswith("not validated; board against software on 60 samples")
    (note,) = outcome.notes
    assert "cifar10 test set is not here" in note
    assert "test_batch" in note and "datasets/cifar10" in note
    assert "accuracy" not in results(run_folder), "nothing was validated"
    assert results(run_folder)["comparison"]["note"] in note


async def test_a_user_s_own_data_set(link: Transport, run_folder: Path, tmp_path: Path) -> None:
    run = json.loads((run_folder / "run.json").read_text())
    (run_folder / "run.json").write_text(json.dumps({**run, "dataset": None}))
    pixels = samples.images(130)
    labels = Network(io.BytesIO(samples.network_bytes())).run(pixels).reshape(-1)
    labels[::4] = (labels[::4] + 1) % 10
    path = tmp_path / "mine.npz"
    np.savez(path, x=pixels, y=labels)
    outcome = await work.go(link, run_folder, batch=10, dataset=path)
    assert outcome.failures == () and outcome.notes == ()
    done = outcome.validation
    assert done is not None and done.dataset == "mine.npz"
    assert (done.images, done.correct) == (130, 130 - 33), "a last batch that is not full counts"
    assert done.comparison is not None and done.comparison.samples == 60
    assert results(run_folder)["accuracy"]["dataset"] == "mine.npz"
    assert done.label_note is None
    # Of this run it is not known any more how many classes there are.
    settings = next((run_folder / "build" / "deploy").rglob("settings.json"))
    text = settings.read_text()
    settings.write_text(text.replace('"mnist"', "null"))
    np.savez(path, x=pixels, y=labels + 10)
    beyond = await validate(link, run_folder, dataset=path, limit=30)
    assert beyond.percent == 0 and beyond.label_note is not None
    assert beyond.label_note.startswith("30 of 30 images have labels above 9")
    assert results(run_folder)["accuracy"]["label_note"] == beyond.label_note
    settings.write_text(text)
    with pytest.raises(FinnTuiError, match="do not fit"):
        np.savez(path, x=np.zeros((3, 5), np.uint8), y=labels[:3])
        await validate(link, run_folder, dataset=path)
    np.savez(path, x=pixels)
    unlabelled = await validate(link, run_folder, dataset=path, limit=30)
    assert unlabelled.percent is None and unlabelled.images == 30
    assert unlabelled.note is not None and "no labels" in unlabelled.note


async def test_values_are_compared_one_by_one(link: Transport, run_folder: Path) -> None:
    """A network without classes: floats at both ends, an input that is signed."""
    reference = samples.write_values_run(run_folder)
    outcome = await work.go(link, run_folder, batch=10)
    assert outcome.failures == ()
    executed, done = outcome.executed, outcome.validation
    assert executed is not None and executed.result is None and executed.comparison is not None
    assert executed.text().startswith("sample 0: outputs as in software")
    assert done is not None and done.comparison is not None
    assert done.comparison.outputs_equal == len(reference) and done.comparison.classes_same is None
    reference[5, 2] += 0.5
    np.save(run_folder / "sample" / "outputs.npy", reference)
    wrong = await work.go(link, run_folder, batch=10)
    (failure,) = wrong.failures
    assert "1 of 12 outputs differ, first in sample 5, largest difference 0.5" in failure.why
    path = run_folder / "mine.npz"
    images = np.load(run_folder / "sample" / "images.npy")
    np.savez(path, x=images, y=reference)
    measured = await validate(link, run_folder, dataset=path)
    assert measured.mean_squared_error == pytest.approx(0.25 / reference.size, rel=1e-3)


async def test_a_board_that_differs_from_the_software_is_a_failure(
    link: Transport, run_folder: Path
) -> None:
    path = run_folder / "sample" / "software.npy"
    software = np.load(path)
    software[[7, 31]] = (software[[7, 31]] + 1) % 10
    np.save(path, software)
    outcome = await work.go(link, run_folder, batch=10)
    assert outcome.missing == ()
    (failure,) = outcome.failures
    assert "2 of 60 classes differ, first in sample 7" in failure.why
    assert results(run_folder)["comparison"]["differs"] is True
    alone = await execution.execute(link, run_folder, images=(7,))
    assert alone[0].differs and "but software gives" in alone[0].text()


async def test_a_run_that_was_not_deployed(link: Transport, run_folder: Path) -> None:
    with pytest.raises(FinnTuiError, match="not on the board") as caught:
        await throughput(link, run_folder)
    assert "Deploy it first" in caught.value.fix


async def test_what_a_board_says_of_itself(link: Transport) -> None:
    about = await work.check(link)
    assert about["simulated"] is True and about["driver"] == "1.6.1"
    assert about["root"] == (os.geteuid() == 0) and about["free_bytes"] > 0


async def test_a_stuck_accelerator_is_said_so(
    link: Transport, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bitfile = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
    meta, network = bitstream.unpack(bitfile)
    bitstream.pack(bitfile, {**meta, "latency_cycles": 10**12}, network)
    monkeypatch.setattr(request_module, "_GRACE", 1.0)
    monkeypatch.setattr(request_module, "_PATIENCE", 0.0)
    await deploy(link, run_folder)
    with pytest.raises(FinnTuiError, match="did not finish in 1 s") as caught:
        await execution.execute(link, run_folder)
    assert "odma0 control 0x1" in caught.value.why
    await gone()


async def test_cancelling_ends_the_driver(link: Transport, run_folder: Path) -> None:
    bitfile = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
    meta, network = bitstream.unpack(bitfile)
    bitstream.pack(bitfile, {**meta, "latency_cycles": 10**12}, network)
    await deploy(link, run_folder)
    started = asyncio.Event()

    def listen(progress: Progress) -> None:
        if "a batch of" in progress.message:
            started.set()

    task = asyncio.create_task(throughput(link, run_folder, listen))
    async with asyncio.timeout(PATIENCE):
        await started.wait()
    assert len(agents()) >= 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone()
    assert not (run_folder / "results.json").exists()


async def test_two_terminals_take_turns(link: Transport, run_folder: Path) -> None:
    await deploy(link, run_folder)
    seen: list[Progress] = []
    async with connect(find("simulated")) as other:
        async with conversation(link) as agent:
            one = await throughput(link, run_folder, batches=[10_000], agent=agent)
            task = asyncio.create_task(validate(other, run_folder, seen.append))
            await until(lambda: any("waiting" in p.message for p in seen))
        two = await task
    assert one.images_per_s > 0.7 * (one.estimate_images_per_s or 0)
    assert two.correct == 40


async def test_the_driver_s_own_failure_is_told(link: Transport, run_folder: Path) -> None:
    path = run_folder / "build" / "deploy" / "driver" / "settings.json"
    settings = json.loads(path.read_text())
    settings["driver_information"]["io_shape_dict"]["idma_names"] = ["nothing0"]
    path.write_text(json.dumps(settings))
    await deploy(link, run_folder)
    with pytest.raises(FinnTuiError, match="driver stopped with AttributeError") as caught:
        await execution.execute(link, run_folder)
    assert "nothing0" in caught.value.why and "Traceback" in caught.value.detail
    settings["driver_information"]["driver_type"] = "FINNInstrumentationOverlay"
    path.write_text(json.dumps(settings))
    await deploy(link, run_folder)
    with pytest.raises(FinnTuiError, match="takes no images"):
        await execution.execute(link, run_folder)


UPSTREAM_DRIVER = """
from qonnx.core.datatype import DataType
io_shape_dict = {shapes}
"""
UPSTREAM_BASE = """
from finn_plus_driver.overlays.dma import FINNDMAOverlay
from pynq.ps import Clocks

class FINNExampleOverlay(FINNDMAOverlay):
    def __init__(self, bitfile_name, platform, io_shape_dict, batch_size=1, fclk_mhz=100.0,
                 device=None, download=True, runtime_weight_dir="runtime_weights/"):
        super().__init__(bitfile_name, platform, io_shape_dict, batch_size)
        del self.fclk_mhz_actual
        Clocks.fclk0_mhz = fclk_mhz
"""


async def test_upstream_drivers_are_told_the_clock(link: Transport, run_folder: Path) -> None:
    """FINN's own package brings its driver, which runs at 100 MHz unless told otherwise."""
    package = run_folder / "build" / "deploy"
    (package / "driver" / "settings.json").unlink()
    shapes = samples.settings()["driver_information"]["io_shape_dict"]
    (package / "driver" / "driver.py").write_text(UPSTREAM_DRIVER.format(shapes=shapes))
    (package / "driver" / "driver_base.py").write_text(UPSTREAM_BASE)
    (package / "bitfile" / "finn-accel.hwh").write_text("<EDKSYSTEM/>")
    run = json.loads((run_folder / "run.json").read_text())
    run |= {"clock_ns": 5.0, "estimate": {"fps": 2e8 / samples.II}}
    (run_folder / "run.json").write_text(json.dumps(run))
    outcome = await work.go(link, run_folder)
    assert outcome.throughput.clock_mhz == 200.0
    ideal = 2e8 / samples.II
    assert 0.8 * ideal < outcome.throughput.images_per_s <= ideal * 1.001
    assert outcome.validation is not None and outcome.validation.correct == 40
    assert outcome.validation.software_same == 60


async def test_cifar_files_as_their_authors_offer_them(link: Transport, run_folder: Path) -> None:
    """The driver reads its own pickles; 32x32 images are the point, not the classes."""
    package = run_folder / "build" / "deploy"
    settings = samples.settings()
    information = settings["driver_information"]
    information["validation_dataset"] = "cifar"
    shapes = information["io_shape_dict"]
    shapes["ishape_normal"] = [[1, 32, 32, 3]]
    shapes["ishape_folded"] = shapes["ishape_packed"] = [[1, 1024, 3]]
    (package / "driver" / "settings.json").write_text(json.dumps(settings))
    network = samples.cifar_network_bytes()
    samples.write_bitstream(package / "bitfile" / "finn-accel.bit", network)
    run = json.loads((run_folder / "run.json").read_text())
    (run_folder / "run.json").write_text(json.dumps({**run, "dataset": "cifar10"}))
    rng = np.random.default_rng(3)
    rows = rng.integers(0, 256, (30, 3072), np.uint8)
    # The test network's class is the brightest channel.
    labels = rows.reshape(30, 3, 1024).astype(int).sum(axis=2).argmax(axis=1)
    content = {"data": rows, "labels": [*labels[:24].tolist(), 9, 9, 9, 9, 9, 9]}
    folder = run_folder / "dataset" / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "test_batch").write_bytes(pickle.dumps(content))
    (run_folder / "sample" / "images.npy").unlink()  # of another data set
    await deploy(link, run_folder)
    done = await validate(link, run_folder)
    assert done.dataset == "unverified files (cifar10 format)"
    assert (done.correct, done.images) == (24, 30)
    assert done.software_same is None, "the run's sample is another data set"


async def test_a_damaged_test_set_is_named(link: Transport, run_folder: Path) -> None:
    labels = run_folder / "dataset" / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(gzip.compress(b"\x00" * 40))
    await deploy(link, run_folder)
    with pytest.raises(FinnTuiError, match=r"labels-idx1-ubyte.gz cannot be read as a data set"):
        await validate(link, run_folder)


async def test_a_driver_that_is_not_installed(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A board with nothing but Python and what stands for pynq."""
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "python3").symlink_to(Path(sys.executable).resolve())
    monkeypatch.setenv("FINN_TUI_DRIVER_PYTHON", str(bare / "python3"))
    async with connect(find("simulated")) as link:
        await deploy(link, run_folder)
        with pytest.raises(FinnTuiError) as caught:
            await execution.execute(link, run_folder)
    assert "cannot be used" in caught.value.what and caught.value.kind == "board"


async def test_a_python_that_is_not_there(run_folder: Path, board_home: None) -> None:
    async with connect(find("simulated")) as link:
        link.board = replace(link.board, python="/nowhere/python3")
        began = time.monotonic()
        with pytest.raises(FinnTuiError, match="cannot be started") as caught:
            await work.check(link)
        assert time.monotonic() - began < 55, "it waited for an agent that cannot start"
    assert "boards.toml" in caught.value.fix
