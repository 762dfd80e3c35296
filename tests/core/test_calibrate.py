"""Learned estimates: laws that hold whatever was built."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finn_tui.core.calibrate import Sample, learn
from finn_tui.core.estimate.estimate import LayerCost

estimates = st.integers(1, 50_000)
amounts = st.integers(0, 50_000)
pairs = st.lists(st.tuples(estimates, amounts), min_size=1, max_size=60)


def samples(pairs: list[tuple[int, int]], op: str = "MVAU_hls") -> list[Sample]:
    return [Sample(op, "LUT", e, m, f"run{at}") for at, (e, m) in enumerate(pairs)]


@given(st.lists(estimates, min_size=1, max_size=40), st.integers(1, 64))
def test_a_pure_factor_is_found_exactly(sizes: list[int], eighths: int) -> None:
    learned = learn(Sample("MVAU_hls", "LUT", size, size * eighths / 8) for size in sizes)
    assert learned is not None
    correction = learned.corrections["MVAU_hls", "LUT", False]
    assert correction.middle == eighths / 8 and correction.n == len(sizes)
    assert correction.low <= eighths / 8 <= correction.high
    if len(sizes) >= 9:
        assert correction.low == correction.high == eighths / 8
    span = learned.of("MVAU_hls", "LUT", 800)
    assert span is not None and span.value == 100 * eighths


@given(pairs, st.randoms())
def test_the_order_of_the_builds_does_not_matter(
    pairs: list[tuple[int, int]], rng: random.Random
) -> None:
    given_so = samples(pairs)
    shuffled = list(given_so)
    rng.shuffle(shuffled)
    assert learn(given_so) == learn(shuffled)


@given(pairs)
def test_the_band_covers_what_it_says(pairs: list[tuple[int, int]]) -> None:
    learned = learn(samples(pairs))
    assert learned is not None
    correction = learned.corrections["MVAU_hls", "LUT", False]
    inside = sum(correction.low <= m / e <= correction.high for e, m in pairs)
    if correction.widened:
        assert inside == len(pairs) < 9
    else:
        assert inside >= 0.8 * len(pairs)
    assert correction.low <= correction.middle <= correction.high


@given(st.integers(1, 8), estimates, estimates)
def test_fewer_samples_have_a_wider_band(count: int, estimate: int, measured: int) -> None:
    def width(n: int) -> float:
        learned = learn(samples([(estimate, measured)] * n))
        assert learned is not None
        span = learned.of("MVAU_hls", "LUT", 1000.0)
        assert span is not None
        return span.high / span.low

    assert width(count) > width(count + 1) * 0.999999
    assert width(1) == pytest.approx(25)


@given(pairs, st.sampled_from([0.25, 2.0, 8.0]))
def test_twice_as_much_is_a_factor_twice_as_large(pairs: list[tuple[int, int]], by: float) -> None:
    once = learn(samples(pairs))
    again = learn(Sample(s.op, s.resource, s.estimate, s.measured * by) for s in samples(pairs))
    assert once is not None and again is not None
    a = once.corrections["MVAU_hls", "LUT", False]
    b = again.corrections["MVAU_hls", "LUT", False]
    assert (b.middle, b.low, b.high) == pytest.approx((a.middle * by, a.low * by, a.high * by))


def test_in_eight_cases_of_ten_the_next_is_inside_the_band() -> None:
    """At 19 samples the band is from the second to the last but one: 16 of 20 on average."""
    rng = random.Random(7)
    hits = 0
    for _ in range(2000):
        ratios = [rng.lognormvariate(0, 0.7) for _ in range(20)]
        learned = learn(Sample("MVAU_hls", "LUT", 100, 100 * ratio) for ratio in ratios[:19])
        assert learned is not None
        span = learned.of("MVAU_hls", "LUT", 1.0)
        assert span is not None
        hits += span.low <= ratios[19] <= span.high
    assert 0.78 <= hits / 2000 <= 0.84


def cost(name: str, op: str, lut: float) -> Any:
    resources = {"LUT": lut, "BRAM_18K": 0.0, "URAM": 0.0, "DSP": 0.0}
    return LayerCost(name, op, 1, resources, 8, 8, {})


def test_ops_that_were_never_built_count_as_finn_says_and_are_counted() -> None:
    assert learn([]) is None
    learned = learn(
        [Sample("MVAU_hls", "LUT", 100, 150, "a"), Sample("Pool_hls", "LUT", 0, 80, "b")]
    )
    assert learned is not None and learned.sources == ("a", "b")
    layers = [
        cost("MVAU_hls_0", "MVAU_hls", 200),
        cost("Pool_hls_0", "Pool_hls", 0),
        cost("Thresholding_rtl_0", "Thresholding_rtl", 30),
    ]
    total, unknown = learned.total(layers, "LUT")
    assert total.value == 300 + 80 + 30 and unknown == 1
    assert total.low == 300 / 5 + 80 / 5 + 30 and total.high == 1500 + 400 + 30
    document = learned.as_json(layers)
    assert "LUT" not in document["layers"][2]
    assert document["layers"][0]["LUT"] == {"value": 300, "low": 60, "high": 1500, "n": 1}
    assert document["total"]["LUT"]["layers_as_finn_says"] == 1
    assert {row["of"] for row in document["factors"]} == {"factor", "amount"}


def test_a_sum_stands_on_the_fewest_samples_behind_any_of_its_layers() -> None:
    learned = learn(
        [Sample("MVAU_hls", "LUT", 100, 150, f"run{at}") for at in range(3)]
        + [Sample("Pool_hls", "LUT", 10, 20, "run0")]
    )
    assert learned is not None
    layers = [cost("MVAU_hls_0", "MVAU_hls", 200), cost("Pool_hls_0", "Pool_hls", 10)]
    total, _ = learned.total(layers, "LUT")
    assert (total.value, total.n) == (320, 1)
    assert learned.total(layers[:1], "LUT")[0].n == 3
    assert learned.total([], "LUT")[0].n == 0
