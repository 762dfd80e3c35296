"""Folding files as FINN and people write them: defaults written out, layers left out, slips."""

from __future__ import annotations

import dataclasses

import pytest

from finn_tui.core.design import Design
from finn_tui.core.folding import finn_json, omissions
from finn_tui.core.folding import model as foldings
from finn_tui.core.folding.model import IllegalFolding
from tests.core.designs import conv_like


def with_attribute(design: Design, layer: str, name: str, value: object) -> Design:
    """The design with an attribute of the graph that its layer does not fold."""
    layers = tuple(
        dataclasses.replace(item, attrs={**item.attrs, name: value}) if item.name == layer else item
        for item in design.layers
    )
    return dataclasses.replace(design, layers=layers)


def test_what_the_graph_has_anyway_may_stand_in_a_file() -> None:
    plain, tables = conv_like()
    name = plain.layers[0].name
    design = with_attribute(plain, name, "parallel_mode", 0)
    folding, notes = finn_json.from_json(design, tables, {name: {"parallel_mode": 0}})
    assert folding == foldings.present(design, tables)
    assert notes == []
    with pytest.raises(IllegalFolding, match="has no parallel_mode"):
        finn_json.from_json(design, tables, {name: {"parallel_mode": 1}})


def test_all_illegal_values_are_named() -> None:
    design, tables = conv_like()
    layers = [layer for layer in design.layers if layer.knob("PE") is not None][:2]
    with pytest.raises(IllegalFolding) as caught:
        finn_json.from_json(design, tables, {layer.name: {"PE": 9999} for layer in layers})
    text = f"{caught.value.what} {caught.value.why}"
    assert all(layer.name in text for layer in layers)


def test_capital_letters_are_told_apart() -> None:
    design, tables = conv_like()
    layer = next(layer for layer in design.layers if layer.knob("PE") is not None)
    with pytest.raises(IllegalFolding) as caught:
        finn_json.from_json(design, tables, {layer.name: {"pe": 1}})
    assert caught.value.fix == "Write PE."


def test_layers_that_a_file_leaves_out_are_named_above_all_the_bottleneck() -> None:
    design, tables = conv_like()
    folding = foldings.ones(design, tables)
    slowest = max(
        design.layers,
        key=lambda layer: tables[layer.name].cycles_of(
            tables[layer.name].row(folding.values[layer.name]) or 0
        ),
    )
    rest: dict[str, dict[str, int]] = {
        layer.name: {} for layer in design.layers if layer is not slowest
    }
    assert omissions.unnamed(design, rest) == [slowest.name]
    text = omissions.note(design, tables, folding, [slowest.name])
    assert slowest.name in text and "BOTTLENECK" in text
    assert omissions.note(design, tables, folding, []) == ""
    everything = {"Defaults": {"PE": [1, ["all"]]}}
    assert omissions.unnamed(design, everything) == []


def test_a_slip_of_the_pen_is_understood() -> None:
    design, _ = conv_like()
    name = design.layers[0].name
    assert omissions.meant(design, f"{name} ") == name
    assert omissions.meant(design, "StreamingFCLayer_Batch_17") is None
