"""Preset files: those that ship, a user's own, and broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.models import resolve
from finn_tui.lab.presets import load_presets, presets
from finn_tui.lab.workspace import Workspace

MINE = 'name = "mine"\ntitle = "My net"\n[source]\nkind = "brevitas"\n'


@pytest.fixture
def folder() -> Path:
    """The user's folder of presets."""
    folder = paths.config_dir() / "presets"
    folder.mkdir(parents=True)
    return folder


def test_presets_that_ship_are_sound() -> None:
    known, broken = load_presets()
    assert not broken and "published" in known["tfc-w1a1"].foldings
    assert known["tfc-w1a1"].references[0]["unit"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "Line 1"),
        (MINE.replace("title", "titel"), "did you mean title?"),
        (MINE.replace('"mine"', '"../mine"'), "name = '../mine' is not valid"),
        (MINE + "[foldings.fast]\nmvau = 3\n", "line 6: foldings.fast.mvau = 3 is not valid"),
        (MINE + "[foldings.fast]\nmvau = [[1, 2.5]]\n", "foldings.fast.mvau = [[1, 2.5]] is not"),
        (MINE + "[foldings.fast]\n", "has no mvau"),
        (MINE + "[[reference]]\nwhat = 'fps'\n", "has no value"),
        ("[source]\n", "has no name"),
    ],
)
def test_a_broken_preset_is_named_and_leaves_the_others(
    folder: Path, tmp_path: Path, text: str, message: str
) -> None:
    (folder / "mine.toml").write_text(text)
    (folder / "good.toml").write_text(MINE.replace("mine", "good"))
    assert {"good", "tfc-w1a1"} <= set(presets())
    workspace = Workspace.open(tmp_path)
    assert resolve(workspace, "good").name == "good"
    with pytest.raises(FinnTuiError) as caught:
        resolve(workspace, "mine")
    assert message in str(caught.value) and "mine.toml" in caught.value.what


def test_a_broken_preset_is_not_answered_by_the_one_that_it_replaces(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "tfc-w1a1.toml").write_text("name = ")
    with pytest.raises(FinnTuiError, match=r"tfc-w1a1\.toml"):
        resolve(Workspace.open(tmp_path), "tfc-w1a1")


def test_a_text_among_the_numbers_of_a_folding_is_no_depth(folder: Path) -> None:
    (folder / "mine.toml").write_text(MINE + "[foldings.a]\nmvau = [[1, 1, 'auto'], [1, 1, 7]]\n")
    assert presets()["mine"].fifo_depths == (7,)


def test_published_figures_name_what_they_are_and_who_published_them() -> None:
    published = presets()["cnv-w1a1"].published
    assert (
        "throughput measured, 100 MHz: 3,020.5 images/s (published for the lab's folding on "
        "Pynq-Z1/Z2)"
    ) in published
    assert not any("[" in text for text in published), "lists of cycles are not figures"
