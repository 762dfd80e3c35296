"""The four numbers of a run on a board: estimate, device, end to end, accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finn_tui.board.catalogue import marks
from finn_tui.lab.boards.board_results import end_to_end, measured_elsewhere
from finn_tui.ui.state import BoardState, RunView
from finn_tui.ui.toolkit.digits import digit_lines
from finn_tui.ui.toolkit.styled_line import (
    StyledLine,
    fit,
    milliseconds,
    rate,
    shorten,
    whole,
)

#: Lines of a number in small and in large digits.
SMALL, LARGE = 4, 6


@dataclass(frozen=True)
class Figure:
    """One of the numbers.

    Attributes:
        title: what it is.
        value: in digits; empty before it is known.
        unit: of it.
        about: how it was measured, or what measures it; the first is the most important.
        simulated: whether no FPGA had a part in it.
        replay: whether it is a recorded session's and no measurement.
    """

    title: str
    value: str = ""
    unit: str = ""
    about: tuple[str, ...] = ()
    simulated: bool = False
    replay: bool = False


def figures(board: BoardState, run: RunView) -> list[Figure]:
    """Return the four numbers of a run.

    Args:
        board: its results, and what is being measured.
        run: the run.
    """
    results = board.results if board.results_of[0] == run.id else {}
    throughput = results.get("throughput") or {}
    return [
        _estimate(run, results),
        _device(throughput, board.machine),
        _end_to_end(throughput, board.machine),
        _accuracy(board, results),
    ]


def _estimate(run: RunView, results: Mapping[str, Any]) -> Figure:
    estimate = results.get("estimate") or run.request.estimate or {}
    fps, cycles = estimate.get("fps"), estimate.get("ii_cycles")
    clock = f"{1000 / run.request.clock_ns:.4g} MHz"
    if not fps:
        return Figure("estimate", about=("not estimated",))
    interval = f"II {cycles:,} cycles" if cycles else ""
    return Figure("estimate", rate(fps), "fps", (clock, interval))


def _device(result: Mapping[str, Any], machine: str) -> Figure:
    if not result.get("images_per_s"):
        return Figure("device", about=("T measures it", "d does all of it"))
    batch = f"batch {whole(result['batch'])}"
    about = [_clock(result), batch, *_elsewhere(result, machine)]
    estimate = result.get("estimate_images_per_s")
    if estimate:
        about.append(f"{result['images_per_s'] / estimate:.1%} of the estimate")
    fps = rate(result["images_per_s"])
    return Figure("device", fps, "fps", tuple(about), *_origin(result))


def _elsewhere(result: Mapping[str, Any], machine: str) -> list[str]:
    """The board that it was measured on, where that is another one than is chosen."""
    board = measured_elsewhere(result, machine)
    return [f"on {board}"] if board else []


def _clock(result: Mapping[str, Any]) -> str:
    """The clock that it was measured at; the build's beside it where that is another one."""
    clock = f"{result['clock_mhz']:g}"
    built = result.get("build_clock_mhz")
    return f"! {clock}, not {built:g} MHz" if result.get("clock_note") and built else f"{clock} MHz"


