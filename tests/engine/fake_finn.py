"""A tree that imitates upstream FINN's sources: their layout, and the old names of up to 0.9."""

from __future__ import annotations

import sys
from pathlib import Path

_BASIC = """
pynq_part_map = {"Pynq-Z2": "xc7z020clg400-1"}
alveo_part_map = {}
"""
_PLATFORMS = """
DEFAULT_RES_LIMITS = [0.7, 0.5, 0.8, 0.8, 0.8]
class Z2:
    compute_resources = [[53200, 106400, 280, 0, 220]]
platforms = {"Pynq-Z2": Z2}
"""
_OLD_STEPS = """
default_build_dataflow_steps = [
    "step_tidy_up", "step_convert_to_hls", "step_create_dataflow_partition",
    "step_generate_estimate_reports", "step_hls_codegen",
]
"""


def checkout(root: Path, *, split: bool = False) -> Path:
    """Write the sources of a FINN that can say what it is.

    Args:
        root: where they go.
        split: whether it has ``SpecializeLayers``, as FINN from 0.10 on.
    """
    files = {
        "__init__.py": "",
        "util/__init__.py": "",
        "util/basic.py": _BASIC,
        "util/platforms.py": _PLATFORMS,
        "util/test.py": "import torch, torchvision, pytest\n",
        "builder/__init__.py": "",
        "builder/build_dataflow_config.py": _OLD_STEPS,
        "builder/build_dataflow_steps.py": (
            "from finn.util.test import execute_parent\n"
            "from pyverilator.util.axi_utils import reset_rtlsim\n"
        ),
        "transformation/__init__.py": "",
        "transformation/fpgadataflow/__init__.py": "",
    }
    if split:
        files["transformation/fpgadataflow/specialize_layers.py"] = ""
    for name, text in files.items():
        path = root / "src" / "finn" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "finn-rtllib").mkdir()
    return root


def environment(folder: Path) -> Path:
    """Make a folder that looks like a virtual environment, and return its interpreter."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (folder / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).parent}\n")
    return python


def packages(folder: Path, *names: str) -> Path:
    """Write empty modules (numpy, onnx ...) into a folder for the path."""
    for name in names:
        path = folder.joinpath(*name.split("."))
        path.mkdir(parents=True, exist_ok=True)
        for each in (path, *path.parents):
            if each == folder:
                break
            (each / "__init__.py").touch()
    return folder
