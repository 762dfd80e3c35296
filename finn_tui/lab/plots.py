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
    # A tenth of a second of import, which only those who look at a plot shall pay.
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    # The size is asked for, whatever terminal plotext believes to be in.
    plotext.limit_size(False, False)
    plotext.plot_size(width, height)
    plotext.xscale("log")
    everything: list[tuple[float, float]] = []
    for name, marker, points in series:
        # A part without the resource at all gives no share that could be drawn.
        drawn = [
            (point.result.fps, 100 * point.share[1])
            for point in points
            if point.share is not None and point.share[1] < float("inf")
        ]
        everything += drawn
        if drawn:
            plotext.scatter(*zip(*drawn, strict=True), label=name, marker=marker)
    if everything:
        rates, shares = zip(*everything, strict=True)
        ticks = _decades(min(rates), max(rates), width // 12)
        plotext.xticks(ticks, [f"{tick:,.0f}" if tick >= 1 else f"{tick:g}" for tick in ticks])
        step = next((s for s in (5, 10, 20, 25, 50) if max(shares) / s <= height / 3), 100)
        top = step * math.ceil(max(shares) / step)
        plotext.ylim(0, top)
        plotext.yticks(range(0, top + 1, step))
    plotext.xlabel("frames per second")
    plotext.ylabel("highest utilization, %")
    text: str = plotext.uncolorize(plotext.build())
    return "\n".join(line.rstrip() for line in text.splitlines())


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
