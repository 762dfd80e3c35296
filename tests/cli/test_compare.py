"""`compare` on recorded models, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def test_two_foldings_layer_by_layer(cli: Cli, recorded: dict[str, str]) -> None:
    done = cli("compare", "tfc-w1a1", "published", "exp1", "--json", env=recorded)
    assert done.code == 0, done.err
    answer = done.json
    # The lab's first experiment is the published folding with one layer slow; what the lab does
    # not fold (the reshape) is folded no faster than that needs.
    mvaus = [row for row in answer["layers"] if row["op"] == "MVAU_hls"]
    assert [row["name"] for row in mvaus] == ["MVAU_hls_1"]
    assert mvaus[0]["changed"] == {"PE": [8, 1], "SIMD": [8, 1]}
    assert answer["ii_cycles"] == [64, 4096] and answer["fps"][0] == pytest.approx(1_562_500)
    for key, side in (("a", "published"), ("b", "exp1")):
        assert answer[key] == side
    alone = [
        cli("estimate", "tfc-w1a1", "--folding", name, "--json", env=recorded).json
        for name in ("published", "exp1")
    ]
    for name, pair in answer["total"].items():
        assert pair == [document["total"][name] for document in alone]
    for kind in ("dwc", "fifo"):
        assert answer["extra"][kind]["count"] == [item["extra"][kind]["count"] for item in alone]


def test_the_table_names_layers_converters_and_totals(cli: Cli, recorded: dict[str, str]) -> None:
    done = cli("compare", "cnv-w1a1", "ones", "published", env=recorded)
    assert done.code == 0, done.err
    assert "PE 1 > 32, SIMD 1 > 32, inFIFODepths 2 > 128" in done.out
    assert "width converter comes: MVAU_hls_5 to MVAU_hls_6, 1 > 4 bits" in done.out
    assert "21 layers differ, 0 are the same" in done.out
    same = cli("compare", "tfc-w1a1", "published", "published", "--all", env=recorded)
    assert "0 layers differ, 7 are the same" in same.out and "MVAU_hls_3" in same.out


def test_a_folding_that_is_not_there(cli: Cli, recorded: dict[str, str], tmp_path: Path) -> None:
    done = cli("compare", "tfc-w1a1", "published", "best", env=recorded)
    assert done.code == 2 and "no folding called best" in done.err
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({"MVAU_hls_0": {"PE": 3}}))
    done = cli("compare", "tfc-w1a1", str(bad), "ones", "--json", env=recorded)
    assert done.code == 2 and "PE = 3 is not legal" in done.json["error"]["what"]
