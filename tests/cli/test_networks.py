"""`presets` and `export`: networks by name, and a network of one's own without Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from finn_tui.cli import main
from tests.cli.conftest import Cli

MINI = """
name = "mini"
title = "as VGG9, smaller"
[network]
family = "conv"
input = [3, 10, 10]
classes = 10
weight_bits = 1
activation_bits = 1
cnv_py = '''
CNV_OUT_CH_POOL = [(8, False, 1), (8, True, 1), (16, False, 0)]
INTERMEDIATE_FC_FEATURES = [(16*9, 16)]
LAST_FC_IN_FEATURES = 16
'''
"""


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with a preset in the workspace."""
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "mini.toml").write_text(MINI)
    return {"FINN_TUI_WORKSPACE": str(tmp_path)}


def test_a_preset_is_copied_changed_and_shown(cli: Cli, own: dict[str, str]) -> None:
    done = cli("presets", "copy", "vgg9-w1a1", "wide", env=own)
    assert done.code == 0, done.err
    path = Path(done.out.strip())
    assert path == Path(own["FINN_TUI_WORKSPACE"]) / "presets" / "wide.toml"
    path.write_text(path.read_text().replace("[1, 1, 1, 1, 1, 0, 0]", "[1, 1, 1, 1, 1, 1, 0]"))
    shown = cli("presets", "show", "wide", "--json", env=own).json
    assert [row["output"] for row in shown["layers"] if row["name"] == "conv 7"] == [[256, 2, 2]]
    assert cli("presets", "copy", "mini", "wide", env=own).code == 2
    path.write_text(path.read_text().replace("[1, 1, 1, 1, 1, 1, 0]", "[0, 0, 0, 0, 0, 0, 0]"))
    broken = cli("presets", "show", "wide", env=own)
    assert broken.code == 2
    assert "wide.toml" in broken.err and "The shapes up to there" in broken.err
    listed = cli("presets", "list", env=own)
    assert "mini" in listed.out and "damaged" in listed.out and "wide" in listed.out


def test_a_changed_copy_of_a_published_network_is_another_network(
    cli: Cli, own: dict[str, str]
) -> None:
    path = Path(cli("presets", "copy", "tfc-w1a1", "slim", env=own).out.strip())
    from finn_tui.lab.models.presets import read_preset

    assert read_preset(path).source["network"] == "tfc_1w1a"
    path.write_text(path.read_text().replace("[64, 64, 64]", "[64, 32, 64]"))
    source = read_preset(path).source
    assert "network" not in source and source["definition"]["fully_connected"] == [64, 32, 64]
    assert source["train"] == {"dataset": "digits28"}


@pytest.mark.engine
@pytest.mark.usefixtures("engine_python")
def test_an_export_is_prepared_as_the_preset_is(
    cli: Cli, own: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "mini.onnx"
    answer = cli("export", "mini", "--out", str(file), "--json", env=own).json
    assert answer["padding"] == {"layers": [2], "value": -1} and file.is_file()
    assert answer["weights"]["kind"] == "random"
    # The file has zero padding, as FINN wants it; it says what the network was trained with.
    done = cli("prepare", str(file), "--json", env=own)
    assert done.code == 0, done.err
    assert not done.json["warnings"]
    assert all(stage["check"]["same"] == 20 for stage in done.json["stages"] if stage["check"])
    again = cli("export", str(file), env=own)
    assert again.code == 2 and "is a graph already" in again.err


@pytest.mark.parametrize(
    "command", [("train",), ("evaluate",), ("export",), ("presets", "show"), ("explain",)]
)
def test_a_name_of_several_lines_is_told_in_one(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, [*command, "no\nfile\x1b[31m\x1b]0;title\x07"])
    assert done.exit_code == 2, done.output
    first, *rest = done.stderr.splitlines()
    assert first.startswith("error: ") and "no file" in first and rest
    assert "\x1b" not in done.stderr and "\x07" not in done.stderr
