"""Preset files: those that ship, a user's own, and broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.models.handling import ConsentRequired, Handling, require_agreed
from finn_tui.lab.models.model_request import resolve
from finn_tui.lab.models.presets import load_presets, presets
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


def test_a_preset_names_files_beside_it_and_steps_that_need_consent(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "net.onnx").write_bytes(b"network")
    (folder / "mysteps.py").write_text("steps = []\n")
    (folder / "mine.toml").write_text(
        'name = "mine"\ntitle = "My net"\n[source]\nkind = "onnx"\npath = "net.onnx"\n'
        'steps = "mysteps.py"\n'
    )
    request = resolve(Workspace.open(tmp_path), "mine")
    assert request.source["path"] == str(folder / "net.onnx")
    with pytest.raises(ConsentRequired, match="nobody has agreed") as caught:
        require_agreed(request.source, None)
    require_agreed(request.source, lambda path, text: text == "steps = []\n")
    assert caught.value.text == "steps = []\n"
    require_agreed(request.source, None)  # once is enough
    (folder / "mysteps.py").write_text("steps = ['step_tidy_up']\n")
    with pytest.raises(ConsentRequired):
        require_agreed(request.source, None)
    # Another content of the steps is another model.
    assert resolve(Workspace.open(tmp_path), "mine").content != request.content


def test_a_workspace_names_the_steps_of_its_networks(tmp_path: Path) -> None:
    network, workspace = tmp_path / "net.onnx", Workspace.open(tmp_path)
    network.write_bytes(b"network")
    plain = resolve(workspace, str(network))
    assert "flow" not in plain.source and "steps" not in plain.source
    (tmp_path / "finn-tui.toml").write_text('steps = "residual"\n')
    assert resolve(Workspace.open(tmp_path), str(network)).source["flow"] == "residual"
    (tmp_path / "finn-tui.toml").write_text('steps = "mine.py"\n')
    with pytest.raises(FinnTuiError, match="cannot be read"):
        resolve(Workspace.open(tmp_path), str(network))
    (tmp_path / "mine.py").write_text("steps = []\n")
    request = resolve(Workspace.open(tmp_path), str(network))
    assert request.source["steps"]["path"] == str(tmp_path / "mine.py")
    # What is said where the model is opened wins, and can take it back.
    assert "steps" not in request.handled(Handling(steps="auto")).source
    assert request.handled(Handling(steps="auto")).content == plain.content
    assert request.handled(Handling(steps="extended")).source["flow"] == "extended"


def test_a_preset_with_flow_is_prepared_so(tmp_path: Path) -> None:
    request = resolve(Workspace.open(tmp_path), "residual-w4a4")
    assert request.source["flow"] == "residual"
    said = Handling.of(request.source)
    assert (said.steps, said.topk, said.preprocess) == ("residual", "1", "auto")
    assert not said.changed_from(said)
    changed = Handling("none", said.topk, said.input_type, "auto").changed_from(said)
    assert changed == Handling(preprocess="none", steps="auto")
    assert "flow" not in request.handled(changed).source
