"""The stand-in for vitis_hls: synthesizes nothing, takes its time, leaves an IP and a report."""

from __future__ import annotations

import platform
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from finn_tui.rehearsal.tools import failures, reports
from finn_tui.rehearsal.tools.logs import SIMULATED, Step, ToolLog, banner, total, user
from finn_tui.rehearsal.tools.plan import VERSION, Pace, Plan, read_plan

_SET = re.compile(r"^set (config_\w+)\s+\"?([^\"\n]*?)\"?\s*$", re.M)


def main(arguments: list[str]) -> int:
    """``vitis_hls SCRIPT.tcl``, in the folder of the layer's code; returns 1 if it is to fail."""
    if arguments and arguments[0] in ("-version", "--version"):
        print(f"Vitis HLS - High-Level Synthesis v{VERSION} (64-bit), SIMULATED by finn-tui")
        return 0
    plan = read_plan()
    scripts = [word for word in arguments if word.endswith(".tcl")]
    if not scripts:
        print("ERROR: [HLS 200-101] SIMULATED vitis_hls runs a Tcl script and nothing else")
        return 1
    script = Path(scripts[0]).resolve()
    settings = dict(_SET.findall(script.read_text(encoding="utf-8")))
    layer = settings["config_toplevelfxn"]
    project = Path.cwd() / settings["config_proj_name"]
    log = ToolLog(Path.cwd() / "vitis_hls.log", echo=True)
    fails = plan.fails("hls", layer)
    began = time.monotonic()
    log.write(*_opening(script, project, layer, settings))
    synthesis = list(_synthesis(layer, plan, fails))
    export = [] if fails else list(_export())
    pace = Pace(plan.hls_seconds).over(total(synthesis) + total(export))
    log.play(synthesis, pace)
    if fails:
        log.close()
        return 1
    reports.csynth(project, layer, plan)
    if plan.fails("vlnv", layer):
        # FINN that looks for the folder only goes on; so that any does, the exit code is good.
        (project / "sol1" / "impl" / "ip").mkdir(parents=True, exist_ok=True)
        log.play([*export[:1], Step(1, failures.no_ip(layer))], pace)
        log.close()
        return 0
    log.play(export, pace)
    _leave_ip(project, layer)
    seconds = time.monotonic() - began
    log.write(
        f"INFO: [HLS 200-112] Total elapsed time: {seconds:.2f} seconds; "
        "peak allocated memory: 190.000 MB."
    )
    log.close()
    return 0


def _opening(script: Path, project: Path, layer: str, settings: dict[str, str]) -> tuple[str, ...]:
    place = Path.cwd()
    return (
        *banner("Vitis HLS"),
        SIMULATED.format(tool="Vitis HLS"),
        f"INFO: [HLS 200-10] Running '{sys.argv[0]}'",
        f"INFO: [HLS 200-10] For user '{user()}' on host '{platform.node()}' "
        f"({platform.system()}_{platform.machine()} version {platform.release()}) "
        f"on {time.strftime('%a %b %d %H:%M:%S %z %Y')}",
        f"INFO: [HLS 200-10] In directory '{place}'",
        f"Sourcing Tcl script '{script}'",
        f"HLS project: {project.name}",
        f"INFO: [HLS 200-1510] Running: open_project {project.name} ",
        f"INFO: [HLS 200-10] Creating and opening project '{project}'.",
        f"INFO: [HLS 200-1510] Running: set_top {layer} ",
        "INFO: [HLS 200-1510] Running: open_solution sol1 ",
        f"INFO: [HLS 200-10] Creating and opening solution '{project / 'sol1'}'.",
        f"INFO: [HLS 200-1510] Running: set_part {settings.get('config_proj_part', '')} ",
        f"INFO: [HLS 200-1510] Running: create_clock -period "
        f"{settings.get('config_clkperiod', '10')} -name default ",
        f"INFO: [SYN 201-201] Setting up clock 'default' with a period of "
        f"{settings.get('config_clkperiod', '10')}ns.",
        "INFO: [HLS 200-1510] Running: csynth_design ",
    )


def _finished(name: str, weight: float, *before: str) -> Step:
    line = (
        f"INFO: [HLS 200-111] Finished {name}: CPU user time: 0 seconds. CPU system time: 0 "
        "seconds. Elapsed time: @SPENT@ seconds; current allocated memory: 190.000 MB."
    )
    return Step(weight, (*before, line))


