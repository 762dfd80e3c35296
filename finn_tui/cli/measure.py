"""`finn-tui deploy`, `execute`, `throughput`, `validate`, `go`: work on a board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finn_tui.cli import measure_text
from finn_tui.cli.board_order import (
    NO_DOWNLOAD_OPTION,
    YES_OPTION,
    BoardOrder,
    board_command,
    dataset_option,
)
from finn_tui.cli.common import FAILED, show_error

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
        _go(order, None, None, order.prepare(), yes)
        return
    order.ask_about_clock(yes=yes)
    done = order.do(job)
    order.show(done.as_dict(), [measure_text.deployed(done.as_dict())])


@board_command(
    click.option("--image", "images", multiple=True, type=click.IntRange(0), help="Sample image."),
    click.option(
        "--file",
        "file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Your own picture (PNG, JPEG, BMP ...) or .npy file instead of a sample.",
    ),
)
def execute(order: BoardOrder, images: tuple[int, ...], file: Path | None) -> None:
    """Compute single images on a board and compare with the software.

    Shows the class, the runners-up and the picture. All samples of the run are compared, too. Exit
    code 1 if the board differs.
    """
    from finn_tui.board import execution as work
    from finn_tui.board.agent_session import conversation, starting
    from finn_tui.board.deploy import deploy as send

    if images and file is not None:
        raise click.UsageError("--image and --file exclude each other")
    own = None
    if file is not None:
        order.prepare(download=False)
        own = work.read_file(order.run_folder().path, file)
    elif images:
        work.check_samples(order.run_folder().path, images)

    async def job(link: Transport, folder: Path, on_progress: OnProgress) -> Any:
        await send(link, folder, on_progress)
        on_progress(starting(link, "execute"))
        async with conversation(link) as agent:
            if own is None:
                results = await work.execute(
                    link, folder, on_progress, images=images or (0,), agent=agent
                )
                pixels = work.sample_pixels(folder, [one.image for one in results])
            else:
                results = await work.execute_file(link, folder, own, on_progress, agent=agent)
                pixels = own.images.pixels
            compared = await work.compare_samples(link, folder, on_progress, agent=agent)
        return results, pixels, compared

    results, pixels, compared = order.do(job)
    done = [item.as_dict() for item in results]
    origin = {name: done[0][name] for name in ("simulated", "replay")}
    samples = None if compared is None else {**compared.as_dict(), **origin}
    document = {"images": done, "samples": samples}
    lines: list[str] = []
    for item in done:
        lines += measure_text.executed(item)
    if compared is not None:
        lines.append(f"samples     {compared.text()}{measure_text.mark(done[0])}")
    if not order.as_json and pixels is not None:
        for one in pixels:
            _draw(one)
    order.show(document, lines)
    first = next((item for item in results if item.differs), None)
    _refuse_difference(first, None)
    if compared is not None and compared.differs:
        from finn_tui.board.results import difference_error

        show_error(difference_error(compared))
        raise SystemExit(FAILED)


def _draw(sample: Any) -> None:
    """Draw an image if somebody looks at a terminal."""
    import os
    import shutil
    import sys

    from finn_tui.base.terminal_image import picture

    if not sys.stdout.isatty():
        return
    size = shutil.get_terminal_size()
    text = picture(sample, os.environ, size.columns, max(4, size.lines - 4))
    if text:
        # Escape sequences of our own, from numbers only.
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


class _Batches(click.ParamType[tuple[int, ...]]):
    """Whole numbers with commas between them."""

    name = "N,N,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """Return the numbers."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip().replace("_", "") for part in str(value).split(",")]
        if not all(part.isdecimal() and 0 < len(part) < 10 for part in parts):
            self.fail(f"{value!r} is not a list such as 1,10,100,1000", param, ctx)
        return tuple(int(part) for part in parts)


