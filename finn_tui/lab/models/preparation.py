"""Preparing a model with the engine: in a folder of its own, swapped in at the end."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from finn_tui.base import files
from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.core.device import Device
from finn_tui.engine.client import Engine
from finn_tui.engine.server.training.published import PUBLISHED
from finn_tui.lab.models import datasets, identity, remedies
from finn_tui.lab.models.model_request import ModelRequest
from finn_tui.lab.models.models import Model, failed_folder, find_prepared, identified, locate
from finn_tui.lab.workspace import Workspace

#: A stage is larger than this; with less left, that is why writing one failed.
_LEAST_BYTES = 1_000_000


async def prepare(
    workspace: Workspace,
    request: ModelRequest,
    device: Device,
    clock_ns: float,
    engine: Engine,
    *,
    out: Path | None = None,
    weights: Mapping[str, Any] | None = None,
    data: Path | None = None,
    on_progress: OnProgress = ignore,
) -> Model:
    """Have the engine turn the model into a dataflow graph.

    What was there before stays until the new preparation is complete.

    Args:
        out: another folder for the result than the workspace's.
        weights: overrides where the weights come from (``{"kind": "random", "seed": 0}``).
        data: images on which to find out what zero padding costs (a folder or an .npz file).

    Raises:
        FinnTuiError: with the engine's explanation.
    """
    if weights is not None:
        request = request.with_weights(weights)
    label = await asyncio.to_thread(locate, workspace, request, device.part)
    folder = out or workspace.models_dir / label / device.part
    lock = workspace.models_dir / f".{label}.{device.part}.lock"
    if out is not None:
        lock = out.with_name(f".{out.name}.lock")
    async with _turn(lock, on_progress) as waited:
        if waited and out is None and weights is None and data is None:
            engine_info = await engine.call("info")
            prepared = await asyncio.to_thread(
                find_prepared, workspace, request, device, engine_info
            )
            if prepared is not None:
                return prepared
        tests = await asyncio.to_thread(_published_tests, workspace, request)
        asked = request if tests is None else replace(request, tests=tests)
        return await _prepare(folder, label, asked, device, clock_ns, engine, data, on_progress)


async def export(
    request: ModelRequest, engine: Engine, out: Path, on_progress: OnProgress
) -> dict[str, Any]:
    """Write a network as QONNX; see ``Workbench.export``."""

    def on_event(name: str, data: dict[str, Any]) -> None:
        if name == "progress":
            on_progress(Progress("export", data["message"], data.get("fraction")))

    question = {"source": dict(request.source), "out": str(out.absolute())}
    answer: dict[str, Any] = await engine.call("export", question, on_event)
    return answer


def _published_tests(workspace: Workspace, request: ModelRequest) -> str | None:
    """The folder of the published data set that a preset is for, if it is on this machine."""
    name = request.preset.dataset if request.preset is not None else None
    if name not in PUBLISHED:
        return None
    place = datasets.find(workspace.root, name)
    return place.folder if place is not None and place.name == name else None


@contextlib.asynccontextmanager
async def _turn(path: Path, on_progress: OnProgress) -> AsyncIterator[bool]:
    """Hold a model's lock while it is prepared; gives whether another process had it before.

    Waiting can be cancelled; a process that dies gives its lock back.
    """
    import filelock

    try:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        lock = filelock.FileLock(path, timeout=0)
        waited = False
        while True:
            try:
                lock.acquire()
                break
            except filelock.Timeout:
                if not waited:
                    message = "another finn-tui prepares this model; waiting"
                    on_progress(Progress("prepare", message))
                waited = True
                await asyncio.sleep(0.3)
    except OSError as error:
        raise _full(path.parent, str(error)) from error
    try:
        yield waited
    finally:
        lock.release()


def _sweep(folder: Path) -> None:
    """Remove what preparations left that were killed; who calls has the model's lock."""
    names = (f"{folder.name}.partial", f".{folder.name}.*.partial")
    for left in (path for name in names for path in folder.parent.glob(name)):
        shutil.rmtree(left, ignore_errors=True)


async def _prepare(
    folder: Path,
    label: str,
    request: ModelRequest,
    device: Device,
    clock_ns: float,
    engine: Engine,
    data: Path | None,
    on_progress: OnProgress,
) -> Model:
    """Prepare into a folder of its own name, and put that in place of ``folder`` at the end."""
    # Its own name: what another process does to this model must not meet it.
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    source = dict(request.source)

    def on_event(name: str, data: dict[str, Any]) -> None:
        if name == "progress":
            on_progress(Progress("prepare", data["message"], data.get("fraction"), data))

    await asyncio.to_thread(_sweep, folder)
    try:
        await asyncio.to_thread(partial.mkdir, parents=True, exist_ok=True)
        info = await engine.call(
            "prepare",
            {
                "source": {**source, "tests": request.tests},
                "out": str(partial),
                "board": device.board,
                "part": device.part,
                "clock_ns": clock_ns,
                "data": str(data.absolute()) if data is not None else None,
            },
            on_event,
        )
        # Remembered as it was asked, so that the next start finds it again.
        info["source"] = source
        info["warnings"] = remedies.with_commands(info["warnings"], request.preset)
        if await asyncio.to_thread(identity.content, source) != request.content:
            raise FinnTuiError(
                f"{request.origin} was changed while it was prepared",
                "What was prepared is neither the old file nor the new one.",
                "Prepare it again.",
            )
        info |= await asyncio.to_thread(identified, request, label, partial)
        files.write_sealed(partial / "model.json", info, indent=1)
        await asyncio.to_thread(_swap, partial, folder)
        await asyncio.to_thread(shutil.rmtree, failed_folder(folder), True)
    except OSError as error:
        raise _full(folder, str(error)) from error
    except FinnTuiError as error:
        await asyncio.to_thread(_keep_failed, partial, failed_folder(folder))
        kept = failed_folder(folder)
        if kept.is_dir() and error.detail and error.kind is not ErrorKind.CANCELLED:
            on_progress(Progress("prepare", f"the stages that passed are kept in {kept}"))
        # Libraries inside FINN lose the reason when a disk is full; look for ourselves.
        if error.kind is not ErrorKind.CANCELLED and _free(partial) < _LEAST_BYTES:
            raise _full(folder, error.what) from error
        raise
    finally:
        await asyncio.to_thread(shutil.rmtree, partial, True)
        if folder.parent.name == label:
            # Left only where it holds another part's preparation, or this one.
            with contextlib.suppress(OSError):
                await asyncio.to_thread(folder.parent.rmdir)
    return Model(label, folder, info, request.preset)


def _keep_failed(partial: Path, failed: Path) -> None:
    if (partial / "failed.json").is_file():
        shutil.rmtree(failed, ignore_errors=True)
        partial.rename(failed)


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free if folder.exists() else _LEAST_BYTES


def _full(folder: Path, why: str) -> FinnTuiError:
    return FinnTuiError(
        f"{folder} could not be written",
        f"{why}. {_free(folder.parent) / 1e6:.1f} MB are left on that disk.",
        "Make room on the disk or choose another workspace; what was there before is kept.",
        kind="disk",
    )


def _swap(partial: Path, folder: Path) -> None:
    if folder.exists():
        # A folder of the user's own (--out) may hold other things: replace only what is ours.
        for item in partial.iterdir():
            target = folder / item.name
            if target.is_dir():
                shutil.rmtree(target)
            item.replace(target)
        for stale in ("design.json", "tables.json"):
            (folder / stale).unlink(missing_ok=True)
    else:
        partial.rename(folder)
