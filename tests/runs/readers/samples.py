"""Logs in the tools' forms, written for tests: none of them is a real log."""

from __future__ import annotations

_BANNER = """
****** Vivado v2022.2 (64-bit)
  **** SW Build 3671981 on Fri Oct 14 04:59:54 MDT 2022

"""
_TIME = "Time (s): cpu = 00:00:{0:02d} ; elapsed = 00:00:{0:02d} . Memory (MB): peak = 2000.5 ; "
_MEMORY = "gain = 0.000 ; free physical = 1200 ; free virtual = 1800"


def spent(seconds: int) -> str:
    return _TIME.format(seconds) + _MEMORY


#: A placer in which another task nests, with phases numbered from 1 again.
IMPLEMENTATION = f"""
*** Running vivado
    with args -log top_wrapper.vdi -applog -m64 -product Vivado -mode batch -source top_wrapper.tcl
{_BANNER}
Command: place_design -directive ExtraTimingOpt
INFO: [Common 17-349] Got license for feature 'Implementation' and/or device 'xc7z020'

Starting Placer Task

Phase 1 Placer Initialization
Phase 1 Placer Initialization | Checksum: 1a2b

{spent(4)}

Phase 4 Post Placement Optimization and Clean-Up

Phase 4.1 Post Commit Optimization

Phase 4.1.1 Post Placement Optimization

Phase 4.1.1.1 BUFG Insertion

Starting Physical Synthesis Task

Phase 1 Physical Synthesis Initialization
INFO: [Physopt 32-619] Estimated Timing Summary | WNS=0.128 | TNS=0.000 |
Phase 1 Physical Synthesis Initialization | Checksum: 3c4d

{spent(2)}
Ending Physical Synthesis Task | Checksum: 3c4d

{spent(3)}
Phase 4.1.1.1 BUFG Insertion | Checksum: 5e6f

{spent(9)}
Phase 4 Post Placement Optimization and Clean-Up | Checksum: 7a8b

{spent(12)}
Ending Placer Task | Checksum: 9c0d

{spent(13)}
WARNING: [DRC DPOP-2] PREG Output pipelining: one of many
INFO: [Common 17-14] Message 'DRC DPOP-2' appears 100 times and further instances of the messages \
will be disabled.
place_design completed successfully
place_design: {spent(15)}
Command: route_design
Starting Routing Task
Phase 4 Rip-up And Reroute
 Number of Nodes with overlaps = 700
 Number of Nodes with overlaps = 20
 Number of Nodes with overlaps = 0
INFO: [Route 35-416] Intermediate Timing Summary | WNS=0.533  | TNS=0.000  | WHS=N/A | THS=N/A |
  Number of Unrouted Nets             = 0
INFO: [Route 35-20] Post Routing Timing Summary | WNS=0.244  | TNS=0.000  | WHS=0.012 | THS=0.000 |
1 Infos, 1 Warnings, 0 Critical Warnings and 0 Errors encountered.
route_design completed successfully
route_design: {spent(20)}
Command: write_bitstream -force top_wrapper.bit
write_bitstream completed successfully
write_bitstream: {spent(5)}
INFO: [Common 17-206] Exiting Vivado at Mon Mar  1 14:36:00 2021...
"""

OVER = (
    "ERROR: [DRC UTLZ-1] Resource utilization: RAMB18 and RAMB36/FIFO over-utilized in Top Level "
    "Design (This design requires more RAMB18 and RAMB36/FIFO cells than are available in the "
    "target device. This design requires 613 of such cell types but only 280 compatible sites are "
    "available in the target device.)"
)

#: A run in which placing is refused, and its parent, which repeats it.
REFUSED = f"""
*** Running vivado
    with args -log top_wrapper.vdi -applog -m64 -product Vivado -mode batch -source top_wrapper.tcl
{_BANNER}
CRITICAL WARNING: [Designutils 20-1275] Could not find module 'ps'.
Command: place_design
{OVER}
ERROR: [Vivado_Tcl 4-23] Error(s) found during DRC. Placer not run.
place_design failed
ERROR: [Common 17-39] 'place_design' failed due to earlier errors.

INFO: [Common 17-206] Exiting Vivado at Mon Mar  1 14:36:00 2021...
"""
PARENT = f"""# Vivado v2022.2 (64-bit)
# Start of session at: Mon Mar  1 14:22:29 2021
source ip_config.tcl
#    catch {{common::send_msg_id "BD_TCL-109" "ERROR" "no"}}
WARNING: [BD 41-1] one of its own
[Mon Mar  1 14:23:47 2021] Launched a_synth_1, synth_1...
[Mon Mar  1 14:23:47 2021] Launched impl_1...
[Mon Mar  1 14:23:47 2021] Waiting for impl_1 to finish...
{REFUSED}[Mon Mar  1 14:36:01 2021] impl_1 finished
WARNING: [Vivado 12-8222] Failed run(s) : 'impl_1'
wait_on_run: {spent(12)}
# open_run impl_1
ERROR: [Common 17-69] Command failed: Run 'impl_1' failed. Unable to open
INFO: [Common 17-206] Exiting Vivado at Mon Mar  1 14:36:01 2021...
"""

