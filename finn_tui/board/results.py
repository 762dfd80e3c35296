"""What was measured on a board; ``as_dict`` gives what JSON and ``results.json`` show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import significant
from finn_tui.board.agent.driver import clock_differs
from finn_tui.board.comparison import Comparison
from finn_tui.board.deploy import Deployed


@dataclass(frozen=True)
class Executed:
    """One image on the board.

    Attributes:
        board: which one. simulated: whether it had an FPGA.
        replay: whether it is a recorded session's and no measurement.
        clock_note: what is wrong with the clock; None where it is the build's.
        image: its index in the run's sample, or in the user's file.
        result: the class that the accelerator gave; None of a network without classes.
        expected: the image's label, or None where it has none.
        software: the class that the software gave, or None.
        comparison: its outputs against the software's; None where they are not known.
        clock_mhz: what the accelerator ran at.
        seconds: from handing over the image to the result, with the driver's packing.
        file: the user's file; None for a sample of the run.
        dataset: what the sample comes from; None where it is not known, and of a file.
        names: of the classes that are named here, by number.
        top: the classes with the highest scores, best first: ``class``, ``name``, ``score``; in a
            document each says where its score comes from, too.
        scores_of: who gave these scores: "board", "network" or "dataflow graph"; None without.
        reference: what the software was: "network" or "dataflow graph"; None without.
        outputs, software_outputs: the accelerator's values and those of the software, at most
            ``MOST_VALUES``; empty where they are not known.
        notes: what was done to the user's file, and what could not be compared.
    """

    board: str
    simulated: bool
    image: int
    result: int | None
    expected: int | None
    software: int | None
    clock_mhz: float
    seconds: float
    comparison: Comparison | None = None
    file: str | None = None
    dataset: str | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    top: tuple[dict[str, Any], ...] = ()
    scores_of: str | None = None
    reference: str | None = None
    outputs: tuple[float, ...] = ()
    software_outputs: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    replay: bool = False
    clock_note: str | None = None

    @property
    def differs(self) -> bool:
        """Whether the board gives something else than the software."""
        return self.comparison is not None and self.comparison.differs

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it; ``class`` is what the board gave."""
        fields = asdict(self)
        for name in ("comparison", "names"):
            del fields[name]
        for name in ("top", "outputs", "software_outputs", "notes"):
            fields[name] = list(fields[name])
        # What the software computes is no measurement.
        measured = self.scores_of == "board"
        fields["top"] = _marked(
            fields["top"], measured and self.simulated, measured and self.replay
        )
        fields["difference"] = self.comparison.difference if self.comparison else None
        fields["differs"] = self.differs
        fields["class"] = fields.pop("result")
        fields["class_name"] = self._name(self.result)
        fields["expected_name"] = self._name(self.expected)
        return fields

    def _name(self, number: int | None) -> str | None:
        return None if number is None else self.names.get(number)

    def text(self) -> str:
        """What a line says of it."""
        return executed_text(self.as_dict())


def clock_note(built_mhz: float | None, actual_mhz: float | None) -> str | None:
    """What is said of an accelerator that ran at another clock than it was built for, else None."""
    if built_mhz is None or actual_mhz is None or not clock_differs(built_mhz, actual_mhz):
        return None
    return f"built for {built_mhz:g} MHz, the board ran it at {actual_mhz:g} MHz"


#: Values of an output that are kept.
MOST_VALUES = 1000


def _class(number: int, name: str | None) -> str:
    return f"{number} {name}" if name and name != str(number) else str(number)


def executed_text(done: Mapping[str, Any]) -> str:
    """One image on the board, in words.

    Args:
        done: as ``Executed.as_dict`` gives it.
    """
    file = done.get("file")
    if done["class"] is None:
        difference = done.get("difference")
        text = file or f"sample {done['image']}"
        if difference is None:
            return f"{text}: executed; no outputs of the software to compare with"
        beside = "outputs differ from software" if done.get("differs") else "outputs as in software"
        return f"{text}: {beside}, largest difference {significant(difference)}"
    text = f"{file or 'image ' + str(done['image'])}: class "
    text += _class(done["class"], done.get("class_name"))
    if done.get("expected") is not None:
        text += f", expected {_class(done['expected'], done.get('expected_name'))}"
    software = done.get("software")
    if software is not None and software != done["class"]:
        text += f", but software gives {software}"
    elif software is not None and done.get("expected") is None:
        text += ", as in software"
    return text


@dataclass(frozen=True)
class Spread:
    """Several measurements of one time, in milliseconds."""

    min: float
    median: float
    max: float


