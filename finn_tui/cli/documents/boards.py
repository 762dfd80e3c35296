"""Documents of boards and of what is done on them."""

from __future__ import annotations

from msgspec import Struct

from finn_tui.cli.documents.base import DamagedItem, Document
from finn_tui.runs.documents import (
    ClassAccuracy,
    ComparisonResult,
    DifferentImage,
    ExecuteResult,
    RunError,
    ThroughputResult,
)


class BoardReach(Struct, frozen=True, kw_only=True):
    """How a machine answered, without a login.

    Attributes:
        status: ``answers``, ``silent``, ``refuses``, ``no name`` or ``not measured``.
        latency_ms: one round trip (ms); none where there was no connection.
        why: more about it; empty if there is nothing more.
    """

    status: str
    latency_ms: float | None
    why: str


class BoardRow(Struct, frozen=True, kw_only=True):
    """A machine with an FPGA.

    Attributes:
        name: what the user calls it.
        host: its address, or a name from the user's SSH configuration.
        port: SSH port; 0 for the usual one.
        user: login name.
        folder: where finn-tui's files go.
        sudo: whether the driver is started as root.
        python: interpreter or virtual environment that has pynq.
        driver: ``finn-plus``, ``upstream`` or ``auto``.
        keep: runs that stay there after a deploy, the newest; 0 for all.
        key: private key file; empty for the usual ones.
        url: its Jupyter server, where it is reached by that; empty for SSH.
        paste: whether it is reached by a line that is pasted into its terminal.
        stand_in: whether it has a stand-in for an FPGA.
        recording: a recorded session that is replayed in place of a board; empty for boards.
        replay_speed: of that: 1 as recorded, 0 without pauses.
        reach: how it answered, with ``--reach``.
        simulated: whether it has no FPGA.
    """

    name: str
    host: str
    port: int
    user: str
    folder: str
    sudo: bool
    python: str
    driver: str
    keep: int
    key: str
    url: str
    paste: bool
    stand_in: bool
    recording: str
    replay_speed: float
    reach: BoardReach | None
    simulated: bool


class BoardsList(Document, frozen=True, kw_only=True):
    """All machines, the simulated one first.

    Attributes:
        format_version: version of the document's form.
        boards: each of them.
        damaged: those that cannot be read, each with the reason.
    """

    boards: tuple[BoardRow, ...]
    damaged: tuple[DamagedItem, ...]


class BoardsTest(Document, frozen=True, kw_only=True):
    """What a board is.

    Attributes:
        format_version: version of the document's form.
        python: version of its Python.
        machine: the processor.
        root: whether the driver runs as root.
        free_bytes (bytes): free on its disk.
        flavour: the driver that it has: ``finn-plus`` or ``upstream``; empty without one.
        pynq: version of pynq; null if it is not installed.
        driver: version of the driver; null if it is not installed.
        simulated: whether it has no FPGA.
    """

    python: str
    machine: str
    root: bool
    free_bytes: int
    flavour: str
    pynq: str | None
    driver: str | None
    simulated: bool


class DoctorCheck(Struct, frozen=True, kw_only=True):
    """One check of a board.

    Attributes:
        name: a fixed word, e.g. ``cma``.
        title: as users see it.
        status: ``ok``, ``warn``, ``fail``, or ``unknown`` where the board does not show it.
        value: what was read.
        fix: what to do about it; empty if nothing.
    """

    name: str
    title: str
    status: str
    value: str
    fix: str


class BoardsDoctor(Document, frozen=True, kw_only=True):
    """Whether a board is fit for a run; exit code 1 if a check failed.

    Attributes:
        format_version: version of the document's form.
        board: the machine's name.
        simulated: whether it has no FPGA.
        run: the run that it was examined for; null without one.
        checks: in the order in which they matter.
        status: the worst of the checks; ``unknown`` counts as ``ok``.
    """

    board: str
    simulated: bool
    run: str | None
    checks: tuple[DoctorCheck, ...]
    status: str


class DeploymentRow(Struct, frozen=True, kw_only=True):
    """A run or a test set on a board.

    Attributes:
        name: the run's.
        folder: below the board's folder.
        kind: ``runs`` or ``datasets``.
        files: how many there are.
        bytes (bytes): their size.
        time (s): when it was sent, since 1970; null where no manifest says it.
        who: user and machine that sent it; null likewise.
        whole: whether its deploy came to its end.
    """

    name: str
    folder: str
    kind: str
    files: int
    bytes: int
    time: float | None
    who: str | None
    whole: bool


class BoardsDeployments(Document, frozen=True, kw_only=True):
    """What lies on a board.

    Attributes:
        format_version: version of the document's form.
        board: the machine's name.
        deployments: the newest first.
        free_bytes (bytes): free on its disk.
    """

    board: str
    deployments: tuple[DeploymentRow, ...]
    free_bytes: int


class BoardsClean(Document, frozen=True, kw_only=True):
    """What was removed from a board.

    Attributes:
        format_version: version of the document's form.
        board: the machine's name.
        removed: folders, below the board's folder.
        freed_bytes (bytes): what that freed; with ``--dry-run`` the size of the files.
        dry_run: whether nothing was removed.
    """

    board: str
    removed: tuple[str, ...]
    freed_bytes: int
    dry_run: bool


class DeployRow(Struct, frozen=True, kw_only=True):
    """What was sent to a board.

    Attributes:
        board: the machine's name.
        folder: where the run lies, below the board's folder.
        files: how many the run has there.
        sent: those that travelled.
        bytes_sent (bytes): how much that was.
        bytes_resumed (bytes): how much of it was there from a deploy that broke off.
        seconds (s): that it took.
        dataset: always null; ``validate`` sends its images itself.
        simulated: whether the board has no FPGA.
        replay: whether it is a recorded session's and nothing was sent.
    """

    board: str
    folder: str
    files: int
    sent: tuple[str, ...]
    bytes_sent: int
    bytes_resumed: int
    seconds: float
    dataset: str | None
    simulated: bool
    replay: bool


