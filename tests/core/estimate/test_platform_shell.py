"""The shell: figures with a source or none at all."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from finn_tui.core.device import RESOURCES
from finn_tui.core.estimate import platform_shell
from tests.runs.real_logs import LOGS

#: Parts of boards that FINN knows.
ZYNQ = ("xc7z020clg400-1", "xczu3eg-sbva484-1-e", "xczu7ev-ffvc1156-2-e", "xck26-sfvc784-2LV-c")


@pytest.mark.parametrize("part", ZYNQ)
def test_every_figure_has_a_source(part: str) -> None:
    shell = platform_shell.published(part)
    assert shell is not None and not shell.own
    assert "commit" in shell.source and "Vivado" in shell.tool and shell.state
    document = shell.as_json()
    for name in RESOURCES:
        assert document[name] == sum(item[name] for item in document["parts"]) == shell.use[name]


@pytest.mark.parametrize("part", ["xcu250-figd2104-2L-e", "xcvc1902-vsva2197-2MP-e-S", ""])
def test_no_figure_where_no_source_is_known(part: str) -> None:
    assert platform_shell.published(part) is None


def test_the_published_figures_are_near_those_of_another_build_of_the_family() -> None:
    """A ZCU104 build of somebody else, against what is shown for all Zynq UltraScale+."""
    path = LOGS / "zhangks98_eeg-adapt/output_final_1a4d06eb/report/post_synth_resources.xml"
    blocks = {}
    for row in ElementTree.parse(path).iter("tablerow"):
        cells = [cell.get("contents", "") for cell in row.iter("tablecell")]
        if cells:
            blocks[cells[0].strip()] = cells
    shell = platform_shell.published("xczu7ev-ffvc1156-2-e")
    assert shell is not None
    ours = {part.name: part.use[0] for part in shell.parts}
    for name, block in (
        ("AXI SmartConnect to memory", "smartconnect_0"),
        ("AXI interconnect for control", "axi_interconnect_0"),
    ):
        assert ours[name] == pytest.approx(int(blocks[block][2]), rel=0.02)


def test_the_shell_of_an_own_build_is_what_its_layers_leave() -> None:
    top = {"LUT": 12711, "BRAM_18K": 46, "URAM": 0, "DSP": 129}
    layers = [
        {"name": "IODMA_hls_0", "LUT": 1149, "BRAM_18K": 1, "URAM": 0, "DSP": 0},
        {"name": "MVAU_hls_0", "LUT": 6286, "BRAM_18K": 44, "URAM": 0, "DSP": 129},
        {"name": "IODMA_hls_0", "LUT": 938, "BRAM_18K": 1, "URAM": 0, "DSP": 0},
    ]
    shell = platform_shell.own("xc7z020clg400-1", "2026-run", "Vivado 2022.2", top, layers)
    assert shell is not None and shell.own and "2026-run" in shell.source
    assert shell.use == {"LUT": 12711 - 6286, "BRAM_18K": 2, "URAM": 0, "DSP": 0}
    assert platform_shell.own("xc7z020clg400-1", "r", "", top, []) is None
    assert platform_shell.own("xc7z020clg400-1", "r", "", {"LUT": 5}, layers) is None
