"""Reports of designs that do not fit, and files that are packed in one way or another."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from finn_tui.cli.inspect import UNDECIDED
from finn_tui.cli.inspect import inspect as command
from finn_tui.runs.analysis.inspect import inspect
from tests.runs.readers.samples import IMPLEMENTATION

HEAD = """\
Copyright 1986-2022 Xilinx, Inc. All Rights Reserved.
| Tool Version : Vivado v.2022.2 (lin64) Build 3671981 Fri Oct 14 04:59:54 MDT 2022
| Date         : Mon Mar  4 10:11:12 2024
| Command      : report_utilization -file top_utilization_synth.rpt
| Design       : top
| Device       : xc7z020clg400-1
| Design State : Synthesized

1. Slice Logic
--------------
+------------+-------+-------+------------+-----------+--------+
|  Site Type |  Used | Fixed | Prohibited | Available |  Util% |
+------------+-------+-------+------------+-----------+--------+
"""
ROW = "| {} | {} | 0 | 0 | {} | {:.2f} |\n"


def report(*rows: tuple[str, float, float]) -> str:
    return HEAD + "".join(ROW.format(*row, 100 * row[1] / row[2]) for row in rows)


@pytest.mark.parametrize(
    ("rows", "resource", "need", "have"),
    [
        ([("Slice LUTs*", 61234, 53200), ("Slice Registers", 9000, 106400)], "LUT", 61234, 53200),
        ([("Slice LUTs", 60000, 53200), ("Block RAM Tile", 280, 140)], "BRAM", 280, 140),
        ([("Block RAM Tile", 140.5, 140)], "BRAM", 141, 140),
        ([("  LUT as Memory", 17600, 17400)], "LUTRAM", 17600, 17400),
        ([("DSPs", 221, 220)], "DSP", 221, 220),
        ([("URAM", 97, 96)], "URAM", 97, 96),
        ([("F7 Muxes", 30000, 26600)], "MUX", 30000, 26600),
        ([("Bonded IOB", 130, 125)], "IO", 130, 125),
    ],
)
def test_a_report_above_100_percent_is_of_a_failed_design(
    tmp_path: Path, rows: list[tuple[str, float, float]], resource: str, need: int, have: int
) -> None:
    path = tmp_path / "top_utilization_synth.rpt"
    path.write_text(report(*rows))
    inspection = inspect(path)
    assert inspection.outcome == "failed"
    assert inspection.cause is not None
    assert inspection.cause.id == "over-utilization"
    details = inspection.cause.details
    assert (details["resource"], details["need"], details["have"]) == (resource, need, have)
    assert f"{need:,} of {have:,}" in inspection.cause.text
    assert "ultra" not in inspection.cause.advice, "xc7z020 has no UltraRAM"
    # The same beside a build that came to its end: its placed design counts.
    (tmp_path / "runme.log").write_text(IMPLEMENTATION)
    assert inspect(tmp_path).outcome == "succeeded"


def test_a_report_of_a_full_part_is_a_success(tmp_path: Path) -> None:
    path = tmp_path / "top_utilization_placed.rpt"
    path.write_text(report(("Slice LUTs", 53200, 53200), ("URAM", 0, 1), ("DSPs", 0.0, 220)))
    assert inspect(path).outcome == "succeeded"


def test_a_layer_that_hls_estimates_too_large(tmp_path: Path) -> None:
    path = tmp_path / "top_csynth.rpt"
    path.write_text(
        "== Vitis HLS Report for 'MVAU_0'\n* Version:        2022.2\n"
        "== Utilization Estimates\n"
        "|       Name      | BRAM_18K | DSP |   FF   |  LUT  | URAM|\n"
        "|Total            |       12 |   0 |  10000 | 60000 |    0|\n"
        "|Available        |      280 | 220 | 106400 | 53200 |    0|\n"
        "|Utilization (%)  |        4 |   0 |      9 |   112 |    0|\n"
    )
    inspection = inspect(path)
    assert (inspection.outcome, inspection.cause and inspection.cause.id) == (
        "failed",
        "over-utilization",
    )
    assert inspection.cause is not None
    assert inspection.cause.details["need"] == 60000
    shown = CliRunner().invoke(command, [str(path)]).output
    assert "line None" not in shown
    assert "HLS's estimate" in shown


def archive(text: bytes, *, compressed: str = "") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=f"w:{compressed}") as tar:  # type: ignore[call-overload]
        info = tarfile.TarInfo("runme.log")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    return packed.getvalue()


def zipped(text: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("runme.log", text)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("runme.log.zst", b"\x28\xb5\x2f\xfd\x24\x0c" + bytes(60), "zstd: decompress it first"),
        ("runme.log", b"\x28\xb5\x2f\xfd\x24\x0c" + bytes(60), "zstd: decompress it first"),
        ("build.log.lz4", b"\x04\x22\x4d\x18\x64\x40" + bytes(60), "lz4: decompress it first"),
        ("x.Z", b"\x1f\x9d\x90" + bytes(range(40, 120)), "decompress it first (uncompress)"),
        ("logs.zip", zipped(IMPLEMENTATION.encode()), "zip archive: unpack it first"),
        ("logs.tar", archive(IMPLEMENTATION.encode()), "tar archive: unpack it first"),
        ("a.tgz", archive(IMPLEMENTATION.encode(), compressed="gz"), "tar archive: unpack it"),
        ("a.log.xz", archive(IMPLEMENTATION.encode(), compressed="xz"), "tar archive: unpack it"),
    ],
)
def test_what_cannot_be_unpacked_is_named(
    tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    result = CliRunner().invoke(command, [str(path)])
    assert result.exit_code == UNDECIDED
    assert words in result.output
    inspection = inspect(path)
    assert inspection.outcome == "unknown"
    assert words in str(inspection.items[0].reading.note)


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("runme.log.gz", gzip.compress),
        ("runme.log.bz2", bz2.compress),
        ("runme.log.xz", lzma.compress),
        ("runme.log.lzma", lambda data: lzma.compress(data, lzma.FORMAT_ALONE)),
    ],
)
def test_parts_that_were_compressed_one_by_one(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    text = IMPLEMENTATION.encode()
    half = text.index(b"\n", len(text) // 2) + 1
    path = tmp_path / name
    path.write_bytes(pack(text[:half]) + pack(text[half:]))
    assert inspect(path).outcome == "succeeded"
    path.write_bytes(pack(text))
    assert inspect(path).outcome == "succeeded"
