"""The stand-in for vivado, for the two things that FINN's builder asks of it.

``make_project.tcl`` stitches layers into one IP; ``ip_config.tcl`` puts the IPs into a Zynq shell
and makes the bitfile: one synthesis run a block, several at a time, then the implementation.
"""

from __future__ import annotations

import heapq
import os
import platform
import re
from pathlib import Path

from finn_tui.rehearsal import bitstream
from finn_tui.rehearsal.tools import design, failures, handoff, impl, reports, synth
from finn_tui.rehearsal.tools.logs import SIMULATED, Step, ToolLog, banner, session_header
from finn_tui.rehearsal.tools.plan import (
    BITFILE_SHARE,
    STITCH_SHARE,
    VERSION,
    Pace,
    Plan,
    read_plan,
)

#: How a bitfile's time is shared between setting up, synthesis runs and implementation.
SETUP, SYNTHESIS, IMPLEMENTATION = 6, 34, 60

_JOBS = re.compile(r"^\s*launch_runs\b.*-jobs (\d+)", re.M)
_QUEUE = {"synth": ".Vivado_Synthesis.queue.rst", "impl": ".Vivado_Implementation.queue.rst"}


def main(arguments: list[str]) -> int:
    """``vivado -mode batch -source SCRIPT``, in the project's folder."""
    if arguments and arguments[0] in ("-version", "--version"):
        print(f"Vivado v{VERSION} (64-bit)\nSIMULATED by finn-tui")
        return 0
    plan = read_plan()
    source = _after(arguments, "-source")
    if _after(arguments, "-mode") != "batch" or source is None:
        print("ERROR: [Common 17-165] SIMULATED vivado runs in batch mode with a script only")
        return 1
    script = Path(source).resolve()
    tcl = script.read_text(encoding="utf-8", errors="replace")
    log = ToolLog(Path.cwd() / "vivado.log", echo=True)
    (Path.cwd() / "vivado.jou").write_text(f"source {source}\n", encoding="utf-8")
    log.write(*session_header(f"vivado {' '.join(arguments)}", Path.cwd() / "vivado.log"))
    log.write(*banner(), SIMULATED.format(tool="Vivado"), f"source {source}")
    try:
        if script.name == "ip_config.tcl":
            return _zynq(tcl, log, plan)
        if "ipx::package_project" in tcl:
            return _stitch(tcl, log, plan)
        log.write(f"ERROR: [finn-tui 1-2] SIMULATED Vivado does not know what {source} is for")
        return 1
    finally:
        log.write("INFO: [Common 17-206] Exiting Vivado at @NOW@...")
        log.close()


def _after(arguments: list[str], option: str) -> str | None:
    if option not in arguments[:-1]:
        return None
    return arguments[arguments.index(option) + 1]


def _echo(tcl: str) -> list[Step]:
    """Return a script as batch mode repeats it, with what its commands answer."""
    steps = []
    for line in tcl.splitlines():
        answers: tuple[str, ...] = ()
        if line.startswith("update_ip_catalog"):
            answers = ("INFO: [IP_Flow 19-234] Refreshing IP repositories",)
        elif line.startswith("validate_bd_design"):
            answers = ("INFO: [BD 41-1662] The design is validated.",)
        elif line.startswith("save_bd_design"):
            answers = ("Wrote  : <top.bd>",)
        steps.append(Step(1.0, (f"# {line}", *answers)))
    return steps


def _made_by_hls(tcl: str) -> list[str]:
    """Return layers of which a script uses the IP that Vitis HLS exports."""
    return list(dict.fromkeys(re.findall(r"xilinx\.com:hls:(\w+):1\.0", tcl)))


def _stitch(tcl: str, log: ToolLog, plan: Plan) -> int:
    """Package the layers that FINN generated as one IP; nothing is synthesized."""
    steps = _echo(tcl)
    log.play(steps, Pace(STITCH_SHARE * plan.seconds).over(len(steps)))
    missing = [layer for layer in _made_by_hls(tcl) if plan.fails("vlnv", layer)]
    if missing:
        log.write(*failures.no_vlnv(missing[0]))
        return 1
    title = re.search(r'create_bd_design "([^"]+)"', tcl)
    name = title.group(1) if title else "finn_design"
    project = re.search(r"^create_project (\S+) (\S+)", tcl, re.M)
    place = Path(project.group(2)) if project else Path.cwd()
    title_of_project = project.group(1) if project else "finn_vivado_stitch_proj"
    # Vivado 2022.2 puts the wrapper under .gen, older ones under .srcs, where FINN waits for it
    # for five seconds before it looks elsewhere: a rehearsal has it in both.
    for kind in ("gen", "srcs"):
        hdl = place / f"{title_of_project}.{kind}" / "sources_1" / "bd" / name / "hdl"
        hdl.mkdir(parents=True, exist_ok=True)
        (hdl / f"{name}_wrapper.v").write_text(
            "// SIMULATED by finn-tui: no RTL was generated\n"
            f"module {name}_wrapper();\nendmodule\n",
            encoding="utf-8",
        )
    (place / "ip").mkdir(exist_ok=True)
    (place / "ip" / "component.xml").write_text(reports.component(name), encoding="utf-8")
    (place / "all_verilog_srcs.txt").write_text(f"{hdl / name}_wrapper.v\n", encoding="utf-8")
    return 0


