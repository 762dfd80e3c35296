"""What is looked at before a build: what certainly ends it is refused, what may is told."""

from __future__ import annotations

import os
import shutil
import stat
from collections import namedtuple
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from finn_tui.core.device import Device
from finn_tui.runs.launch import preflight as checks
from finn_tui.runs.launch.preflight import Finding, Plan, preflight, refused

ResourceUsage = namedtuple("ResourceUsage", "total used free")
BUDGET = {"LUT": 53200, "FF": 106400, "BRAM_18K": 280, "URAM": 0, "DSP": 220}
PYNQ = Device("Pynq-Z2", "xc7z020clg400-1", BUDGET)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A build with nothing against it, rehearsed."""
    return Plan(
        model="tfc-w1a1",
        device=PYNQ,
        clock_ns=10.0,
        layers={"LUT": 8000.0, "BRAM_18K": 26.0, "URAM": 0.0, "DSP": 0.0},
        inserted={"LUT": 900.0},
        runs_dir=tmp_path / "runs",
        rehearse=True,
    )


def find(findings: list[Finding], id: str) -> Finding:
    (one,) = [finding for finding in findings if finding.id == id]
    return one


def install(
    place: Path,
    vivado: str = 'echo "Vivado v2022.2 (64-bit)"',
    hls: str = "2022.2",
) -> Mapping[str, str]:
    """An installation of AMD's tools that does nothing; its environment."""
    for kind, version, name, text in (
        ("Vivado", "2022.2", "vivado", vivado),
        ("Vitis_HLS", hls, "vitis_hls", "true"),
    ):
        path = place / kind / version / "bin" / name
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    tools = (place / "Vivado/2022.2/bin", place / "Vitis_HLS" / hls / "bin")
    return {"PATH": os.pathsep.join([*map(str, tools), "/usr/bin", "/bin"]), "HOME": str(place)}


def test_a_rehearsal_that_fits_has_nothing_against_it(plan: Plan) -> None:
    findings = preflight(plan, {})
    assert {finding.verdict for finding in findings} == {"ok"}
    assert refused(findings) is None
    assert not {"tools", "licence", "place"} & {finding.id for finding in findings}


def test_more_than_the_part_has_is_refused_with_what_would_be_lost(plan: Plan) -> None:
    big = replace(plan, layers={**plan.layers, "BRAM_18K": 344.0})
    budget = find(preflight(big, {}), "budget")
    assert budget.verdict == "refuse"
    assert "BRAM_18K 344 of 280" in budget.what
    assert "after all synthesis" in budget.lost and "ram_style" in budget.fix
    error = refused([budget])
    assert error is not None and "--force" in error.fix
    assert refused([budget], force=True) is None


def test_fifos_and_converters_count(plan: Plan) -> None:
    close = replace(plan, layers={**plan.layers, "LUT": 53000.0})
    assert find(preflight(close, {}), "budget").verdict == "refuse"
    alone = replace(close, inserted={})
    assert find(preflight(alone, {}), "fill").verdict == "warn"


def test_finns_fill_limits_are_warned_of(plan: Plan) -> None:
    full = replace(plan, layers={**plan.layers, "BRAM_18K": 230.0})
    findings = preflight(full, {})
    assert "BRAM_18K 230 of 280 (82%, FINN's limit is 80%)" in find(findings, "fill").what
    assert refused(findings) is None


def test_an_unknown_part_is_said_to_be_unknown(plan: Plan) -> None:
    findings = preflight(replace(plan, device=Device("X", "xc7a35t", {})), {})
    assert find(findings, "budget").verdict == "warn"


def test_what_finn_cannot_generate_is_refused_whatever_the_force(plan: Plan) -> None:
    findings = preflight(replace(plan, refusals=("MVAU_hls_3 has SIMD 1",)), {})
    error = refused(findings)
    assert error is not None and "MVAU_hls_3 has SIMD 1" in error.what and error.kind == "input"


def test_missing_tools_cannot_be_forced(plan: Plan, tmp_path: Path) -> None:
    findings = preflight(replace(plan, rehearse=False), {"PATH": str(tmp_path)})
    assert find(findings, "tools").verdict == "refuse"
    error = refused(findings, force=True)
    assert error is not None and error.kind == "tools"


def test_tools_that_are_there_and_start(plan: Plan, tmp_path: Path) -> None:
    findings = preflight(replace(plan, rehearse=False), install(tmp_path / "Xilinx"))
    assert find(findings, "tools").verdict == "ok"
    assert "Vivado 2022.2, Vitis HLS 2022.2" in find(findings, "tools").what


def test_a_vivado_that_lacks_a_library_is_refused(plan: Plan, tmp_path: Path) -> None:
    broken = "echo 'libtinfo.so.5: cannot open shared object file' >&2; exit 127"
    tools = find(preflight(replace(plan, rehearse=False), install(tmp_path / "X", broken)), "tools")
    assert tools.verdict == "refuse" and "libtinfo.so.5: cannot open" in tools.lost


def test_tools_of_two_versions_are_told(plan: Plan, tmp_path: Path) -> None:
    env = install(tmp_path / "Xilinx", hls="2023.1")
    tools = find(preflight(replace(plan, rehearse=False), env), "tools")
    assert tools.verdict == "warn" and "Vitis HLS 2023.1" in tools.what


def test_a_part_that_needs_a_licence(plan: Plan, tmp_path: Path) -> None:
    env = dict(install(tmp_path / "Xilinx"))
    alveo = replace(plan, rehearse=False, device=Device("U250", "xcu250-figd2104-2L-e", BUDGET))
    assert find(preflight(alveo, env), "licence").verdict == "warn"
    env["XILINXD_LICENSE_FILE"] = "2100@licences"
    assert find(preflight(alveo, env), "licence").verdict == "ok"
    env["XILINXD_LICENSE_FILE"] = str(tmp_path / "gone.lic")
    assert "is not there" in find(preflight(alveo, env), "licence").what


def test_a_folder_that_a_restart_empties_is_told_for_real_builds(
    plan: Plan, tmp_path: Path
) -> None:
    real = replace(plan, rehearse=False, runs_dir=Path("/tmp/somewhere/runs"))
    place = find(preflight(real, install(tmp_path / "X")), "place")
    assert place.verdict == "warn" and "restart" in place.what and place.lost


def test_disk_and_memory(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: ResourceUsage(10**12, 10**12, 400 * 10**6))
    monkeypatch.setattr(checks, "_group_limit", lambda: 0.5e9)
    findings = preflight(plan, {})
    assert find(findings, "disk").verdict == find(findings, "memory").verdict == "warn"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: ResourceUsage(10**12, 10**12, 10**6))
    assert find(preflight(plan, {}), "disk").verdict == "refuse"


def test_a_path_that_finn_would_not_find_cannot_be_forced(plan: Plan, tmp_path: Path) -> None:
    findings = preflight(replace(plan, runs_dir=tmp_path / "my runs"), {})
    error = refused(findings, force=True)
    assert error is not None and "cannot build in this folder" in error.what