@dataclass(frozen=True)
class BatchResult:
    """A batch of one size.

    Attributes:
        batch: images.
        repetitions: how often it was measured.
        device_ms: the accelerator alone.
        end_to_end_ms: with packing, copying and unpacking.
        images_per_s, end_to_end_images_per_s: by the medians; None for one image, whose time is a
            latency.
        bytes_in, bytes_out: that a batch moves.
        in_mb_per_s, out_mb_per_s: while the accelerator works.
        parts_ms: the steps around it, as the driver's own test gives them.
    """

    batch: int
    repetitions: int
    device_ms: Spread
    end_to_end_ms: Spread
    images_per_s: float | None
    end_to_end_images_per_s: float | None
    bytes_in: int
    bytes_out: int
    in_mb_per_s: float
    out_mb_per_s: float
    parts_ms: Mapping[str, float]


@dataclass(frozen=True)
class Throughput:
    """Batches of several sizes.

    Attributes:
        images_per_s: measured, of the largest batch through the accelerator.
        estimate_images_per_s: clock / II, or None where the run has no estimate.
        batch, clock_mhz: what it was measured with.
        metrics: everything that the driver's own test gave for that batch, under its own names.
        build_clock_mhz: what the design was built for, and the estimate is for.
        latency_ms: of one image through the accelerator, with the driver's start; None if it was
            not measured.
        end_to_end_images_per_s: with packing, copying and unpacking.
        sweep: each size.
        reasons: where the difference to the estimate comes from.
        replay: whether it is a recorded session's and no measurement.
        clock_note: what is wrong with the clock; None where it is the build's.
    """

    board: str
    simulated: bool
    images_per_s: float
    estimate_images_per_s: float | None
    batch: int
    clock_mhz: float
    metrics: Mapping[str, float]
    build_clock_mhz: float | None = None
    latency_ms: float | None = None
    end_to_end_images_per_s: float | None = None
    sweep: tuple[BatchResult, ...] = ()
    reasons: tuple[str, ...] = ()
    replay: bool = False
    clock_note: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        fields = asdict(self)
        fields["sweep"] = _marked(fields["sweep"], self.simulated, self.replay)
        fields["reasons"] = list(fields["reasons"])
        return fields

    def text(self) -> str:
        """What a line says of it."""
        estimate = self.estimate_images_per_s
        beside = ""
        if estimate:
            at = self.build_clock_mhz
            differs = at is not None and clock_differs(at, self.clock_mhz)
            clock = f" at {at:g} MHz" if differs else ""
            beside = f", estimate {estimate:,.0f}{clock}"
        return (
            f"{self.images_per_s:,.0f} images/s{beside} "
            f"(batch {self.batch:,}, {self.clock_mhz:g} MHz)"
        )


@dataclass(frozen=True)
class Validation:
    """A data set through the accelerator, and the board beside the software.

    Attributes:
        percent: top-1 accuracy; None where nothing was validated. correct, images: it in whole
            images.
        dataset: mnist, cifar10, cifar100, what the run's own test set is called, or a user's file.
        software_same: of the ``images``, how many got the class that software gave them; None
            where the run's sample is not this test set.
        predictions: file in the run folder with ``predictions`` and ``labels`` (or ``outputs``) as
            .npz.
        mean_squared_error: of a network that gives values, against the data set's.
        note: why it was not validated.
        comparison: the board's outputs against the software's; None where nothing is known.
        low_percent, high_percent: of the accuracy, its 95 % confidence interval (Wilson's).
        per_class: ``class``, ``name``, ``images``, ``correct``, ``percent`` of each that was seen.
        seconds: from the first image sent to the last result, without bringing the data set.
        board_seconds, driver_seconds: of it on the board, and within the driver.
        differences: the first images on which board and software differ: ``index``, ``board``,
            ``software``, ``label``.
        differences_file: file in the run folder with these images and both outputs (.npz).
        replay: whether it is a recorded session's and no measurement.
        clock_note: what is wrong with the clock; None where it is the build's.
        label_note: that labels are above all classes that the board gave; None where they are not.
    """

    board: str
    simulated: bool
    percent: float | None = None
    correct: int | None = None
    images: int = 0
    dataset: str | None = None
    software_same: int | None = None
    batch: int | None = None
    clock_mhz: float | None = None
    predictions: str | None = None
    mean_squared_error: float | None = None
    note: str | None = None
    comparison: Comparison | None = None
    low_percent: float | None = None
    high_percent: float | None = None
    per_class: tuple[dict[str, Any], ...] = ()
    seconds: float | None = None
    board_seconds: float | None = None
    driver_seconds: float | None = None
    differences: tuple[dict[str, Any], ...] = ()
    differences_file: str | None = None
    replay: bool = False
    clock_note: str | None = None
    label_note: str | None = None

    @property
    def differs(self) -> bool:
        """Whether the board computes something else than the software."""
        return self.comparison is not None and self.comparison.differs

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        fields = self._fields()
        fields["comparison"] = self.comparison_dict()
        return fields

    def accuracy_dict(self) -> dict[str, Any]:
        """``accuracy`` of results.json."""
        fields = self._fields()
        for name in ("comparison", "note", "mean_squared_error"):
            del fields[name]
        return fields

    def _fields(self) -> dict[str, Any]:
        fields = _listed(asdict(self))
        for name in ("per_class", "differences"):
            fields[name] = _marked(fields[name], self.simulated, self.replay)
        return fields

    def comparison_dict(self) -> dict[str, Any] | None:
        """``comparison`` of results.json."""
        if self.comparison is None:
            return None
        about = {
            "board": self.board,
            "simulated": self.simulated,
            "replay": self.replay,
            "note": self.note,
        }
        return {**self.comparison.as_dict(), **about}

    def text(self) -> str:
        """What a line says of it."""
        if self.percent is not None:
            done = f"{accuracy_text(self.as_dict())} of {self.dataset}"
        elif self.mean_squared_error is not None:
            error = significant(self.mean_squared_error, 4)
            done = f"mean squared error {error} of {self.images:,} samples"
        else:
            done = "not validated"
        return done if self.comparison is None else f"{done}; {self.comparison.text()}"


