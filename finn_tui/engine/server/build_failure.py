"""Why a build failed, as far as one can see at once: the first error of the tool that failed.

The message that FINN shows names a symptom; the cause stands in the log of the tool that it had
started, and there it is the first error, not the last.
"""

import errno
import os
import re
import subprocess
import traceback
from typing import Any, Iterator, List, Optional, Tuple

from finn_tui.engine.protocol import EngineError

#: Less than this left on the disk after a failure means that the disk was the cause.
DISK_FULL_BYTES = 32 * 1024 * 1024

_LOGS = ("runme.log", "vitis_hls.log", "vivado_hls.log", "vivado.log")
_ERROR = re.compile(r"^ERROR: \[([^\]]+)\] ?(.*)$")
#: Errors that only repeat that something before them went wrong.
_ECHOES = ("Common 17-39", "Common 17-69", "Vivado_Tcl 4-23", "HLS 200-70", "Vivado 12-13638")
_LOG_BYTES = 8 * 1024 * 1024

_ADVICE = (
    (
        ("DRC UTLZ", "Place 30-640", "Place 30-487"),
        "The design needs more of the chip than there is.",
        "Fold less in parallel (smaller PE and SIMD), or move memory between LUT and block RAM "
        "with ram_style",
    ),
    (
        ("Common 17-345", "Common 17-348"),
        "AMD's tools found no licence for this part.",
        "Set XILINXD_LICENSE_FILE, or install a licence; the Pynq-Z1 and Z2 need none",
    ),
    (
        ("IMPL 213-28",),
        "Vitis HLS synthesized a layer and could not export it as an IP; stitching then misses it "
        "by its VLNV.",
        "Read the lines above it in that log; Vivado 2021 and older need AMD's Y2K22 patch",
    ),
    (
        ("Common 17-180", "Vivado 12-4756"),
        "Vivado could not start the processes of its runs.",
        "Give the machine more memory or processes (ulimit -u), or build with fewer parallel jobs "
        "(NUM_DEFAULT_WORKERS)",
    ),
    (
        ("HLS", "SIM", "XFORM", "SCHED"),
        "Vitis HLS could not synthesize a layer.",
        "Open its vitis_hls.log; compile errors of FINN's C++ are most often a broken finn-hlslib",
    ),
)

#: Ends of a tool that are no message of its own: how they show, what they mean, what to do.
_SIGNS = (
    (
        re.compile(r"^Abnormal program termination"),
        "It crashed; what it knows of that is in the hs_err file that it names.",
        "Build again (finn-tui runs resume); if it crashes again, try another Vivado version",
    ),
    (
        re.compile(r"\bKilled\s+\"\$RDI_PROG\""),
        "The kernel ended it, which it does when memory runs out.",
        "Give the machine more memory, or build with fewer parallel jobs (NUM_DEFAULT_WORKERS)",
    ),
    (
        re.compile(r"no space left on device", re.I),
        "The disk is full, or was when this was written.",
        "Make room (finn-tui runs clean removes working files of old runs), then resume the run",
    ),
    (
        re.compile(r"^route_design failed"),
        "The router could not connect everything: too many nets want the same place.",
        "Fold less in parallel, so that less of the chip is full, or build for a slower clock",
    ),
    (
        re.compile(r"^\w+_design failed"),
        "The command failed without a message of its own.",
        "Read the log around it",
    ),
)

#: What FINN refuses only once it generates code, after estimates have gone well.
_REFUSALS = (
    (
        re.compile(r"SIMD >= MW / 1024"),
        "Vitis HLS partitions at most 1,024 input words of a layer; FINN's estimates do not "
        "check that.",
        "Give the named layer a SIMD of at least MW / 1024, that is 2 for up to 2,048 inputs, 4 "
        "for up to 4,096",
    ),
)


