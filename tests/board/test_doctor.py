"""The board doctor: what a board shows, judged; unknown where it does not."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.board import answers
from finn_tui.board.agent import facts as agent_facts
from finn_tui.board.agent.driver import clock_differs
from finn_tui.board.catalogue import Board, find
from finn_tui.board.connection import connect
from finn_tui.board.doctor import CheckStatus, DoctorReport, doctor, examine
from finn_tui.board.facts import BoardFacts
from finn_tui.board.package import Package, package
from finn_tui.board.transport import Transport

LAB = Board("lab", "192.168.2.99")
GIB = 1 << 30


def healthy() -> dict[str, Any]:
    return {
        "python": "3.10.4",
        "executable": "/usr/local/share/pynq-venv/bin/python3",
        "venv": "/usr/local/share/pynq-venv",
        "root": True,
        "image": "Release 2022_09_22 d7bf0f7",
        "os": "PynqLinux, based on Ubuntu 22.04",
        "board": "Pynq-Z1",
        "model": "Xilinx Zynq",
        "pynq": "3.0.1",
        "driver": "1.6.1",
        "numpy": "1.26.4",
        "xrt": "2.13.0",
        "xrt_library": True,
        "device_node": "/dev/dri/renderD128",
        "disk_free_bytes": 4 * GIB,
        "disk_total_bytes": 16 * GIB,
        "memory_available_bytes": 300 << 20,
        "memory_total_bytes": 512 << 20,
        "cma_free_bytes": 100 << 20,
        "cma_total_bytes": 128 << 20,
        "clock_mhz": 100.0,
        "temperature_c": 48.2,
        "loaded": {"bitfile": "runs/a/bitfile/finn-accel.bit", "who": "ann@pc", "clock_mhz": 99.9},
        "logins": [],
        "processes": [],
    }


def report(needs: Package | None = None, **values: Any) -> DoctorReport:
    return examine(LAB, msgspec.convert({**healthy(), **values}, BoardFacts), needs)


def statuses(examined: DoctorReport) -> dict[str, CheckStatus]:
    return {check.name: check.status for check in examined.checks}


@pytest.fixture
def real(run_folder: Path) -> Package:
    return replace(package(run_folder), simulated=False)


def test_a_healthy_board_is_fit(real: Package) -> None:
    examined = report(real)
    assert examined.status is CheckStatus.OK
    assert set(statuses(examined).values()) == {CheckStatus.OK}
    assert all(check.value and not check.fix for check in examined.checks)
    by_name = {check.name: check.value for check in examined.checks}
    assert "xc7z020clg400-1; the run fits" in by_name["part"], "Pynq-Z1 and Z2 share a part"
    assert "built for 100 MHz" in by_name["clock"]


@pytest.mark.parametrize(
    ("values", "name", "status", "text"),
    [
        ({"board": "ZCU104"}, "part", "fail", "xczu7ev-ffvc1156-2-e; the run is for xc7z020"),
        ({"board": None, "model": None}, "part", "unknown", "does not name itself"),
        ({"board": "MyBoard"}, "part", "unknown", "MyBoard / Xilinx Zynq: part not known"),
        ({"root": False, "user": "xilinx"}, "sudo", "fail", "runs as xilinx"),
        ({"python": "3.6.5"}, "python", "fail", "3.8 is needed"),
        ({"image": None, "os": None}, "image", "unknown", ""),
        ({"pynq": None}, "pynq", "fail", "not installed"),
        ({"pynq": None, "pynq_error": "no libxrt"}, "pynq", "fail", "no libxrt"),
        ({"device_node": None}, "xrt", "fail", "/dev/dri"),
        ({"driver": None}, "driver", "fail", "not installed"),
        ({"disk_free_bytes": 1 << 20}, "disk", "warn", "210 MB are needed"),
        ({"disk_free_bytes": None}, "disk", "unknown", ""),
        ({"memory_available_bytes": 1 << 20}, "memory", "warn", "1 MB free"),
        ({"cma_free_bytes": 1 << 20}, "cma", "warn", "1 MB free"),
        ({"cma_free_bytes": None}, "cma", "unknown", ""),
        ({"clock_mhz": None}, "clock", "unknown", "built for"),
        ({"temperature_c": 80.0}, "temperature", "warn", "80.0 °C"),
        ({"temperature_c": 90.0}, "temperature", "fail", "90.0 °C"),
        ({"temperature_c": None}, "temperature", "unknown", ""),
        ({"loaded": None}, "overlay", "unknown", "not known"),
        ({"loaded": None, "overlay": "/x/base.bit"}, "overlay", "ok", "/x/base.bit"),
        ({"logins": None}, "logins", "unknown", ""),
        ({"logins": ["ann pts/0"]}, "logins", "ok", "ann pts/0"),
        (
            {"processes": [{"pid": 7, "command": "python3 driver.py", "reason": "driver"}]},
            "processes",
            "warn",
            "python3 driver.py (pid 7, driver)",
        ),
        ({"processes": [], "root": False}, "processes", "unknown", "without root"),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(
    real: Package, values: dict[str, Any], name: str, status: str, text: str
) -> None:
    check = next(check for check in report(real, **values).checks if check.name == name)
    assert check.status == status
    assert text in check.value
    assert bool(check.fix) == (check.status in ("warn", "fail"))


def test_an_upstream_run_needs_its_own_packages(real: Package) -> None:
    upstream = replace(real, flavour="upstream")
    assert statuses(report(upstream, driver=None, bitstring="4.1"))["driver"] == "ok"
    lacking = report(upstream, driver=None)
    assert next(c for c in lacking.checks if c.name == "driver").value.count("bitstring")


def test_a_board_s_answer_is_data() -> None:
    answer = {**healthy(), "event": "result", "model": "a\x1b[31mb\nc", "logins": ["x\x1b]0;t\x07"]}
    facts = answers.decode(json.dumps(answer).encode(), BoardFacts)
    assert isinstance(facts, BoardFacts)
    assert facts.model == "ab c" and facts.logins == ["x"]
    for wrong in ({"clock_mhz": -1}, {"logins": ["x"] * 51}, {"python": 3}, {"model": "x" * 3000}):
        with pytest.raises(answers.NoEvent):
            answers.decode(json.dumps({**answer, **wrong}).encode(), BoardFacts)


def test_clocks_differ_beyond_a_pll_s_rounding() -> None:
    assert not clock_differs(100.0, 99.999) and not clock_differs(200.0, 200.0)
    assert clock_differs(200.0, 100.0)


async def test_the_simulated_board_is_examined(board_home: None, run_folder: Path) -> None:
    async with connect(find("simulated")) as link:
        examined = await doctor(link, run_folder)
    assert examined.simulated and examined.run == run_folder.name
    assert examined.status is not CheckStatus.FAIL
    by_name = {check.name: check.value for check in examined.checks}
    assert "SIMULATED" in by_name["connection"] and "simulated" in by_name["pynq"]
    assert by_name["driver"].startswith("finn-plus-driver 1.")


async def test_without_sudo_the_rest_is_still_read(
    lab: tuple[Transport, Path], tmp_path: Path
) -> None:
    link, home = lab
    refused = home / "bin"
    refused.mkdir()
    link.board = replace(link.board, sudo=True, python=str(refused / "python3.99"))
    examined = await doctor(link)
    start = next(check for check in examined.checks if check.name == "sudo")
    assert start.status is CheckStatus.FAIL and start.fix
    python = next(check for check in examined.checks if check.name == "python")
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in python.value
    assert examined.status is CheckStatus.FAIL


def test_where_no_agent_starts_that_is_the_report() -> None:
    examined = examine(LAB, None, None, FinnTuiError("sudo asks", "why", "do that"))
    assert [check.name for check in examined.checks] == ["connection", "sudo"]
    assert examined.checks[1].fix == "do that"


def test_what_cannot_be_read_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that is no board."""
    monkeypatch.setattr(agent_facts, "_TREE", str(tmp_path))
    monkeypatch.setattr(agent_facts, "_REVISION_FILES", (str(tmp_path / "REVISION"),))
    monkeypatch.delenv("BOARD", raising=False)
    read = agent_facts.facts(str(tmp_path))
    msgspec.convert(read, BoardFacts)
    assert read["model"] is read["image"] is read["pynq"] is read["loaded"] is None
    (tmp_path / "model").write_bytes(b"Digilent Zynq\0")
    (tmp_path / "chosen").mkdir()
    (tmp_path / "chosen" / "pynq_board").write_bytes(b"Pynq-Z2\0")
    (tmp_path / "REVISION").write_text("Release 2022_09\n")
    note = {"bitfile": "x.bit", "who": "ann@pc", "time": 1.0, "clock_mhz": 50.0}
    (tmp_path / ".fpga.json").write_text(json.dumps({**note, "boot_id": agent_facts.boot_id()}))
    read = agent_facts.facts(str(tmp_path))
    assert (read["model"], read["board"], read["image"]) == (
        "Digilent Zynq",
        "Pynq-Z2",
        "Release 2022_09",
    )
    assert read["loaded"] == note
    (tmp_path / ".fpga.json").write_text(json.dumps({**note, "boot_id": "another"}))
    assert agent_facts.facts(str(tmp_path))["loaded"] is None, "a boot empties the FPGA"


def test_other_drivers_are_seen(tmp_path: Path) -> None:
    import subprocess

    from finn_tui.board.agent.processes import accelerator_processes

    script = tmp_path / "validate.py"
    script.write_text("import sys\nprint(flush=True)\nsys.stdin.read()\n")
    driver = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert driver.stdout is not None
        driver.stdout.readline()
        listed = [each for each in accelerator_processes(".") if each["pid"] == driver.pid]
        assert listed and listed[0]["reason"] == "driver" and listed[0]["user"]
        assert os.getpid() not in [each["pid"] for each in accelerator_processes(".")]
    finally:
        driver.communicate(timeout=120)
