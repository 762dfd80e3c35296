"""Variables that FINN and AMD's tools read, and where the user's shell sets them."""

import os
import re
import shlex
from typing import Any, Dict, List

from finn_tui.engine.server.doctor import probes

#: All variables that are read; whatever else is in an environment stays there.
VARIABLES = (
    "FINN_XILINX_PATH",
    "FINN_XILINX_VERSION",
    "FINN_HOST_BUILD_DIR",
    "FINN_BUILD_DIR",
    "FINN_ROOT",
    "FINN_DEPS",
    "FINN_DOCKER_TAG",
    "FINN_DOCKER_PREBUILT",
    "FINN_SINGULARITY",
    "FINN_TOOL_DIR_OVERRIDE",
    "PYNQ_BOARD",
    "VIVADO_PATH",
    "VITIS_PATH",
    "HLS_PATH",
    "XILINX_VIVADO",
    "XILINX_VITIS",
    "XILINX_HLS",
    "XILINX_XRT",
    "PLATFORM_REPO_PATHS",
    "XILINXD_LICENSE_FILE",
    "LM_LICENSE_FILE",
    "NUM_DEFAULT_WORKERS",
    "DOCKER_HOST",
    "DISPLAY",
    "SHELL",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TMPDIR",
)
#: Files that a shell reads at its start, below the home folder.
STARTUP = (
    ".profile",
    ".bash_profile",
    ".bashrc",
    ".zshenv",
    ".zprofile",
    ".zshrc",
)
_MOST_BYTES = 1 << 18
_SET = re.compile(
    r"\s*(?:export\s+|setenv\s+)?(%s)(\s*)(=?)(\s*)(.*)"
    % "|".join(name for name in VARIABLES if name not in ("SHELL", "HOME", "LANG", "TMPDIR"))
)
#: The first word after the equals sign; what follows it is another command, variable or comment.
_WORD = re.compile(r"\"([^\"]*)\"|'([^']*)'|([^\s;&|<>()]*)")
_SOURCED = re.compile(r"\s*(?:source|\.)\s+(\S*settings64\.c?sh)\b")
#: What ``doctor --fix`` writes into a startup file.
_OWN = re.compile(r"\[ -f ([\w/.+-]+|'[^']+') \] && \. \1  # by finn-tui doctor")
#: user:password@ in an address.
_LOGIN = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def variables() -> Dict[str, str]:
    """Those of ``VARIABLES`` that are set, without logins in addresses."""
    return {name: _LOGIN.sub("***", os.environ[name]) for name in VARIABLES if name in os.environ}


def startup() -> List[Dict[str, Any]]:
    """Lines of the shell's startup files that set one of the variables or source AMD's tools.

    Each is ``{"file", "line", "text", "name", "value", "spaced"}``; ``spaced`` is for blanks
    beside the equals sign, with which a shell does not set the variable. ``text`` ends in ``...``
    where the line does more than that.
    """
    lines: List[Dict[str, Any]] = []
    for name in STARTUP:
        lines += _entries(os.path.join(os.path.expanduser("~"), name))
    return lines[: probes.MOST_ENTRIES]


def _entries(path: str, follow: bool = True) -> List[Dict[str, Any]]:
    if not os.path.isfile(path):
        return []
    try:
        with open(path, "rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    lines: List[Dict[str, Any]] = []
    for number, line in enumerate(text.splitlines(), 1):
        entry = _entry(line)
        if entry is not None:
            entry.update(file=path, line=number, text=_LOGIN.sub("***", entry["text"]))
            lines.append(entry)
        elif follow and _OWN.fullmatch(line):
            lines += _entries(shlex.split(line)[2], follow=False)
    return lines


def _entry(line: str) -> Any:
    sourced = _SOURCED.match(line)
    if sourced:
        value = sourced.group(1)
        return {"name": "settings64.sh", "value": value, "spaced": False, "text": line}
    match = _SET.fullmatch(line)
    if not match or not match.group(3):
        return None
    name, before, _, after, rest = match.groups()
    word = _WORD.match("" if rest.startswith("#") else rest)
    value = next((part for part in word.groups() if part is not None), "") if word else ""
    spaced = bool(before) or bool(after and value)
    end = match.start(5) + (word.end() if word else 0)
    if line[end:].strip() and not line[end:].lstrip().startswith("#"):
        line = line[:end] + " ..."  # whatever else is set there is not ours to read
    return {"name": name, "value": _LOGIN.sub("***", value), "spaced": spaced, "text": line}
