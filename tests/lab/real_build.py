"""A finished build with real tools as its run folder holds it, with figures of a published one.

akhilvasan/finn_cybsec: FINN 0.10.1 and Vivado 2022.2 on a Pynq-Z2; its README has the estimates,
report/post_synth_resources.json what came of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from finn_tui.runs.folder import RunFolder

ESTIMATE = {
    "MVAU_hls_0": (6741, 36),
    "MVAU_hls_1": (1149, 4),
    "MVAU_hls_2": (1148, 4),
    "MVAU_hls_3": (316, 1),
}
#: LUT, RAMB36, RAMB18, DSP.
BUILT = {
    "MVAU_hls_0": (4910, 18, 0, 0),
    "MVAU_hls_1": (431, 2, 0, 64),
    "MVAU_hls_2": (415, 2, 0, 64),
    "MVAU_hls_3": (89, 0, 0, 1),
    "StreamingFIFO_rtl_0": (102, 0, 0, 0),
}
TOP = (12711, 22, 2, 129)


def used(lut: int, ramb36: int, ramb18: int, dsp: int) -> dict[str, int]:
    return {"LUT": lut, "SRL": 0, "FF": lut, "BRAM_36K": ramb36, "BRAM_18K": ramb18, "DSP": dsp}


def write(
    runs_dir: Path,
    name: str,
    *,
    state: str = "succeeded",
    simulated: bool = False,
    part: str = "xc7z020clg400-1",
) -> RunFolder:
    """Write a run folder."""
    folder = runs_dir / name
    reports = folder / "build" / "report"
    reports.mkdir(parents=True)
    documents: dict[Path, Any] = {
        folder / "run.json": {
            "id": name,
            "model": "cybsec",
            "created": "2026-01-01T00:00:00+00:00",
            "folding": {},
            "folding_name": "ones",
            "board": "Pynq-Z2",
            "part": part,
            "clock_ns": 10.0,
            "engine": {"flavour": "finn", "version": "0.10.1"},
            "simulated": simulated,
            "rehearsal": {"seconds": 1} if simulated else None,
        },
        folder / "state.json": {"state": state},
        reports / "estimate_layer_resources.json": {
            node: {"LUT": lut, "BRAM_18K": bram, "URAM": 0, "DSP": 0}
            for node, (lut, bram) in ESTIMATE.items()
        }
        | {"total": {"LUT": 9354, "BRAM_18K": 45}},
        reports / "post_synth_resources.json": {
            "(top)": used(*TOP),
            "StreamingDataflowPartition_0_IODMA_hls_0": used(1149, 0, 1, 0),
            **{f"StreamingDataflowPartition_1_{node}": used(*row) for node, row in BUILT.items()},
            "StreamingDataflowPartition_2_IODMA_hls_0": used(938, 0, 1, 0),
        },
    }
    for path, document in documents.items():
        path.write_text(json.dumps(document))
    return RunFolder(folder)
