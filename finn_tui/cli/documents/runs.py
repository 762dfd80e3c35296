"""Documents of builds, runs and experiments."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Struct

from finn_tui.base.config import known_keys
from finn_tui.cli.documents.base import DamagedItem, Document
from finn_tui.runs.documents import (
    RunError,
    RunKind,
    RunResults,
    RunStatus,
    StepStatus,
    TrainingResult,
)


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at before a build.

    Attributes:
        id: budget, fill, tools, licence, disk, memory, place, path, folding, ...
        verdict: ``ok``, ``warn`` or ``refuse``.
        what: what is so.
        lost: what would be lost if one went on; may be empty.
        fix: what to do; may be empty.
    """

    id: str
    verdict: str
    what: str
    lost: str
    fix: str


class BuildCheck(Document, frozen=True, kw_only=True):
    """What could end a build: ``build --check``.

    Attributes:
        format_version: version of the document's form.
        refused: whether the build would be refused.
        findings: each thing that was looked at.
    """

    refused: bool
    findings: tuple[Finding, ...]


class BuildEnd(Document, frozen=True, kw_only=True):
    """A run as ``build``, ``train``, ``attach``, ``runs resume`` and ``runs retry`` leave it.

    Attributes:
        format_version: version of the document's form.
        run: name of the run.
        state: where it stands.
        folder: the run folder.
        kind: ``build`` or ``train``.
        simulated: whether stand-ins build it.
        clock_missed_ns (ns): by how much the clock was missed; null if it was not.
        training: what a training has reached; null for a build, and before the first epoch.
        error: why it failed; only there if it did.
    """

    run: str
    state: RunStatus
    folder: str
    kind: RunKind
    simulated: bool
    clock_missed_ns: float | None
    training: TrainingResult | None
    error: RunError | msgspec.UnsetType = msgspec.UNSET


class EvaluatedWeights(Struct, frozen=True, kw_only=True):
    """Where the weights of an evaluated network come from.

    Attributes:
        kind: ``checkpoint``, ``trained``, ``pretrained`` or ``random``.
        note: which, in words.
    """

    kind: str
    note: str


class Evaluate(Document, frozen=True, kw_only=True):
    """The accuracy of a network in software: ``evaluate``.

    Attributes:
        format_version: version of the document's form.
        percent (%): top-1 accuracy.
        correct: how many images were classified correctly.
        images: how many test images there are.
        per_class: ``class``, ``name``, ``images``, ``correct``, ``percent`` of each.
        confusions: ``label``, ``predicted``, ``count``, the most frequent first.
        dataset: the data set's true name.
        dataset_source: the folder it was read from.
        seconds (s): what it took.
        images_per_s (images/s): in software.
        weights: where they come from.
    """

    percent: float
    correct: int
    images: int
    per_class: tuple[dict[str, Any], ...]
    confusions: tuple[dict[str, Any], ...]
    dataset: str
    dataset_source: str
    seconds: float
    images_per_s: float
    weights: EvaluatedWeights


class RunRow(Struct, frozen=True, kw_only=True):
    """A run.

    Attributes:
        run: name of the run.
        kind: ``build`` or ``train``.
        model: the model's name.
        folding: what the user calls the folding; empty for a training, as the board.
        board: FINN's name of the board type.
        clock_ns (ns): clock period; null for a training.
        dataset: what a training reads, by its true name; of a build, what it is validated on.
        simulated: whether stand-ins build it.
        host: name of the host that builds it; null for this machine.
        contact (s since the epoch): when that host last answered; null if it never has.
        problem: why that host could not be asked the last time; null if it could.
        state: where it stands.
        clock_missed_ns (ns): by how much the clock was missed; null if it was not.
        position: its place in the queue, from 1; null if it does not wait.
        waiting: why it waits, where a scheduler says so; null otherwise.
        attempt: 1, and one more for each time that it was resumed.
        step: FINN's name of the step it is in; null before the first.
        step_index: the step's place, from 1.
        step_count: how many steps there are.
        seconds (s): how long it has taken.
        error: why it failed or was lost; null if it did not.
        note: the user's note.
        tags: the user's tags.
        folder: the run folder.
    """

    run: str
    kind: RunKind
    model: str
    folding: str
    board: str
    clock_ns: float | None
    dataset: str | None
    simulated: bool
    host: str | None
    contact: float | None
    problem: RunError | None
    state: RunStatus
    clock_missed_ns: float | None
    position: int | None
    waiting: str | None
    attempt: int
    step: str | None
    step_index: int
    step_count: int
    seconds: float
    error: RunError | None
    note: str
    tags: tuple[str, ...]
    folder: str


class Runs(Document, frozen=True, kw_only=True):
    """The runs of the workspace, newest first.

    Attributes:
        format_version: version of the document's form.
        runs: each of them.
        damaged: those that cannot be read, each with the reason.
    """

    runs: tuple[RunRow, ...]
    damaged: tuple[DamagedItem, ...]


class Cancel(RunRow, frozen=True, kw_only=True):
    """The run as it was left, with the keys of a row of ``runs``.

    Attributes:
        format_version: version of the document's form.
    """

    format_version: int


class Step(Struct, frozen=True, kw_only=True):
    """A step of a build.

    Attributes:
        name: FINN's name of it.
        status: where it stands.
        seconds (s): how long it took; so far, if it runs; null if it has not begun.
    """

    name: str
    status: StepStatus
    seconds: float | None


