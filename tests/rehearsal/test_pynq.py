"""PYNQ's stand-in under the real finn-plus-driver, and its packing of odd widths."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finn_tui.rehearsal.on_board.pynq import packing
from tests.board import samples

ON_BOARD = Path(packing.__file__).parents[1]


def session(python: Path, package: Path, images: Path) -> tuple[dict[str, Any], str]:
    done = subprocess.run(
        [
            str(python),
            str(Path(__file__).with_name("driver_session.py")),
            str(package),
            str(images),
        ],
        env={**os.environ, "PYTHONPATH": str(ON_BOARD)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_the_real_driver_runs_the_network_in_the_hardware_s_time(
    driver_python: Path, run_folder: Path
) -> None:
    package = run_folder / "build" / "deploy"
    answer, stderr = session(driver_python, package, run_folder / "sample" / "images.npy")
    software = np.load(run_folder / "sample" / "software.npy").tolist()
    assert answer["results"] == software
    assert answer["late"] == software
    cycle_ms = samples.CLOCK_NS * 1e-6
    one, many = answer["runtime_ms"]["1"], answer["runtime_ms"]["100"]
    assert one >= samples.LATENCY * cycle_ms
    expected = (samples.LATENCY + 99 * samples.II) * cycle_ms
    assert expected <= many < 1.5 * expected, "the driver measures what II and clock say"
    assert answer["idle"] & 0x4
    assert stderr.count("SIMULATED") == 1


def test_the_clock_is_the_design_s_own(driver_python: Path, run_folder: Path) -> None:
    package = run_folder / "build" / "deploy"
    bitfile = package / "bitfile" / "finn-accel.bit"
    samples.write_bitstream(bitfile, samples.network_bytes(), mhz=200.0)
    answer, stderr = session(driver_python, package, run_folder / "sample" / "images.npy")
    assert answer["clock"] == 200.0
    expected = (samples.LATENCY + 99 * samples.II) / 200e3
    assert expected <= answer["runtime_ms"]["100"] < 1.5 * expected
    assert "200 MHz" in stderr


def test_a_frame_takes_as_long_as_the_port_to_the_memory(
    driver_python: Path, run_folder: Path
) -> None:
    package = run_folder / "build" / "deploy"
    bitfile = package / "bitfile" / "finn-accel.bit"
    samples.write_bitstream(bitfile, samples.network_bytes(), ii=1, mhz=1.0)
    answer, _ = session(driver_python, package, run_folder / "sample" / "images.npy")
    # 784 bytes through 64 bits a cycle.
    assert answer["runtime_ms"]["100"] >= (samples.LATENCY + 99 * 98) / 1e3


def run_on_board(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(ON_BOARD)},
        capture_output=True,
        text=True,
        timeout=60,
    )


OPEN = "import sys, pynq\npynq.Overlay(sys.argv[1])\n"


def test_a_real_bitstream_is_refused(run_folder: Path) -> None:
    bitfile = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
    bitfile.write_bytes(b"\x00\x09\x0f\xf0" * 100)
    done = run_on_board(OPEN, str(bitfile))
    assert done.returncode != 0
    assert "SIMULATED board" in done.stderr and "real one" in done.stderr
    bitfile.with_suffix(".hwh").unlink()
    assert "HWH" in run_on_board(OPEN, str(bitfile)).stderr


NAMES = """
import sys, pynq
class Driver(pynq.Overlay):
    pass
driver = Driver(sys.argv[1])
before = driver.idma0
driver._io_shape_dict = {"idma_names": ["idma1", "idma0"]}
print(driver.idma1 is before, driver.idma0 is before, hasattr(driver, "idma2"))
"""


def test_dma_engines_are_those_of_the_driver_s_table(run_folder: Path) -> None:
    """FINN's idma1 may be the network's first input."""
    bitfile = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
    tensor = samples.tensor("in", [1, 4], "UINT8", 8)
    second = {**tensor, "name": "second"}
    node = {"op": "add", "inputs": ["in", "second"], "outputs": ["out"], "shape": [1, 4]}
    out = samples.tensor("out", [1, 4], "INT16", 16)
    description = {"format": 1, "inputs": [tensor, second], "outputs": [out], "nodes": [node]}
    content = io.BytesIO()
    np.savez(content, description=np.frombuffer(json.dumps(description).encode(), np.uint8))
    samples.write_bitstream(bitfile, content.getvalue())
    done = run_on_board(NAMES, str(bitfile))
    assert done.stdout.split() == ["True", "False", "False"], done.stderr


CLOCK = """
import sys, time, pynq
from pynq.ps import Clocks
overlay = pynq.Overlay(sys.argv[1])
Clocks.fclk0_mhz = 50.0
source = pynq.allocate((10, 784), 'u1')
target = pynq.allocate((10, 1), 'u1')
taken = []
for _ in range(20):  # the least of several: others may have the processor in between
    began = time.perf_counter()  # before the hardware's own clock runs: never too short
    for engine, buffer in ((overlay.odma0, target), (overlay.idma0, source)):
        engine.write(0x10, buffer.device_address)
        engine.write(0x14, 0)
        engine.write(0x1C, 10)
        engine.write(0x00, 1)
    while not overlay.odma0.read(0) & 2:
        pass
    taken.append(time.perf_counter() - began)
