"""Depths of the FIFOs that another FINN's file names, as settings of the layers beside them.

A ``final_hw_config.json`` has an entry for each FIFO that the build inserted, between the entries
of its neighbours. FINN inserts FIFOs anew in every build, by the depths that the layers ask for
(``InsertFIFO``), so that these are where a depth survives. Finding depths can take a build most of
its hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from finn_tui.core import finn_names
from finn_tui.core.design import Design, Layer

_IN, _OUT = "inFIFODepths", "outFIFODepths"


@dataclass
class Depths:
    """What the FIFO entries come to.

    Attributes:
        settings: FIFO depths by layer, as in a folding.
        notes: by FIFO entry, where its depth went.
    """

    settings: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def depths(design: Design, document: Mapping[str, Any], layers: Mapping[str, Layer]) -> Depths:
    """Read the FIFO entries of a folding file in its order.

    Only where both neighbours are layers that follow one another here, each with one stream on
    that side: elsewhere nothing says which stream a FIFO is on.

    Args:
        layers: the layer that each entry of the file means.
    """
    depths = Depths()
    last: Layer | None = None
    first = True
    between: list[tuple[str, int | None]] = []
    for name, entry in document.items():
        parsed = finn_names.parse(name)
        op = parsed.op if parsed is not None else ""
        if name == "Defaults":
            continue
        if op.startswith("StreamingFIFO"):
            depth = entry.get("depth")
            between.append((name, depth if type(depth) is int else None))
        elif op.startswith("StreamingDataWidthConverter"):
            between.append(("", None))
        else:
            layer = layers.get(name)
            if layer is not None and (last is not None or first):
                _between(design, depths, last, layer, between)
            last, first, between = layer, False, []
    if last is not None:
        _between(design, depths, last, None, between)
    return depths


def _between(
    design: Design,
    depths: Depths,
    producer: Layer | None,
    consumer: Layer | None,
    entries: list[tuple[str, int | None]],
) -> None:
    """FIFOs on one stream; a converter, which has no name here, parts those of its two sides."""
    if not entries or not _on_one_stream(design, producer, consumer):
        return
    parts = [at for at, (name, _) in enumerate(entries) if not name]
    before = entries[: parts[0]] if parts else entries
    after = entries[parts[-1] + 1 :] if parts else entries
    for layer, side, fifos in ((producer, _OUT, before), (consumer, _IN, after)):
        sizes = [(name, depth) for name, depth in fifos if name and depth is not None]
        # A deep FIFO that FINN split stands as several, one behind the other.
        if layer is None or not sizes or not any(item.name == side for item in layer.settings):
            continue
        total = sum(depth for _, depth in sizes)
        depths.settings.setdefault(layer.name, {})[side] = [total]
        for name, depth in sizes:
            earlier = depths.notes.get(name)
            where = f"{layer.name} {side}"
            note = f"{earlier} and {where}" if earlier else f"depth {depth} goes to {where}"
            depths.notes[name] = note


def _on_one_stream(design: Design, producer: Layer | None, consumer: Layer | None) -> bool:
    a = producer.name if producer is not None else None
    b = consumer.name if consumer is not None else None
    if (producer is not None and len(producer.outputs) > 1) or (
        consumer is not None and len(consumer.inputs) > 1
    ):
        return False
    return sum(stream.producer == a and stream.consumer == b for stream in design.streams) == 1
