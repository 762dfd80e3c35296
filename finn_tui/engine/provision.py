"""Making and removing the engine's managed environments."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from pathlib import Path

from finn_tui.base import environments
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.engine.catalogue import DEFAULT, EngineSpec, engine_folder, find, remember
from finn_tui.engine.client import Engine

_HERE = Path(__file__).resolve().parent


def recipe(name: str = DEFAULT) -> environments.Recipe:
    """What uv installs for the managed engine ``name``."""
    requirements, overrides = _HERE / "requirements.txt", _HERE / "overrides.txt"
    digest = hashlib.sha256(requirements.read_bytes() + overrides.read_bytes()).hexdigest()[:16]
    files = ("--requirements", str(requirements), "--overrides", str(overrides))
    return environments.Recipe(
        name=f"engine {name}",
        python="3.11",
        arguments=(("--torch-backend", "cpu", *files), files),
        version=digest,
    )


async def install(name: str = DEFAULT, on_progress: OnProgress = ignore) -> EngineSpec:
    """Make the managed engine unless it is complete, start it once and keep what it says of itself.

    Raises:
        FinnTuiError: the environment could not be made, or FINN does not start in it.
    """
    if name != DEFAULT:
        raise FinnTuiError(
            f"finn-tui cannot install an engine called {name}",
            f"The one that it makes by itself is {DEFAULT}; others are named in engines.toml.",
            f"Use `finn-tui engine install {DEFAULT}`.",
        )
    folder = engine_folder(name)
    await environments.ensure(folder, recipe(name), on_progress)
    spec = find(name)
    assert spec is not None
    if spec.info is None:
        on_progress(Progress("install", f"engine {name}: starting FINN for the first time", 0.95))
        async with await Engine.start(spec) as engine:
            spec = remember(spec, await engine.call("info"))
    return spec


async def remove(name: str) -> None:
    """Delete a managed engine. Raises ``FinnTuiError`` for one that is not managed or not there."""
    spec = find(name)
    if spec is None or spec.folder is None:
        raise FinnTuiError(
            f"there is no managed engine called {name}",
            "Only engines that finn-tui installed can be removed by it.",
            "`finn-tui engine list` shows which there are.",
        )
    await asyncio.to_thread(shutil.rmtree, spec.folder)
