"""Make the recorded models anew: ``uv run python -m tests.data``. Needs an engine."""

from __future__ import annotations

import asyncio
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from finn_tui.cli.common import Reporter
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from tests.data import FOLDER

#: Sample images that are kept of each model.
_IMAGES = 4


def _write(name: str, document: Any) -> None:
    path = FOLDER / f"{name}.json.gz"
    text = json.dumps(document, separators=(",", ":"))
    # Without the time in it, the same content is the same file.
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{path.name}: {path.stat().st_size:,} bytes")


async def main() -> None:
    """Prepare, and keep what the engine answered."""
    with tempfile.TemporaryDirectory() as folder, Reporter() as reporter:
        async with Workbench(Workspace.open(Path(folder))) as lab:
            _write("engine", await lab.info(reporter))
            for name in ("tfc-w1a1", "cnv-w1a1"):
                opened = await lab.open(name, on_progress=reporter)
                model = opened.model
                tables = json.loads((model.folder / "tables.json").read_text())
                sample = {
                    key: np.load(model.folder / "sample" / f"{key}.npy")[:_IMAGES].tolist()
                    for key in ("images", "labels", "software")
                }
                graphs = {stage.name: await lab.graph(stage) for stage in model.stages}
                _write(
                    name,
                    {
                        "model": dict(model.info),
                        "design": json.loads((model.folder / "design.json").read_text()),
                        **tables,
                        **sample,
                        "graphs": graphs,
                    },
                )


if __name__ == "__main__":
    asyncio.run(main())
