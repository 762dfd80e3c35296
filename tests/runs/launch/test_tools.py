"""Whether AMD's tools are found, and what is said when they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.runs.launch.tools import check_tools, find_tools


def _tool(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_without_tools_the_refusal_names_each_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FinnTuiError, match="cannot build") as caught:
        check_tools({"PATH": str(tmp_path)})
    error = caught.value
    assert error.kind == "tools"
    assert "Vivado is not on PATH" in error.why
    assert "Vitis_hls is not on PATH" in error.why
    assert "--rehearse" in error.fix


def test_an_installation_is_found_from_vivado_on_path(tmp_path: Path) -> None:
    vivado = _tool(tmp_path / "Xilinx/Vivado/2022.2/bin/vivado")
    hls = _tool(tmp_path / "Xilinx/Vitis_HLS/2022.2/bin/vitis_hls")
    tools = check_tools({"PATH": str(vivado.parent)})
    assert (tools.vivado, tools.hls, tools.version) == (vivado, hls, "2022.2")
    assert tools.environment["XILINX_VIVADO"] == str(vivado.parents[1])
    assert str(hls.parent) in tools.environment["PATH"].split(":")


def test_an_installation_is_found_from_its_variable(tmp_path: Path) -> None:
    vivado = _tool(tmp_path / "Vivado/2023.2/bin/vivado")
    _tool(tmp_path / "Vitis_HLS/2023.2/bin/vitis_hls")
    tools = find_tools({"PATH": "/usr/bin", "XILINX_VIVADO": str(vivado.parents[1])})
    assert not tools.missing
    assert str(vivado.parent) in tools.environment["PATH"]


def test_newer_versions_need_vitis_run(tmp_path: Path) -> None:
    vivado = _tool(tmp_path / "Vivado/2025.1/bin/vivado")
    _tool(vivado.parent / "vitis_hls")
    tools = find_tools({"PATH": str(vivado.parent)})
    assert tools.hls is None
    assert any("vitis-run" in text for text in tools.missing)


def test_the_override_counts_alone(tmp_path: Path) -> None:
    _tool(tmp_path / "path/vivado")
    _tool(tmp_path / "path/vitis_hls")
    override = tmp_path / "wrappers"
    env = {"PATH": str(tmp_path / "path"), "FINN_TOOL_DIR_OVERRIDE": str(override)}
    assert find_tools(env).vivado is None
    _tool(override / "vivado")
    _tool(override / "vitis_hls")
    env["XILINX_VIVADO"] = "/opt/Xilinx/Vivado/2022.2"
    assert not find_tools(env).missing


def test_a_version_that_cannot_be_told_is_missing(tmp_path: Path) -> None:
    vivado = _tool(tmp_path / "vivado/current/bin/vivado")
    _tool(vivado.parent / "vitis_hls")
    tools = find_tools({"PATH": str(vivado.parent)})
    assert any("version of Vivado" in text for text in tools.missing)