HLS = """
****** Vitis HLS - High-Level Synthesis from C, C++ and OpenCL v2022.2 (64-bit)
INFO: [HLS 200-10] For user 'u' on host 'h' (L) on Mon Mar 01 01:05:45 +0000 2021
INFO: [HLS 200-1510] Running: csynth_design
INFO: [HLS 200-111] Finished File checks: CPU user time: 0 seconds. Elapsed time: 1.5 seconds; x
INFO: [HLS 200-10] Synthesizing 'MVAU_hls_0' ...
INFO: [HLS 200-42] -- Implementing module 'MVAU_hls_0_inner'
INFO: [HLS 200-42] -- Implementing module 'MVAU_hls_0'
INFO: [HLS 200-789] **** Estimated Fmax: 136.99 MHz
INFO: [HLS 200-790] **** Loop Constraint Status: All loop constraints were satisfied.
INFO: [HLS 200-111] Finished Command csynth_design CPU user time: 1 s. Elapsed time: 9.5 seconds; x
INFO: [HLS 200-112] Total elapsed time: 60.64 seconds; peak allocated memory: 190.962 MB.
"""
HLS_FAILED = """
****** Vitis HLS - High-Level Synthesis from C, C++ and OpenCL v2022.2 (64-bit)
INFO: [HLS 200-10] Synthesizing 'MVAU_hls_0' ...
ERROR: [HLS 207-3337] unknown type name 'Slice' (top_MVAU_hls_0.cpp:12:5)
ERROR: [HLS 200-1715] Encountered problem during source synthesis
ERROR: [HLS 200-70] Pre-synthesis failed.
"""

#: Upstream appends: two builds in one log, the second of which just stops.
FINN = """[2025-11-30 06:43:32,000] Running step: step_tidy_up [1/2]
[2025-11-30 06:43:33,500] Running step: step_hw_ipgen [2/2]
[2025-11-30 07:00:00,000] Running step: step_tidy_up [1/3]
[2025-11-30 07:00:01,000] Running step: step_hw_ipgen [2/3]
[2025-11-30 07:03:01,000] Running step: step_out_of_context_synthesis [3/3]
"""
FINN_PLUS = """[2026-03-03 15:38:17,123]INFO:Building dataflow accelerator from model.onnx
[2026-03-03 15:38:17,200]INFO:Running step: step_hw_ipgen [14/20]
[2026-03-03 15:38:18,200]WARNING:something to know
[2026-03-03 15:38:19,200]ERROR:FINN ERROR: IPGen failed: /x not found. Check log under /y
"""

SAMPLES = {
    "runme.log": IMPLEMENTATION,
    "refused/runme.log": REFUSED,
    "vivado.log": PARENT,
    "vitis_hls.log": HLS,
    "failed/vitis_hls.log": HLS_FAILED,
    "build_dataflow.log": FINN,
    "plus/build_dataflow.log": FINN_PLUS,
    "time_per_step.json": '{"step_hw_ipgen": 1.5, "step_x": 2}',
    "folding.json": '{"Defaults": {}, "MVAU_hls_0": {"PE": 2, "SIMD": 4}}',
    "x_csynth.xml": "<profile><ReportVersion><Version>2022.2</Version></ReportVersion>"
    "<PerformanceEstimates><SummaryOfOverallLatency><Best-caseLatency>7</Best-caseLatency>"
    "</SummaryOfOverallLatency></PerformanceEstimates>"
    "<AreaEstimates><Resources><LUT>12</LUT></Resources></AreaEstimates></profile>",
    "route_status.rpt": "Design Route Status\n"
    "   # of logical nets.......................... :       72094 :\n"
    "       # of nets with routing errors.......... :           0 :\n",
    "x_timing_summary_routed.rpt": "| Design : x\n"
    "    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TPWS(ns)\n    -------   ------\n"
    "     -0.618     -152.301    210    9000   0.010  0.000  0  9000  1.5  0.0  0  100\n\n\n"
    "Timing constraints are not met.\n\n"
    "clk_fpga_0  {0.000 2.000}        4.000           250.000         \n",
}
