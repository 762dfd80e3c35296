"""Runs in the driver's environment: the real finn-plus-driver on a simulated bitstream.

``python driver_session.py PACKAGE IMAGES`` prints one JSON object with what the driver gave.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def main(root: Path, images_file: Path) -> dict[str, Any]:
    information = json.loads((root / "driver" / "settings.json").read_text())["driver_information"]
    kind = importlib.import_module("finn_plus_driver").get_driver_class(
        information.pop("driver_type")
    )
    images = np.load(images_file)
    driver = kind(str(root / "bitfile" / "finn-accel.bit"), batch_size=len(images), **information)
    results = driver.execute(images.reshape(driver.ishape_normal())).reshape(-1).tolist()
    # The buffer is filled again after the start; the result must be of what was there before.
    packed = driver.pack_input(driver.fold_input(images.reshape(driver.ishape_normal())))
    driver.copy_input_data_to_device(packed)
    driver.execute_on_buffers()
    driver.copy_input_data_to_device(np.zeros_like(packed))
    driver.copy_output_data_from_device(driver.obuf_packed[0])
    late = driver.unpack_output(driver.obuf_packed[0]).reshape(-1).tolist()
    measured = {}
    for batch in (1, 100):
        driver.batch_size = batch
        measured[batch] = min(driver.throughput_test()["runtime[ms]"] for _ in range(3))
    idle = driver.odma[0].read(0x00)
    return {
        "results": results,
        "late": late,
        "runtime_ms": measured,
        "clock": driver.fclk_mhz_actual,
        "idle": idle,
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
