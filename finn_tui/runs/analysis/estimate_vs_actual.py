"""What layers were estimated at and what they came to, from a FINN output directory of anybody.

Sources, each optional: ``estimate_layer_resources.json`` (FINN's estimate),
``estimate_layer_resources_hls.json`` (what HLS expects), utilization reports of IPs that were
synthesized by themselves (out of context), and ``post_synth_resources.json`` or ``.xml``, which
FINN writes of the implemented design.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.core import finn_names
from finn_tui.core.device import RESOURCES
from finn_tui.engine.server.runs import runfiles
from finn_tui.runs.analysis.inspect import read_file
from finn_tui.runs.analysis.utilization import short_name
from finn_tui.runs.folder import RunFolder, run_around
from finn_tui.runs.readers.hierarchy import Hierarchy
from finn_tui.runs.readers.utilization import Utilization

Rows = Mapping[str, Mapping[str, float]]
"""Units of each of ``RESOURCES`` by node name."""

_NODE = re.compile(r"^(?:StreamingDataflowPartition_\d+_)+(\D\w*_\d+)$")
#: The part of a layer that Vivado has an IP of its own for: its weight streamer.
_PART_OF = re.compile(r"^(\D\w*_\d+)_(?:w?strm|memstream)\w*$")
#: Blocks that hold other blocks, which are counted themselves.
_AROUND = re.compile(r"(?:^|_)StreamingDataflowPartition_\d+(?:_\d+)?$|_wrapper$")
_DMA = re.compile(r"^top_[io]dma\d+_\d+$")
_MEASURED = ("post_synthesis", "out_of_context")

#: What the kinds of figures are called, in the order of a build.
KINDS = {
    "estimate": "FINN's estimate",
    "hls": "HLS's estimate",
    "out_of_context": "each IP synthesized by itself",
    "post_synthesis": "the implemented design",
}

#: Groups of nodes, with what people call them.
GROUPS = {
    "layer": "layers",
    "dwc": "width converters",
    "fifo": "FIFOs",
    "dma": "DMA",
    "other": "interconnect and others",
}
_GROUP = {
    "StreamingFIFO": "fifo",
    "StreamingDataWidthConverter": "dwc",
    "IODMA": "dma",
    "fifo": "fifo",
}


@dataclass(frozen=True)
class EstimateVsActual:
    """All figures of one build.

    Attributes:
        name: of the run, or the directory.
        rows: by kind (as in ``KINDS``), those that there are.
        sources: the file or files of each kind, for people.
        whole: of the design in all, by kind: implemented, or synthesized out of context.
        simulated: whether they are of stand-ins.
    """

    name: str
    rows: Mapping[str, Rows]
    sources: Mapping[str, str]
    whole: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    simulated: bool = False

    @property
    def measured(self) -> str | None:
        """The best kind that is no estimate: implemented before synthesized; None without."""
        return next((kind for kind in _MEASURED if kind in self.rows), None)

    def names(self, group: str | None = None) -> list[str]:
        """Nodes of any kind, those of the estimate first, in its order; of one group if named."""
        results = dict.fromkeys(name for kind in KINDS for name in self.rows.get(kind, {}))
        return [name for name in results if group in (None, self.group(name))]

    def group(self, name: str) -> str:
        """Which of ``GROUPS`` a node belongs to."""
        node = _NODE.match(name)
        parsed = finn_names.parse(node[1] if node else name)
        if parsed is not None and parsed.family in _GROUP:
            return _GROUP[parsed.family]
        if _DMA.match(name):
            return "dma"
        estimated = any(self.of(kind, name) is not None for kind in ("estimate", "hls"))
        return "layer" if estimated or (parsed is not None and parsed.known) else "other"

    def sum(self, kind: str, names: Iterable[str]) -> dict[str, float]:
        """Of those of the nodes that the kind has."""
        rows = [row for name in names if (row := self.of(kind, name)) is not None]
        return {resource: sum(row[resource] for row in rows) for resource in RESOURCES}

    def of(self, kind: str, name: str) -> Mapping[str, float] | None:
        """A node's figures; None where that kind has none of it."""
        return self.rows.get(kind, {}).get(name)

    def as_json(self) -> dict[str, Any]:
        """The document of ``finn-tui calibrate PATH --json``; errors as fractions, null where
        there is none or FINN had estimated nothing."""
        nodes = []
        for name in self.names():
            errors = {resource: self.error(name, resource) for resource in RESOURCES}
            nodes.append(
                {
                    "name": name,
                    "group": self.group(name),
                    **{kind: self.of(kind, name) for kind in self.rows},
                    "error": {
                        resource: round(error, 4)
                        for resource, error in errors.items()
                        if error is not None and error < float("inf")
                    },
                }
            )
        return {
            "name": self.name,
            "simulated": self.simulated,
            "sources": dict(self.sources),
            "measured": self.measured,
            "nodes": nodes,
            "whole": {kind: dict(row) for kind, row in self.whole.items()},
        }

    def error(self, name: str, resource: str) -> float | None:
        """How much more the node took than FINN estimated, as a fraction: 0.45 is 45 % more.

        None without both figures; infinite where FINN had estimated none and it took some.
        """
        estimate = self.of("estimate", name)
        real = self.of(self.measured, name) if self.measured is not None else None
        if estimate is None or real is None:
            return None
        if estimate[resource] == 0:
            return 0.0 if real[resource] == 0 else float("inf")
        return real[resource] / estimate[resource] - 1