def _zynq(tcl: str, log: ToolLog, plan: Plan) -> int:
    """Everything up to the bitfile, or to the place where it fails."""
    head = tcl.split("launch_runs", 1)[0].splitlines()
    whole = Pace(BITFILE_SHARE * plan.seconds).over(SETUP + SYNTHESIS + IMPLEMENTATION)
    portion = SETUP / max(1, len(head))
    log.play([Step(portion, step.lines) for step in _echo("\n".join(head))], whole)
    blocks = design.assemble(tcl, plan)
    used = design.total(blocks)
    if plan.fails("spawn"):
        log.write(*failures.no_spawn())
        return 1
    runs = Path.cwd() / "finn_zynq_link.runs"
    tops = [*(block.module for block in blocks), impl.TOP]
    names = [f"{block.module}_synth_1" for block in blocks] + ["synth_1"]
    folders = [runs / name for name in names]
    log.write(
        f"[@NOW@] Launched {', '.join(names)}...",
        "Run output will be captured here:",
        *(f"{folder.name}: {folder}/runme.log" for folder in folders),
        "[@NOW@] Launched impl_1...",
        f"Run output will be captured here: {runs}/impl_1/runme.log",
        "launch_runs: @TIME@",
        "# wait_on_run [get_runs impl_1]",
        "[@NOW@] Waiting for impl_1 to finish...",
    )
    for folder in [*folders, runs / "impl_1"]:
        folder.mkdir(parents=True, exist_ok=True)
        kind = "impl" if folder.name == "impl_1" else "synth"
        (folder / _QUEUE[kind]).touch()
    jobs = _JOBS.search(tcl)
    failed = _synthesize(tops, folders, blocks, plan, int(jobs.group(1)) if jobs else 1, whole)
    if failed is not None:
        # Nothing is implemented; the parent only says which runs failed.
        log.write(
            f"[@NOW@] {failed} finished",
            f"WARNING: [Vivado 12-8222] Failed run(s) : '{failed}'",
            "wait_on_runs: @TIME@",
            "# open_run impl_1",
            "ERROR: [Common 17-69] Command failed: Run 'impl_1' has not been launched. Unable to "
            "open",
        )
        return 1
    outcome = impl.Outcome(
        nets=max(200, round(1.4 * used["LUT"] + 0.6 * used["FF"])),
        wns=design.slack(used, plan),
        over=design.over_utilized(used, plan),
    )
    log.write("")
    if not _implement(runs / "impl_1", outcome, used, plan, log, whole):
        log.write(
            "[@NOW@] impl_1 finished",
            "WARNING: [Vivado 12-8222] Failed run(s) : 'impl_1'",
            "wait_on_runs: @TIME@",
            "# open_run impl_1",
            "ERROR: [Common 17-69] Command failed: Run 'impl_1' failed. Unable to open",
        )
        return 1
    handoff.write(Path.cwd() / "finn_zynq_link.gen/sources_1/bd/top/hw_handoff/top.hwh", tcl)
    reports.hierarchy(Path.cwd() / "synth_report.xml", blocks, used)
    log.write("[@NOW@] impl_1 finished", "wait_on_runs: @TIME@")
    tail = tcl.split("# generate synthesis report", 1)
    log.write(*(f"# {line}" for line in (tail[1] if len(tail) > 1 else "").split("\n") if line))
    return 0


