"""Following a run on the command line, with its progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from finn_tui.base.progress import Progress
from finn_tui.cli.common import Reporter, run

if TYPE_CHECKING:
    from finn_tui.runs.folder import RunFolder, RunState
    from finn_tui.runs.live.training import TrainingSnapshot
    from finn_tui.runs.placement import Placement


async def follow_quietly(folder: RunFolder, reporter: Reporter) -> RunState:
    """Follow a run to its end, with its progress.

    Args:
        folder: of the run.
        reporter: gets the progress.

    Returns:
        the state in which it ended.
    """
    import asyncio

    from finn_tui.lab.build_places import following
    from finn_tui.runs.launch.processes import reconcile
    from finn_tui.runs.live import watch

    tell = _tell_training if folder.request.is_training else _tell
    telling = asyncio.create_task(tell(folder, reporter))
    try:
        runs_dir, tell_host = folder.path.parent, host_teller(reporter.say)
        queued = ""
        async with (
            following.asked(runs_dir),
            following.mirrored(runs_dir, folder, tell_host),
        ):
            async for update in watch.follow(folder):
                match update:
                    case watch.StateChanged(state) if state.state == "queued":
                        place = f", {state.queue_text}" if state.queue_text else ""
                        # The time of its last heartbeat changes, too.
                        if (text := f"waiting for its turn{place}") != queued:
                            reporter(Progress(folder.request.kind, text))
                        queued = text
                    case watch.RunnerMessage(level, text) if level in ("warning", "error"):
                        reporter.say(text)
                    case _:
                        pass
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
    return await asyncio.to_thread(reconcile, folder)


def host_teller(say: Callable[[str], None]) -> Callable[[RunFolder, Placement], None]:
    """Return what says, once each time, that a run's host cannot be asked or answers again.

    Args:
        say: gets each sentence, for stderr.
    """
    told = ""

    def tell(folder: RunFolder, placement: Placement) -> None:
        nonlocal told
        error = placement.error
        if error is not None and error.what != told:
            # A host that cannot be reached is tried again here; nothing is to be done by hand. A
            # refused login or a changed host key needs the user.
            fix = error.fix if error.kind != "host" else _again(folder, placement)
            texts = (error.what, error.why, fix)
            say(" ".join(text.rstrip(".") + "." for text in texts if text))
        elif error is None and told:
            say(f"{placement.host} answers again")
        told = error.what if error is not None else ""

    return tell


def _again(folder: RunFolder, placement: Placement) -> str:
    from finn_tui.runs.placement import CANCEL, Stage

    kind = "training" if folder.request.is_training else "build"
    if placement.wanted == CANCEL:
        return f"Trying again; then the {kind} is cancelled."
    if placement.unsent or (placement.stage is Stage.SENDING and not placement.job_name):
        return f"Trying again; then the {kind} starts there."
    return f"Trying again; the {kind} goes on there."


async def _tell(folder: RunFolder, reporter: Reporter) -> None:
    """Say what a build does and how long it still takes; steps do not count alike."""
    import asyncio

    from finn_tui.runs.eta import Outlook, words
    from finn_tui.runs.live.snapshot import pictures

    outlook = await asyncio.to_thread(Outlook, folder)
    last_step = ""
    async for picture in pictures(folder, poll=0.5):
        step = picture.step
        # Where nobody watches live, a line for each step is enough.
        if step is None or (step.name == last_step and not sys.stderr.isatty()):
            continue
        last_step = step.name
        eta = outlook.of(picture)
        place = 1 + [one.name for one in picture.steps].index(step.name)
        text = f"{step.name} ({place} of {len(picture.steps)})"
        share = None
        if eta is not None:
            text, share = f"{text}, {words(eta)}", eta.share
        reporter(Progress("build", text, share))


async def _tell_training(folder: RunFolder, reporter: Reporter) -> None:
    """Say how far a training is: each epoch, and what is inside it where somebody watches."""
    from finn_tui.runs.live.training import follow_training

    told = -1
    async for snapshot in follow_training(folder, poll=0.5):
        progress = training_progress(snapshot)
        if progress is None or (len(snapshot.done) == told and not sys.stderr.isatty()):
            continue
        told = len(snapshot.done) if snapshot.epochs else -1
        reporter(progress)


def training_progress(snapshot: TrainingSnapshot) -> Progress | None:
    """Return how far a training is; None before it has begun.

    Args:
        snapshot: of its events.
    """
    from finn_tui.base.text import time_span

    if not snapshot.epochs:
        return Progress("train", snapshot.message) if snapshot.message else None
    epoch = min(snapshot.epochs, max(1, snapshot.epoch))
    parts = [f"epoch {epoch} of {snapshot.epochs}"]
    if snapshot.points:
        parts.append(f"loss {snapshot.points[-1].loss:.3f}")
    if snapshot.done:
        parts.append(f"accuracy {snapshot.done[-1].accuracy:.2f} %")
    if snapshot.best is not None:
        parts.append(f"best {snapshot.best.accuracy:.2f} % in epoch {snapshot.best.number}")
    if snapshot.images_per_s:
        parts.append(f"{snapshot.images_per_s:,.0f} images/s")
    if snapshot.eta_s is not None:
        parts.append(f"{time_span(snapshot.eta_s)} left")
    return Progress("train", ", ".join(parts), snapshot.share)


def follow(folder: RunFolder, reporter: Reporter) -> RunState:
    """Follow a run on the command line to its end.

    Args:
        folder: of the run.
        reporter: gets the progress.

    Returns:
        the state in which it ended.
    """
    try:
        return run(follow_quietly(folder, reporter))
    except KeyboardInterrupt:
        reporter.say(f"{folder.id} goes on; `finn-tui attach {folder.id}` comes back to it")
        raise


def result_lines(folder: RunFolder) -> list[str]:
    """Return what a training has reached, as people read it.

    Args:
        folder: of the run.
    """
    from finn_tui.base.text import time_span

    result = folder.results().get("training")
    if not result:
        return []
    lines = [
        f"accuracy    {result['percent']:.2f} % of {result['images']:,} test images of "
        f"{result.get('dataset')}, in software",
        f"weights     {result.get('checkpoint')} of epoch {result.get('best_epoch')}, chosen on "
        f"{result.get('selected_on')}",
        f"speed       {result.get('images_per_s') or 0:,.0f} images/s on {result.get('device')}; "
        f"{result.get('epochs')} epochs in {time_span(result.get('seconds') or 0)}, ended by "
        f"{result.get('ended')}",
    ]
    return [*lines, *class_lines(result)]


def class_lines(result: Mapping[str, Any]) -> list[str]:
    """Return the classes of lowest accuracy and what is confused most, as people read it.

    Args:
        result: an evaluation with ``per_class`` and ``confusions``.
    """
    lines = []
    names = {one["class"]: str(one["name"]) for one in result.get("per_class") or ()}
    worst = [one for one in result.get("per_class") or () if one.get("percent") is not None]
    worst.sort(key=lambda one: float(one["percent"]))
    if worst:
        text = ", ".join(f"{one['name']} {one['percent']:.1f} %" for one in worst[:5])
        lines.append(f"lowest      {text}")
    confusions = [
        f"{names.get(pair['label'])} as {names.get(pair['predicted'])} {pair['count']}x"
        for pair in (result.get("confusions") or ())[:5]
    ]
    if confusions:
        lines.append(f"confused    {', '.join(confusions)}")
    return lines
