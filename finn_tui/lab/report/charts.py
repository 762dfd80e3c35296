"""Charts of experiments as SVG: small, without scripts, readable in black and white."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from finn_tui.base.text import clean, number
from finn_tui.lab.results.results_table import Experiment

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 20, 56, 52
_COLOURS = ("#1f4e9e", "#b35900")


@dataclass(frozen=True)
class Point:
    """A point of a chart.

    Attributes:
        x, y: where it is.
        label: what stands beside it; empty for none.
    """

    x: float
    y: float
    label: str = ""


@dataclass(frozen=True)
class ChartSeries:
    """Points of one kind.

    Attributes:
        name: in the legend.
        points: of it.
        filled: whether its marks are filled; estimates are hollow.
    """

    name: str
    points: Sequence[Point]
    filled: bool = True


@dataclass(frozen=True)
class Chart:
    """A chart of two axes.

    Attributes:
        title, x_title, y_title: its texts.
        series: what is drawn.
        joined: pairs of points of two series that belong together.
        logarithmic: whether the axis of y is; that of x never is.
        diagonal: whether the line of x = y is drawn.
        remark: below the title, such as SIMULATED.
    """

    title: str
    x_title: str
    y_title: str
    series: Sequence[ChartSeries]
    joined: Sequence[tuple[Point, Point]] = ()
    logarithmic: bool = False
    diagonal: bool = False
    remark: str = ""

    def svg(self) -> str:
        """Return the drawing."""
        return _Drawing(self).svg()


class _Drawing:
    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        points = [point for series in chart.series for point in series.points]
        xs, ys = [point.x for point in points], [point.y for point in points]
        if chart.diagonal:
            xs = ys = [*xs, *ys]
        self._x = _ticks(0.0, max(xs), 6)
        self._y = _decades(min(ys), max(ys)) if chart.logarithmic else _ticks(0.0, max(ys), 6)
        self._marks = [self._at(point) for point in points]

    def _at(self, point: Point) -> tuple[float, float]:
        x = (point.x - self._x[0]) / (self._x[-1] - self._x[0])
        low, high, value = self._y[0], self._y[-1], point.y
        if self._chart.logarithmic:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        y = (value - low) / (high - low)
        return (
            _LEFT + x * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - y * (_HEIGHT - _TOP - _BOTTOM),
        )

    def svg(self) -> str:
        chart = self._chart
        body = [
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
            _text(_LEFT, 20, chart.title, size=14, weight="bold"),
        ]
        body += self._axes()
        body += self._legend()
        if chart.diagonal:
            least, most = max(self._x[0], self._y[0]), min(self._x[-1], self._y[-1])
            body.append(self._line(Point(least, least), Point(most, most), "#999", dash=True))
        body += [self._line(a, b, "#999") for a, b in chart.joined]
        labels: list[tuple[float, float, float]] = []
        for at, series in enumerate(chart.series):
            colour = _COLOURS[at % len(_COLOURS)]
            for point in series.points:
                body += self._mark(point, colour, labels, filled=series.filled)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            f'width="{_WIDTH}" height="{_HEIGHT}" '
            'font-family="DejaVu Sans, Arial, Helvetica, Libertinus Serif, sans-serif">'
        )
        return "\n".join([head, *body, "</svg>"]) + "\n"

    def _mark(
        self, point: Point, colour: str, labels: list[tuple[float, float, float]], *, filled: bool
    ) -> list[str]:
        x, y = self._at(point)
        fill = colour if filled else "white"
        lines = [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{fill}" stroke="{colour}" '
            'stroke-width="1.6"/>'
        ]
        if point.label:
            width = 6.2 * len(point.label)
            left = x > _WIDTH - _RIGHT - width - 9
            start = x - 9 - width if left else x + 9
            # A label stands above where another point is beside it, and apart from other labels.
            beside = any(x < a < start + width and abs(b - y) < 10 for a, b in self._marks)
            beside = beside or y > _HEIGHT - _BOTTOM - 8
            at, step = (y - 9, -12) if beside or left else (y + 4, 12)
            while any(
                abs(at - b) < 12 and start < end and begin < start + width
                for begin, end, b in labels
            ):
                at += step
            labels.append((start, start + width, at))
            anchor = "end" if left else "start"
            lines.append(_text(x - 9 if left else x + 9, at, point.label, anchor=anchor))
        return lines

    def _line(self, a: Point, b: Point, colour: str, *, dash: bool = False) -> str:
        (x1, y1), (x2, y2) = self._at(a), self._at(b)
        style = ' stroke-dasharray="5 4"' if dash else ""
        return (
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{colour}" stroke-width="1"{style}/>'
        )

    def _axes(self) -> list[str]:
        left, right, top, bottom = _LEFT, _WIDTH - _RIGHT, _TOP, _HEIGHT - _BOTTOM
        body = []
        for value in self._y:
            _, y = self._at(Point(self._x[0], value))
            body.append(
                f'<line x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#e2e2e2"/>'
            )
            body.append(_text(left - 8, y + 4, _tick_text(value), anchor="end"))
        for value in self._x:
            x, _ = self._at(Point(value, self._y[0]))
            body.append(
                f'<line x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 5}" stroke="#444"/>'
            )
            body.append(_text(x, bottom + 18, _tick_text(value), anchor="middle"))
        body.append(
            f'<path d="M{left} {top} V{bottom} H{right}" fill="none" stroke="#444"/>',
        )
        middle = (left + right) / 2
        body.append(_text(middle, _HEIGHT - 10, self._chart.x_title, anchor="middle", size=12))
        y = (top + bottom) / 2
        body.append(
            f'<g transform="translate(16 {y:.1f}) rotate(-90)">'
            + _text(0, 0, self._chart.y_title, anchor="middle", size=12)
            + "</g>"
        )
        return body

    def _legend(self) -> list[str]:
        x, body = float(_LEFT), []
        for at, series in enumerate(self._chart.series):
            colour = _COLOURS[at % len(_COLOURS)]
            fill = colour if series.filled else "white"
            body.append(
                f'<circle cx="{x + 5:.1f}" cy="36" r="4.5" fill="{fill}" stroke="{colour}" '
                'stroke-width="1.6"/>'
            )
            body.append(_text(x + 15, 40, series.name))
            x += 30 + 6.4 * len(series.name)
        if self._chart.remark:
            body.append(
                _text(_WIDTH - _RIGHT, 40, self._chart.remark, anchor="end", colour=_COLOURS[1])
            )
        return body


def _text(
    x: float,
    y: float,
    content: str,
    *,
    anchor: str = "start",
    size: int = 11,
    weight: str = "normal",
    colour: str = "#222",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}" fill="{colour}">{escape(clean(content))}</text>'
    )


def _tick_text(value: float) -> str:
    for limit, unit in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= limit:
            return f"{value / limit:g}{unit}"
    return f"{value:g}"


def _ticks(least: float, most: float, count: int) -> list[float]:
    """Return round values that enclose a range, at most about ``count`` of them."""
    most = most if most > least else least + 1.0
    raw = (most - least) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw)
    first, last = math.floor(least / step), math.ceil(most / step * 1.0001)
    return [index * step for index in range(first, last + 1)]


def _decades(least: float, most: float) -> list[float]:
    low, high = math.floor(math.log10(least)), math.ceil(math.log10(most))
    return [10.0**exponent for exponent in range(low, max(high, low + 1) + 1)]


def _remark(rows: Sequence[Experiment]) -> str:
    return "SIMULATED" if any(row.any_simulated for row in rows) else ""


def fps_against_lut(rows: Sequence[Experiment]) -> Chart | None:
    """Return measured fps against LUT of the build, with the estimates; None without any."""
    estimates, builds, joined = [], [], []
    for row in rows:
        estimated, built = row.estimated_whole.get("LUT"), row.synthesized.get("LUT")
        estimate = real = None
        if estimated and row.estimated_fps:
            estimate = Point(estimated, row.estimated_fps)
            estimates.append(estimate)
        if built and row.fps:
            real = Point(built, row.fps, row.folding)
            builds.append(real)
        if estimate and real:
            joined.append((estimate, real))
    if not builds:
        return None
    series = [ChartSeries("estimate", estimates, filled=False), ChartSeries("built", builds)]
    rates = [point.y for one in series for point in one.points]
    return Chart(
        "Throughput against LUT",
        "LUT",
        "images per second",
        series,
        joined,
        logarithmic=min(rates) * 20 < max(rates),
        remark=_remark(rows),
    )


def estimate_against_measured(rows: Sequence[Experiment]) -> Chart | None:
    """Return measured fps against the estimate; None without any."""
    points = [
        Point(row.estimated_fps, row.fps, row.folding)
        for row in rows
        if row.fps and row.estimated_fps
    ]
    if not points:
        return None
    return Chart(
        "Measured throughput against the estimate",
        "estimate, images per second",
        "measured, images per second",
        [ChartSeries("a folding; on the line the estimate is right", points)],
        diagonal=True,
        remark=_remark(rows),
    )


def over_time(rows: Sequence[Experiment]) -> Chart | None:
    """Return measured fps in the order of the experiments; None without any."""
    ordered = sorted((row for row in rows if row.fps), key=lambda row: row.created)
    points = [
        Point(at, row.fps or 0.0, f"{row.folding} ({number(row.fps)})")
        for at, row in enumerate(ordered, 1)
    ]
    if len(points) < 2:
        return None
    return Chart(
        "Experiments in their order",
        "experiment",
        "images per second",
        [ChartSeries("measured", points)],
        list(itertools.pairwise(points)),
        remark=_remark(rows),
    )


#: Charts by the name of their file.
CHARTS = {
    "throughput-against-lut": fps_against_lut,
    "measured-against-estimate": estimate_against_measured,
    "experiments-over-time": over_time,
}
