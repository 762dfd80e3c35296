"""What a theme makes of a role: one table, looked up once a theme and ground.

Textual's component classes would do the same, at the price of one style sheet look-up for each role
and widget when a screen opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.style import Style
from textual.color import Color


@dataclass(frozen=True)
class Ink:
    """A role's looks.

    Attributes:
        color: name of a theme colour; empty leaves the one around it.
        alpha: how much of it is laid over the ground.
        ground: name of the theme colour behind it; empty leaves the one around it.
    """

    color: str = ""
    alpha: float = 1.0
    bold: bool = False
    ground: str = ""


INKS: Mapping[str, Ink] = {
    "dim": Ink("foreground", 0.65),
    "faint": Ink("foreground", 0.35),
    "quiet": Ink("foreground", 0.8),
    "head": Ink("foreground", 0.65),
    "strong": Ink(bold=True),
    "title": Ink("primary", bold=True),
    "accent": Ink("accent"),
    "good": Ink("success"),
    "warn": Ink("warning"),
    "bad": Ink("error", bold=True),
    "bar": Ink("primary", 0.75),
    "bar-ii": Ink("accent"),
    "ii": Ink("accent", bold=True),
    "key": Ink("primary", bold=True),
    "sim": Ink("warning", bold=True),
    "edit": Ink("background", bold=True, ground="primary"),
    "mode": Ink("background", bold=True, ground="primary"),
    "cursor": Ink(ground="panel"),
    "cursor-blur": Ink(ground="surface"),
}


def style(variables: Mapping[str, str], ground: Color, base: str, role: str) -> Style:
    """The style of a role on a line.

    Args:
        variables: the theme's colours by name.
        ground: what the widget stands on.
        base: role of the whole line, or empty.
    """
    behind = ground
    if base and INKS[base].ground:
        behind = _over(behind, Color.parse(variables[INKS[base].ground]))
    ink = INKS[role] if role else Ink()
    if ink.ground:
        behind = _over(behind, Color.parse(variables[ink.ground]))
    color = Color.parse(variables[ink.color or "foreground"])
    # The terminal's own colours cannot be mixed: what would be paler is drawn dim there.
    mixed = color.ansi is None and behind.ansi is None
    if mixed and ink.alpha < 1:
        color = behind + color.with_alpha(color.a * ink.alpha)
    return Style(
        color=(behind + color if mixed else color).rich_color,
        bgcolor=behind.rich_color,
        bold=ink.bold or None,
        dim=True if not mixed and ink.alpha < 0.7 else None,
        reverse=True if not mixed and (base == "cursor" or role in ("edit", "mode")) else None,
    )


def _over(below: Color, above: Color) -> Color:
    return above if above.ansi is not None or below.ansi is not None else below + above
