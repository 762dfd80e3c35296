"""Documents of boards and of what is done on them."""

from __future__ import annotations

from msgspec import Struct

from finn_tui.cli.documents.base import Document
from finn_tui.runs.documents import AccuracyResult, ExecuteResult, RunError, ThroughputResult


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
        key: private key file; empty for the usual ones.
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
    key: str
    simulated: bool


class BoardsList(Document, frozen=True, kw_only=True):
    """All machines, the simulated one first.

    Attributes:
        format_version: version of the document's form.
        boards: each of them.
    """

    boards: tuple[BoardRow, ...]


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
        dataset: where the test set lies, below the board's folder; null without one.
    """

    board: str
    folder: str
    files: int
    sent: tuple[str, ...]
    bytes_sent: int
    bytes_resumed: int
    seconds: float
    dataset: str | None


class Deploy(DeployRow, frozen=True, kw_only=True):
    """What was sent to a board.

    Attributes:
        format_version: version of the document's form.
    """

    format_version: int


class Execute(Document, frozen=True, kw_only=True):
    """Sample images on the board.

    Attributes:
        format_version: version of the document's form.
        images: one entry an image.
    """

    images: tuple[ExecuteResult, ...]


class Throughput(ThroughputResult, frozen=True, kw_only=True):
    """The driver's throughput test, as in results.json.

    Attributes:
        format_version: version of the document's form.
    """

    format_version: int


class Validate(AccuracyResult, frozen=True, kw_only=True):
    """The test set through the accelerator, as in results.json.

    Attributes:
        format_version: version of the document's form.
    """

    format_version: int


class Go(Document, frozen=True, kw_only=True):
    """Everything that was done with a run on a board.

    Attributes:
        format_version: version of the document's form.
        deploy: what was sent.
        execute: one sample image; null if that could not be done.
        throughput: the driver's throughput test.
        validate: the test set; null if that could not be done.
        missing: why a step could not be done.
    """

    deploy: DeployRow
    execute: ExecuteResult | None
    throughput: ThroughputResult
    validate: AccuracyResult | None
    missing: tuple[RunError, ...]
