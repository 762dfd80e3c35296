"""Estimates: sums by hand, what fits, and the same answer whatever was estimated before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from finn_tui.core.design import Design
from finn_tui.core.device import RESOURCES, Device
from finn_tui.core.estimate.estimate import CostTable, Estimate, estimate
from finn_tui.core.estimate.infrastructure import CostLookup
from finn_tui.core.estimate.platform_shell import Shell, ShellPart
from finn_tui.core.folding import model as foldings
from tests.core.designs import design_from, layer

#: Cycles and LUT, BRAM_18K, URAM, DSP of each of three layers with PE 1 and 2.
POINTS = {
    "MVAU_hls_0": [(40, (10, 1, 2, 4)), (20, (20, 2, 3, 8))],
    "MVAU_hls_1": [(30, (100, 3, 5, 7)), (15, (200, 6, 10, 14))],
    "MVAU_hls_2": [(8, (1000, 11, 13, 17)), (4, (2000, 22, 26, 34))],
}


def three() -> tuple[Design, dict[str, CostTable]]:
    layers = [
        layer(name, "MVAU_hls", {"PE": [1, 2]}, f"t{at}", f"t{at + 1}")
        for at, name in enumerate(POINTS)
    ]
    tables: list[dict[str, Any]] = [
        {
            "layer": name,
            "knobs": ["PE"],
            "points": [[1], [2]],
            "cycles": [cycles for cycles, _ in points],
            **{
                resource: [use[at] for _, use in points]
                for at, resource in enumerate(("LUT", "BRAM_18K", "URAM", "DSP"))
            },
            "in_width": [2, 2],
            "out_width": [2, 2],
        }
        for name, points in POINTS.items()
    ]
    return design_from(layers, tables, [])


def estimated(pe: tuple[int, int, int] = (1, 1, 1), **more: Any) -> Estimate:
    design, tables = three()
    values = {name: {"PE": value} for name, value in zip(POINTS, pe, strict=True)}
    return estimate(design, tables, values, 10.0, **more)


def test_totals_are_sums_over_all_layers_and_the_ii_is_the_slowest() -> None:
    result = estimated()
    assert result.total == {"LUT": 1110, "BRAM_18K": 15, "URAM": 20, "DSP": 28}
    assert (result.ii_cycles, result.bottleneck, result.latency_cycles) == (40, "MVAU_hls_0", 78)
    result = estimated((2, 1, 2))
    assert result.total == {"LUT": 2120, "BRAM_18K": 27, "URAM": 34, "DSP": 49}
    assert (result.ii_cycles, result.bottleneck, result.latency_cycles) == (30, "MVAU_hls_1", 54)


def test_layers_that_run_side_by_side_add_no_latency() -> None:
    design, tables = three()
    # Both of the first two feed the third, and neither feeds the other.
    parallel = replace(
        design,
        streams=tuple(
            replace(stream, consumer="MVAU_hls_2" if stream.producer else stream.consumer)
            for stream in design.streams
            if stream.producer != "MVAU_hls_2"
        ),
    )
    values = {name: {"PE": 1} for name in POINTS}
    assert estimate(parallel, tables, values, 10.0).latency_cycles == 40 + 8


def test_a_design_fits_up_to_the_last_unit_of_each_resource() -> None:
    result = estimated()
    exact = {name: int(amount) for name, amount in result.total.items()}
    assert result.fits(Device("board", "part", exact)) is True
    for name in RESOURCES:
        short = {**exact, name: exact[name] - 1}
        assert result.fits(Device("board", "part", short)) is False, name


def test_dma_and_shell_count_where_infrastructure_does() -> None:
    shell = Shell("Zynq", (ShellPart("DMA", (50, 0, 0, 0)),), "a build", "Vivado", "routed")
    result = estimated(costs=CostLookup(shell=shell))
    room = Device("board", "part", {"LUT": 1160, "BRAM_18K": 99, "URAM": 99, "DSP": 99})
    short = replace(room, budget={**room.budget, "LUT": 1159})
    assert result.fits(room, include_infrastructure=True) is True
    assert result.fits(short) is True
    assert result.fits(short, include_infrastructure=True) is False


def test_an_estimate_beside_another_is_the_same_as_one_from_nothing() -> None:
    design, tables = three()
    start = foldings.ones(design, tables)
    near = start.values, estimate(design, tables, start.values, 10.0)
    changed = start.with_layer("MVAU_hls_1", {"PE": 2})
    beside = estimate(design, tables, changed.values, 10.0, near)
    assert beside == estimate(design, tables, changed.values, 10.0)
    assert beside.total["LUT"] == 1210
