"""The ways in which a rehearsal can be told to fail, in the tools' own words.

Forms of the messages were learned from logs and issue reports of real builds.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from finn_tui.rehearsal.tools.logs import Step

#: What can be told to go wrong, and how it shows.
FAILURES = {
    "hls": "Vitis HLS cannot compile a layer (layer: FINN's name of it)",
    "vlnv": "Vitis HLS exports no IP for a layer, and stitching misses it by its VLNV",
    "spawn": "Vivado cannot start its synthesis runs",
    "licence": "synthesis finds no licence for the part",
    "synth-crash": "a synthesis run crashes and leaves hs_err_pid*.log",
    "place": "the placer refuses: block RAM over-utilized",
    "crash": "the placer crashes and leaves hs_err_pid*.log",
    "memory": "the placer is killed for lack of memory",
    "route": "the router gives up with nodes overlapping",
    "hang": "the router goes silent and never ends",
    "disk": "the disk is full when the bitstream is written",
    "timing": "the clock is missed, which is no error: the build succeeds",
    "pdb": "FINN stops at a debugger's prompt and waits for ever",
}

KILLED = 137


def silent() -> None:
    """Do nothing for ever, as a tool that hangs."""
    while True:
        time.sleep(3600)


def no_licence(feature: str, chip: str, command: str) -> Step:
    """Return a command that gets no licence.

    Args:
        feature: the licence feature.
        chip: the device, such as "xc7z020".
        command: name of the command.
    """
    return Step(
        1.0,
        (
            f"Attempting to get a license for feature '{feature}' and/or device '{chip}'",
            f"WARNING: [Common 17-348] Failed to get the license for feature '{feature}' and/or "
            f"device '{chip}'",
            "1 Infos, 1 Warnings, 0 Critical Warnings and 1 Errors encountered.",
            f"{command} failed",
            f"ERROR: [Common 17-345] A valid license was not found for feature '{feature}' and/or "
            f"device '{chip}'. Please run the Vivado License Manager for assistance in determining "
            "which features and devices are licensed for your system.",
            "INFO: [Common 17-206] Exiting Vivado at @NOW@...",
        ),
    )


def crash(folder: Path) -> tuple[str, ...]:
    """Return the console output of a tool that crashes, and leave its hs_err file."""
    number = os.getpid()
    path = folder / f"hs_err_pid{number}.log"
    path.write_text(
        "#\n# An unexpected error has occurred (11)\n#\n"
        "# SIMULATED by finn-tui: nothing has crashed\n#\n"
        "Stack:\n/lib/x86_64-linux-gnu/libc.so.6(+0x42520) [0x7f0000042520]\n"
        "librdi_place.so(HAPLPlacer::run()+0x1a4) [0x7f00011a4000]\n",
        encoding="utf-8",
    )
    return (
        "Abnormal program termination (11)",
        f"Please check '{path}' for details",
    )


def killed() -> tuple[str, ...]:
    """Return the shell's message when the kernel kills a tool: Vivado prints nothing itself."""
    return (
        f"/tools/Xilinx/Vivado/2022.2/bin/rdiArgs.sh: line 312: {os.getpid()} Killed"
        '                 "$RDI_PROG" "$@"',
    )


def unroutable(command: str = "route_design") -> tuple[str, ...]:
    """Return the last lines of a routing that fails."""
    return (
        "CRITICAL WARNING: [Route 35-162] 1417 signals failed to route due to routing congestion. "
        "Please run report_route_status to get a full summary of the design's routing.",
        "INFO: [Common 17-83] Releasing license: Implementation",
        "@COUNTS@",
        f"{command} failed",
        f"ERROR: [Common 17-39] '{command}' failed due to earlier errors.",
        "",
        "INFO: [Common 17-206] Exiting Vivado at @NOW@...",
    )


def disk_full(name: str) -> tuple[str, ...]:
    """Tcl's words for a disk that has no room."""
    return (
        f'error writing "{name}": no space left on device',
        "    while executing",
        '"write_bitstream -force top_wrapper.bit"',
        "write_bitstream failed",
        "ERROR: [Common 17-39] 'write_bitstream' failed due to earlier errors.",
        "",
        "INFO: [Common 17-206] Exiting Vivado at @NOW@...",
    )


def no_ip(layer: str) -> tuple[str, ...]:
    """Return the messages of an export that fails after a successful synthesis."""
    return (
        "ERROR: [IMPL 213-28] Failed to generate IP.",
        "command 'ap_source' returned error code",
        "    while executing",
        f'"source hls_syn_{layer}.tcl"',
    )


def no_vlnv(layer: str) -> tuple[str, ...]:
    """Return the messages of stitching when an IP is missing."""
    return (
        f"ERROR: [BD 5-390] IP definition not found for VLNV: xilinx.com:hls:{layer}:1.0",
        "ERROR: [Common 17-39] 'create_bd_cell' failed due to earlier errors.",
        "",
        "    while executing",
        f'"create_bd_cell -type ip -vlnv xilinx.com:hls:{layer}:1.0 /{layer}/{layer}"',
        '    (file "make_project.tcl" line 57)',
    )


def no_spawn() -> tuple[str, ...]:
    """Return the messages of launching runs when no process can be created."""
    return (
        "ERROR: [Common 17-180] Spawn failed: Cannot allocate memory",
        "ERROR: [Vivado 12-4756] Launch of runs aborted due to earlier errors while preparing "
        "sub-designs for run",
        "",
        "    while executing",
        '"launch_runs -to_step write_bitstream impl_1"',
    )


def long_log(path: Path, megabytes: float) -> None:
    """Append realistic lines to a log: what bitstream generation says of each memory.

    Args:
        path: the log.
        megabytes: how much to append.
    """
    block = bytearray()
    number = 0
    while len(block) < 1_000_000:
        number += 1
        layer = f"StreamingDataflowPartition_1/MVAU_hls_{number % 9}"
        if number % 4:
            block += (
                "INFO: [Memdata 28-167] Found XPM memory block top_i/"
                f"{layer}/weight_mem/memblock_{number}.dat with a P_MEMORY_PRIMITIVE property set "
                "to 'block'.\n"
            ).encode()
        else:
            block += (
                f"WARNING: [DRC DPOP-{1 + number % 8 // 4}] PREG Output pipelining: DSP top_i/"
                f"{layer}/inst/mul_{number} output is not pipelined (PREG=0). Pipelining the DSP48 "
                "output will improve performance and often saves power.\n"
            ).encode()
    left = int(megabytes * 1_000_000)
    with path.open("ab") as file:
        while left > 0:
            part = block if left >= len(block) else block[: block.index(b"\n", left - 1) + 1]
            file.write(part)
            left -= len(part)
