"""AMD's tools: what is installed where, what FINN finds, whether Vivado starts, licences."""

import os
import re
import shutil
import socket
import time
from typing import Any, Dict, List, Optional, Set

from finn_tui.engine.server import tools
from finn_tui.engine.server.doctor import probes

#: Where AMD's installer and admins put the tools, beside what the environment names.
_ROOTS = ("/opt/Xilinx", "/tools/Xilinx", "/opt/AMD", "/tools/AMD", "~/Xilinx", "/opt/xilinx")
_VERSION = re.compile(r"20\d\d\.\d(?:\.\d)?\Z")
#: What the patch for dates from 2022 on leaves in every tool that it was applied to.
_PATCH = "common/scripts/automg_patch_20220104.tcl"
_SERVER = re.compile(r"(\d{1,5})?@([A-Za-z0-9._-]+)\Z")
#: The port that a licence server without one is asked at.
_FLEXLM = 27000
_MOST_SERVERS = 8
_VIVADO_SECONDS, _CONNECT_SECONDS = 60.0, 4.0


def installations() -> List[Dict[str, Any]]:
    """Versions that are installed: ``{"root", "version", "vivado", "vitis_hls", ...}``.

    Until 2024.2 a product's folder holds its versions, later the other way round.
    """
    rows = []
    for root in _roots():
        versions: Set[str] = set()
        for product in ("Vivado", "Vitis", "Vitis_HLS"):
            versions.update(filter(_VERSION.match, probes.entries(os.path.join(root, product))))
        newer = [name for name in probes.entries(root) if _VERSION.match(name)]
        for version in sorted(versions.union(newer)):
            rows.append(_installation(root, version))
    return [row for row in rows if row["vivado"] or row["vitis_hls"] or row["vitis"]]


def _roots() -> List[str]:
    named = os.environ.get("FINN_XILINX_PATH")
    places = [named] if named else []
    vivado = shutil.which("vivado")
    for home in (os.environ.get("XILINX_VIVADO"), os.environ.get("VIVADO_PATH")):
        if home:
            places.append(os.path.dirname(os.path.dirname(home.rstrip("/"))))
    if vivado:
        # <root>/Vivado/<version>/bin/vivado
        places.append(os.path.abspath(os.path.join(os.path.realpath(vivado), *[".."] * 4)))
    places += [os.path.expanduser(root) for root in _ROOTS]
    real = []
    for place in places:
        if place not in real and os.path.isdir(place):
            real.append(place)
    return real


def _installation(root: str, version: str) -> Dict[str, Any]:
    homes = {}
    for product in ("Vivado", "Vitis", "Vitis_HLS"):
        places = [os.path.join(root, product, version), os.path.join(root, version, product)]
        homes[product] = next((place for place in places if os.path.isdir(place)), None)
    hls = homes["Vitis_HLS"] or homes["Vitis"]
    return {
        "root": root,
        "version": version,
        "vivado": homes["Vivado"],
        "vitis": homes["Vitis"],
        "vitis_hls": hls,
        "settings": [
            os.path.join(home, "settings64.sh")
            for home in (homes["Vivado"], hls)
            if home and os.path.isfile(os.path.join(home, "settings64.sh"))
        ],
        "patched": all(os.path.isfile(os.path.join(home, _PATCH)) for home in (hls,) if home),
    }


def vivado() -> Optional[Dict[str, Any]]:
    """What Vivado says of its version; None where there is none."""
    tool = tools.tools()["vivado"]
    if tool is None or not tool["path"]:
        return None
    start = time.monotonic()
    answer = probes.run([tool["path"], "-version"], _VIVADO_SECONDS)
    lines = answer["output"].strip().splitlines()
    return {
        "path": tool["path"],
        "status": answer["status"],
        "lines": lines[:5] + lines[-3:] if len(lines) > 8 else lines,
        "problem": answer["problem"],
        "seconds": round(time.monotonic() - start, 2),
    }


def folders() -> Dict[str, Dict[str, Any]]:
    """Folders that variables name: whether they are there and what FINN looks for in them."""
    answers = {}
    for name in (
        "FINN_XILINX_PATH",
        "VIVADO_PATH",
        "VITIS_PATH",
        "HLS_PATH",
        "XILINX_VIVADO",
        "XILINX_VITIS",
        "XILINX_HLS",
        "FINN_TOOL_DIR_OVERRIDE",
        "PLATFORM_REPO_PATHS",
    ):
        path = os.environ.get(name)
        if path:
            answers[name] = {
                "exists": os.path.isdir(path),
                "settings": os.path.isfile(os.path.join(path, "settings64.sh")),
                "readable": os.access(path, os.R_OK | os.X_OK),
            }
    return answers


def licence() -> Dict[str, Any]:
    """Licence files and servers that AMD's tools would ask; contents of files are not read."""
    files = []
    servers = []
    for name in ("XILINXD_LICENSE_FILE", "LM_LICENSE_FILE"):
        for place in re.split(r"[:;,]", os.environ.get(name, "")):
            match = _SERVER.match(place.strip())
            if match:
                servers.append((name, int(match.group(1) or _FLEXLM), match.group(2)))
            elif place.strip():
                files.append(_file(name, place.strip()))
    home = os.path.join(os.path.expanduser("~"), ".Xilinx")
    files += [
        _file("", os.path.join(home, name)) for name in probes.entries(home) if name[-4:] == ".lic"
    ]
    asked = probes.gather(
        {str(i): _connection(*server) for i, server in enumerate(servers[:_MOST_SERVERS])},
        2 * _CONNECT_SECONDS,
    )
    rows = []
    for i, (name, port, host) in enumerate(servers[:_MOST_SERVERS]):
        rows.append(dict(asked[str(i)], variable=name, address="%d@%s" % (port, host)))
    return {"files": files, "servers": rows}


def _file(variable: str, path: str) -> Dict[str, Any]:
    folder = os.path.isdir(path)
    count = sum(name.endswith(".lic") for name in probes.entries(path)) if folder else 1
    return {
        "variable": variable,
        "path": path,
        "exists": os.path.exists(path),
        "readable": os.access(path, os.R_OK),
        "files": count,
    }


def _connection(variable: str, port: int, host: str) -> probes.Probe:
    def connect() -> Dict[str, Any]:
        start = time.monotonic()
        try:
            socket.create_connection((host, port), _CONNECT_SECONDS).close()
        except (OSError, OverflowError, UnicodeError) as error:
            return {"reachable": False, "problem": str(error)}
        return {"reachable": True, "seconds": round(time.monotonic() - start, 3)}

    return connect
