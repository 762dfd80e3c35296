"""One request about a run to the agent on a board, and what every job needs for it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import zipfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress
from finn_tui.board import comparison
from finn_tui.board.agent_session import Conversation, conversation
from finn_tui.board.answers import Answer, Event, ExecuteAnswer, Hello, Log, Values, Working
from finn_tui.board.catalogue import marks
from finn_tui.board.comparison import Comparison
from finn_tui.board.deploy import check_kind, who
from finn_tui.board.package import Package, package
from finn_tui.board.transport import Transport
from finn_tui.engine.server.runs import runfiles

# The accelerator is given this many times its estimated time, and this many seconds besides.
_PATIENCE, _GRACE = 10.0, 120.0


#: What is told while images are computed: a message and data, from how many are done and the
#: values of the first output so far.
OnDone = Callable[[int, npt.NDArray[np.float32]], tuple[str, dict[str, Any]]]


class BoardRequest:
    """Requests about a run, with the board's events as progress.

    Attributes:
        board: its name.
        simulated: whether it has no FPGA.
        replay: whether it is a recorded session.
    """

    def __init__(
        self,
        link: Transport,
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
        self.board = link.board.name
        self.simulated = link.board.simulated
        self.replay = link.board.replay
        self._values: dict[int, list[bytes]] = {}
        self._on_done: OnDone | None = None

    def say(self, message: str, fraction: float | None, **data: Any) -> None:
        """Tell where the work is; what a simulated board or a recording does is marked."""
        data |= {"simulated": self.simulated, "replay": self.replay}
        words = marks(data)
        text = f"{words}: {message}" if words else message
        self._on_progress(Progress(self._job, text, fraction, data))

    async def record(self, parts: dict[str, Any]) -> None:
        """Write parts of the run's results.json; those of a replay are kept apart."""
        await asyncio.to_thread(_record, self._what.run, parts, replay=self.replay)

    @property
    def progress(self) -> OnProgress:
        """Where progress is told."""
        return self._on_progress

    @contextlib.asynccontextmanager
    async def talking(self) -> AsyncIterator[None]:
        """Keep one agent for all that is asked within the block."""
        if self._agent is not None:
            yield
            return
        self.say(f"starting the driver on {self.board}", None)
        async with conversation(self._link) as agent:
            self._agent = agent
            try:
                yield
            finally:
                self._agent = None

    async def ask(self, kind: type[Answer], *, most: int | None = None, **request: Any) -> Answer:
        """Ask the agent for the job, or for another one (``do``).

        Args:
            kind: what the answer must hold.
            most: no more images can there be to do; None if that is not known.
            request: what the job needs besides the package.
        """
        what = self._what
        self._values.clear()
        flavour = self._link.board.driver
        full = {
            "do": self._job,
            "flavour": what.flavour if flavour == "auto" else flavour,
            "base": ".",
            "who": who(),
            "folder": what.folder,
            "driver_folder": f"{what.folder}/{what.driver}",
            "bitfile": f"{what.folder}/{what.bitfile}",
            "bitfile_sha256": await asyncio.to_thread(_sha256, what.root / what.bitfile),
            "clock_mhz": what.clock_mhz,
            "timeout": timeout(what, 1),
            **request,
        }
        async with self.talking():
            assert self._agent is not None
            return await self._agent.ask(full, self._listen, kind, images=most)

    async def execute(
        self,
        inputs: Sequence[str],
        indices: Sequence[int],
        batch: int = 1,
        on_done: OnDone | None = None,
    ) -> SampleOutputs:
        """Have samples computed.

        Args:
            inputs: a .npy file on the board for each input, below the board's folder.
            indices: which samples.
            batch: at most so many at a time.
            on_done: see ``OnDone``.

        Raises:
            FinnTuiError: what the board says, or that it sent something else than it says.
        """
        self._on_done = on_done
        try:
            answer = await self.ask(
                ExecuteAnswer,
                do="execute",
                inputs=list(inputs),
                indices=list(indices),
                most=len(indices),
                batch=batch,
                timeout=timeout(self._what, batch),
            )
        finally:
            self._on_done = None
        wanted = len(indices)
        outputs: list[npt.NDArray[np.float32]] = []
        for at, shape in enumerate(answer.shapes):
            values = np.frombuffer(b"".join(self._values.get(at, ())), "<f4")
            if answer.images != wanted or values.size != wanted * math.prod(shape):
                raise FinnTuiError(
                    f"{self.board} sent {values.size} values for {answer.images} images",
                    f"{wanted} images of {math.prod(shape)} values each were asked for; nothing of "
                    "it was recorded.",
                    "Try again; if it stays so, look at the board's log.",
                    kind="board",
                )
            outputs.append(values.reshape(wanted, *shape))
        return SampleOutputs(tuple(outputs), answer.seconds, answer.clock_mhz, answer.total_seconds)

    def classes(self, outputs: SampleOutputs) -> npt.NDArray[np.int64] | None:
        """The class of each sample; None of a network without classes."""
        about = self._what.about
        if about.kind != "classes":
            return None
        try:
            return comparison.classes(outputs.outputs[0], about.topk)
        except ValueError as error:
            raise FinnTuiError(
                f"{self.board} answered something that cannot be right",
                f"{error}; nothing of it was recorded.",
                "Try again; if it stays so, look at the board's log.",
                kind="board",
            ) from error

    def _listen(self, event: Event) -> None:
        match event:
            case Values():
                self._values.setdefault(event.output, []).append(event.data)
            case Hello():
                self.simulated = self.simulated or event.simulated
            case Log():
                self._on_progress(Progress(self._job, event.text, None, {"log": True}))
            case Working(done=done, total=total):
                fraction = min(1.0, done / total) if done and total else None
                data = {} if done is None or total is None else {"done": done, "total": total}
                message = event.message
                if self._on_done is not None and done is not None:
                    values = b"".join(self._values.get(0, ()))
                    message, more = self._on_done(done, np.frombuffer(values, "<f4"))
                    data |= more
                self.say(message, fraction, **data)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class SampleOutputs:
    """What the accelerator gave for samples.

    Attributes:
        outputs: (N, ...) for each of its outputs.
        seconds: in the driver for all samples, with its packing.
        total_seconds: on the board, with reading them and sending what came out.
        clock_mhz: what the accelerator ran at.
    """

    outputs: tuple[npt.NDArray[np.float32], ...]
    seconds: float
    clock_mhz: float
    total_seconds: float = 0.0

    def some(self, indices: Sequence[int] | slice) -> SampleOutputs:
        """The same of some samples."""
        return replace(self, outputs=tuple(output[indices] for output in self.outputs))


