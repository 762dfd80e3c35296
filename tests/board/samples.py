"""A run folder as a build leaves it, with a small network in a simulated bitstream."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finn_tui.rehearsal import bitstream
from finn_tui.rehearsal.network import Network

II, LATENCY, CLOCK_NS = 6400, 9000, 10.0
IMAGES = 60


def tensor(name: str, shape: list[int], dtype: str, bits: int) -> dict[str, Any]:
    return {
        "name": name,
        "shape": shape,
        "dtype": dtype,
        "bits": bits,
        "signed": dtype.startswith("INT"),
        "bipolar": dtype == "BIPOLAR",
    }


def network_bytes(seed: int = 0) -> bytes:
    """A two-layer binary network on 28x28 pixels, as netlist.export_network would write it."""
    rng = np.random.default_rng(seed)
    weights = 2 * rng.integers(0, 2, (784, 10)) - 1
    description = {
        "format": 1,
        "input": tensor("in", [1, 1, 28, 28], "UINT8", 8),
        "output": tensor("out", [1, 1], "UINT8", 8),
        "nodes": [
            {
                "name": "Thresholding_0",
                "op": "threshold",
                "inputs": ["in"],
                "outputs": ["a"],
                "shape": [1, 1, 28, 28],
                "thresholds": "t",
                "scale": 1,
                "bias": 0,
            },
            {
                "name": "MVAU_0",
                "op": "matmul",
                "inputs": ["a"],
                "outputs": ["b"],
                "shape": [1, 10],
                "weights": "w",
                "offset": "o",
                "shift": 0,
                "bound": 784,
                "from": [1, 784],
            },
            {
                "name": "LabelSelect_0",
                "op": "topk",
                "inputs": ["b"],
                "outputs": ["out"],
                "shape": [1, 1],
                "k": 1,
            },
        ],
    }
    arrays: dict[str, Any] = {
        "description": np.frombuffer(json.dumps(description).encode(), np.uint8),
        "t": np.array([[128]], np.int16),
        "w": weights.astype(np.int8),
        "o": np.sum(weights < 0, axis=0).astype(np.int32),
    }
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def images(count: int = IMAGES) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (count, 1, 28, 28), np.uint8)


def settings() -> dict[str, Any]:
    """What finn-plus' MakePYNQDriver writes for a design with one input and one output."""
    return {
        "driver_information": {
            "driver_type": "FINNDMAOverlay",
            "io_shape_dict": {
                "idt": ["DataType['UINT8']"],
                "idma_names": ["idma0"],
                "ishape_normal": [[1, 1, 28, 28]],
                "ishape_folded": [[1, 1, 28, 28, 1]],
                "ishape_packed": [[1, 1, 28, 28, 1]],
                "odt": ["DataType['UINT8']"],
                "odma_names": ["odma0"],
                "oshape_normal": [[1, 1]],
                "oshape_folded": [[1, 1, 1]],
                "oshape_packed": [[1, 1, 1]],
                "num_inputs": 1,
                "num_outputs": 1,
                "number_of_external_weights": 0,
                "external_weights_input_shapes": {},
            },
            "external_weights": False,
            "runtime_weights": False,
            "platform": "zynq-iodma",
            "fclk_mhz": 100.0,
            "validation_dataset": "mnist",
        },
        "experiment_information": {},
    }


HWH = """<?xml version="1.0" encoding="UTF-8"?>
<EDKSYSTEM><MODULES><MODULE INSTANCE="clk_wiz_0"><PARAMETERS>
<PARAMETER NAME="CLKOUT1_OUT_FREQ" VALUE="{mhz}"/>
</PARAMETERS></MODULE></MODULES></EDKSYSTEM>
"""


