"""The phases of placing and routing, as they nest, with their shares of the time."""

from __future__ import annotations

from finn_tui.rehearsal.tools.logs import Phase, Task, checksum


def placer(wns: float) -> Task:
    """Placing a design that will end with a slack of ``wns`` ns; placed, it looks better."""
    early, placed = wns - 0.12, wns + 0.37
    synthesis = Task(
        "Physical Synthesis",
        (
            Phase(
                "Physical Synthesis Initialization",
                1,
                says=(timing("Physopt 32-619", "Estimated", early),),
            ),
        ),
    )
    return Task(
        "Placer",
        (
            Phase(
                "Placer Initialization",
                inner=(
                    Phase("Placer Initialization Netlist Sorting", 1),
                    Phase("IO Placement/ Clock Placement/ Build Placer Device", 3),
                    Phase("Build Placer Netlist Model", 7),
                    Phase("Constrain Clocks/Macros", 1),
                ),
            ),
            Phase(
                "Global Placement",
                inner=(
                    Phase("Floorplanning", 2),
                    Phase("Update Timing before SLR Path Opt", 1),
                    Phase("Post-Processing in Floorplanning", 1),
                    Phase(
                        "Global Placement Core",
                        inner=(
                            Phase("UpdateTiming Before Physical Synthesis", 2),
                            Phase("Physical Synthesis In Placer", 28),
                        ),
                    ),
                ),
            ),
            Phase(
                "Detail Placement",
                inner=(
                    Phase("Commit Multi Column Macros", 1),
                    Phase("Commit Most Macros & LUTRAMs", 6),
                    Phase("Area Swap Optimization", 2),
                    Phase("Pipeline Register Optimization", 1),
                    Phase("Small Shape Detail Placement", 6),
                    Phase("Re-assign LUT pins", 2),
                    Phase("Pipeline Register Optimization", 1),
                ),
            ),
            Phase(
                "Post Placement Optimization and Clean-Up",
                inner=(
                    Phase(
                        "Post Commit Optimization",
                        inner=(
                            Phase(
                                "Post Placement Optimization",
                                inner=(
                                    Phase("BUFG Insertion", 1, inner=(synthesis,)),
                                    Phase(
                                        "Post Placement Timing Optimization",
                                        12,
                                        says=(
                                            "INFO: [Place 30-746] Post Placement Timing Summary "
                                            f"WNS={placed:.3f}. For the most accurate timing "
                                            "information please run report_timing.",
                                        ),
                                    ),
                                ),
                                ends=False,
                            ),
                        ),
                    ),
                    Phase("Post Placement Cleanup", 1),
                    Phase("Placer Reporting", 1),
                    Phase("Final Placement Cleanup", 2, ends=False),
                ),
            ),
        ),
        says=_threads("Place 30-611", "place_design"),
    )


def router(wns: float, nets: int) -> Task:
    """Return the task of routing a design.

    Args:
        wns: slack in ns that it ends with.
        nets: number of nets.
    """
    no_hold = ("N/A", "N/A")
    unmet = () if wns >= 0 else ("WARNING: [Route 35-328] Router estimated timing not met.",)
    met = ("INFO: [Route 35-61] The design met the timing requirement.",) if wns >= 0 else unmet
    return Task(
        "Routing",
        (
            Phase("Build RT Design", 15, says=(f"Checksum: PlaceDB: {checksum(wns)} ConstDB: 0",)),
            Phase(
                "Router Initialization",
                inner=(
                    Phase("Fix Topology Constraints", 1),
                    Phase("Pre Route Cleanup", 1),
                    Phase(
                        "Update Timing",
                        8,
                        says=(
                            timing(
                                "Route 35-416",
                                "Intermediate",
                                wns + 0.15,
                                ("-0.192", "-248.913"),
                            ),
                            *_net_summary(nets),
                        ),
                    ),
                ),
            ),
            Phase(
                "Initial Routing",
                inner=(Phase("Global Routing", 1), Phase("Initial Net Routing", 4)),
            ),
            Phase(
                "Rip-up And Reroute",
                inner=(
                    Phase(
                        "Global Iteration 0",
                        38,
                        says=(
                            *_overlaps(max(8, nets // 6)),
                            timing("Route 35-416", "Intermediate", wns - 0.17, no_hold),
                        ),
                    ),
                    Phase(
                        "Global Iteration 1",
                        4,
                        says=(
                            *_overlaps(5),
                            timing("Route 35-416", "Intermediate", wns - 0.09, no_hold),
                        ),
                    ),
                ),
            ),
            Phase(
                "Delay and Skew Optimization",
                inner=(Phase("Delay CleanUp", 1), Phase("Clock Skew Optimization", 1)),
            ),
            Phase(
                "Post Hold Fix",
                inner=(Phase("Hold Fix Iter", inner=(Phase("Update Timing", 3),)),),
            ),
            Phase("Route finalize", 1, says=_net_summary(0)),
            Phase("Verifying routed nets", 1, says=("", " Verification completed successfully")),
            Phase("Depositing Routes", 2),
            Phase(
                "Post Router Timing",
                3,
                says=(
                    timing("Route 35-57", "Estimated", wns, ("0.021", "0.000")),
                    "",
                    *met,
                ),
            ),
        ),
        says=_threads("Route 35-254", "route_design"),
        ends=False,
    )


def timing(id: str, kind: str, wns: float, hold: tuple[str, str] | None = None) -> str:
    """Return a timing summary as the tools print it.

    Args:
        id: message id.
        kind: what is summarized.
        wns: worst slack in ns.
        hold: WHS and THS in ns, which only the router gives.
    """
    setup, total = f"{wns:.3f}", f"{min(0.0, 120 * wns):.3f}"
    if hold is None:
        return f"INFO: [{id}] {kind} Timing Summary | WNS={setup} | TNS={total} |"
    worst, sum_ = hold
    return (
        f"INFO: [{id}] {kind} Timing Summary | WNS={setup:<7}| TNS={total:<7}| "
        f"WHS={worst:<7}| THS={sum_:<7}|"
    )


def _overlaps(start: int) -> tuple[str, ...]:
    """Nodes that two nets want, falling by a factor as real series do."""
    left, lines = start, []
    while left > 0:
        lines.append(f" Number of Nodes with overlaps = {left}")
        left = left // 3 - (1 if left < 9 else 0)
    return (*lines, " Number of Nodes with overlaps = 0")


def _net_summary(unrouted: int) -> tuple[str, ...]:
    return (
        "",
        "Router Utilization Summary",
        "  Routable Net Status*",
        f"  Number of Failed Nets               = {unrouted}",
        "    (Failed Nets is the sum of unrouted and partially routed nets)",
        f"  Number of Unrouted Nets             = {unrouted}",
        "  Number of Partially Routed Nets     = 0",
        "",
    )


def _threads(id: str, command: str) -> tuple[str, ...]:
    return (f"INFO: [{id}] Multithreading enabled for {command} using a maximum of 2 CPUs",)
