"""What stops a build from outside: the machine, its tools and licences, the board."""

from __future__ import annotations

from typing import Tuple

from finn_tui.engine.server.failures.causes.cause import Cause

# Programs that FINN, HLS and Vivado start; what the shell says when one is missing differs.
_TOOL = (
    r"(?:vivado(?:_hls)?|vitis(?:_hls|-run)?|v\+\+|verilator(?:_bin)?|xelab|xsim|xvlog|xvhdl|xsc"
    r"|g\+\+|gcc|clang|cmake|make|docker|apptainer|singularity|xclbinutil|platforminfo)"
)
_QUOTE = "['\"\u2018\u2019`]?"

#: In the order in which a line is matched.
SURROUNDINGS: Tuple[Cause, ...] = (
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
)
