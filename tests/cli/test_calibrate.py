"""`calibrate`, and `estimate` beside what own builds taught."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.lab import real_build


@pytest.fixture
def built(recorded: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The recorded workspace with one real build in it, which is taken out again."""
    workspace = tmp_path / "workspace"
    shutil.copytree(recorded["FINN_TUI_WORKSPACE"], workspace)
    real_build.write(workspace / "runs", "20260101T000000Z-cybsec-0001")
    return {**recorded, "FINN_TUI_WORKSPACE": str(workspace)}


def test_with_no_builds_nothing_is_said(cli: Cli, recorded: dict[str, str]) -> None:
    done = cli("estimate", "tfc-w1a1", "--json", env=recorded)
    assert done.code == 0 and "learned" not in done.json
    assert done.json["extra"]["shell"]["own"] is False
    text = cli("estimate", "tfc-w1a1", env=recorded).out
    assert "learned" not in text and "measured on akhilvasan/finn_cybsec" in text
    done = cli("calibrate", env=recorded)
    assert done.code == 0 and "nothing learned" in done.out
    assert cli("calibrate", "--json", env=recorded).json == {
        "format_version": 1,
        "builds": [],
        "factors": [],
    }


def test_own_builds_stand_beside_finns_numbers_and_change_none(
    cli: Cli, recorded: dict[str, str], built: dict[str, str]
) -> None:
    before = cli("estimate", "tfc-w1a1", "--json", env=recorded).json
    after = cli("estimate", "tfc-w1a1", "--json", env=built).json
    learned, shell = after.pop("learned"), after["extra"].pop("shell")
    before["extra"].pop("shell")
    assert after == before
    assert shell["own"] and "20260101T000000Z-cybsec-0001" in shell["source"]
    assert learned["builds"] == ["20260101T000000Z-cybsec-0001"]
    rows = {row["name"]: row for row in learned["layers"]}
    finn = {row["name"]: row for row in before["layers"]}
    span = rows["MVAU_hls_0"]["LUT"]
    assert span["n"] == 4 and span["low"] < span["value"] < span["high"]
    assert span["value"] == pytest.approx(finn["MVAU_hls_0"]["LUT"] * 0.3683, rel=0.01)
    assert "LUT" not in rows["LabelSelect_hls_0"]
    assert learned["total"]["LUT"]["layers_as_finn_says"] == 3
    text = cli("estimate", "tfc-w1a1", env=built).out
    assert "LUT learned" in text and "learned from 1 build of yours: LUT" in text


def test_the_table_of_a_build_and_of_all(cli: Cli, built: dict[str, str]) -> None:
    text = cli("calibrate", "last", env=built).out
    assert "4 layers" in text and "-27%" in text and "2 DMA" in text
    assert "the whole design with its shell" in text
    assert "FINN's sum over its 4 layers alone: LUT 12,711" in text
    document = cli("calibrate", "cybsec-0001", "--json", env=built).json
    assert document["measured"] == "post_synthesis" and document["simulated"] is False
    run = Path(built["FINN_TUI_WORKSPACE"]) / "runs" / "20260101T000000Z-cybsec-0001"
    same = cli("calibrate", str(run / "build"), "--json", env=built).json
    assert same["nodes"] == document["nodes"]
    factors = cli("calibrate", env=built).out
    assert "MVAU_hls" in factors and "few, widened" in factors
    done = cli("calibrate", "nosuch", env=built)
    assert done.code == 2 and "there is no run called nosuch" in done.err
