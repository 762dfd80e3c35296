"""``results.json`` as a whole, and ``notes.json``."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from finn_tui.base.config import known_keys
from finn_tui.runs.documents.board_results import (
    AccuracyResult,
    ComparisonResult,
    ExecuteResult,
    ThroughputResult,
)
from finn_tui.runs.documents.build_results import (
    PostSynthesis,
    StepTimes,
    Timing,
    ToolVersion,
    ToolWarning,
)
from finn_tui.runs.documents.request import Estimate


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


class ReplayedResults(Struct, frozen=True):
    """What a recorded board session gave when it was replayed: ``replay``; no measurements.

    Attributes:
        execute: one sample image.
        throughput: the driver's throughput test.
        accuracy: the test set through the accelerator.
        comparison: the answers to samples beside those of the software.
    """

    execute: Annotated[dict[str, Any], known_keys(ExecuteResult)] | None = None
    throughput: Annotated[dict[str, Any], known_keys(ThroughputResult)] | None = None
    accuracy: Annotated[dict[str, Any], known_keys(AccuracyResult)] | None = None
    comparison: Annotated[dict[str, Any], known_keys(ComparisonResult)] | None = None


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
        replay: what a recorded board session gave; the parts above are never a replay's.
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
    replay: Annotated[dict[str, Any], known_keys(ReplayedResults)] | None = None


class Notes(Struct, frozen=True):
    """What a user says of a run: ``notes.json``.

    Attributes:
        note: free text.
        tags: in the order in which they were given.
    """

    note: str = ""
    tags: tuple[str, ...] = ()
