"""The catalogue of causes of failed builds: how each shows, what it means, what to do.

The only one: the builder's last word (``build_failure``, inside FINN's Python), ``inspect``, Runs
and the log readers all ask it. Standard library only and Python 3.8 syntax.

Sources of the words: real logs, FINN's builder and public issue threads. ``rank`` orders causes:
what stops a build from outside comes before what is wrong in the design, and both before what
merely follows from them (``run-failed`` is what Vivado says last and what FINN shows first).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Dict, Optional, Pattern, Tuple

#: From this rank on, a line tells that something failed and not why.
SYMPTOM = 7
#: Up to this rank, a line alone shows that a log which just stops is one of a failed build.
DECISIVE = 2

# Programs that FINN, HLS and Vivado start; what the shell says when one is missing differs.
_TOOL = (
    r"(?:vivado(?:_hls)?|vitis(?:_hls|-run)?|v\+\+|verilator(?:_bin)?|xelab|xsim|xvlog|xvhdl|xsc"
    r"|g\+\+|gcc|clang|cmake|make|docker|apptainer|singularity|xclbinutil|platforminfo)"
)
_QUOTE = "['\"\u2018\u2019`]?"


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
        signs: other lines that show it: (words, expression). One of the words stands in every
            line that the expression can match, and is looked for first.
        facilities: every ERROR of these facilities of messages (``Synth 8-439``) shows it.
    """

    id: str
    rank: int
    title: str
    means: str
    advice: str
    ids: Tuple[str, ...] = ()
    signs: Tuple[Tuple[Tuple[str, ...], str], ...] = ()
    facilities: Tuple[str, ...] = ()


