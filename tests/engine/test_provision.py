"""Making the engine's environment: what is said when that cannot be done."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from finn_tui.base import environments
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.engine import catalogue, provision, recipes
from finn_tui.engine.catalogue import EngineSpec


def tiny(*arguments: str) -> environments.Recipe:
    return environments.Recipe("tiny", "3.11", (arguments,), "1")


async def test_without_a_network_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    for version in (None, "1.5.0"):
        with pytest.raises(FinnTuiError, match=r"engine finn-plus.* could not be inst") as caught:
            await provision.install(version=version)
        assert "no network" in caught.value.why
        assert caught.value.kind == "engine" and caught.value.fix


async def test_an_installation_that_was_broken_off_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "environment"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("half of an interpreter")
    assert environments.read_marker(folder) is None
    python = await environments.ensure(folder, tiny("--dry-run", "pip"))
    assert python.is_file() and environments.read_marker(folder) is not None
    assert python.read_bytes()[:4] != b"half"


async def test_two_at_once_install_it_once(tmp_path: Path) -> None:
    folder = tmp_path / "environment"
    messages: list[str] = []

    def listen(progress: Progress) -> None:
        messages.append(progress.message)

    first, second = await asyncio.gather(
        environments.ensure(folder, tiny("--dry-run", "pip"), listen),
        environments.ensure(folder, tiny("--dry-run", "pip"), listen),
    )
    assert first == second
    assert messages.count("tiny: making an environment") == 1


async def test_a_version_that_does_not_start_is_taken_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def broken(spec: EngineSpec) -> Any:
        raise FinnTuiError("FINN cannot be imported", "a reason", "a fix")

    def recipe(name: str, version: str | None) -> environments.Recipe:
        return tiny("--dry-run", "pip")

    monkeypatch.setenv("FINN_TUI_HOME", str(tmp_path))
    monkeypatch.setattr(recipes, "finn_plus", recipe)
    monkeypatch.setattr(provision, "_ask", broken)
    with pytest.raises(FinnTuiError, match="does not start: FINN cannot be imported") as caught:
        await provision.install(version="0.1")
    assert "1.4.0" in caught.value.fix and "removed" in caught.value.fix
    assert not catalogue.engine_folder("finn-plus-0.1.0").exists()
    with pytest.raises(FinnTuiError, match="FINN cannot be imported"):
        await provision.install(version="1.5")
    assert catalogue.engine_folder("finn-plus-1.5.0").exists()  # known to work: another fault


async def test_cancelling_ends_uv_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "environment"
    started = asyncio.Event()
    task = asyncio.create_task(
        environments.ensure(folder, tiny("--dry-run", "pip"), lambda _: started.set())
    )
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FinnTuiError, match="cannot write") as caught:
        await environments.ensure(tmp_path / "file" / "environment", tiny("pip"))
    assert caught.value.kind == "disk"


async def test_only_managed_engines_are_removed() -> None:
    with pytest.raises(FinnTuiError, match="no managed engine called finn-plus"):
        await provision.remove("finn-plus")
    with pytest.raises(FinnTuiError, match="cannot install an engine called upstream"):
        await provision.install("upstream")