def _synthesize(
    tops: list[str],
    folders: list[Path],
    blocks: list[design.Instance],
    plan: Plan,
    jobs: int,
    pace: Pace,
) -> str | None:
    """Run all synthesis runs, ``jobs`` at a time, each writing its own log as its time comes.

    Returns the name of the one that failed, if one did: the others come to an end then.
    """
    unlucky = next((at for at, block in enumerate(blocks) if block.inner), 0)
    sizes = [8.0 + block.resources["LUT"] ** 0.5 for block in blocks] + [12.0]
    # When each run's steps are due, in weight, if runs start as soon as a job is free.
    free = [0.0] * max(1, jobs)
    due: list[tuple[float, int, int, Step]] = []
    for at, top in enumerate(tops):
        begin = heapq.heappop(free)
        clock = begin
        licensed = not (plan.fails("licence") and at == unlucky)
        run = list(synth.steps(top, plan.part, sizes[at], top != impl.TOP, licensed))
        if plan.fails("synth-crash") and at == unlucky:
            run = [*run[: len(run) // 2], Step(1.0, failures.crash(folders[at]))]
        for place, step in enumerate(run):
            clock += step.weight
            due.append((clock, at, place, step))
        heapq.heappush(free, clock)
    due.sort(key=lambda item: item[:3])
    span = due[-1][0]
    logs: dict[int, ToolLog] = {}
    last = {at: place for _, at, place, _ in due}
    elapsed = 0.0
    failed = None
    for clock, at, place, step in due:
        pace.spend(SYNTHESIS * (clock - elapsed) / span)
        elapsed = clock
        folder = folders[at]
        if at not in logs:
            _mark(folder, "vivado", "begin")
            vds = folder / f"{tops[at]}.vds"
            vds.write_text("", encoding="utf-8")
            logs[at] = ToolLog(folder / "runme.log", vds)
        logs[at].write(*step.lines)
        if place == last[at]:
            logs[at].close()
            if at == unlucky and (plan.fails("licence") or plan.fails("synth-crash")):
                _mark(folder, "vivado", "error")
                failed = folder.name
                continue
            used = blocks[at].resources if at < len(blocks) else dict.fromkeys(design.RESOURCES, 0)
            report = folder / f"{tops[at]}_utilization_synth.rpt"
            reports.utilization(report, tops[at], used, plan, "Synthesized")
            (folder / "__synthesis_is_complete__").touch()
            _mark(folder, "vivado", "end")
    return failed


def _implement(
    folder: Path,
    outcome: impl.Outcome,
    used: dict[str, int],
    plan: Plan,
    parent: ToolLog,
    pace: Pace,
) -> bool:
    """Run the implementation, which the log of Vivado repeats; return whether it succeeds."""
    _mark(folder, "vivado", "begin")
    vdi = folder / f"{impl.TOP}.vdi"
    arguments = f"vivado -log {vdi.name} -applog -product Vivado -mode batch -source {impl.TOP}.tcl"
    head = ToolLog(vdi)
    head.write(*session_header(arguments, vdi))
    head.close()
    log = ToolLog(folder / "runme.log", vdi, parent=parent)
    whole = sum(impl.SHARES.values())
    log.write(*(line for step in impl.opening() for line in step.lines))
    good = True
    for stage in impl.stages(plan, outcome, folder):
        own = stage.name != "reports"
        if own:
            _mark(folder, stage.name, "begin")
        for step in stage.steps:
            pace.spend(IMPLEMENTATION * step.weight / whole)
            log.write(*step.lines)
        if plan.fails("hang") and stage.failed:
            failures.silent()
        if plan.log_mb and stage.name == "opt_design":
            # To this log only: FINN keeps in memory what the tool itself prints.
            failures.long_log(folder / "runme.log", plan.log_mb)
        if stage.name == "place_design" and not stage.failed:
            report = folder / f"{impl.TOP}_utilization_placed.rpt"
            reports.utilization(report, impl.TOP, used, plan, "Fully Placed")
        if stage.name == "reports":
            summary = folder / f"{impl.TOP}_timing_summary_routed.rpt"
            reports.timing_summary(summary, outcome.wns, plan)
            reports.route_status(folder / f"{impl.TOP}_route_status.rpt", outcome.nets)
            log.write(*impl.timing_verdict(outcome))
        # Whoever is killed leaves no mark.
        if own and not (stage.failed and plan.fails("memory")):
            _mark(folder, stage.name, "error" if stage.failed else "end")
        good = good and not stage.failed
    log.close()
    if not plan.fails("memory"):
        _mark(folder, "vivado", "end" if good else "error")
    if good:
        meta = {
            "ii_cycles": plan.ii_cycles,
            "latency_cycles": plan.latency_cycles,
            "clock_ns": plan.clock_ns,
            "part": plan.part,
        }
        bitstream.pack(folder / f"{impl.TOP}.bit", meta, plan.network)
    return good


def _mark(folder: Path, stage: str, event: str) -> None:
    """Leave one of the marker files by which Vivado's runs can be followed."""
    path = folder / f".{stage}.{event}.rst"
    if event != "begin":
        path.touch()
        return
    command = "vivado" if stage == "vivado" else ".planAhead."
    path.write_text(
        '<?xml version="1.0"?>\n<ProcessHandle Version="1" Minor="0">\n'
        f'    <Process Command="{command}" Owner="" Host="{platform.node()}" '
        f'Pid="{os.getpid()}" HostCore="{os.cpu_count()}">\n    </Process>\n</ProcessHandle>\n',
        encoding="utf-8",
    )