def _marked(
    rows: Sequence[Mapping[str, Any]], simulated: bool, replay: bool
) -> list[dict[str, Any]]:
    """Rows that can be copied alone, each with where its figures come from."""
    return [{**row, "simulated": simulated, "replay": replay} for row in rows]


def _listed(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields with lists for tuples, as a document has them once it was read."""
    return {key: list(value) if type(value) is tuple else value for key, value in fields.items()}


def accuracy_text(done: Mapping[str, Any]) -> str:
    """An accuracy with how sure it is.

    Args:
        done: as ``Validation.as_dict`` or ``accuracy`` of results.json gives it.
    """
    low, high = done.get("low_percent"), done.get("high_percent")
    sure = "" if low is None or high is None else f" (95 %: {low:.2f} to {high:.2f})"
    return f"{done['percent']:.2f} %{sure} of {done['images']:,} images"


#: Classes with the least accuracy that are named.
WORST = 5


def worst_classes(per_class: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The classes with the least accuracy, of those that were seen.

    Args:
        per_class: see ``Validation``.
    """
    return sorted(per_class, key=lambda row: (row["percent"], row["class"]))[:WORST]


def differences(executed: Executed | None, validation: Validation | None) -> FinnTuiError | None:
    """The error of a board that computes something else than the software; None if it does not."""
    if validation is not None and validation.comparison is not None and validation.differs:
        return difference_error(validation.comparison)
    if executed is not None and executed.differs:
        software = "other values" if executed.software is None else f"class {executed.software}"
        board = "" if executed.result is None else f" gives class {executed.result}, the"
        what = executed.file or f"Sample {executed.image}"
        return _wrong(f"{what}: the board{board or ' differs; the'} software {software}.")
    return None


def difference_error(compared: Comparison) -> FinnTuiError:
    """The error of a board that gave something else than the software."""
    why = compared.text() + "."
    if compared.converted is not None and compared.converted < compared.samples:
        why += (
            f" The dataflow graph itself agrees with the network on {compared.converted} of "
            f"{compared.samples} of these samples only."
        )
    return _wrong(why)


def _wrong(why: str) -> FinnTuiError:
    return FinnTuiError(
        "the board computes something else than the network in software",
        why,
        "`finn-tui prepare` says at which stage classes or outputs begin to differ; a bitstream of "
        "another network or one that misses its clock computes wrongly, too.",
        kind="board",
    )


@dataclass(frozen=True)
class Outcome:
    """Everything that ``go`` did.

    Attributes:
        notes: what could not be done for lack of data, which is no failure.
        missing: steps that failed.
    """

    deployed: Deployed
    executed: Executed | None
    throughput: Throughput
    validation: Validation | None
    missing: tuple[FinnTuiError, ...]
    notes: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[FinnTuiError, ...]:
        """What failed, a board that differs from the software included."""
        difference = differences(self.executed, self.validation)
        return self.missing if difference is None else (*self.missing, difference)

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "deploy": self.deployed.as_dict(),
            "execute": self.executed.as_dict() if self.executed else None,
            "throughput": self.throughput.as_dict(),
            "validate": self.validation.as_dict() if self.validation else None,
            "missing": [error.as_dict() for error in self.failures],
            "notes": list(self.notes),
        }
