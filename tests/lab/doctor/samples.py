"""Facts of machines as ``engine.pyz doctor`` prints them."""

from __future__ import annotations

import copy
from typing import Any

GB = 1_000_000_000


def place(path: str, free: int = 500 * GB, **changes: Any) -> dict[str, Any]:
    """A folder on a disk that stays."""
    return {
        "path": path,
        "real": path,
        "exists": True,
        "folder": True,
        "absolute": True,
        "nearest": path,
        "writable": True,
        "read_only": False,
        "free_bytes": free,
        "total_bytes": 1000 * GB,
        "free_files": 1_000_000,
        "file_system": "ext4",
        **changes,
    }


def installation(version: str, root: str = "/opt/Xilinx", **changes: Any) -> dict[str, Any]:
    """One version of AMD's tools."""
    return {
        "root": root,
        "version": version,
        "vivado": f"{root}/Vivado/{version}",
        "vitis": None,
        "vitis_hls": f"{root}/Vitis_HLS/{version}",
        "settings": [f"{root}/Vivado/{version}/settings64.sh"],
        "patched": False,
        **changes,
    }


#: A lab's server on which everything is right.
LAB: dict[str, Any] = {
    "format": 1,
    "system": {
        "name": "lab1",
        "user": "huayang",
        "uid": 1001,
        "home": "/home/huayang",
        "os": "Ubuntu 20.04.6 LTS",
        "machine": "x86_64",
        "container": None,
        "wsl": False,
        "cpus": 32,
    },
    "python": {"version": "3.8.10", "executable": "/usr/bin/python3", "encoding": "utf-8"},
    "environment": {
        "FINN_XILINX_PATH": "/opt/Xilinx",
        "FINN_XILINX_VERSION": "2022.1",
        "PYNQ_BOARD": "Pynq-Z2",
        "FINN_HOST_BUILD_DIR": "/home/huayang/build",
        "XILINX_VIVADO": "/opt/Xilinx/Vivado/2022.1",
        "SHELL": "/bin/bash",
        "HOME": "/home/huayang",
        "LANG": "en_US.UTF-8",
    },
    "startup": [],
    "installations": [installation("2022.1")],
    "folders": {
        "FINN_XILINX_PATH": {"exists": True, "settings": False, "readable": True},
        "XILINX_VIVADO": {"exists": True, "settings": True, "readable": True},
    },
    "tools": {
        "vivado": {"path": "/opt/Xilinx/Vivado/2022.1/bin/vivado", "version": "2022.1"},
        "vitis_hls": {"path": "/opt/Xilinx/Vitis_HLS/2022.1/bin/vitis_hls", "version": "2022.1"},
    },
    "vivado": {
        "path": "/opt/Xilinx/Vivado/2022.1/bin/vivado",
        "status": 0,
        "lines": ["Vivado v2022.1 (64-bit)"],
        "problem": None,
        "seconds": 3.2,
    },
    "licence": {"files": [], "servers": []},
    "build_dir": {
        "default": "/tmp/finn_dev_huayang",
        "default_exists": False,
        **place("/home/huayang/build"),
    },
    "places": [place("/home/huayang"), place("/tmp", 20 * GB)],
    "memory": {
        "total_bytes": 128 * GB,
        "available_bytes": 100 * GB,
        "swap_bytes": 0,
        "limit_bytes": None,
    },
    "locale": {"charset": "UTF-8", "problem": None, "installed": ["C.utf8", "en_US.utf8"]},
    "limits": {"files": 1024, "files_hard": 1048576, "processes": 100000, "memory_bytes": None},
    "clock": {"time": 1_700_000_000.5, "zone": "+0800", "synchronized": True},
    "programs": {"bash": "/usr/bin/bash", "git": "/usr/bin/git", "g++": "/usr/bin/g++"},
    "docker": {
        "path": "/usr/bin/docker",
        "group": {"exists": True, "listed": True, "active": True},
        "socket": {"exists": True, "usable": True},
        "daemon": True,
        "version": "24.0.5",
        "problem": None,
        "images": ["xilinx/finn:v0.8.1.xrt_202210.2.13.466_18.04-amd64-xrt"],
        "containers": [],
        "folder": ["/var/lib/docker"],
    },
    "podman": {"path": None},
    "apptainer": {"path": None, "image": None},
    "finn": {"installed": False},
}


def lab(**parts: Any) -> dict[str, Any]:
    """The lab's server with some parts changed.

    Args:
        parts: by name; a dict changes keys of a part (None removes one), anything else is the
            part. ``environment__NAME`` is one variable.
    """
    document = copy.deepcopy(LAB)
    for name, value in parts.items():
        part, _, key = name.partition("__")
        if key:
            document[part][key] = value
        elif isinstance(value, dict):
            document[part] = {**document[part], **value}
        else:
            document[part] = value
    environment = document["environment"]
    if isinstance(environment, dict):
        document["environment"] = {k: v for k, v in environment.items() if v is not None}
    return document