#: In the order in which a line is matched: what is particular stands before what is general.
CAUSES: Tuple[Cause, ...] = (
    Cause(
        "time-limit",
        0,
        "the job reached its time limit",
        "The scheduler ended it; nothing is wrong with the design.",
        "Ask for more time (sbatch --time), and resume the run from the step that was cut off.",
        signs=(
            (("TIME LIMIT",), r"CANCELLED AT .* DUE TO TIME LIMIT"),
            (("time limit", "timed out"), r"^(?:slurm\w*|srun): .*\b(?:timed out|time limit)"),
        ),
    ),
    Cause(
        "cancelled",
        0,
        "the build was cancelled",
        "Somebody ended it; what the tools say of that is no fault of the design.",
        "Resume the run, or build again.",
        ids=("Common 17-344", "Common 17-41"),
        signs=(
            (("KeyboardInterrupt",), r"^(?:\S+: )?KeyboardInterrupt\b"),
            (("CANCELLED AT",), r"\*\*\* (?:JOB|STEP) .* CANCELLED AT "),
            (("Interrupt",), r"^make(?:\[\d+\])?: \*\*\* .*\bInterrupt$"),
            (("context canceled",), r"^(?:docker|ERROR)\b.*: context canceled"),
            (("Terminated",), r"^Terminated$|line \d+: +\d+ Terminated"),
            (("SIGTERM",), r"\bdied with .*SIGTERM"),
        ),
    ),
    Cause(
        "disk-full",
        0,
        "the disk is full",
        "A file could not be written; what was written last may be cut off.",
        "Make room (`finn-tui runs clean` removes working files of old runs; FINN's build "
        "directory takes most), then resume the run.",
        signs=(
            (("o space left",), r"(?i)\bno space left on device"),
            (("uota exceeded",), r"(?i)disk quota exceeded"),
            (("isk full", "isk is full"), r"(?i)\bdisk (?:is )?full\b"),
        ),
    ),
    Cause(
        "out-of-memory",
        0,
        "a tool was ended for lack of memory",
        "The kernel or the scheduler killed it, or it asked for memory that was not there. Vivado "
        "then writes no error; its log just stops.",
        "Let fewer jobs run at a time (NUM_DEFAULT_WORKERS), close other programs, ask the "
        "scheduler for more (sbatch --mem), or build on a machine with more memory; `dmesg` tells "
        "which process was killed.",
        signs=(
            (("Killed",), r"(?:^|: )line \d+: +\d+ Killed\b"),
            (("Killed",), r"\bKilled (?:signal terminated program|\(program )|\[Killed\]"),
            (("Killed",), r"^Killed$|^\[\d+\][+-]? +Killed\b"),
            (("Killed",), r"^make(?:\[\d+\])?: \*\*\* .*\bKilled$"),
            (("killed",), r"^zsh: killed\b"),
            (("unable to execute command",), r"unable to execute command: Killed"),
            (("has died",), r"Parent process \(pid \d+\) has died"),
            (("bad_alloc", "ad allocation"), r"\bbad_alloc\b|\bbad allocation\b"),
            (("allocate memory",), r"(?i)\b(?:cannot|can't|unable to|could not) allocate memory"),
            (("MemoryError",), r"^(?:\S*[._])?(?:\w*MemoryError)\b"),
            (("ut of memory", "OUT OF MEMORY", "ut Of Memory"), r"(?i)\bout of memory\b"),
            (("OutOfMemory",), r"\bOutOfMemoryError\b"),
            (("nsufficient memory",), r"(?i)insufficient memory"),
            (("emory exhausted",), r"(?i)(?:virtual )?memory exhausted"),
            (("oom_kill", "oom-kill", "OOMKilled", "OOM Killed"), r"oom[_-]kill|OOM ?Killed"),
            (("emory limit", "emory usage"), r"(?i)exceeded .*memory limit|memory limit exceeded"),
            (("SIGKILL",), r"SIGKILL"),
            (
                ("xit status", "xit code", "exited with", "non-zero exit"),
                r"(?i)\bexit(?:ed)?(?: with)?(?: (?:status|code))?:? ?\(?(?:137|-9)\b",
            ),
            (("Error 137",), r"Error 137\b"),
        ),
    ),
    Cause(
        "licence",
        0,
        "no licence for this part or tool",
        "The tool asked its licence server or file for a feature and did not get it.",
        "Check XILINXD_LICENSE_FILE (or LM_LICENSE_FILE) and that the server answers; parts like "
        "xczu7ev need more than the free edition, xc7z020 does not.",
        ids=("Common 17-345", "Common 17-348", "Common 17-347", "Common 17-301", "Common 17-300"),
        signs=(
            (
                ("icen", "ICEN"),
                r"(?i)\b(?:fail(?:ed|ure)?|unable|could not|cannot|can't) (?:to )?(?:get|obtain"
                r"|acquire|check ?-?out|find|locate|read|open)\b.{0,60}\blicen[sc]es?\b",
            ),
            (
                ("icen", "ICEN"),
                r"(?i)\b(?:no|invalid|expired|missing)\b(?: \w+){0,2} licen[sc]es?\b"
                r"(?! (?:needed|required))",
            ),
            (
                ("icen", "ICEN"),
                r"(?i)\blicen[sc]es?\b(?: \S+){0,6} (?:was not found|not found|is not available"
                r"|not available|has expired|expired|checkout failed|is invalid|is not valid"
                r"|denied)",
            ),
            (
                ("icen", "ICEN"),
                r"(?i)licensed number of users already reached|cannot connect to license server",
            ),
            (("FlexNet", "FLEXnet", "FlexLM"), r"\b(?:FlexNet|FLEXnet|FlexLM)\b.*\b[Ee]rror"),
        ),
    ),
    Cause(
        "docker",
        0,
        "docker refused to start the container",
        "FINN's container never ran: the daemon does not run, this user may not use it, or the "
        "image is not there.",
        "Add the user to the group docker (`sudo usermod -aG docker $USER`, then log in again), or "
        "start the daemon; FINN's image is made by run-docker.sh.",
        signs=(
            (("ocker",), r"(?i)permission denied while trying to connect to the docker"),
            (("ocker",), r"(?i)cannot connect to the docker daemon"),
            (("ocker", "odman"), r"^(?:docker|podman): Error response from daemon: "),
            (("from daemon",), r"^Error response from daemon: "),
            (("ermission denied", "docker.sock"), r"docker\.sock.*permission denied"),
        ),
    ),
    Cause(
        "tools-missing",
        0,
        "a tool was not found",
        "No program of this name is on the PATH of the process that builds.",
        "Source settings64.sh of Vivado and Vitis HLS before the build, or set FINN_XILINX_PATH "
        "and FINN_XILINX_VERSION (VIVADO_PATH and HLS_PATH for newer FINN) for the container. "
        "HLS is called vivado_hls up to 2020.1 and vitis_hls from 2020.2 on: FINN's version has "
        "to go with it.",
        signs=(
            (
                ("not found",),
                rf"(?:^|[\s:/'\"])(?i:{_TOOL}|vitis hls){_QUOTE}:? "
                r"(?:(?:command|was|is|executable|could be) )?not (?:be )?found",
            ),
            (
                ("o such file",),
                rf"(?:^|[:/ ]){_QUOTE}(?:/\S*/)?{_TOOL}{_QUOTE}: No such file or directory",
            ),
            (("o such file",), rf"No such file or directory: ['\"](?:[^'\"]*/)?{_TOOL}['\"]"),
            (("in (",), rf"^which: no {_TOOL} in \("),
            (("executable file not found",), r"executable file not found in \$?PATH"),
            (("is not recognized",), rf"'{_TOOL}' is not recognized as an internal or external"),
            (
                ("ould not find", "an't find", "annot find", "nable to find"),
                rf"(?i)\b(?:could not|can't|cannot|unable to) find (?:the )?{_QUOTE}{_TOOL}\b",
            ),
            (("settings64",), r"settings64\.c?sh: No such file or directory"),
            (("no such file",), rf'couldn\'t execute "{_TOOL}": no such file'),
        ),
    ),
    Cause(
        "environment-variable",
        0,
        "an environment variable is missing",
        "FINN or one of its scripts reads a variable that is not set.",
        "Start FINN by run-docker.sh or with its environment set: FINN_ROOT, FINN_BUILD_DIR, "
        "FINN_XILINX_PATH, FINN_XILINX_VERSION, VIVADO_PATH; `finn-tui doctor` checks them.",
        signs=(
            (
                ("nvironment variable",),
                r"(?i)environment variable '?\$?\w+'? (?:must be set|is not set|not set"
                r"|is not defined"
                r"|not defined|undefined|is missing|not found|is required)",
            ),
            (
                ("nvironment variable",),
                r"(?i)(?:please set|must set|need to set|missing|undefined|unset)\b.{0,40}"
                r"environment variable",
            ),
            (("KeyError",), r"^KeyError: ['\"][A-Z][A-Z0-9]*_[A-Z0-9_]+['\"]"),
            (("unbound variable",), r": [A-Z][A-Z0-9_]+: unbound variable"),
            (("env(",), r"can't read \"(?:::)?env\(\w+\)\": no such"),
            (("lease set",), r"(?i)\bplease set (?:the )?\$?[A-Z][A-Z0-9]*_[A-Z0-9_]+\b"),
        ),
    ),
    Cause(
        "board-memory",
        0,
        "the board has not enough contiguous memory (CMA)",
        "The driver asked the board's CMA for its buffers and did not get them; the bitstream is "
        "not at fault.",
        "Use a smaller batch, free buffers (restart other notebooks and kernels on the board), or "
        "give the board more CMA (cma= among its boot arguments) and restart it.",
        signs=(
            (("Failed to allocate memory!",), r"Failed to allocate memory!"),
            (("CMA", "cma"), r"(?i)\bcma\b.*(?:fail|not enough|unable|exhausted|full)"),
        ),
    ),
    Cause(
        "board-root",
        0,
        "the board's driver needs root",
        "PYNQ maps the programmable logic through /dev/mem, which only root may do.",
        "Run the driver on the board with sudo, with PYNQ's environment: "
        "`sudo -E /usr/local/share/pynq-venv/bin/python3 driver.py ...`.",
        signs=(
            (
                ("oot permission", "ust be run as root", "equires root", "oot privileges"),
                r"(?i)\broot (?:permissions?|privileges) (?:is |are )?(?:required|needed)"
                r"|must be run as root|requires root",
            ),
            (
                ("/dev/mem", "/dev/xlnk", "/dev/uio", "/dev/fpga"),
                r"(?:Permission denied|Operation not permitted).*/dev/(?:mem|xlnk|uio|fpga)",
            ),
        ),
    ),
    Cause(
        "board-device",
        0,
        "PYNQ found no device",
        "The driver runs where there is no FPGA that PYNQ knows, or without XRT's environment.",
        "Run it on the board, with PYNQ's virtual environment and XRT sourced "
        "(/etc/profile.d/pynq_venv.sh, xrt_setup.sh).",
        signs=(
            (("No Devices Found", "o device found"), r"(?i)^\w*Error: no devices? found"),
            (("No module named", "ModuleNotFoundError"), r"No module named '(?:pynq|pyxrt)"),
            (("XILINX_XRT", "libxrt"), r"XILINX_XRT.*not|libxrt\S*: cannot open shared object"),
        ),
    ),
    Cause(
        "board-bitfile",
        0,
        "the board could not load the bitfile",
        "It is not where the driver looks for it, its .hwh is missing, or it is for another part.",
        "Copy the whole deployment folder (.bit and .hwh beside each other), or name the file with "
        "--bitfile.",
        signs=(
            (
                ("itfile", "itstream", ".hwh"),
                r"(?i)(?:OSError|IOError|RuntimeError|ValueError|FileNotFoundError): .*"
                r"(?:bit(?:file|stream)\b.*(?:not|no such|could)"
                r"|(?:not|no such|could).*\.(?:hwh|bit)\b)",
            ),
        ),
    ),
    Cause(
        "permission",
        0,
        "a folder or file may not be written",
        "It belongs to another user: often /tmp/finn_dev_<name> that somebody else or root "
        "(docker) made, or a read-only place.",
        "Set FINN_HOST_BUILD_DIR (FINN_BUILD_DIR) to a folder of your own outside /tmp, or have "
        "its owner remove the old one.",
        signs=(
            (("PermissionError",), r"^PermissionError\b"),
            (
                ("ermission denied",),
                r"(?:mkdir|touch|cp|mv|tee|bash|sh|tar|install|nohup|ln|cd|python3?)\b: "
                r".*[Pp]ermission denied",
            ),
            (
                ("ermission denied",),
                r"(?i)\b(?:cannot|can't|could not|unable to|failed to) "
                r"(?:create|open|touch|write)\b"
                r".*permission denied",
            ),
            (("permission denied",), r"^couldn't open \".*\": permission denied"),
            (("ead-only file system",), r"(?i)read-only file system"),
        ),
    ),
    Cause(
        "part-missing",
        0,
        "the part is not installed in the tools",
        "Vivado and Vitis HLS are installed without this device family, or the part's name is not "
        "one.",
        "Add the family with the installer (Help > Add Design Tools or Devices, or xsetup), or "
        "check the part's name; `get_parts` in Vivado lists those that are there.",
        ids=("HLS 200-1023", "Coretcl 2-106", "Device 21-436", "Project 1-1060"),
        signs=(
            (
                ("not installed", "not found", "not available"),
                r"(?i)\b(?:part|device) '?xc[\w-]+'? (?:is )?not (?:installed|found|available)",
            ),
            (
                ("part could not be found", "o parts matched"),
                r"(?i)specified part could not be found|no parts matched",
            ),
            (
                ("latform",),
                r"(?i)\b(?:failed to find|could not find|no valid|unable to find)\b.*\bplatform\b",
            ),
        ),
    ),
    Cause(
        "board-files",
        0,
        "the board files are not installed",
        "Vivado does not know this board; the part alone is not enough for the shell that FINN "
        "makes.",
        "Install the board files (Pynq-Z1, Pynq-Z2, ...): FINN fetches them by fetch-repos.sh into "
        "deps/board_files; or set board.repoPaths to where they are.",
        ids=("Board 49-71", "Board 49-51", "Board 49-67"),
        signs=(
            (
                ("board_part",),
                r"(?i)board_part\b.*(?:not found|is not valid|invalid|does not exist)",
            ),
            (("oard files", "oard file"), r"(?i)board files? (?:not found|missing|could not)"),
        ),
    ),
    Cause(
        "y2k22",
        1,
        "AMD's Y2K22 fault: the IP was not exported",
        "Vivado and Vitis HLS up to 2021.2 put the date into a revision number that is too large "
        "since January 2022.",
        "Install AMD's patch y2k22_patch (answer record 76960), or take version 2022.1 or newer.",
        signs=(
            (("lexical cast",), r"bad lexical cast: source type value could not be interpreted"),
            (("is an invalid argument",), r"'2\d{9}' is an invalid argument"),
            (("core_revision",), r"^ERROR: .*core_revision"),
        ),
    ),
    Cause(
        "tool-version",
        1,
        "the tool is of another version than FINN needs",
        "It does not know an option or command that FINN's scripts give it, or a script was made "
        "for another version.",
        "Take the version of Vivado and Vitis HLS that this FINN is made for (2022.2 for FINN 0.9 "
        "and newer, 2020.1 for 0.7 and older), or the FINN that goes with your tools.",
        ids=("Common 17-170", "BD_TCL-109", "BD_TCL-1", "HLS 200-2001", "Project 1-20"),
        signs=(
            (
                (
                    "nknown option",
                    "nrecognized option",
                    "nrecognised option",
                    "nvalid option",
                    "nrecognized command",
                    "ad option",
                    "nsupported option",
                ),
                r"(?i)\b(?:unknown|unrecogni[sz]ed|invalid|bad|unsupported)(?: command[- ]line)?"
                r" option\b(?! value)",
            ),
            (("generated using Vivado",), r"^ERROR: .*generated using Vivado <"),
            (("newer version",), r"(?i)created (?:with|by|using) a (?:newer|later) version"),
            (("ersion",), r"(?i)requires (?:vivado|vitis(?: hls)?|verilator) (?:version )?v?\d"),
        ),
    ),
    Cause(
        "spawn-failed",
        0,
        "Vivado could not start its runs",
        "The operating system refused a new process: too many processes or files, too little "
        "memory, or a virus scanner in between.",
        "Close other Vivado sessions, look at `ulimit -u`, `ulimit -n` and memory, and build with "
        "fewer parallel jobs (NUM_DEFAULT_WORKERS).",
        ids=("Common 17-180",),
        signs=(
            (("temporarily unavailable",), r"Resource temporarily unavailable"),
            (("Too many open files",), r"Too many open files"),
        ),
    ),
    Cause(
        "crash",
        0,
        "a tool crashed",
        "It ended by a fault of its own; it wrote a crash file.",
        "Build again (`finn-tui runs resume`); if it crashes at the same place, try another "
        "tool version or fewer threads (general.maxThreads), and give the crash file to AMD.",
        ids=("Common 17-49",),
        signs=(
            (("Abnormal program",), r"Abnormal program termination"),
            (
                ("fatal error has been", "unexpected error has"),
                r"^# (?:A fatal|An unexpected) error has (?:been detected|occurred)",
            ),
            (("hs_err_pid",), r"Please check '.*hs_err_pid"),
            (("egmentation fault", "SIGSEGV"), r"(?i)\bsegmentation fault\b|\bSIGSEGV\b"),
            (("core dumped",), r"\(core dumped\)"),
            (
                ("stack smashing", "double free", "corrupted size", "nvalid pointer"),
                r"^(?:\*\*\* stack smashing|double free or|corrupted size|free\(\): invalid)",
            ),
            (("exit status", "exit code"), r"(?i)\bexit (?:status|code):? \(?(?:139|134|-11|-6)\b"),
        ),
    ),
    Cause(
        "over-utilization",
        1,
        "the design does not fit on the part",
        "It needs more of a resource than the part has; placing was refused.",
        "Fold the named layers further (smaller PE and SIMD), or take a bigger part.",
        ids=("DRC UTLZ-1", "DRC UTLZ-2", "Place 30-640", "Place 30-58", "Place 30-415"),
    ),
    Cause(
        "packing",
        2,
        "the design does not pack into the part's slices",
        "It fits by count, but LUTs, registers and their control signals do not share slices well "
        "enough.",
        "Bring LUT use down to about 80 %: fold further, or move weights from LUTs to BRAM.",
        ids=("Place 30-487", "Place 30-484"),
    ),
    Cause(
        "unroutable",
        2,
        "the router left nets without a route",
        "Too many wires want through one region of the part (congestion), or a net has no way at "
        "all; RTSTAT is the consequence.",
        "Fold further, use fewer wide streams, or a lower clock (fewer parallel wires); look at "
        "the congestion and the named nets in the router's log.",
        ids=(
            "Route 35-7",
            "Route 35-162",
            "Route 35-3",
            "Route 35-447",
            "Route 35-1",
            "Route 35-8",
            "Route 35-535",
            "Route 35-2",
            "Route 35-54",
            "DRC RTSTAT-1",
            "DRC RTSTAT-2",
            "DRC RTSTAT-4",
            "DRC RTSTAT-5",
            "DRC RTSTAT-6",
            "DRC RTSTAT-10",
            "DRC RTSTAT-13",
        ),
        signs=((("route_design failed",), r"^route_design failed"),),
    ),
    Cause(
        "ports-without-standard",
        2,
        "ports have no I/O standard or pin",
        "write_bitstream refuses ports that no constraint places: a signal of the shell was left "
        "open or the board's constraints are missing.",
        "Add IOSTANDARD and PACKAGE_PIN for the named ports, or use FINN's shell for a board that "
        "it knows; a custom shell must not bring AXI streams out of the chip.",
        ids=("DRC NSTD-1", "DRC UCIO-1", "Place 30-68", "Place 30-574"),
        facilities=("DRC NSTD", "DRC UCIO"),
    ),
    Cause(
        "co-simulation-failed",
        2,
        "the C/RTL co-simulation failed",
        "The RTL of a layer did not do what its C++ does, or the simulation could not be run.",
        "Read the first error of the simulation's log (sim/ below the solution).",
        facilities=("COSIM",),
        signs=(
            (("cosim_design",), r"'cosim_design' failed"),
            (("co-simulation",), r"(?i)co-simulation (?:finished: )?\*?\*?\* ?FAIL"),
        ),
    ),
    Cause(
        "c-simulation-failed",
        2,
        "the C simulation failed",
        "The C++ of a layer or its test bench does not compile, or its result is wrong.",
        "Read the first error above it: the compiler names file and line.",
        ids=("SIM 211-100", "HLS 200-627", "SIM 211-1", "SIM 211-4"),
        facilities=("SIM",),
        signs=((("csim_design",), r"'csim_design' failed"), (("CSim failed",), r"\bCSim failed\b")),
    ),
    Cause(
        "hls-export-failed",
        2,
        "HLS could not export a layer as an IP",
        "The layer was synthesized, but packaging it failed; stitching then misses it by its VLNV.",
        "Read the lines above it in that log; up to 2021.2 AMD's Y2K22 patch is the usual reason.",
        ids=("IMPL 213-28",),
        facilities=("IMPL",),
    ),
    Cause(
        "hls-failed",
        2,
        "HLS could not synthesize a layer",
        "Vitis HLS refused the C++ that FINN generated; FINN later misses the IP (VLNV not found).",
        "Read the first error: it names file and line. Often it is a width or folding that "
        "finn-hlslib does not take; the layer's rtl variant may do.",
        ids=("HLS 200-1715", "HLS 200-70"),
        facilities=("HLS", "XFORM", "SCHED", "SYN", "BIND"),
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
        "compile-error",
        2,
        "C++ did not compile",
        "The compiler refused code that FINN generated, or a header or library is missing.",
        "Read the error: it names file and line. A missing header is one of the environment's; "
        "other errors are often a finn-hlslib of another version.",
        signs=(
            (("error: ",), r"^\S[^:]{0,300}:\d+(?::\d+)?: (?:fatal )?error: "),
            (("undefined reference",), r"undefined reference to "),
            (("cannot find -l",), r"cannot find -l"),
        ),
    ),
    Cause(
        "python-module",
        2,
        "a Python module is missing",
        "The environment in which FINN runs is not complete.",
        "Install it into the engine's environment, or make the engine again.",
        signs=(
            (("ModuleNotFoundError",), r"^ModuleNotFoundError: "),
            (("ImportError",), r"^ImportError: "),
            (("matching distribution",), r"No matching distribution found for"),
        ),
    ),
    Cause(
        "fifo-simulation",
        3,
        "the simulation that sizes the FIFOs left no result",
        "Verilator or the C++ compiler behind it failed before the simulation ran; results.txt is "
        "what it would have written.",
        "Look at what verilator and make printed before it; a missing compiler, a Verilator other "
        "than 4.224 or too little memory are the usual ones. auto_fifo_depths=False, or "
        "auto_fifo_strategy=characterize, goes without.",
        signs=(
            (("results.txt",), r"No such file or directory: '?.*results\.txt"),
            (("fifosim",), r"(?i)\bfifosim\b.*\bfailed|fifo simulation failed"),
        ),
    ),
    Cause(
        "simulation-failed",
        3,
        "a simulation could not be built or run",
        "Verilator or the compiler behind cppsim stopped.",
        "Read its first error; a missing compiler or a wrong Verilator version is the usual one.",
        signs=(
            (("%Error",), r"^%Error"),
            (("rtlsim", "cppsim"), r"(?:rtlsim|cppsim).*(?:failed|did not finish)"),
            (("xelab", "xsim", "XSIM"), r"^ERROR: \[(?:XSIM|USF-XSim|VRFC)"),
        ),
        facilities=("VRFC", "XSIM", "USF-XSim"),
    ),
    Cause(
        "vpp-error",
        3,
        "v++ refused what it was given",
        "It stopped before it linked.",
        "Read what it says: a file, kernel or platform that it names is not there or not right.",
        facilities=("v++", "VPL", "CFGEN", "SYSTEM_LINK", "CF2BD", "KernelLinkUtil", "XCLBIN"),
    ),
    Cause(
        "project-failed",
        3,
        "Vivado's project could not be made",
        "A folder that it needs, often the IP directory of the stitched design, is not there.",
        "Look at the steps before: the stitching (vivado_stitch_proj_*/vivado.log) left nothing, "
        "or its folder was removed, or FINN_BUILD_DIR is another one than before.",
        signs=(
            (
                ("directory doesn't exist", "directory does not exist"),
                r"(?i)\b(?:IP|repository|provided) directory (?:doesn't|does not) exist",
            ),
        ),
    ),
    Cause(
        "ip-generation-failed",
        3,
        "an IP could not be generated",
        "Vivado stopped while it made the files of an IP.",
        "Read the first error above it; an IP that is locked or of another version has to be "
        "upgraded (upgrade_ip).",
        ids=(
            "IP_Flow 19-98",
            "IP_Flow 19-167",
            "IP_Flow 19-3475",
            "IP_Flow 19-3505",
            "Vivado 12-398",
            "IP_Flow 19-3477",
        ),
    ),
    Cause(
        "tcl-file-missing",
        3,
        "a Tcl script was not found",
        "The tool was told to run a script that is not there.",
        "Check the path that it names: FINN_ROOT and FINN_BUILD_DIR have to be the same inside and "
        "outside the container.",
        signs=(
            (
                ("couldn't read file", "can't be opened", "couldn't open"),
                r"(?i)^(?:ERROR: .*)?couldn't (?:read file|open) \".*\": no such file",
            ),
        ),
    ),
    Cause(
        "timing-missed",
        5,
        "the clock is missed",
        "The slowest path is longer than a clock period. Vivado counts no error and writes a "
        "bitstream all the same, which may compute wrongly.",
        "Build with a longer clock period (clock-ns), or pipeline: smaller PE and SIMD in the "
        "layer that holds the path, or the placer's and router's stronger directives.",
        ids=("Timing 38-282", "Route 35-328"),
        signs=((("constraints are not met",), r"^Timing constraints are not met\."),),
    ),
    Cause(
        "tcl-error",
        4,
        "a Tcl script stopped at an error",
        "The tool ended at the command that is named; it gave the error no number.",
        'Read the error and the command below it ("while executing"): a variable, file or '
        "argument that the script expects is not there.",
        signs=(
            (("invalid command name",), r"^invalid command name \""),
            (("no such variable",), r"^can't read \".*\": no such variable"),
            (("wrong # args",), r"^wrong # args: "),
        ),
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
        signs=((("(Pdb)",), r"^\(Pdb\)"),),
    ),
    Cause(
        "ip-not-found",
        SYMPTOM,
        "an IP was not found when stitching",
        "The layer's HLS has failed before, or its output was wiped.",
        "Look at the layer's own HLS log, code_gen_ipgen_<layer>_*.",
        ids=("BD 5-216", "BD 5-390", "BD_TCL-7", "BD_TCL-115"),
        signs=((("VLNV",), r"^ERROR: .*VLNV"),),
    ),
    Cause(
        "ipgen-failed",
        SYMPTOM,
        "a layer has no IP",
        "Its HLS has not left what FINN looks for.",
        "Look at the HLS log in the folder that is named. Where the folder has no layer's name "
        "(code_gen_ipgen__*), the layers were not specialized: give a folding or a target fps, "
        "and run step_specialize_layers.",
        signs=(
            (("IPGen failed", "IP Generation failed"), r"IPGen failed: |HLS IP Generation failed"),
        ),
    ),
    Cause(
        "stitch-failed",
        SYMPTOM,
        "the layers were not stitched together",
        "Vivado ended before it wrote the wrapper or the list of its sources.",
        "Look at vivado.log in the vivado_stitch_proj_* folder.",
        signs=(
            (("CreateStitchedIP failed",), r"CreateStitchedIP failed"),
            (("all_verilog_srcs.txt",), r"No such file or directory: '?.*all_verilog_srcs\.txt"),
        ),
    ),
    Cause(
        "no-synthesis-result",
        SYMPTOM,
        "out-of-context synthesis left no result",
        "FINN misses res.txt, which its script writes at the end: synthesis or placing failed.",
        "Look at runme.log of synth_1 and impl_1 under synth_out_of_context_*.",
        signs=((("res.txt",), r"No such file or directory: '?.*\bres\.txt"),),
    ),
    Cause(
        "no-bitfile",
        SYMPTOM + 1,
        "there is no bitfile",
        "One of Vivado's runs has failed.",
        "Look at impl_1/runme.log under the folder that is named, then at the synthesis runs.",
        signs=((("no bitfile found", "no xclbin"), r"Synthesis failed, no (?:bitfile|xclbin)"),),
    ),
    Cause(
        "vpp-link-failed",
        SYMPTOM,
        "v++ could not link the accelerator",
        "A step below it failed: Vivado placed, routed or synthesized nothing.",
        "Look at the inner logs: _x/link/vivado/vpl/vivado.log, then runme.log under "
        "vpl/prj/prj.runs/impl_1 and the synthesis runs.",
        ids=(
            "v++ 60-661",
            "v++ 60-626",
            "v++ 60-703",
            "v++ 60-599",
            "VPL 60-773",
            "VPL 60-704",
            "VPL 60-1328",
            "VPL 60-806",
            "v++ 60-702",
            "VPL 60-1237",
        ),
        signs=((("Failed",), r"Run (?:run_link|vpl): Step \S+: Failed"),),
    ),
    # FINN wraps what others said: only where nothing above recognizes it, the error is its own.
    Cause(
        "hls-partition",
        4,
        "a layer has more input words than HLS can partition",
        "Vitis HLS partitions at most 1,024 input words of a layer; FINN's estimates do not check "
        "that.",
        "Give the named layer a SIMD of at least MW / 1024, that is 2 for up to 2,048 inputs, 4 "
        "for up to 4,096.",
        signs=((("MW / 1024",), r"SIMD >= MW / 1024"),),
    ),
    Cause(
        "finn-error",
        4,
        "FINN refused the model or the settings",
        "The builder found something it cannot work with.",
        "Read what it says; it names the node or the setting.",
        signs=(
            (
                ("FINN ERROR", "FINN INTERNAL", "FINN Internal"),
                r"^FINN ERROR: |FINN (?:INTERNAL COMPILER ERROR|Internal compiler error)",
            ),
        ),
    ),
    Cause(
        "board-error",
        5,
        "the driver on the board stopped",
        "This is a log of the board, not of a build: the exception comes from FINN's driver or "
        "PYNQ.",
        "Read the traceback; check that bitfile, driver and runtime_weights are of the same build.",
    ),
    Cause(
        "exception",
        SYMPTOM + 1,
        "the build ended by an exception",
        "Python says where, not always why.",
        "Read the traceback and what was logged before it.",
        signs=(
            (("Error", "Exception"), r"^(?:ERROR:)?[A-Za-z_][\w.]*(?:Error|Exception)(?:: |$)"),
            (("non-zero exit code",), r"Launched process returned non-zero exit code"),
        ),
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
            "Common 17-70",
            "Place 30-99",
            "Vivado 12-1345",
            "Vivado_Tcl 4-24",
            "Vivado 12-106",
        ),
        signs=((("failed",), r"^\w+_(?:design|bitstream) failed$|^Build failed"),),
    ),
    Cause(
        "command-failed",
        SYMPTOM + 3,
        "a command failed",
        "It ended with an error; the reason stands before it.",
        "Read the lines before it.",
        signs=(
            (("***",), r"^make(?:\[\d+\])?: \*\*\* .*Error \d+"),
            (("failed",), r"^\w+ failed$"),
            (("slurm", "srun"), r"^(?:slurmstepd|srun|sbatch): error: "),
            (("ERROR", "FATAL", "error:", "Error:"), r"^(?:ERROR|FATAL|[Ee]rror):(?! ?\[)"),
        ),
    ),
)

