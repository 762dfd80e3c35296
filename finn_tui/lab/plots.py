"""Drawings in characters, for a command's output and for screens alike."""

from __future__ import annotations

from collections.abc import Sequence

from finn_tui.lab.questions import Point

Series = tuple[str, str, Sequence[Point]]


def plot(series: Sequence[Series], width: int, height: int) -> str:
    """Frames per second against the share of the scarcest resource, in so many characters.

    Args:
        series: (name, marker, points); later ones are drawn over earlier ones.
    """
    # A tenth of a second of import, which only those who look at a plot shall pay.
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(width, height)
    plotext.xscale("log")
    for name, marker, points in series:
        # A part without the resource at all gives no share that could be drawn.
        drawn = [(point.result.fps, 100 * point.share[1]) for point in points
                 if point.share is not None and point.share[1] < float("inf")]  # fmt: skip
        if drawn:
            plotext.scatter(*zip(*drawn, strict=True), label=name, marker=marker)
    plotext.xlabel("frames per second")
    plotext.ylabel("% of the scarcest resource")
    text: str = plotext.uncolorize(plotext.build())
    return "\n".join(line.rstrip() for line in text.splitlines())
