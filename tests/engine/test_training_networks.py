"""Networks from a definition: Brevitas' own but for the value of padded pixels."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import ROOT

pytestmark = pytest.mark.engine


def run_check(engine_python: str, name: str, folder: Path) -> Any:
    """What a script beside this one prints in the engine's Python."""
    done = subprocess.run(
        [engine_python, str(Path(__file__).with_name(name))],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def facts(engine_python: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What ``check_networks.py`` found; one process, for torch takes seconds to import."""
    return run_check(engine_python, "check_networks.py", tmp_path_factory.mktemp("networks"))


def test_a_definition_of_a_published_network_computes_what_brevitas_does(facts: Any) -> None:
    assert facts["tfc"] == facts["cnv"] == 0.0


def test_a_padded_pixel_of_bipolar_activations_is_minus_1_and_0_in_the_export(facts: Any) -> None:
    # In the corner 4 of 9 places of a 3x3 kernel lie inside, on each of 8 channels.
    assert facts["minus"] == [8 * (4 - 5), 8 * 4]
    assert facts["zero"] == [8 * 4, 8 * 4]
    assert (facts["default"], facts["ternary"]) == (-1, 0)


def test_an_export_has_zero_padding_and_is_run_as_the_hardware_pads(facts: Any) -> None:
    hardware, as_written = facts["export"]
    assert hardware < 1e-4 < as_written
    hardware, as_written = facts["zero_export"]
    assert as_written < 1e-4 < hardware


def test_weights_are_clipped(facts: Any) -> None:
    assert facts["clipped"] == 1.0


def test_the_layers_are_described_with_their_shapes(facts: Any) -> None:
    layers = facts["layers"]
    ops = ["QuantConv2d", "QuantConv2d", "MaxPool2d", *["QuantLinear"] * 3]
    assert [layer["op"] for layer in layers] == ops
    assert layers[2]["output"] == [8, 4, 4] and layers[3]["input"] == [128]
    # The input has 8 bits and a 0 of its own.
    assert [layer["padding_value"] for layer in layers[:2]] == [0.0, -1.0]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("shapes", "3x4x4 -> "),
        ("classes", "classes = True"),
        ("key", "the key = 'clases'"),
        ("lists", "pool = [True]. It must be a list of 2"),
        ("text", "the definition = 'conv'"),
    ],
)
def test_what_cannot_be_built_is_explained(facts: Any, case: str, message: str) -> None:
    assert message in facts[case]


def test_files_with_weights(engine_python: str, tmp_path: Path) -> None:
    found = run_check(engine_python, "check_weight_files.py", tmp_path)
    assert found["read"] == [True, True, True]
    ours, zero, best = found["padding"]
    assert ours == [-1, "ours.pt"]
    assert zero[0] == 0 and "trained with padding 0" in zero[1]
    # Brevitas' own trainer pads with zeros and does not say so.
    assert best[0] == 0 and "Brevitas' trainer pads with 0" in best[1]
    said = found["said"]
    assert "cannot be read" in said["trap.pt"] and "cannot be read" in said["text.pt"]
    assert "holds no weights. It holds a list" in said["list.pt"]
    assert (
        "It has no state_dict" in said["empty.pt"] and "There is no checkpoint" in said["gone.pt"]
    )
    assert "conv_features.4.weight is 8x8x3x3 in the file and 16x8x3x3" in found["misfit"]
    loaded, refused = found["restricted"]
    assert loaded == ["conv_features.1.weight"] and "which is no weight" in refused
    assert not found["ran"], "a checkpoint has run code"
