"""Causes of failed builds, as data: by which words they show, what they mean, what to do.

Sources of the words: real logs, FINN's builder and public issue threads. ``rank`` orders them:
what stops a build from outside comes before what is wrong in the design, and both before what
merely follows from them (``run-failed`` is what Vivado says last and what FINN shows first).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

#: From this rank on, a line tells that something failed and not why.
SYMPTOM = 7


@dataclass(frozen=True)
class Cause:
    """One way in which builds fail.

    Attributes:
        id: its name in JSON.
        rank: lower wins when several are found.
        title: what happened, in a few words.
        means: what that means.
        advice: what to do.
        ids: messages that show it, as the tools number them.
        patterns: other lines that show it, regular expressions.
        facilities: every ERROR of these facilities of messages (``Synth 8-439``) shows it.
        needles: one of these stands in every line that ``patterns`` can match.
    """

    id: str
    rank: int
    title: str
    means: str
    advice: str
    ids: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    facilities: tuple[str, ...] = ()
    needles: tuple[str, ...] = ()


#: In the order in which a line is matched: what is particular stands before what is general.
CAUSES = (
    Cause(
        "disk-full",
        0,
        "the disk is full",
        "A file could not be written; what was written last may be cut off.",
        "Make room (old runs and FINN's build directory take most) and build again.",
        patterns=(
            r"(?i)\bno space left on device",
            r"Disk quota exceeded",
            r"(?i)\bdisk (?:is )?full\b",
        ),
        needles=("o space left", "quota exceeded", "isk full", "isk is full"),
    ),
    Cause(
        "out-of-memory",
        0,
        "a tool was ended for lack of memory",
        "The kernel killed it, or it asked for memory that was not there. Vivado then writes no "
        "error; its log just stops.",
        "Let fewer jobs run at a time (NUM_DEFAULT_WORKERS), close other programs, or build on a "
        "machine with more memory; `dmesg` tells which process was killed.",
        patterns=(
            r"rdiArgs\.sh: line \d+: +\d+ Killed",
            r"Parent process \(pid \d+\) has died",
            r"std::bad_alloc",
            r"Cannot allocate memory",
            r"^MemoryError\b",
            r"(?i)\bout of memory\b",
            r"SIGKILL",
            r"exit (?:status|code):? \(?(?:137|-9)\b",
            r"Error 137\b",
        ),
        needles=(
            "Killed",
            "has died",
            "bad_alloc",
            "allocate memory",
            "MemoryError",
            "ut of memory",
            "SIGKILL",
            "xit status",
            "xit code",
            "Error 137",
        ),
    ),
    Cause(
        "licence",
        0,
        "no licence for this part or tool",
        "Vivado asked its licence server or file for a feature and did not get it.",
        "Check XILINXD_LICENSE_FILE and that the server answers; parts like xczu7ev need more "
        "than the free edition, xc7z020 does not.",
        ids=("Common 17-345", "Common 17-348", "Common 17-347"),
        patterns=(
            r"(?i)valid license was not found",
            r"(?i)failed to check ?out (?:a )?licen[sc]e",
        ),
        needles=("license was not found", "heckout", "heck out"),
    ),
    Cause(
        "tools-missing",
        0,
        "a tool was not found",
        "The shell knows no program of this name.",
        "Source settings64.sh of Vivado and Vitis HLS before the build.",
        patterns=(
            r"(?:vivado|vitis_hls|vitis-run|vivado_hls|v\+\+|verilator): (?:command )?not found",
        ),
        needles=("not found",),
    ),
    Cause(
        "spawn-failed",
        0,
        "Vivado could not start its runs",
        "The operating system refused a new process: too many processes or files, too little "
        "memory, or a virus scanner in between.",
        "Close other Vivado sessions, look at `ulimit -u` and memory, and start the build again.",
        ids=("Common 17-180",),
    ),
    Cause(
        "crash",
        0,
        "a tool crashed",
        "It ended by a fault of its own; it wrote a crash file.",
        "Build again; if it crashes at the same place, try another tool version or fewer threads "
        "(general.maxThreads), and give the crash file to AMD.",
        patterns=(
            r"Abnormal program termination",
            r"^# A fatal error has been detected",
            r"Please check '.*hs_err_pid",
            r"Segmentation fault",
        ),
        needles=("Abnormal program", "fatal error has been", "hs_err_pid", "Segmentation"),
    ),
    Cause(
        "over-utilization",
        1,
        "the design does not fit on the part",
        "It needs more of a resource than the part has; placing was refused.",
        "Fold the named layers further (smaller PE or SIMD), give their memories another "
        "ram_style (ultra, distributed), or take a bigger part.",
        ids=("DRC UTLZ-1", "DRC UTLZ-2", "Place 30-640"),
    ),
    Cause(
        "packing",
        2,
        "the design does not pack into the part's slices",
        "It fits by count, but LUTs, registers and their control signals do not share slices well "
        "enough.",
        "Bring LUT use down to about 80 %: fold further, or move weights from LUTs to BRAM.",
        ids=("Place 30-487", "Place 30-484", "Place 30-99"),
    ),
    Cause(
        "unroutable",
        2,
        "the router could not connect all nets",
        "Too many wires want through one region of the part (congestion).",
        "Fold further, use fewer wide streams, or a lower clock; look at the congestion in the "
        "router's log.",
        ids=("Route 35-7", "Route 35-162", "Route 35-3", "Route 35-447"),
    ),
    Cause(
        "hls-failed",
        2,
        "HLS could not synthesize a layer",
        "Vitis HLS refused the C++ that FINN generated; FINN later misses the IP (VLNV not found).",
        "Read the first error: it names file and line. Often it is a width or folding that "
        "finn-hlslib does not take; the layer's rtl variant may do.",
        ids=("HLS 200-1715", "HLS 200-70", "SIM 211-100", "HLS 200-627"),
    ),
    Cause(
        "synthesis-failed",
        2,
        "Vivado could not synthesize a block",
        "It refused the RTL of a layer or of the shell around it.",
        "Read the first error; it names module, file and line.",
        facilities=("Synth",),
    ),
    Cause(
        "python-module",
        2,
        "a Python module is missing",
        "The environment in which FINN runs is not complete.",
        "Install it into the engine's environment, or make the engine anew.",
        patterns=(
            r"^ModuleNotFoundError: ",
            r"^ImportError: ",
            r"No matching distribution found for",
        ),
        needles=("ModuleNotFoundError", "ImportError", "matching distribution"),
    ),
    Cause(
        "simulation-failed",
        3,
        "a simulation could not be built or run",
        "Verilator or the compiler behind cppsim stopped.",
        "Read its first error; a missing compiler or a wrong Verilator version is the usual one.",
        patterns=(r"^%Error", r"rtlsim.*(?:failed|did not finish)"),
        needles=("%Error", "rtlsim"),
    ),
    Cause(
        "timing-missed",
        5,
        "the design does not meet its clock",
        "The slowest path is longer than a clock period. Vivado counts no error and writes a "
        "bitstream all the same, which may compute wrongly.",
        "Build with a longer clock period (clock-ns), or pipeline: smaller PE and SIMD in the "
        "layer that holds the path, or the placer's and router's stronger directives.",
        ids=("Timing 38-282", "Route 35-328"),
        patterns=(r"^Timing constraints are not met\.",),
        needles=("constraints are not met",),
    ),
    Cause(
        "tool-error",
        6,
        "a tool reported an error",
        "It is not one that finn-tui knows.",
        "Read it with the lines around it.",
    ),
    Cause(
        "debugger-prompt",
        6,
        "the build waits at a debugger prompt",
        "FINN met an exception and opened Python's debugger; it waits for ever for somebody to "
        "type (enable_build_pdb_debug).",
        "End the build, read the exception above the prompt, and build with "
        "enable_build_pdb_debug=False.",
        patterns=(r"^\(Pdb\)",),
        needles=("(Pdb)",),
    ),
    Cause(
        "ip-not-found",
        SYMPTOM,
        "an IP was not found when stitching",
        "The layer's HLS has failed before, or its output was wiped.",
        "Look at the layer's own HLS log, code_gen_ipgen_<layer>_*.",
        ids=("BD 5-216", "BD 5-390", "BD_TCL-7"),
        patterns=(r"^ERROR: .*VLNV",),
        needles=("VLNV",),
    ),
    Cause(
        "ipgen-failed",
        SYMPTOM,
        "a layer has no IP",
        "Its HLS has not left what FINN looks for.",
        "Look at the HLS log in the folder that is named.",
        patterns=(r"IPGen failed: ", r"HLS IP Generation failed"),
        needles=("IPGen failed", "IP Generation failed"),
    ),
    Cause(
        "stitch-failed",
        SYMPTOM,
        "the layers were not stitched together",
        "Vivado ended before it wrote the wrapper.",
        "Look at vivado.log in the vivado_stitch_proj_* folder.",
        patterns=(r"CreateStitchedIP failed",),
        needles=("CreateStitchedIP failed",),
    ),
    Cause(
        "no-synthesis-result",
        SYMPTOM,
        "out-of-context synthesis left no result",
        "FINN misses res.txt, which its script writes at the end: synthesis or placing failed.",
        "Look at runme.log of synth_1 and impl_1 under synth_out_of_context_*.",
        patterns=(r"No such file or directory: '?.*res\.txt",),
        needles=("res.txt",),
    ),
    Cause(
        "no-bitfile",
        SYMPTOM + 1,
        "there is no bitfile",
        "One of Vivado's runs has failed.",
        "Look at impl_1/runme.log under the folder that is named, then at the synthesis runs.",
        patterns=(r"Synthesis failed, no bitfile found",),
        needles=("no bitfile found",),
    ),
    # FINN wraps what others said: only where nothing above recognizes it, the error is its own.
    Cause(
        "finn-error",
        4,
        "FINN refused the model or the settings",
        "The builder found something it cannot work with.",
        "Read what it says; it names the node or the setting.",
        patterns=(r"^FINN ERROR: ", r"FINN (?:INTERNAL COMPILER ERROR|Internal compiler error)"),
        needles=("FINN ERROR", "FINN INTERNAL", "FINN Internal"),
    ),
    Cause(
        "exception",
        SYMPTOM + 1,
        "the build ended by an exception",
        "Python says where, not always why.",
        "Read the traceback and what was logged before it.",
        patterns=(
            r"^[A-Za-z_][\w.]*(?:Error|Exception): ",
            r"^AssertionError$",
            r"Launched process returned non-zero exit code",
        ),
        needles=("Error", "Exception", "non-zero exit code"),
    ),
    Cause(
        "run-failed",
        SYMPTOM + 2,
        "one of Vivado's runs failed",
        "The reason stands in the log of that run.",
        "Look at the run's runme.log.",
        ids=(
            "Common 17-69",
            "Common 17-39",
            "Vivado_Tcl 4-23",
            "Vivado 12-8222",
            "Vivado 12-13638",
            "Vivado 12-4756",
        ),
        patterns=(r"^\w+ failed$", r"^Build failed"),
        needles=(" failed",),
    ),
)

BY_ID = {cause.id: cause for cause in CAUSES}
BY_MESSAGE = {message: cause.id for cause in CAUSES for message in cause.ids}
#: What a line says, it says at its beginning: a longer one must not take long to see through.
_LONGEST = 4000
_FACILITIES = {facility: cause.id for cause in CAUSES for facility in cause.facilities}


def of_error(message: str, text: str) -> str | None:
    """The id of the cause that an ERROR message shows, None if none claims it."""
    found = BY_MESSAGE.get(message) or named_by(text)
    return found or _FACILITIES.get(message.split(" ", 1)[0])


#: Text without any of these holds no line that a cause's pattern matches.
NEEDLES = tuple(dict.fromkeys(word for cause in CAUSES for word in cause.needles))


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((cause.id, re.compile(p)) for cause in CAUSES for p in cause.patterns)


def named_by(text: str) -> str | None:
    """The id of the cause that a line's words show, None if they show none."""
    text = text[:_LONGEST]
    if not any(word in text for word in NEEDLES):
        return None
    for cause, pattern in _patterns():
        if pattern.search(text):
            return cause
    return None