BY_ID: Dict[str, Cause] = {cause.id: cause for cause in CAUSES}
BY_MESSAGE: Dict[str, str] = {message: cause.id for cause in CAUSES for message in cause.ids}
#: Messages that are no ERROR and yet show a cause when a build has failed.
_WARNINGS = frozenset(
    {
        "Common 17-348",
        "Common 17-301",
        "Route 35-1",
        "Route 35-8",
        "Route 35-535",
        "Route 35-7",
        "Route 35-2",
        "Route 35-3",
        "Route 35-162",
        "Route 35-447",
        "Timing 38-282",
        "Route 35-328",
        "Vivado 12-8222",
        "Common 17-41",
        "Common 17-344",
    }
)
#: What a line says, it says at its beginning: a longer one must not take long to see through.
_LONGEST = 4000
_FACILITIES: Dict[str, str] = {
    facility: cause.id for cause in CAUSES for facility in cause.facilities
}
#: Text without any of these holds no line that a sign matches.
NEEDLES: Tuple[str, ...] = tuple(
    dict.fromkeys(word for cause in CAUSES for words, _ in cause.signs for word in words)
)


@lru_cache(maxsize=None)
def _signs() -> Tuple[Tuple[str, Tuple[str, ...], Pattern[str]], ...]:
    return tuple(
        (cause.id, words, re.compile(pattern)) for cause in CAUSES for words, pattern in cause.signs
    )


