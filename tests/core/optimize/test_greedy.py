"""What next: the move is the cheapest there is, and what is given back costs no speed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finn_tui.core.device import Device
from finn_tui.core.editor import Editor
from finn_tui.core.estimate.estimate import Estimate
from finn_tui.core.estimate.infrastructure import CostLookup, StreamWidths
from finn_tui.core.folding import model as foldings
from finn_tui.core.folding.model import IllegalFolding
from finn_tui.core.optimize.greedy import Blocked, next_move, path_to, reclaim, reclaim_all
from tests.core.designs import conv_like, design_from, designs, layer

DEVICE = Device("board", "part", {"LUT": 1000, "BRAM_18K": 20, "URAM": 4, "DSP": 5})


def whole(estimated: Estimate, resource: str) -> float:
    """FINN's total with what FINN inserts."""
    return estimated.total[resource] + estimated.infrastructure.total()[resource]


@st.composite
def editors(draw: st.DrawFn) -> Editor:
    """An editor after some edits."""
    design, tables = draw(designs)
    start = foldings.ones(design, tables)
    costs = CostLookup()
    if draw(st.booleans()):
        query = StreamWidths(design, tables).query({}, ())
        costs = CostLookup(
            {(a, b): (float(3 * (a + b)), 0.0, 0.0, 0.0) for a, b in query.dwc},
            {(w, d): (float(w), float(d // 32), 0.0, 0.0) for w, d in query.fifo},
        )
    editor = Editor(design, tables, DEVICE, 10.0, start, start, "ones", costs)
    for _ in range(draw(st.integers(0, 10))):
        layer = draw(st.sampled_from(design.layers))
        editor.step(layer.name, draw(st.sampled_from(layer.knobs)).name, 1)
    return editor


@settings(max_examples=60)
@given(editors())
def test_the_move_is_legal_and_no_single_knob_is_cheaper(editor: Editor) -> None:
    before = editor.estimate
    name = before.bottleneck
    move = next_move(editor)
    assert editor.estimate is before
    cycles = editor.tables[name].cycles
    if isinstance(move, Blocked):
        return
    assert move.ii_cycles < before.ii_cycles
    foldings.check(editor.design, editor.tables, move.folding)
    after = editor.estimate_of(move.folding)
    cycles_after = {layer.name: layer.cycles for layer in after.layers}
    assert cycles_after[name] < before.ii_cycles and min(cycles) < before.ii_cycles
    assert (after.ii_cycles, after.bottleneck) == (move.ii_cycles, move.bottleneck)
    for resource, amount in move.use.items():
        assert whole(after, resource) - whole(before, resource) == pytest.approx(amount)
    if len(move.values) > 1:
        # Each was the cheapest of its layer; what they cost together is told above.
        return
    for knob in editor.design.by_name[name].knobs:
        for value in knob.values:
            try:
                other = foldings.change(
                    editor.design, editor.tables, editor.folding, name, knob.name, value
                )
            except IllegalFolding:
                continue
            estimated = editor.estimate_of(other.folding)
            if estimated.ii_cycles < before.ii_cycles:
                cost = sum(
                    (whole(estimated, r) - whole(before, r)) / DEVICE.budget[r]
                    for r in DEVICE.budget
                )
                assert move.cost <= cost + 1e-9


@settings(max_examples=40)
@given(editors())
def test_what_is_given_back_costs_no_speed(editor: Editor) -> None:
    before = editor.estimate
    for move in reclaim(editor):
        foldings.check(editor.design, editor.tables, move.folding)
        assert move.layer != before.bottleneck and move.cost < 0
        assert editor.estimate_of(move.folding).ii_cycles <= before.ii_cycles


@settings(max_examples=40)
@given(editors(), st.data())
def test_locked_layers_are_not_moved(editor: Editor, data: st.DataObject) -> None:
    names = [layer.name for layer in editor.design.layers]
    locked = set(data.draw(st.lists(st.sampled_from(names), max_size=2)))
    moves = [
        reclaim_all(editor, locked),
        next_move(editor, locked),
        path_to(editor, 1, locked).move,
    ]
    for move in [*moves, *reclaim(editor, None, locked)]:
        if move is not None and not isinstance(move, Blocked):
            for name in locked:
                assert move.folding.values[name] == editor.folding.values[name]


@settings(max_examples=40)
@given(editors())
def test_all_that_can_be_given_back_leaves_nothing_to_give(editor: Editor) -> None:
    ii, back = editor.estimate.ii_cycles, reclaim_all(editor)
    single = reclaim(editor, None)
    assert (back is None) == (not single)
    if back is not None:
        assert back.cost <= single[0].cost + 1e-12 and back.ii_cycles <= ii
        editor.replace(back.folding)
        assert reclaim(editor) == []


@settings(max_examples=60)
@given(editors(), st.integers(1, 40))
def test_the_way_ends_at_the_target_or_says_what_stands_there(editor: Editor, part: int) -> None:
    estimated = editor.estimate
    cycles = max(1, estimated.ii_cycles // part)
    way = path_to(editor, cycles)
    assert set(way.slow) == {layer.name for layer in estimated.layers if layer.cycles > cycles}
    reached = way.move.ii_cycles if way.move is not None else estimated.ii_cycles
    if way.blocked is None:
        assert reached <= cycles
    else:
        assert reached > cycles
        least = min(editor.tables[way.blocked.layer].cycles)
        assert least >= reached or editor.design.couplings
    if way.move is not None:
        foldings.check(editor.design, editor.tables, way.move.folding)


def test_it_is_said_in_a_line() -> None:
    design, tables = conv_like()
    start = foldings.ones(design, tables)
    editor = Editor(design, tables, DEVICE, 10.0, start, start, "ones")
    move = next_move(editor)
    assert not isinstance(move, Blocked)
    assert move.text() == "MVAU_hls_0: SIMD 2 gives 3,072 for +3 LUT; then MVAU_hls_0 holds the II"
    assert reclaim(editor) == []
    editor.set("LabelSelect_hls_0", "PE", 10)
    (back,) = reclaim(editor)
    assert back.values == {"LabelSelect_hls_0": {"PE": 1}}
    blocked = next_move(editor, {"MVAU_hls_0"})
    assert blocked.text() == "MVAU_hls_0 holds the II: it is locked"


def rows_of(points: dict[str, list[tuple[int, int]]]) -> Editor:
    """Layers in a row with (cycles, LUT) for PE 1, 2, 3 ..., all at PE 1."""
    layers = [
        layer(name, "MVAU_hls", {"PE": list(range(1, len(rows) + 1))}, f"t{at}", f"t{at + 1}")
        for at, (name, rows) in enumerate(points.items())
    ]
    tables: list[dict[str, Any]] = [
        {
            "layer": name,
            "knobs": ["PE"],
            "points": [[value] for value in range(1, len(rows) + 1)],
            "cycles": [cycles for cycles, _ in rows],
            "LUT": [lut for _, lut in rows],
            **{resource: [0] * len(rows) for resource in ("BRAM_18K", "URAM", "DSP")},
            "in_width": [2] * len(rows),
            "out_width": [2] * len(rows),
        }
        for name, rows in points.items()
    ]
    design, cost_tables = design_from(layers, tables, [])
    start = foldings.ones(design, cost_tables)
    return Editor(design, cost_tables, DEVICE, 10.0, start, start, "ones")


def test_a_move_lowers_the_ii_where_a_cheaper_row_only_keeps_it() -> None:
    editor = rows_of({"MVAU_hls_0": [(10, 20), (10, 5), (5, 40)]})
    move = next_move(editor)
    assert not isinstance(move, Blocked)
    assert move.values == {"MVAU_hls_0": {"PE": 3}} and move.ii_cycles == 5


def test_what_gives_most_back_comes_first() -> None:
    editor = rows_of(
        {
            "MVAU_hls_0": [(10, 20)],
            "MVAU_hls_1": [(5, 30), (6, 27)],
            "MVAU_hls_2": [(4, 50), (7, 40), (11, 10)],
            "MVAU_hls_3": [(5, 30), (6, 25)],
        }
    )
    moves = reclaim(editor)
    assert [move.layer for move in moves] == ["MVAU_hls_2", "MVAU_hls_3", "MVAU_hls_1"]
    assert [move.use["LUT"] for move in moves] == [-10, -5, -3]
    assert [move.layer for move in reclaim(editor, 1)] == ["MVAU_hls_2"]
