"""The list of everything that can be set on a layer, and the values behind it."""

from __future__ import annotations

from finn_tui.base.progress import OnProgress, ignore
from finn_tui.lab.foldings.opened import Opened
from finn_tui.ui.dialogs.choose import ChooseDialog
from finn_tui.ui.tune import knobs as tune_knobs
from finn_tui.ui.tune.state import TuneState
from tests.ui.conftest import MakeApp, RecordedLab, opened, screen_text, tune_of, until
from tests.ui.test_snapshots import compare
from tests.ui.tune.test_screen import SIZE, values

LAYER = "MVAU_hls_6"


async def test_every_knob_and_setting_is_listed_with_its_value(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press("m")
        await until(pilot, lambda: "outFIFODepths" in screen_text(app))
        await compare(pilot, "knobs-80x24", ".box")
    tune = TuneState(await lab.open("cnv-w1a1"), "published")
    layer = tune.editor.design.by_name[LAYER]
    rows = tune_knobs.knobs_content(tune, layer).rows
    assert [row.key for row in rows] == [item.name for item in layer.settable]


async def test_a_fifo_depth_is_chosen_seen_and_undone(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("m")
        await until(pilot, lambda: "outFIFODepths" in screen_text(app))
        await pilot.press(*"outfifo", "enter")
        await until(pilot, lambda: "32768" in screen_text(app))
        before = tune_of(app).editor.estimate.infrastructure.total()["LUT"]
        await pilot.press(*"64", "enter")
        # Back in the list, on the same row.
        await until(pilot, lambda: "knobs and settings" in screen_text(app))
        assert "was 2" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ChooseDialog))
        editor = tune_of(app).editor
        assert editor.folding.settings[LAYER]["outFIFODepths"] == [64]
        assert editor.estimate.infrastructure.total()["LUT"] > before
        assert f"{LAYER} outFIFODepths 2 → 64" in screen_text(app)
        await pilot.press("u")
        assert not editor.unsaved


async def test_what_is_typed_is_refused_with_the_reason(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        for name, typed, why in (
            ("infifo", "many", "inFIFODepths = ['many'] is not legal"),
            ("mem_mode", "sideways", "mem_mode = sideways is not legal here. Legal values: "),
        ):
            await pilot.press("m")
            await until(pilot, lambda: "knobs and settings" in screen_text(app))
            await pilot.press(*name, "enter")
            await until(pilot, lambda: "now " in screen_text(app) and "II" in screen_text(app))
            await pilot.press(*typed, "enter")
            await until(pilot, lambda why=why: why in screen_text(app))  # type: ignore[misc]
            await pilot.press("escape")
            await until(pilot, lambda: "knobs and settings" in screen_text(app))
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, ChooseDialog))
        assert not tune_of(app).editor.unsaved


async def test_a_setting_is_given_to_all_marked_layers(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("slash", *"mvau", "enter", "A", "m")
        await until(pilot, lambda: "for 9 marked layers" in screen_text(app))
        await pilot.press(*"restype", "enter")
        await until(pilot, lambda: "resType of 9 marked" in screen_text(app))
        await pilot.press(*"dsp", "enter")
        await until(pilot, lambda: "knobs and settings" in screen_text(app))
        await pilot.press("escape")
        tune = tune_of(app)
        mvaus = [layer.name for layer in tune.layers]
        assert len(mvaus) == 9
        assert {tune.editor.value(name, "resType") for name in mvaus} == {"dsp"}
        await pilot.press("u")
        assert not tune.editor.unsaved


async def test_a_value_that_moves_others_says_which(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        tune = tune_of(app)
        tune.go_to("Pool_hls_0")
        texts = [
            cells[0][0] + "|" + cells[-1][0]
            for cells in (row.cells for row in tune_knobs.values_content(tune, "PE").rows)
        ]
        assert "16|also ConvolutionInputGenerator_rtl_2 SIMD 16" in texts
        assert tune.set_named("PE", "16")
        assert values(app, "ConvolutionInputGenerator_rtl_2")["SIMD"] == 16
        assert not tune.set_named("PE", "17")
        assert tune.notice is not None and "is not legal. Legal values" in tune.notice.text


async def test_an_unusual_depth_is_priced_in_the_background(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    asked = []

    async def price(
        opened: Opened, on_progress: OnProgress = ignore, settings: object = None
    ) -> None:
        asked.append(opened.editor.folding.settings[LAYER]["outFIFODepths"])

    lab.price = price  # type: ignore[method-assign]
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("m")
        await until(pilot, lambda: "outFIFODepths" in screen_text(app))
        await pilot.press(*"outfifo", "enter")
        await until(pilot, lambda: "32768" in screen_text(app))
        await pilot.press(*"100", "enter")
        await until(pilot, lambda: asked)
        assert asked == [[100]]
        await pilot.press("escape")
        assert "without known cost" in screen_text(app)
