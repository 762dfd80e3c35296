"""The bill below the layers and the budget bars: sums, both BRAM units, limits, OVER in words."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import pytest

from finn_tui.core.device import RESOURCES
from finn_tui.core.estimate.infrastructure import CostLookup
from finn_tui.ui.tune import columns as tune_columns
from finn_tui.ui.tune import detail as tune_detail
from finn_tui.ui.tune import infrastructure_rows
from finn_tui.ui.tune.state import TuneState
from tests.lab import real_build
from tests.ui.conftest import MakeApp, RecordedLab, opened, screen_text


async def _tune(lab: RecordedLab, name: str = "cnv-w1a1") -> TuneState:
    return TuneState(await lab.open(name), "published")


def _text(tune: TuneState, width: int = 80, *, tall: bool = True) -> list[str]:
    plan = tune_columns.columns(tune, width - 1)
    rows = infrastructure_rows.breakdown_rows(tune, plan, tall=tall)
    return ["".join(part.text for part in row) for row in rows]


def _numbers(row: str) -> list[int]:
    return [int(word.replace(",", "")) for word in row.split()[-3:]]


async def test_the_rows_add_up(lab: RecordedLab) -> None:
    total, dwc, fifo, whole, shell = _text(await _tune(lab), 120)
    assert "6 width converters" in dwc and "28 FIFOs" in fifo and "128 words" in fifo
    # FINN has no estimate of it; what a published build took is shown with whose it is.
    assert "measured on akhilvasan/finn_cybsec" in shell and _numbers(shell) == [6426, 2, 0]
    sums = [sum(column) for column in zip(*map(_numbers, (total, dwc, fifo)), strict=True)]
    # Each number is rounded by itself.
    assert sums == pytest.approx(_numbers(whole), abs=1)
    assert "B18 = 73.5 RAMB36" in whole and _numbers(whole)[1] == 147


async def test_fifo_estimates_of_some_finns_are_too_high(lab: RecordedLab) -> None:
    tune = await _tune(lab)
    assert "too high" not in "\n".join(_text(tune, 140))
    tune.editor.set_costs(replace(tune.editor.costs, fifos_too_high=True))
    assert "this FINN's own estimate, too high" in _text(tune, 140)[2]


async def test_own_builds_stand_beside_finns_numbers(lab: RecordedLab) -> None:
    real_build.write(lab.workspace.runs_dir, "20260101T000000Z-cybsec-0001")
    tune = await _tune(lab)
    *_, whole, shell, learned = _text(tune, 140)
    assert "measured on your run 20260101T000000Z-cybsec-0001" in shell
    assert "expected from your 1 build" in learned and "12 layers as FINN estimates" in learned
    assert "B18 = 73.5 RAMB36" in whole and _numbers(whole)[1] == 147
    tune.go_to("MVAU_hls_6")
    text = "\n".join(line.text for line in tune_detail.detail_lines(tune, 140, 8))
    assert "your builds: LUT 123 (63 to 364)" in text and "n 4" in text


async def test_folded_it_is_one_row_with_the_same_end(lab: RecordedLab) -> None:
    tune = await _tune(lab)
    (row,) = _text(tune, tall=False)
    assert "28 FIFOs, 6 DWCs" in row
    assert _numbers(row) == _numbers(_text(tune)[-2])
    tune.breakdown_open = True
    assert len(_text(tune, tall=False)) == 5
    tune.breakdown_open = False
    assert len(_text(tune, tall=True)) == 1


@pytest.mark.parametrize("name", ["tfc-w1a1", "cnv-w1a1"])
async def test_rows_and_bars_fit_every_width(lab: RecordedLab, name: str) -> None:
    tune = await _tune(lab, name)
    for width in range(80, 220):
        plan = tune_columns.columns(tune, width - 1)
        for tall in (True, False):
            for row in infrastructure_rows.breakdown_rows(tune, plan, tall=tall):
                assert [part.width for part in row] == [plan.left, plan.middle, plan.right]
        assert (
            infrastructure_rows.budget_line(tune.editor.estimate, tune.editor.device, width).width
            <= width
        )


async def test_what_is_not_priced_is_said_and_not_a_zero(lab: RecordedLab) -> None:
    tune = await _tune(lab)
    tune.editor.set_costs(CostLookup())
    _, dwc, fifo, _, _ = _text(tune, 120)
    for row in (dwc, fifo):
        assert "without known cost" in row and row.split()[-3:] == ["?", "?", "?"]
    assert "34 without known cost" in _text(tune, 120, tall=False)[0]


async def test_a_bar_counts_what_finn_leaves_out(lab: RecordedLab) -> None:
    tune = await _tune(lab)
    editor = tune.editor
    lut = next(
        use
        for use in infrastructure_rows.resource_uses(editor.estimate, editor.device)
        if use.name == "LUT"
    )
    assert lut.amount == editor.estimate.total["LUT"]
    assert lut.extra == editor.estimate.infrastructure.total()["LUT"] > 0
    assert lut.share == (lut.amount + lut.extra) / 53200
    assert (
        f"+ {lut.extra:,.0f} of 53,200"
        in infrastructure_rows.budget_line(editor.estimate, editor.device, 160).text
    )


async def test_over_budget_is_said_by_how_much_without_colour(lab: RecordedLab) -> None:
    tune = await _tune(lab)
    tune.go_to("MVAU_hls_5")
    tune.knob = "PE"
    tune.set(256)
    editor = tune.editor
    needed = editor.estimate.total["LUT"] + editor.estimate.infrastructure.total()["LUT"]
    text = infrastructure_rows.budget_line(editor.estimate, editor.device, 80).text
    assert f"OVER by {ceil(needed - 53200):,}" in text
    # Where there is a bar, it runs over its end.
    assert "▶" in infrastructure_rows.budget_line(editor.estimate, editor.device, 120).text


def test_a_part_without_the_resource_says_so() -> None:
    use = infrastructure_rows.Use("URAM", 3, 0, 0, float("inf"), 0.8)
    assert use.figure(0) == "3 OVER: the part has none"


def test_every_resource_has_a_title() -> None:
    assert set(infrastructure_rows.TITLES) == set(RESOURCES)


async def test_e_and_a_click_fold_the_bill(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        assert "DMA and shell" not in screen_text(app)
        await pilot.press("dollar_sign")
        lines = screen_text(app).splitlines()
        at = next(y for y, line in enumerate(lines) if "DMA and shell" in line)
        # The cursor stays in view above it.
        assert any(line.startswith("> MVAU 6") for line in lines)
        await pilot.click(offset=(4, at))
        assert "DMA and shell" not in screen_text(app)
