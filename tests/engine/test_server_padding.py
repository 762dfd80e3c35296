"""Hardware-true padding: a small network of VGG9's kind, from Brevitas to the dataflow graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import Prepared, Talk

pytestmark = pytest.mark.engine

#: As VGG9: padding on the first convolutions, none on the last, pooling in between.
MINI = {
    "family": "conv",
    "input": [3, 10, 10],
    "input_bits": 8,
    "weight_bits": 1,
    "activation_bits": 1,
    "channels": [8, 8, 16],
    "pool": [False, True, False],
    "padding": [1, 1, 0],
    "fully_connected": [16],
    "classes": 10,
}


def source(**changes: Any) -> dict[str, Any]:
    """A source for ``prepare``; the weights are random."""
    return {
        "kind": "brevitas",
        "definition": {**MINI, **changes},
        "input": [1, 3, 10, 10],
        "topk": 1,
        "weights": {"kind": "random", "seed": 5},
    }


def checks(model: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The checks of the stages, by their names."""
    return {stage["name"]: stage["check"] for stage in model["stages"] if stage["check"]}


def test_a_network_padded_with_minus_1_is_its_hardware(server: Talk, tmp_path: Path) -> None:
    model = Prepared(server, tmp_path, source(), 1).model
    found = checks(model)
    assert {"export", "tidy_up", "streamline", "minimize_bit_width"} <= set(found)
    for name, check in found.items():
        # "same" is against Brevitas' own forward, "outputs" against the exported graph.
        assert check["same"] == check["images"] == 20, name
        assert check["outputs"] in (None, 20), name
    assert not model["warnings"]
    assert model["stages"][-1]["op_types"]["FMPadding_rtl"] == 2


def test_one_padded_with_zeros_is_not_and_the_stage_is_named(server: Talk, tmp_path: Path) -> None:
    model = Prepared(server, tmp_path, source(padding_value=0), 1).model
    found = checks(model)
    assert found["tidy_up"]["same"] == 20 > found["streamline"]["same"]
    (warning,) = [each for each in model["warnings"] if each["kind"] == "classes"]
    assert warning["stage"] == "streamline" and "padded" in warning["why"]


def test_activations_of_2_bits_have_a_zero(server: Talk, tmp_path: Path) -> None:
    model = Prepared(server, tmp_path, source(activation_bits=2), 1).model
    assert all(check["same"] == 20 for check in checks(model).values())
    assert not model["warnings"]