class Deploy(DeployRow, frozen=True, kw_only=True):
    """What was sent to a board.

    Attributes:
        format_version: version of the document's form.
    """

    format_version: int


class Execute(Document, frozen=True, kw_only=True):
    """Single images on the board.

    Attributes:
        format_version: version of the document's form.
        images: one entry an image.
        samples: all samples of the run, board against software; null where nothing is known.
    """

    images: tuple[ExecuteResult, ...]
    samples: SampleComparison | None


class SampleComparison(Struct, frozen=True, kw_only=True):
    """Samples on the board and in software.

    Attributes:
        samples: how many were compared.
        classes_same: how many got the class that software gives; null without classes.
        outputs_equal: of how many all outputs are equal; null where they are not known.
        difference: the largest difference of an output; null likewise.
        first: the first sample that differs, counted from 0; null if none does.
        converted: how many the dataflow graph agreed on when the network was prepared.
        reference: ``network`` or ``dataflow graph``.
        differs: whether the board computes something else than the software.
        simulated: whether the board had no FPGA.
        replay: whether it is a recorded session's and no measurement.
    """

    samples: int
    classes_same: int | None
    outputs_equal: int | None
    difference: float | None
    first: int | None
    converted: int | None
    reference: str
    differs: bool
    simulated: bool
    replay: bool


class Throughput(ThroughputResult, frozen=True, kw_only=True):
    """Batches of several sizes, as in results.json.

    Attributes:
        format_version: version of the document's form.
    """

    format_version: int


class ValidateRow(Struct, frozen=True, kw_only=True):
    """A data set through the accelerator, and the board beside the software.

    Attributes:
        board: the machine's name.
        simulated: whether the board had no FPGA.
        percent (%): top-1 accuracy; null where nothing was validated.
        correct: how many of the images correctly; null likewise.
        images: how many were classified; 0 where nothing was validated.
        dataset: the test set's true name, or a user's file.
        software_same: how many got the class that software gave them; null where not compared.
        batch (images): what the driver was given at once.
        clock_mhz (MHz): what the accelerator ran at.
        predictions: file in the run folder with ``predictions`` and ``labels`` (or ``outputs``).
        mean_squared_error: of a network that gives values, against the data set's.
        note: why nothing was validated.
        comparison: board and software on the data set, or on the run's samples; null where nothing
            is known.
        low_percent (%): lower end of the accuracy's 95 % confidence interval (Wilson's).
        high_percent (%): its upper end.
        per_class: accuracy of each class that was seen.
        seconds (s): from the first image sent to the last result.
        board_seconds (s): of it, on the board.
        driver_seconds (s): of it, within the driver.
        differences: the first images for which board and software differ.
        differences_file: file in the run folder with them and both outputs (.npz).
        replay: whether it is a recorded session's and no measurement.
        clock_note: the clock that it was built for and the other one that it ran at; null where
            they are the same.
        label_note: that many labels are above all classes that the board gave; null otherwise.
    """

    board: str
    simulated: bool
    percent: float | None
    correct: int | None
    images: int
    dataset: str | None
    software_same: int | None
    batch: int | None
    clock_mhz: float | None
    predictions: str | None
    mean_squared_error: float | None
    note: str | None
    comparison: ComparisonResult | None
    low_percent: float | None
    high_percent: float | None
    per_class: tuple[ClassAccuracy, ...]
    seconds: float | None
    board_seconds: float | None
    driver_seconds: float | None
    differences: tuple[DifferentImage, ...]
    differences_file: str | None
    replay: bool
    clock_note: str | None
    label_note: str | None


class Validate(ValidateRow, frozen=True, kw_only=True):
    """A data set through the accelerator, and the board beside the software.

    Attributes:
        format_version: version of the document's form.
    """

    format_version: int


class GoRow(Struct, frozen=True, kw_only=True):
    """Everything that was done with a run on a board.

    Attributes:
        deploy: what was sent.
        execute: one sample image; null if that could not be done.
        throughput: the driver's throughput test.
        validate: the data set and the comparison with the software; null if that failed.
        missing: what failed, a board that differs from the software included; exit code 1.
        notes: what could not be done for lack of data, which is no failure.
    """

    deploy: DeployRow
    execute: ExecuteResult | None
    throughput: ThroughputResult
    validate: ValidateRow | None
    missing: tuple[RunError, ...]
    notes: tuple[str, ...]


class Go(GoRow, frozen=True, kw_only=True):
    """Everything that was done with a run on a board.

    Attributes:
        format_version: version of the document's form.
    """

    format_version: int


class GoRun(Struct, frozen=True, kw_only=True):
    """A run of a series.

    Attributes:
        run: its id.
        board: the machine's name.
        status: ``done``; ``differs`` where the board computes something else than the software;
            ``failed``; ``stopped`` by ctrl+c, and ``waiting`` for those behind it.
        error: why it failed or what differs; null otherwise.
        go: everything that was done with it, as of ``go RUN``; null where nothing was.
    """

    run: str
    board: str
    status: str
    error: RunError | None
    go: GoRow | None


class GoSeries(Document, frozen=True, kw_only=True):
    """Several runs on a board, one after the other.

    Attributes:
        format_version: version of the document's form.
        runs: in the order in which they were named.
    """

    runs: tuple[GoRun, ...]