@board_command(
    click.option("--batches", type=_Batches(), help="Sizes of batches, such as 1,10,100,1000."),
    click.option("--batch", type=click.IntRange(1), help="One size; the latency is measured, too."),
)
def throughput(order: BoardOrder, batches: tuple[int, ...] | None, batch: int | None) -> None:
    """Measure images per second on a board.

    Several sizes of batches, each several times: the accelerator alone, and with packing and
    copying; the estimate is shown beside it, and where the difference comes from.
    """
    from finn_tui.board.deploy import deploy as send
    from finn_tui.board.throughput import throughput as work

    sizes = tuple(batches or ()) + (() if batch is None else (1, batch))

    async def job(link: Transport, folder: Path, on_progress: OnProgress) -> Any:
        await send(link, folder, on_progress)
        return await work(link, folder, on_progress, batches=sizes)

    done = order.do(job).as_dict()
    order.show(done, measure_text.throughput(done))


@board_command(
    click.option("--batch", type=click.IntRange(1), help="Images per batch."),
    click.option("--limit", type=click.IntRange(1), help="Validate only the first N images."),
    dataset_option(),
    NO_DOWNLOAD_OPTION,
)
def validate(
    order: BoardOrder, batch: int | None, limit: int | None, dataset: str | None, no_download: bool
) -> None:
    """Measure the accuracy on a board.

    The whole test set is run, or its first images with --limit, and compared with the software
    image by image; so are the run's samples. Exit code 1 if the board differs from it.
    """
    from finn_tui.board import validation as work
    from finn_tui.board.deploy import deploy as send

    chosen = order.prepare(dataset, download=not no_download)

    async def job(link: Transport, folder: Path, on_progress: OnProgress) -> Any:
        await send(link, folder, on_progress)
        return await work.validate(
            link, folder, on_progress, batch=batch, limit=limit, dataset=chosen
        )

    done = order.do(job)
    note = [f"note        not validated: {done.note}"] if done.note else []
    order.show(done.as_dict(), [*measure_text.validation(done.as_dict()), *note])
    _refuse_difference(None, done)


@board_command(
    click.option("--batch", type=click.IntRange(1), help="Images per batch, for the throughput."),
    click.option("--limit", type=click.IntRange(1), help="Validate only the first N images."),
    dataset_option(),
    NO_DOWNLOAD_OPTION,
    YES_OPTION,
    several=True,
)
def go(
    order: BoardOrder,
    names: tuple[str, ...],
    batch: int | None,
    limit: int | None,
    dataset: str | None,
    no_download: bool,
    yes: bool,
) -> None:
    """Deploy, execute, measure and validate in one command.

    Without a test set the board is compared with the software on the run's samples. Exit code 1 if
    it differs.

    Several runs are measured one after the other, with one table at the end; a failure does not
    stop the others. ctrl+c shows what was done.
    """
    if len(names) > 1:
        from finn_tui.cli.go_series import go_series

        go_series(
            order,
            names,
            batch=batch,
            limit=limit,
            dataset=dataset,
            download=not no_download,
            yes=yes,
        )
        return
    _go(order, batch, limit, order.prepare(dataset, download=not no_download), yes)


def _go(
    order: BoardOrder, batch: int | None, limit: int | None, chosen: Path | None, yes: bool
) -> None:
    from finn_tui.board import jobs as work

    order.ask_about_clock(yes=yes)

    async def job(link: Transport, folder: Path, on_progress: OnProgress) -> Any:
        return await work.go(link, folder, on_progress, batch=batch, limit=limit, dataset=chosen)

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
    lines = [measure_text.deployed(done["deploy"])]
    if done["execute"]:
        lines += measure_text.executed(done["execute"])
    lines += measure_text.throughput(done["throughput"])
    if done["validate"]:
        lines += measure_text.validation(done["validate"])
    lines += [f"note        {note}" for note in done["notes"]]
    # The clock is the same for all steps: said once.
    clock = set(measure_text.clock(done["throughput"]))
    rest = [line for line in lines if line not in clock]
    return [*rest[:1], *clock, *rest[1:]]
