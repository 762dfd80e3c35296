"""Foldings as the lab's tuples ``(PE, SIMD, in_fifo[, out_fifo, ram_style])``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from finn_tui.core import finn_names
from finn_tui.core.design import Design, Layer
from finn_tui.core.estimate.estimate import Tables
from finn_tui.core.folding.balance import balance_to_ii, cycles
from finn_tui.core.folding.knob_values import IllegalFolding, MalformedFolding
from finn_tui.core.folding.model import Folding, change, check, ones


def from_tuples(
    design: Design,
    tables: Tables,
    tuples: Sequence[Sequence[Any]],
    thresholding_pe: Sequence[int] = (),
) -> Folding:
    """Read the lab's ``(PE, SIMD, in_fifo[, out_fifo, ram_style])`` tuples as a folding.

    As in the lab's notebooks, the sliding window that feeds an MVAU takes its SIMD. Every other
    layer (pooling, label selection, thresholds without a value) has no number in the lab; it is
    folded just enough not to slow the MVAUs down, with the fewest width converters around it.

    Args:
        design: the layers.
        tables: their cost tables.
        tuples: one for each MVAU, in the order of the graph.
        thresholding_pe: PE of the standalone thresholds, in the order of the graph.

    Raises:
        MalformedFolding: not a list of such tuples.
        IllegalFolding: wrong number of tuples, or a value that is not legal.
    """
    for number, choice in enumerate(tuples):
        _check_tuple(number, choice)
    mvaus = [layer for layer in design.layers if layer.kind == "MVAU"]
    if len(tuples) != len(mvaus):
        raise IllegalFolding(
            f"{len(tuples)} tuples for {len(mvaus)} matrix layers",
            f"{design.model} has {', '.join(layer.name for layer in mvaus)}.",
            "Give one (PE, SIMD, in_fifo) tuple for each of them, first layer first.",
        )
    folding = ones(design, tables)
    touched = set()
    feeders = {
        stream.consumer: design.by_name[stream.producer]
        for stream in design.streams
        if stream.producer is not None
        and stream.consumer is not None
        and stream.producer in design.by_name
    }
    for layer, choice in zip(mvaus, tuples, strict=True):
        pe, simd, *rest = choice
        for knob, value in (("PE", pe), ("SIMD", simd)):
            folding = change(design, tables, folding, layer.name, knob, value).folding
        if tables[layer.name].row({**folding.values[layer.name], "PE": pe, "SIMD": simd}) is None:
            check(
                design,
                tables,
                folding.with_layer(
                    layer.name, {**folding.values[layer.name], "PE": pe, "SIMD": simd}
                ),
            )
        touched.add(layer.name)
        for name, depth in zip(("inFIFODepths", "outFIFODepths"), rest[:2], strict=False):
            attribute, value = _depth_setting(layer, name, depth)
            folding = change(design, tables, folding, layer.name, attribute, value).folding
        if len(rest) > 2:
            folding = change(design, tables, folding, layer.name, "ram_style", rest[2]).folding
        feeder = feeders.get(layer.name)
        if feeder is not None and feeder.kind == "ConvolutionInputGenerator":
            folding = change(design, tables, folding, feeder.name, "SIMD", simd).folding
            touched.add(feeder.name)
    thresholds = [layer for layer in design.layers if layer.kind == "Thresholding"]
    for layer, value in zip(thresholds, thresholding_pe, strict=False):
        folding = change(design, tables, folding, layer.name, "PE", value).folding
        touched.add(layer.name)
    ii = max(cycles(tables, folding, layer.name) for layer in mvaus)
    for layer in design.layers:
        if layer.name not in touched:
            folding = balance_to_ii(design, tables, folding, layer, ii)
    check(design, tables, folding)
    return folding


def _depth_setting(layer: Layer, name: str, depth: int) -> tuple[str, Any]:
    """Return a FIFO depth as this layer's FINN has it: a list, or one number in 0.8."""
    names = {each.name for each in layer.settings}
    pairs = finn_names.spellings(name, [depth])
    return next((pair for pair in pairs if pair[0] in names), pairs[0])


def _check_tuple(number: int, choice: Any) -> None:
    if isinstance(choice, list | tuple) and 2 <= len(choice) <= 5:
        pe, simd, *depths = choice[:4]
        texts = [*choice[4:]]
        if all(type(value) is int for value in (pe, simd, *depths)) and all(
            isinstance(text, str) for text in texts
        ):
            return
    raise MalformedFolding(
        f"tuple {number + 1} of the folding is {choice!r:.60}",
        "A tuple is (PE, SIMD, in_fifo, out_fifo, ram_style): whole numbers, then a text; "
        "the last three may be left out.",
        'Write it as [16, 64, 128, 32, "auto"].',
    )


def to_tuples(design: Design, folding: Folding) -> list[tuple[Any, ...]]:
    """Return the lab's tuples ``(PE, SIMD, in_fifo, out_fifo, ram_style)`` of the MVAUs.

    FIFO depths that the folding does not set are the graph's.

    Args:
        design: the layers.
        folding: a legal folding.
    """
    tuples = []
    for layer in design.layers:
        if layer.kind != "MVAU":
            continue
        values = {
            **layer.attrs,
            **folding.settings.get(layer.name, {}),
            **folding.values[layer.name],
        }
        names = [_depth_setting(layer, name, 2) for name in ("inFIFODepths", "outFIFODepths")]
        depths = [values.get(name, [2]) for name, _ in names]
        tuples.append(
            (
                values["PE"],
                values["SIMD"],
                *(depth[0] if isinstance(depth, list | tuple) else depth for depth in depths),
                values.get("ram_style", "auto"),
            )
        )
    return tuples
