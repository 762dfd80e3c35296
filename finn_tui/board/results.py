"""What was measured on a board; ``as_dict`` gives what JSON and ``results.json`` show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.board.deploy import Deployed


@dataclass(frozen=True)
class Executed:
    """One sample image on the board.

    Attributes:
        board: which one. simulated: whether it had an FPGA.
        image: its index in the run's sample.
        result: the class that the accelerator gave.
        expected: the image's label, or None where the sample has none.
        software: the class that the network gave in software, or None.
        clock_mhz: what the accelerator ran at.
        seconds: from handing over the image to the result, with the driver's packing.
    """

    board: str
    simulated: bool
    image: int
    result: int
    expected: int | None
    software: int | None
    clock_mhz: float
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it; ``class`` is what the board gave."""
        fields = asdict(self)
        fields["class"] = fields.pop("result")
        return fields


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
    """The test set through the accelerator.

    Attributes:
        percent: top-1 accuracy. correct, images: it in whole images.
        dataset: mnist, cifar10, cifar100, or what the run's own test set is called.
        software_same: of the ``images``, how many got the class that software gave them; None
            where the run's sample is not this test set.
        predictions: file in the run folder with ``predictions`` and ``labels`` (.npz).
    """

    board: str
    simulated: bool
    percent: float
    correct: int
    images: int
    dataset: str
    software_same: int | None
    batch: int
    clock_mhz: float
    predictions: str

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self)


@dataclass(frozen=True)
class Outcome:
    """Everything that ``go`` did; ``missing`` says why a step could not be done."""

    deployed: Deployed
    executed: Executed | None
    throughput: Throughput
    validation: Validation | None
    missing: tuple[FinnTuiError, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "deploy": self.deployed.as_dict(),
            "execute": self.executed.as_dict() if self.executed else None,
            "throughput": self.throughput.as_dict(),
            "validate": self.validation.as_dict() if self.validation else None,
            "missing": [error.as_dict() for error in self.missing],
        }
