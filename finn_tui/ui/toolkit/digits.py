"""Numbers in large digits, three lines high, as Textual's ``Digits`` draws them."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.renderables.digits import Digits


def digit_lines(number: str) -> tuple[str, str, str]:
    """Return a number as three lines; what is no digit stands small on the last one.

    Args:
        number: such as "1,552,641" or "91.75".
    """
    lines = ["", "", ""]
    row = 0
    for segment in Digits(number).render(Style(bold=True)):
        if not isinstance(segment, Segment):
            continue
        if segment.text == "\n":
            row += 1
        elif row < len(lines):
            lines[row] += segment.text
    return lines[0], lines[1], lines[2]
