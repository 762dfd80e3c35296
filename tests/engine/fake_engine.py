"""Stands before the engine's archive as a Python with FINN does: ``fake_engine.py ARCHIVE serve``.

Methods that need FINN do with their files what FINN's do; the rest is the archive's own.
"""

import gzip
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0])

from finn_tui.engine.protocol import EngineError  # noqa: E402
from finn_tui.engine.server import file_store, wire  # noqa: E402


def prepare(params: dict[str, Any], context: wire.Context) -> Any:
    """Write stages, or keep what passed of a failure."""
    source, out = Path(params["source"]["path"]), Path(params["out"])
    content = source.read_bytes()
    context.progress(f"reading {source}")
    (out / "stages").mkdir(parents=True)
    (out / "stages/00-export.onnx").write_bytes(content)
    if params.get("fail"):
        (out / "failed.json").write_text("{}")
        raise EngineError("no", f"{source} is not good", "mend it")
    (out / "dataflow.onnx").write_bytes(content[::-1])
    beside = sorted(path.name for path in source.parent.iterdir())
    return {"source": params["source"], "beside": beside}


def graph(params: dict[str, Any], context: wire.Context) -> Any:
    """Say what a file holds."""
    return {"path": params["path"], "bytes": Path(params["path"]).stat().st_size}


def info(params: dict[str, Any], context: wire.Context) -> Any:
    """What an engine must say of itself."""
    boards = {"Pynq-Z2": {"part": "xc7z020clg400-1"}}
    return {"flavour": "finn-plus", "version": "1.6.1", "boards": boards, "tools": {}}


def _recorded() -> dict[str, Any]:
    path = Path(__file__).resolve().parents[1] / "data/tfc-w1a1.json.gz"
    document: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return document


def design(params: dict[str, Any], context: wire.Context) -> Any:
    """The recorded design, of whatever graph."""
    Path(params["path"]).read_bytes()
    return _recorded()["design"]


def tables(params: dict[str, Any], context: wire.Context) -> Any:
    """The recorded cost tables, of whatever graph."""
    Path(params["path"]).read_bytes()
    for table in _recorded()["tables"]:
        context.event("table", table)
    return {}


def converters(params: dict[str, Any], context: wire.Context) -> Any:
    """The recorded costs of width converters and FIFOs."""
    return _recorded()["prices"]


def long(params: dict[str, Any], context: wire.Context) -> Any:
    """An answer of many bytes."""
    return "x" * params["bytes"]


def compute(params: dict[str, Any], context: wire.Context) -> Any:
    """Work without looking up."""
    context.progress("computing")
    end = time.monotonic() + 600
    while time.monotonic() < end:
        sum(range(10_000))
    return None


def wait(params: dict[str, Any], context: wire.Context) -> Any:
    """Answer once a file is there, which the test writes behind the protocol's back."""
    context.progress("waiting")
    while not Path(params["for"]).exists():
        time.sleep(0.05)
    return Path(params["for"]).read_text()


METHODS = {
    "design": design,
    "tables": tables,
    "converters": converters,
    "prepare": prepare,
    "graph": graph,
    "info": info,
    "long": long,
    "compute": compute,
    "wait": wait,
    **file_store.METHODS,
}

if __name__ == "__main__":
    wire.open_server(METHODS).serve()
