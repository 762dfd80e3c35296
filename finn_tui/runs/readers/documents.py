"""JSON that FINN writes or reads: times per step, estimates, results, folding configurations."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from finn_tui.base.documents import why_not_json
from finn_tui.runs.readers.parsed_file import ParsedFile, Phase

#: A folding of a 500-layer network has some 0.5 MB.
MAX_BYTES = 64 << 20
#: No figure of a build has this size.
_LARGEST = 1e15

_Document = dict[str, Any]
_TOTAL = "total_build_time"
_NAMES = {
    "time_per_step.json": "step-times",
    "estimate_layer_cycles.json": "estimate-cycles",
    "estimate_layer_resources.json": "estimate-resources",
    "estimate_layer_resources_hls.json": "hls-resources",
    "estimate_layer_config_alternatives.json": "estimate-alternatives",
    "estimate_network_performance.json": "estimate-performance",
    "rtlsim_performance.json": "rtlsim-performance",
    "ooc_synth_and_timing.json": "ooc-result",
    "op_and_param_counts.json": "op-counts",
    "post_synth_resources.json": "post-synth-resources",
    "metadata_builder.json": "builder-metadata",
}


#: What is written only when a tool or a step has ended well.
_RESULTS = frozenset({"hls-resources", "rtlsim-performance", "ooc-result", "post-synth-resources"})


def _why(error: ValueError | RecursionError) -> str:
    text = why_not_json(error).removesuffix(".").replace(" is no JSON", "", 1)
    return text[0].lower() + text[1:]


def kind_of(name: str, document: _Document) -> str:
    """What a document is, by its file's name, else by what stands in it."""
    if name in _NAMES:
        return _NAMES[name]
    layers = [value for value in document.values() if isinstance(value, dict)]
    if "synth_clk_period_ns" in document or "fpga_part" in document:
        return "build-config"
    if layers and all("preferred_impl_style" in layer for layer in layers if layer):
        return "specialize-config"
    knobs = {"PE", "SIMD", "ram_style", "inFIFODepths", "depth", "mem_mode", "impl_style"}
    if "Defaults" in document or any(knobs & layer.keys() for layer in layers):
        return "folding"
    return "json"


class JsonReader:
    """Reads a JSON document; ``data`` is the document."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._parts: list[bytes] = []
        self._bytes = 0

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._bytes += len(data)
        if self._bytes <= MAX_BYTES:
            self._parts.append(data)
        else:
            self._parts.clear()

    def finish(self) -> ParsedFile:
        """Nothing more will come."""
        return self.reading()

    def reading(self) -> ParsedFile:
        """What the document says; a part of one says nothing."""
        kind = _NAMES.get(self._name, "json")
        if self._bytes > MAX_BYTES:
            return ParsedFile(kind, outcome="incomplete", note=f"longer than {MAX_BYTES >> 20} MB")
        try:
            document = json.loads(b"".join(self._parts).decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            return ParsedFile(kind, outcome="incomplete", note=f"no whole JSON: {_why(error)}")
        if not isinstance(document, dict):
            return ParsedFile(kind, data=document)
        kind = kind_of(self._name, document)
        parsed = _READERS.get(kind, _plain)(document)
        return ParsedFile(
            kind,
            tool=parsed.tool or "FINN",
            version=parsed.version,
            phases=parsed.phases,
            wns=parsed.wns,
            outcome=parsed.outcome or ("succeeded" if kind in _RESULTS else None),
            data=document,
        )


def _plain(document: _Document) -> ParsedFile:
    return ParsedFile("")


def _step_times(document: _Document) -> ParsedFile:
    phases = tuple(
        Phase(name, float(seconds))
        for name, seconds in document.items()
        if _number(seconds) is not None and name != _TOTAL
    )
    # Upstream writes the times when a build has succeeded; finn-plus, which adds their sum,
    # writes them of one that failed, too.
    return ParsedFile("", phases=phases, outcome=None if _TOTAL in document else "succeeded")


def _rtlsim(document: _Document) -> ParsedFile:
    stuck = document.get("TIMEOUT") or document.get("UNFINISHED_INS")
    return ParsedFile("", outcome="failed" if stuck or document.get("UNFINISHED_OUTS") else None)


def _ooc(document: _Document) -> ParsedFile:
    version = _number(document.get("vivado_version"))
    return ParsedFile(
        "",
        tool="Vivado",
        version=None if version is None else f"{version:.1f}",
        wns=_number(document.get("WNS")),
    )


def _metadata(document: _Document) -> ParsedFile:
    outcome = {"ok": "succeeded", "failed": "failed"}.get(str(document.get("status")))
    version = document.get("tool_version")
    return ParsedFile("", version=str(version) if version else None, outcome=outcome)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and abs(number) < _LARGEST else None


_READERS: dict[str, Callable[[_Document], ParsedFile]] = {
    "step-times": _step_times,
    "ooc-result": _ooc,
    "rtlsim-performance": _rtlsim,
    "builder-metadata": _metadata,
}
