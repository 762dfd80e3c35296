"""What a board adds to a transport of ``hosts``: which board it is, and sudo there.

``connection`` opens one: SSH or what else the board has.
"""

from __future__ import annotations

from typing import Protocol

from finn_tui.board.catalogue import Board
from finn_tui.hosts import transport


class Transport(transport.Transport, Protocol):
    """An open connection to a board.

    Attributes:
        board: which one.
        sudo_password: given to ``sudo`` on the board; never stored.
    """

    board: Board
    sudo_password: str | None
