"""Every key of the Tune screen, and the mouse, on recorded CNV-w1a1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from textual.events import Key, MouseScrollUp, Paste
from textual.pilot import Pilot

from finn_tui.core.folding import finn_json
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.dialogs.choose import ChooseDialog
from finn_tui.ui.dialogs.choose import Notice as Dialog
from finn_tui.ui.dialogs.handling import HandlingDialog
from finn_tui.ui.state import Topic
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.text_input import TextInput
from tests.core.migrate.test_migrate import renamed
from tests.ui.conftest import MakeApp, RecordedLab, opened, screen_text, tune_of, until

SIZE = (120, 40)


def values(app: FinnTuiApp, layer: str) -> dict[str, object]:
    return dict(tune_of(app).editor.folding.values[layer])


async def test_published_folding_shows_the_published_numbers(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        text = screen_text(app)
        assert "II 32,768 cycles   3,052 fps at 100 MHz" in text
        assert tune_of(app).editor.estimate.fps == pytest.approx(3051.7578125)
        # The cursor begins on the layer that holds the II, which carries its mark.
        assert tune_of(app).layer is not None
        assert tune_of(app).layer.name == "MVAU_hls_6"  # type: ignore[union-attr]
        marked = [line for line in text.splitlines() if line.rstrip()[:-20].rstrip().endswith("II")]
        assert len([line for line in text.splitlines() if "█ II" in line]) == 2, marked


async def test_plus_and_minus_step_through_legal_values_and_back(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("plus")
        assert values(app, "MVAU_hls_6")["PE"] == 2
        assert "PE 1 → 2" in screen_text(app)
        assert "unsaved: 1 change against published" in screen_text(app)
        await pilot.press("equals_sign")
        assert values(app, "MVAU_hls_6")["PE"] == 4
        await pilot.press("minus", "underscore")
        assert values(app, "MVAU_hls_6")["PE"] == 1
        assert "unsaved" not in screen_text(app)
        await pilot.press("minus")
        assert "PE 1 is the smallest legal value here" in screen_text(app)


async def test_knobs_are_chosen_by_arrows_and_letters(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        seen = []
        for key in ("right", "right", "l", "left", "left", "h"):
            await pilot.press(key)
            seen.append(tune_of(app).chosen_knob.name)  # type: ignore[union-attr]
        assert seen == ["SIMD", "ram_style", "PE", "ram_style", "SIMD", "PE"]
        await pilot.press("right", "right", "plus")
        assert values(app, "MVAU_hls_6")["ram_style"] == "block"


async def test_undo_and_redo_go_back_to_the_layer_that_changed(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("plus", "g", "minus", "u")
        assert tune_of(app).layer.name == "Thresholding_rtl_0"  # type: ignore[union-attr]
        await pilot.press("u")
        assert tune_of(app).layer.name == "MVAU_hls_6"  # type: ignore[union-attr]
        assert not tune_of(app).editor.unsaved
        await pilot.press("ctrl+r")
        assert values(app, "MVAU_hls_6")["PE"] == 2
        assert "redone: MVAU_hls_6 PE 1 → 2" in screen_text(app)


async def test_what_moves_with_a_coupling_is_said(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        tune_of(app).go_to("Pool_hls_0")
        await pilot.press("minus")
        assert values(app, "Pool_hls_0")["PE"] == 16
        assert values(app, "ConvolutionInputGenerator_rtl_2")["SIMD"] == 16
        notice = "coupled: ConvolutionInputGenerator_rtl_2 SIMD 32 → 16"
        assert notice in screen_text(app)


async def test_enter_lists_all_values_and_a_typed_one_is_taken(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "1 now" in screen_text(app))
        text = screen_text(app)
        for value in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512):
            assert f" {value} " in text
        assert "+17,425" in text
        await pilot.press("7", "enter")
        assert "PE = 7 is not legal here. Legal values: 1, 2, 4, 8, 16, 32, 64," in screen_text(app)
        assert isinstance(app.screen, ChooseDialog)
        await pilot.press("backspace", "1", "6", "enter")
        await until(pilot, lambda: not isinstance(app.screen, ChooseDialog))
        assert values(app, "MVAU_hls_6")["PE"] == 16


async def test_escape_leaves_the_value(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("enter", "down", "down", "escape")
        await until(pilot, lambda: not isinstance(app.screen, ChooseDialog))
        assert values(app, "MVAU_hls_6")["PE"] == 1


async def test_arrows_and_enter_choose_a_value(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "1 now" in screen_text(app))
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: not isinstance(app.screen, ChooseDialog))
        assert values(app, "MVAU_hls_6")["PE"] == 4


async def test_bottleneck_key_goes_round_the_layers_that_hold_the_ii(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("g", "i")
        assert tune_of(app).layer.name == "MVAU_hls_6"  # type: ignore[union-attr]
        await pilot.press("i")
        assert tune_of(app).layer.name == "MVAU_hls_7"  # type: ignore[union-attr]


async def test_letters_that_come_with_the_slash_are_the_filter(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        # All at once, as over a slow line: none of them is taken for a command.
        for letter in "/swg":
            app.post_message(Key("slash" if letter == "/" else letter, letter))
        await until(pilot, lambda: "/swg" in screen_text(app))
        assert len(tune_of(app).layers) == 8


async def test_filter_narrows_and_escape_takes_it_away(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("slash", *"swg")
        assert "/swg" in screen_text(app)
        assert len(tune_of(app).layers) == 8
        await pilot.press("enter")
        assert "/swg  8 of 21" in screen_text(app)
        # The letters are keys again.
        await pilot.press("down", "plus")
        await pilot.press("escape")
        assert len(tune_of(app).layers) == 21
        await pilot.press("slash", "exclamation_mark", *"mvau")
        assert len(tune_of(app).layers) == 12
        await pilot.press("q", "escape")
        assert len(tune_of(app).layers) == 21


async def test_saving_writes_finns_json_and_takes_the_mark_away(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("plus", "w", *"mine", "enter")
        path = lab.workspace.foldings_dir / "mine.json"
        await until(pilot, path.exists)
        assert json.loads(path.read_text())["MVAU_hls_6"]["PE"] == 2
        assert not tune_of(app).editor.unsaved
        assert tune_of(app).folding_name == "mine"
        assert "unsaved" not in screen_text(app)


async def test_a_typed_name_is_the_name_and_not_a_filter(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    other = lab.workspace.save_folding("lab-2", {"Defaults": {}})
    before = other.read_bytes()
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("plus", "w", *"lab")
        assert "= new saved folding" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, (lab.workspace.foldings_dir / "lab.json").exists)
        assert tune_of(app).saved_name == "lab"
    assert other.read_bytes() == before


async def test_replacing_another_saved_folding_asks(make_app: MakeApp, lab: RecordedLab) -> None:
    other = lab.workspace.save_folding("lab-2", {"Defaults": {}})
    before = other.read_bytes()
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("plus", "w", *"lab-2")
        assert "overwrites another saved folding" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: "Replace the saved folding lab-2?" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Dialog))
        assert other.read_bytes() == before
        assert tune_of(app).editor.unsaved
        # The cursor's row is another folding as well.
        await pilot.press("w", "down", "enter")
        await until(pilot, lambda: "Replace the saved folding lab-2?" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: tune_of(app).saved_name == "lab-2")
        assert json.loads(other.read_text())["MVAU_hls_6"]["PE"] == 2
        # It is the loaded one now: that it is saved again needs no question, and no typing.
        await pilot.press("plus", "w", "enter")
        await until(pilot, lambda: not tune_of(app).editor.unsaved)
        assert json.loads(other.read_text())["MVAU_hls_6"]["PE"] == 4
        # Unless somebody else has written it meanwhile.
        lab.workspace.save_folding("lab-2", {"Defaults": {}})
        await pilot.press("plus", "w", "enter")
        await until(pilot, lambda: "Its file was changed since it was loaded" in screen_text(app))
        await pilot.press("escape")


async def paste(pilot: Pilot[Any], text: str) -> None:
    """Paste into the text field and wait until it has it."""
    field = pilot.app.screen.query_one(TextInput)
    pilot.app.post_message(Paste(text))
    await until(pilot, lambda: field.value == text)


async def test_a_folding_file_is_loaded_by_its_typed_path(
    make_app: MakeApp, lab: RecordedLab, tmp_path: Path
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        editor = tune_of(app).editor
        wanted = editor.step("MVAU_hls_6", "SIMD", 1)
        assert wanted is not None
        path = tmp_path / "elsewhere" / "v1.2.json"
        path.parent.mkdir()
        path.write_text(json.dumps(finn_json.to_json(editor.design, wanted.folding)))
        editor.undo()
        for key in ("f", "C"):
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
            await paste(pilot, f"{path.parent}/")  # every typed key waits for its frame
            await pilot.press(*"none", "enter")
            await until(pilot, lambda: "no file" in screen_text(app))
            await pilot.press("ctrl+u")
            await paste(pilot, f"{path.parent}/")
            await pilot.press("v")
            await until(pilot, lambda: app.screen.query_one(TextInput).suggestion)
            await pilot.press("tab")
            assert app.screen.query_one(TextInput).value == str(path)
            await pilot.press("enter")
            await until(pilot, lambda: not isinstance(app.screen, ChooseDialog))
        assert tune_of(app).folding_name == "v1.2"
        assert tune_of(app).comparing_with == "v1.2"
        assert editor.folding == wanted.folding


async def test_a_path_is_typed_and_pasted_into_open(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"")
    asked: list[str] = []
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        monkeypatch.setattr(app.models, "open_named", lambda model, *_, **__: asked.append(model))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        await paste(pilot, str(path)[:-4])
        await pilot.press(*"onnx", "enter")
        # A file is asked about first: how its input and output are handled.
        await until(pilot, lambda: isinstance(app.screen, HandlingDialog))
        await pilot.press("enter")
        await until(pilot, lambda: asked)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        app.post_message(Paste(f"{path}\n"))
        await until(pilot, lambda: app.screen.query_one(TextInput).value == str(path))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, HandlingDialog))
        await pilot.press("enter")
        await until(pilot, lambda: len(asked) == 2)
        # The row under the cursor is taken, not the letters that left it.
        await pilot.press("o", *"cnv-w1", "enter")
        await until(pilot, lambda: len(asked) == 3)
    assert asked == [str(path), str(path), "cnv-w1a1"]


async def test_a_name_of_a_preset_is_refused_with_the_reason(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("plus", "w", *"published", "enter")
        await until(pilot, lambda: "hidden behind that one." in screen_text(app))
        assert tune_of(app).editor.unsaved


async def test_foldings_are_listed_with_what_they_give_and_loaded(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("f")
        await until(
            pilot, lambda: isinstance(app.screen, ChooseDialog) and "preset" in screen_text(app)
        )
        assert "3,052" in screen_text(app)
        await pilot.press("up", "enter")
        await until(pilot, lambda: tune_of(app).folding_name == "ones")
        assert values(app, "MVAU_hls_0")["PE"] == 1
        await pilot.press("u")
        assert values(app, "MVAU_hls_0")["PE"] == 16


async def test_a_folding_for_another_model_changes_nothing(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    lab.workspace.save_folding("other", {"Defaults": {}, "MVAU_hls_77": {"PE": 1}})
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        before = tune_of(app).editor.folding
        await pilot.press("f")
        await until(
            pilot, lambda: isinstance(app.screen, ChooseDialog) and "other" in screen_text(app)
        )
        await pilot.press(*"other", "enter")
        await until(pilot, lambda: "does not have: MVAU_hls_77" in screen_text(app))
        assert tune_of(app).editor.folding == before
        await pilot.press("escape")


async def test_a_folding_of_another_finn_is_offered_with_how_it_would_be_read(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        editor = tune_of(app).editor
        wanted = editor.step("MVAU_hls_6", "SIMD", 1)
        assert wanted is not None
        document = finn_json.to_json(editor.design, wanted.folding)
        older = {"MVAU_hls": "StreamingFCLayer_Batch", "Pool_hls": "Pool_Batch"}
        lab.workspace.save_folding("old", renamed(document, older))
        editor.undo()
        await pilot.press("f")
        await until(
            pilot, lambda: isinstance(app.screen, ChooseDialog) and "old" in screen_text(app)
        )
        await pilot.press(*"old", "enter")
        await until(pilot, lambda: "old was written for another FINN version" in screen_text(app))
        assert "21 of 21 entries find their layer" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: "StreamingFCLayer_Batch_0 > MVAU_hls_0" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Dialog))
        assert tune_of(app).folding_name == "published"
        await pilot.press("f")
        await until(
            pilot, lambda: isinstance(app.screen, ChooseDialog) and "old" in screen_text(app)
        )
        await pilot.press(*"old", "enter")
        await until(pilot, lambda: "old was written for another FINN version" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: tune_of(app).folding_name == "old")
        assert tune_of(app).editor.folding == wanted.folding


async def test_a_clock_is_chosen_or_typed(make_app: MakeApp, lab: RecordedLab) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("p", *"200 MHz", "enter")
        await until(pilot, lambda: tune_of(app).editor.clock_ns == 5.0)
        assert "200 MHz" in screen_text(app)
        assert lab.workspace.settings.clock_ns == 5.0
        # A number alone is the faster clock of the two that it could be, and that is said.
        await pilot.press("p", *"100")
        assert "= 10 ns (100 MHz)" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: tune_of(app).editor.clock_ns == 10.0)
        await pilot.press("p", "5", "enter")
        await until(pilot, lambda: tune_of(app).editor.clock_ns == 5.0)
        await pilot.press("p", "0", "enter")
        await until(pilot, lambda: "clock period 0 ns is out of range" in screen_text(app))
        await pilot.press("escape")
        assert tune_of(app).editor.clock_ns == 5.0


async def test_another_board_of_the_same_part(make_app: MakeApp, lab: RecordedLab) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("t")
        await until(
            pilot, lambda: isinstance(app.screen, ChooseDialog) and "Pynq-Z1" in screen_text(app)
        )
        await pilot.press(*"z1", "enter")
        await until(
            pilot,
            lambda: app.state.tune is not None and tune_of(app).editor.device.board == "Pynq-Z1",
        )
        assert lab.workspace.settings.board == "Pynq-Z1"


async def test_unsaved_changes_that_cannot_be_kept_are_not_lost_without_a_question(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    # A file where the folder should be, as a full or read-only disk would have it.
    (lab.workspace.root / "working").write_text("")
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("plus")
        await until(
            pilot, lambda: [n.title for n in app._notifications] == ["folding not kept on disk"]
        )
        await pilot.press("q")
        await until(pilot, lambda: "The folding has changes that are not saved" in screen_text(app))
        await pilot.press("escape", "o", *"tfc-w1a1", "enter")
        await until(pilot, lambda: "The folding has changes that are not saved" in screen_text(app))
        await pilot.press("escape")
        assert tune_of(app).opened.model.name == "cnv-w1a1"
        await pilot.press("o", *"tfc-w1a1", "enter")
        await until(pilot, lambda: "The folding has changes that are not saved" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: tune_of(app).opened.model.name == "tfc-w1a1")


async def test_over_budget_is_a_word(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        tune_of(app).go_to("MVAU_hls_5")
        tune_of(app).set(256)
        app.state.publish(Topic.MODEL)
        await pilot.pause()
        estimate = tune_of(app).editor.estimate
        share = (estimate.total["LUT"] + estimate.infrastructure.total()["LUT"]) / 53200
        assert share > 1
        assert f"{share:.0%} OVER by " in screen_text(app)


# The mouse


def pane_at(app: FinnTuiApp, text: str) -> tuple[int, int]:
    """Where a text stands on the screen."""
    for y, line in enumerate(screen_text(app).splitlines()):
        if text in line:
            return line.index(text), y
    raise AssertionError(f"{text!r} is not on the screen")


async def test_clicks_choose_layers_knobs_and_step(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        x, y = pane_at(app, "MVAU 1 ")
        await pilot.click(offset=(x + 2, y))
        assert tune_of(app).layer.name == "MVAU_hls_1"  # type: ignore[union-attr]
        x, y = pane_at(app, "‹32›")
        await pilot.click(offset=(x, y))
        assert values(app, "MVAU_hls_1")["PE"] == 16
        x, y = pane_at(app, "‹16›")
        await pilot.click(offset=(x + 3, y))
        assert values(app, "MVAU_hls_1")["PE"] == 32
        await pilot.click(offset=(x + 1, y))
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        await pilot.press("escape")


async def test_the_wheel_turns_the_chosen_knob_and_scrolls_elsewhere(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        x, y = pane_at(app, "‹1›")
        left = app.screen.query_one("#left", LineView)
        origin = left.region.offset
        await pilot._post_mouse_events(
            [MouseScrollUp],
            left,
            offset=(x + 1 - origin.x, y - origin.y),
        )
        assert values(app, "MVAU_hls_6")["PE"] == 2
        top = tune_of(app).window.top
        await pilot._post_mouse_events(
            [MouseScrollUp],
            left,
            offset=(2, 3),
        )
        assert tune_of(app).window.top == max(0, top - 3)


async def test_the_top_line_and_the_key_line_are_buttons(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(160, 40)) as pilot:
        app = await opened(pilot)
        x, y = pane_at(app, "3 Runs")
        await pilot.click(offset=(x, y))
        await until(pilot, lambda: app.current_mode == "runs")
        x, y = pane_at(app, "2 Tune")
        await pilot.click(offset=(x, y))
        await until(pilot, lambda: app.current_mode == "tune")
        await pilot.press("plus")
        x, y = pane_at(app, "u undo")
        await pilot.click(offset=(x, y))
        assert not tune_of(app).editor.unsaved
