"""Figures of builds by a FINN that leaves Vivado's report as it is (up to 0.10)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finn_tui.engine.server.build import build_results

HEAD = ("Instance", "Module", "Total LUTs", "SRLs", "FFs", "RAMB36", "RAMB18", "DSP48 Blocks")
ROWS = (
    ("top_wrapper", "(top)", 900, 5, 1200, 3, 1, 2),
    ("  top_i", "top", 880, 5, 1100, 3, 1, 2),
    ("    StreamingDataflowPartition_1_MatrixVectorActivation_0", "x", 500, 4, 600, 2, 1, 2),
    ("      MatrixVectorActivation_0", "inner", 1, 1, 1, 1, 1, 1),
)


def cells(name: str, values: tuple[object, ...]) -> str:
    return "".join(f'<{name} contents=" {value} "/>' for value in values)


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "build" / "report"
    folder.mkdir(parents=True)
    estimates = {"MatrixVectorActivation_0": {"LUT": 1}, "total": {"LUT": 1}}
    (folder / "estimate_layer_resources.json").write_text(json.dumps(estimates))
    rows = "".join(f"<tablerow>{cells('tablecell', row)}</tablerow>" for row in ROWS)
    (folder / "post_synth_resources.xml").write_text(
        f"<RptDoc><table><tablerow>{cells('tableheader', HEAD)}</tablerow>{rows}</table></RptDoc>"
    )
    return folder


def test_resources_are_read_from_the_report_itself(reports: Path) -> None:
    result = build_results.post_synthesis(str(reports.parents[1]))
    assert result is not None
    assert result["source"] == "build/report/post_synth_resources.xml"
    assert (result["LUT"], result["FF"], result["BRAM_18K"], result["DSP"]) == (900, 1200, 7, 2)
    assert [(row["name"], row["LUT"]) for row in result["layers"]] == [
        ("MatrixVectorActivation_0", 500)
    ]


@pytest.mark.parametrize(
    "content", ["", "<RptDoc>", "<table/>", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>']
)
def test_a_damaged_report_is_none(reports: Path, content: str) -> None:
    (reports / "post_synth_resources.xml").write_text(content)
    assert build_results.post_synthesis(str(reports.parents[1])) is None
