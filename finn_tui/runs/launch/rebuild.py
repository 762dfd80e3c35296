"""Building a run once more: going on in its folder from a step, or anew in another one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import msgspec

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.engine import catalogue
from finn_tui.engine.archive import engine_archive
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import runfiles, scheduled, starting
from finn_tui.runs.documents import RunState, RunStatus
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch import tools
from finn_tui.runs.launch.launch import BuildRequest, check_disk, launch, start_runner
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.launch.train import TrainRequest, launch_training
from finn_tui.runs.placement import is_placed, read_placement

#: Where a training goes on.
CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class ResumePoints:
    """Where a run can go on.

    Attributes:
        steps: names of the steps that it can begin with, in their order; the last is the one
            that it ended in.
        why_not: why there is none, if there is none.
    """

    steps: tuple[str, ...]
    disabled_reason: FinnTuiError | None = None


def resumable(run: RunFolder) -> ResumePoints:
    """The steps from which a run can go on: those whose graph an earlier attempt has left.

    Raises:
        FinnTuiError: its state is missing or broken.
    """
    state = reconcile(run)
    if not state.final:
        return _not(f"{run.id} has not ended", f"It is {state.state}.", "Cancel it first.")
    if run.request.is_training:
        return _of_training(run, state)
    steps = scheduled.resume_steps(str(run.path), mirror=_is_mirror(run))
    if steps:
        return ResumePoints(tuple(steps))
    return _not(
        f"{run.id} left nothing to go on from",
        "It ended before its first step."
        if not any(event["event"] == "step" for event in run.events())
        else "Its working files were cleaned away.",
        f"Build it anew: finn-tui runs retry {run.id}"
        if (run.path / "model.onnx").is_file()
        else f"Build {run.request.model} anew.",
    )


def _is_mirror(run: RunFolder) -> bool:
    placement = read_placement(run.path) if is_placed(run.path) else None
    return placement is not None and not placement.shared


def _of_training(run: RunFolder, state: RunState) -> ResumePoints:
    """A training goes on from its last checkpoint, or begins again if it never wrote one."""
    ended = (run.results().get("training") or {}).get("ended")
    if state.state is RunStatus.SUCCEEDED and ended != "time":
        return _not(
            f"{run.id} has succeeded",
            "All its epochs are done, or nothing got better any more.",
            f"Train further from its weights: "
            f"finn-tui train {run.request.model} --weights {run.id}",
        )
    return ResumePoints((CHECKPOINT if (run.build / runfiles.CHECKPOINT).is_file() else "start",))


def _not(what: str, why: str, fix: str) -> ResumePoints:
    return ResumePoints((), FinnTuiError(what, why, fix))


async def resume(
    run: RunFolder,
    step: str | None = None,
    *,
    parallel: int = 1,
    notify: str = "",
    on_progress: OnProgress = ignore,
) -> RunFolder:
    """Go on with a run that has ended, in its own folder, with what its steps have left.

    A failure that its rehearsal was told to have is taken back.

    Args:
        step: FINN's name of the step to begin with; the one that it ended in if none is named.
            A run that has succeeded needs one.

    Raises:
        FinnTuiError: it runs, nothing is left of that step, or it cannot be started.
    """
    first = await first_step(run, step)
    training = run.request.is_training
    real = run.request.rehearsal is None and not training
    amd_tools = await asyncio.to_thread(tools.check_tools) if real else None
    await asyncio.to_thread(check_disk, run.path, not real)
    on_progress(Progress(run.request.kind, f"going on with {run.id} at {first}"))
    await asyncio.to_thread(requeue, run, first)
    await start_runner(run, engine_of(run), amd_tools, parallel, notify)
    return run


async def first_step(run: RunFolder, step: str | None) -> str:
    """Return the step that a run goes on at.

    Args:
        run: it has ended.
        step: FINN's name of the step that the user wants; None for the one that it ended in.

    Raises:
        FinnTuiError: it runs, nothing is left of that step, or a step must be named.
    """
    possible = await asyncio.to_thread(resumable, run)
    if possible.disabled_reason is not None:
        raise possible.disabled_reason
    training = run.request.is_training
    succeeded = (await asyncio.to_thread(run.state)).state is RunStatus.SUCCEEDED
    if step is None and succeeded and not training:
        raise FinnTuiError(
            f"{run.id} has succeeded",
            "There is no step left to do.",
            f"Name the step to do again: {', '.join(possible.steps)}",
        )
    if step is not None and step not in possible.steps:
        raise FinnTuiError(
            f"{run.id} cannot go on at {step}",
            f"It left the graphs for {', '.join(possible.steps)}.",
            "Name one of them.",
        )
    return step or possible.steps[-1]


def requeue(run: RunFolder, step: str) -> None:
    """Make an ended run a queued one again, unless somebody else has just done so.

    Args:
        run: it has ended.
        step: FINN's name of the step that it goes on at.

    Raises:
        FinnTuiError: somebody else has just resumed it, or its folder cannot be written.
    """
    try:
        starting.requeue(str(run.path), step, str(engine_archive()))
    except EngineError as error:
        raise FinnTuiError.from_dict(error.as_dict()) from error
    except (OSError, ValueError) as error:
        raise FinnTuiError(
            f"{run.id} could not be resumed",
            str(error),
            "Make room on the disk; its folder is as it was.",
            kind="disk",
        ) from error


async def retry(
    run: RunFolder,
    *,
    parallel: int = 1,
    notify: str = "",
    on_progress: OnProgress = ignore,
) -> RunFolder:
    """Build the same again in a new run folder; the old one stays as it is.

    A failure that the rehearsal was told to have is not asked for again.

    Raises:
        FinnTuiError: as ``launch``; or the model was cleaned out of the old folder.
    """
    old = run.request
    if old.training is not None:
        training = TrainRequest(
            old.model,
            msgspec.to_builtins(old.training),
            engine_of(run),
            {**old.source, "retry_of": run.id},
            parallel,
            notify,
        )
        return await launch_training(training, run.path.parent, on_progress=on_progress)
    request = retry_request(run, parallel=parallel, notify=notify)
    return await launch(request, run.path.parent, on_progress=on_progress)


def retry_request(
    run: RunFolder,
    *,
    engine: EngineSpec | None = None,
    parallel: int = 1,
    notify: str = "",
) -> BuildRequest:
    """Return what building a run again asks for.

    Args:
        run: a build.
        engine: that builds it; None takes the one that has built it.
        parallel: how many builds of the workspace run at once.
        notify: the user's command at the end.

    Raises:
        FinnTuiError: the model was cleaned out of its folder, or its engine is not known.
    """
    old = run.request
    graph = run.path / "model.onnx"
    if not graph.is_file():
        raise FinnTuiError(
            f"{run.id} has no model any more",
            "Its folder was cleaned down to its results.",
            f"Build {old.model} with the folding {old.folding_name} anew.",
        )
    return BuildRequest(
        model=old.model,
        graph=graph,
        folder=run.path,
        folding=old.folding,
        folding_name=old.folding_name,
        board=old.board,
        part=old.part,
        clock_ns=old.clock_ns,
        engine=engine or engine_of(run),
        rehearse=None if old.rehearsal is None else float(old.rehearsal["seconds"]),
        estimate=old.estimate,
        dataset=old.dataset,
        source={**old.source, "retry_of": run.id},
        fifo=old.fifo,
        parallel=parallel,
        notify=notify,
    )


def engine_of(run: RunFolder) -> EngineSpec:
    """The engine that a run was built with, as the user's own catalogue starts it.

    Raises:
        FinnTuiError: it is not in the catalogue. A run folder may come from somebody else, and a
            command in it is not started.
    """
    recorded = run.request.engine
    name, command = str(recorded.get("name", "")), tuple(recorded.get("command", ()))
    # The commands of others are paths of other machines.
    known = [spec for spec in catalogue.engines() if not spec.is_elsewhere]
    named = [spec for spec in known if spec.name == name and name]
    spec = next((spec for spec in (*named, *known) if spec.command == command), None)
    if spec is None and named:
        spec = named[0]
    if spec is None:
        raise FinnTuiError(
            f"{run.id} was built with the engine {name or 'without a name'}, which is not yours",
            f"Known engines: {', '.join(spec.name for spec in known) or 'none yet'}.",
            f"Name it in engines.toml, or build the model anew. It was started by: "
            f"{' '.join(command)[:200]}",
        )
    info = {"flavour": recorded.get("flavour"), "version": recorded.get("version")}
    return replace(spec, folder=None, info=info)
