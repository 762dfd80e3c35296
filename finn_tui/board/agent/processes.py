"""Other processes on the board that use its FPGA, or may: nothing here signals them."""

from __future__ import annotations

import os
import pwd
import re
from typing import Any, Dict, List, Optional

_MOST = 20
#: Devices through which a process reaches the FPGA.
_FPGA_DEVICE = re.compile(r"/dev/(xlnk|dri/render\w+|uio\d+|xdevcfg)\Z")
_AGENT = re.compile(r"agent-[0-9a-f]{12}\.pyz\Z")
_DRIVERS = ("driver.py", "validate.py", "finn-plus-driver")


def accelerator_processes(base: str) -> List[Dict[str, Any]]:
    """Processes that drive an accelerator here, other than this one and its ancestors.

    Each has ``pid``, ``user``, ``command``, and ``reason``: "agent" (finn-tui's), "driver" (by its
    command line) or the device that it has open. Only root sees the devices of other users.
    """
    own = _ancestors()
    listed = []
    for name in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
        pid = int(name)
        if pid in own:
            continue
        command = _command(pid)
        reason = _reason(pid, command)
        if reason is not None:
            text = " ".join(command)[:300]
            listed.append({"pid": pid, "user": _user(pid), "command": text, "reason": reason})
        if len(listed) >= _MOST:
            break
    return listed


def _reason(pid: int, command: List[str]) -> Optional[str]:
    # sudo and bash carry the command of their child as one argument.
    if len(command) > 1 and os.path.basename(command[0]).startswith("python"):
        for argument in command[1:6]:
            name = os.path.basename(argument)
            if _AGENT.match(name):
                return "agent"
            if name in _DRIVERS:
                return "driver"
    return _fpga_device(pid)


def _fpga_device(pid: int) -> Optional[str]:
    folder = "/proc/%d/fd" % pid
    try:
        numbers = os.listdir(folder)
    except OSError:
        return None
    for number in numbers[:500]:
        try:
            target = os.readlink(os.path.join(folder, number))
        except OSError:
            continue
        if _FPGA_DEVICE.match(target):
            return target
    return None


def _command(pid: int) -> List[str]:
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            content = file.read(4000)
    except OSError:
        return []
    return [part.decode("utf-8", "replace") for part in content.split(b"\0") if part]


def _user(pid: int) -> Optional[str]:
    try:
        number = os.stat("/proc/%d" % pid).st_uid
    except OSError:
        return None
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _ancestors() -> List[int]:
    """This process, its parent and so on."""
    pids: List[int] = []
    pid = os.getpid()
    while pid > 1 and len(pids) < 50:
        pids.append(pid)
        try:
            with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as file:
                # The name in brackets may hold spaces and brackets itself.
                pid = int(file.read(4000).rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
    return pids
