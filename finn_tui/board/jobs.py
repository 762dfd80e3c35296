"""What a board is used for: a sample image, throughput, and all of it in one go.

Each function measures, writes its part of the run's ``results.json`` and returns it. Everything is
cancellable; the driver on the board ends with the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.board import own_dataset
from finn_tui.board.agent_session import Conversation, conversation
from finn_tui.board.answers import Checked, Event, Hello, ThroughputAnswer
from finn_tui.board.deploy import deploy
from finn_tui.board.request import (
    BoardRequest,
    compare_with_software,
    load_sample,
    one_second,
    ready,
    record,
    timeout,
)
from finn_tui.board.results import Executed, Outcome, Throughput, Validation
from finn_tui.board.transport import Transport
from finn_tui.board.validation import validate


async def go(
    link: Transport,
    run: Path,
    on_progress: OnProgress = ignore,
    *,
    batch: int | None = None,
    limit: int | None = None,
    dataset: Path | None = None,
) -> Outcome:
    """Deploy, execute, throughput and validate.

    Sample images or a test set that are not here do not stop the other steps and are no failure:
    ``notes`` has them. Arguments as of ``throughput`` and ``validate``.
    """
    missing: list[FinnTuiError] = []
    notes: list[str] = []
    if dataset is not None:
        # Said before anything is sent.
        about = (await ready(link, run)).about
        await asyncio.to_thread(own_dataset.read, dataset, about)
    deployed = await deploy(link, run, on_progress)
    executed: Executed | None = None
    validation: Validation | None = None
    # One agent for all of it: Python and the driver take a Zynq half a minute to load.
    async with conversation(link) as agent:
        try:
            executed = (await execute(link, run, on_progress, agent=agent))[0]
        except NoSamplesError as error:
            notes.append(f"{error.what}. {error.fix}")
        except FinnTuiError as error:
            if error.kind is not ErrorKind.INPUT:
                raise
            missing.append(error)
        measured = await throughput(link, run, on_progress, batch=batch, agent=agent)
        try:
            validation = await validate(
                link, run, on_progress, limit=limit, dataset=dataset, agent=agent
            )
        except FinnTuiError as error:
            if error.kind is not ErrorKind.INPUT:
                raise
            missing.append(error)
    if validation is not None and validation.note:
        notes.append(f"not validated: {validation.note}")
    return Outcome(deployed, executed, measured, validation, tuple(missing), tuple(notes))


async def check(link: Transport, on_progress: OnProgress = ignore) -> dict[str, Any]:
    """What the board is: ``python, machine, root, free_bytes, pynq, driver, simulated``.

    Versions are None where something is not installed. Nothing is loaded into the FPGA.
    """
    hello = Hello()

    def listen(event: Event) -> None:
        nonlocal hello
        if isinstance(event, Hello):
            hello = event

    on_progress(Progress("board", f"asking {link.board.name} what it is"))
    flavour = "finn-plus" if link.board.driver == "auto" else link.board.driver
    async with conversation(link) as agent:
        await agent.ask({"do": "check", "flavour": flavour}, listen, Checked)
    return msgspec.structs.asdict(hello)


class NoSamplesError(FinnTuiError):
    """A run without sample images."""


async def execute(
    link: Transport,
    run: Path,
    on_progress: OnProgress = ignore,
    *,
    images: Sequence[int] = (0,),
    agent: Conversation | None = None,
) -> list[Executed]:
    """Run sample images of the run on the board, one by one.

    Args:
        images: their indices in the sample.
        agent: one that runs already; else one is started.

    Raises:
        NoSamplesError: the run has no sample images.
        FinnTuiError: it does not have that one (kind "input"), or what the board says.
    """
    what = await ready(link, run)
    paths = what.samples("images")
    if not paths:
        raise NoSamplesError(
            f"{run.name} has no sample images",
            f"There is no {what.sample('images')}.",
            "Prepare the model again; that writes them.",
        )
    request = BoardRequest(link, what, "execute", on_progress, agent)
    outputs = await request.execute([f"{what.folder}/sample/{path.name}" for path in paths], images)
    classes = request.classes(outputs)
    labels = await asyncio.to_thread(load_sample, what, "labels")
    software = await asyncio.to_thread(load_sample, what, "software")
    each = outputs.seconds / max(1, len(images))
    done = [
        Executed(
            board=link.board.name,
            simulated=request.simulated,
            image=index,
            result=None if classes is None else int(classes[at]),
            expected=None if classes is None else _at(labels, index),
            software=None if classes is None else _at(software, index),
            clock_mhz=outputs.clock_mhz,
            seconds=each,
            comparison=compare_with_software(
                what,
                outputs.some([at]),
                None if classes is None else classes[[at]],
                [index],
            ),
        )
        for at, index in enumerate(images)
    ]
    if done:
        await asyncio.to_thread(record, run, {"execute": done[0].as_dict()})
        request.say(done[0].text(), 1.0)
    return done


async def throughput(
    link: Transport,
    run: Path,
    on_progress: OnProgress = ignore,
    *,
    batch: int | None = None,
    agent: Conversation | None = None,
) -> Throughput:
    """Measure images a second with the driver's throughput test.

    Args:
        batch: images in one go; by default about a second's worth of the estimate, in powers of
            ten from 10 to 10,000, so that neither latency nor the driver's own time counts much.
        agent: one that runs already; else one is started.
    """
    what = await ready(link, run)
    if batch is not None and batch < 1:
        raise FinnTuiError(f"a batch of {batch} images", "It must be at least 1.")
    chosen = batch or one_second(what.fps)
    request = BoardRequest(link, what, "throughput", on_progress, agent)
    answer = await request.ask(ThroughputAnswer, batch=chosen, timeout=timeout(what, chosen))
    done = Throughput(
        board=link.board.name,
        simulated=request.simulated,
        images_per_s=answer.metrics["throughput[images/s]"],
        estimate_images_per_s=what.fps,
        batch=chosen,
        clock_mhz=answer.clock_mhz,
        metrics=answer.metrics,
    )
    await asyncio.to_thread(record, run, {"throughput": done.as_dict()})
    estimate = f", estimate {what.fps:,.0f}" if what.fps else ""
    request.say(
        f"{done.images_per_s:,.0f} images/s{estimate} (batch {chosen}, {done.clock_mhz:g} MHz)", 1.0
    )
    return done


def _at(values: Any, index: int) -> int | None:
    """The value at an index; None where there is none or it is negative (no label)."""
    if values is None or index >= values.size or values.reshape(-1)[index] < 0:
        return None
    return int(values.reshape(-1)[index])
