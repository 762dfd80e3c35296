"""What a board may say, typed and bounded: its answers are data from elsewhere."""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeVar

import msgspec

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.text import clean
from finn_tui.board.deployed_answers import DeploymentList, Removed
from finn_tui.board.facts import BoardFacts

#: Bytes of one line; a test set of 100,000 images needs 1.4 MB.
MOST_LINE = 16 << 20
#: Bytes of all lines of one request.
MOST_BYTES = 256 << 20

#: Images of a test set.
MOST_IMAGES = 10_000_000

_MOST_TEXT, _MOST_DETAIL = 4_000, 64_000
_KINDS = {kind.value: kind for kind in (ErrorKind.BOARD, ErrorKind.INPUT, ErrorKind.DISK)}

Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
# NaN fails no comparison, but it is no JSON either, and msgspec decodes JSON only.
ClockMhz = Annotated[float, msgspec.Meta(gt=0.0, le=10_000.0)]
Positive = Annotated[float, msgspec.Meta(ge=0.0, le=1e15)]
_Shape = Annotated[
    list[Annotated[int, msgspec.Meta(ge=1, le=1 << 31)]], msgspec.Meta(max_length=16)
]
Finite = Annotated[float, msgspec.Meta(ge=-1e30, le=1e30)]


class Hello(msgspec.Struct, tag_field="event", tag="hello"):
    """What the board and its Python are; versions are None where something is not installed."""

    python: str = ""
    machine: str = ""
    root: bool = False
    free_bytes: Count = 0
    flavour: str = ""
    pynq: str | None = None
    driver: str | None = None
    simulated: bool = False


class Log(msgspec.Struct, tag_field="event", tag="log"):
    """A line that the driver printed."""

    text: str = ""


class Working(msgspec.Struct, tag_field="event", tag="progress"):
    """How far a job is, in images."""

    message: str = ""
    done: Count | None = None
    total: Count | None = None


class Failed(msgspec.Struct, tag_field="event", tag="error"):
    """Why the agent gave no answer."""

    what: str = ""
    why: str = ""
    fix: str = ""
    kind: str = "board"
    detail: str = ""

    def as_error(self, board: str) -> FinnTuiError:
        """As users see it."""
        return FinnTuiError(
            self.what or f"{board} could not do it and does not say why",
            self.why,
            self.fix,
            kind=_KINDS.get(self.kind, ErrorKind.BOARD),
            detail=self.detail,
        )


class Checked(msgspec.Struct):
    """The answer to ``check``; ``hello`` says it all."""


class Values(msgspec.Struct, tag_field="event", tag="values"):
    """Values of one output for some samples, in their order: 32-bit floats, little-endian."""

    output: Annotated[int, msgspec.Meta(ge=0, le=1000)]
    data: bytes

    def __post_init__(self) -> None:
        if len(self.data) % 4:
            raise ValueError(f"{len(self.data)} bytes are no 32-bit floats")


class ExecuteAnswer(msgspec.Struct):
    """Samples were computed; their outputs came as ``values`` before.

    Attributes:
        images: how many.
        shapes: of each output, without the axis of the samples.
        seconds: in the driver, for all of them.
        total_seconds: with bringing images to it and sending its outputs.
    """

    images: Annotated[int, msgspec.Meta(ge=1, le=1 << 31)]
    shapes: Annotated[list[_Shape], msgspec.Meta(min_length=1, max_length=1000)]
    seconds: Positive
    clock_mhz: ClockMhz
    total_seconds: Positive = 0.0


_Seconds = Annotated[float, msgspec.Meta(gt=0.0, le=1e6)]
_Times = Annotated[list[_Seconds], msgspec.Meta(min_length=1, max_length=10_000)]


class BatchTimes(msgspec.Struct):
    """A batch of one size, measured several times.

    Attributes:
        batch: images.
        device (s): the accelerator alone, each time.
        whole (s): with packing, copying and unpacking, each time.
        bytes_in, bytes_out: that a batch moves.
        metrics: of the driver's own test, under its own names.
    """

    batch: Annotated[int, msgspec.Meta(ge=1, le=MOST_IMAGES)]
    device: _Times
    whole: _Times
    bytes_in: Annotated[int, msgspec.Meta(ge=1, le=1 << 40)]
    bytes_out: Annotated[int, msgspec.Meta(ge=1, le=1 << 40)]
    metrics: Annotated[dict[str, Finite], msgspec.Meta(max_length=200)]

    def __post_init__(self) -> None:
        if not all(math.isfinite(each) for each in (*self.device, *self.whole)):
            raise ValueError("a time is no number")
        if any(len(key) > 100 or clean(key) != key for key in self.metrics):
            raise ValueError("a metric has no usable name")


class ThroughputAnswer(msgspec.Struct):
    """What was measured, for each size of a batch."""

    batches: Annotated[list[BatchTimes], msgspec.Meta(min_length=1, max_length=100)]
    clock_mhz: ClockMhz


class Course:
    """How far a request is by what the board says; nothing else shows that it gets on."""

    def __init__(self, images: int | None = None) -> None:
        """Nothing is done so far; ``images``: no more than so many can be, None: not known."""
        self._most = MOST_IMAGES if images is None else min(images, MOST_IMAGES)
        self.done = 0
        #: Of the images to come, None while the board has not said so.
        self.total: int | None = None

    def take(self, event: Working) -> bool:
        """Whether an event shows that more is done than before.

        Raises:
            NoEvent: its numbers cannot be.
        """
        if event.total is not None:
            if event.total > self._most:
                raise NoEvent(f"it has {event.total:,} images to do of at most {self._most:,}")
            if self.total not in (None, event.total):
                raise NoEvent(f"it has {event.total:,} images to do, and had {self.total:,}")
            self.total = event.total
        if event.done is None:
            return False
        most = self._most if self.total is None else self.total
        if event.done > most:
            raise NoEvent(f"{event.done:,} of {most:,} images are done")
        grown = event.done > self.done
        self.done = max(self.done, event.done)
        return grown


class _Result(msgspec.Struct, tag_field="event", tag="result"):
    """The last event of a request; its fields are read when it is known which."""


Event = Hello | Log | Working | Values | Failed
Answer = TypeVar(
    "Answer",
    Checked,
    BoardFacts,
    DeploymentList,
    Removed,
    ExecuteAnswer,
    ThroughputAnswer,
)

_EVENTS = msgspec.json.Decoder(Hello | Log | Working | Values | Failed | _Result)


class NoEvent(ValueError):
    """A line that is no event of ours; says why."""


def decode(line: bytes, kind: type[Answer]) -> Event | Answer:
    """Read one line of the agent.

    Args:
        line: what it sent.
        kind: what its ``result`` must hold.

    Raises:
        NoEvent: it is something else, or holds values that cannot be.
    """
    try:
        event = _EVENTS.decode(line)
        if isinstance(event, _Result):
            return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NoEvent(str(error)[:300]) from error
    return _harmless(event)


def _harmless(event: Event) -> Event:
    """Texts of bounded length without escape sequences."""
    for name in event.__struct_fields__:
        value: Any = getattr(event, name)
        if isinstance(value, str):
            most = _MOST_DETAIL if name == "detail" else _MOST_TEXT
            setattr(event, name, clean(value[:most]))
    return event
