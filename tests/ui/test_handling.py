"""How a network is handled: told and chosen in the app, and what failed is shown in Flow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.lab import consent
from finn_tui.lab.models.handling import ConsentRequired, Handling
from finn_tui.lab.models.models import FailedPreparation
from finn_tui.ui.dialogs.choose import ChooseDialog, Notice
from finn_tui.ui.dialogs.handling import HandlingDialog
from tests import data
from tests.ui.conftest import MakeApp, RecordedLab, opened, screen_text, tune_of, until

NOTE = "the first quantizer covers 0 to 1: the input is taken as UINT8 pixels / 255"


def record(lab: RecordedLab) -> None:
    """Have the recorded model say how it was handled."""
    path = lab.workspace.models_dir / "cnv-w1a1" / data.PART / "model.json"
    info = files.read_sealed(path)
    assert info is not None
    handling = {"preprocess": "divide-255", "file": None, "input_type": "UINT8", "topk": 1}
    files.write_sealed(path, {**info, "notes": [NOTE], "handling": handling, "flow": "default"})


async def test_one_key_tells_what_was_assumed_and_prepares_it_otherwise(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(lab)
    asked: list[Any] = []
    async with make_app().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        monkeypatch.setattr(
            app.models, "open_named", lambda *given, **named: asked.append((given, named))
        )
        await pilot.press("H")
        await until(pilot, lambda: isinstance(app.screen, HandlingDialog))
        text = screen_text(app)
        assert "the first quantizer covers 0 to 1" in text
        assert "auto" in text and "= divide-255" in text and "= UINT8" in text
        # Nothing is changed: nothing is done.
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, HandlingDialog))
        assert not asked
        await pilot.press("1", "H", "down", "down", "down", "enter")
        await until(pilot, lambda: type(app.screen) is ChooseDialog)
        await pilot.press(*"none", "enter")
        await until(pilot, lambda: isinstance(app.screen, HandlingDialog))
        assert "none" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: asked)
    assert asked == [(("cnv-w1a1",), {"handling": Handling(topk="none")})]


def failed(lab: RecordedLab, error: FinnTuiError) -> FailedPreparation:
    """The first stages of the recorded model, as if the next step had failed."""
    from finn_tui.lab.models.models import Model

    folder = lab.workspace.models_dir / "cnv-w1a1" / data.PART
    info = files.read_sealed(folder / "model.json")
    assert info is not None
    stages = Model("cnv-w1a1", folder, info, None).stages[:4]
    return FailedPreparation("net", folder, stages, (NOTE,), error)


async def test_a_preparation_that_failed_is_looked_at_and_tried_again(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = FinnTuiError(
        "FINN cannot build TopK_0 (TopK)",
        "finn-tui's own top-k gets FLOAT32.",
        "Leave the top-k out with --topk none; the host takes the largest output then",
    )
    wishes: list[Handling | None] = []
    async with make_app().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)

        async def refuse(model: str, *, handling: Handling | None = None, **_: Any) -> Any:
            wishes.append(handling)
            raise error

        async def left(model: str, **_: Any) -> FailedPreparation:
            return failed(lab, error)

        monkeypatch.setattr(lab, "open", refuse)
        monkeypatch.setattr(lab, "failed_preparation", left)
        app.models.open_named("net.onnx", handling=Handling(preprocess="none", topk="1"))
        await until(pilot, lambda: isinstance(app.screen, Notice))
        assert "stages that passed" in screen_text(app)
        await pilot.press("t")
        await until(pilot, lambda: len(wishes) == 2 and isinstance(app.screen, Notice))
        assert wishes[1] == Handling(preprocess="none", topk="none")
        await pilot.press("f")
        await until(pilot, lambda: app.current_mode == "flow")
        await until(pilot, lambda: "FAILED" in screen_text(app))
        text = screen_text(app)
        assert "TopK_0 (TopK)" in text and "then failed" in text
        # The graphs of these stages can be walked.
        await until(pilot, lambda: bool(app.state.flow.graphs))
        assert tune_of(app).opened.model.name == "cnv-w1a1"  # what was open stays open
        await pilot.press("escape")
        await until(pilot, lambda: "FAILED" not in screen_text(app))
        assert app.state.flow.failed is None


def no_room(digest: str, path: Path) -> None:
    raise FinnTuiError("the disk is full", "Nothing was written.", "Make room.")


async def test_a_file_of_steps_is_shown_before_it_runs(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    required = ConsentRequired(tmp_path / "mysteps.py", "ab" * 32, "steps = [my_own_step]\n")
    tries: list[str] = []
    async with make_app().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)

        async def refuse(model: str, **_: Any) -> Any:
            tries.append(model)
            raise required

        monkeypatch.setattr(lab, "open", refuse)
        app.models.open_named("net.onnx")
        await until(pilot, lambda: isinstance(app.screen, Notice))
        assert "Run mysteps.py?" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: "my_own_step" in screen_text(app))
        await pilot.press("escape")
        assert not consent.is_agreed(required.digest)
        app.models.open_named("net.onnx")
        await until(pilot, lambda: isinstance(app.screen, Notice))
        # A consent that cannot be kept is none.
        with monkeypatch.context() as full:
            full.setattr(consent, "agree", no_room)
            await pilot.press("y")
            await until(pilot, lambda: "the disk is full" in screen_text(app))
        assert len(tries) == 2
        await pilot.press("escape")
        app.models.open_named("net.onnx")
        await until(pilot, lambda: "Run mysteps.py?" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: len(tries) == 4)
        assert consent.is_agreed(required.digest)
