"""Parts of ``results.json`` that a board measures."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct


class ScoredClass(Struct, frozen=True):
    """A class with its score.

    Attributes:
        number: of the class.
        name: of the class; null where it is not known.
        score: in the units of the network's output.
        simulated: whether a board without an FPGA gave it; false for the software's.
        replay: whether a recorded session gave it; likewise.
    """

    number: int = msgspec.field(name="class")
    name: str | None = None
    score: float = 0.0
    simulated: bool = False
    replay: bool = False


class ExecuteResult(Struct, frozen=True):
    """One image on the board: ``execute``.

    Attributes:
        image: its index in the run's sample, or in the user's file.
        result: the class that the accelerator gave; null of a network without classes.
        expected: the image's label; null where the sample has none.
        software: the class that the network gave in software; null where it is not known.
        difference: the largest difference of its outputs to those of the software; null where they
            are not compared.
        differs: whether class or outputs differ from those of the software.
        board: the machine's name.
        clock_mhz (MHz): what the accelerator ran at.
        seconds (s): from handing over the image to the result, with the driver's packing.
        simulated: whether the board had no FPGA.
        replay: whether it is a recorded session's and no measurement.
        clock_note: the clock that it was built for and the other one that it ran at; null where
            they are the same.
        file: the user's file; null for a sample of the run.
        dataset: what the sample comes from; null where it is not known, and of a file.
        class_name: name of the class that the accelerator gave; null where it is not known.
        expected_name: name of the image's label; null likewise.
        top: the classes with the highest scores, best first.
        scores_of: who gave these scores: ``board``, ``network`` or ``dataflow graph``.
        reference: the software that it is compared with: ``network`` or ``dataflow graph``.
        outputs: the first 1,000 values that the accelerator gave.
        software_outputs: those that the software gave; empty where they are not known.
        notes: what was done to the user's file, and what could not be compared.
    """

    image: Annotated[int, Meta(ge=0)]
    result: int | None = msgspec.field(name="class")
    expected: int | None = None
    software: int | None = None
    difference: float | None = None
    differs: bool = False
    board: str | None = None
    clock_mhz: float | None = None
    seconds: float | None = None
    simulated: bool = False
    replay: bool = False
    clock_note: str | None = None
    file: str | None = None
    dataset: str | None = None
    class_name: str | None = None
    expected_name: str | None = None
    top: tuple[ScoredClass, ...] = ()
    scores_of: str | None = None
    reference: str | None = None
    outputs: tuple[float, ...] = ()
    software_outputs: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()


class TimeSpread(Struct, frozen=True):
    """One time, measured several times.

    Attributes:
        min (ms): the shortest.
        median (ms): the median.
        max (ms): the longest.
    """

    min: float
    median: float
    max: float


class BatchThroughput(Struct, frozen=True):
    """A batch of one size, measured several times after a run to warm up.

    Attributes:
        batch (images): its size.
        repetitions: how often it was measured.
        device_ms: the accelerator alone.
        end_to_end_ms: with packing, copying and unpacking.
        images_per_s (images/s): by the median of the accelerator; null for one image, whose time
            is a latency.
        end_to_end_images_per_s (images/s): likewise with packing, copying and unpacking.
        bytes_in (bytes): that a batch moves to the accelerator.
        bytes_out (bytes): that a batch moves from it.
        in_mb_per_s (MB/s): to the accelerator while it works.
        out_mb_per_s (MB/s): from it while it works.
        parts_ms (ms): the steps around the accelerator, of one run of the driver's own test.
        simulated: whether the board had no FPGA.
        replay: whether it is a recorded session's and no measurement.
    """

    batch: int
    repetitions: int
    device_ms: TimeSpread
    end_to_end_ms: TimeSpread
    images_per_s: float | None
    end_to_end_images_per_s: float | None
    bytes_in: int
    bytes_out: int
    in_mb_per_s: float
    out_mb_per_s: float
    parts_ms: dict[str, float] = {}
    simulated: bool = False
    replay: bool = False


class ThroughputResult(Struct, frozen=True):
    """Batches of several sizes on the board: ``throughput``.

    Attributes:
        images_per_s (images/s): measured, of the largest batch through the accelerator.
        batch (images): what it was measured with.
        clock_mhz (MHz): what the accelerator ran at.
        estimate_images_per_s (images/s): clock / II; null where the run has no estimate.
        metrics: what the driver's own test reported of it, under its names and in its units.
        board: the machine's name.
        simulated: whether the board had no FPGA.
        replay: whether it is a recorded session's and no measurement.
        clock_note: the clock that it was built for and the other one that it ran at; null where
            they are the same.
        build_clock_mhz (MHz): what the design was built for, and the estimate is for.
        latency_ms (ms): one image through the accelerator, with the driver's start.
        end_to_end_images_per_s (images/s): with packing, copying and unpacking.
        sweep: each size of a batch.
        reasons: where the difference to the estimate comes from.
    """

    images_per_s: float
    batch: int
    clock_mhz: float
    estimate_images_per_s: float | None = None
    metrics: dict[str, Any] = {}
    board: str | None = None
    simulated: bool = False
    replay: bool = False
    clock_note: str | None = None
    build_clock_mhz: float | None = None
    latency_ms: float | None = None
    end_to_end_images_per_s: float | None = None
    sweep: tuple[BatchThroughput, ...] = ()
    reasons: tuple[str, ...] = ()


class ClassAccuracy(Struct, frozen=True):
    """How a class is recognized.

    Attributes:
        number: of the class.
        name: of the class, or its number.
        images: how many there were of it.
        correct: how many of them were recognized.
        percent (%): correct of images.
        simulated: whether the board had no FPGA.
        replay: whether it is a recorded session's and no measurement.
    """

    number: int = msgspec.field(name="class")
    name: str = ""
    images: int = 0
    correct: int = 0
    percent: float | None = None
    simulated: bool = False
    replay: bool = False


class DifferentImage(Struct, frozen=True):
    """An image for which board and software differ.

    Attributes:
        index: of the image, counted from 0.
        board: the board's class; null of a network without classes, as the next.
        software: the software's class.
        label: the image's label; null where it has none.
        simulated: whether the board had no FPGA.
        replay: whether it is a recorded session's and no measurement.
    """

    index: int
    board: int | None = None
    software: int | None = None
    label: int | None = None
    simulated: bool = False
    replay: bool = False


class AccuracyResult(Struct, frozen=True):
    """The test set through the accelerator: ``validate``.

    Attributes:
        percent (%): top-1 accuracy.
        images: how many were classified.
        correct: how many of them correctly.
        dataset: the test set's true name.
        software_same: how many got the class that software gave them; null where not compared.
        batch (images): what the driver was given at once.
        clock_mhz (MHz): what the accelerator ran at.
        predictions: file in the run folder with ``predictions`` and ``labels`` (.npz).
        board: the machine's name.
        simulated: whether the board had no FPGA.
        replay: whether it is a recorded session's and no measurement.
        clock_note: the clock that it was built for and the other one that it ran at; null where
            they are the same.
        low_percent (%): lower end of the accuracy's 95 % confidence interval (Wilson's).
        high_percent (%): its upper end.
        per_class: accuracy of each class that was seen.
        seconds (s): from the first image sent to the last result.
        board_seconds (s): of it, on the board.
        driver_seconds (s): of it, within the driver.
        differences: the first images for which board and software differ.
        differences_file: file in the run folder with them and both outputs (.npz).
        label_note: that many labels are above all classes that the board gave; null otherwise.
    """

    percent: float
    images: int
    correct: int | None = None
    dataset: str | None = None
    software_same: int | None = None
    batch: int | None = None
    clock_mhz: float | None = None
    predictions: str | None = None
    board: str | None = None
    simulated: bool = False
    replay: bool = False
    clock_note: str | None = None
    low_percent: float | None = None
    high_percent: float | None = None
    per_class: tuple[ClassAccuracy, ...] = ()
    seconds: float | None = None
    board_seconds: float | None = None
    driver_seconds: float | None = None
    differences: tuple[DifferentImage, ...] = ()
    differences_file: str | None = None
    label_note: str | None = None


class ComparisonResult(Struct, frozen=True):
    """The board's answers to samples beside those of the software: ``comparison``.

    Attributes:
        samples: how many were compared.
        classes_same: how many got the class that software gives; null where there are no classes.
        outputs_equal: of how many all outputs equal the software's but for float arithmetic; null
            where outputs are not known, or the accelerator gives the class alone.
        difference: the largest difference of an output; null likewise.
        first: the first sample that differs, counted from 0; null if none does.
        converted: of the same samples, how many the dataflow graph agreed on when the network was
            prepared; null where it is not known.
        differs: whether the board computes something else than the software.
        note: why nothing was validated.
        board: the machine's name.
        simulated: whether the board had no FPGA.
        replay: whether it is a recorded session's and no measurement.
        reference: what the software was: the ``network`` as it came, or its ``dataflow graph``.
    """

    samples: Annotated[int, Meta(ge=1)]
    classes_same: int | None = None
    outputs_equal: int | None = None
    difference: float | None = None
    first: int | None = None
    converted: int | None = None
    differs: bool = False
    note: str | None = None
    board: str | None = None
    simulated: bool = False
    replay: bool = False
    reference: str = "network"
