"""The machine itself: system, disks, memory, locale, limits, clock, programs."""

import getpass
import os
import platform
import resource
import shutil
import socket
import sys
import time
from typing import Any, Dict, List, Optional, Tuple

from finn_tui.engine.server.doctor import probes

_PROGRAMS = ("bash", "git", "g++", "make", "unzip", "verilator", "sbatch", "systemd-run", "tmux")


def system() -> Dict[str, Any]:
    """Names, and whether this is a container."""
    return {
        "name": socket.gethostname(),
        "user": _user(),
        "uid": os.getuid(),
        "home": os.path.expanduser("~"),
        "os": _os_release(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "container": _container(),
        "wsl": "microsoft" in platform.release().lower(),
        "cpus": len(os.sched_getaffinity(0)),
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _os_release() -> str:
    try:
        with open("/etc/os-release", encoding="utf-8", errors="replace") as file:
            lines = file.read(1 << 14).splitlines()
    except OSError:
        return ""
    names = [line[12:].strip("\"' ") for line in lines if line.startswith("PRETTY_NAME=")]
    return names[0] if names else ""


def _container() -> Optional[str]:
    for path, name in (("/.dockerenv", "docker"), ("/run/.containerenv", "podman")):
        if os.path.exists(path):
            return name
    return "singularity" if os.path.isdir("/.singularity.d") else None


def python() -> Dict[str, Any]:
    """The interpreter that runs this."""
    return {
        "version": "%d.%d.%d" % sys.version_info[:3],
        "executable": sys.executable,
        "encoding": sys.getfilesystemencoding(),
    }


def build_dir() -> Dict[str, Any]:
    """The folder that FINN's container builds in, and the one that it takes by default."""
    default = "/tmp/finn_dev_%s" % _user().lower()
    answer = {"default": default, "default_exists": os.path.isdir(default)}
    path = os.environ.get("FINN_HOST_BUILD_DIR")
    if path:
        answer.update(place(path))
    return answer


def places() -> List[Dict[str, Any]]:
    """Where there is room: home, the folder of this call, and temporary files."""
    rows: List[Dict[str, Any]] = []
    for path in (os.path.expanduser("~"), os.getcwd(), os.environ.get("TMPDIR") or "/tmp"):
        if path not in [row["path"] for row in rows]:
            rows.append(place(path))
    return rows


def place(path: str) -> Dict[str, Any]:
    """A folder, or the nearest that is there: file system, room, whether files can be made."""
    real = os.path.realpath(path)
    there = real
    while not os.path.isdir(there) and there != os.path.dirname(there):
        there = os.path.dirname(there)
    state = os.statvfs(there)
    read_only = bool(state.f_flag & getattr(os, "ST_RDONLY", 1))
    return {
        "path": path,
        "real": real,
        "exists": os.path.exists(path),
        "folder": os.path.isdir(path),
        "absolute": os.path.isabs(path),
        "nearest": there,
        "writable": os.access(there, os.W_OK | os.X_OK) and not read_only,
        "read_only": read_only,
        "free_bytes": state.f_bavail * state.f_frsize,
        "total_bytes": state.f_blocks * state.f_frsize,
        "free_files": state.f_favail if state.f_files else None,
        "file_system": file_system(there),
    }


def file_system(path: str) -> str:
    """The kind of file system that a folder lies on, such as ``ext4`` or ``nfs4``."""
    best = ("", "")
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="replace") as file:
            for line in file:
                words = line.split(" ")
                if len(words) < 3:
                    continue
                mount = words[1].replace("\\040", " ")
                inside = path == mount or path.startswith(mount.rstrip("/") + "/")
                if inside and len(mount) >= len(best[0]):
                    best = (mount, words[2])
    except OSError:
        return ""
    return best[1]


def memory() -> Dict[str, Any]:
    """Bytes of memory and swap, and what the container or job allows."""
    values = {}
    with open("/proc/meminfo", encoding="ascii", errors="replace") as file:
        for line in file:
            name, _, rest = line.partition(":")
            words = rest.split()
            if words and words[0].isdigit():
                values[name] = int(words[0]) * 1024
    limit = None
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path, encoding="ascii") as limits:
                text = limits.read().strip()
        except OSError:
            continue
        limit = int(text) if text.isdigit() and int(text) < 1 << 60 else None
        break
    return {
        "total_bytes": values.get("MemTotal"),
        "available_bytes": values.get("MemAvailable"),
        "swap_bytes": values.get("SwapTotal"),
        "limit_bytes": limit,
    }


def locales() -> Dict[str, Any]:
    """The locale that programs get here, and those of UTF-8 that are installed."""
    problem = None
    charset = None
    code = (
        "import locale; locale.setlocale(locale.LC_ALL, ''); "
        "print(locale.nl_langinfo(locale.CODESET))"
    )
    # In a process of its own: a locale is set for all threads.
    answer = probes.run([sys.executable, "-X", "utf8=0", "-E", "-s", "-c", code], 10.0)
    if answer["status"] == 0:
        charset = answer["output"].strip()[:40]
    else:
        problem = answer["problem"] or (answer["output"].strip().splitlines() or [""])[-1]
    listed = probes.run(["locale", "-a"], 5.0)
    names = [name for name in listed["output"].split() if "utf" in name.lower()]
    return {"charset": charset, "problem": problem, "installed": names[:60]}


def limits() -> Dict[str, Any]:
    """Limits of processes; None for no limit."""

    def of(which: int) -> Tuple[Optional[int], Optional[int]]:
        soft, hard = resource.getrlimit(which)
        infinite = resource.RLIM_INFINITY
        return (None if soft == infinite else soft, None if hard == infinite else hard)

    files, processes = of(resource.RLIMIT_NOFILE), of(resource.RLIMIT_NPROC)
    memory_bytes = of(resource.RLIMIT_AS)
    return {
        "files": files[0],
        "files_hard": files[1],
        "processes": processes[0],
        "memory_bytes": memory_bytes[0],
    }


def clock() -> Dict[str, Any]:
    """The time here, and whether it is kept by a time server; None where that is not known."""
    synchronized = None
    if shutil.which("timedatectl"):
        answer = probes.run(["timedatectl", "show", "-p", "NTPSynchronized", "--value"], 4.0)
        synchronized = {"yes": True, "no": False}.get(answer["output"].strip())
    return {"time": time.time(), "zone": time.strftime("%z"), "synchronized": synchronized}


def programs() -> Dict[str, Optional[str]]:
    """Programs that FINN's builds start, by name."""
    return {name: shutil.which(name) for name in _PROGRAMS}
