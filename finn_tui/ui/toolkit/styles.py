"""Styles of the roles under a theme, computed once for each theme and background.

Textual's component classes would do the same, at the price of one style sheet look-up for each role
and widget when a screen opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.style import Style
from textual.color import Color


@dataclass(frozen=True)
class Styles:
    """The style of a role.

    Attributes:
        color: name of a theme colour; empty leaves the one around it.
        alpha: how much of it is laid over the ground.
        ground: name of the theme colour behind it; empty leaves the one around it.
    """

    color: str = ""
    alpha: float = 1.0
    bold: bool = False
    ground: str = ""


STYLES: Mapping[str, Styles] = {
    "dim": Styles("foreground", 0.7),
    "faint": Styles("foreground", 0.5),
    "quiet": Styles("foreground", 0.8),
    "head": Styles("foreground", 0.7),
    "strong": Styles(bold=True),
    "title": Styles("primary", bold=True),
    "accent": Styles("accent"),
    "good": Styles("success"),
    "warn": Styles("warning"),
    "bad": Styles("error", bold=True),
    "bar": Styles("primary", 0.75),
    "bar-ii": Styles("accent"),
    "ii": Styles("accent", bold=True),
    "key": Styles("primary", bold=True),
    "sim": Styles("warning", bold=True),
    "edit": Styles("background", bold=True, ground="primary"),
    "match": Styles("background", ground="accent"),
    "mode": Styles("background", bold=True, ground="primary"),
    "cursor": Styles(ground="panel"),
    "cursor-blur": Styles(ground="surface"),
}

#: What is no text, or may be hard to read: rules, tracks, keys that cannot be used now.
_STAND_BACK = frozenset({"faint", "bar", "bar-ii"})
#: The least contrast of a text with what is behind it, as WCAG 2 has it.
_LEAST_CONTRAST = 4.5


def _luminance(color: Color) -> float:
    parts = [part / 255 for part in color.rgb]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _readable(color: Color, behind: Color) -> Color:
    """Return a colour that can be read: in some themes warnings are as light as the ground."""
    best = max((_BLACK, _WHITE), key=lambda end: _contrast(end, behind))
    for tenths in range(11):
        mixed = color.blend(best, tenths / 10)
        if _contrast(mixed, behind) >= _LEAST_CONTRAST:
            return mixed
    return best


_BLACK, _WHITE = Color(0, 0, 0), Color(255, 255, 255)


def _contrast(a: Color, b: Color) -> float:
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


def style(variables: Mapping[str, str], ground: Color, base: str, role: str) -> Style:
    """The style of a role on a line.

    Args:
        variables: the theme's colours by name.
        ground: what the widget stands on.
        base: role of the whole line, or empty.
    """
    style_of_role = STYLES[role] if role else Styles()
    color = Color.parse(variables[style_of_role.color or "foreground"])
    if ground.ansi is not None or color.ansi is not None:
        return _plain(color, ground, style_of_role, base)
    behind = ground
    for name in (STYLES[base].ground if base else "", style_of_role.ground):
        if name:
            behind += Color.parse(variables[name])
    color = behind + color.with_alpha(color.a * style_of_role.alpha)
    if role not in _STAND_BACK:
        color = _readable(color, behind)
    return Style(color=color.rich_color, bgcolor=behind.rich_color, bold=style_of_role.bold or None)


def _plain(color: Color, ground: Color, style_of_role: Styles, base: str) -> Style:
    """Return a style in the terminal's own colours, which cannot be mixed."""
    if style_of_role.ground:
        return Style(reverse=True, bold=True)
    return Style(
        color=color.rich_color,
        bgcolor=ground.rich_color,
        bold=style_of_role.bold or base == "cursor" or None,
        dim=True if style_of_role.alpha < 0.75 else None,
    )
