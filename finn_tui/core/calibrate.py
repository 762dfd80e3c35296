"""What the user's own builds teach about FINN's estimates: a factor an op type, with a band.

Of each layer that was built, the ratio of what synthesis took to what FINN had estimated is one
sample of its op type, a resource at a time. The factor is their median. The band is free of
assumptions about how they are spread: with nine samples or more it is the interval of order
statistics in which the next one lies in at least 80 % of cases if it is like the others, k =
floor((n + 1) / 10), [x(k), x(n + 1 - k)] (Hahn and Meeker, Statistical Intervals, chapter 5). With
fewer no such interval exists; then it is all that was seen, widened by 5^(1/n): a single layer's
real figure has been five times the estimate and a fifth of it in published builds.

Where FINN estimates nothing at all there is no ratio; then the amounts themselves are the samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

from finn_tui.core.device import RESOURCES

#: How far a single sample may be off, as a factor either way.
_WIDEST = 5.0
#: Fewer samples than this have no order statistics for 80 %.
_ENOUGH = 9


@dataclass(frozen=True)
class Sample:
    """One resource of one layer of a build: FINN's estimate and what synthesis took.

    Attributes:
        op: the op type ("MVAU_hls").
        source: the build that it is from.
    """

    op: str
    resource: str
    estimate: float
    measured: float
    source: str = ""


@dataclass(frozen=True)
class Span:
    """A corrected figure with its band, in units of the resource; ``n`` samples are behind it."""

    value: float
    low: float
    high: float
    n: int

    def text(self) -> str:
        """Return the figure with its band, whole units."""
        return f"{self.value:,.0f} ({self.low:,.0f} to {self.high:,.0f})"

    def as_json(self) -> dict[str, float | int]:
        """Return the JSON form, tenths of a unit."""
        return {
            "value": round(self.value, 1),
            "low": round(self.low, 1),
            "high": round(self.high, 1),
            "n": self.n,
        }


@dataclass(frozen=True)
class Correction:
    """What was learned of one resource of one op type.

    Attributes:
        nothing: whether it is of layers for which FINN estimates none of the resource; then
            ``middle``, ``low`` and ``high`` are amounts, else factors on FINN's estimate.
        n: how many layers were built.
        widened: whether the band goes beyond what was seen, for want of samples.
    """

    op: str
    resource: str
    nothing: bool
    middle: float
    low: float
    high: float
    n: int
    widened: bool

    def of(self, estimate: float) -> Span:
        """Return the corrected estimate with its band."""
        by = 1.0 if self.nothing else estimate
        return Span(self.middle * by, self.low * by, self.high * by, self.n)

    def as_json(self) -> dict[str, Any]:
        """Return one row under ``learned.factors``."""
        return {
            "op": self.op,
            "resource": self.resource,
            "of": "amount" if self.nothing else "factor",
            "middle": round(self.middle, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "n": self.n,
            "widened": self.widened,
        }


class Estimated(Protocol):
    """A layer with FINN's numbers, as ``finn_tui.core.estimate.estimate.LayerCost``."""

    @property
    def name(self) -> str:
        """Node name."""

    @property
    def op(self) -> str:
        """Op type."""

    @property
    def resources(self) -> Mapping[str, float]:
        """Units by resource."""


@dataclass(frozen=True)
class Learned:
    """All corrections, and the builds that they are from, oldest first."""

    corrections: Mapping[tuple[str, str, bool], Correction]
    sources: tuple[str, ...]

    def of(self, op: str, resource: str, estimate: float) -> Span | None:
        """Correct FINN's estimate of one resource of a layer.

        Args:
            op: op type of the layer.
            resource: one of ``RESOURCES``.
            estimate: FINN's units.

        Returns:
            the corrected units with their band; None for an op type that was never built.
        """
        correction = self.corrections.get((op, resource, estimate == 0))
        return correction.of(estimate) if correction is not None else None

    def text(self, op: str, resources: Mapping[str, float]) -> str:
        """Return the corrected resources of a layer as text.

        Args:
            op: op type of the layer.
            resources: FINN's units by resource.

        Returns:
            one line; empty for an op type that was never built.
        """
        spans = {name: self.of(op, name, resources[name]) for name in RESOURCES}
        texts = [
            f"{name} {span.text()}"
            for name, span in spans.items()
            if span is not None and (span.high or resources[name])
        ]
        counts = [span.n for span in spans.values() if span is not None]
        return f"{', '.join(texts)}; n {min(counts)}" if texts else ""

    def total(self, layers: Iterable[Estimated], resource: str) -> tuple[Span, int]:
        """Sum up one resource over layers, corrected where a correction is known.

        The bands are added up as if all layers erred the same way, so that the sum's band is never
        too narrow. ``n`` is the smallest number of samples behind a corrected layer.

        Args:
            layers: with FINN's numbers.
            resource: one of ``RESOURCES``.

        Returns:
            the sum in units with its band, and how many layers have no correction.
        """
        value = low = high = 0.0
        counts, unknown = [], 0
        for layer in layers:
            amount = layer.resources[resource]
            span = self.of(layer.op, resource, amount)
            if span is None:
                unknown += 1
                span = Span(amount, amount, amount, 0)
            else:
                counts.append(span.n)
            value, low, high = value + span.value, low + span.low, high + span.high
        return Span(value, low, high, min(counts, default=0)), unknown

    def as_json(self, layers: Sequence[Estimated]) -> dict[str, Any]:
        """Return what stands under ``learned`` of ``estimate --json``."""
        rows = []
        for layer in layers:
            spans = {name: self.of(layer.op, name, layer.resources[name]) for name in RESOURCES}
            rows.append(
                {
                    "name": layer.name,
                    "op": layer.op,
                    **{name: span.as_json() for name, span in spans.items() if span is not None},
                }
            )
        totals = {name: self.total(layers, name) for name in RESOURCES}
        return {
            "builds": list(self.sources),
            "factors": [item.as_json() for item in self.corrections.values()],
            "layers": rows,
            "total": {
                name: {**span.as_json(), "layers_as_finn_says": unknown}
                for name, (span, unknown) in totals.items()
            },
        }


def learn(samples: Iterable[Sample]) -> Learned | None:
    """Corrections from samples; None from none. Their order does not matter."""
    groups: dict[tuple[str, str, bool], list[float]] = {}
    sources: set[str] = set()
    for sample in samples:
        nothing = sample.estimate == 0
        ratio = sample.measured if nothing else sample.measured / sample.estimate
        groups.setdefault((sample.op, sample.resource, nothing), []).append(ratio)
        sources.add(sample.source)
    if not groups:
        return None
    return Learned(
        {key: _correct(*key, sorted(groups[key])) for key in sorted(groups)}, tuple(sorted(sources))
    )


def _correct(op: str, resource: str, nothing: bool, ratios: Sequence[float]) -> Correction:
    n = len(ratios)
    if n >= _ENOUGH:
        k = (n + 1) // 10
        low, high = ratios[k - 1], ratios[n - k]
    else:
        by = _WIDEST ** (1 / n)
        low, high = ratios[0] / by, ratios[-1] * by
    return Correction(op, resource, nothing, median(ratios), low, high, n, n < _ENOUGH)