print(min(taken))
"""


def test_without_a_clocking_wizard_the_driver_sets_the_clock(run_folder: Path) -> None:
    """Upstream FINN's designs run at FCLK0; a driver that sets it wrongly is slow."""
    bitfile = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
    bitfile.with_suffix(".hwh").write_text("<EDKSYSTEM/>")
    done = run_on_board(CLOCK, str(bitfile))
    assert done.returncode == 0, done.stderr
    expected = (samples.LATENCY + 9 * samples.II) / 50e6
    assert expected <= float(done.stdout) < 2 * expected


@pytest.mark.parametrize(
    "bits, signed, bipolar, each",
    [
        (1, False, False, 3),
        (1, False, True, 5),
        (2, True, False, 7),
        (5, True, False, 3),
        (8, True, False, 4),
        (8, False, False, 4),
        (13, False, False, 2),
        (24, True, False, 1),
    ],
)
def test_packing_there_and_back(bits: int, signed: bool, bipolar: bool, each: int) -> None:
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    values = np.random.default_rng(0).integers(low, high, (4, 6, each))
    if bipolar:
        values = 2 * values - 1
    tensor = {"shape": [1, 6, each], "bits": bits, "signed": signed, "bipolar": bipolar}
    shape = (4, 6, -(-bits * each // 8))
    packed = packing.pack(values, tensor, shape)
    assert packed.shape == shape and packed.dtype == np.uint8
    assert np.array_equal(packing.unpack(packed, tensor), values)


def test_floats_are_packed_as_their_bits() -> None:
    values = np.random.default_rng(0).normal(0, 1e3, (4, 6, 3)).astype(np.float32)
    tensor = {"shape": [1, 6, 3], "dtype": "FLOAT32", "bits": 32, "signed": True, "bipolar": False}
    packed = packing.pack(values, tensor, (4, 6, 12))
    assert packed[0, 0, :4].tobytes() == values[0, 0, :1].tobytes(), "element 0 comes first"
    assert np.array_equal(packing.unpack(packed, tensor), values)


def test_packing_is_the_driver_s(driver_python: Path) -> None:
    """The same words as finnpy_to_packed_bytearray gives, for widths that cross bytes."""
    code = """
import json, sys
import numpy as np
from finn_plus_driver.packing import finnpy_to_packed_bytearray
from qonnx.core.datatype import DataType
for name, values in json.loads(sys.argv[1]).items():
    packed = finnpy_to_packed_bytearray(np.array(values, np.float32), DataType[name],
                                        reverse_endian=True, reverse_inner=True)
    print(json.dumps([name, np.asarray(packed).tolist()]))
"""
    rng = np.random.default_rng(1)
    kinds: dict[str, tuple[Any, int]] = {
        "BIPOLAR": (2 * rng.integers(0, 2, (2, 3, 9)) - 1, 1),
        "INT3": (rng.integers(-4, 4, (2, 3, 5)), 3),
        "UINT12": (rng.integers(0, 4096, (2, 3, 3)), 12),
        "UINT8": (rng.integers(0, 256, (2, 3, 3)), 8),
        "FLOAT32": (rng.normal(0, 9, (2, 3, 3)).astype(np.float32), 32),
    }
    request = json.dumps({name: values.tolist() for name, (values, _) in kinds.items()})
    done = subprocess.run(
        [str(driver_python), "-c", code, request], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    answers = dict(json.loads(line) for line in done.stdout.splitlines())
    for name, (values, bits) in kinds.items():
        packed = np.array(answers[name], np.uint8)
        tensor = {
            "shape": [1, *values.shape[1:]],
            "dtype": name,
            "bits": bits,
            "signed": name.startswith("INT"),
            "bipolar": name == "BIPOLAR",
        }
        assert np.array_equal(packing.unpack(packed, tensor), values), name
        assert np.array_equal(packing.pack(values, tensor, packed.shape), packed), name
