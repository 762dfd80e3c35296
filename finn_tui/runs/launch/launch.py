"""Starting a build: checks, the run folder, and the detached runner."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.base.text import printable, unprintable
from finn_tui.engine.archive import engine_archive
from finn_tui.engine.catalogue import EngineSpec, require_here
from finn_tui.engine.server.runs import runfiles, runprocesses, runqueue
from finn_tui.rehearsal.tools.install import install
from finn_tui.runs.documents import RunState, RunStatus
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch import processes, tools
from finn_tui.runs.launch.tools import Tools
from finn_tui.runs.placement import Placement, write_placement

#: Free space that a build is not begun without. A rehearsal of CNV leaves 60 MB; a real one keeps
#: several Vivado projects with their checkpoints.
REHEARSAL_BYTES = 300 * 1000 * 1000
BUILD_BYTES = 6 * 1000 * 1000 * 1000
#: The runner imports nothing of FINN before it says that it runs.
START_SECONDS = 60.0

#: Where a run works, by its id.
Place = Callable[[str], Placement]

_UNQUOTED = re.compile(r"""[\s'"`$;&|<>(){}\[\]*?!#~\\]""")
_UNFIT = re.compile(r"[^A-Za-z0-9.-]+")
_PATCHED = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST", runprocesses.MARK)


@dataclass(frozen=True)
class BuildRequest:
    """What to build.

    Attributes:
        model: its name; ``graph`` its dataflow graph, ``folder`` where its ``sample`` and
            ``dataset`` lie.
        folding: FINN's folding configuration; ``folding_name`` what the user calls it.
        board, part, clock_ns: FINN's board, its part, the clock period.
        engine: the FINN that builds.
        rehearse: seconds that the stand-ins for AMD's tools take in all, None for a real build.
        estimate: as ``finn-tui estimate --json``, kept beside what will be measured.
        dataset: what the driver validates on: mnist, cifar, cifar100.
        source: where the model comes from and what its weights are.
        fifo: ``simulate`` finds FIFO depths by RTL simulation, ``minimal`` leaves them minimal;
            a rehearsal always does the latter.
        fail: what a rehearsal's tools are to fail at, ``{"mode": ..., "layer": ...}``; modes are
            ``rehearsal.tools.plan.FAILURES``.
        log_mb: how many megabytes of log a rehearsal's implementation writes besides.
        parallel: how many builds of the workspace run at once; the others wait.
        notify: the user's shell command to start at the end, empty for none.
    """

    model: str
    graph: Path
    folder: Path
    folding: Mapping[str, Any]
    folding_name: str
    board: str
    part: str
    clock_ns: float
    engine: EngineSpec
    rehearse: float | None = None
    estimate: Mapping[str, Any] | None = None
    dataset: str | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    fifo: str = "simulate"
    fail: Mapping[str, str] | None = None
    log_mb: float = 0.0
    parallel: int = 1
    notify: str = ""


async def launch(
    request: BuildRequest,
    runs_dir: Path,
    *,
    force: bool = False,
    on_progress: OnProgress = ignore,
) -> RunFolder:
    """Begin a build in a process of its own, which outlives this one, and return its run.

    Returns when the runner has said that it runs or waits for its turn; what happens then is in
    the run folder.

    Args:
        force: begin even where the disk is likely to be too small.

    Raises:
        FinnTuiError: AMD's tools are missing (kind "tools"), the disk is too small (kind "disk"),
            the path cannot be used, or the engine's Python does not start (kind "engine").
    """
    require_here(request.engine)
    check_path(runs_dir)
    amd_tools = None
    if request.rehearse is None:
        amd_tools = await asyncio.to_thread(tools.check_tools)
    if not force:
        await asyncio.to_thread(check_disk, runs_dir, request.rehearse is not None)
    on_progress(Progress("build", "copying the model into the run's folder"))
    archive = await asyncio.to_thread(engine_archive)
    run = await asyncio.to_thread(make_folder, request, runs_dir, archive)
    on_progress(Progress("build", f"starting {run.id}"))
    await start_runner(run, request.engine, amd_tools, request.parallel, request.notify)
    return run


async def start_runner(
    run: RunFolder, engine: EngineSpec, amd_tools: Tools | None, parallel: int, notify: str
) -> None:
    """Start the runner of a queued run and wait until it has taken over.

    Raises:
        FinnTuiError: it does not start (kind "engine"); the run is failed then.
    """
    environment = {k: v for k, v in os.environ.items() if k not in _PATCHED}
    environment.update(amd_tools.environment if amd_tools else {})
    environment[runfiles.NOTIFY] = notify
    try:
        await asyncio.to_thread(runqueue.set_limit, str(run.path.parent), parallel)
        # Here, not in the runner: the order is that of launching.
        await asyncio.to_thread(runqueue.take, str(run.path))
    except OSError as error:
        raise _not_started(run, f"the queue cannot be written: {error}") from error
    child = await asyncio.to_thread(_start, run, engine, environment)
    await _taken_over(run, child)


def odd_characters(path: str) -> list[str]:
    """Return the characters of a path that FINN's scripts, which do not quote, cannot take."""
    return sorted(set(_UNQUOTED.findall(path)))


def check_path(runs_dir: Path) -> None:
    """Raise ``FinnTuiError`` for a folder that FINN's shell and Tcl scripts would not find."""
    check_path_text(
        str(runs_dir.absolute()),
        "Choose a workspace whose path has letters, digits and . _ - only.",
    )


def check_path_text(path: str, fix: str) -> None:
    """Raise ``FinnTuiError`` for an absolute path that FINN's scripts, which quote none, break at.

    Args:
        path: of a folder, here or on a host.
        fix: what to do.
    """
    unseen = unprintable(path)
    odd = [repr(c) for c in odd_characters(path) if c.isprintable()] + [unseen] * bool(unseen)
    if odd:
        raise FinnTuiError(
            "FINN cannot build in this folder",
            f"Its path has {' '.join(odd)} in it, and FINN's scripts do not quote paths: "
            f"{printable(path)}",
            fix,
        )


def check_disk(runs_dir: Path, small: bool) -> None:
    """Raise ``FinnTuiError`` (kind "disk") unless there is room for a run.

    Args:
        runs_dir: where it will lie.
        small: a rehearsal or a training, which need less than a real build.
    """
    place = runs_dir
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    need = REHEARSAL_BYTES if small else BUILD_BYTES
    if free < need:
        raise FinnTuiError(
            f"there is too little room on the disk for a {'run' if small else 'build'}",
            f"{free / 1e9:.1f} GB are free where {runs_dir} lies; it needs {need / 1e9:.1f}.",
            "`finn-tui runs clean` removes the working files of old runs; or choose a workspace on "
            "another disk.",
            kind="disk",
        )


def queued_build(request: BuildRequest, runs_dir: Path, place: Place | None = None) -> RunFolder:
    """Make the run folder of a build and start nothing: whoever does so says where.

    Args:
        request: what to build.
        runs_dir: of the workspace.
        place: where a run of an id works if not here.

    Raises:
        FinnTuiError: the folder cannot be written, or not be used (kind "disk").
    """
    check_path(runs_dir)
    return make_folder(request, runs_dir, engine_archive(), place)


def make_folder(
    request: BuildRequest, runs_dir: Path, archive: Path, place: Place | None = None
) -> RunFolder:
    """The whole run folder of a build; see ``make_run_folder``."""
    rehearsal = None if request.rehearse is None else {"seconds": float(request.rehearse)}
    document = {
        "model": request.model,
        "folding": dict(request.folding),
        "folding_name": request.folding_name,
        "board": request.board,
        "part": request.part,
        "clock_ns": float(request.clock_ns),
        "engine": engine_document(request.engine),
        "rehearsal": rehearsal,
        "simulated": rehearsal is not None,
        "dataset": request.dataset,
        "estimate": dict(request.estimate) if request.estimate is not None else None,
        "source": dict(request.source),
        "fifo": "minimal" if rehearsal else request.fifo,
    }

    def fill(partial: Path) -> None:
        shutil.copyfile(request.graph, partial / "model.onnx")
        for part in ("sample", "dataset"):
            if (request.folder / part).is_dir():
                shutil.copytree(request.folder / part, partial / part)
        if rehearsal is not None:
            install(partial / "rehearsal")
            fail = dict(request.fail) if request.fail else None
            plan = {**rehearsal, "fail": fail, "log_mb": request.log_mb}
            plan |= _left_out(request.estimate or {})
            (partial / "rehearsal" / "rehearsal.json").write_text(json.dumps(plan))

    return make_run_folder(runs_dir, document, archive, fill, place)


def _left_out(estimate: Mapping[str, Any]) -> dict[str, Any]:
    """Return what finn-tui counts beside FINN's estimates, so that a rehearsal counts the same."""
    extra = estimate.get("extra", {})
    shell, memory = extra.get("shell") or {}, extra.get("memory") or {}
    return {"shell": shell.get("parts", []), "memory": memory.get("layers", {})}


def engine_document(engine: EngineSpec) -> dict[str, Any]:
    """Return what run.json says of an engine."""
    return {
        "name": engine.name,
        "python": engine.command[-1],
        "command": list(engine.command),
        "flavour": (engine.info or {}).get("flavour"),
        "version": (engine.info or {}).get("version"),
    }


def make_run_folder(
    runs_dir: Path,
    request: Mapping[str, Any],
    archive: Path,
    fill: Callable[[Path], None],
    place: Place | None = None,
) -> RunFolder:
    """Make a queued run, under its name only once everything is in it.

    Args:
        runs_dir: of the workspace.
        request: what run.json says, without what is the same for every run.
        archive: the engine's code.
        fill: puts the other files into the folder that it is given.
        place: where a run of an id works if not here.

    Raises:
        FinnTuiError: the folder cannot be written (kind "disk" if that is why).
    """
    now = datetime.now(UTC)
    name = _UNFIT.sub("-", str(request["model"])).strip("-") or "model"
    partial = None
    try:
        id, partial = _reserve(runs_dir, f"{now:%Y%m%dT%H%M%SZ}-{name}")
        created = now.isoformat(timespec="seconds")
        placement = place(id) if place is not None else None
        host = placement.host if placement is not None else "local"
        document = {"format": 1, "id": id, "created": created, "host": host, **request}
        fill(partial)
        # The code that works on it stays what it is, whatever happens to the app meanwhile.
        shutil.copyfile(archive, partial / "engine.pyz")
        runfiles.write_json(str(partial / runfiles.RUN), document)
        queued = {"state": RunStatus.QUEUED, **runprocesses.identity(), "heartbeat": time.time()}
        runfiles.write_json(str(partial / runfiles.STATE), queued)
        runfiles.append_event(str(partial), "state", state=RunStatus.QUEUED, error=None)
        if placement is not None:
            write_placement(partial, placement)
        return RunFolder(partial.rename(runs_dir / id))
    except OSError as error:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise FinnTuiError(
            "the run's folder could not be made",
            str(error),
            "Make room on the disk, or choose another workspace. Nothing was started."
            if full
            else "Prepare the model again, or choose a workspace that can be written. Nothing was "
            "started.",
            kind="disk" if full else "input",
        ) from error


def _reserve(runs_dir: Path, stem: str) -> tuple[str, Path]:
    """Return a new run's id and the folder in which it is made.

    Among 200 runs of one second two have the same four digits once in four times. The folder
    reserves the id; whoever had it before has either this folder still or already the run's.

    Args:
        runs_dir: of the workspace.
        stem: of the id, before its four digits.

    Raises:
        OSError: the folder cannot be made.
    """
    runs_dir.mkdir(parents=True, exist_ok=True)
    while True:
        id = f"{stem}-{secrets.token_hex(2)}"
        partial = runs_dir / f".{id}.partial"
        try:
            partial.mkdir()
        except FileExistsError:
            continue
        if not (runs_dir / id).exists():
            return id, partial
        partial.rmdir()


def _start(
    run: RunFolder, engine: EngineSpec, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start the runner so that it lives on without this process and its terminal."""
    command = [*engine.command, str(run.path / "engine.pyz"), "build", str(run.path)]
    try:
        with run.log.open("ab") as log:
            # Not asyncio's: its transports end the process with the event loop.
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=run.path,
                env=environment,
                start_new_session=True,
            )
    except OSError as error:
        raise _not_started(run, f"{' '.join(command)}: {error}") from error
    processes.adopt(child)
    return child


async def _taken_over(run: RunFolder, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while _untouched(await asyncio.to_thread(run.state)):
        if child.poll() is not None or time.monotonic() > deadline:
            if not _untouched(await asyncio.to_thread(run.state)):
                return
            child.kill()
            tail = run.log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise _not_started(run, tail.strip() or f"It ended with code {child.poll()}.")
        await asyncio.sleep(0.05)


def _untouched(state: RunState) -> bool:
    """Whether no runner has said anything yet."""
    return state.state is RunStatus.QUEUED and state.pid is None


def _not_started(run: RunFolder, why: str) -> FinnTuiError:
    error = FinnTuiError(
        "the run could not be started",
        why,
        "Check the engine: `finn-tui engine info`. The run's folder is kept.",
        kind="engine",
    )
    state = {"state": RunStatus.FAILED, **runprocesses.identity(), "heartbeat": time.time()}
    state.update(ended=runfiles.now(), error=error.as_dict())
    runfiles.save_state(str(run.path), state)
    runfiles.append_event(str(run.path), "state", state=RunStatus.FAILED, error=error.as_dict())
    return error
