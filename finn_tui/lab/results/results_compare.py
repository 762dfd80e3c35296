"""Runs side by side, layer by layer: what of their foldings differs, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finn_tui.base.text import clean, number
from finn_tui.core.folding.finn_json import INSERTED
from finn_tui.lab.results.results_table import Experiment
from finn_tui.runs.folder import RunFolder

#: How knobs are called in a table.
_SHORT = {
    "inFIFODepths": "in FIFO",
    "outFIFODepths": "out FIFO",
    "mem_mode": "memory",
    "ram_style": "RAM",
    "ram_style_thresholds": "threshold RAM",
    "resType": "type",
}


@dataclass(frozen=True)
class LayerComparison:
    """A layer whose folding differs between runs.

    Attributes:
        name: of the layer.
        values: by run, what of it differs: "PE 16, SIMD 49"; a dash where a run has no such layer.
        cycles: by run, as estimated; None where that is not known.
    """

    name: str
    values: tuple[str, ...]
    cycles: tuple[int | None, ...]


@dataclass(frozen=True)
class RunComparison:
    """Runs side by side.

    Attributes:
        rows: the runs, in the order in which they are compared.
        layers: those that differ, in the order of the graph.
        same: how many layers are folded alike in all of them.
    """

    rows: tuple[Experiment, ...]
    layers: tuple[LayerComparison, ...]
    same: int

    def figures(self) -> list[tuple[str, list[str]]]:
        """Return the figures of the runs: a name, and a text for each run."""
        figures = [
            ("II", [number(row.ii_cycles) for row in self.rows]),
            ("estimated fps", [number(row.estimated_fps) for row in self.rows]),
            ("measured fps", [number(row.fps) for row in self.rows]),
            ("of the estimate", [_percent(row.of_estimate) for row in self.rows]),
            *(
                (f"{title} est > built", [_pair(row, name) for row in self.rows])
                for name, title in (("LUT", "LUT"), ("BRAM_18K", "BRAM18"), ("DSP", "DSP"))
            ),
            ("error of LUT", [_percent(row.error_percent.get("LUT"), "+") for row in self.rows]),
            ("WNS, ns", [number(row.wns, 2) for row in self.rows]),
            ("accuracy", [_percent(row.accuracy, digits=2) for row in self.rows]),
            ("data", [row.dataset or "-" for row in self.rows]),
            ("", ["SIMULATED" if row.any_simulated else "" for row in self.rows]),
        ]
        return [
            (name, texts) for name, texts in figures if any(text not in ("-", "") for text in texts)
        ]

    def as_json(self) -> dict[str, Any]:
        """The comparison as ``runs compare --json`` gives it."""
        return {
            "runs": [row.as_json() for row in self.rows],
            "layers": [
                {"name": each.name, "values": list(each.values), "cycles": list(each.cycles)}
                for each in self.layers
            ],
            "same": self.same,
        }


def _percent(value: float | None, sign: str = "", digits: int = 1) -> str:
    return "-" if value is None else f"{value:{sign}.{digits}f} %"


def _pair(row: Experiment, resource: str) -> str:
    estimated = row.estimated_whole.get(resource, row.estimated.get(resource))
    built = row.synthesized.get(resource)
    return "-" if estimated is None and built is None else f"{number(estimated)} > {number(built)}"


def compare_runs(rows: Sequence[Experiment], folders: Mapping[str, RunFolder]) -> RunComparison:
    """Compare the foldings and figures of runs.

    Args:
        rows: of the runs, in the order in which they are shown.
        folders: of them, by id.

    Raises:
        FinnTuiError: a run cannot be read.
    """
    foldings = [_layers(folders[row.run].request.folding) for row in rows]
    cycles = [_cycles(folders[row.run].request.estimate) for row in rows]
    names = list(dict.fromkeys(name for folding in foldings for name in folding))
    layers, same = [], 0
    for name in names:
        entries = [folding.get(name) for folding in foldings]
        keys = dict.fromkeys(key for entry in entries if entry is not None for key in entry)
        differing = [
            key
            for key in keys
            if len({repr(entry.get(key)) if entry is not None else None for entry in entries}) > 1
        ]
        if not differing:
            same += 1
            continue
        layers.append(
            LayerComparison(
                clean(name),
                tuple(_values(entry, differing) for entry in entries),
                tuple(each.get(name) for each in cycles),
            )
        )
    return RunComparison(tuple(rows), tuple(layers), same)


def _layers(folding: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {
        name: entry
        for name, entry in folding.items()
        if name != "Defaults" and not name.startswith(INSERTED) and isinstance(entry, Mapping)
    }


def _cycles(estimate: Mapping[str, Any] | None) -> dict[str, int]:
    layers = (estimate or {}).get("layers")
    return {
        layer["name"]: layer["cycles"]
        for layer in (layers if isinstance(layers, list | tuple) else ())
        if isinstance(layer, Mapping)
        and isinstance(layer.get("name"), str)
        and type(layer.get("cycles")) is int
    }


def _values(entry: Mapping[str, Any] | None, keys: Sequence[str]) -> str:
    if entry is None:
        return "-"
    return ", ".join(f"{_SHORT.get(key, key)} {_value(entry.get(key))}" for key in keys)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(clean(str(each)) for each in value)
    return "-" if value is None else clean(str(value))
