"""Which parameters of the engine's methods are paths, and which files go with a file."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from finn_tui.engine import source_files
from finn_tui.engine.file_exchange import PATHS
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import file_store, methods


def test_every_method_that_takes_paths_is_known() -> None:
    for name, method in methods.METHODS.items():
        if name in file_store.METHODS:
            continue
        source = inspect.getsource(method)
        taken = set(re.findall(r'_path\(params, "(\w+)"', source))
        taken |= set(re.findall(r'"(source|module|dataset)"', source))
        known = PATHS.get(name)
        assert taken == (set(known.read + known.written) if known else set()), name


def test_a_parent_graph_goes_with_its_partition(tmp_path: Path) -> None:
    parent = tmp_path / "parent.onnx"
    parent.write_bytes(b"StreamingDataflowPartition model /elsewhere/partition_0.onnx")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/partition_0.onnx").write_bytes(b"")
    (tmp_path / "other.onnx").write_bytes(b"")
    assert set(source_files.with_companions(parent)) == {"parent.onnx", "parts/partition_0.onnx"}


def test_a_folder_goes_whole_and_a_large_one_of_modules_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(b"a")
    assert set(source_files.with_companions(tmp_path / "images")) == {"images/a.png"}
    for name in ("net.py", "helper.py", "more.py"):
        (tmp_path / name).write_text("")
    assert len(source_files.with_companions(tmp_path / "net.py")) == 3
    monkeypatch.setattr(source_files, "_MOST_MODULES", 1)
    assert set(source_files.with_companions(tmp_path / "net.py")) == {"net.py"}


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", "", ".", "a/..", "a\0b", 3])
def test_no_name_leads_out_of_the_store(name: object, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no name"):
        file_store._inside(str(tmp_path), name)
