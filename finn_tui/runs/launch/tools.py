"""AMD's tools on this machine: whether a build can run for real, and what is missing if not."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from finn_tui.base.errors import FinnTuiError

#: From this version on Vitis HLS is started through ``vitis-run``.
_VITIS_RUN = (2024, 2)
_VERSION = re.compile(r"\b(20\d\d)\.([12])\b")


@dataclass(frozen=True)
class Tools:
    """What was found.

    Attributes:
        vivado, hls: the executables, None where there is none.
        version: of Vivado, ``2022.2``, if its path tells.
        environment: variables to add for a build.
        missing: what is not there, one sentence each; empty if a build can run.
    """

    vivado: Path | None
    hls: Path | None
    version: str | None
    environment: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def find_tools(environment: Mapping[str, str] | None = None) -> Tools:
    """Vivado and Vitis HLS as FINN would find them from an environment (default: this one)."""
    env = os.environ if environment is None else environment
    override = env.get("FINN_TOOL_DIR_OVERRIDE")
    root = env.get("XILINX_VIVADO") or env.get("VIVADO_PATH")
    extra: dict[str, str] = {}
    if override:
        vivado = _in(Path(override), "vivado")
    else:
        vivado = _on_path("vivado", env) or (_in(Path(root) / "bin", "vivado") if root else None)
    if root is None and vivado is not None:
        root = str(vivado.resolve().parents[1])
    match = _VERSION.search(root or "")
    hls_name = "vitis_hls"
    if match and (int(match.group(1)), int(match.group(2))) > _VITIS_RUN:
        hls_name = "vitis-run"
    hls = _in(Path(override), hls_name) if override else _find_hls(hls_name, env, root)
    missing = []
    if vivado is None:
        missing.append("vivado is not on PATH, nor in XILINX_VIVADO/bin.")
    if hls is None:
        missing.append(f"{hls_name} is not on PATH, nor in XILINX_HLS/bin or XILINX_VITIS/bin.")
    if vivado is not None and match is None:
        missing.append(f"the version of Vivado cannot be told from XILINX_VIVADO ({root}).")
    if root:
        extra["XILINX_VIVADO"] = root
    places = [str(tool.parent) for tool in (vivado, hls) if tool is not None]
    on_path = env.get("PATH", "").split(os.pathsep)
    new = [place for place in dict.fromkeys(places) if place not in on_path]
    if new and not override:
        extra["PATH"] = os.pathsep.join([*new, *on_path])
    return Tools(vivado, hls, match.group() if match else None, extra, tuple(missing))


def check_tools(environment: Mapping[str, str] | None = None) -> Tools:
    """The tools, if a real build can run with them.

    Raises:
        FinnTuiError: something is missing (kind "tools"); it says what.
    """
    tools = find_tools(environment)
    if tools.missing:
        raise FinnTuiError(
            "this machine cannot build: AMD's tools are not all there",
            " ".join(text[0].upper() + text[1:] for text in tools.missing),
            "Run `source <Xilinx>/Vivado/<version>/settings64.sh` (and Vitis HLS's) before "
            "finn-tui, or rehearse the build with stand-ins for them: --rehearse.",
            kind="tools",
        )
    return tools


def version_of(tool: Path) -> str | None:
    """The version that the path of a tool names: ``.../Vitis_HLS/2022.2/bin/vitis_hls``."""
    match = _VERSION.search(str(tool)) or _VERSION.search(str(tool.resolve()))
    return match.group() if match else None


def _find_hls(name: str, env: Mapping[str, str], root: str | None) -> Path | None:
    path = _on_path(name, env)
    if path is not None:
        return path
    homes = [env.get(key) for key in ("XILINX_HLS", "HLS_PATH", "XILINX_VITIS", "VITIS_PATH")]
    homes.append(root)
    if root:
        # One installation holds Vivado/2022.2 beside Vitis_HLS/2022.2 and Vitis/2022.2.
        place = Path(root)
        homes += [str(place.parents[1] / kind / place.name) for kind in ("Vitis_HLS", "Vitis")]
    candidates = [_in(Path(home) / "bin", name) for home in homes if home]
    return next((tool for tool in candidates if tool is not None), None)


def _on_path(name: str, env: Mapping[str, str]) -> Path | None:
    path = shutil.which(name, path=env.get("PATH", ""))
    return Path(path) if path else None


def _in(folder: Path, name: str) -> Path | None:
    path = folder / name
    return path if path.is_file() and os.access(path, os.X_OK) else None
