"""`finn-tui deploy`, `execute`, `throughput`, `validate`, `go`: work on a board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finn_tui.cli.board_order import YES_OPTION, BoardOrder, board_command, dataset_option
from finn_tui.cli.common import (
    FAILED,
    number,
    show_error,
)

if TYPE_CHECKING:
    from finn_tui.base.progress import OnProgress
    from finn_tui.board.results import Executed, Validation
    from finn_tui.board.transport import Transport


@board_command(YES_OPTION)
def deploy(order: BoardOrder, yes: bool) -> None:
    """Send a run's package to a board.

    Only changed files are sent. With --paste it does all that `go` does: one paste is enough.
    """
    from finn_tui.board.deploy import deploy as job

    if order.paste:
        _go(order, None, None, None, yes)
        return
    order.ask_about_clock(yes=yes)
    done = order.do(job)
    order.show(done.as_dict(), [_deployed(done.as_dict())])


@board_command(
    click.option("--image", "images", multiple=True, type=click.IntRange(0), help="Sample image.")
)
def execute(order: BoardOrder, images: tuple[int, ...]) -> None:
    """Classify sample images on a board.

    Shows the class of each image and the expected one.
    """
    from finn_tui.board import jobs as work
    from finn_tui.board.deploy import deploy as send

    async def job(link: Transport, folder: Path, on_progress: OnProgress) -> Any:
        await send(link, folder, on_progress)
        return await work.execute(link, folder, on_progress, images=images or (0,))

    results = order.do(job)
    done = [item.as_dict() for item in results]
    order.show({"images": done}, [_executed(item) for item in done])
    _refuse_difference(next((item for item in results if item.differs), None), None)


@board_command(click.option("--batch", type=click.IntRange(1), help="Images per batch."))
def throughput(order: BoardOrder, batch: int | None) -> None:
    """Measure images per second on a board.

    The estimate is shown beside it.
    """
    from finn_tui.board import jobs as work
    from finn_tui.board.deploy import deploy as send

    async def job(link: Transport, folder: Path, on_progress: OnProgress) -> Any:
        await send(link, folder, on_progress)
        return await work.throughput(link, folder, on_progress, batch=batch)

    done = order.do(job).as_dict()
    order.show(done, [_throughput(done)])


@board_command(
    click.option("--batch", default=100, type=click.IntRange(1), show_default=True),
    click.option("--limit", type=click.IntRange(1), help="Validate only the first N images."),
    dataset_option(),
)
def validate(order: BoardOrder, batch: int, limit: int | None, dataset: Path | None) -> None:
    """Measure the accuracy on a board.

    The whole test set is run, or its first images with --limit. The run's samples are compared with
    the software; without a test set that is all. Exit code 1 if the board differs from it.
    """
    from finn_tui.board import validation as work
    from finn_tui.board.deploy import deploy as send

    dataset = order.dataset(dataset)

    async def job(link: Transport, folder: Path, on_progress: OnProgress) -> Any:
        await send(link, folder, on_progress)
        return await work.validate(
            link, folder, on_progress, batch=batch, limit=limit, dataset=dataset
        )

    done = order.do(job)
    note = [f"note        not validated: {done.note}"] if done.note else []
    order.show(done.as_dict(), [*_validation(done.as_dict()), *note])
    _refuse_difference(None, done)


@board_command(
    click.option("--batch", type=click.IntRange(1), help="Images per batch, for the throughput."),
    click.option("--limit", type=click.IntRange(1), help="Validate only the first N images."),
    dataset_option(),
    YES_OPTION,
)
def go(
    order: BoardOrder, batch: int | None, limit: int | None, dataset: Path | None, yes: bool
) -> None:
    """Deploy, execute, measure and validate in one command.

    Without a test set the board is compared with the software on the run's samples. Exit code 1 if
    it differs.
    """
    _go(order, batch, limit, dataset, yes)


def _go(
    order: BoardOrder, batch: int | None, limit: int | None, dataset: Path | None, yes: bool
) -> None:
    from finn_tui.board import jobs as work

    order.ask_about_clock(yes=yes)
    dataset = order.dataset(dataset)

    async def job(link: Transport, folder: Path, on_progress: OnProgress) -> Any:
        return await work.go(link, folder, on_progress, batch=batch, limit=limit, dataset=dataset)

    done = order.do(job)
    order.show(done.as_dict(), outcome_lines(done.as_dict()))
    for error in done.failures:
        show_error(error)
    if done.failures:
        raise SystemExit(FAILED)


def _refuse_difference(executed: Executed | None, validation: Validation | None) -> None:
    """End with a failure if the board computes something else than the software."""
    from finn_tui.board.results import differences

    error = differences(executed, validation)
    if error is not None:
        show_error(error)
        raise SystemExit(FAILED)


def outcome_lines(done: dict[str, Any]) -> list[str]:
    """Return what ``go`` did, a line each."""
    lines = [_deployed(done["deploy"])]
    if done["execute"]:
        lines.append(_executed(done["execute"]))
    lines.append(_throughput(done["throughput"]))
    if done["validate"]:
        lines += _validation(done["validate"])
    lines += [f"note        {note}" for note in done["notes"]]
    return lines


def _mark(done: dict[str, Any]) -> str:
    return "  SIMULATED" if done.get("simulated") else ""


def _deployed(done: dict[str, Any]) -> str:
    return (
        f"deploy      {len(done['sent'])} of {done['files']} files, "
        f"{done['bytes_sent'] / 1e3:,.0f} kB in {done['seconds']:.1f} s to {done['board']}"
    )


def _executed(done: dict[str, Any]) -> str:
    from finn_tui.board.results import executed_text

    return f"execute     {executed_text(done)}{_mark(done)}"


def _throughput(done: dict[str, Any]) -> str:
    estimate = done["estimate_images_per_s"]
    beside = f", estimate {number(estimate)}" if estimate else ""
    return (
        f"throughput  {number(done['images_per_s'])} images/s{beside} "
        f"(batch {done['batch']}, {done['clock_mhz']:g} MHz){_mark(done)}"
    )


def _validation(done: dict[str, Any]) -> list[str]:
    from finn_tui.board.comparison import text

    mark, lines = _mark(done), []
    if done["percent"] is not None:
        same = done["software_same"]
        beside = "" if same is None else f"; {same} of {done['images']} as in software"
        lines.append(
            f"validate    {done['percent']:.2f} % of {done['images']:,} images "
            f"({done['dataset']}){beside}{mark}"
        )
    elif done["mean_squared_error"] is not None:
        lines.append(
            f"validate    mean squared error {done['mean_squared_error']:.4g} of "
            f"{done['images']:,} samples ({done['dataset']}){mark}"
        )
    else:
        lines.append(f"validate    not validated{mark}")
    if done["comparison"] is not None and (
        done["software_same"] is None or done["comparison"]["differs"]
    ):
        lines.append(f"compare     {text(done['comparison'])}{mark}")
    return lines
