"""Two foldings side by side: every difference, no other, and sums that add up."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from finn_tui.core.compare import Comparison, Side, compare
from finn_tui.core.design import Design
from finn_tui.core.device import RESOURCES
from finn_tui.core.estimate.estimate import CostTable, estimate
from finn_tui.core.estimate.infrastructure import CostLookup, StreamWidths
from finn_tui.core.folding import model as foldings
from finn_tui.core.folding.model import Folding
from tests.core.designs import conv_like
from tests.core.folding.test_model import edited


def priced(design: Design, tables: Mapping[str, CostTable]) -> CostLookup:
    """Made-up prices: a converter costs its widths, a FIFO width times depth."""
    query = StreamWidths(design, tables).query({})
    return CostLookup(
        {(a, b): (float(a + b), 0.0, 0.0, 0.0) for a, b in query.dwc},
        {(width, depth): (float(width * depth), 1.0, 0.0, 0.0) for width, depth in query.fifo},
    )


def side(design: Design, tables: Mapping[str, CostTable], name: str, folding: Folding) -> Side:
    estimated = estimate(
        design,
        tables,
        folding.values,
        10.0,
        settings=folding.settings,
        costs=priced(design, tables),
    )
    return Side(name, folding, estimated)


def between(design: Design, tables: Mapping[str, CostTable], a: Folding, b: Folding) -> Comparison:
    return compare(design, side(design, tables, "a", a), side(design, tables, "b", b))


@given(edited())
def test_what_is_listed_is_what_differs_and_adds_up(
    case: tuple[Design, dict[str, CostTable], Folding],
) -> None:
    design, tables, folding = case
    start = foldings.ones(design, tables)
    comparison = between(design, tables, start, folding)
    for layer in design.layers:
        listed = {item.name: item.after for item in comparison.by_name[layer.name].changes}
        assert {**start.values[layer.name], **listed} == folding.values[layer.name]
        assert all(start.values[layer.name][name] != value for name, value in listed.items())
    assert sum(len(item.changes) for item in comparison.layers) == folding.differences(start)
    for name in RESOURCES:
        assert sum(item.resources[name] for item in comparison.layers) == comparison.total[name]
        spared = (
            comparison.b.estimate.infrastructure.total()[name]
            - comparison.a.estimate.infrastructure.total()[name]
        )
        assert comparison.total_with_infrastructure[name] == comparison.total[name] + spared
    # What is inserted: take away what goes, add what comes, and one bill becomes the other.
    items = list(comparison.a.estimate.infrastructure.items)
    for change in comparison.inserted:
        if change.before is not None:
            items.remove(change.before)
        if change.after is not None:
            items.append(change.after)
    key = repr
    assert sorted(items, key=key) == sorted(comparison.b.estimate.infrastructure.items, key=key)


@given(edited())
def test_the_other_way_round_everything_is_turned_round(
    case: tuple[Design, dict[str, CostTable], Folding],
) -> None:
    design, tables, folding = case
    start = foldings.ones(design, tables)
    there, back = (between(design, tables, start, folding), between(design, tables, folding, start))
    for one, other in zip(there.layers, back.layers, strict=True):
        assert one.cycles == -other.cycles
        assert [(c.name, c.before, c.after) for c in one.changes] == [
            (c.name, c.after, c.before) for c in other.changes
        ]
    turned = {"comes": "goes", "goes": "comes", "changes": "changes"}
    assert sorted(turned[item.how] for item in there.inserted) == sorted(
        item.how for item in back.inserted
    )
    assert between(design, tables, folding, folding).same


@given(st.sampled_from([2, 32]))
def test_settings_are_compared_with_what_the_graph_has(depth: int) -> None:
    design, tables = conv_like()
    start = foldings.ones(design, tables)
    deeper = start.with_setting("MVAU_hls_0", "inFIFODepths", [depth])
    comparison = between(design, tables, start, deeper)
    # The made-up graph says nothing of FIFO depths, so that naming one is a difference.
    assert [item.name for item in comparison.changed] == ["MVAU_hls_0"]
    (change,) = comparison.changed[0].changes
    assert (change.name, change.before, change.after) == ("inFIFODepths", None, [depth])
    assert comparison.changed[0].cycles == 0
    assert len(comparison.of("fifo")) == (depth != 2) and not comparison.of("dwc")


def test_a_converter_that_comes_and_the_json() -> None:
    design, tables = conv_like()
    start = foldings.ones(design, tables)
    wide = foldings.change(design, tables, start, "MVAU_hls_1", "SIMD", 4).folding
    comparison = between(design, tables, start, wide)
    (converter,) = comparison.of("dwc")
    assert converter.how == "comes" and converter.before is None
    assert (converter.either.producer, converter.either.consumer) == ("Pool_hls_0", "MVAU_hls_1")
    document = comparison.as_json(only_changed=True)
    assert [row["name"] for row in document["layers"]] == ["MVAU_hls_1"]
    assert document["layers"][0]["changed"] == {"SIMD": [1, 4]}
    assert document["extra"]["dwc"]["count"] == [0, 1]
    assert document["layers"][0]["cycles"] == [160, 40]
    assert len(comparison.as_json()["layers"]) == len(design.layers)