def _synthesis(layer: str, plan: Plan, fails: bool) -> Iterator[Step]:
    yield _finished("File checks of 1 files", 1)
    yield Step(0, (f"INFO: [HLS 200-10] Analyzing design file 'top_{layer}.cpp' ... ",))
    if fails:
        yield Step(
            8,
            (
                f"ERROR: [HLS 207-3337] unknown type name 'Slice' (top_{layer}.cpp:12:5)",
                "ERROR: [HLS 200-1715] Encountered problem during source synthesis",
                "ERROR: [HLS 200-70] Pre-synthesis failed.",
                "command 'ap_source' returned error code",
                "    while executing",
                f'"source hls_syn_{layer}.tcl"',
            ),
        )
        return
    yield _finished("Source Code Analysis and Preprocessing", 20)
    yield _finished("Compiling Optimization and Transform", 14)
    yield _finished("Checking Pragmas", 1)
    yield _finished("Standard Transforms", 3)
    yield _finished("Checking Synthesizability", 1)
    yield _finished("Loop, function and other optimizations", 5)
    yield _finished("Architecture Synthesis", 3)
    yield Step(
        0,
        (
            "INFO: [HLS 200-10] Starting hardware synthesis ...",
            f"INFO: [HLS 200-10] Synthesizing '{layer}' ...",
        ),
    )
    rule = "INFO: [HLS 200-10] " + "-" * 64
    modules = (f"{layer}_compute", layer)
    for module in modules:
        yield Step(0, (rule, f"INFO: [HLS 200-42] -- Implementing module '{module}' ", rule))
        yield _finished("Scheduling", 2, "INFO: [SCHED 204-11] Starting scheduling ...")
        yield _finished("Binding", 2, "INFO: [BIND 205-100] Starting micro-architecture generation")
    for module in modules:
        yield Step(0, (rule, f"INFO: [HLS 200-10] -- Generating RTL for module '{module}' ", rule))
        done = f"INFO: [RTGEN 206-100] Finished creating RTL model for '{module}'."
        yield _finished("Creating RTL model", 2, done)
    yield _finished("Generating all RTL models", 3)
    yield _finished("Updating report files", 2)
    fmax = 1000 / max(0.1, plan.clock_ns * 0.73)
    yield Step(
        1,
        (
            f"INFO: [VLOG 209-307] Generating Verilog RTL for {layer}.",
            "INFO: [HLS 200-790] **** Loop Constraint Status: All loop constraints were satisfied.",
            f"INFO: [HLS 200-789] **** Estimated Fmax: {fmax:.2f} MHz",
        ),
    )
    yield Step(
        0,
        (
            "INFO: [HLS 200-111] Finished Command csynth_design CPU user time: 0 seconds. CPU "
            "system time: 0 seconds. Elapsed time: @SINCE@ seconds; "
            "current allocated memory: 190.000 MB.",
        ),
    )


def _export() -> Iterator[Step]:
    yield Step(
        0,
        (
            "INFO: [HLS 200-1510] Running: export_design -format ip_catalog ",
            "INFO: [IMPL 213-8] Exporting RTL as a Vivado IP.",
            *banner(),
            "source run_ippack.tcl -notrace",
            "INFO: [IP_Flow 19-234] Refreshing IP repositories",
            "INFO: [IP_Flow 19-1704] No user IP repositories specified",
        ),
    )
    yield Step(34, ("INFO: [Common 17-206] Exiting Vivado at @NOW@...",))
    yield Step(1, ("INFO: [HLS 200-802] Generated output file export.zip",))


def _leave_ip(project: Path, layer: str) -> None:
    """Write what FINN looks for after HLS: a folder with an IP in it."""
    place = project / "sol1" / "impl" / "ip"
    (place / "hdl" / "verilog").mkdir(parents=True, exist_ok=True)
    (place / "hdl" / "verilog" / f"{layer}.v").write_text(
        f"// SIMULATED by finn-tui: no RTL was generated\nmodule {layer}();\nendmodule\n",
        encoding="utf-8",
    )
    (place / "component.xml").write_text(reports.component(layer), encoding="utf-8")
