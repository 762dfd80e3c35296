"""Where a deployment goes, as the plan before it says."""

from __future__ import annotations

import pytest

from finn_tui.board import catalogue
from finn_tui.board.catalogue import Board
from finn_tui.lab.builds.plans import board_outlook
from finn_tui.ui.dialogs.plan_text import board_facts


@pytest.mark.parametrize(
    ("board", "text"),
    [
        (Board("lab", "192.0.2.1", 2222), "xilinx@192.0.2.1:2222, folder finn-tui"),
        (Board("lab", "", url="http://192.0.2.1:9090"), "http://192.0.2.1:9090, folder finn-tui"),
        (Board("lab", "192.0.2.1", stand_in=True), "xilinx@192.0.2.1, folder finn-tui"),
    ],
)
def test_a_board_has_its_address(board: Board, text: str) -> None:
    catalogue.add(board)
    first, *others = board_facts(board_outlook("lab"))
    assert first[0] == text
    assert any("SIMULATED" in other for other, _ in others) is board.stand_in
    assert board_facts(board_outlook("simulated"))[0][0].endswith("simulated on this machine")