def of_run(run: RunFolder, *, blocks: bool = True) -> EstimateVsActual:
    """The figures of a run of ours.

    Args:
        blocks: whether IPs that were synthesized by themselves are looked for, among thousands of
            files.

    Raises:
        FinnTuiError: there are none yet, or the run cannot be read.
    """
    working = run.working if blocks else None
    return _gather(run.id, run.build, working, simulated=run.request.simulated)


def of_directory(path: Path, build_dir: Path | None = None) -> EstimateVsActual:
    """The figures of any FINN output directory, or of a folder that holds several parts of one.

    Args:
        build_dir: FINN_BUILD_DIR of that build, where the IPs' reports lie, if it is elsewhere.

    Raises:
        FinnTuiError: there is nothing of the kind.
    """
    if not path.is_dir():
        raise FinnTuiError(
            f"{path} is no folder", "", "Name a run, or the output directory of a FINN build."
        )
    return _gather(path.resolve().name, path, build_dir or path, simulated=_of_ours(path))


def _of_ours(path: Path) -> bool:
    """Whether a directory lies in, or holds, a run of ours that is a rehearsal."""
    around = run_around(path)
    within = (RunFolder(results.parent) for results in path.rglob(runfiles.RUN))
    return (around is not None and around.rehearsed) or any(run.rehearsed for run in within)


def _gather(name: str, output: Path, working: Path | None, *, simulated: bool) -> EstimateVsActual:
    rows: dict[str, Rows] = {}
    sources: dict[str, str] = {}
    whole: dict[str, Mapping[str, float]] = {}
    for path in _files(output, "post_synth_resources.json", "post_synth_resources.xml"):
        implemented = _implemented(path)
        if implemented is not None:
            rows["post_synthesis"], whole["post_synthesis"] = implemented
            sources["post_synthesis"] = _shown(path, output)
            break
    blocks, count = _blocks(working.rglob("*_utilization_synth.rpt")) if working else ({}, 0)
    if blocks:
        rows["out_of_context"] = blocks
        sources["out_of_context"] = f"{count} reports *_utilization_synth.rpt"
    for path in _files(output, "ooc_synth_and_timing.json")[:1]:
        data = read_file(path).data
        if isinstance(data, dict):
            halves = 2 * _number(data.get("BRAM_36K")) + _number(data.get("BRAM_18K"))
            whole["out_of_context"] = _amounts({**data, "BRAM_18K": halves})
    known = {node for results in rows.values() for node in results}
    for kind, file in (
        ("estimate", "estimate_layer_resources.json"),
        ("hls", "estimate_layer_resources_hls.json"),
    ):
        documents = [(path, _document(path)) for path in _files(output, file)]
        documents = [item for item in documents if item[1]]
        if documents:
            # Of several builds below one folder, the one whose layers these are.
            path, layers = max(documents, key=lambda item: len(known & set(item[1])))
            rows[kind], sources[kind] = layers, _shown(path, output)
            known |= set(layers)
    if not rows:
        raise FinnTuiError(
            f"{name} has no figures of its layers",
            "No estimate_layer_resources.json, post_synth_resources or utilization report of an "
            "IP was found there.",
            "Name the output directory of a FINN build that got as far as its estimate reports.",
        )
    ordered = {kind: rows[kind] for kind in KINDS if kind in rows}
    return EstimateVsActual(name, ordered, sources, whole, simulated)


