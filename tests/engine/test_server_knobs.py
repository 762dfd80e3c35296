"""The rules of what may be folded how, on layers made for the purpose; FINN is not needed."""

from __future__ import annotations

import json
import os
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from finn_tui.engine.server.design import choices, knobs, tables
from finn_tui.engine.server.finn import finn_env
from tests.engine.conftest import ROOT

ALLOWED = {
    "ram_style": ("s", False, "auto", {"auto", "block", "distributed", "ultra"}),
    "mem_mode": (
        "s",
        False,
        "internal_decoupled",
        {"internal_embedded", "internal_decoupled", "external", "dynamic"},
    ),
    "runtime_writeable_weights": ("i", False, 0, {0, 1}),
}
WEIGHTS: dict[str, Any] = {"mem_mode": "internal_decoupled", "runtime_writeable_weights": 0}


class Inst:
    """As much of FINN's HWCustomOp as the rules ask for."""

    def __init__(self, shape: tuple[int, ...] = (1, 8), **values: Any) -> None:
        self.values = values
        self.shape = shape

    def get_nodeattr_types(self) -> dict[str, Any]:
        kinds = {int: "i", str: "s", list: "ints"}
        types: dict[str, Any] = {
            name: (kinds[type(value)], True, value) for name, value in self.values.items()
        }
        types.update({name: entry for name, entry in ALLOWED.items() if name in types})
        return types

    def get_nodeattr(self, name: str) -> Any:
        return self.values[name]

    def get_normal_input_shape(self) -> tuple[int, ...]:
        return self.shape

    def get_normal_output_shape(self) -> tuple[int, ...]:
        return self.shape


def node(op_type: str, name: str = "n", source: str = "in", target: str = "out") -> Any:
    return SimpleNamespace(op_type=op_type, name=name, input=[source], output=[target])


def values(op_type: str, inst: Inst, window: bool = False) -> dict[str, list[Any]]:
    listed = knobs.knobs_of(node(op_type), inst, "part", window)
    return {knob["name"]: knob["values"] for knob in listed}


@pytest.fixture(autouse=True)
def _part_without_uram(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finn_env, "has_uram", lambda part: part == "with-uram")


def test_divisors() -> None:
    assert knobs.divisors(1) == [1]
    assert knobs.divisors(36) == [1, 2, 3, 4, 6, 9, 12, 18, 36]
    assert knobs.divisors(97) == [1, 97]


def test_a_matrix_layer_divides_rows_by_pe_and_columns_by_simd() -> None:
    assert values("MVAU_hls", Inst(PE=1, SIMD=1, MW=6, MH=4)) == {
        "PE": [1, 2, 4],
        "SIMD": [1, 2, 3, 6],
    }


@pytest.mark.parametrize(
    ("op", "inst", "expected"),
    [
        ("LabelSelect_hls", Inst(PE=1, Labels=10), {"PE": [1, 2, 5, 10]}),
        ("Pool_hls", Inst(PE=1, Channels=6), {"PE": [1, 2, 3, 6]}),
        ("Thresholding_rtl", Inst(PE=1, NumChannels=4), {"PE": [1, 2, 4]}),
        ("FMPadding_rtl", Inst(SIMD=1, NumChannels=9), {"SIMD": [1, 3, 9]}),
        ("AddStreams_hls", Inst(PE=1, NumChannels=2), {"PE": [1, 2]}),
        ("ElementwiseAdd_hls", Inst((1, 7), PE=1), {"PE": [1, 7]}),
        ("StreamingConcat_hls", Inst(SIMD=1, ChannelsPerStream=[12, 8]), {"SIMD": [1, 2, 4]}),
        ("StreamingSplit_hls", Inst(SIMD=1, ChannelsPerStream=[5, 7]), {"SIMD": [1]}),
        # 60/4 = 15 folds are more than 12, 60/5 = 12 are not.
        ("LayerNorm_rtl", Inst((1, 60), SIMD=1), {"SIMD": [1, 2, 3, 4]}),
        ("ConvolutionInputGenerator_rtl", Inst(SIMD=1, IFMChannels=3), {"SIMD": [1, 3]}),
        ("OuterShuffle_hls", Inst(SIMD=1, NumChannels=64), {}),
        ("StreamingFIFO_rtl", Inst(depth=2), {}),
    ],
)
def test_legal_values(op: str, inst: Inst, expected: dict[str, list[int]]) -> None:
    assert values(op, inst) == expected


