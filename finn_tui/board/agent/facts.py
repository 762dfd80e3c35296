"""What can be read of a board without loading anything into its FPGA.

Whatever cannot be read is None: the terminal shows it as unknown.
"""

from __future__ import annotations

import ctypes.util
import glob
import importlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from typing import Any, Dict, List, Optional

from finn_tui.board.agent.processes import accelerator_processes

_MOST_TEXT = 2000
_TREE = "/proc/device-tree"
#: Where PYNQ images keep their release notes.
_REVISION_FILES = ("/home/xilinx/REVISION", "/etc/pynq_release", "/boot/REVISION")
_COMMAND_SECONDS = 10.0


def facts(base: str) -> Dict[str, Any]:
    """Everything that ``boards doctor`` shows, as ``finn_tui.board.board_facts.BoardFacts``.

    Args:
        base: finn-tui's folder on the board.
    """
    memory = _memory()
    pynq, pynq_error = _version("pynq")
    driver, driver_error = _version("finn_plus_driver", "finn-plus-driver")
    bitstring, _ = _version("bitstring")
    usage = shutil.disk_usage(base)
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "venv": sys.prefix if sys.prefix != getattr(sys, "base_prefix", sys.prefix) else None,
        "root": os.geteuid() == 0,
        "user": os.environ.get("SUDO_USER") or os.environ.get("USER"),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "uptime_s": _number(_read("/proc/uptime"), 0),
        "time": time.time(),
        "image": _image(),
        "os": _os_name(),
        "board": _board_name(),
        "model": _read(_TREE + "/model"),
        "pynq": pynq,
        "pynq_error": pynq_error,
        "driver": driver,
        "driver_error": driver_error,
        "numpy": _version("numpy")[0],
        "bitstring": bitstring,
        "xrt": _xrt(),
        "xrt_library": bool(ctypes.util.find_library("xrt_core")) or _any_file(_XRT_LIBRARIES),
        "device_node": _device_node(),
        "disk_free_bytes": usage.free,
        "disk_total_bytes": usage.total,
        "memory_available_bytes": memory.get("MemAvailable"),
        "memory_total_bytes": memory.get("MemTotal"),
        "cma_free_bytes": memory.get("CmaFree"),
        "cma_total_bytes": memory.get("CmaTotal"),
        "clock_mhz": _clock_mhz() if pynq else None,
        "temperature_c": temperature_c(),
        "fpga_state": _read("/sys/class/fpga_manager/fpga0/state"),
        "overlay": _overlay() if pynq else None,
        "loaded": loaded_by_us(base),
        "logins": _logins(),
        "processes": accelerator_processes(base),
        "simulated": pynq is not None and "simulated" in pynq,
    }


def _read(path: str) -> Optional[str]:
    """The start of a small text file, without the zero byte that device trees end with."""
    try:
        with open(path, "rb") as file:
            text = file.read(_MOST_TEXT).decode("utf-8", "replace").strip("\0\n ")
    except OSError:
        return None
    return text or None


def _number(text: Optional[str], at: int = 0) -> Optional[float]:
    try:
        return float((text or "").split()[at])
    except (ValueError, IndexError):
        return None


def _image() -> Optional[str]:
    return next((text for text in map(_read, _REVISION_FILES) if text), None)


def _os_name() -> Optional[str]:
    """The distribution's name; PYNQ's images call themselves PynqLinux."""
    for path, key in (
        ("/etc/lsb-release", "DISTRIB_DESCRIPTION"),
        ("/etc/os-release", "PRETTY_NAME"),
    ):
        match = re.search(r'^%s="?([^"\n]+)' % key, _read(path) or "", re.MULTILINE)
        if match:
            return match.group(1)
    return None


def _board_name() -> Optional[str]:
    """FINN's name of the board type, e.g. Pynq-Z2, as PYNQ's images set it."""
    name = _read(_TREE + "/chosen/pynq_board") or os.environ.get("BOARD")
    if name:
        return name
    for path in ("/etc/profile.d/boardname.sh", "/etc/environment"):
        match = re.search(r'\bBOARD="?([\w.-]+)', _read(path) or "")
        if match:
            return match.group(1)
    return None


def _version(module: str, distribution: Optional[str] = None) -> Any:
    """The version of a package that can be imported, and why it cannot."""
    try:
        loaded = importlib.import_module(module)
    except ImportError as error:
        return None, str(error)[:_MOST_TEXT] if _is_installed(module) else None
    except Exception as error:  # Third-party code that runs at import, e.g. without a device.
        return None, ("%s: %s" % (type(error).__name__, error))[:_MOST_TEXT]
    version = getattr(loaded, "__version__", None)
    if version is None:
        try:
            version = importlib.import_module("importlib.metadata").version(distribution or module)
        except Exception:  # Not known by that name.
            version = "unknown"
    return str(version), None


def _is_installed(module: str) -> bool:
    try:
        return importlib.import_module("importlib.util").find_spec(module) is not None
    except (ImportError, ValueError):
        return False


