"""What a design and its blocks use of a part, put together from the reports of its runs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from finn_tui.runs.readers.hierarchy import Hierarchy
from finn_tui.runs.readers.parsed_file import ParsedFile
from finn_tui.runs.readers.utilization import Utilization

_WHOLE = ("Fully Placed", "Routed", "Fully Routed", "Physopt postRoute")
# `StreamingDataflowPartition_1_StreamingDataflowPartition_1_MVAU_hls_0_0`: FINN and Vivado both
# put the block design's name before a layer's, Vivado a number after it.
_PARTITION = re.compile(r"^(?:(?:StreamingDataflowPartition_\d+|finn_design)_)+(?=\D)")


@dataclass(frozen=True)
class ResourceUsage:
    """Resources of a design by FINN's names.

    Attributes:
        source: the report, or how many of them were summed up.
        device: the part.
        used, available: in all.
        blocks: of each block, where it was synthesized by itself or a hierarchy tells.
        layers: of each layer, as FINN estimates it.
    """

    source: str
    device: str | None = None
    used: dict[str, float] = field(default_factory=dict)
    available: dict[str, float] = field(default_factory=dict)
    blocks: dict[str, dict[str, float]] = field(default_factory=dict)
    layers: dict[str, dict[str, float]] = field(default_factory=dict)

    def most(self, resource: str, count: int = 8) -> tuple[list[tuple[str, float]], bool]:
        """The blocks that use most of a resource, most first; whether that is an estimate.

        Layers that were synthesized together, as one partition, are told by FINN's estimate.
        """
        blocks = _most(self.blocks, resource)
        if self.layers and (not blocks or "StreamingDataflowPartition" in blocks[0][0]):
            estimated = _most(self.layers, resource)
            if estimated:
                return estimated[:count], True
        return blocks[:count], False

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "source": self.source,
            "device": self.device,
            "used": {name: _tidy(amount) for name, amount in self.used.items()},
            "available": {name: _tidy(amount) for name, amount in self.available.items()},
            "blocks": [
                {"name": name, **{key: _tidy(amount) for key, amount in used.items()}}
                for name, used in self.blocks.items()
            ],
        }


def _most(parts: dict[str, dict[str, float]], resource: str) -> list[tuple[str, float]]:
    amounts = [(name, used.get(resource, 0.0)) for name, used in parts.items()]
    return sorted((a for a in amounts if a[1] > 0), key=lambda a: -a[1])


def _tidy(amount: float) -> float:
    return int(amount) if amount == int(amount) else amount


def short_name(design: str) -> str:
    """A block's name as FINN calls the layer, from what Vivado calls the IP."""
    name = _PARTITION.sub("", design)
    return name.removesuffix("_0") if name != design else design


def usage_of(readings: Iterable[tuple[str, ParsedFile]]) -> ResourceUsage | None:
    """What the reports of a build say, the latest stage first; None if there are none.

    A design whose IPs are synthesized by themselves is a set of black boxes in its own synthesis
    report, which then says 0: its blocks' reports are summed up instead.
    """
    whole: list[tuple[str, Utilization]] = []
    blocks: dict[str, Utilization] = {}
    trees: list[tuple[str, Hierarchy]] = []
    layers: dict[str, dict[str, float]] = {}
    for path, reading in readings:
        data = reading.data
        if isinstance(data, Hierarchy) and data.instances:
            trees.append((path, data))
        elif reading.kind == "estimate-resources" and isinstance(data, dict):
            layers = _estimated(data)
        elif isinstance(data, Utilization) and data.used:
            if data.state in _WHOLE:
                whole.append((path, data))
            else:
                blocks[data.design or path] = data
    parts = {
        short_name(name): dict(data.used)
        for name, data in blocks.items()
        if data.black_boxes == 0 and any(data.used.values())
    }
    available: dict[str, float] = {}
    for _, data in [*((name, data) for name, data in blocks.items()), *whole]:
        for name, amount in data.available.items():
            available[name] = max(amount, available.get(name, 0.0))
    for path, tree in trees:
        top = tree.instances[0]
        deepest = _layers(tree)
        return ResourceUsage(path, tree.device, dict(top.used), available, deepest or parts, layers)
    if whole:
        path, placed = whole[-1]
        return ResourceUsage(path, placed.device, dict(placed.used), available, parts, layers)
    if not parts and layers:
        return ResourceUsage("FINN's estimate", None, _sum(layers), available, {}, layers)
    if not blocks:
        return None
    if not parts:
        name, data = next(iter(blocks.items()))
        return ResourceUsage(
            f"{name} without its black boxes", data.device, dict(data.used), available
        )
    total = _sum(parts)
    device = next((data.device for data in blocks.values() if data.device), None)
    return ResourceUsage(
        f"sum of {len(parts)} synthesized blocks", device, total, available, parts, layers
    )


def _layers(tree: Hierarchy) -> dict[str, dict[str, float]]:
    """The deepest level that the report shows of each branch."""
    blocks: dict[str, dict[str, float]] = {}
    rows = tree.instances
    for at, row in enumerate(rows):
        leaf = at + 1 == len(rows) or rows[at + 1].level <= row.level
        if leaf and not row.name.startswith("(") and any(row.used.values()):
            blocks[row.name] = {name: float(amount) for name, amount in row.used.items()}
    return blocks


def _estimated(document: dict[str, Any]) -> dict[str, dict[str, float]]:
    """FINN's ``estimate_layer_resources.json`` without its total and efficiencies."""
    return {
        layer: {
            name: float(amount)
            for name, amount in used.items()
            if name in ("LUT", "BRAM_18K", "URAM", "DSP") and isinstance(amount, (int, float))
        }
        for layer, used in document.items()
        if layer != "total" and isinstance(used, dict)
    }


def _sum(parts: dict[str, dict[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for used in parts.values():
        for name, amount in used.items():
            total[name] = total.get(name, 0.0) + amount
    return total
