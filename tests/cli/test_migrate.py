"""`migrate`, and what is said of another FINN's folding file where ours was expected."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Cli

#: TFC's folding as FINN 0.8 named its nodes.
OLD = {
    "Defaults": {},
    "Thresholding_Batch_0": {"PE": 49, "ram_style": "block"},
    "StreamingFCLayer_Batch_0": {"PE": 16, "SIMD": 49, "mem_mode": "const"},
    "StreamingFIFO_1": {"depth": 32},
    "StreamingFCLayer_Batch_1": {"PE": 8, "SIMD": 8},
    "StreamingFCLayer_Batch_2": {"PE": 8, "SIMD": 8},
    "StreamingFCLayer_Batch_3": {"PE": 4, "SIMD": 8},
    "LabelSelect_Batch_0": {"PE": 1},
}


def test_an_old_file_is_refused_with_the_command_that_reads_it(
    cli: Cli, recorded: dict[str, str], tmp_path: Path
) -> None:
    old, new = tmp_path / "old folding.json", tmp_path / "new.json"
    old.write_text(json.dumps(OLD))
    done = cli("estimate", "tfc-w1a1", "--folding", str(old), env=recorded)
    assert done.code == 2
    assert f"finn-tui migrate '{old}' tfc-w1a1 --board Pynq-Z2 --out NEW.json" in done.err
    done = cli("migrate", str(old), "tfc-w1a1", "--out", str(new), env=recorded)
    assert done.code == 0, done.err
    assert "6 of 6 entries find their layer, 6 of them under another name" in done.out
    assert "PE = 4 is not legal (1, 2, 5, 10): 5 is the nearest that is legal" in done.out
    assert "mem_mode = internal_embedded" in done.out and "without ram_style" in done.out
    answer = cli("estimate", "tfc-w1a1", "--folding", str(new), "--json", env=recorded).json
    knobs = {layer["name"]: layer["knobs"] for layer in answer["layers"]}
    assert (knobs["MVAU_hls_0"]["PE"], knobs["MVAU_hls_0"]["SIMD"]) == (16, 49)
    assert answer["ii_cycles"] == 64


def test_migrate_in_json(cli: Cli, recorded: dict[str, str], tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text(json.dumps(OLD))
    answer = cli("migrate", str(old), "tfc-w1a1", "--json", env=recorded).json
    assert answer["matched"] == 6 and answer["inserted"] == 1 and answer["complete"] is False
    rows = {entry["name"]: entry for entry in answer["entries"]}
    assert rows["StreamingFIFO_1"]["how"] == "inserted"
    assert rows["StreamingFCLayer_Batch_3"]["refused"][0]["legal"] == [1, 2, 5, 10]
    assert answer["folding"]["MVAU_hls_1"]["PE"] == 8
    assert answer["ii_cycles"] == 64


def test_a_file_for_something_else(cli: Cli, recorded: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"FMPadding_Batch_0": {"SIMD": 2}, "Conv_0": {"PE": 1}}))
    done = cli("migrate", str(other), "tfc-w1a1", env=recorded)
    assert done.code == 2
    assert "tfc-w1a1 has no FMPadding." in done.err and "Conv is not a known op of FINN" in done.err
    done = cli("migrate", str(tmp_path / "missing.json"), "tfc-w1a1", env=recorded)
    assert done.code == 2 and "there is no folding called" in done.err
    other.write_text("[not json")
    done = cli("migrate", str(other), "tfc-w1a1", "--json", env=recorded)
    assert done.code == 2 and "cannot be read as a folding" in done.json["error"]["what"]