def explain(error: BaseException, folder: str) -> EngineError:
    """The error that users are shown for what ended a build."""
    detail = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    if isinstance(error, EngineError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(folder, detail)
    if _free(folder) < DISK_FULL_BYTES:
        return disk_full(folder, detail)
    found = first_tool_error(os.path.join(folder, "finn_build_dir"))
    if found is not None:
        id, text, path, number = found
        why, fix = "A tool that FINN had started reported it first.", "Read the log around it"
        for ids, meaning, advice in _ADVICE:
            if any(id.startswith(start) for start in ids):
                why, fix = meaning, advice
        where = "%s:%d" % (os.path.relpath(path, folder), number)
        return EngineError(
            "[%s] %s" % (id, text),
            "%s It stands in %s." % (why, where),
            fix,
            kind="tools",
            detail="%s\n\n%s" % (_around(path, number), detail),
        )
    sign = first_sign(os.path.join(folder, "finn_build_dir"))
    if sign is not None:
        said, (_, why, fix), path, number = sign
        where = "%s:%d" % (os.path.relpath(path, folder), number)
        return EngineError(
            said,
            "%s It stands in %s." % (why, where),
            fix,
            kind="tools",
            detail="%s\n\n%s" % (_around(path, number), detail),
        )
    cut = broken_off(os.path.join(folder, "finn_build_dir"))
    if cut is not None:
        return EngineError(
            "Vivado was ended in the middle of its work",
            "Its log %s breaks off without a last word; on Linux that is most often the kernel, "
            "when memory runs out. FINN says: %s" % (os.path.relpath(cut, folder), error),
            "Look at the kernel's log (dmesg), give the machine more memory or build with fewer "
            "parallel jobs (NUM_DEFAULT_WORKERS); then resume the run",
            kind="tools",
            detail=detail,
        )
    if _was_killed(error):
        return EngineError(
            "A tool was killed while FINN waited for it",
            "%s. Something outside of the build ended it; on Linux that is most often the kernel, "
            "when memory runs out." % str(error).rstrip("."),
            "Look at the kernel's log (dmesg), give the machine more memory or build with fewer "
            "parallel jobs (NUM_DEFAULT_WORKERS); then resume the run",
            kind="tools",
            detail=detail,
        )
    text = str(error)
    what = "%s: %s" % (type(error).__name__, text)
    why = "FINN stopped here, and no tool reported an error."
    fix = "Read the end of build/build_dataflow.log; the Python traceback is in the details"
    if text and (isinstance(error, AssertionError) or type(error).__name__.startswith("FINN")):
        what, why = text, "FINN refuses the design as it is."
    for pattern, meaning, advice in _REFUSALS:
        if pattern.search(text):
            why, fix = meaning, advice
    return EngineError(what, why, fix, kind="finn", detail=detail)


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


def first_tool_error(build_dir: str) -> Optional[Tuple[str, str, str, int]]:
    """Message id, text, file and line of the first real error in the newest tool log with one."""
    for path in _logs(build_dir):
        found: List[Tuple[str, str, str, int]] = []
        for number, line in _lines(path):
            match = _ERROR.match(line)
            if match:
                found.append((match.group(1), match.group(2), path, number))
        for candidate in found:
            if not candidate[0].startswith(_ECHOES):
                return candidate
    return None


def first_sign(build_dir: str) -> Optional[Tuple[str, Tuple[Any, str, str], str, int]]:
    """The line, its meaning, file and number where a tool ended without an error of its own."""
    found = []
    for path in _logs(build_dir):
        for number, line in _lines(path):
            for rank, sign in enumerate(_SIGNS):
                if sign[0].search(line):
                    found.append((rank, line.strip(), path, number))
    if not found:
        return None
    rank, line, path, number = min(found, key=lambda item: item[0])
    return line, _SIGNS[rank], path, number


def broken_off(build_dir: str) -> Optional[str]:
    """The newest log of Vivado, if Vivado did not say in it that it exits; else None."""
    found = [
        os.path.join(place, name)
        for place, _, names in os.walk(build_dir)
        for name in names
        if name in ("vivado.log", "runme.log")
    ]
    if not found:
        return None
    newest = max(found, key=os.path.getmtime)
    with open(newest, "rb") as file:
        file.seek(max(0, os.path.getsize(newest) - 8192))
        tail = file.read().decode("utf-8", "replace")
    begun, ended = "Vivado v" in tail or len(tail) >= 8192, "Exiting Vivado at" in tail
    return newest if begun and not ended else None


def _logs(build_dir: str) -> List[str]:
    """The tools' logs, those of runs before those of the tool that launched them, newest first."""
    found: List[Tuple[int, float, str]] = []
    for place, _, names in os.walk(build_dir):
        for name in names:
            if name in _LOGS:
                path = os.path.join(place, name)
                found.append((_LOGS.index(name), -os.path.getmtime(path), path))
    return [path for _, _, path in sorted(found)]


def _lines(path: str) -> Iterator[Tuple[int, str]]:
    with open(path, encoding="utf-8", errors="replace") as file:
        read = 0
        for number, line in enumerate(file, 1):
            yield number, line.rstrip("\r\n")
            read += len(line)
            if read > _LOG_BYTES:
                return


def _around(path: str, number: int, before: int = 8, after: int = 8) -> str:
    return "\n".join(line for at, line in _lines(path) if number - before <= at <= number + after)


def _free(folder: str) -> int:
    try:
        status: Any = os.statvfs(folder)
    except OSError:
        return DISK_FULL_BYTES
    return int(status.f_bavail * status.f_frsize)
