"""Small designs with made-up costs, for laws that hold whatever FINN's numbers are."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from finn_tui.core.design import Design, Value
from finn_tui.core.estimate.estimate import CostTable


def divisors(number: int) -> list[int]:
    return [value for value in range(1, number + 1) if number % value == 0]


def layer(
    name: str,
    op: str,
    knobs: dict[str, Sequence[Value]],
    inputs: str,
    outputs: str,
    **attributes: Any,
) -> dict[str, Any]:
    return {
        "name": name,
        "op": op,
        "shape": "",
        "attrs": {},
        "knobs": [
            {
                "name": knob,
                "kind": "int" if isinstance(values[0], int) else "choice",
                "values": list(values),
            }
            for knob, values in knobs.items()
        ],
        "settings": [
            {"name": "inFIFODepths", "kind": "ints"},
            {"name": "outFIFODepths", "kind": "ints"},
            {"name": "mem_mode", "kind": "choice", "values": ["internal_decoupled", "external"]},
        ],
        "present": {knob: values[0] for knob, values in knobs.items()},
        "inputs": [inputs],
        "outputs": [outputs],
        "in_dtype": "UINT2",
        "out_dtype": "UINT2",
        "weight_dtype": None,
        **attributes,
    }


def table(
    entry: dict[str, Any],
    cycles: Callable[[dict[str, Any]], int],
    legal: Callable[[dict[str, Any]], bool] = lambda _: True,
) -> dict[str, Any]:
    names = [knob["name"] for knob in entry["knobs"]]
    points = [
        list(point)
        for point in itertools.product(*(knob["values"] for knob in entry["knobs"]))
        if legal(dict(zip(names, point, strict=True)))
    ]
    values: list[dict[str, Any]] = [dict(zip(names, point, strict=True)) for point in points]
    lut = [10 + 3 * int(v.get("PE", 1)) * int(v.get("SIMD", 1)) for v in values]
    return {
        "layer": entry["name"],
        "knobs": names,
        "points": points,
        "cycles": [cycles(v) for v in values],
        "LUT": lut,
        "BRAM_18K": [2 * (v.get("ram_style") == "block") for v in values],
        "URAM": [0] * len(points),
        "DSP": [0] * len(points),
        "in_width": [2 * (v.get("SIMD") or v.get("PE", 1)) for v in values],
        "out_width": [2 * (v.get("PE") or v.get("SIMD", 1)) for v in values],
    }


def design_from(
    layers: list[dict[str, Any]], tables: list[dict[str, Any]], couplings: list[dict[str, Any]]
) -> tuple[Design, dict[str, CostTable]]:
    streams = []
    by_input = {entry["inputs"][0]: entry["name"] for entry in layers}
    by_output = {entry["outputs"][0]: entry["name"] for entry in layers}
    for tensor in dict.fromkeys([*by_input, *by_output]):
        streams.append(
            {
                "tensor": tensor,
                "producer": by_output.get(tensor),
                "consumer": by_input.get(tensor),
                "shape": [1, 8],
                "dtype": "UINT2",
                "bits": 2,
            }
        )
    document = {
        "part": "xc7z020clg400-1",
        "fingerprint": "0" * 64,
        "finn": {"flavour": "finn-plus", "version": "1.6.1"},
        "layers": layers,
        "streams": streams,
        "couplings": couplings,
    }
    return Design.from_json("made-up", document), {
        item["layer"]: CostTable.from_json(item) for item in tables
    }


def conv_like(mw: int = 24, mh: int = 16, channels: int = 8) -> tuple[Design, dict[str, CostTable]]:
    """Thresholding, SWG, MVAU, depthwise SWG, Pool, MVAU, LabelSelect: one of each rule."""
    thresholding = layer(
        "Thresholding_rtl_0", "Thresholding_rtl", {"PE": divisors(channels)}, "in", "t0"
    )
    swg = layer(
        "ConvolutionInputGenerator_rtl_0",
        "ConvolutionInputGenerator_rtl",
        {"SIMD": divisors(channels), "parallel_window": [0, 1]},
        "t0",
        "t1",
    )
    mvau = layer(
        "MVAU_hls_0",
        "MVAU_hls",
        {"PE": divisors(mh), "SIMD": divisors(mw), "ram_style": ["auto", "block"]},
        "t1",
        "t2",
    )
    dw = layer(
        "ConvolutionInputGenerator_rtl_1",
        "ConvolutionInputGenerator_rtl",
        {"SIMD": divisors(mh)},
        "t2",
        "t3",
    )
    pool = layer("Pool_hls_0", "Pool_hls", {"PE": divisors(mh)}, "t3", "t4")
    last = layer(
        "MVAU_hls_1",
        "MVAU_hls",
        {"PE": divisors(10), "SIMD": divisors(mh), "ram_style": ["auto", "block"]},
        "t4",
        "t5",
    )
    label = layer("LabelSelect_hls_0", "LabelSelect_hls", {"PE": divisors(10)}, "t5", "out")
    tables = [
        table(thresholding, lambda v: 64 * channels // v["PE"]),
        table(
            swg,
            lambda v: 64 * channels // v["SIMD"],
            lambda v: v["parallel_window"] == 0 or v["SIMD"] == channels,
        ),
        table(
            mvau,
            lambda v: 16 * (mw // v["SIMD"]) * (mh // v["PE"]),
            lambda v: v["PE"] * v["SIMD"] <= mw * mh // 2,
        ),
        table(dw, lambda v: 16 * mh // v["SIMD"]),
        table(pool, lambda v: 4 * mh // v["PE"]),
        table(last, lambda v: (mh // v["SIMD"]) * (10 // v["PE"])),
        table(label, lambda v: 10 // v["PE"]),
    ]
    coupling = {
        "a": ["ConvolutionInputGenerator_rtl_1", "SIMD"],
        "b": ["Pool_hls_0", "PE"],
        "why": "a depthwise sliding window must be folded like the layer it feeds",
    }
    return design_from([thresholding, swg, mvau, dw, pool, last, label], tables, [coupling])


#: Designs of that form with other sizes.
designs = st.builds(
    conv_like,
    mw=st.sampled_from([4, 9, 24, 27, 64]),
    mh=st.sampled_from([2, 8, 12, 16]),
    channels=st.sampled_from([1, 3, 8]),
)


@st.composite
def random_designs(draw: st.DrawFn) -> tuple[Design, dict[str, CostTable]]:
    """Small graphs with branches and joins, random rows, and couplings: few enough to try all."""
    count = draw(st.integers(1, 5))
    numbers = st.integers(0, 12)
    layers: list[dict[str, Any]] = []
    tables: list[dict[str, Any]] = []
    streams: list[tuple[int, int | None]] = []
    for at in range(count):
        rows = draw(st.integers(1, 5))
        knobs: dict[str, Sequence[Value]] = {"PE": list(range(1, rows + 1))}
        layers.append(layer(f"L{at}", "MVAU_hls", knobs, f"t{at}", f"t{at + 1}"))

        def column(values: st.SearchStrategy[int], rows: int = rows) -> list[int]:
            return draw(st.lists(values, min_size=rows, max_size=rows))

        tables.append(
            {
                "layer": f"L{at}",
                "knobs": ["PE"],
                "points": [[value] for value in range(1, rows + 1)],
                "cycles": column(st.integers(1, 6)),
                "LUT": column(numbers),
                "BRAM_18K": column(numbers),
                "URAM": column(st.integers(0, 1)),
                "DSP": column(st.just(0)),
                "in_width": column(st.sampled_from([2, 4, 6])),
                "out_width": column(st.sampled_from([2, 4, 6])),
            }
        )
        # Every layer is fed by an earlier one or from outside; some by two, as additions are.
        feeders = draw(st.lists(st.integers(-1, at - 1), min_size=1, max_size=2, unique=True))
        streams += [(feeder, at) for feeder in feeders]
    fed = {producer for producer, _ in streams}
    streams += [(at, None) for at in range(count) if at not in fed]
    couplings = []
    if count > 1 and draw(st.booleans()):
        a, b = draw(st.lists(st.integers(0, count - 1), min_size=2, max_size=2, unique=True))
        couplings.append({"a": [f"L{a}", "PE"], "b": [f"L{b}", "PE"], "why": "they must"})
    document = {
        "part": "xc7z020clg400-1",
        "fingerprint": "0" * 64,
        "finn": {"flavour": "finn-plus", "version": "1.6.1"},
        "layers": layers,
        "streams": [
            {
                "tensor": f"s{at}",
                "producer": None if a is None or a < 0 else f"L{a}",
                "consumer": None if b is None else f"L{b}",
                "shape": [1, 8],
                "dtype": "UINT2",
                "bits": 2,
            }
            for at, (a, b) in enumerate(streams)
        ],
        "couplings": couplings,
    }
    design = Design.from_json("random", document)
    return design, {item["layer"]: CostTable.from_json(item) for item in tables}


def residual(blocks: int = 2, channels: int = 16) -> tuple[Design, dict[str, CostTable]]:
    """``residual_document`` as the app reads it."""
    document, tables = residual_document(blocks, channels)
    return Design.from_json("residual", document), {
        item["layer"]: CostTable.from_json(item) for item in tables
    }


def residual_document(
    blocks: int = 2, channels: int = 16
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Residual blocks of two matrix layers; every second one with a projection in its shortcut."""
    wide: dict[str, Sequence[Value]] = {"PE": divisors(channels), "SIMD": divisors(channels)}
    layers: list[dict[str, Any]] = []
    tables: list[dict[str, Any]] = []
    streams: list[tuple[str | None, str | None]] = []
    counts: dict[str, int] = {}

    def add(op: str, knobs: dict[str, Sequence[Value]], *feeders: str | None) -> str:
        name = f"{op}_{counts.get(op, 0)}"
        counts[op] = counts.get(op, 0) + 1
        entry = layer(name, op, knobs, "", "")
        inputs = [f"s{len(streams) + at}" for at in range(len(feeders))]
        entry |= {"inputs": inputs, "outputs": [], "in_channels": channels}
        layers.append(entry)
        size = channels if "SIMD" in knobs else 1
        tables.append(
            table(entry, lambda v: 64 * (size // v.get("SIMD", 1)) * (channels // v["PE"]))
        )
        streams.extend((feeder, name) for feeder in feeders)
        return name

    at = add("MVAU_hls", wide, None)
    for number in range(blocks):
        fork = add("DuplicateStreams_hls", {"PE": divisors(channels)}, at)
        main = add("MVAU_hls", wide, add("MVAU_hls", wide, fork))
        short = add("MVAU_hls", wide, fork) if number % 2 else fork
        at = add("AddStreams_hls", {"PE": divisors(channels)}, main, short)
    streams.append((add("LabelSelect_hls", {"PE": divisors(channels)}, at), None))
    by_name = {entry["name"]: entry for entry in layers}
    for number, (producer, _) in enumerate(streams):
        if producer is not None:
            by_name[producer]["outputs"].append(f"s{number}")
    document = {
        "part": "xc7z020clg400-1",
        "fingerprint": "1" * 64,
        "finn": {"flavour": "finn-plus", "version": "1.6.1"},
        "layers": layers,
        "streams": [
            {
                "tensor": f"s{number}",
                "producer": producer,
                "consumer": consumer,
                "shape": [1, 8, 8, channels],
                "dtype": "UINT2",
                "bits": 2,
            }
            for number, (producer, consumer) in enumerate(streams)
        ],
        "couplings": [],
    }
    return document, tables