def _files(folder: Path, *patterns: str) -> list[Path]:
    """Files of such names where FINN puts them, else anywhere below a folder, nearest first."""
    usual = [folder / "report" / pattern for pattern in patterns]
    results = [path for path in usual if path.is_file()]
    results = results or [path for pattern in patterns for path in folder.rglob(pattern)]
    return sorted(results, key=lambda path: (len(path.parts), str(path)))


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root))


def _implemented(path: Path) -> tuple[Rows, Mapping[str, float]] | None:
    """FINN's report of the implemented design: its nodes, and the whole."""
    data = read_file(path).data
    results: dict[str, Mapping[str, float]] = {}
    whole: Mapping[str, float] = {}
    if isinstance(data, Hierarchy):
        for instance in data.instances:
            if node := _NODE.match(instance.name):
                results[_node(instance.name, node[1])] = _amounts(instance.used)
        whole = _amounts(data.instances[0].used) if data.instances else {}
    elif isinstance(data, dict):
        for name, used in data.items():
            if isinstance(used, dict):
                # FINN counts RAMB36 and RAMB18 apart; a RAMB36 is two halves.
                halves = 2 * _number(used.get("BRAM_36K")) + _number(used.get("BRAM_18K"))
                amounts = _amounts({**used, "BRAM_18K": halves})
                node = _NODE.match(name)
                if name == "(top)":
                    whole = amounts
                else:
                    results[_node(name, node[1]) if node else name] = amounts
    return (results, whole) if results else None


def _node(full: str, name: str) -> str:
    # Both DMAs are IODMA_hls_0, in partitions of their own.
    return full if name.startswith("IODMA") else name


def _blocks(reports: Iterable[Path]) -> tuple[Rows, int]:
    """IPs that were synthesized by themselves, their parts put together."""
    results: dict[str, dict[str, float]] = {}
    seen: set[str] = set()
    count = 0
    for path in sorted(reports):
        data = read_file(path).data
        if not isinstance(data, Utilization) or data.design is None or data.black_boxes:
            continue
        # The same IP again is another build's; one of each is counted.
        if data.design in seen:
            continue
        seen.add(data.design)
        name = short_name(data.design)
        if _AROUND.search(data.design) or _AROUND.search(name):
            continue
        if part := _PART_OF.match(name):
            name = part[1]
        count += 1
        amounts = results.setdefault(name, dict.fromkeys(RESOURCES, 0.0))
        for resource, amount in _amounts(data.used).items():
            amounts[resource] += amount
    if any(name.startswith("IODMA") for name in results):
        # The same DMA, once as FINN's layer and once as a block of the whole design.
        results = {name: row for name, row in results.items() if not _DMA.match(name)}
    return results, count


def _document(path: Path) -> Rows:
    data = read_file(path).data
    if not isinstance(data, dict):
        return {}
    return {
        name: _amounts(used)
        for name, used in data.items()
        if isinstance(used, dict) and name != "total"
    }


def _amounts(used: Mapping[str, Any]) -> dict[str, float]:
    # HLS reports say DSP48E before 2020.2, and numbers as text.
    dsp = {"DSP": used.get("DSP", used.get("DSP48E", 0))}
    return {name: _number(dsp.get(name, used.get(name, 0))) for name in RESOURCES}


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
