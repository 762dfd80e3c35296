"""The drawing read back gives the graph that was drawn."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from finn_tui.core.design import Design
from finn_tui.core.estimate.estimate import CostTable
from finn_tui.core.graph.lanes import NODE, lane_texts
from tests.core.designs import random_designs, residual


def read_back(drawn: tuple[str, ...]) -> Counter[tuple[int, int]]:
    """The edges of a drawing, by what its characters connect and by nothing else."""
    edges: Counter[tuple[int, int]] = Counter()
    above: dict[int, int] = {}
    for at, row in enumerate(drawn):
        column = row.index(NODE)
        below = {lane: producer for lane, producer in above.items() if row[lane] in "│┼"}
        if column in above:
            edges[above[column], at] += 1
        end = column + 1
        while end < len(row) and row[end] in "─┼┴┬╯╮":
            if row[end] in "╯┴":
                edges[above[end], at] += 1
            elif row[end] in "╮┬":
                below[end] = at
            end += 1
            if row[end - 1] in "╯╮":
                break
        # Nothing hangs in the air: what is left of the node or beyond the run passes or is blank.
        assert set(row[:column] + row[end:]) <= set("│ "), row
        assert all(lane in above for lane, char in enumerate(row) if char in "│┼╯┴"), row
        if at + 1 < len(drawn) and drawn[at + 1][column] in "│┼╯┴●":
            below[column] = at
        above = below
    return edges


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    count = draw(st.integers(0, 14))
    pairs = [(a, b) for b in range(count) for a in range(b)]
    return count, draw(st.lists(st.sampled_from(pairs), max_size=20)) if pairs else []


@given(graphs())
def test_every_edge_is_drawn_once(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, links = graph
    drawn = lane_texts(count, links)
    assert len(drawn) == count
    assert len({len(row) for row in drawn}) <= 1
    if any(drawn):
        assert read_back(drawn) == Counter(links)
    else:
        assert all(b == a + 1 for a, b in links) and len(set(links)) == len(links)


@given(st.integers(0, 30))
def test_the_rails_of_a_chain_are_empty(count: int) -> None:
    assert lane_texts(count, [(at, at + 1) for at in range(count - 1)]) == ("",) * count


@given(random_designs())
def test_designs_are_drawn(generated: tuple[Design, dict[str, CostTable]]) -> None:
    design, _ = generated
    rows = lane_texts(len(design.layers), design.links)
    if any(rows):
        assert read_back(rows) == Counter(design.links)


def test_a_residual_network_reads_well() -> None:
    design, _ = residual(blocks=2)
    drawn = lane_texts(len(design.layers), design.links)
    drawing = [f"{row} {layer.name}" for row, layer in zip(drawn, design.layers, strict=True)]
    assert drawing == [
        "●  MVAU_hls_0",
        "●╮ DuplicateStreams_hls_0",
        "●│ MVAU_hls_1",
        "●│ MVAU_hls_2",
        "●╯ AddStreams_hls_0",
        "●╮ DuplicateStreams_hls_1",
        "●│ MVAU_hls_3",
        "●│ MVAU_hls_4",
        "│● MVAU_hls_5",
        "●╯ AddStreams_hls_1",
        "●  LabelSelect_hls_0",
    ]