def of_error(message: str, text: str) -> Optional[str]:
    """Return the id of the cause that an ERROR message shows, None if none claims it.

    Args:
        message: its number, ``HLS 200-101``.
        text: the whole line; what it says goes before its number, since tools use some numbers
            for many things.
    """
    worded = named_by(text)
    if worded is not None and BY_ID[worded].rank < SYMPTOM:
        return worded
    numbered = BY_MESSAGE.get(message) or _FACILITIES.get(message.rpartition("-")[0])
    return numbered or _FACILITIES.get(message.split(" ", 1)[0]) or worded


def of_warning(message: str) -> Optional[str]:
    """Return the id of the cause that a message below ERROR shows, None for most."""
    return BY_MESSAGE[message] if message in _WARNINGS else None


@lru_cache(maxsize=1024)
def _signs_with(words: Tuple[str, ...]) -> Tuple[Tuple[str, Tuple[str, ...], Pattern[str]], ...]:
    """The signs that can show where no other of the words stand."""
    known = frozenset(words)
    return tuple(
        (cause, tuple(word for word in own if word in known), pattern)
        for cause, own, pattern in _signs()
        if known.intersection(own)
    )


def named_by(text: str, words: Optional[Tuple[str, ...]] = None) -> Optional[str]:
    """Return the id of the cause that a line's words show, None if they show none.

    Args:
        text: the line.
        words: those of ``NEEDLES`` that stand in the text around it, if that is known: a line is
            looked at for these alone.
    """
    text = text[:_LONGEST]
    for cause, own, pattern in _signs() if words is None else _signs_with(words):
        for word in own:
            if word in text:
                if pattern.search(text):
                    return cause
                break
    return None