class RunsShow(RunRow, frozen=True, kw_only=True):
    """A run with the keys of a row of ``runs``, its steps and results.

    Attributes:
        format_version: version of the document's form.
        steps: all of them.
        results: the content of results.json.
    """

    format_version: int
    steps: tuple[Step, ...]
    results: Annotated[dict[str, Any], known_keys(RunResults)]


class Cleaned(Struct, frozen=True, kw_only=True):
    """What was removed of a run.

    Attributes:
        run: name of the run.
        bytes (bytes): how much that was.
        removed: paths in the run folder.
    """

    run: str
    bytes: int
    removed: tuple[str, ...]


class RunsClean(Document, frozen=True, kw_only=True):
    """What was removed, or would be with ``--dry-run``.

    Attributes:
        format_version: version of the document's form.
        bytes (bytes): in all.
        dry_run: whether nothing was removed.
        runs: run by run.
    """

    bytes: int
    dry_run: bool
    runs: tuple[Cleaned, ...]


class RunsNote(Document, frozen=True, kw_only=True):
    """What the user says of a run, after ``runs note`` or ``runs tag``.

    Attributes:
        format_version: version of the document's form.
        run: name of the run.
        note: the note.
        tags: the tags.
    """

    run: str
    note: str
    tags: tuple[str, ...]


class Experiment(Struct, frozen=True, kw_only=True):
    """A run as a row; null where nothing was estimated, built or measured.

    Attributes:
        run: name of the run.
        model: the model's name.
        folding: what the user calls the folding.
        board: FINN's name of the board type.
        clock_ns (ns): clock period.
        created: when it was asked, ISO 8601 in UTC.
        state: where it stands.
        simulated: whether stand-ins built it.
        ii_cycles (cycles): estimated initiation interval.
        estimated_fps (frames/s): clock / II.
        estimated: FINN's estimate by resource.
        synthesized: after synthesis by resource.
        wns (ns): worst negative slack.
        timing_met: whether the clock is met.
        fps (images/s): measured throughput.
        batch (images): what it was measured with.
        clock_mhz (MHz): what the accelerator ran at.
        accuracy (%): top-1, on the board.
        images: over how many images.
        measured_simulated: whether throughput and accuracy are from the simulated board.
        content: hash of what the model was prepared from; empty if it is not known.
        dataset: the test set's true name.
        trained_on: the data set that the weights come from; ``random`` if they were never trained.
        estimated_whole: the estimate with all that a build counts: FIFOs, width converters, shell.
        error_percent (%): how far that is from the build, by resource; below 0 it is too low.
        tags: the user's.
        input_bytes: of a frame, as the board's driver moved them.
        port_fps (frames/s): what the memory port lets through, whatever the folding.
    """

    run: str
    model: str
    folding: str
    board: str
    clock_ns: float
    created: str
    state: RunStatus
    simulated: bool
    ii_cycles: int | None
    estimated_fps: float | None
    estimated: dict[str, float]
    synthesized: dict[str, float]
    wns: float | None
    timing_met: bool | None
    fps: float | None
    batch: int | None
    clock_mhz: float | None
    accuracy: float | None
    images: int | None
    measured_simulated: bool
    content: str
    dataset: str | None
    trained_on: str | None
    estimated_whole: dict[str, float]
    error_percent: dict[str, float]
    tags: tuple[str, ...]
    input_bytes: int | None
    port_fps: float | None


class Experiments(Document, frozen=True, kw_only=True):
    """The table of runs and results.

    Attributes:
        format_version: version of the document's form.
        experiments: a row a run, newest first.
        damaged: those that cannot be read, each with the reason.
    """

    experiments: tuple[Experiment, ...]
    damaged: tuple[DamagedItem, ...]


class SweepFolding(Struct, frozen=True, kw_only=True):
    """A folding of a series.

    Attributes:
        folding: what it is called.
        ii_cycles (cycles): estimated initiation interval.
        status: ``done`` or ``failed``; ``waiting`` for one that could not be begun.
        run: the run that has built it; null if none was begun.
        reused: whether that run was there before, or another series or name has begun it.
        error: why it has failed.
    """

    folding: str
    ii_cycles: int
    status: str
    run: str | None
    reused: bool
    error: RunError | None


class Sweep(Document, frozen=True, kw_only=True):
    """A series of foldings, built and measured.

    Attributes:
        format_version: version of the document's form.
        foldings: in the order in which they were named.
    """

    foldings: tuple[SweepFolding, ...]


class RunsCompareLayer(Struct, frozen=True, kw_only=True):
    """A layer whose folding differs between runs.

    Attributes:
        name: of the layer.
        values: by run, what of it differs; a dash where a run has no such layer.
        cycles (cycles): by run, as estimated; null where that is not known.
    """

    name: str
    values: tuple[str, ...]
    cycles: tuple[int | None, ...]


class RunsCompare(Document, frozen=True, kw_only=True):
    """Runs side by side.

    Attributes:
        format_version: version of the document's form.
        runs: in the order in which they were named.
        layers: those that differ, in the order of the graph.
        same: how many layers are folded alike in all runs.
    """

    runs: tuple[Experiment, ...]
    layers: tuple[RunsCompareLayer, ...]
    same: int
