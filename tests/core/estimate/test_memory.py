"""Memory that FINN's estimator leaves out is counted, and limits what is chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from finn_tui.core.design import Design, Value
from finn_tui.core.device import Device
from finn_tui.core.editor import Editor
from finn_tui.core.estimate import memory
from finn_tui.core.estimate.estimate import CostTable, estimate
from finn_tui.core.estimate.infrastructure import CostLookup
from finn_tui.core.folding import model as foldings
from finn_tui.core.optimize import greedy
from finn_tui.core.optimize import solve as solver
from finn_tui.core.optimize.problem import Problem, restricted
from finn_tui.core.optimize.solve import Infeasible
from tests.core.designs import design_from, layer, table

MW, MH = 256, 256
Z2 = Device("Pynq-Z2", "xc7z020clg400-1", {"LUT": 53200, "BRAM_18K": 280, "URAM": 0, "DSP": 220})


def rtl_matrix() -> tuple[Design, dict[str, CostTable]]:
    """One RTL matrix layer: FINN counts 4 BRAM_18K for block memory, nothing for distributed."""
    entry = layer(
        "MVAU_rtl_0",
        "MVAU_rtl",
        {"PE": [1, 2], "SIMD": [1, 4], "ram_style": ["block", "distributed"]},
        "in",
        "out",
        weight_dtype="INT8",
    )
    entry["attrs"] = {"MW": MW, "MH": MH, "mem_mode": "internal_decoupled"}
    costs = table(entry, lambda knobs: MW * MH // (knobs["PE"] * knobs["SIMD"]))
    for face in ("LUT", "URAM", "DSP"):
        costs[face] = [0 for _ in costs["points"]]
    at = costs["knobs"].index("ram_style")
    costs["BRAM_18K"] = [4 if point[at] == "block" else 0 for point in costs["points"]]
    return design_from([entry], [costs], [])


def test_bits_of_data_types() -> None:
    assert [memory.bits_of(name) for name in ("BIPOLAR", "TERNARY", "INT4", "UINT8", None)] == [
        1, 2, 4, 8, 0,
    ]  # fmt: skip


def test_distributed_weights_of_an_rtl_layer_are_counted_as_of_an_hls_one() -> None:
    design, tables = rtl_matrix()
    values: dict[str, dict[str, Value]] = {
        "MVAU_rtl_0": {"PE": 2, "SIMD": 4, "ram_style": "distributed"}
    }
    result = estimate(design, tables, values, 10.0)
    # PE x SIMD x bits x ceil(depth / 64)
    luts = 2 * 4 * 8 * (MW * MH // 8 // 64)
    assert result.total["LUT"] == 0
    assert (
        result.infrastructure.total()["LUT"] == result.infrastructure.total("memory")["LUT"] == luts
    )
    assert result.lutram == luts == 8192
    document = result.as_json(design, Z2)
    assert document["extra"]["memory"]["LUTRAM_budget"] == 17400
    assert document["unmodelled"] == ["MVAU_rtl_0"]
    block = estimate(
        design, tables, {"MVAU_rtl_0": {**values["MVAU_rtl_0"], "ram_style": "block"}}, 10.0
    )
    assert block.infrastructure.total()["LUT"] == block.lutram == 0


def test_lutram_is_a_limit_of_its_own() -> None:
    design, tables = rtl_matrix()
    values: dict[str, dict[str, Value]] = {
        "MVAU_rtl_0": {"PE": 2, "SIMD": 4, "ram_style": "distributed"}
    }
    result = estimate(design, tables, values, 10.0)
    assert result.fits(Z2, include_infrastructure=True)
    # 12,000 LUTs would do, but only 6,000 of an xc7z010 can be memory.
    small = Device("small", "xc7z010", {"LUT": 17600, "BRAM_18K": 120, "URAM": 0, "DSP": 80})
    assert result.fits(small)
    assert not result.fits(small, include_infrastructure=True)


@pytest.mark.parametrize(("limit", "style"), [(None, "distributed"), (1000.0, "block")])
@pytest.mark.parametrize("with_memory", [True, False])
def test_the_solver_limits_what_it_stores(
    limit: float | None, style: str, with_memory: bool
) -> None:
    design, tables = rtl_matrix()
    folding = foldings.ones(design, tables)
    # By FINN's own tables, distributed memory is free: better than block memory in everything.
    priced = memory.with_memory(design, tables) if with_memory else tables
    # Block memory is the dearer one here, so that only a limit leads to it.
    weights = {"LUT": 1e-9, "BRAM_18K": 1.0, "URAM": 0.0, "DSP": 0.0}
    free = {"ram_style"}
    problem = Problem(design, restricted(priced, folding, free), folding, {}, weights)
    solution = solver.solve(replace(problem, lutram_limit=limit), MW * MH // 8)
    assert solution.optimal
    assert solution.folding.values["MVAU_rtl_0"]["ram_style"] == style


@pytest.mark.parametrize(
    ("op", "values", "lut", "expected"),
    [
        ("ConvolutionInputGenerator_rtl", {"SIMD": 4, "ram_style": "distributed"}, 492.0, 192.0),
        ("ConvolutionInputGenerator_rtl", {"SIMD": 4, "ram_style": "block"}, 300.0, 0.0),
        ("Thresholding_rtl", {"PE": 2}, 62560.0, 62560.0),
        ("Thresholding_hls", {"PE": 2, "ram_style": "distributed"}, 104.0, 100.0),
        ("Thresholding_hls", {"PE": 2, "ram_style": "block"}, 104.0, 0.0),
        ("Lookup_hls", {"ram_style": "distributed"}, 77.0, 77.0),
        ("Pool_hls", {"PE": 2}, 50.0, 0.0),
    ],
)
def test_windows_and_thresholds_in_luts_are_memory(
    op: str, values: dict[str, Value], lut: float, expected: float
) -> None:
    entry = layer(f"{op}_0", op, {"PE": [1, 2]}, "in", "out")
    design, _ = design_from([entry], [table(entry, lambda _: 1)], [])
    one = design.layers[0]
    assert memory.lutram(one, values, lut) == expected
    assert memory.stores_in_luts(one) or not expected


def test_fifos_without_block_memory_are_memory_too() -> None:
    design, tables = rtl_matrix()
    folding = foldings.ones(design, tables)
    widths = sorted({*tables["MVAU_rtl_0"].in_width, *tables["MVAU_rtl_0"].out_width})
    small = {(width, 2): (8.0, 0.0, 0.0, 0.0) for width in widths}
    costs = CostLookup(fifo=small)
    result = estimate(design, tables, folding.values, 10.0, costs=costs)
    assert result.lutram == 16  # one at the input, one at the output
    block = CostLookup(fifo=dict.fromkeys(small, (57.0, 1.0, 0.0, 0.0)))
    assert estimate(design, tables, folding.values, 10.0, costs=block).lutram == 0
    # What is inserted counts for the solver as for the estimate.
    streams = solver.stream_costs(design, tables, folding, costs)
    weights = {"LUT": 1.0, "BRAM_18K": 1.0, "URAM": 1.0, "DSP": 1.0}
    problem = Problem(design, tables, folding, {}, weights, streams=streams, lutram_limit=15.0)
    with pytest.raises(Infeasible):
        solver.solve(problem, MW * MH)
    assert solver.solve(replace(problem, lutram_limit=16.0), MW * MH).optimal


def test_a_layer_without_luts_is_unknown_and_not_free() -> None:
    entry = layer("Pool_hls_0", "Pool_hls", {"PE": [1, 2]}, "in", "out")
    costs = table(entry, lambda _: 1)
    costs["LUT"] = [0, 12]
    design, tables = design_from([entry], [costs], [])
    for pe, unknown in ((1, {"Pool_hls_0"}), (2, set())):
        assert estimate(design, tables, {"Pool_hls_0": {"PE": pe}}, 10.0).unmodelled == unknown


def test_weights_outside_of_the_chip_need_a_dma_and_bandwidth() -> None:
    design, tables = rtl_matrix()
    outside = replace(design.layers[0], attrs={**design.layers[0].attrs, "mem_mode": "external"})
    design = replace(design, layers=(outside,))
    values: dict[str, dict[str, Value]] = {"MVAU_rtl_0": {"PE": 2, "SIMD": 4, "ram_style": "block"}}
    result = estimate(design, tables, values, 10.0)
    # 2 x 4 weights of a byte in each of its cycles, 100 million times a second.
    assert result.external == {"MVAU_rtl_0": pytest.approx(8e8)}
    assert memory.stored_bits(design, values) == 0
    document = result.as_json(design, Z2)
    assert document["extra"]["memory"]["external"]["MVAU_rtl_0"]["LUT"] == 1149
    # The shell alone fits this part, one DMA more does not.
    tight = Device("tight", Z2.part, {"LUT": 7000, "BRAM_18K": 10, "URAM": 0, "DSP": 220})
    assert result.fits(tight, include_infrastructure=True) is False
    inside = estimate(rtl_matrix()[0], tables, values, 10.0)
    assert inside.fits(tight, include_infrastructure=True) and not inside.external


def test_what_is_stored_is_weighed_against_all_memory_of_the_part() -> None:
    design, tables = rtl_matrix()
    bits = memory.stored_bits(design, foldings.ones(design, tables).values)
    assert bits == MW * MH * 8
    room = memory.chip_bits(Z2.budget, Z2.part)
    assert room == 280 * 18432 + 17400 * 64
    assert memory.chip_bits(Z2.budget, "a part of one's own") is None


def test_what_next_says_that_a_layer_without_a_model_is_not_free() -> None:
    design, tables = rtl_matrix()
    start = foldings.ones(design, tables)
    editor = Editor(design, tables, Z2, 10.0, start, start, "ones")
    move = greedy.next_move(editor)
    assert isinstance(move, greedy.Move)
    assert move.unknown_lut and move.use["LUT"] == 0
    assert move.price == "unknown LUT" and "for unknown LUT" in move.text()
    # The other way round it is no gain: nothing is known to be saved.
    editor.set("MVAU_rtl_0", "PE", 2)
    assert not [m for m in greedy.reclaim(editor) if m.use["LUT"] < 0]
