"""Docker, podman and apptainer: whether the user may use them, and FINN's images."""

import grp
import os
import shutil
from typing import Any, Dict, List, Optional

from finn_tui.engine.server.doctor import probes

_SECONDS = 10.0
_SOCKET = "/var/run/docker.sock"


def docker() -> Dict[str, Any]:
    """The client, the daemon behind it, the user's right to it, FINN's images and containers."""
    path = shutil.which("docker")
    answer: Dict[str, Any] = {"path": path, "group": _group(), "socket": _socket()}
    if path is None:
        return answer
    asked = probes.run([path, "version", "--format", "{{.Server.Version}}"], _SECONDS)
    answer["daemon"] = asked["status"] == 0
    answer["version"] = asked["output"].strip()[:60] if answer["daemon"] else None
    answer["problem"] = None if answer["daemon"] else asked["problem"] or asked["output"].strip()
    if answer["daemon"]:
        answer["images"] = _lines(path, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
        answer["containers"] = _lines(path, "ps", "--format", "{{.Names}} {{.Image}}")
        answer["folder"] = _lines(path, "info", "--format", "{{.DockerRootDir}}", about="")[:1]
    return answer


def _group() -> Dict[str, Optional[bool]]:
    """Whether there is a group docker, the user is in it, and this process knows of it already."""
    try:
        entry = grp.getgrnam("docker")
    except KeyError:
        return {"exists": False, "listed": None, "active": None}
    user = os.environ.get("USER") or os.environ.get("LOGNAME") or ""
    active = entry.gr_gid in os.getgroups() or os.getgid() == entry.gr_gid
    return {"exists": True, "listed": user in entry.gr_mem, "active": active}


def _socket() -> Dict[str, bool]:
    return {
        "exists": os.path.exists(_SOCKET),
        "usable": os.access(_SOCKET, os.R_OK | os.W_OK),
    }


def podman() -> Dict[str, Any]:
    """Podman's version and FINN's images in it."""
    path = shutil.which("podman")
    if path is None:
        return {"path": None}
    asked = probes.run([path, "--version"], _SECONDS)
    answer: Dict[str, Any] = {"path": path, "version": asked["output"].strip()[:60]}
    if asked["status"] == 0:
        answer["images"] = _lines(path, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
    return answer


def apptainer() -> Dict[str, Optional[str]]:
    """Where apptainer or singularity is, and the image that FINN is told to use."""
    path = shutil.which("apptainer") or shutil.which("singularity")
    image = os.environ.get("FINN_SINGULARITY") or None
    return {"path": path, "image": image}


def _lines(*command: str, about: str = "finn") -> List[str]:
    """Lines of a program's answer that have a word; none where it fails."""
    answer = probes.run(list(command), _SECONDS)
    if answer["status"] != 0:
        return []
    return [line.strip() for line in answer["output"].splitlines() if about in line.lower()][:50]