def compare_with_software(
    what: Package,
    outputs: SampleOutputs,
    board_classes: npt.NDArray[np.int64] | None,
    indices: Sequence[int],
) -> Comparison | None:
    """Compare samples of the run with what the network gave for them in software.

    Args:
        what: the run.
        outputs: of the board, for the samples ``indices``.
        board_classes: the board's, or None.
        indices: which samples of the run they are.

    Returns:
        None where the software's answer is not known.
    """
    rows = np.asarray(indices, int)
    software = load_sample(what, "software") if what.about.kind == "classes" else None
    if software is not None and software.size <= rows.max(initial=0):
        software = None
    apart = None
    references = [] if what.about.topk != 0 else _references(what)
    if references and len(references) == len(outputs.outputs):
        chosen = [reference[rows] for reference in references]
        ours = [
            comparison.as_software(output, reference, what.about.tail)
            for output, reference in zip(outputs.outputs, chosen, strict=True)
        ]
        if all(each is not None for each in ours):
            apart = comparison.compare_outputs([each for each in ours if each is not None], chosen)
        else:
            # Another number of values: nothing of it is equal.
            apart = np.zeros(len(rows), bool), np.full(len(rows), np.inf)
    check = what.about.check or {}
    converted = None
    if check.get("images") == len(rows):
        known = [check.get("same"), check.get("outputs")]
        converted = min((each for each in known if each is not None), default=None)
    classes = None if software is None else software.reshape(-1)[rows]
    return comparison.compared(board_classes, classes, apart, converted)


def _references(what: Package) -> list[npt.NDArray[Any]]:
    """The software's outputs for the run's samples; none where they are not known."""
    arrays = [load_sample(what, path.stem) for path in what.samples("outputs")]
    images = load_sample(what, "images")
    if images is None or any(len(each) != len(images) for each in arrays):
        return []
    return arrays


async def ready(link: Transport, run: Path) -> Package:
    """Look at a run for a board. Raises ``FinnTuiError`` for one that this board cannot take."""
    what = await asyncio.to_thread(package, run)
    check_kind(link, what)
    return what


def one_second(fps: float | None) -> int:
    """Images that take about a second, as a power of ten from 10 to 10,000."""
    if not fps:
        return 1000
    return int(10 ** min(4, max(1, math.floor(math.log10(2 * fps)))))


def timeout(what: Package, batch: int) -> float:
    """Seconds that a batch may take before the accelerator counts as stuck."""
    expected = batch / what.fps if what.fps else 0.0
    return _GRACE + _PATIENCE * expected


def load_sample(what: Package, name: str) -> Any:
    """An array of the run's sample; None where there is none."""
    path = what.sample(name)
    if not path.is_file():
        return None
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FinnTuiError(
            f"{path} cannot be read", str(error), "Prepare the model again.", kind="disk"
        ) from error


def _record(run: Path, parts: dict[str, Any], *, replay: bool) -> None:
    try:
        if replay:
            # What was measured of the run stays what it is.
            known = runfiles.read_json(str(run / runfiles.RESULTS)) or {}
            earlier = known.get("replay")
            parts = {"replay": {**(earlier if isinstance(earlier, dict) else {}), **parts}}
        runfiles.update_results(str(run), parts)
    except OSError as error:
        raise FinnTuiError(
            f"the results of {run.name} could not be written",
            str(error),
            "Make room on that disk, or make the run folder writable, then measure again.",
            kind="disk",
        ) from error
