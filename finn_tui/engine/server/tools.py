"""AMD's tools as FINN would find them from this process's environment. Standard library only."""

import os
import re
import shutil
from typing import Dict, Optional, Tuple

_HLS_VARIABLES = ("XILINX_HLS", "HLS_PATH", "XILINX_VITIS", "VITIS_PATH")


def tools() -> Dict[str, Optional[Dict[str, Optional[str]]]]:
    """AMD's tools as FINN would find them: ``{"vivado": {"path", "version"} | None, ...}``."""
    return {
        "vivado": _tool("vivado", ("XILINX_VIVADO", "VIVADO_PATH")),
        # Later than 2024.2 Vitis HLS is started through vitis-run.
        "vitis_hls": _tool("vitis_hls", _HLS_VARIABLES) or _tool("vitis-run", _HLS_VARIABLES),
    }


def _tool(name: str, variables: Tuple[str, ...]) -> Optional[Dict[str, Optional[str]]]:
    path = shutil.which(name)
    if path is None:
        for variable in variables:
            candidate = os.path.join(os.environ.get(variable, ""), "bin", name)
            if os.environ.get(variable) and os.access(candidate, os.X_OK):
                path = candidate
                break
    if path is None:
        return None
    # AMD installs each version in a folder of its own, .../Vivado/2022.2/bin/vivado.
    match = re.search(r"\b(20\d\d\.\d)\b", os.path.realpath(path))
    if match is None:
        match = re.search(r"\b(20\d\d\.\d)\b", os.environ.get(variables[0], ""))
    return {"path": path, "version": match.group(1) if match else None}