# --- over-utilization -----------------------------------------------------------------------

_NEEDS = re.compile(
    r"requires (\d{1,12}) of such cell types but only (\d{1,12}) compatible|"
    r"(\d{1,12}) (?:\S+ )?(?:are )?required.*?(\d{1,12}) (?:\S+ )?(?:are )?available"
)
_CELLS = re.compile(r"([A-Z][^():]*?) over-utilized|requires more (.+?) cells")
_PBLOCK = re.compile(r"over-utilized in (?:Pblock|pblock) (\S+)|\b[Pp]block '?(pblock_\w+|\w+)'?")
_RESOURCES = (
    ("RAMB", "BRAM"),
    ("RAM/FIFO", "BRAM"),
    ("BRAM", "BRAM"),
    ("Block RAM", "BRAM"),
    ("URAM", "URAM"),
    ("DSP", "DSP"),
    ("Distributed RAM", "LUTRAM"),
    ("LUT as Memory", "LUTRAM"),
    ("RAMD", "LUTRAM"),
    ("RAMS", "LUTRAM"),
    ("Shift Register", "LUTRAM"),
    ("F7 Mux", "MUX"),
    ("F8 Mux", "MUX"),
    ("MUXF", "MUX"),
    ("LUT", "LUT"),
    ("FD", "FF"),
    ("Register", "FF"),
    ("Flip Flop", "FF"),
    ("FIFO", "BRAM"),
    ("CARRY", "CARRY"),
    ("IO", "IO"),
)
# Zynq UltraScale+ devices without UltraRAM; the others of the families below have it.
_NO_URAM = re.compile(r"xc7|xczu(?:1|2|3|6|9)(?:cg|eg|ev)|xazu(?:1|2|3)|xck24|xcku|xcvu\d+-|xc6")
_URAM = re.compile(
    r"xczu(?:4|5|7|11|15|17|19)(?:cg|eg|ev)|xczu\d\ddr|xck26|xcu\d|xcvu\d+p|xcku\d+p|xcv[cmpeh]\d"
)


