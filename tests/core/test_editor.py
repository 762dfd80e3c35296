"""The editor: steps, undo, redo, and estimates that add up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finn_tui.core.design import Design
from finn_tui.core.device import RESOURCES, Device
from finn_tui.core.editor import Editor
from finn_tui.core.estimate.estimate import CostTable, Estimate, estimate
from finn_tui.core.estimate.infrastructure import CostLookup
from finn_tui.core.folding import finn_json
from finn_tui.core.folding import model as foldings
from finn_tui.core.folding.model import IllegalFolding
from tests.core.designs import conv_like, designs

Z2 = Device("Pynq-Z2", "xc7z020clg400-1", {"LUT": 53200, "BRAM_18K": 280, "URAM": 0, "DSP": 220})


def editor_for(case: tuple[Design, dict[str, CostTable]]) -> Editor:
    design, tables = case
    start = foldings.ones(design, tables)
    return Editor(design, tables, Z2, 10.0, start, start, "ones")


@given(designs, st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1), st.sampled_from([1, -1]))))
def test_undo_takes_back_what_redo_makes_again(
    case: tuple[Design, dict[str, CostTable]], steps: list[tuple[int, int, int]]
) -> None:
    editor = editor_for(case)
    trail = [editor.folding]
    for at, knob, direction in steps:
        layer = editor.design.layers[at]
        editor.step(layer.name, layer.knobs[knob % len(layer.knobs)].name, direction)
        if editor.folding != trail[-1]:
            trail.append(editor.folding)
        foldings.check(editor.design, editor.tables, editor.folding)
    for before in reversed(trail[:-1]):
        assert editor.undo()
        assert editor.folding == before
    assert not editor.undo()
    for after in trail[1:]:
        assert editor.redo()
        assert editor.folding == after
    assert not editor.redo()


@given(designs, st.data())
def test_estimates_add_up(case: tuple[Design, dict[str, CostTable]], data: st.DataObject) -> None:
    editor = editor_for(case)
    layer = data.draw(st.sampled_from(editor.design.layers))
    knob = data.draw(st.sampled_from(layer.knobs))
    editor.set(
        layer.name,
        knob.name,
        data.draw(st.sampled_from(editor.tables[layer.name].legal(knob.name))),
    )
    result = editor.estimate
    assert result.ii_cycles == max(item.cycles for item in result.layers)
    assert result.fps == pytest.approx(1e9 / (10.0 * result.ii_cycles))
    # One path only in these designs: the latency is the sum.
    assert result.latency_cycles == sum(item.cycles for item in result.layers)
    for name in RESOURCES:
        assert result.total[name] == sum(item.resources[name] for item in result.layers)
    bottleneck = next(item for item in result.layers if item.name == result.bottleneck)
    assert bottleneck.cycles == result.ii_cycles


def test_steps_go_through_legal_values_and_stop_at_the_ends() -> None:
    editor = editor_for(conv_like())
    seen = [editor.folding.values["MVAU_hls_0"]["PE"]]
    while editor.step("MVAU_hls_0", "PE", 1):
        seen.append(editor.folding.values["MVAU_hls_0"]["PE"])
    assert seen == [1, 2, 4, 8, 16]
    assert editor.step("MVAU_hls_0", "PE", 1) is None
    assert editor.step("MVAU_hls_0", "PE", -1) is not None
    assert editor.folding.values["MVAU_hls_0"]["PE"] == 8


def test_an_illegal_value_changes_nothing() -> None:
    editor = editor_for(conv_like())
    before = editor.folding
    with pytest.raises(IllegalFolding, match="PE = 5 is not legal"):
        editor.set("MVAU_hls_0", "PE", 5)
    assert editor.folding is before
    assert not editor.undo()


def test_options_show_what_each_value_would_give() -> None:
    editor = editor_for(conv_like())
    options = editor.options("MVAU_hls_0", "PE")
    assert [option.value for option in options] == [1, 2, 4, 8, 16]
    assert [option.current for option in options] == [True, False, False, False, False]
    before = editor.folding
    for option in options:
        editor.set("MVAU_hls_0", "PE", option.value)
        assert editor.estimate == option.estimate
        editor.replace(before)


def test_changes_count_against_the_baseline_and_saving_is_known() -> None:
    editor = editor_for(conv_like())
    assert (editor.changes, editor.unsaved) == (0, False)
    editor.set("Pool_hls_0", "PE", 2)
    assert (editor.changes, editor.unsaved) == (2, True)
    editor.undo()
    assert (editor.changes, editor.unsaved) == (0, False)


def test_a_budget_that_is_exceeded_does_not_fit() -> None:
    design, tables = conv_like()
    start = foldings.ones(design, tables)
    small = Device("small", "xc7z007s", {"LUT": 20, "BRAM_18K": 100, "URAM": 0, "DSP": 66})
    editor = Editor(design, tables, small, 10.0, start, start, "ones")
    assert editor.estimate.fits(small) is False
    assert editor.estimate.fits(Z2) is True
    assert editor.estimate.fits(Device("mine", "xc7z020clg400-1")) is None


def test_settings_are_set_and_undone_like_knobs() -> None:
    design, tables = conv_like()
    start = finn_json.from_json(design, tables, {"Pool_hls_0": {"outFIFODepths": 16}})[0]
    editor = Editor(design, tables, Z2, 10.0, start, start, "mine")
    assert editor.value("Pool_hls_0", "outFIFODepths") == [16]
    editor.set_setting("Pool_hls_0", "outFIFODepths", "128")
    editor.set_setting("Pool_hls_0", "inFIFODepths", 4)
    editor.set_setting("Pool_hls_0", "PE", "4")
    assert finn_json.to_json(design, editor.folding)["Pool_hls_0"] == {
        "PE": 4,
        "outFIFODepths": [128],
        "inFIFODepths": [4],
    }
    # The coupled sliding window moved with PE, so that four values differ.
    assert (editor.changes, editor.unsaved) == (4, True)
    for _ in range(3):
        assert editor.undo()
    assert editor.folding == start and not editor.undo()


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("inFIFODepths", "deep", r"inFIFODepths = \['deep'\] is not legal"),
        ("inFIFODepths", "-1", "whole numbers from 0 to 2,147,483,647, such as 32"),
        ("inFIFODepths", "", "whole numbers from 0 to"),
        ("inFIFODepths", [2.5], r"\[2.5\] is not legal"),
        ("inFIFODepths", True, "True is not legal"),
        ("mem_mode", "nowhere", "Legal values: internal_decoupled, external"),
        ("PE", "5", "PE = 5 is not legal"),
        ("colour", "red", "has no colour"),
    ],
)
def test_what_cannot_be_set_changes_nothing_and_says_what_can(
    name: str, given: object, message: str
) -> None:
    editor = editor_for(conv_like())
    before = editor.folding
    with pytest.raises(IllegalFolding, match=message) as caught:
        editor.set_setting("MVAU_hls_0", name, given)
    assert caught.value.fix
    assert editor.folding is before and not editor.can_undo


def test_a_setting_that_the_graph_has_anyway_is_no_change() -> None:
    design, tables = conv_like()
    pool = replace(design.by_name["Pool_hls_0"], attrs={"inFIFODepths": [2]})
    layers = tuple(pool if layer.name == pool.name else layer for layer in design.layers)
    editor = editor_for((replace(design, layers=layers), tables))
    editor.set_setting("Pool_hls_0", "inFIFODepths", "32")
    assert editor.changes == 1
    editor.set_setting("Pool_hls_0", "inFIFODepths", "2")
    assert (editor.changes, editor.unsaved) == (0, False)


def test_a_new_change_ends_what_could_be_redone() -> None:
    editor = editor_for(conv_like())
    editor.set("MVAU_hls_0", "PE", 2)
    editor.set("MVAU_hls_0", "PE", 4)
    assert editor.undo() and editor.can_redo
    editor.set("MVAU_hls_0", "PE", 8)
    assert not editor.can_redo and not editor.redo()
    assert editor.folding.values["MVAU_hls_0"]["PE"] == 8
    assert editor.undo() and editor.folding.values["MVAU_hls_0"]["PE"] == 2


def test_the_estimate_is_that_of_the_present_folding_clock_and_costs() -> None:
    editor = editor_for(conv_like())

    def fresh() -> Estimate:
        return estimate(
            editor.design,
            editor.tables,
            editor.folding.values,
            editor.clock_ns,
            settings=editor.folding.settings,
            costs=editor.costs,
        )

    slow = editor.estimate
    editor.set("MVAU_hls_0", "PE", 4)
    fast = editor.estimate
    assert fast == fresh() and fast != slow
    assert editor.undo() and editor.estimate == slow
    assert editor.redo() and editor.estimate == fast
    editor.set_clock(5.0)
    assert editor.estimate == fresh() and editor.estimate.fps == 2 * fast.fps
    editor.set_costs(CostLookup({}, {(2, 2): (1.0, 0.0, 0.0, 0.0)}))
    assert editor.estimate.infrastructure.total() == fresh().infrastructure.total()
    assert editor.estimate.infrastructure.total()["LUT"] > 0


def test_a_folding_that_is_loaded_is_the_baseline_and_saved() -> None:
    editor = editor_for(conv_like())
    other = editor.folding.with_layer("MVAU_hls_1", {"PE": 2, "SIMD": 4, "ram_style": "auto"})
    editor.load(other, "other")
    assert (editor.changes, editor.unsaved, editor.baseline_name) == (0, False, "other")
    assert editor.undo() and (editor.changes, editor.unsaved) == (2, True)