def _origin(result: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether no FPGA had a part in a result, and whether it is a replay's."""
    return bool(result.get("simulated")), bool(result.get("replay"))


def _end_to_end(result: Mapping[str, Any], machine: str) -> Figure:
    fps = end_to_end(result) if result else None
    if fps is None:
        text = "not measured" if result else "T measures it"
        return Figure("end to end", about=(text, "with packing, copying"))
    about = [_clock(result), f"batch {whole(result['batch'])}", *_elsewhere(result, machine)]
    if result.get("latency_ms"):
        about.append(f"1 image: {milliseconds(result['latency_ms'])}")
    return Figure("end to end", rate(fps), "fps", tuple(about), *_origin(result))


def _accuracy(board: BoardState, results: Mapping[str, Any]) -> Figure:
    running = board.accuracy
    if running is not None and board.busy:
        percent, done, total = running
        about = (f"{done / max(1, total):.0%} done", f"{done:,} of {total:,}")
        origin = "SIMULATED" in board.marks, "REPLAY" in board.marks
        return Figure("accuracy", f"{percent:.2f}", "%", about, *origin)
    result = results.get("accuracy") or {}
    if result.get("percent") is None:
        return Figure("accuracy", about=("V measures it", "d does all of it"))
    about_set = [str(result.get("dataset") or "data set?"), f"of {result['images']:,} images"]
    about_set += _elsewhere(result, board.machine)
    low, high = result.get("low_percent"), result.get("high_percent")
    if low is not None and high is not None:
        about_set.append(f"{low:.2f} to {high:.2f} %")
    return Figure(
        "accuracy",
        f"{result['percent']:.2f}",
        "%",
        tuple(about_set),
        *_origin(result),
    )


def _marks(figure: Figure) -> str:
    return marks({"replay": figure.replay, "simulated": figure.simulated})


def columns(figures: Sequence[Figure], width: int, height: int) -> int:
    """Return how many large numbers stand beside each other; 0 where they are small.

    Args:
        figures: the four.
        width, height: the room for them, in columns and lines.
    """
    widest = 3 + max(
        max(
            len(digit_lines(figure.value)[0]) + len(figure.unit),
            len(figure.title) + len(_marks(figure)),
        )
        for figure in figures
    )
    if height >= LARGE and width // 4 >= max(widest, 21):
        return 4
    return 2 if height >= 2 * LARGE + 1 and width // 2 >= max(widest, 21) else 0


def lines_wanted(figures: Sequence[Figure], width: int, height: int) -> int:
    """Return the lines of ``number_lines`` for at most ``height`` lines."""
    beside = columns(figures, width, height)
    return {4: LARGE, 2: 2 * LARGE + 1}.get(beside, SMALL)


def number_lines(figures: Sequence[Figure], width: int, height: int) -> list[StyledLine]:
    """Return the numbers, large where there is room.

    Args:
        figures: the four.
        width: columns.
        height: lines.
    """
    beside = columns(figures, width, height)
    if not beside:
        return _side_by_side([_small(figure, width // 4) for figure in figures], width // 4)
    each = width // beside
    lines: list[StyledLine] = []
    for at in range(0, len(figures), beside):
        if lines:
            lines.append(StyledLine())
        group = figures[at : at + beside]
        lines += _side_by_side([_large(figure, each) for figure in group], each)
    return lines


def _side_by_side(blocks: Sequence[Sequence[StyledLine]], width: int) -> list[StyledLine]:
    lines = [StyledLine() for _ in blocks[0]]
    for number, block in enumerate(blocks):
        for line, part in zip(lines, block, strict=True):
            line.to(number * width).append(part)
    return lines


def _small(figure: Figure, width: int) -> list[StyledLine]:
    room = width - 2
    title = StyledLine().add(f" {figure.title}", "head")
    if figure.replay:
        title.add(" REPLAY", "sim")
    value = StyledLine()
    if figure.value:
        value.add(f" {figure.value}", _role(figure))
        value.add(f" {figure.unit}", "dim")
    else:
        value.add(" –", "faint")
    first, second = (*figure.about, "", "")[:2]
    lines = [title, value]
    mark = " SIMULATED" if figure.simulated else ""
    about = StyledLine().add(f" {shorten(first, room - len(mark))}", "dim")
    lines.append(about.add(mark, "sim"))
    return [*lines, StyledLine().add(f" {shorten(second, room)}", "dim")]


def _role(figure: Figure) -> str:
    return "sim" if figure.simulated or figure.replay else "strong"


def _large(figure: Figure, width: int) -> list[StyledLine]:
    title = StyledLine().add(f" {figure.title}", "head")
    if mark := _marks(figure):
        title.add(f"  {mark}", "sim")
    lines = [title]
    if figure.value:
        role = _role(figure)
        large = digit_lines(figure.value)
        lines += [StyledLine().add(f" {line}", role) for line in large]
        lines[-1].add(f" {figure.unit}", "dim")
    else:
        lines += [StyledLine(), StyledLine().add(" –", "faint"), StyledLine()]
    about, more = ", ".join(figure.about[:2]), ", ".join(figure.about[2:])
    lines.append(StyledLine().add(" " + fit(about, width - 2).rstrip(), "dim"))
    return [*lines, StyledLine().add(" " + fit(more, width - 2).rstrip(), "dim")]
