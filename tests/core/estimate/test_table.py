"""Cost tables with modes, on FINN's own numbers of CNV-w1a1 as they were recorded."""

from __future__ import annotations

import random
from functools import cache

import pytest

from finn_tui.core.design import CHOSEN, Design
from finn_tui.core.estimate.estimate import CostTable
from finn_tui.core.folding import finn_json
from finn_tui.core.folding import model as foldings
from finn_tui.core.folding.model import IllegalFolding
from finn_tui.core.optimize.problem import restricted
from tests import data

MVAU = "MVAU_hls_4"


@cache
def cnv() -> tuple[Design, dict[str, CostTable]]:
    document = data.prepared("cnv-w1a1")
    tables = {item["layer"]: CostTable.from_json(item) for item in document["tables"]}
    return Design.from_json("cnv-w1a1", document["design"]), tables


def test_rows_and_values_lead_to_each_other() -> None:
    source = random.Random(1)
    for table in cnv()[1].values():
        for row in source.sample(range(len(table)), min(50, len(table))):
            values = table.values(row)
            assert table.row(values) == row
            assert tuple(values.values()) == table.points[row]
            cost = table.cost("", row)
            assert (cost.cycles, cost.in_width) == (table.cycles[row], table.in_width[row])
            assert tuple(cost.resources.values()) == table.resources[row]


def test_what_the_solver_may_choose_keeps_the_best_of_every_folding() -> None:
    design, tables = cnv()
    start = foldings.ones(design, tables)
    few, all_free = (
        restricted(tables, start, free) for free in (CHOSEN, {"resType", "mem_mode", *CHOSEN})
    )
    for name, table in tables.items():
        assert few[name].row(start.values[name]) is not None
        # Only what is free differs from the present folding.
        for at in range(len(few[name])):
            fixed = set(start.values[name]) - {"PE", "SIMD", "parallel_window", *CHOSEN}
            values = few[name].values(at)
            assert all(values[knob] == start.values[name][knob] for knob in fixed)
            assert table.row(values) is not None
        assert len(few[name]) <= len(all_free[name]) <= len(table)
        if "mem_mode" in table.knobs:
            assert "external" not in all_free[name].legal("mem_mode")
            # No row of a part beats what is kept of its folding.
            full = table.part(start.values[name], CHOSEN)
            for row in range(len(full)):
                values, use = full.values(row), full.resources[row]
                remaining = [
                    few[name].resources[at]
                    for at in range(len(few[name]))
                    if few[name].points[at][:2] == full.points[row][:2]
                ]
                assert any(
                    all(a <= b for a, b in zip(candidate, use, strict=True))
                    for candidate in remaining
                )


def test_a_memory_that_is_none_takes_its_choice_with_it_and_says_so() -> None:
    design, tables = cnv()
    start = foldings.ones(design, tables)
    start = foldings.change(design, tables, start, MVAU, "ram_style", "block").folding
    change = foldings.change(design, tables, start, MVAU, "mem_mode", "internal_embedded")
    assert change.folding.values[MVAU]["ram_style"] == "auto"
    assert change.moved == ((MVAU, "ram_style", "block", "auto"),)
    # Folded otherwise, a layer keeps its memory.
    other = foldings.change(design, tables, change.folding, MVAU, "PE", 8).folding
    assert other.values[MVAU]["mem_mode"] == "internal_embedded"


def test_a_file_may_say_what_means_nothing() -> None:
    design, tables = cnv()
    document = {MVAU: {"mem_mode": "internal_embedded", "ram_style": "block"}}
    folding, notes = finn_json.from_json(design, tables, document)
    assert folding.values[MVAU]["ram_style"] == "auto"
    assert notes == [f"{MVAU}: ram_style = block means nothing with mem_mode = internal_embedded"]
    with pytest.raises(IllegalFolding, match="ram_style = ultra"):
        # xc7z020 has no UltraRAM.
        finn_json.from_json(design, tables, {MVAU: {"ram_style": "ultra"}})
