"""Infrastructure: where FINN inserts converters and FIFOs, and what unknown costs show as."""

from __future__ import annotations

from finn_tui.core.device import Device
from finn_tui.core.estimate.estimate import estimate
from finn_tui.core.estimate.infrastructure import (
    CostLookup,
    InfrastructureCost,
    StreamWidths,
    depths,
    links,
)
from finn_tui.core.folding import model as foldings
from tests.core.designs import conv_like

DEVICE = Device("board", "part", {"LUT": 1000, "BRAM_18K": 20, "URAM": 4, "DSP": 5})


def costs(extra_depths: tuple[int, ...] = ()) -> CostLookup:
    """A converter costs its widths in LUT, a FIFO its bits in LUT and its depth in BRAM."""
    widths = range(1, 65)
    return CostLookup(
        {(a, b): (float(a + b), 0.0, 0.0, 0.0) for a in widths for b in widths if a != b},
        {(w, d): (float(w), float(d), 0.0, 0.0) for w in widths for d in (2, 32, *extra_depths)},
    )


def test_a_fifo_on_both_sides_of_a_converter_and_at_both_ends() -> None:
    design, tables = conv_like()
    folding = foldings.ones(design, tables)
    folding = foldings.change(design, tables, folding, "MVAU_hls_0", "SIMD", 4).folding
    folding = folding.with_setting("MVAU_hls_0", "inFIFODepths", [32])
    estimated = estimate(
        design, tables, folding.values, 10, settings=folding.settings, costs=costs()
    )
    (converter,) = estimated.infrastructure.of("dwc")
    assert (converter.producer, converter.consumer) == (
        "ConvolutionInputGenerator_rtl_0",
        "MVAU_hls_0",
    )
    assert (converter.in_width, converter.out_width, converter.use) == (2, 8, (10.0, 0, 0, 0))
    # Seven layers: six streams between them, one of them cut in two, and the two ends.
    assert len(estimated.infrastructure.of("fifo")) == 9
    around = [item for item in estimated.infrastructure.of("fifo") if item.consumer == "MVAU_hls_0"]
    assert [(item.in_width, item.depth) for item in around] == [(2, 2), (8, 32)]
    total = estimated.infrastructure.total()
    assert total["LUT"] == 10 + 8 * 2 + 8
    assert total["BRAM_18K"] == 8 * 2 + 32
    document = estimated.as_json(design, DEVICE)
    assert document["extra"]["dwc"]["streams"] == [
        {
            "producer": "ConvolutionInputGenerator_rtl_0",
            "consumer": "MVAU_hls_0",
            "out_width": 2,
            "in_width": 8,
            "LUT": 10,
            "BRAM_18K": 0,
            "URAM": 0,
            "DSP": 0,
        }
    ]
    assert document["extra"]["fifo"]["count"] == 9
    assert document["extra"]["shell"]["LUT"] == 6426
    assert "d470f847" in document["extra"]["shell"]["source"]
    # FINN's own total knows nothing of it, and may fit where the whole bill does not.
    assert document["total"]["LUT"] == sum(layer["LUT"] for layer in document["layers"])
    tight = Device(
        "board", "part", {**DEVICE.budget, "BRAM_18K": int(estimated.total["BRAM_18K"]) + 1}
    )
    assert (estimated.fits(tight), estimated.fits(tight, include_infrastructure=True)) == (
        True,
        False,
    )
    assert estimated.as_json(design, tight)["fits_with_extra"] is False


def test_what_has_no_price_is_counted_and_not_made_up() -> None:
    design, tables = conv_like()
    folding = foldings.ones(design, tables).with_setting("Pool_hls_0", "outFIFODepths", [777])
    folding = foldings.change(design, tables, folding, "MVAU_hls_0", "SIMD", 4).folding
    bare = estimate(design, tables, folding.values, 10).as_json(design, DEVICE)["extra"]
    assert (bare["dwc"]["count"], bare["dwc"]["unpriced"]) == (1, 1)
    assert "LUT" not in bare["dwc"] and "LUT" not in bare["fifo"]
    settings = folding.settings
    partly = estimate(design, tables, folding.values, 10, settings=settings, costs=costs()).as_json(
        design, DEVICE
    )["extra"]
    assert (partly["fifo"]["count"], partly["fifo"]["unpriced"]) == (9, 1)
    (odd,) = [row for row in partly["fifo"]["streams"] if row["depth"] == 777]
    assert "LUT" not in odd


def test_everything_that_is_asked_for_prices_every_folding() -> None:
    design, tables = conv_like()
    settings = {"Pool_hls_0": {"outFIFODepths": [777]}}
    query = StreamWidths(design, tables).query(settings, ())
    known = costs((777,))
    asked = CostLookup(
        {pair: known.dwc[pair] for pair in query.dwc},
        {pair: known.fifo[pair] for pair in query.fifo},
    )
    assert not query.without(asked)
    assert query.without(CostLookup(asked.dwc, {})).fifo == query.fifo
    start = foldings.ones(design, tables)
    for layer in design.layers:
        for knob in layer.knobs:
            for value in tables[layer.name].legal(knob.name):
                folding = foldings.change(design, tables, start, layer.name, knob.name, value)
                infrastructure = InfrastructureCost.of_folding(
                    design, tables, folding.folding.values, settings, asked
                )
                assert all(item.use is not None for item in infrastructure.items)


def test_depths_are_the_foldings_else_the_graphs_else_finns() -> None:
    design, _ = conv_like()
    layer = design.layers[0]
    assert depths(layer, {}, "inFIFODepths") == (2,)
    assert depths(layer, {layer.name: {"inFIFODepths": [4, 8]}}, "inFIFODepths") == [4, 8]
    assert depths(layer, {layer.name: {"inFIFODepths": 16}}, "inFIFODepths") == (16,)
    first, *_, last = links(design, {layer.name: {"inFIFODepths": [64]}})
    assert (first.producer, first.in_depth) == (None, 64)
    assert (last.consumer, last.out_depth) == (None, 2)


def test_fifo_depths_are_the_larger_of_both_ends_and_at_least_those_that_finn_makes() -> None:
    design, tables = conv_like()
    folding = foldings.ones(design, tables)
    folding = foldings.change(design, tables, folding, "MVAU_hls_0", "SIMD", 4).folding
    settings = {
        "Thresholding_rtl_0": {"inFIFODepths": [1], "outFIFODepths": [32]},
        "ConvolutionInputGenerator_rtl_0": {"inFIFODepths": [4], "outFIFODepths": [1]},
        "MVAU_hls_0": {"inFIFODepths": [1]},
    }
    known = CostLookup(dwc_depth=8)
    cost = InfrastructureCost.of_folding(design, tables, folding.values, settings, known)
    fifos = {(item.producer, item.consumer, item.in_width): item.depth for item in cost.of("fifo")}
    # InsertFIFO makes at least two words at the ends of the graph.
    assert fifos[None, "Thresholding_rtl_0", 2] == 2
    assert fifos["Thresholding_rtl_0", "ConvolutionInputGenerator_rtl_0", 2] == 32
    # A converter asks for the depth of its own, on both sides.
    assert fifos["ConvolutionInputGenerator_rtl_0", "MVAU_hls_0", 2] == 8
    assert fifos["ConvolutionInputGenerator_rtl_0", "MVAU_hls_0", 8] == 8
