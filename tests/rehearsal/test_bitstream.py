"""The simulated bitstream's container."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_tui.rehearsal import bitstream


def test_what_is_packed_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.bit"
    bitstream.pack(path, {"ii_cycles": 64, "simulated": False}, b"\n\x00npz\n")
    meta, network = bitstream.unpack(path)
    assert meta == {"ii_cycles": 64, "simulated": True}, "no way to make one that is not marked"
    assert network == b"\n\x00npz\n"
    assert path.read_bytes().startswith(b"FINN-TUI SIMULATED")


def test_a_real_bitstream_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "real.bit"
    path.write_bytes(b"\x00\x09\x0f\xf0\x0f\xf0" * 1000)
    with pytest.raises(ValueError, match="not a bitstream of a rehearsal"):
        bitstream.unpack(path)