def test_uram_needs_a_part_that_has_it_and_weights_that_are_written() -> None:
    def modes(part: str, op: str = "MVAU_hls", **attributes: Any) -> list[dict[str, Any]]:
        inst = Inst(MW=2, MH=2, ram_style="auto", **attributes)
        listed = choices.knobs_of(knobs.base_op(op), node(op), inst, part)
        return choices.modes(knobs.base_op(op), node(op), inst, part, listed)

    plain = ["auto", "block", "distributed"]
    assert {mode["ram_style"] for mode in modes("without", **WEIGHTS)} == set(plain)
    ultra = [mode for mode in modes("with-uram", **WEIGHTS) if mode["ram_style"] == "ultra"]
    assert ultra and all(mode["runtime_writeable_weights"] for mode in ultra)
    assert all(mode["mem_mode"] == "internal_decoupled" for mode in ultra)
    # A line buffer holds nothing at the start.
    swg = modes("with-uram", "ConvolutionInputGenerator_rtl")
    assert [mode["ram_style"] for mode in swg] == [*plain, "ultra"]


def test_weights_that_are_no_stream_have_no_ram_style_and_cannot_be_written() -> None:
    inst = Inst(MW=2, MH=2, ram_style="auto", **WEIGHTS)
    listed = choices.knobs_of("MVAU", node("MVAU_hls"), inst, "with-uram")
    for mode in choices.modes("MVAU", node("MVAU_hls"), inst, "with-uram", listed):
        if mode["mem_mode"] != "internal_decoupled":
            assert (mode["ram_style"], mode["runtime_writeable_weights"]) == ("auto", 0)
    needs = {knob["name"]: knob.get("needs", {}) for knob in listed}
    assert needs["mem_mode"] == {}
    assert "internal_decoupled" in needs["ram_style"]["mem_mode"]
    # An RTL core takes its weights from a stream.
    rtl = choices.knobs_of("MVAU", node("MVAU_rtl"), inst, "with-uram")
    assert rtl[0]["values"] == ["internal_decoupled", "external"]


def test_a_vvau_unrolls_its_kernel_only_at_full_pe() -> None:
    inst = Inst(PE=1, SIMD=1, Channels=4, Kernel=[3, 3])
    listed = knobs.knobs_of(node("VVAU_rtl"), inst, "part", False)
    assert [knob["values"] for knob in listed] == [[1, 2, 4], [1, 3, 9]]
    legal = [
        (pe, simd)
        for pe in (1, 2, 4)
        for simd in (1, 3, 9)
        if knobs.go_together(node("VVAU_rtl"), {"PE": pe, "SIMD": simd}, listed)
    ]
    assert legal == [(1, 1), (2, 1), (4, 1), (4, 3), (4, 9)]


def test_a_parallel_window_needs_full_simd() -> None:
    inst = Inst(SIMD=1, IFMChannels=4, parallel_window=0)
    swg = node("ConvolutionInputGenerator_rtl")
    listed = knobs.knobs_of(swg, inst, "part", window=True)
    legal = [
        (simd, window)
        for simd in (1, 2, 4)
        for window in (0, 1)
        if knobs.go_together(swg, {"SIMD": simd, "parallel_window": window}, listed)
    ]
    assert legal == [(1, 0), (2, 0), (4, 0), (4, 1)]


