"""What HLS, synthesis, simulation, placement and routing find wrong in the design."""

from __future__ import annotations

from typing import Tuple

from finn_tui.engine.server.failures.causes.cause import Cause

#: In the order in which a line is matched.
DESIGN: Tuple[Cause, ...] = (
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
)