@dataclass(frozen=True)
class Shortage:
    """What a line says of a resource that does not suffice.

    Attributes:
        resource: LUT, LUTRAM, MUX, FF, BRAM, URAM, DSP, CARRY, IO or the tool's own word.
        cells: as the tool calls them.
        need, have: cells; None where the line does not tell.
        region: the Pblock whose limit it is, None for the part's own.
    """

    resource: str
    cells: str
    need: Optional[int]
    have: Optional[int]
    region: Optional[str]

    @property
    def ratio(self) -> float:
        """How many times what there is would be needed; 0 if that is not told."""
        return self.need / max(1, self.have or 0) if self.need is not None else 0.0

    @property
    def text(self) -> str:
        """The shortage in words."""
        where = " in Pblock %s" % self.region if self.region else ""
        if self.need is None or self.have is None:
            return "the design does not fit: too much %s%s" % (self.resource, where)
        return "over-utilization of %s%s: %s of %s (%s)" % (
            self.resource,
            where,
            format(self.need, ","),
            format(self.have, ","),
            self.cells,
        )

    def advice(self, part: Optional[str]) -> str:
        """What to do about it on a part, None if nobody knows which it is."""
        if self.region is not None:
            return (
                "The limit is the one of Pblock %s, not the part's: enlarge or move the Pblock, or "
                "fold further." % self.region
            )
        ways = {
            "BRAM": "Fold the named layers further (smaller PE and SIMD: wide memories waste "
            "block RAM), move small memories to LUTs (ram_style distributed), and look at the "
            "depths of the FIFOs.",
            "LUTRAM": "Move memories from LUTs to block RAM (ram_style block; for FIFOs "
            "impl_style vivado with ram_style block), or fold further.",
            "MUX": "Wide multiplexers come from memories kept in LUTs: move them to block RAM "
            "(ram_style block), or fold further.",
            "LUT": "Fold further (smaller PE and SIMD), let multiplications use DSPs (resType "
            "dsp), and keep weights in block RAM (ram_style block).",
            "FF": "Fold further (smaller PE and SIMD).",
            "CARRY": "Fold further (smaller PE and SIMD): adders take the carry chains.",
            "DSP": "Fold further (smaller PE and SIMD), or let layers multiply in LUTs "
            "(resType lut).",
            "URAM": "Move memories from UltraRAM to block RAM (ram_style block), or fold further.",
            "IO": "The design has more ports than the part has pins: AXI streams have to stay "
            "inside the chip, behind FINN's shell.",
        }
        text = ways.get(
            self.resource,
            "Fold the named layers further (smaller PE and SIMD), or take a bigger part.",
        )
        if self.resource in ("BRAM", "LUTRAM", "MUX") and has_uram(part):
            text += " Large weight memories may go to UltraRAM (ram_style ultra)."
        return text


