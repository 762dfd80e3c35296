"""Boards: FINN's, the user's, and names that are almost right."""

from __future__ import annotations

from typing import Any

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.models.devices import device, devices
from finn_tui.lab.workspace import OwnBoard, Settings

INFO: dict[str, Any] = {
    "boards": {
        "Pynq-Z2": {
            "part": "xc7z020clg400-1",
            "resources": {"LUT": 53200, "FF": 106400, "BRAM_18K": 280, "URAM": 0, "DSP": 220},
        },
        "V80": {"part": "xcv80-lsva4737-2MHP-e-s", "resources": None},
    },
    "limits": {"LUT": 0.7, "FF": 0.5, "BRAM_18K": 0.8, "URAM": 0.8, "DSP": 0.8},
}


def test_finns_boards_have_parts_and_budgets() -> None:
    known = devices(INFO, Settings())
    assert known["Pynq-Z2"].budget["BRAM_18K"] == 280
    assert known["V80"].use("LUT", 10) is None


@pytest.mark.parametrize("typed", ["pynq-z2", "Pynq_Z2", "PYNQ-Z"])
def test_an_almost_right_name_is_answered_with_the_right_one(typed: str) -> None:
    with pytest.raises(FinnTuiError, match="did you mean Pynq-Z2"):
        device(INFO, Settings(), typed)


def test_a_users_board_wins() -> None:
    own_boards = {"Pynq-Z2": OwnBoard("xc7z010clg400-1", LUT=17600, BRAM_18K=120)}
    chosen = device(INFO, Settings(boards=own_boards), "Pynq-Z2")
    assert (chosen.part, chosen.budget["LUT"]) == ("xc7z010clg400-1", 17600)


def test_a_part_without_a_resource_can_hold_none_of_it() -> None:
    board = devices(INFO, Settings())["Pynq-Z2"]
    assert board.use("URAM", 0) == 0.0
    assert board.use("URAM", 1) == float("inf")
