"""What next: the move is the cheapest there is, and what is given back costs no speed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from finn_tui.core import folding as foldings
from finn_tui.core.advice import give_back, next_move
from finn_tui.core.device import Device
from finn_tui.core.editor import Editor
from finn_tui.core.folding import IllegalFolding
from tests.core.designs import conv_like, designs

DEVICE = Device("board", "part", {"LUT": 1000, "BRAM_18K": 20, "URAM": 4, "DSP": 5})


@st.composite
def editors(draw: st.DrawFn) -> Editor:
    """An editor after some edits."""
    design, tables = draw(designs)
    start = foldings.ones(design, tables)
    editor = Editor(design, tables, DEVICE, 10.0, start, start, "ones")
    for _ in range(draw(st.integers(0, 10))):
        layer = draw(st.sampled_from(design.layers))
        editor.step(layer.name, draw(st.sampled_from(layer.knobs)).name, 1)
    return editor


@settings(max_examples=60, deadline=None)
@given(editors())
def test_the_move_is_legal_and_no_single_knob_is_cheaper(editor: Editor) -> None:
    before = editor.estimate
    name = before.bottleneck
    move = next_move(editor)
    assert editor.estimate is before
    cycles = editor.tables[name].cycles
    if move is None:
        return
    foldings.check(editor.design, editor.tables, move.folding)
    after = editor.estimate_of(move.folding)
    mine = {layer.name: layer.cycles for layer in after.layers}
    assert mine[name] < before.ii_cycles and min(cycles) < before.ii_cycles
    assert (after.ii_cycles, after.bottleneck) == (move.ii_cycles, move.bottleneck)
    for resource, amount in move.use.items():
        assert after.total[resource] - before.total[resource] == amount
    for knob in editor.design.by_name[name].knobs:
        for value in knob.values:
            try:
                other = foldings.change(
                    editor.design, editor.tables, editor.folding, name, knob.name, value
                )
            except IllegalFolding:
                continue
            made = editor.estimate_of(other.folding)
            if {layer.name: layer.cycles for layer in made.layers}[name] < before.ii_cycles:
                cost = sum(
                    (made.total[r] - before.total[r]) / DEVICE.budget[r] for r in DEVICE.budget
                )
                assert move.cost <= cost + 1e-9


@settings(max_examples=40, deadline=None)
@given(editors())
def test_what_is_given_back_costs_no_speed(editor: Editor) -> None:
    before = editor.estimate
    for move in give_back(editor):
        foldings.check(editor.design, editor.tables, move.folding)
        assert move.layer != before.bottleneck and move.cost < 0
        assert editor.estimate_of(move.folding).ii_cycles <= before.ii_cycles


def test_it_is_said_in_a_line() -> None:
    design, tables = conv_like()
    start = foldings.ones(design, tables)
    editor = Editor(design, tables, DEVICE, 10.0, start, start, "ones")
    move = next_move(editor)
    assert move is not None
    assert move.text() == "MVAU_hls_0: SIMD 2 gives 3,072 for +3 LUT; then MVAU_hls_0 holds the II"
    assert give_back(editor) == []
    editor.set("LabelSelect_hls_0", "PE", 10)
    (back,) = give_back(editor)
    assert (back.layer, back.values) == ("LabelSelect_hls_0", {"PE": 1})
