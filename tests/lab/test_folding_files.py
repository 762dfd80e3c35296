"""Folding files as other programs write them, and as nobody should: read, or refused in words."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from finn_tui.base.text import number
from finn_tui.board.own_dataset import as_accelerator
from finn_tui.core.folding.model import MalformedFolding
from finn_tui.lab.foldings import saved_foldings
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.readers.documents import JsonReader

FOLDING = {"Defaults": {}, "MVAU_hls_0": {"PE": 2, "SIMD": 4}}
MODEL: Any = SimpleNamespace(name="tfc", preset=None)


def read(tmp_path: Path, content: bytes) -> Any:
    path = tmp_path / "folding.json"
    path.write_bytes(content)
    return saved_foldings.document(Workspace.open(tmp_path), MODEL, str(path))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_of_windows_editors_and_shells_are_read(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path, json.dumps(FOLDING).encode(encoding)) == FOLDING


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b" \n", "empty"),
        (b"\x89PNG" * 99, "no text: its byte 1"),
        (b'{"a": 1,}', "Line 1, column"),
        (b'{"a": %s}' % (b"9" * 5000), "more than 4,300 digits"),
        (json.dumps({f"MVAU_hls_{n}": {} for n in range(20_000)}).encode(), "20,000 entries"),
        (b" " * (17 << 20), "larger than 17 MB"),
        # Quick, and not a line of megabytes.
        (b"{" + b",".join(b'"x%d":1' % (n // 2) for n in range(100_000)) + b"}", "x10, x100"),
    ],
    ids=["deep", "deeper", "empty", "binary", "comma", "digits", "many", "large", "twice"],
)
def test_what_is_no_folding_is_refused_in_words(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(MalformedFolding) as error:
        read(tmp_path, content)
    assert why in error.value.why and len(error.value.why) < 200


@pytest.mark.parametrize(
    ("kind", "why"),
    [("folder", "directory"), ("pipe", "a pipe"), ("dangling", "not there"), ("loop", "links")],
)
def test_what_is_no_file_is_not_said_to_be_missing(tmp_path: Path, kind: str, why: str) -> None:
    path = tmp_path / "folding.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(path if kind == "loop" else tmp_path / "nothing")
    with pytest.raises(MalformedFolding) as error:
        saved_foldings.document(Workspace.open(tmp_path), MODEL, str(path))
    assert why in error.value.why


def test_absurd_figures_of_a_report_are_left_out() -> None:
    reader = JsonReader("time_per_step.json")
    reader.feed(b'{"step_a": 1e308, "step_b": 12.5, "step_c": 1e999, "step_d": true}')
    assert [phase.name for phase in reader.finish().phases] == ["step_b"]
    assert number(1e308) == "1e+308" and number(1234.5, 1) == "1,234.5" and number(None) == "-"


@pytest.mark.filterwarnings("error")
def test_floats_beyond_32_bits_are_refused_without_a_warning() -> None:
    about: Any = SimpleNamespace(dtypes=["UINT8"], preprocess="divide-255", scale=None)
    for value in (1e300, np.nan, np.inf):
        with pytest.raises(Exception, match="do not fit the accelerator"):
            as_accelerator(np.full((1, 4), value), about, "big.npy")
