"""Drawings in characters, for a command's output and for screens alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from finn_tui.lab.solver.requests import ParetoPoint

Series = tuple[str, str, Sequence[ParetoPoint]]


def plot(series: Sequence[Series], width: int, height: int) -> str:
    """Frames per second against the highest utilization, in so many characters.

    Args:
        series: (name, marker, points); later ones are drawn over earlier ones.
    """
    drawn: list[tuple[str, str, Sequence[tuple[float, float]]]] = []
    for name, marker, points in series:
        # A part without the resource at all gives no share that could be drawn.
        drawn.append(
            (
                name,
                marker,
                [
                    (point.result.fps, 100 * point.share[1])
                    for point in points
                    if point.share is not None and point.share[1] < float("inf")
                ],
            )
        )
    shares = [share for _, _, points in drawn for _, share in points]
    step = next((s for s in (5, 10, 20, 25, 50) if max(shares, default=0) / s <= height / 3), 100)
    return scatter(
        drawn, ("frames per second", "highest utilization, %"), width, height, y_step=step
    )


def scatter(
    series: Sequence[tuple[str, str, Sequence[tuple[float, float]]]],
    titles: tuple[str, str],
    width: int,
    height: int,
    *,
    log_x: bool = True,
    log_y: bool = False,
    y_step: int | None = None,
) -> str:
    """Points in two dimensions, in so many characters.

    Args:
        series: (name, marker, points as x and y); later ones are drawn over earlier ones.
        titles: of the axes of x and y.
        width: columns.
        height: lines.
        log_x: whether the axis of x is logarithmic.
        log_y: whether the axis of y is.
        y_step: between marks of the axis of y, which begins at 0; None leaves it to plotext.
    """
    # A tenth of a second of import, which only those who look at a plot shall pay.
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    # The size is asked for, whatever terminal plotext believes to be in.
    plotext.limit_size(False, False)
    plotext.plot_size(width, height)
    if log_x:
        plotext.xscale("log")
    if log_y:
        plotext.yscale("log")
    everything: list[tuple[float, float]] = []
    for name, marker, points in series:
        everything += points
        if points:
            plotext.scatter(*zip(*points, strict=True), label=name, marker=marker)
    if everything:
        xs, ys = zip(*everything, strict=True)
        if log_x:
            ticks = _decades(min(xs), max(xs), width // 12)
            plotext.xticks(ticks, [_tick(tick) for tick in ticks])
        else:
            ticks = _round(min(xs), max(xs), max(2, width // 16))
            plotext.xticks(ticks, [_tick(tick) for tick in ticks])
        if log_y:
            ticks = _decades(min(ys), max(ys), height // 3)
            plotext.yticks(ticks, [_tick(tick) for tick in ticks])
        elif y_step is not None:
            top = y_step * math.ceil(max(ys) / y_step)
            plotext.ylim(0, top)
            plotext.yticks(range(0, top + 1, y_step))
    plotext.xlabel(titles[0])
    plotext.ylabel(titles[1])
    text: str = plotext.uncolorize(plotext.build())
    return "\n".join(line.rstrip() for line in text.splitlines())


def _tick(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _round(least: float, most: float, count: int) -> list[float]:
    """Return round values of a range, at most about ``count`` of them."""
    raw = (most - least) / count or 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    first, last = math.ceil(least / step), math.floor(most / step)
    return [index * step for index in range(first, last + 1)] or [least]


def curve(
    series: Sequence[tuple[str, str, Sequence[tuple[float, float]]]],
    width: int,
    height: int,
    *,
    title: str,
    span: float,
) -> list[str]:
    """Values over the epochs of a training, as lines of so many characters.

    Args:
        series: (name, marker, points of epoch and value); later ones are drawn over earlier ones.
        width: columns.
        height: lines, with the axis.
        title: what the values are.
        span: the last epoch of the axis.
    """
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plot_size(width, height)
    plotext.title(title)
    values: list[float] = []
    for name, marker, points in series:
        # More points than columns would only cost time.
        step = max(1, len(points) // max(1, 2 * width))
        shown = [*points[::step], *points[-1:]]
        if shown:
            values += [value for _, value in shown]
            plotext.plot(*zip(*shown, strict=True), label=name, marker=marker)
    plotext.xlim(0, max(1.0, span))
    ticks = sorted({0, round(span / 2), round(span)})
    plotext.xticks(ticks, [f"{tick:g}" for tick in ticks])
    if values:
        low, high = min(values), max(values)
        margin = max(1e-6, (high - low) * 0.05)
        marks = [low, high] if height < 9 else [low, (low + high) / 2, high]
        plotext.ylim(low - margin, high + margin)
        plotext.yticks(marks, [f"{mark:.3g}" for mark in marks])
    text: str = plotext.uncolorize(plotext.build())
    return [line.rstrip() for line in text.splitlines()]


def _decades(least: float, most: float, count: int) -> list[float]:
    """Round rates from the least to the most, at most ``count`` of them if that can be."""
    for mantissas in ((1, 2, 5), (1, 3), (1,)):
        ticks = [
            mantissa * 10.0**exponent
            for exponent in range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
            for mantissa in mantissas
            if least <= mantissa * 10.0**exponent <= most
        ]
        if len(ticks) <= count:
            return ticks
    return ticks
