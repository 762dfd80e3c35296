"""Learning from the workspace's own builds: the real and finished ones, and no others."""

from __future__ import annotations

from pathlib import Path

from finn_tui.lab.foldings import own_builds
from finn_tui.runs.folder import list_runs
from tests.lab import real_build

PART = "xc7z020clg400-1"


def test_only_finished_builds_with_real_tools_teach(tmp_path: Path) -> None:
    assert own_builds.learned(list_runs(tmp_path)) is None
    real_build.write(tmp_path, "20260101T000000Z-a-0001", simulated=True)
    real_build.write(tmp_path, "20260101T000001Z-a-0002", state="failed")
    real_build.write(tmp_path, "20260101T000002Z-a-0003", state="running")
    broken = real_build.write(tmp_path, "20260101T000003Z-a-0004")
    (broken.path / "run.json").write_text('{"id": ')
    assert own_builds.learned(list_runs(tmp_path)) is None
    assert own_builds.own(list_runs(tmp_path), PART) == (None, None)
    real_build.write(tmp_path, "20260101T000004Z-a-0005")
    learned = own_builds.learned(list_runs(tmp_path))
    assert own_builds.own(list_runs(tmp_path), PART)[1] == learned
    assert learned is not None and learned.sources == ("20260101T000004Z-a-0005",)
    lut = learned.corrections["MVAU_hls", "LUT", False]
    # The median of 0.728, 0.375, 0.361, 0.282.
    assert lut.n == 4 and 0.36 < lut.middle < 0.38 and lut.widened
    dsp = learned.corrections["MVAU_hls", "DSP", True]
    assert dsp.n == 4 and dsp.middle == 32.5
    # FIFOs and DMA are no layers that FINN estimates.
    assert {key[0] for key in learned.corrections} == {"MVAU_hls"}


def test_the_own_shell_is_the_newest_on_a_part_of_the_family(tmp_path: Path) -> None:
    real_build.write(tmp_path, "20260101T000000Z-a-0001", part="xczu7ev-ffvc1156-2-e")
    assert own_builds.own(list_runs(tmp_path), PART)[0] is None
    real_build.write(tmp_path, "20260101T000001Z-a-0002", part="xc7z010clg400-1")
    shell, _ = own_builds.own(list_runs(tmp_path), PART)
    assert shell is not None and shell.own and "0002" in shell.source
    layers = sum(row[0] for row in real_build.BUILT.values())
    assert shell.use["LUT"] == real_build.TOP[0] - layers
    assert shell.use["BRAM_18K"] == 2
