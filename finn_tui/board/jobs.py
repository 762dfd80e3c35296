"""What a board is used for: a sample image, throughput, validation, and all of it in one go.

Each function measures, writes its part of the run's ``results.json`` and returns it. Everything is
cancellable; the driver on the board ends with the call.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from finn_tui.base import files
from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.board.agent_session import Conversation, conversation
from finn_tui.board.answers import (
    Answer,
    Checked,
    Event,
    ExecuteAnswer,
    Hello,
    Log,
    ThroughputAnswer,
    ValidateAnswer,
    Working,
)
from finn_tui.board.connection import BoardConnection
from finn_tui.board.deploy import check_kind, deploy
from finn_tui.board.package import (
    Package,
    dataset_folder,
    most_images,
    package,
    shown_name,
    validation_files,
)
from finn_tui.board.results import Executed, Outcome, Throughput, Validation
from finn_tui.engine.server import runfiles

# The accelerator is given this many times its estimated time, and this many seconds besides.
_PATIENCE, _GRACE = 10.0, 120.0


async def go(
    link: BoardConnection,
    run: Path,
    on_progress: OnProgress = ignore,
    *,
    batch: int | None = None,
    limit: int | None = None,
) -> Outcome:
    """Deploy, execute, throughput and validate.

    Sample images or a test set that are not here do not stop the other steps: ``missing`` has the
    explanation. Arguments as of ``throughput`` and ``validate``.
    """
    missing: list[FinnTuiError] = []
    deployed = await deploy(link, run, on_progress)
    executed: Executed | None = None
    validation: Validation | None = None
    # One agent for all of it: Python and the driver take a Zynq half a minute to load.
    async with conversation(link) as agent:
        try:
            executed = (await execute(link, run, on_progress, agent=agent))[0]
        except FinnTuiError as error:
            if error.kind is not ErrorKind.INPUT:
                raise
            missing.append(error)
        measured = await throughput(link, run, on_progress, batch=batch, agent=agent)
        try:
            validation = await validate(link, run, on_progress, limit=limit, agent=agent)
        except FinnTuiError as error:
            if error.kind is not ErrorKind.INPUT:
                raise
            missing.append(error)
    return Outcome(deployed, executed, measured, validation, tuple(missing))


async def check(link: BoardConnection, on_progress: OnProgress = ignore) -> dict[str, Any]:
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


async def execute(
    link: BoardConnection,
    run: Path,
    on_progress: OnProgress = ignore,
    *,
    images: Sequence[int] = (0,),
    agent: Conversation | None = None,
) -> list[Executed]:
    """Classify sample images of the run on the board, one by one.

    Args:
        images: their indices in the sample.
        agent: one that runs already; else one is started.

    Raises:
        FinnTuiError: the run has no sample images or not that one (kind "input"), or what the
            board says.
    """
    what = await _ready(link, run)
    if not what.sample("images").is_file():
        raise FinnTuiError(
            f"{run.name} has no sample images",
            f"There is no {what.sample('images')}.",
            "Prepare the model again; that writes them.",
        )
    talk = _Talk(link, what, "execute", on_progress, agent)
    answer = await talk.ask(
        ExecuteAnswer, images=f"{what.folder}/sample/images.npy", indices=list(images)
    )
    if len(answer.classes) != len(images):
        raise FinnTuiError(
            f"{link.board.name} answered {len(answer.classes)} classes for {len(images)} images",
            "Nothing of it was recorded.",
            "Try again; if it stays so, look at the board's log.",
            kind="board",
        )
    labels = await asyncio.to_thread(_sample, what, "labels")
    software = await asyncio.to_thread(_sample, what, "software")
    each = answer.seconds / max(1, len(images))
    done = [
        Executed(
            board=link.board.name,
            simulated=talk.simulated,
            image=index,
            result=result,
            expected=_at(labels, index),
            software=_at(software, index),
            clock_mhz=answer.clock_mhz,
            seconds=each,
        )
        for index, result in zip(images, answer.classes, strict=True)
    ]
    if done:
        await asyncio.to_thread(_record, run, {"execute": done[0].as_dict()})
        first = done[0]
        expected = "" if first.expected is None else f", expected {first.expected}"
        talk.say(f"image {first.image}: class {first.result}{expected}", 1.0)
    return done


async def throughput(
    link: BoardConnection,
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
    what = await _ready(link, run)
    if batch is not None and batch < 1:
        raise FinnTuiError(f"a batch of {batch} images", "It must be at least 1.")
    chosen = batch or _second(what.fps)
    talk = _Talk(link, what, "throughput", on_progress, agent)
    answer = await talk.ask(ThroughputAnswer, batch=chosen, timeout=_timeout(what, chosen))
    done = Throughput(
        board=link.board.name,
        simulated=talk.simulated,
        images_per_s=answer.metrics["throughput[images/s]"],
        estimate_images_per_s=what.fps,
        batch=chosen,
        clock_mhz=answer.clock_mhz,
        metrics=answer.metrics,
    )
    await asyncio.to_thread(_record, run, {"throughput": done.as_dict()})
    estimate = f", estimate {what.fps:,.0f}" if what.fps else ""
    talk.say(
        f"{done.images_per_s:,.0f} images/s{estimate} (batch {chosen}, {done.clock_mhz:g} MHz)", 1.0
    )
    return done


async def validate(
    link: BoardConnection,
    run: Path,
    on_progress: OnProgress = ignore,
    *,
    batch: int = 100,
    limit: int | None = None,
    agent: Conversation | None = None,
) -> Validation:
    """Classify the run's test set on the board.

    Progress carries ``accuracy`` (percent so far), ``done``, ``total`` and ``ok``.

    Args:
        batch: at most so many images at a time; the largest number that divides the test set.
        limit: only the first so many images.
        agent: one that runs already; else one is started.

    Raises:
        FinnTuiError: the test set is not here (kind "input": says where to put it), or what the
            board says.
    """
    what = await _ready(link, run)
    test_set = await asyncio.to_thread(validation_files, what)
    folder = await asyncio.to_thread(dataset_folder, test_set)
    talk = _Talk(link, what, "validate", on_progress, agent)
    most = await asyncio.to_thread(most_images, test_set)
    if limit is not None:
        most = limit if most is None else min(limit, most)
    answer = await talk.ask(
        ValidateAnswer,
        most=most,
        batch=batch,
        limit=limit,
        dataset=what.dataset,
        dataset_path=folder,
        timeout=_timeout(what, batch),
    )
    predictions, labels = np.array(answer.predictions), np.array(answer.labels)
    done = Validation(
        board=link.board.name,
        simulated=talk.simulated,
        percent=answer.percent,
        correct=answer.correct,
        images=answer.images,
        dataset=shown_name(what, test_set),
        software_same=await asyncio.to_thread(_same, what, predictions, labels),
        batch=answer.batch,
        clock_mhz=answer.clock_mhz,
        predictions=f"board/{link.board.name}/predictions.npz",
    )
    await asyncio.to_thread(_save, run / done.predictions, predictions, labels)
    await asyncio.to_thread(_record, run, {"accuracy": done.as_dict()})
    talk.say(f"{done.percent:.2f} % of {done.images:,} images", 1.0)
    return done


class _Talk:
    """One request about a run, with the board's events as progress."""

    def __init__(
        self,
        link: BoardConnection,
        what: Package,
        job: str,
        on_progress: OnProgress,
        agent: Conversation | None,
    ) -> None:
        self._agent = agent
        self._link = link
        self._what = what
        self._job = job
        self._on_progress = on_progress
        self.simulated = link.board.simulated

    def say(self, message: str, fraction: float | None, **data: Any) -> None:
        """Tell where the work is; what a simulated board does is marked."""
        mark = "SIMULATED: " if self.simulated else ""
        data["simulated"] = self.simulated
        self._on_progress(Progress(self._job, mark + message, fraction, data))

    async def ask(self, kind: type[Answer], *, most: int | None = None, **request: Any) -> Answer:
        """Ask the agent.

        Args:
            kind: what the answer must hold.
            most: no more images can there be to do; None if that is not known.
            request: what the job needs besides the package.
        """
        what = self._what
        flavour = self._link.board.driver
        full = {
            "do": self._job,
            "flavour": what.flavour if flavour == "auto" else flavour,
            "base": ".",
            "folder": what.folder,
            "bitfile": f"{what.folder}/{what.bitfile}",
            "bitfile_sha256": await asyncio.to_thread(_sha256, what.root / what.bitfile),
            "clock_mhz": what.clock_mhz,
            "timeout": _timeout(what, 1),
            **request,
        }
        if self._agent is not None:
            return await self._agent.ask(full, self._listen, kind, images=most)
        self.say(f"starting the driver on {self._link.board.name}", None)
        async with conversation(self._link) as agent:
            return await agent.ask(full, self._listen, kind, images=most)

    def _listen(self, event: Event) -> None:
        match event:
            case Hello():
                self.simulated = self.simulated or event.simulated
            case Log():
                self._on_progress(Progress(self._job, event.text, None, {"log": True}))
            case Working(done=done, total=total):
                fraction = min(1.0, done / total) if done and total else None
                numbers = {"done": done, "total": total, "ok": event.ok, "accuracy": event.accuracy}
                data = {key: value for key, value in numbers.items() if value is not None}
                self.say(event.message, fraction, **data)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _ready(link: BoardConnection, run: Path) -> Package:
    what = await asyncio.to_thread(package, run)
    check_kind(link, what)
    return what


