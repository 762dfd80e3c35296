"""What the stand-ins count is what finn-tui counts, so that they refuse the same designs."""

from __future__ import annotations

from pathlib import Path

from finn_tui.core.estimate.platform_shell import ShellPart, own, published
from finn_tui.rehearsal.tools.design import RESOURCES, layer_resources
from finn_tui.rehearsal.tools.plan import Plan

CELLS = ("idma0", "odma0", "smartconnect_0", "axi_interconnect_0", "proc_sys_reset_0", "zynq_ps")
PARTITION = "StreamingDataflowPartition_1_"


def plan(**more: object) -> Plan:
    return Plan(Path(), **more)  # type: ignore[arg-type]


def test_the_shell_adds_up_to_the_source() -> None:
    shell = published("xc7z020clg400-1")
    assert shell is not None
    rehearsal = plan(shell=shell.as_json()["parts"])
    used = [layer_resources(cell, rehearsal) for cell in CELLS]
    for name in ("LUT", "BRAM_18K", "URAM", "DSP"):
        total = sum(each[name] for each in used)
        # The two DMAs share what is theirs in whole units.
        assert 0 <= shell.use[name] - total <= 1
    assert all(set(each) == set(RESOURCES) for each in used)


def test_the_shell_of_an_own_build_is_counted_once() -> None:
    top = {"LUT": 9000, "BRAM_18K": 6, "URAM": 0, "DSP": 0}
    layers = [
        {"name": "MVAU_hls_0", "LUT": 3000, "BRAM_18K": 2, "URAM": 0, "DSP": 0},
        {"name": "IODMA_hls_0", "LUT": 1000, "BRAM_18K": 2, "URAM": 0, "DSP": 0},
    ]
    shell = own("xc7z020", "run", "Vivado", top, layers)
    assert shell is not None and isinstance(shell.parts[0], ShellPart)
    rehearsal = plan(shell=shell.as_json()["parts"])
    used = sum(layer_resources(cell, rehearsal)["LUT"] for cell in CELLS)
    # It has one DMA; the design that is rehearsed has two.
    assert used == shell.use["LUT"] + 1000


def test_memory_that_finn_leaves_out_is_counted() -> None:
    rows = {"MVAU_rtl_0": {"LUT": 0, "BRAM_18K": 0, "DSP": 4}}
    rehearsal = plan(resources=rows, memory={"MVAU_rtl_0": 8192.0})
    assert layer_resources(PARTITION + "MVAU_rtl_0", rehearsal)["LUT"] == 8192
    assert layer_resources(PARTITION + "MVAU_rtl_0", plan(resources=rows))["LUT"] == 0


def test_luts_that_are_unknown_to_finn_are_not_invented() -> None:
    rows = {"LabelSelect_hls_0": {"LUT": 0, "BRAM_18K": 0}}
    parts = [{"name": "input DMA", "LUT": 1149}]
    used = layer_resources("LabelSelect_hls_0", plan(resources=rows, shell=parts))
    assert used["LUT"] == 0 and used["FF"] > 0


def test_a_cell_that_nobody_counts_adds_no_luts() -> None:
    parts = [{"name": "input DMA", "LUT": 1149}]
    assert layer_resources("xlconstant_0", plan(shell=parts))["LUT"] == 0
    assert layer_resources("xlconstant_0", plan())["LUT"] > 0
