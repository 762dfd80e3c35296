"""The documents of a run folder as structs: what ``run.json`` and its siblings hold.

They are written by the runner inside FINN's Python (``engine/server``), by the board jobs and by
``runs/launch``; ``runs/folder`` reads them. ``docs/json.md`` is generated from these classes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from finn_tui.base.config import known_keys
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean
from finn_tui.engine.server import runfiles


class RunStatus(StrEnum):
    """Where a build stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self in FINAL


class RunKind(StrEnum):
    """What a run does."""

    BUILD = "build"
    TRAIN = "train"


class StepStatus(StrEnum):
    """Where one step of a build stands; the last three are how a run ended in it."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


FINAL = frozenset(RunStatus(name) for name in runfiles.FINAL)


Time = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d",
        description="A time in ISO 8601, such as 2026-01-02T03:04:05+00:00.",
    ),
]


class RunEngine(Struct, frozen=True):
    """The FINN that builds.

    Attributes:
        name: of the engine, as in ``finn-tui engine list``.
        python: its interpreter.
        command: what starts that interpreter.
        flavour: ``finn-plus`` or ``upstream``.
        version: of FINN.
    """

    name: str | None = None
    python: str | None = None
    command: tuple[str, ...] = ()
    flavour: str | None = None
    version: str | None = None


class RunRehearsal(Struct, frozen=True):
    """How stand-ins take the place of AMD's tools.

    Attributes:
        seconds (s): what the stand-ins take in all.
    """

    seconds: Annotated[float, Meta(ge=0, le=1e9, description="Seconds, 0 or more.")]


class RunWeights(Struct, frozen=True):
    """Where a model's weights come from.

    Attributes:
        kind: ``random``, ``trained``, ``file`` or ``pretrained``.
        dataset: the data set that they were trained on.
    """

    kind: str | None = None
    dataset: str | None = None


class RunSource(Struct, frozen=True):
    """Where a model comes from.

    Attributes:
        content: hash of what the model was prepared from.
        title: the model's name for people.
        weights: where its weights come from.
        retry_of: the run that was retried.
    """

    content: str | None = None
    title: str | None = None
    weights: Annotated[dict[str, Any], known_keys(RunWeights)] | None = None
    retry_of: str | None = None


class RunEstimate(Struct, frozen=True):
    """An estimate, as ``finn-tui estimate --json`` gives it; the keys that are used later.

    Attributes:
        ii_cycles (cycles): initiation interval of the design.
        latency_cycles (cycles): cycles along the longest path, FINN's critical path.
        fps (frames/s): clock / II.
        clock_ns (ns): clock period.
        total: sum of the layers by resource: LUT, BRAM_18K, URAM, DSP.
    """

    ii_cycles: int | None = None
    latency_cycles: int | None = None
    fps: float | None = None
    clock_ns: float | None = None
    total: dict[str, float] | None = None


Estimate = Annotated[dict[str, Any], known_keys(RunEstimate)]


class TrainingRequest(Struct, frozen=True):
    """How a network is trained.

    Attributes:
        definition: the network, as the engine builds it.
        dataset: the folder of the data set, or ``digits28``.
        dataset_name: its true name.
        labels: of CIFAR-100: ``fine`` or ``coarse``.
        epochs: how often all images are seen.
        batch (images): of one step.
        lr: the learning rate at the beginning.
        optimizer: ``adam`` or ``sgd``.
        momentum: of ``sgd``.
        weight_decay: of the optimizer.
        loss: ``hinge`` (squared, as bnn_pynq) or ``cross-entropy``.
        schedule: ``fixed``, ``step`` or ``cosine``.
        milestones: epochs after which ``step`` lowers the learning rate.
        gamma: by how much it does.
        augmentation: ``crop-flip`` (bnn_pynq's for CIFAR) or ``none``.
        seed: of weights, order and augmentation.
        patience (epochs): stop after so many without a better one; 0 for never.
        limit_s (s): stop after this time; 0 for no limit.
        validation: part of the training images that chooses the best epoch; 0: the test images.
        threads: CPU threads; null for a choice by the network's size.
        device: ``auto``, ``cpu`` or ``cuda``.
        weights: checkpoint to begin with; null for fresh weights.
    """

    definition: dict[str, Any]
    dataset: str
    dataset_name: str = ""
    labels: str = "fine"
    epochs: int = 40
    batch: int = 100
    lr: float = 0.02
    optimizer: str = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    loss: str = "cross-entropy"
    schedule: str = "cosine"
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    augmentation: str = "none"
    seed: int = 0
    patience: int = 0
    limit_s: float = 0.0
    validation: float = 0.0
    threads: int | None = None
    device: str = "auto"
    weights: str | None = None


class RunRequest(Struct, frozen=True):
    """What a run was asked to do: ``run.json``; written once, never changed.

    A training has ``training``, and none of folding, board, part and clock.

    Attributes:
        id: name of the run folder.
        model: the model's name.
        created: when it was asked, ISO 8601 in UTC.
        folding: FINN's folding configuration.
        folding_name: what the user calls the folding.
        board: FINN's name of the board type.
        part: the FPGA part.
        clock_ns (ns): clock period.
        engine: the FINN that builds.
        host: where it runs, as the user named the machine.
        rehearsal: how AMD's tools are stand-ins; null for a real build.
        simulated: whether its figures are those of stand-ins.
        dataset: what the accelerator is validated on, as the driver calls it.
        estimate: as ``finn-tui estimate --json`` gives it; null if it was not asked.
        source: where the model comes from and what its weights are.
        fifo: how FIFO depths are set, ``simulate`` or ``minimal``.
        kind: ``build`` or ``train``.
        training: how the network is trained; null for a build.
        format: version of this document.
    """

    id: str
    model: str
    created: str
    folding: dict[str, Any]
    folding_name: str
    board: str
    part: str
    clock_ns: Annotated[
        float, Meta(gt=0, le=1e6, description="A clock period in ns, above 0 and up to 1000000.")
    ]
    engine: Annotated[dict[str, Any], known_keys(RunEngine)] = {}
    host: str = "local"
    rehearsal: Annotated[dict[str, Any], known_keys(RunRehearsal)] | None = None
    simulated: bool = False
    dataset: str | None = None
    estimate: Estimate | None = None
    source: Annotated[dict[str, Any], known_keys(RunSource)] = {}
    fifo: str = "simulate"
    kind: RunKind = RunKind.BUILD
    training: TrainingRequest | None = None
    format: int = 1

    @property
    def is_training(self) -> bool:
        """Whether it is a training, and no build."""
        return self.kind is RunKind.TRAIN

    @property
    def subject(self) -> str:
        """What is done with the model: the folding that is built, or what it is trained on."""
        if self.training is None:
            return self.folding_name
        return f"training on {clean(self.training.dataset_name or self.training.dataset)}"

    @property
    def content(self) -> str:
        """The hash of what its model was prepared from; empty where an older version asked."""
        return self.source.get("content") or ""


class RunError(Struct, frozen=True):
    """An error: what happened, why, and what to do.

    Attributes:
        kind: a word for programs: ``tools``, ``finn``, ``disk``, ``engine``, ``lost``, ...
        what: what happened, one sentence.
        why: what it means or where it comes from; may be empty.
        fix: what can be done; may be empty.
        detail: a long text, such as an excerpt of a log; may be empty.
    """

    kind: str = ""
    what: str = ""
    why: str = ""
    fix: str = ""
    detail: str = ""


class RunState(Struct, frozen=True):
    """Where a build is: ``state.json``; replaced in one go by the runner.

    Attributes:
        state: queued, running, succeeded, failed, cancelled or lost.
        step: FINN's name of the step it is in.
        step_index: the step's place, from 1.
        step_count: how many steps there are.
        pid: the runner's process.
        pid_started (s since the epoch): when that process began.
        pid_ticks (clock ticks since boot): when that process began, by the kernel.
        host: the machine's name, for people.
        machine: which machine it is; null in documents of version 0.1, as the next two.
        boot: which start of the machine it was.
        pid_namespace: which container it was, by its process namespace.
        heartbeat (s since the epoch): when the runner last said that it lives.
        position: its place among the builds that wait for their turn, from 1; null if it does not.
        attempt: 1, and one more for each time that it was resumed.
        start_step: the step that this attempt went on at; null for the first.
        started: when the build began, ISO 8601 in UTC.
        ended: when it ended, ISO 8601 in UTC.
        error_document: why it is failed or lost.
    """

    state: RunStatus
    step: str | None = None
    step_index: int = 0
    step_count: int = 0
    pid: int | None = None
    pid_started: float | None = None
    pid_ticks: int | None = None
    host: str = ""
    machine: str | None = None
    boot: str | None = None
    pid_namespace: int | None = None
    heartbeat: float = 0.0
    position: int | None = None
    attempt: int = 1
    start_step: str | None = msgspec.field(default=None, name="from")
    started: Time | None = None
    ended: Time | None = None
    error_document: RunError | None = msgspec.field(default=None, name="error")

    @property
    def error(self) -> FinnTuiError | None:
        """Why it is failed or lost."""
        if self.error_document is None:
            return None
        # It may quote a tool's log.
        fields = msgspec.structs.asdict(self.error_document)
        return FinnTuiError.from_dict({key: clean(text) for key, text in fields.items()})

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self.state.final

    @property
    def seconds(self) -> float:
        """How long it has been at it, or how long it took; 0 before it starts."""
        start, end = _time(self.started), _time(self.ended)
        if start is None:
            return 0.0
        return max(0.0, ((end or datetime.now(UTC)) - start).total_seconds())

    def as_dict(self) -> dict[str, Any]:
        """The document as state.json holds it."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


def _time(text: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


class PostSynthesis(Struct, frozen=True):
    """Resources after synthesis.

    Attributes:
        LUT: look-up tables.
        FF: flip-flops.
        SRL: look-up tables used as shift registers; they count among LUT.
        BRAM_18K: block RAM in halves of 18 kbit.
        URAM: UltraRAM blocks.
        DSP: DSP slices.
        layers: the same for each layer, with its name.
        source: the report, as a path in the run folder.
        simulated: whether stand-ins made it.
    """

    LUT: int | None = None
    FF: int | None = None
    SRL: int | None = None
    BRAM_18K: int | None = None
    URAM: int | None = None
    DSP: int | None = None
    layers: tuple[dict[str, Any], ...] = ()
    source: str | None = None
    simulated: bool = False


class Timing(Struct, frozen=True):
    """Timing after routing.

    Attributes:
        wns (ns): worst negative slack; below 0 the clock is missed.
        tns (ns): total negative slack.
        clock_ns (ns): clock period that was asked for.
        met: whether the clock is met.
        fmax_mhz (MHz): highest clock that the worst path allows.
        source: the report, as a path in the run folder.
        simulated: whether stand-ins made it.
    """

    wns: float | None = None
    tns: float | None = None
    clock_ns: float | None = None
    met: bool | None = None
    fmax_mhz: float | None = None
    source: str | None = None
    simulated: bool = False


class StepTimes(Struct, frozen=True):
    """How long the steps took.

    Attributes:
        seconds (s): by FINN's name of the step; of one that was built twice, the last time.
        total_seconds (s): their sum.
        source: the file they come from.
        simulated: whether stand-ins took part.
    """

    seconds: dict[str, float] = {}
    total_seconds: float | None = None
    source: str | None = None
    simulated: bool = False


class ToolVersion(Struct, frozen=True):
    """A tool that worked in the build.

    Attributes:
        name: such as ``Vivado``.
        version: as it says.
        source: its log, as a path in the run folder.
        simulated: whether it was a stand-in.
    """

    name: str
    version: str
    source: str | None = None
    simulated: bool = False


class ToolWarning(Struct, frozen=True):
    """A warning of the tools that matters, each id once.

    Attributes:
        severity: such as ``CRITICAL WARNING``.
        id: the tool's number of it.
        text: what it says.
        count: how often it came.
        source: the log in which it came first, as a path in the run folder.
        line: the line in it, from 1.
        simulated: whether a stand-in said it.
    """

    severity: str | None = None
    id: str | None = None
    text: str | None = None
    count: int = 0
    source: str | None = None
    line: int | None = None
    simulated: bool = False


class ScoredClass(Struct, frozen=True):
    """A class with its score.

    Attributes:
        number: of the class.
        name: of the class; null where it is not known.
        score: in the units of the network's output.
    """

    number: int = msgspec.field(name="class")
    name: str | None = None
    score: float = 0.0


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
    """

    number: int = msgspec.field(name="class")
    name: str = ""
    images: int = 0
    correct: int = 0
    percent: float | None = None


class DifferentImage(Struct, frozen=True):
    """An image for which board and software differ.

    Attributes:
        index: of the image, counted from 0.
        board: the board's class; null of a network without classes, as the next.
        software: the software's class.
        label: the image's label; null where it has none.
    """

    index: int
    board: int | None = None
    software: int | None = None
    label: int | None = None


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
        low_percent (%): lower end of the accuracy's 95 % confidence interval (Wilson's).
        high_percent (%): its upper end.
        per_class: accuracy of each class that was seen.
        seconds (s): from the first image sent to the last result.
        board_seconds (s): of it, on the board.
        driver_seconds (s): of it, within the driver.
        differences: the first images for which board and software differ.
        differences_file: file in the run folder with them and both outputs (.npz).
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
    low_percent: float | None = None
    high_percent: float | None = None
    per_class: tuple[ClassAccuracy, ...] = ()
    seconds: float | None = None
    board_seconds: float | None = None
    driver_seconds: float | None = None
    differences: tuple[DifferentImage, ...] = ()
    differences_file: str | None = None


class TrainingResult(Struct, frozen=True):
    """What a training has reached, with the weights of its best epoch: ``training``.

    Attributes:
        percent (%): top-1 accuracy on the test images.
        images: how many test images there are.
        correct: how many of them were classified correctly.
        dataset: the data set's true name.
        dataset_source: the folder it was read from.
        train_images: how many were trained on.
        selected_on: the images that chose the best epoch.
        epochs: how many were done.
        best_epoch: whose weights ``build/best.pt`` holds.
        ended: ``epochs`` (all done), ``patience``, ``time``; ``running`` before the end.
        seconds (s): training and evaluation.
        images_per_s (images/s): training images over all of that time.
        data_share: part of the time in which batches were made.
        device: what computed.
        threads: CPU threads.
        seed: of weights, order and augmentation.
        per_class: ``class``, ``name``, ``images``, ``correct``, ``percent`` of each.
        confusions: ``label``, ``predicted``, ``count``, the most frequent first.
        checkpoint: file with the weights.
        source: where the figures come from.
        simulated: false: a network in software is what it is.
    """

    percent: float
    images: int
    correct: int | None = None
    dataset: str | None = None
    dataset_source: str | None = None
    train_images: int | None = None
    selected_on: str | None = None
    epochs: int | None = None
    best_epoch: int | None = None
    ended: str | None = None
    seconds: float | None = None
    images_per_s: float | None = None
    data_share: float | None = None
    device: str | None = None
    threads: int | None = None
    seed: int | None = None
    per_class: tuple[dict[str, Any], ...] = ()
    confusions: tuple[dict[str, Any], ...] = ()
    checkpoint: str | None = None
    source: str | None = None
    simulated: bool = False


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
    reference: str = "network"


class RunResults(Struct, frozen=True):
    """What a run is worth: ``results.json``; each part is there once it is known.

    Attributes:
        estimate: as it was asked for; FINN's own figures where nothing was.
        post_synthesis: resources after synthesis.
        timing: slack and clock after routing.
        steps: how long the steps took.
        tools: the tools that worked.
        warnings: warnings that matter.
        execute: one sample image on the board.
        throughput: the driver's throughput test.
        accuracy: the test set through the accelerator.
        training: what a training has reached.
        comparison: the board's answers to samples beside those of the software.
    """

    estimate: Estimate | None = None
    post_synthesis: Annotated[dict[str, Any], known_keys(PostSynthesis)] | None = None
    timing: Annotated[dict[str, Any], known_keys(Timing)] | None = None
    steps: Annotated[dict[str, Any], known_keys(StepTimes)] | None = None
    tools: tuple[Annotated[dict[str, Any], known_keys(ToolVersion)], ...] | None = None
    warnings: tuple[Annotated[dict[str, Any], known_keys(ToolWarning)], ...] | None = None
    execute: Annotated[dict[str, Any], known_keys(ExecuteResult)] | None = None
    throughput: Annotated[dict[str, Any], known_keys(ThroughputResult)] | None = None
    accuracy: Annotated[dict[str, Any], known_keys(AccuracyResult)] | None = None
    training: Annotated[dict[str, Any], known_keys(TrainingResult)] | None = None
    comparison: Annotated[dict[str, Any], known_keys(ComparisonResult)] | None = None


class Notes(Struct, frozen=True):
    """What a user says of a run: ``notes.json``.

    Attributes:
        note: free text.
        tags: in the order in which they were given.
    """

    note: str = ""
    tags: tuple[str, ...] = ()


class RunEvent(Struct, frozen=True):
    """A line of ``events.jsonl``: what happened, oldest first.

    Attributes:
        t (s since the epoch): when.
        event: ``state``, ``steps``, ``step`` or ``log``; of a training ``training``, ``batch``
            and ``epoch``.
        state: of ``state``: what the run became.
        error: of ``state``: why it is failed or lost.
        names: of ``steps``: the steps that will be done, by FINN's names.
        start: of ``steps``: the first of them that is not done yet.
        name: of ``step``: FINN's name of it.
        status: of ``step``: ``started``, ``finished`` or ``failed``.
        seconds (s): of ``step``: how long it took.
        level: of ``log``: ``info``, ``warning`` or ``error``.
        text: of ``log``: what the runner had to say.
        epochs: of ``training``: how many there will be.
        first: of ``training``: the epoch that is begun with, or gone on with.
        images: of ``training``: in one epoch; of ``batch``: of its epoch, so far.
        epoch: of ``batch`` and ``epoch``: its number, from 1.
        loss: of ``batch`` and ``epoch``: mean over the images of the epoch so far.
        accuracy (%): of ``batch``: on the training images of the epoch so far; of ``epoch``: on
            the images that choose the best one.
        train_accuracy (%): of ``epoch``: on its training images.
        lr: of ``batch`` and ``epoch``: the learning rate.
        images_per_s (images/s): of ``batch``: since the one before.
    """

    t: float
    event: str
    state: str | None = None
    error: RunError | None = None
    names: tuple[str, ...] | None = None
    start: str | None = None
    name: str | None = None
    status: Literal["started", "finished", "failed"] | None = None
    seconds: float | None = None
    level: str | None = None
    text: str | None = None
    epochs: int | None = None
    first: int | None = None
    images: int | None = None
    epoch: int | None = None
    loss: float | None = None
    accuracy: float | None = None
    train_accuracy: float | None = None
    lr: float | None = None
    images_per_s: float | None = None