def _second(fps: float | None) -> int:
    if not fps:
        return 1000
    return int(10 ** min(4, max(1, math.floor(math.log10(2 * fps)))))


def _timeout(what: Package, batch: int) -> float:
    expected = batch / what.fps if what.fps else 0.0
    return _GRACE + _PATIENCE * expected


def _sample(what: Package, name: str) -> Any:
    path = what.sample(name)
    if not path.is_file():
        return None
    try:
        return np.load(path, allow_pickle=False).reshape(-1)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise FinnTuiError(
            f"{path} cannot be read", str(error), "Prepare the model again.", kind="disk"
        ) from error


def _at(values: Any, index: int) -> int | None:
    """The value at an index; None where there is none or it is negative (no label)."""
    if values is None or index >= len(values) or values[index] < 0:
        return None
    return int(values[index])


def _same(what: Package, predictions: Any, labels: Any) -> int | None:
    known, software = _sample(what, "labels"), _sample(what, "software")
    if known is None or software is None or len(software) < len(labels):
        return None
    if not np.array_equal(known[: len(labels)], labels):
        return None
    return int((software[: len(labels)] == predictions).sum())


def _record(run: Path, parts: dict[str, Any]) -> None:
    try:
        runfiles.update_results(str(run), parts)
    except OSError as error:
        raise FinnTuiError(
            f"the results of {run.name} could not be written",
            str(error),
            "Make room on that disk, or make the run folder writable, then measure again.",
            kind="disk",
        ) from error


def _save(path: Path, predictions: Any, labels: Any) -> None:
    with files.replacing(path) as file:
        np.savez_compressed(file, predictions=predictions, labels=labels)
