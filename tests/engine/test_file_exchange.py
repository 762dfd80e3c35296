"""Which parameters of the engine's methods are paths, and which files go with a file."""

from __future__ import annotations

import hashlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine import source_files
from finn_tui.engine.file_exchange import PATHS, FileExchange
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


EMPTY = hashlib.sha256(b"").hexdigest()


def written(name: object, size: object = 0) -> dict[str, Any]:
    """What an engine says of one file that it wrote."""
    return {"files": [{"name": name, "size": size, "sha256": EMPTY}]}


async def exchanged(tmp_path: Path, **answers: Any) -> None:
    """Ask an engine for a netlist, one that answers as given."""
    (tmp_path / "in.onnx").touch()
    usual = {"files_find": {"path": "/there"}, "files_make": {"path": "/there/out"}}
    usual |= {"netlist": {}, "files_written": written("out"), "files_drop": {}}

    async def call(method: str, params: Any = None, on_event: Any = None) -> Any:
        return (usual | answers)[method]

    params = {"path": str(tmp_path / "in.onnx"), "output": str(tmp_path / "here/out")}
    await FileExchange("far", call).call("netlist", params, None)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("files_find", None),
        ("files_find", {"path": 3}),
        ("files_make", {}),
        ("files_make", {"path": None}),
        ("files_written", {}),
        ("files_written", written("out", -1)),
        ("files_written", written(None)),
    ],
)
async def test_an_answer_about_files_that_is_none_is_said(
    tmp_path: Path, method: str, answer: Any
) -> None:
    with pytest.raises(FinnTuiError, match=f"answered {method} with something"):
        await exchanged(tmp_path, **{method: answer})


@pytest.mark.parametrize("name", ["out/../../x", "other", "out/a\0b", "/x", "out//x"])
async def test_what_was_not_asked_for_is_not_written(tmp_path: Path, name: str) -> None:
    await exchanged(tmp_path)
    assert (tmp_path / "here/out").is_file()
    (tmp_path / "here/out").unlink()
    await exchanged(tmp_path, files_written=written(name))
    assert not any((tmp_path / "here").iterdir())