def has_uram(part: Optional[str]) -> Optional[bool]:
    """Say whether a part has UltraRAM; None if that is not known."""
    name = (part or "").lower()
    if _URAM.match(name):
        return True
    return False if _NO_URAM.match(name) else None


def shortage(text: str) -> Shortage:
    """Read a line that says that a resource does not suffice."""
    if text.startswith("| "):
        return _of_table(text)
    cells = _CELLS.search(text)
    name = next((part for part in cells.groups() if part), "cells") if cells else "cells"
    name = name.rpartition("utilization: ")[2] or name
    resource = next((short for sign, short in _RESOURCES if sign in name), name)
    numbers = _NEEDS.search(text)
    need, have = (int(part) for part in numbers.groups() if part) if numbers else (None, None)
    pblock = _PBLOCK.search(text)
    region = next((part for part in pblock.groups() if part), None) if pblock else None
    return Shortage(resource, name, need, have, region)


def _of_table(row: str) -> Shortage:
    """Read a row of a utilization report: name, used, ..., available, percent."""
    cells = [cell.strip(" *") for cell in row.strip().strip("|").split("|")]
    numbers = [re.sub(r"[^\d.]", "", cell)[:12] for cell in (cells[1:2] + cells[-2:-1])]
    resource = next((short for sign, short in _RESOURCES if sign in cells[0]), cells[0])
    try:
        need, have = (int(-(-float(text) // 1)) for text in numbers)
    except ValueError:
        return Shortage(resource, cells[0], None, None, None)
    return Shortage(resource, cells[0], need, have, None)


def precedence(cause: str, text: str) -> Tuple[int, float]:
    """Return the sort key of a line that shows a cause: rank, then the worst shortage first."""
    worst = -shortage(text).ratio if cause == "over-utilization" else 0.0
    return BY_ID[cause].rank, worst
