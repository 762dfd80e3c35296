"""What an implementation run says (``impl_1/runme.log``): link, opt, place, route, bitstream.

Order, nesting and shares of time are those of real runs for 7-series parts with Vivado 2022.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from finn_tui.rehearsal.tools import design, failures
from finn_tui.rehearsal.tools.logs import (
    SIMULATED,
    Phase,
    Step,
    Task,
    banner,
    task_steps,
    total,
)
from finn_tui.rehearsal.tools.place_route import placer, router, timing
from finn_tui.rehearsal.tools.plan import Plan

#: Shares of the implementation's time by command, from full runs.
SHARES = {
    "link_design": 9,
    "opt_design": 9,
    "place_design": 31,
    "phys_opt_design": 2,
    "route_design": 26,
    "reports": 18,
    "write_bitstream": 5,
}

TOP = "top_wrapper"


@dataclass(frozen=True)
class Outcome:
    """How an implementation goes: nets to route, slack in ns, and what the part is short of."""

    nets: int
    wns: float
    over: list[tuple[str, int, int]]


class Stage:
    """A stage of the run that leaves marker files: its name and its steps."""

    def __init__(
        self,
        name: str,
        weight: float,
        steps: list[Step],
        failed: bool = False,
        *,
        cut: float | None = None,
        last: tuple[str, ...] = (),
    ) -> None:
        """A stage.

        Args:
            cut: it breaks off after this share of its steps, with the lines ``last``.
        """
        self.name = name
        self.failed = failed or cut is not None
        if cut is not None:
            steps = [*steps[: max(1, round(cut * len(steps)))], Step(0.1, last)]
        given = total(steps)
        scale = weight / given if given else 0.0
        self.steps = [Step(step.weight * scale, step.lines) for step in steps]


def opening(tcl: str = f"{TOP}.tcl") -> list[Step]:
    """Return what the run says before its first command."""
    return [
        Step(
            1.0,
            (
                "",
                "*** Running vivado",
                f"    with args -log {TOP}.vdi -applog -m64 -product Vivado -messageDb vivado.pb "
                f"-mode batch -source {tcl} -notrace",
                "",
                *banner(),
                SIMULATED.format(tool="Vivado"),
                f"source {tcl} -notrace",
                "INFO: [IP_Flow 19-234] Refreshing IP repositories",
            ),
        )
    ]


def stages(plan: Plan, outcome: Outcome, folder: Path) -> list[Stage]:
    """Return the stages of an implementation run; it ends with the stage that fails, if one does.

    Args:
        plan: of the rehearsal.
        outcome: what the run arrives at.
        folder: of the run.
    """
    chip = design.chip(plan.part)
    done = [
        Stage("init_design", SHARES["link_design"], list(_link(plan))),
        Stage("opt_design", SHARES["opt_design"], list(_opt(chip))),
    ]
    if outcome.over:
        done.append(Stage("place_design", 2, list(_place_refused(chip, outcome)), failed=True))
        return done
    place = list(_place(chip, outcome))
    route = list(_route(chip, outcome))
    write = list(_bitstream(chip))
    if plan.fails("crash") or plan.fails("memory"):
        messages = failures.crash(folder) if plan.fails("crash") else failures.killed()
        return [*done, Stage("place_design", SHARES["place_design"], place, cut=0.5, last=messages)]
    done += [
        Stage("place_design", SHARES["place_design"], place),
        Stage("phys_opt_design", SHARES["phys_opt_design"], list(_phys_opt(chip, outcome))),
    ]
    if plan.fails("route") or plan.fails("hang"):
        messages = failures.unroutable() if plan.fails("route") else ()
        return [*done, Stage("route_design", SHARES["route_design"], route, cut=0.6, last=messages)]
    done += [
        Stage("route_design", SHARES["route_design"], route),
        Stage("reports", SHARES["reports"], list(_reports())),
    ]
    if plan.fails("disk"):
        messages = failures.disk_full(f"{TOP}.bit")
        done.append(
            Stage("write_bitstream", SHARES["write_bitstream"], write, cut=0.7, last=messages)
        )
        return done
    done.append(Stage("write_bitstream", SHARES["write_bitstream"], write))
    return done


def _command(line: str, chip: str) -> tuple[str, ...]:
    return (
        f"Command: {line}",
        f"Attempting to get a license for feature 'Implementation' and/or device '{chip}'",
        f"INFO: [Common 17-349] Got license for feature 'Implementation' and/or device '{chip}'",
    )


def _result(command: str) -> tuple[str, ...]:
    return (
        "INFO: [Common 17-83] Releasing license: Implementation",
        "@COUNTS@",
        f"{command} completed successfully",
        f"{command}: @TIME@",
    )


def _drc(command: str) -> tuple[str, ...]:
    return (
        f"Running DRC as a precondition to command {command}",
        "INFO: [DRC 23-27] Running DRC with 2 threads",
        "INFO: [Vivado_Tcl 4-198] DRC finished with 0 Errors",
    )


def _link(plan: Plan) -> Iterator[Step]:
    yield Step(
        1,
        (
            f"Command: link_design -top {TOP} -part {plan.part}",
            "Design is defaulting to srcset: sources_1",
            "Design is defaulting to constrset: constrs_1",
            f"INFO: [Device 21-403] Loading part {plan.part}",
        ),
    )
    yield Step(
        8,
        (
            "Netlist sorting complete. @QUICK@",
            "INFO: [Project 1-479] Netlist was created with Vivado 2022.2",
            "INFO: [Project 1-570] Preparing netlist for logic optimization",
            "@COUNTS@",
            "link_design completed successfully",
            "link_design: @TIME@",
        ),
    )


def _opt(chip: str) -> Iterator[Step]:
    yield Step(0, (*_command("opt_design", chip), *_drc("opt_design"), ""))
    names = (
        ("Retarget", 6),
        ("Constant propagation", 2),
        ("Sweep", 3),
        ("BUFG optimization", 1),
        ("Shift Register Optimization", 1),
        ("Post Processing Netlist", 1),
    )
    task = Task("Logic Optimization", tuple(Phase(name, weight) for name, weight in names))
    yield from task_steps(task, "opt")
    yield Step(0, ("",))
    yield from task_steps(Task("Netlist Obfuscation"), "opt")
    yield Step(2, _result("opt_design"))
    yield Step(
        2,
        (
            f"INFO: [runtcl-4] Executing : report_drc -file {TOP}_drc_opted.rpt",
            f"Command: report_drc -file {TOP}_drc_opted.rpt",
            "INFO: [DRC 23-27] Running DRC with 2 threads",
            "report_drc completed successfully",
        ),
    )


def _place_refused(chip: str, outcome: Outcome) -> Iterator[Step]:
    """Too little room: placing is refused by a check before it begins, in seconds."""
    errors = tuple(
        f"ERROR: [DRC UTLZ-1] Resource utilization: {cell} over-utilized in Top Level Design "
        f"(This design requires more {cell} cells than are available in the target device. This "
        f"design requires {need} of such cell types but only {have} compatible sites are "
        "available in the target device.)"
        for cell, need, have in outcome.over
    )
    yield Step(1, _command("place_design", chip))
    yield Step(
        1,
        (
            "Running DRC as a precondition to command place_design",
            "INFO: [DRC 23-27] Running DRC with 2 threads",
            *errors,
            f"INFO: [Vivado_Tcl 4-198] DRC finished with {len(errors)} Errors",
            "ERROR: [Vivado_Tcl 4-23] Error(s) found during DRC. Placer not run.",
            "INFO: [Common 17-83] Releasing license: Implementation",
            "@COUNTS@",
            "place_design failed",
            "ERROR: [Common 17-39] 'place_design' failed due to earlier errors.",
            "",
            "INFO: [Common 17-206] Exiting Vivado at @NOW@...",
        ),
    )


def _place(chip: str, outcome: Outcome) -> Iterator[Step]:
    yield Step(0, (*_command("place_design", chip), *_drc("place_design"), ""))
    yield from task_steps(placer(outcome.wns), "place")
    yield Step(1, _result("place_design"))
    yield Step(
        5,
        (
            f"INFO: [runtcl-4] Executing : report_io -file {TOP}_io_placed.rpt",
            "INFO: [runtcl-4] Executing : report_utilization -file "
            f"{TOP}_utilization_placed.rpt -pb {TOP}_utilization_placed.pb",
            f"INFO: [Common 17-1381] The checkpoint '{TOP}_placed.dcp' has been generated.",
        ),
    )


def _phys_opt(chip: str, outcome: Outcome) -> Iterator[Step]:
    yield Step(0, (*_command("phys_opt_design", chip), ""))
    yield Step(1, ("Starting Initial Update Timing Task", "", "@TIME@"))
    if outcome.wns >= 0:
        skipped = (
            "INFO: [Vivado_Tcl 4-383] Design worst setup slack (WNS) is greater than or equal to "
            "0.000 ns. Skipping all physical synthesis optimizations."
        )
        yield Step(1, (skipped,))
    else:
        message = timing("Physopt 32-603", "Post Physical Optimization", outcome.wns - 0.003)
        phases = (
            Phase("Physical Synthesis Initialization", 1),
            Phase("Placement Based", 3, (), (message,)),
        )
        yield from task_steps(Task("Physical Synthesis", phases), "phys")
    yield Step(1, _result("phys_opt_design"))


def _route(chip: str, outcome: Outcome) -> Iterator[Step]:
    yield Step(0, (*_command("route_design", chip), *_drc("route_design"), "", ""))
    yield from task_steps(router(outcome.wns, outcome.nets), "route")
    yield Step(1, ("INFO: [Route 35-16] Router Completed Successfully", "", "Routing Is Done."))
    yield Step(1, _result("route_design"))


def _reports() -> Iterator[Step]:
    for weight, command in (
        (4, f"report_drc -file {TOP}_drc_routed.rpt"),
        (6, f"report_methodology -file {TOP}_methodology_drc_routed.rpt"),
        (4, f"report_power -file {TOP}_power_routed.rpt"),
    ):
        name = command.split()[0]
        yield Step(0, (f"INFO: [runtcl-4] Executing : {command}", f"Command: {command}"))
        yield Step(weight, (f"{name} completed successfully", f"{name}: @TIME@"))
    for command in (
        f"report_route_status -file {TOP}_route_status.rpt",
        f"report_timing_summary -max_paths 10 -file {TOP}_timing_summary_routed.rpt",
        f"report_clock_utilization -file {TOP}_clock_utilization_routed.rpt",
    ):
        yield Step(1, (f"INFO: [runtcl-4] Executing : {command}",))


def timing_verdict(outcome: Outcome) -> tuple[str, ...]:
    """Missed timing is no error for Vivado: one critical warning, and it goes on."""
    if outcome.wns >= 0:
        return ()
    return (
        "CRITICAL WARNING: [Timing 38-282] The design failed to meet the timing requirements. "
        "Please see the timing summary report for details on the timing violations.",
    )


def _bitstream(chip: str) -> Iterator[Step]:
    yield Step(0, (*_command(f"write_bitstream -force {TOP}.bit", chip), *_drc("write_bitstream")))
    yield Step(1, ("Loading data files...", "Loading site data...", "Loading route data..."))
    yield Step(2, ("Processing options...", "Creating bitmap..."))
    yield Step(2, ("Creating bitstream...", f"Writing bitstream ./{TOP}.bit..."))
    yield Step(
        1,
        (
            "INFO: [Vivado 12-1842] Bitgen Completed Successfully.",
            *_result("write_bitstream"),
            "INFO: [Common 17-206] Exiting Vivado at @NOW@...",
        ),
    )
