"""What is known of the board that is chosen: what the doctor said, or what it would say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.board.catalogue import REPLAY
from finn_tui.ui.dialogs.checks import SIGNS
from finn_tui.ui.state import BoardState
from finn_tui.ui.toolkit.styled_line import StyledLine, shorten, wrap

if TYPE_CHECKING:
    from finn_tui.board.doctor import DoctorReport

#: What the doctor examines, said before it has.
_EXAMINES = (
    ("image", "PYNQ image, Python, pynq and XRT"),
    ("FPGA", "the board's part against the build's"),
    ("driver", "FINN's driver, and whether it may run as root"),
    ("memory", "disk, memory and contiguous memory for the DMA"),
    ("clock", "the clock now, and the temperature"),
    ("users", "who else is logged in or uses the FPGA"),
)


def machine_text(machine: str) -> str:
    """Return a board's name for people: of a recorded session the file's name without its folder.

    Args:
        machine: as the settings have it.
    """
    return Path(machine).stem if machine.startswith(REPLAY) else machine


def board_lines(board: BoardState, width: int) -> list[StyledLine]:
    """Return what is known of the board: the doctor's checks, or what they would be.

    Args:
        board: the state of the screen.
        width: columns.
    """
    machine = board.machine
    report = board.reports.get(machine)
    title = StyledLine().add(f"Board {machine_text(machine)}", "head")
    if report is not None:
        return [
            title.add("  SIMULATED" if report.simulated else "", "sim"),
            *_checks(report, width),
        ]
    if machine.startswith(REPLAY):
        return [
            title,
            *wrap("What was recorded is said again; nothing of it is measured.", width, "dim"),
            *_ways(
                (
                    ("(", "board.replay-slower", "replays it more slowly"),
                    (")", "board.replay-faster", "faster, at last without pauses"),
                ),
                width,
            ),
        ]
    lines = [title, *_ways((("*", "board.doctor", "not examined yet; it would say:"),), width)]
    for name, text in _EXAMINES:
        line = StyledLine().add("   ? ", "faint").cell(name, 8, "dim")
        lines.append(line.add(shorten(text, width - line.width), "dim"))
    lines.append(StyledLine())
    lines += wrap(
        "A board with only a terminal in a browser: t, then `pasted`; a line is pasted there.",
        width,
        "dim",
    )
    lines += wrap("`finn-tui boards add NAME --host ADDRESS` names a board.", width, "dim")
    lines += _ways((("ctrl+r", "board.record", "records what is done on it"),), width)
    return lines


def _ways(ways: Sequence[tuple[str, str, str]], width: int) -> list[StyledLine]:
    lines = []
    for key, action, text in ways:
        line = StyledLine().add(f"{key} ", "key", action)
        lines.append(line.add(shorten(text, width - line.width), "dim", action))
    return lines


def _checks(report: DoctorReport, width: int) -> list[StyledLine]:
    """The doctor's checks of a board, each with its fix."""
    lines = []
    for check in report.checks:
        sign, _, role = SIGNS[check.status]
        line = StyledLine().add(f"{sign} ", role).cell(check.title, 17)
        lines.append(line.add(shorten(check.value, width - line.width), "dim"))
        if check.fix and check.status in ("fail", "warn"):
            lines += [StyledLine().add("    ").append(one) for one in wrap(check.fix, width - 4)]
    return lines