def write_bitstream(path: Path, network: bytes, ii: int = II, mhz: float = 1e3 / CLOCK_NS) -> None:
    """A simulated bitstream and the hardware description beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = {
        "ii_cycles": ii,
        "latency_cycles": LATENCY,
        "clock_ns": 1e3 / mhz,
        "part": "xc7z020clg400-1",
    }
    bitstream.pack(path, meta, network)
    path.with_suffix(".hwh").write_text(HWH.format(mhz=mhz))


def write_mnist(folder: Path, pixels: npt.NDArray[np.uint8], labels: npt.NDArray[Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    head = struct.pack(">4I", 2051, len(pixels), 28, 28)
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + pixels.tobytes()))
    head = struct.pack(">2I", 2049, len(labels))
    data = gzip.compress(head + labels.astype(np.uint8).tobytes())
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(data)


def write_run(folder: Path, *, dataset: bool = True) -> Path:
    """A run that succeeded; every third label differs from what the network says."""
    deploy = folder / "build" / "deploy"
    network = network_bytes()
    write_bitstream(deploy / "bitfile" / "finn-accel.bit", network)
    (deploy / "driver").mkdir()
    (deploy / "driver" / "settings.json").write_text(json.dumps(settings()))
    run = {
        "format": 1,
        "id": folder.name,
        "clock_ns": CLOCK_NS,
        "dataset": "mnist",
        "estimate": {"ii_cycles": II, "fps": 1e9 / CLOCK_NS / II},
        "simulated": True,
    }
    (folder / "run.json").write_text(json.dumps(run))
    pixels = images()
    software = Network(io.BytesIO(network)).run(pixels).reshape(-1)
    labels = software.copy()
    labels[::3] = (labels[::3] + 1) % 10
    sample = folder / "sample"
    sample.mkdir()
    np.save(sample / "images.npy", pixels)
    np.save(sample / "labels.npy", labels)
    np.save(sample / "software.npy", software)
    if dataset:
        write_mnist(folder / "dataset", pixels, labels)
    return folder


def write_upstream_run(folder: Path, layout: str) -> Path:
    """A run with upstream FINN's driver protocol.

    Args:
        folder: of the run.
        layout: of the package: "builder" (bitfile/ and driver/), "nested" (driver/driver/), "flat"
            (as FINN 0.8 deploys it) or "zip".
    """
    write_run(folder)
    build = folder / "build"
    package = build / "deploy"
    shutil.rmtree(package)
    driver = {"nested": package / "driver" / "driver", "flat": package}.get(
        layout, package / "driver"
    )
    shutil.copytree(
        Path(__file__).with_name("upstream_driver"),
        driver,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    bitfile = package if layout == "flat" else package / "bitfile"
    name = "finn-accel.bit" if layout == "builder" else "resizer.bit"
    write_bitstream(bitfile / name, network_bytes())
    if layout == "zip":
        shutil.make_archive(str(build / "deploy-on-pynq"), "zip", build, "deploy")
        shutil.rmtree(package)
    return folder


def cifar_network_bytes() -> bytes:
    """A network on 32x32x3 pixels, channels last, whose class is the brightest channel."""
    weights = np.zeros((3072, 3), np.int8)
    for channel in range(3):
        weights[channel::3, channel] = 1
    description = {
        "format": 1,
        "input": tensor("in", [1, 32, 32, 3], "UINT8", 8),
        "output": tensor("out", [1, 1], "UINT8", 8),
        "nodes": [
            {
                "name": "MVAU_0",
                "op": "matmul",
                "inputs": ["in"],
                "outputs": ["a"],
                "shape": [1, 3],
                "weights": "w",
                "offset": None,
                "shift": 0,
                "bound": 1024 * 255,
                "from": [1, 3072],
            },
            {
                "name": "LabelSelect_0",
                "op": "topk",
                "inputs": ["a"],
                "outputs": ["out"],
                "shape": [1, 1],
                "k": 1,
            },
        ],
    }
    content = io.BytesIO()
    text: Any = np.frombuffer(json.dumps(description).encode(), np.uint8)
    np.savez(content, description=text, w=weights)
    return content.getvalue()


def write_values_run(folder: Path, count: int = 12) -> npt.NDArray[Any]:
    """Make a run one of a network of signed floats to floats; returns what software gives.

    y = 0.25 * (sum of the signs of x) + 0.5 for each of three sums.
    """
    rng = np.random.default_rng(4)
    node = {"inputs": ["in"], "outputs": ["a"], "shape": [1, 6]}
    description = {
        "format": 1,
        "inputs": [tensor("in", [1, 6], "FLOAT32", 32)],
        "outputs": [tensor("out", [1, 3], "FLOAT32", 32)],
        "nodes": [
            {**node, "op": "threshold", "thresholds": "t", "scale": 2, "bias": -1},
            {
                "op": "matmul",
                "inputs": ["a"],
                "outputs": ["b"],
                "shape": [1, 3],
                "weights": "w",
                "offset": None,
                "shift": 0,
                "bound": 6,
                "from": [1, 6],
            },
            *[
                {
                    "op": op,
                    "inputs": [source, name],
                    "outputs": [target],
                    "shape": [1, 3],
                    "float": True,
                    "constant": name,
                    "constant_index": 1,
                }
                for op, source, name, target in (("mul", "b", "s", "c"), ("add", "c", "o", "out"))
            ],
        ],
    }
    weights = rng.integers(-1, 2, (6, 3)).astype(np.int8)
    content = io.BytesIO()
    arrays: dict[str, Any] = {
        "description": np.frombuffer(json.dumps(description).encode(), np.uint8),
        "t": np.zeros((1, 1), np.float32),
        "w": weights,
        "s": np.array([0.25], np.float32),
        "o": np.array([0.5], np.float32),
    }
    np.savez(content, **arrays)
    deploy = folder / "build" / "deploy"
    write_bitstream(deploy / "bitfile" / "finn-accel.bit", content.getvalue())
    driver = settings()
    shapes = driver["driver_information"]["io_shape_dict"]
    shapes.update(idt=["DataType['FLOAT32']"], odt=["DataType['FLOAT32']"])
    for end, shape, packed in (("i", [1, 6], [1, 6, 4]), ("o", [1, 3], [1, 3, 4])):
        shapes[f"{end}shape_normal"] = [shape]
        shapes[f"{end}shape_folded"] = [[*shape, 1]]
        shapes[f"{end}shape_packed"] = [packed]
    (deploy / "driver" / "settings.json").write_text(json.dumps(driver))
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**run, "dataset": None}))
    driver["driver_information"]["validation_dataset"] = None
    (deploy / "driver" / "settings.json").write_text(json.dumps(driver))
    images = rng.normal(0, 2, (count, 6)).astype(np.float32)
    outputs = np.where(images >= 0, 1, -1) @ weights * 0.25 + 0.5
    sample = folder / "sample"
    np.save(sample / "images.npy", images)
    np.save(sample / "labels.npy", np.full(count, -1))
    np.save(sample / "software.npy", outputs.argmax(axis=1))
    np.save(sample / "outputs.npy", outputs.astype(np.float32))
    about = {"kind": "values", "topk": 0, "preprocess": "none", "dtypes": ["FLOAT32"]}
    (sample / "sample.json").write_text(json.dumps(about))
    return outputs
