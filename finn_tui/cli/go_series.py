"""`finn-tui go RUN RUN ...`: a series of runs on one board, and one table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.common import (
    FAILED,
    INTERRUPTED,
    echo,
    number,
    print_json,
    show_error,
    table,
)

if TYPE_CHECKING:
    from finn_tui.base.progress import OnProgress
    from finn_tui.board.results import Outcome
    from finn_tui.board.transport import Transport
    from finn_tui.cli.board_order import BoardOrder
    from finn_tui.lab.boards.board_series import BoardSeries, SeriesItem


def go_series(
    order: BoardOrder,
    names: Sequence[str],
    *,
    batch: int | None,
    limit: int | None,
    dataset: str | None,
    download: bool,
    yes: bool,
) -> None:
    """Measure several runs, one after the other.

    Args:
        order: how to get at the board; its run is one of them.
        names: the runs.
        batch, limit: as of ``go``.
        dataset: the data set that is validated on; None for each run's own.
        download: whether data sets may be fetched.
        yes: do not ask about missed clocks.
    """
    from finn_tui.board import jobs
    from finn_tui.cli.secrets import asks_user
    from finn_tui.lab.boards.board_series import BoardSeries, SeriesItem

    # All names first: a wrong one is seen before an hour of measuring.
    orders = {each.run_folder().path: each for each in (replace(order, name=n) for n in names)}
    items = [
        _prepared(SeriesItem(path), each, dataset, download=download, yes=yes)
        for path, each in orders.items()
    ]

    async def measure(link: Transport, item: SeriesItem, on_progress: OnProgress) -> Outcome:
        return await jobs.go(
            link, item.folder, on_progress, batch=batch, limit=limit, dataset=item.dataset
        )

    board = order.board_name()
    series = BoardSeries(items, board, measure, asks_user, lambda text: echo(text, err=True))
    stopped = False
    try:
        with order.connecting() as connect:
            while series.queue.waiting:
                try:
                    connect(series.work)
                except FinnTuiError as error:
                    series.fail_waiting(error)
    except KeyboardInterrupt:
        stopped = True
    _show(series, items, as_json=order.as_json)
    count = f"{series.done} of {len(items)} runs measured and as in software"
    if stopped:
        echo(f"stopped: {count}; what was measured is in their results", err=True)
        raise SystemExit(INTERRUPTED)
    if series.done < len(items):
        echo(count, err=True)
        raise SystemExit(FAILED)


def _prepared(
    item: SeriesItem, order: BoardOrder, dataset: str | None, *, download: bool, yes: bool
) -> SeriesItem:
    """Ask what is to be asked of a run, and bring together what it needs; or say why not."""
    try:
        order.check_board_kind(item.folder)
        order.ask_about_clock(yes=yes)
        order.ask_about_driver(item.folder)
        item.dataset = order.prepare(dataset, download=download)
    except FinnTuiError as error:
        item.error = error
    except click.Abort:
        item.error = FinnTuiError("not sent", "You said no.", "Name it again.", kind="input")
    return item


#: Of the table.
_HEADINGS = ("run", "folding", "MHz", "estimate", "fps", "end to end", "accuracy", "software", "")


def _show(series: BoardSeries, items: Sequence[SeriesItem], *, as_json: bool) -> None:
    if as_json:
        print_json({"runs": [_document(series, item) for item in items]})
        return
    echo(table(_HEADINGS, [_row(series, item) for item in items], right="llrrrrrl"))
    for item in items:
        if item.error is not None:
            echo(f"\n{item.folder.name}:", err=True)
            show_error(item.error)


def _document(series: BoardSeries, item: SeriesItem) -> dict[str, Any]:
    return {
        "run": item.folder.name,
        "board": series.entry(item).board,
        "status": str(series.entry(item).status),
        "error": None if item.error is None else item.error.as_dict(),
        "go": None if item.outcome is None else item.outcome.as_dict(),
    }


def _row(series: BoardSeries, item: SeriesItem) -> list[str]:
    from finn_tui.board.catalogue import marks

    status = str(series.entry(item).status)
    row = [item.folder.name, _folding(item.folder)]
    if item.outcome is None:
        return [*row, "", "", "", "", "", "", status]
    done = item.outcome.as_dict()
    rate, validated = done["throughput"], done["validate"] or {}
    clock = f"{rate['clock_mhz']:g}{' !' if rate['clock_note'] else ''}"
    accuracy, same = "", ""
    if validated.get("percent") is not None:
        accuracy = f"{validated['percent']:.2f} % ({validated['dataset']})"
    if validated.get("comparison"):
        compared = validated["comparison"]
        same = "differs" if compared["differs"] else f"{compared['samples']:,} equal"
    words = marks(rate)
    return [
        *row,
        clock,
        number(rate["estimate_images_per_s"]),
        number(rate["images_per_s"]),
        number(rate["end_to_end_images_per_s"]),
        accuracy,
        same,
        f"{status}  {words}" if words else status,
    ]


def _folding(folder: Path) -> str:
    """The name of a run's folding; empty for a package by itself."""
    from finn_tui.runs.folder import RunFolder

    try:
        return RunFolder(folder).request.folding_name
    except (FinnTuiError, OSError):
        return ""
