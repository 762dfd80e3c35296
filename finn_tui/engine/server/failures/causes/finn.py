"""What FINN, Python and Vivado's runs say of a failure: often only what follows from it."""

from __future__ import annotations

from typing import Tuple

from finn_tui.engine.server.failures.causes.cause import SYMPTOM, Cause

#: In the order in which a line is matched.
FINN: Tuple[Cause, ...] = (
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
