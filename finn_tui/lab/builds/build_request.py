"""From the folding that is edited to a build: what is asked for, and what is looked at before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.core.editor import Editor
from finn_tui.core.folding import finn_json
from finn_tui.core.optimize import buildability
from finn_tui.lab.models.models import Model
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch.launch import BuildRequest
from finn_tui.runs.launch.preflight import Finding, Plan, preflight, refused

if TYPE_CHECKING:
    from finn_tui.engine.catalogue import EngineSpec
    from finn_tui.lab.foldings.opened import Opened
    from finn_tui.lab.models.models import Model
    from finn_tui.lab.workspace import Workspace

#: What FINN's drivers call the datasets.
_DRIVER_NAMES = {"cifar10": "cifar"}


#: What tells them by the test files of a model that was trained here.
_TEST_FILES = {
    "t10k-images-idx3-ubyte.gz": "mnist",
    "test_batch": "cifar10",
    "test": "cifar100",
}


def _test_set_of(model: Model) -> str | None:
    """The form of the test set that a user's own network was trained on and brings."""
    if not model.weights.get("dataset"):
        return None
    names = (
        name for file, name in _TEST_FILES.items() if (model.folder / "dataset" / file).is_file()
    )
    return next(names, None)


class BuildWorkbench(Protocol):
    """What a build needs of the workbench."""

    workspace: Workspace

    async def spec(self, on_progress: OnProgress = ignore) -> EngineSpec:
        """Return the engine of the workspace."""


async def check(
    lab: BuildWorkbench,
    opened: Opened,
    *,
    rehearse: bool | None = None,
    seconds: float | None = None,
    on: str | None = None,
) -> list[Finding]:
    """What can be said of a build before it begins, see ``finn_tui.runs.launch.preflight``.

    Args:
        lab: the workspace.
        opened: model and folding.
        rehearse, seconds: as of ``Workbench.build``.
        on: the host that is to build; None is where the workspace's engine is.

    Raises:
        FinnTuiError: the host cannot be asked, or no host builds with the engine.
    """
    settings, editor = lab.workspace.settings, opened.editor
    plan = Plan(
        model=opened.model.name,
        device=editor.device,
        clock_ns=editor.clock_ns,
        layers=editor.estimate.total,
        inserted=editor.estimate.infrastructure.total(),
        runs_dir=lab.workspace.runs_dir,
        refusals=buildability.refusals(editor.design, editor.folding),
        rehearse=settings.rehearse if rehearse is None else rehearse,
        seconds=seconds or settings.rehearsal_seconds,
        parallel=settings.parallel_builds,
    )
    findings = await asyncio.to_thread(preflight, plan)
    from finn_tui.lab.build_places.locate import place_named

    place = await asyncio.to_thread(place_named, on or await default_host(lab))
    return await place.check(findings, rehearse=plan.rehearse)


async def default_host(lab: BuildWorkbench) -> str | None:
    """Return the host that builds with the workspace's engine; None is this machine.

    Args:
        lab: the workspace; an engine that is still to be installed will be here.

    Raises:
        FinnTuiError: the engine is elsewhere, and no host builds with it.
    """
    from finn_tui.engine import catalogue
    from finn_tui.lab.build_places.locate import host_of_engine

    if not await asyncio.to_thread(catalogue.engines):
        return None
    return await asyncio.to_thread(host_of_engine, await lab.spec())


async def host_for(
    lab: BuildWorkbench, on: str | None, on_progress: OnProgress = ignore
) -> str | None:
    """Return the host that builds, and say which where none is named; None is this machine.

    Args:
        lab: the workspace.
        on: the host that the user names; None for none.
        on_progress: told where it builds.

    Raises:
        FinnTuiError: none is named, the engine is elsewhere, and no host builds with it.
    """
    if on is None and (on := await default_host(lab)) is not None:
        on_progress(Progress("build", f"on {on}, where the engine is"))
    return on


def source_of(model: Model) -> dict[str, Any]:
    """What a run says of the model that it builds: enough to know it from another of its name."""
    return {
        "weights": dict(model.weights),
        "model_folder": str(model.folder),
        "model_id": model.id,
        "content": model.content,
        "title": model.title,
    }


def folding_title(editor: Editor) -> str:
    """What people call the folding that is edited: one changed since it was named says so."""
    count = editor.changes
    return editor.baseline_name + (f" + {count} change{'s' if count > 1 else ''}" if count else "")


async def build(
    lab: BuildWorkbench,
    opened: Opened,
    *,
    rehearse: bool | None,
    seconds: float | None,
    fail: Mapping[str, str] | None,
    log_mb: float,
    force: bool,
    on: str | None,
    on_progress: OnProgress,
) -> RunFolder:
    """Begin a build; see ``Workbench.build``."""
    from finn_tui.lab.boards.driver_consent import remember_own
    from finn_tui.lab.build_places.locate import place_named

    on = await host_for(lab, on, on_progress)
    request = await request_for(
        lab,
        opened,
        rehearse=rehearse,
        seconds=seconds,
        fail=fail,
        log_mb=log_mb,
        force=force,
        on=on,
        on_progress=on_progress,
    )
    place = await asyncio.to_thread(place_named, on)
    (run,) = await place.launch(
        [request], lab.workspace.runs_dir, force=force, on_progress=on_progress
    )
    await asyncio.to_thread(remember_own, run)
    return run


async def request_for(
    lab: BuildWorkbench,
    opened: Opened,
    *,
    rehearse: bool | None = None,
    seconds: float | None = None,
    fail: Mapping[str, str] | None = None,
    log_mb: float = 0.0,
    force: bool = False,
    on: str | None = None,
    on_progress: OnProgress = ignore,
) -> BuildRequest:
    """Return what to build, if nothing refuses it; see ``Workbench.build``.

    Args:
        lab: the workspace.
        opened: model and folding.
        rehearse, seconds, fail, log_mb, force, on: as of ``Workbench.build``.
        on_progress: gets what is going on.

    Raises:
        FinnTuiError: what the preflight refuses; or there is no engine.
    """
    settings = lab.workspace.settings
    if rehearse is None:
        rehearse = settings.rehearse
    on_progress(Progress("build", "looking at what could end the build"))
    findings = await check(lab, opened, rehearse=rehearse, seconds=seconds, on=on)
    error = refused(findings, force)
    if error is not None:
        raise error
    editor, model = opened.editor, opened.model
    dataset = model.preset.dataset if model.preset else _test_set_of(model)
    return BuildRequest(
        model=model.name,
        graph=model.dataflow,
        folder=model.folder,
        folding=finn_json.to_json(editor.design, editor.folding),
        folding_name=folding_title(editor),
        board=editor.device.board,
        part=editor.device.part,
        clock_ns=editor.clock_ns,
        engine=await lab.spec(on_progress),
        rehearse=(seconds or settings.rehearsal_seconds) if rehearse else None,
        estimate=editor.estimate.as_json(editor.design, editor.device),
        dataset=_DRIVER_NAMES.get(dataset, dataset) if dataset else None,
        source=source_of(model),
        fail=fail,
        log_mb=log_mb,
        parallel=settings.parallel_builds,
        notify=lab.workspace.agreed_notify(),
    )
