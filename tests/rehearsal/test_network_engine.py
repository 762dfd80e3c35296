"""Our computation of a design against FINN's own, on the real networks of the lab."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.engine

NETWORKS = ("tfc_1w1a", "tfc_1w2a", "tfc_2w2a", "cnv_1w1a", "cnv_1w2a", "cnv_2w2a", "layers")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def compared(engine_python: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("networks")
    script = Path(__file__).with_name("engine_network.py")
    done = subprocess.run(
        [engine_python, str(script), str(folder), *NETWORKS, "floats", "fifos", "unknown"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {answer["network"]: answer for answer in answers}


@pytest.mark.parametrize("name", NETWORKS)
def test_bit_for_bit_as_finn(compared: dict[str, Any], name: str) -> None:
    assert compared[name]["same_scores"]
    assert compared[name]["same_classes"]
    assert len(set(compared[name]["classes"])) > 1, "images that all look alike prove little"


def test_floating_point_and_several_outputs_as_finn(compared: dict[str, Any]) -> None:
    answer = compared["floats"]
    assert answer["same"] == [True, True]
    assert answer["types"] == ["int64", "float32"]
    assert min(answer["different"]) > 10, "outputs that are all alike prove little"


def test_each_input_of_a_layer_has_a_fifo_depth(compared: dict[str, Any]) -> None:
    """FINN's builder stops with an IndexError at a network's second input otherwise."""
    assert compared["fifos"]["depths"] == [2, 2]


def test_a_layer_that_cannot_be_computed_is_named(compared: dict[str, Any]) -> None:
    assert "HWSoftmax_0" in compared["unknown"]["what"]
    assert compared["unknown"]["kind"] == "input"
