"""Formulas and rules against every row of the recorded tables; columns at every width."""

from __future__ import annotations

import pytest

from finn_tui.core.design import Design
from finn_tui.core.estimate.estimate import CostTable
from finn_tui.ui.tune import (
    columns as tune_columns,
)
from finn_tui.ui.tune import (
    infrastructure_rows,
    layer_text,
)
from finn_tui.ui.tune import (
    view as tune_view,
)
from finn_tui.ui.tune.state import TuneState
from tests import data
from tests.ui.conftest import RecordedLab


def recorded(name: str) -> tuple[Design, dict[str, CostTable]]:
    document = data.prepared(name)
    tables = {item["layer"]: CostTable.from_json(item) for item in document["tables"]}
    return Design.from_json(name, document["design"]), tables


@pytest.mark.parametrize("name", ["tfc-w1a1", "cnv-w1a1"])
def test_a_formula_is_shown_only_where_it_gives_finns_number(name: str) -> None:
    design, tables = recorded(name)
    formulas = 0
    for layer in design.layers:
        for row, cycles in enumerate(tables[layer.name].cycles):
            text = layer_text.cycles_formula(layer, tables[layer.name].values(row), cycles)
            if text is not None:
                left, right = text.split(" = ")
                product = eval(right.replace(" x ", "*").replace("x", "*").replace(",", ""))
                assert product == int(left.replace(",", "")) == cycles
                formulas += 1
            assert layer.kind != "MVAU" or text is not None
    assert formulas > 100


def test_the_formula_of_the_labs_layer() -> None:
    design, _ = recorded("cnv-w1a1")
    layer = design.by_name["MVAU_hls_6"]
    values = {"PE": 1, "SIMD": 4}
    assert layer_text.cycles_formula(layer, values, 32768) == "32,768 = (256/4) x (512/1)"
    assert layer_text.cycles_formula(layer, values, 32769) is None
    assert layer_text.divisor_rules(layer) == ["PE divides 512", "SIMD divides 256"]
    assert layer_text.precision_text(layer) == "w1 a1"
    assert layer_text.short_name(design.by_name["ConvolutionInputGenerator_rtl_7"]) == "SWG 7"


async def _tune(lab: RecordedLab, name: str) -> TuneState:
    return TuneState(await lab.open(name), "published")


@pytest.mark.parametrize("name", ["tfc-w1a1", "cnv-w1a1"])
async def test_columns_fit_every_width(lab: RecordedLab, name: str) -> None:
    tune = await _tune(lab, name)
    for width in range(80, 220):
        plan = tune_columns.columns(tune, width - 1)
        assert plan.left + plan.middle + plan.right <= width - 1
        for part, size in zip(
            tune_view.heading_row(tune, plan), (plan.left, plan.middle, plan.right), strict=True
        ):
            assert part.width == size
        for index in range(len(tune.layers)):
            for part, size in zip(
                tune_view.layer_row(tune, index, plan, True),
                (plan.left, plan.middle, plan.right),
                strict=True,
            ):
                assert part.width == size, (width, part.text)
        assert tune_view.figures_line(tune, width).width <= width
        assert (
            infrastructure_rows.budget_line(tune.editor.estimate, tune.editor.device, width).width
            <= width
        )


async def test_wide_screens_show_all_knobs_and_full_names(lab: RecordedLab) -> None:
    tune = await _tune(lab, "cnv-w1a1")
    assert [name for name, _ in tune_columns.columns(tune, 79).knobs] == ["PE", "SIMD"]
    plan = tune_columns.columns(tune, 159)
    assert [name for name, _ in plan.knobs] == ["PE", "SIMD", "ram_style", "parallel_window"]
    assert plan.full_names
