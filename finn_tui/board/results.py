"""What was measured on a board; ``as_dict`` gives what JSON and ``results.json`` show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.board.comparison import Comparison
from finn_tui.board.deploy import Deployed


@dataclass(frozen=True)
class Executed:
    """One sample image on the board.

    Attributes:
        board: which one. simulated: whether it had an FPGA.
        image: its index in the run's sample.
        result: the class that the accelerator gave; None of a network without classes.
        expected: the image's label, or None where the sample has none.
        software: the class that the network gave in software, or None.
        comparison: its outputs against the software's; None where they are not known.
        clock_mhz: what the accelerator ran at.
        seconds: from handing over the image to the result, with the driver's packing.
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

    @property
    def differs(self) -> bool:
        """Whether the board gives something else than the software."""
        return self.comparison is not None and self.comparison.differs

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it; ``class`` is what the board gave."""
        fields = asdict(self)
        del fields["comparison"]
        fields["difference"] = self.comparison.difference if self.comparison else None
        fields["differs"] = self.differs
        fields["class"] = fields.pop("result")
        return fields

    def text(self) -> str:
        """What a line says of it."""
        return executed_text(self.as_dict())


def executed_text(done: Mapping[str, Any]) -> str:
    """One sample image on the board, in words.

    Args:
        done: as ``Executed.as_dict`` gives it.
    """
    if done["class"] is None:
        difference = done.get("difference")
        text = f"sample {done['image']}"
        if difference is None:
            return f"{text}: executed; no outputs of the software to compare with"
        beside = "outputs differ from software" if done.get("differs") else "outputs as in software"
        return f"{text}: {beside}, largest difference {difference:.3g}"
    text = f"image {done['image']}: class {done['class']}"
    if done.get("expected") is not None:
        text += f", expected {done['expected']}"
    software = done.get("software")
    if software is not None and software != done["class"]:
        text += f", but software gives {software}"
    elif software is not None and done.get("expected") is None:
        text += ", as in software"
    return text


@dataclass(frozen=True)
class Throughput:
    """The driver's throughput test.

    Attributes:
        images_per_s: measured, of one batch through the accelerator.
        estimate_images_per_s: clock / II, or None where the run has no estimate.
        batch, clock_mhz: what it was measured with.
        metrics: everything that the driver told, under its own names.
    """

    board: str
    simulated: bool
    images_per_s: float
    estimate_images_per_s: float | None
    batch: int
    clock_mhz: float
    metrics: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self)


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

    @property
    def differs(self) -> bool:
        """Whether the board computes something else than the software."""
        return self.comparison is not None and self.comparison.differs

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        fields = asdict(self)
        fields["comparison"] = self.comparison_dict()
        return fields

    def accuracy_dict(self) -> dict[str, Any]:
        """``accuracy`` of results.json."""
        fields = asdict(self)
        for name in ("comparison", "note", "mean_squared_error"):
            del fields[name]
        return fields

    def comparison_dict(self) -> dict[str, Any] | None:
        """``comparison`` of results.json."""
        if self.comparison is None:
            return None
        about = {"board": self.board, "simulated": self.simulated, "note": self.note}
        return {**self.comparison.as_dict(), **about}

    def text(self) -> str:
        """What a line says of it."""
        if self.percent is not None:
            done = f"{self.percent:.2f} % of {self.images:,} images"
        elif self.mean_squared_error is not None:
            done = f"mean squared error {self.mean_squared_error:.4g} of {self.images:,} samples"
        else:
            done = "not validated"
        return done if self.comparison is None else f"{done}; {self.comparison.text()}"


def differences(executed: Executed | None, validation: Validation | None) -> FinnTuiError | None:
    """The error of a board that computes something else than the software; None if it does not."""
    if validation is not None and validation.comparison is not None and validation.differs:
        compared = validation.comparison
        why = compared.text() + "."
        if compared.converted is not None and compared.converted < compared.samples:
            why += (
                f" The dataflow graph itself agrees with the network on {compared.converted} of "
                f"{compared.samples} of these samples only."
            )
    elif executed is not None and executed.differs:
        software = "other values" if executed.software is None else f"class {executed.software}"
        board = "" if executed.result is None else f" gives class {executed.result}, the"
        why = f"Sample {executed.image}: the board{board or ' differs; the'} software {software}."
    else:
        return None
    return FinnTuiError(
        "the board computes something else than the network in software",
        why,
        "`finn-tui prepare` says at which stage classes or outputs begin to differ; a design that "
        "misses its clock computes wrongly, too.",
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
