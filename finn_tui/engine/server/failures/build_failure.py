"""What ended a build: the exception, and the line of a tool's log that tells why.

The message that FINN shows names a symptom; the cause stands in the log of the tool that it had
started. What a line means and what to do about it is told by ``causes``, the one catalogue.
"""

import errno
import os
import re
import subprocess
import traceback
from datetime import datetime
from typing import Any, Iterator, List, NamedTuple, Optional, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.failures import causes
from finn_tui.engine.server.runs import runfiles

#: Less than this left on the disk after a failure means that the disk was the cause.
DISK_FULL_BYTES = 32 * 1024 * 1024

_LOGS = ("vitis_hls.log", "vivado_hls.log", "runme.log", "vivado.log")
_ERROR = re.compile(r"^ERROR: \[([^\]]+)\] ?(.*)$")
_LOG_BYTES = 8 * 1024 * 1024


class ToolError(NamedTuple):
    """A line of a tool's log: the cause that it shows, the line, its file and number from 1."""

    cause: str
    text: str
    path: str
    number: int


def explain(error: BaseException, folder: str) -> EngineError:
    """Return the error that users are shown for what ended a build.

    Args:
        error: what FINN raised.
        folder: the run folder.
    """
    detail = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    if isinstance(error, EngineError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(folder, detail)
    if _free(folder) < DISK_FULL_BYTES:
        return disk_full(folder, detail)
    work = os.path.join(folder, "finn_build_dir")
    raised = "%s: %s" % (type(error).__name__, error)
    own = causes.named_by(raised)
    tool = first_tool_error(work, _started(folder))
    if tool is not None and (
        own is None or causes.BY_ID[tool.cause].rank <= causes.BY_ID[own].rank
    ):
        return _of_tool(tool, folder, detail)
    cut = broken_off(work)
    if cut is not None:
        return EngineError(
            "Vivado was ended in the middle of its work",
            "Its log %s breaks off without a last word; on Linux that is most often the kernel, "
            "when memory runs out. FINN says: %s" % (os.path.relpath(cut, folder), error),
            causes.BY_ID["out-of-memory"].advice,
            kind="tools",
            detail=detail,
        )
    if _was_killed(error):
        return EngineError(
            "A tool was killed while FINN waited for it",
            "%s. Something outside of the build ended it; on Linux that is most often the kernel, "
            "when memory runs out." % str(error).rstrip("."),
            causes.BY_ID["out-of-memory"].advice,
            kind="tools",
            detail=detail,
        )
    text = str(error)
    what = raised if text else type(error).__name__
    why = "FINN stopped here, and no tool reported an error."
    fix = "Read the end of build/build_dataflow.log; the Python traceback is in the details"
    if text and (isinstance(error, AssertionError) or type(error).__name__.startswith("FINN")):
        what, why = text, "FINN refuses the design as it is."
        own = causes.named_by(text) or own
    if own is not None and own != "exception":
        why, fix = causes.BY_ID[own].means, causes.BY_ID[own].advice
    return EngineError(what, why, fix, kind="finn", detail=detail)


def _of_tool(tool: ToolError, folder: str, detail: str) -> EngineError:
    cause = causes.BY_ID[tool.cause]
    fix = cause.advice
    if tool.cause == "over-utilization":
        fix = causes.shortage(tool.text).advice(_part(folder))
    where = "%s:%d" % (os.path.relpath(tool.path, folder), tool.number)
    text = tool.text[len("ERROR: ") :] if tool.text.startswith("ERROR: ") else tool.text
    return EngineError(
        text,
        "%s: %s It stands in %s." % (cause.title, cause.means, where),
        fix,
        kind="tools",
        detail="%s\n\n%s" % (_around(tool.path, tool.number), detail),
    )


def _part(folder: str) -> Optional[str]:
    try:
        run = runfiles.read_json(os.path.join(folder, runfiles.RUN))
    except (OSError, ValueError):
        return None
    return str(run.get("part") or "") if isinstance(run, dict) else None


def _started(folder: str) -> float:
    """When this attempt began: logs from before belong to another; 0 if that is not known."""
    try:
        state = runfiles.read_json(os.path.join(folder, runfiles.STATE))
        return datetime.fromisoformat(state["started"]).timestamp()
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def _was_killed(error: Optional[BaseException]) -> bool:
    """Whether a process that was killed stands behind an error; shells say 128 and the signal."""
    seen = 0
    while error is not None and seen < 20:
        if isinstance(error, subprocess.CalledProcessError) and error.returncode in (-9, 137):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def disk_full(folder: str, detail: str) -> EngineError:
    """The error for a disk that ran full."""
    return EngineError(
        "The disk is full",
        "%d MB are left where %s lies." % (_free(folder) // 1000000, folder),
        "Make room (finn-tui runs clean removes working files of old runs), then resume the run",
        kind="disk",
        detail=detail,
    )


def first_tool_error(build_dir: str, since: float = 0.0) -> Optional[ToolError]:
    """Return the line of the tools' logs that tells best why they failed; None if none does.

    Args:
        build_dir: FINN's working folder.
        since: logs that were last written before this do not count, seconds since the epoch.
    """
    best: Optional[Tuple[Any, ToolError]] = None
    for order, path in enumerate(_logs(build_dir, since)):
        hls = os.path.basename(path).endswith("_hls.log")
        for number, line in log_lines(path):
            cause = _cause(line, "hls-failed" if hls else "tool-error")
            if cause is not None:
                key = (*causes.precedence(cause, line), order, number)
                if best is None or key < best[0]:
                    best = key, ToolError(cause, line.strip(), path, number)
    return best[1] if best is not None else None


def _cause(line: str, default: str) -> Optional[str]:
    match = _ERROR.match(line)
    if match:
        return causes.of_error(match.group(1), line) or default
    if line.startswith(("INFO", "WARNING", "CRITICAL", "#")):
        return None
    return causes.named_by(line) if any(word in line for word in causes.NEEDLES) else None


def broken_off(build_dir: str) -> Optional[str]:
    """The newest log of Vivado, if Vivado did not say in it that it exits; else None."""
    paths = [
        os.path.join(place, name)
        for place, _, names in os.walk(build_dir)
        for name in names
        if name in ("vivado.log", "runme.log")
    ]
    if not paths:
        return None
    newest = max(paths, key=os.path.getmtime)
    with open(newest, "rb") as file:
        file.seek(max(0, os.path.getsize(newest) - 8192))
        tail = file.read().decode("utf-8", "replace")
    begun, ended = "Vivado v" in tail or len(tail) >= 8192, "Exiting Vivado at" in tail
    return newest if begun and not ended else None


def _logs(build_dir: str, since: float) -> List[str]:
    """The tools' logs: layers, runs, then what launched them; the newest first."""
    paths: List[Tuple[int, float, str]] = []
    for place, _, names in os.walk(build_dir):
        for name in names:
            path = os.path.join(place, name)
            if name in _LOGS and os.path.isfile(path) and os.path.getmtime(path) >= since:
                paths.append((_LOGS.index(name), -os.path.getmtime(path), path))
    return [path for _, _, path in sorted(paths)]


def log_lines(path: str, most_bytes: int = _LOG_BYTES) -> Iterator[Tuple[int, str]]:
    """Yield a log's lines with their numbers, from 1.

    Args: ``path`` of the log, ``most_bytes`` after which the rest is left out. Raises ``OSError``.
    """
    with open(path, encoding="utf-8", errors="replace") as file:
        read = 0
        for number, line in enumerate(file, 1):
            yield number, line.rstrip("\r\n")
            read += len(line)
            if read > most_bytes:
                return


def _around(path: str, number: int, before: int = 8, after: int = 8) -> str:
    return "\n".join(
        line for at, line in log_lines(path) if number - before <= at <= number + after
    )


def _free(folder: str) -> int:
    try:
        status: Any = os.statvfs(folder)
    except OSError:
        return DISK_FULL_BYTES
    return int(status.f_bavail * status.f_frsize)
