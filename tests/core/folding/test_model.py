"""Foldings: legal by construction, and the same after a way through FINN's and the lab's forms."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finn_tui.core.design import Design
from finn_tui.core.estimate.estimate import CostTable
from finn_tui.core.folding import finn_json, lab_tuples
from finn_tui.core.folding import model as foldings
from finn_tui.core.folding.model import Folding, IllegalFolding, MalformedFolding
from tests.core.designs import conv_like, designs, layer, table

DesignAndTables = tuple[Design, dict[str, CostTable]]


@st.composite
def edited(draw: st.DrawFn) -> tuple[Design, dict[str, CostTable], Folding]:
    """A design with a folding that some edits led to."""
    design, tables = draw(designs)
    folding = foldings.ones(design, tables)
    for _ in range(draw(st.integers(0, 8))):
        layer = draw(st.sampled_from(design.layers))
        knob = draw(st.sampled_from(layer.knobs))
        value = draw(st.sampled_from(knob.values))
        try:
            folding = foldings.change(design, tables, folding, layer.name, knob.name, value).folding
        except IllegalFolding:
            # A knob may list a value that exists in no legal point of a small design.
            assert value not in tables[layer.name].legal(knob.name)
    return design, tables, folding


@given(edited())
def test_edits_lead_to_legal_foldings_only(
    case: tuple[Design, dict[str, CostTable], Folding],
) -> None:
    design, tables, folding = case
    foldings.check(design, tables, folding)
    for coupling in design.couplings:
        (a, knob_a), (b, knob_b) = coupling.a, coupling.b
        assert folding.values[a][knob_a] == folding.values[b][knob_b]


@given(edited())
def test_finn_json_round_trip(case: tuple[Design, dict[str, CostTable], Folding]) -> None:
    design, tables, folding = case
    folding = folding.with_setting("MVAU_hls_0", "inFIFODepths", [128])
    document = json.loads(json.dumps(finn_json.to_json(design, folding)))
    again, notes = finn_json.from_json(design, tables, document, foldings.ones(design, tables))
    assert again == folding
    assert notes == []


@given(designs, st.data())
def test_a_changed_knob_has_the_value_that_was_asked_for(
    case: DesignAndTables, data: st.DataObject
) -> None:
    design, tables = case
    layer = data.draw(st.sampled_from(design.layers))
    knob = data.draw(st.sampled_from(layer.knobs)).name
    value = data.draw(st.sampled_from(tables[layer.name].legal(knob)))
    start = foldings.ones(design, tables)
    change = foldings.change(design, tables, start, layer.name, knob, value)
    assert change.folding.values[layer.name][knob] == value
    reported = {(moved[0], moved[1]): moved[3] for moved in change.moved}
    for name, values in change.folding.values.items():
        for other, value_after in values.items():
            if value_after != start.values[name][other] and (name, other) != (layer.name, knob):
                assert reported[name, other] == value_after


@settings(max_examples=30)
@given(edited())
def test_tuples_carry_every_mvau(case: tuple[Design, dict[str, CostTable], Folding]) -> None:
    design, tables, folding = case
    tuples = lab_tuples.to_tuples(design, folding)
    swg = design.layers[1].name
    if tuples[0][1] not in tables[swg].legal("SIMD"):
        with pytest.raises(IllegalFolding, match=swg):
            lab_tuples.from_tuples(design, tables, tuples)
        return
    again = lab_tuples.from_tuples(design, tables, tuples)
    assert lab_tuples.to_tuples(design, again) == tuples


def test_coupled_layers_move_together_and_say_so() -> None:
    design, tables = conv_like()
    start = foldings.ones(design, tables)
    change = foldings.change(design, tables, start, "Pool_hls_0", "PE", 4)
    assert change.folding.values["ConvolutionInputGenerator_rtl_1"]["SIMD"] == 4
    assert change.moved == (("ConvolutionInputGenerator_rtl_1", "SIMD", 1, 4),)


def test_a_knob_that_needs_another_moves_it_and_says_so() -> None:
    design, tables = conv_like()
    start = foldings.ones(design, tables)
    swg = "ConvolutionInputGenerator_rtl_0"
    change = foldings.change(design, tables, start, swg, "parallel_window", 1)
    assert change.folding.values[swg] == {"SIMD": 8, "parallel_window": 1}
    assert change.moved == ((swg, "SIMD", 1, 8),)


def test_the_labs_tuples_fold_the_sliding_window_and_slow_nothing_down() -> None:
    design, tables = conv_like()
    folding = lab_tuples.from_tuples(design, tables, [(8, 8, 128), (5, 4, 2, 3, "block")], (4,))
    assert folding.values["MVAU_hls_0"] == {"PE": 8, "SIMD": 8, "ram_style": "auto"}
    assert folding.values["ConvolutionInputGenerator_rtl_0"]["SIMD"] == 8
    assert folding.values["Thresholding_rtl_0"]["PE"] == 4
    assert folding.values["MVAU_hls_1"]["ram_style"] == "block"
    assert folding.settings["MVAU_hls_0"] == {"inFIFODepths": [128]}
    assert folding.settings["MVAU_hls_1"] == {"inFIFODepths": [2], "outFIFODepths": [3]}
    cycles = {
        name: table.cycles[table.row(folding.values[name]) or 0] for name, table in tables.items()
    }
    ii = cycles["MVAU_hls_0"]
    assert max(cycles["Pool_hls_0"], cycles["ConvolutionInputGenerator_rtl_1"]) <= ii


BAD: list[tuple[object, str]] = [
    ([1, 2], "not a folding configuration"),
    ({"MVAU_hls_0": 3}, "not a folding configuration"),
    ({"MVAU_hls_9": {"PE": 1}, "FMPadding_rtl_0": {"SIMD": 1}}, "MVAU_hls_9, FMPadding_rtl_0"),
    ({"MVAU_hls_0": {"PE": 3}}, "MVAU_hls_0: PE = 3 is not legal\nLegal values: 1, 2, 4, 8, 16"),
    ({"MVAU_hls_0": {"PE": True}}, "PE = True is not legal"),
    ({"MVAU_hls_0": {"PE": [2]}}, "PE = .2. is not legal"),
    ({"MVAU_hls_0": {"PE": 16, "SIMD": 24}}, "PE = 16, SIMD = 24, ram_style = auto is not legal"),
    ({"MVAU_hls_0": {"PEE": 4}}, "MVAU_hls_0 has no PEE"),
    ({"MVAU_hls_0": {"mem_mode": "somewhere"}}, "internal_decoupled, external"),
    ({"Pool_hls_0": {"PE": 4}}, "They must be equal"),
    ({"Defaults": {"ram_style": "block"}}, "default of ram_style has the wrong form"),
]


@pytest.mark.parametrize(("document", "message"), BAD)
def test_bad_foldings_are_refused_with_the_reason(document: object, message: str) -> None:
    design, tables = conv_like()
    with pytest.raises(IllegalFolding) as caught:
        finn_json.from_json(design, tables, document)
    import re

    assert re.search(message, str(caught.value)), str(caught.value)
    assert caught.value.fix


def test_defaults_apply_to_the_op_types_they_name() -> None:
    design, tables = conv_like()
    document = {
        "Defaults": {"ram_style": ["block", ["MVAU_hls"]], "PE": [1, ["all"]]},
        "MVAU_hls_1": {"ram_style": "auto"},
    }
    folding, _ = finn_json.from_json(design, tables, document)
    assert folding.values["MVAU_hls_0"]["ram_style"] == "block"
    assert folding.values["MVAU_hls_1"]["ram_style"] == "auto"


def test_layers_that_finn_inserts_are_noted_and_left_out() -> None:
    design, tables = conv_like()
    document = {"StreamingFIFO_rtl_3": {"depth": 32}, "MVAU_hls_0": {"PE": 2}}
    folding, notes = finn_json.from_json(design, tables, document)
    assert folding.values["MVAU_hls_0"]["PE"] == 2
    assert notes and "1 layers" in notes[0]


def test_a_wrong_number_of_tuples_is_refused() -> None:
    design, tables = conv_like()
    with pytest.raises(IllegalFolding, match="1 tuples for 2 matrix layers"):
        lab_tuples.from_tuples(design, tables, [(1, 1, 2)])


@pytest.mark.parametrize(
    "choice", [1, "ab", {}, [1], [1, 1, [2]], [1, 1, 2, 2, {}], [[1], 1], [1] * 6]
)
def test_what_is_no_tuple_is_told_apart_from_one_that_is_not_legal(choice: object) -> None:
    design, tables = conv_like()
    with pytest.raises(MalformedFolding, match="tuple 2 of the folding is"):
        lab_tuples.from_tuples(design, tables, [(1, 1, 2), choice])  # type: ignore[list-item]


def test_a_coupled_layer_follows_even_where_the_changed_one_has_the_value() -> None:
    design, tables = conv_like()
    start = foldings.ones(design, tables)
    apart = start.with_layer("Pool_hls_0", {"PE": 4})
    # The sliding window already has SIMD 1, and the layer that it feeds has not.
    change = foldings.change(design, tables, apart, "ConvolutionInputGenerator_rtl_1", "SIMD", 1)
    assert change.folding == start
    assert change.moved == (("Pool_hls_0", "PE", 4, 1),)


def test_a_step_passes_over_values_that_a_coupling_rules_out() -> None:
    design, tables = conv_like()
    # The coupled layer cannot be folded by 2: the window steps from 1 to 4 and back.
    pool = design.by_name["Pool_hls_0"]
    entry = layer("Pool_hls_0", pool.op, {"PE": [1, 4, 8, 16]}, "t3", "t4")
    tables["Pool_hls_0"] = CostTable.from_json(table(entry, lambda v: 64 // v["PE"]))
    folding = foldings.ones(design, tables)
    window = "ConvolutionInputGenerator_rtl_1"
    for up, value in ((True, 4), (False, 1)):
        folding = foldings.step(design, tables, folding, window, "SIMD", up).folding
        assert folding.values[window]["SIMD"] == folding.values["Pool_hls_0"]["PE"] == value
