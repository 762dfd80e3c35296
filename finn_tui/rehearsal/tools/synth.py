"""What one synthesis run says (``runme.log`` of ``*_synth_1``)."""

from __future__ import annotations

from collections.abc import Iterator

from finn_tui.rehearsal.tools import design, failures
from finn_tui.rehearsal.tools.logs import SIMULATED, Step, banner

#: Stages of synth_design in their order, with their share of the time (medians of real runs).
STAGES = (
    ("Handling Custom Attributes", 1, True),
    ("RTL Optimization Phase 1", 2, False),
    ("Constraint Validation", 15, False),
    ("Loading Part and Timing Information", 1, True),
    ("applying 'set_property' XDC Constraints", 1, False),
    ("RTL Optimization Phase 2", 4, False),
    ("Cross Boundary and Area Optimization", 30, True),
    ("Applying XDC Timing Constraints", 6, True),
    ("Timing Optimization", 8, True),
    ("Technology Mapping", 5, True),
    ("IO Insertion", 4, True),
    ("Renaming Generated Instances", 1, True),
    ("Rebuilding User Hierarchy", 1, True),
    ("Renaming Generated Ports", 1, True),
    ("Handling Custom Attributes", 1, True),
    ("Renaming Generated Nets", 1, True),
    ("Writing Synthesis Report", 2, True),
)

_RULE = "-" * 81


def steps(
    top: str, part: str, whole: float, out_of_context: bool, licensed: bool = True
) -> Iterator[Step]:
    """Return the log of one synthesis run.

    Args:
        top: name of the top module.
        part: the FPGA part.
        whole: weight of the run in the whole build.
        out_of_context: synthesize a module by itself.
        licensed: whether there is a licence; without one the log ends early.
    """
    scale = whole / 100
    chip = design.chip(part)
    mode = " -mode out_of_context" if out_of_context else ""
    yield Step(
        2 * scale,
        (
            "",
            "*** Running vivado",
            f"    with args -log {top}.vds -m64 -product Vivado -mode batch -messageDb vivado.pb "
            f"-notrace -source {top}.tcl",
            "",
            *banner(),
            SIMULATED.format(tool="Vivado"),
            f"source {top}.tcl -notrace",
            "INFO: [IP_Flow 19-234] Refreshing IP repositories",
            f"Command: synth_design -top {top} -part {part}{mode}",
            "Starting synth_design",
        ),
    )
    if not licensed:
        yield failures.no_licence("Synthesis", chip, "synth_design")
        return
    yield Step(
        0.0,
        (
            f"Attempting to get a license for feature 'Synthesis' and/or device '{chip}'",
            f"INFO: [Common 17-349] Got license for feature 'Synthesis' and/or device '{chip}'",
            f"INFO: [Device 21-403] Loading part {part}",
        ),
    )
    yield Step(4 * scale, (_RULE, "Starting RTL Elaboration : @TIME@", _RULE))
    yield Step(10 * scale, (_RULE, "Finished RTL Elaboration : @TIME@", _RULE))
    for name, weight, starts in STAGES:
        if starts:
            yield Step(0.0, (_RULE, f"Start {name}", _RULE))
        yield Step(weight * scale, (_RULE, f"Finished {name} : @TIME@", _RULE))
    yield Step(
        scale,
        (
            "Synthesis finished with 0 errors, 0 critical warnings and 0 warnings.",
            "Synthesis Optimization Runtime : @TIME@",
            "Synthesis Optimization Complete : @TIME@",
            "INFO: [Project 1-571] Translating synthesized netlist",
            "INFO: [Common 17-83] Releasing license: Synthesis",
            "@COUNTS@",
            "synth_design completed successfully",
            "synth_design: @TIME@",
            f"INFO: [Common 17-1381] The checkpoint '{top}.dcp' has been generated.",
            f"INFO: [runtcl-4] Executing : report_utilization -file {top}_utilization_synth.rpt",
            "INFO: [Common 17-206] Exiting Vivado at @NOW@...",
        ),
    )