_XRT_LIBRARIES = (
    "/usr/lib/libxrt_core.so*",
    "/usr/lib/*/libxrt_core.so*",
    "/opt/xilinx/xrt/lib/libxrt_core.so*",
)


def _any_file(patterns: Any) -> bool:
    return any(glob.glob(pattern) for pattern in patterns)


def _xrt() -> Optional[str]:
    """XRT's version."""
    for root in (os.environ.get("XILINX_XRT", ""), "/opt/xilinx/xrt", "/usr"):
        try:
            versions = json.loads(_read(os.path.join(root, "version.json")) or "null")
        except ValueError:
            continue
        if isinstance(versions, dict):
            version = versions.get("BUILD_VERSION") or versions.get("VERSION")
            if isinstance(version, str):
                return version[:100]
    return None


def _device_node() -> Optional[str]:
    """What PYNQ reaches the FPGA through: zocl of XRT, or xlnk of images before 2.7."""
    nodes = sorted(glob.glob("/dev/dri/renderD*")) + sorted(glob.glob("/dev/xlnk"))
    return nodes[0] if nodes else None


def _memory() -> Dict[str, int]:
    """/proc/meminfo in bytes."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = file.read(20000).splitlines()
    except OSError:
        return {}
    sizes = {}
    for line in lines:
        match = re.match(r"(\w+):\s+(\d+) kB", line)
        if match:
            sizes[match.group(1)] = int(match.group(2)) * 1024
    return sizes


def _clock_mhz() -> Optional[float]:
    """The clock that the processing system gives to the FPGA (FCLK0)."""
    try:
        value = float(importlib.import_module("pynq.ps").Clocks.fclk0_mhz)
    except Exception:  # Not root, or a PYNQ without it.
        return None
    return value if value > 0 else None


def temperature_c() -> Optional[float]:
    """The die's temperature in degrees Celsius, from the XADC or SYSMON, else a thermal zone."""
    for folder in sorted(glob.glob("/sys/bus/iio/devices/iio:device*")):
        for raw_path in sorted(glob.glob(folder + "/in_temp*_raw")):
            stem = raw_path[: -len("_raw")]
            raw, scale = _number(_read(raw_path)), _number(_read(stem + "_scale"))
            if raw is not None and scale is not None:
                offset = _number(_read(stem + "_offset")) or 0.0
                return _plausible((raw + offset) * scale / 1000.0)
    zones = glob.glob("/sys/class/hwmon/hwmon*/temp1_input")
    for path in sorted(zones) + sorted(glob.glob("/sys/class/thermal/thermal_zone*/temp")):
        value = _number(_read(path))
        if value is not None:
            return _plausible(value / 1000.0)
    return None


def _plausible(celsius: float) -> Optional[float]:
    return round(celsius, 1) if -60.0 < celsius < 200.0 else None


def _overlay() -> Optional[str]:
    """The bitfile that PYNQ says it loaded last."""
    try:
        name = importlib.import_module("pynq").PL.bitfile_name
    except Exception:  # Nothing loaded, or a PYNQ that does not say.
        return None
    return str(name)[:_MOST_TEXT] if name else None


#: What the agent writes when it has loaded a bitstream.
LOADED_FILE = ".fpga.json"


def boot_id() -> Optional[str]:
    """A number that changes with every boot."""
    return _read("/proc/sys/kernel/random/boot_id")


def note_loaded(base: str, bitfile: str, who: str, clock_mhz: float) -> None:
    """Note what was loaded into the FPGA, for ``loaded_by_us``."""
    note = {"bitfile": bitfile, "who": who, "time": time.time(), "clock_mhz": clock_mhz}
    write_note(base, LOADED_FILE, dict(note, boot_id=boot_id()))


def loaded_by_us(base: str) -> Any:
    """What an agent of finn-tui loaded since the board booted, as ``note_loaded`` wrote it."""
    note = read_note(base, LOADED_FILE)
    if not note or note.get("boot_id") != boot_id():
        return None
    return {
        "bitfile": str(note.get("bitfile"))[:_MOST_TEXT],
        "who": str(note.get("who"))[:200],
        "time": note.get("time"),
        "clock_mhz": note.get("clock_mhz"),
    }


def write_note(base: str, name: str, note: Dict[str, Any]) -> None:
    """Replace a small document in our folder; the work does not depend on it."""
    path = os.path.join(base, name)
    part = "%s.%d.part" % (path, os.getpid())
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        with os.fdopen(descriptor, "w") as file:
            json.dump(note, file)
        os.replace(part, path)
    except OSError:
        pass


def read_note(base: str, name: str) -> Dict[str, Any]:
    """A document that ``write_note`` wrote; empty where there is none."""
    try:
        note = json.loads(_read(os.path.join(base, name)) or "null")
    except ValueError:
        return {}
    return note if isinstance(note, dict) else {}


def _logins() -> Optional[List[str]]:
    """Who is logged in, a line each as ``who`` prints it."""
    try:
        done = subprocess.run(
            ["who"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_COMMAND_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    if done.returncode != 0:
        return None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return [" ".join(line.split())[:200] for line in lines[:50] if line.strip()]
