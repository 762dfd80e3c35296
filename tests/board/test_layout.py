"""Deployment packages of every FINN: where bitstream and driver lie, and that they run."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.board.catalogue import find
from finn_tui.board.connection import connect
from finn_tui.board.deploy import deploy
from finn_tui.board.execution import execute
from finn_tui.board.layout import find_layout, unpacked
from finn_tui.board.package import package
from finn_tui.board.throughput import throughput
from finn_tui.board.validation import validate
from finn_tui.rehearsal.board import default_folder
from finn_tui.rehearsal.on_board import pynq
from tests.board import samples

LAYOUTS = {
    "builder": ("driver", "bitfile/finn-accel.bit"),
    "nested": ("driver/driver", "bitfile/resizer.bit"),
    "flat": (".", "resizer.bit"),
    "zip": ("driver", "bitfile/resizer.bit"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_recognized(tmp_path: Path, layout: str) -> None:
    (run := tmp_path / "run").mkdir()
    what = package(samples.write_upstream_run(run, layout))
    assert what.flavour == "upstream"
    assert (what.driver, what.bitfile) == LAYOUTS[layout]
    names = {path.relative_to(what.root).as_posix() for path in what.layout.files()}
    inside = "" if what.driver == "." else f"{what.driver}/"
    assert {f"{inside}driver_base.py", f"{inside}qonnx/core/datatype.py"} <= names
    assert {what.bitfile, what.bitfile.replace(".bit", ".hwh")} <= names
    assert what.part == "xc7z020clg400-1", "as the bitstream says"


def test_the_bitstream_with_its_hardware_description_is_taken(tmp_path: Path) -> None:
    (run := tmp_path / "run").mkdir()
    root = samples.write_upstream_run(run, "flat") / "build" / "deploy"
    (root / "finn-accel.bit").write_bytes(b"left over, without .hwh")
    assert package(run).bitfile == "resizer.bit"


def test_settings_of_an_editor_are_no_driver(tmp_path: Path) -> None:
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode" / "settings.json").write_text('{"editor.tabSize": 4}')
    (tmp_path / "x.bit").write_bytes(b"bits")
    assert find_layout(tmp_path) is None
    (tmp_path / ".vscode" / "settings.json").write_text('{"driver_information": {}}')
    assert find_layout(tmp_path) is not None


def test_a_program_beside_settings_is_driven_by_its_settings(tmp_path: Path) -> None:
    """finn-plus 1.4.0 writes driver.py, a click program without driver_base.py."""
    (driver := tmp_path / "driver").mkdir()
    (tmp_path / "finn-accel.bit").write_bytes(b"bits")
    (driver / "driver.py").write_text("import click\n")
    layout = find_layout(tmp_path)
    assert layout is not None and layout.flavour == "upstream", "anybody's, in a driver's folder"
    (driver / "settings.json").write_text('{"driver_information": {}}')
    layout = find_layout(tmp_path)
    assert layout is not None and layout.flavour == "finn-plus"
    (driver / "driver_base.py").write_text("")
    layout = find_layout(tmp_path)
    assert layout is not None and layout.flavour == "upstream"


def test_the_part_is_in_the_header_of_a_real_bitstream(run_folder: Path) -> None:
    bitfile = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
    fields = [(b"a", b"top_wrapper;UserID=0XFFFFFFFF"), (b"b", b"7z020clg400"), (b"c", b"2026")]
    head = b"\x00\x09" + b"\x0f\xf0" * 4 + b"\x00\x00\x01"
    for letter, value in fields:
        head += letter + (len(value) + 1).to_bytes(2, "big") + value + b"\x00"
    bitfile.write_bytes(head + b"\xff" * 100)
    assert package(run_folder).part == "xc7z020clg400"
    bitfile.write_bytes(b"\xff" * 100)
    assert package(run_folder).part is None


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil"])
def test_an_archive_writes_nowhere_else(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "deploy.zip"
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr(name, "x")
    with pytest.raises(FinnTuiError, match="no deployment package"):
        unpacked(archive)
    archive.write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(FinnTuiError, match="cannot be unpacked"):
        unpacked(archive)


def typed(python: Path, folder: Path, line: str) -> str:
    """What a user's command line prints in a folder of a board."""
    environment = {**os.environ, "PYTHONPATH": str(Path(pynq.__file__).parents[1])}
    words = line.replace("python3", str(python), 1).split()
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("layout", ["flat", "nested"])
async def test_upstream_s_driver_gives_what_its_own_command_lines_give(
    board_home: None, driver_python: Path, tmp_path: Path, layout: str
) -> None:
    """Deploy, execute, measure and validate; beside them the lines of the course lab."""
    (run := tmp_path / "20261126T120000-tfc-w1a1-up01").mkdir()
    samples.write_upstream_run(run, layout)
    async with connect(find("simulated")) as link:
        await deploy(link, run)
        executed = (await execute(link, run, images=(3,)))[0]
        measured = await throughput(link, run, batches=[50])
        validation = await validate(link, run)
    what = package(run)
    folder = default_folder() / "home" / "finn-tui" / what.folder / what.driver
    bitfile = os.path.relpath(what.bitfile, what.driver)
    assert (folder / bitfile).is_file()

    np.save(folder / "input.npy", np.load(what.sample("images"))[3:4])
    typed(
        driver_python,
        folder,
        f"python3 driver.py --exec_mode=execute --batchsize=1 --bitfile={bitfile} "
        "--inputfile=input.npy --outputfile=output.npy --platform=zynq-iodma",
    )
    assert np.load(folder / "output.npy").reshape(-1) == [executed.result]
    assert executed.result == executed.software

    typed(
        driver_python,
        folder,
        f"python3 driver.py --exec_mode=throughput_test --batchsize=50 --bitfile={bitfile}",
    )
    metrics = ast.literal_eval((folder / "nw_metrics.txt").read_text())
    assert set(metrics) == set(measured.metrics) and metrics["batch_size"] == measured.batch

    printed = typed(
        driver_python,
        folder,
        f"python3 validate.py --dataset mnist --batchsize 20 --bitfile={bitfile} "
        f"--dataset_root {run / 'dataset'}",
    )
    assert "batch 3 / 3 : total OK 40 NOK 20" in printed
    assert printed.splitlines()[-1] == f"Final accuracy: {validation.percent:f}"


async def test_the_clock_is_passed_and_the_other_driver_s_modules_are_forgotten(
    board_home: None, tmp_path: Path
) -> None:
    """One agent, two runs with modules of the same names; 50 MHz, not the driver's default."""
    from finn_tui.board.agent_session import conversation

    runs = []
    for name in ("20261126T120000-a-0001", "20261126T120000-b-0002"):
        (run := tmp_path / name).mkdir()
        runs.append(samples.write_upstream_run(run, "flat"))
    driver = runs[1] / "build" / "deploy" / "driver.py"
    driver.write_text(driver.read_text().replace("(1, 1, 28, 28)", "(1, 28, 28, 1)"))
    request = json.loads((runs[1] / "run.json").read_text())
    (runs[1] / "run.json").write_text(json.dumps({**request, "clock_ns": 20.0}))
    async with connect(find("simulated")) as link:
        for run in runs:
            await deploy(link, run)
        async with conversation(link) as agent:
            first = await throughput(link, runs[0], batches=[20], agent=agent)
            second = await throughput(link, runs[1], batches=[20], agent=agent)
            classes = await execute(link, runs[1], images=(1,), agent=agent)
    assert (first.clock_mhz, second.clock_mhz) == (100.0, 50.0)
    assert classes[0].result == classes[0].software