def test_which_windows_may_be_parallel() -> None:
    def swg(name: str, depthwise: int, target: str, ending: str = "_rtl") -> Any:
        inst = Inst(SIMD=1, IFMChannels=4, parallel_window=0, depthwise=depthwise)
        return node("ConvolutionInputGenerator" + ending, name, "x", target), inst

    pool = (node("Pool_hls", "pool", "to-pool"), Inst(PE=1, Channels=4))
    vvau = (node("VVAU_rtl", "vvau", "to-vvau"), Inst(PE=1, Channels=4, Kernel=[3, 3]))
    layers = [
        swg("dense", 0, "a"),
        swg("of-pool", 1, "to-pool"),
        swg("of-vvau", 1, "to-vvau"),
        swg("in-hls", 0, "b", "_hls"),
        pool,
        vvau,
    ]
    assert knobs.windowed(layers) == {"dense", "of-vvau"}


def test_the_attribute_cache_reads_once_and_writes_nothing_back() -> None:
    class Counting(Inst):
        reads = 0

        def get_nodeattr(self, name: str) -> Any:
            if name not in self.values:
                raise AttributeError(name)
            self.reads += 1
            return self.values[name]

        def set_nodeattr(self, name: str, value: Any) -> None:
            raise AssertionError("the node must not change")

        def get_input_datatype(self, ind: int = 0) -> str:
            return f"INT{ind}"

        def get_output_datatype(self, ind: int = 0) -> str:
            return f"UINT{ind}"

    inst = Counting(PE=1, dims=[1, 2])
    tables.cache_attributes(inst)
    assert [inst.get_nodeattr("PE") for _ in range(3)] == [1, 1, 1]
    assert inst.reads == 1
    inst.set_nodeattr("PE", 4)
    assert inst.get_nodeattr("PE") == 4
    assert inst.values["PE"] == 1
    inst.get_nodeattr("dims").append(3)  # FINN's code may change what it got
    assert inst.get_nodeattr("dims") == [1, 2]
    with pytest.raises(AttributeError):
        inst.get_nodeattr("mem_mode")  # FINN's code asks this way whether an op has an attribute
    assert (inst.get_input_datatype(1), inst.get_output_datatype()) == ("INT1", "UINT0")


LISTS_PARALLELISM = """
import importlib, inspect, json, re, sys
from onnx import helper
from finn_tui.engine.server.finn import finn_env
finn_env.load_ops()
found = {}
for name in ("", ".hls", ".rtl"):
    module = importlib.import_module("finn.custom_op.fpgadataflow" + name)
    ops = dict(getattr(module, "custom_op", {}) or {})
    ops.update({k: v for k, v in vars(module).items() if hasattr(v, "get_nodeattr_types")})
    for op, kind in ops.items():
        node = helper.make_node(op, ["a"], ["b"])
        for more in ((), (1,)):
            try:
                types = kind(node, *more).get_nodeattr_types()
            except Exception:
                continue
            found[op] = [k for k, v in types.items() if v[0] == "i" and
                         re.search(r"(^PE|^SIMD|simd|^M$|[Ff]old|[Pp]arallel)", k)]
print(json.dumps(found))
"""


@pytest.mark.engine
def test_every_attribute_of_parallelism_of_the_installed_finn_is_known(engine_python: str) -> None:
    """A FINN with another one would be folded without it, and called proved."""
    done = subprocess.run(
        [engine_python, "-W", "ignore", "-c", LISTS_PARALLELISM],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    attributes = json.loads(done.stdout.splitlines()[-1])
    assert len(attributes) > 40 and attributes["MVAU_hls"] == ["PE", "SIMD"]
    # What a layer was before FINN took it apart, and attributes that say how, not how much.
    notes = {"original_simd", "parallel_mode"}
    known = {*knobs.FOLDED, *knobs.NOT_FOLDED, *notes}
    unknown = {
        op: [name for name in names if name not in known] for op, names in attributes.items()
    }
    assert {op: names for op, names in unknown.items() if names} == {}
