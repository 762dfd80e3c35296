"""The hardware handoff (.hwh): what PYNQ and the drivers read about a design beside its bitstream.

finn-plus-driver takes the clock from ``clk_wiz_0``; PYNQ builds its list of blocks from MODULES
and from the processor's MEMORYMAP. Only those are written.
"""

from __future__ import annotations

import time
from pathlib import Path
from xml.sax.saxutils import quoteattr

from finn_tui.rehearsal.tools.design import cells, variables
from finn_tui.rehearsal.tools.plan import VERSION

#: Where FINN's shell puts the first AXI-Lite block, and how much each data mover takes.
_BASE = {"zynq_7000": 0x40000000, "zynq_us+": 0xA0000000}
_RANGE = 0x10000


def write(path: Path, tcl: str) -> None:
    """Write the hardware handoff of the Zynq project that a script builds.

    Args:
        path: file to write.
        tcl: the script.
    """
    values = variables(tcl)
    part = values.get("FPGA_PART", "xc7z020clg400-1")
    seven = part.startswith("xc7z")
    mhz = float(values.get("FREQ_MHZ", "100"))
    base = _BASE["zynq_7000" if seven else "zynq_us+"]
    movers = [name for name, _ in cells(tcl) if name.startswith(("idma", "odma"))]
    device = part[: 7 if seven else 6]
    modules = [
        _module("zynq_ps", *_processor(seven), _processor_parameters(seven), _map(movers, base)),
        _module(
            "clk_wiz_0",
            "clk_wiz",
            "xilinx.com:ip:clk_wiz:6.0",
            {
                "PRIM_IN_FREQ": "100.000",
                "CLKOUT1_REQUESTED_OUT_FREQ": f"{mhz:.3f}",
                "CLKOUT1_OUT_FREQ": f"{mhz:.5f}",
            },
        ),
        _module("smartconnect_0", "smartconnect", "xilinx.com:ip:smartconnect:1.0", {}),
        _module("axi_interconnect_0", "axi_interconnect", "xilinx.com:ip:axi_interconnect:2.1", {}),
        _module("proc_sys_reset_0", "proc_sys_reset", "xilinx.com:ip:proc_sys_reset:5.0", {}),
    ]
    for name, vlnv in cells(tcl):
        if vlnv.startswith("xilinx_finn:"):
            modules.append(_module(name, vlnv.split(":")[2], vlnv, {"Component_Name": name}))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8" standalone="no" ?>\n'
        "<!-- SIMULATED by finn-tui: a rehearsal's design, no hardware stands behind it -->\n"
        f'<EDKSYSTEM EDWVERSION="1.2" TIMESTAMP={quoteattr(time.ctime())} '
        f'VIVADOVERSION="{VERSION}">\n'
        f'  <SYSTEMINFO ARCH="{"zynq" if seven else "zynquplus"}" BOARD="" '
        f'DEVICE="{device[2:]}" NAME="top" PACKAGE="" SPEEDGRADE="-1"/>\n'
        "  <MODULES>\n" + "\n".join(modules) + "\n  </MODULES>\n</EDKSYSTEM>\n",
        encoding="utf-8",
    )


def _processor(seven: bool) -> tuple[str, str]:
    if seven:
        return "processing_system7", "xilinx.com:ip:processing_system7:5.5"
    return "zynq_ultra_ps_e", "xilinx.com:ip:zynq_ultra_ps_e:3.4"


def _processor_parameters(seven: bool) -> dict[str, str]:
    """Return the clock that feeds the clocking wizard: 100 MHz, by divisors as PYNQ computes it."""
    if seven:
        return {
            "PCW_EN_CLK0_PORT": "1",
            "PCW_FPGA0_PERIPHERAL_FREQMHZ": "100",
            "PCW_FCLK0_PERIPHERAL_DIVISOR0": "5",
            "PCW_FCLK0_PERIPHERAL_DIVISOR1": "2",
        }
    return {
        "PSU__FPGA_PL0_ENABLE": "1",
        "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ": "100",
        "PSU__CRL_APB__PL0_REF_CTRL__DIVISOR0": "15",
        "PSU__CRL_APB__PL0_REF_CTRL__DIVISOR1": "1",
    }


def _module(
    instance: str, kind: str, vlnv: str, parameters: dict[str, str], inner: str = ""
) -> str:
    values = "".join(
        f"        <PARAMETER NAME={quoteattr(name)} VALUE={quoteattr(value)}/>\n"
        for name, value in parameters.items()
    )
    return (
        f'    <MODULE COREREVISION="1" FULLNAME="/{instance}" HWVERSION="{vlnv.split(":")[-1]}" '
        f'INSTANCE="{instance}" IPTYPE="PERIPHERAL" IS_ENABLE="1" MODCLASS="PERIPHERAL" '
        f'MODTYPE="{kind}" VLNV="{vlnv}">\n'
        f"      <PARAMETERS>\n{values}      </PARAMETERS>\n{inner}    </MODULE>"
    )


def _map(movers: list[str], base: int) -> str:
    ranges = "".join(
        f'        <MEMRANGE ADDRESSBLOCK="Reg" BASENAME="C_BASEADDR" '
        f'BASEVALUE="0x{base + i * _RANGE:08X}" HIGHNAME="C_HIGHADDR" '
        f'HIGHVALUE="0x{base + (i + 1) * _RANGE - 1:08X}" INSTANCE="{name}" IS_DATA="TRUE" '
        f'IS_INSTRUCTION="TRUE" MASTERBUSINTERFACE="M_AXI_GP0" MEMTYPE="REGISTER" '
        f'SLAVEBUSINTERFACE="s_axi_control_0"/>\n'
        for i, name in enumerate(movers)
    )
    return f"      <MEMORYMAP>\n{ranges}      </MEMORYMAP>\n"
