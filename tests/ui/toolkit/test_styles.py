"""What themes make of roles: mixed where colours can be, told by weight where they cannot."""

from __future__ import annotations

from itertools import product

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from finn_tui.ui import theming
from finn_tui.ui.toolkit.styles import STYLES, style

_PLAIN = dict.fromkeys(
    (
        "foreground",
        "primary",
        "accent",
        "success",
        "warning",
        "error",
        "panel",
        "surface",
        "background",
    ),
    "ansi_default",
)


def _contrast(a: Color, b: Color) -> float:
    """The contrast ratio of two colours as WCAG 2 defines it."""

    def luminance(color: Color) -> float:
        parts = [part / 255 for part in color.rgb]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", theming.load_themes()[0], ids=lambda theme: theme.name)
def test_texts_can_be_read_in_our_themes(theme: object) -> None:
    from textual.theme import Theme

    assert isinstance(theme, Theme)
    variables = theme.to_color_system().generate()
    ground = Color.parse(variables["background"])
    # Rules, tracks and keys that cannot be used now may stand back; everything else is text.
    quiet = {"faint", "bar", "bar-ii", "cursor", "cursor-blur"}
    for base, role in product(("", "cursor", "cursor-blur"), set(STYLES) - quiet | {""}):
        drawn_style = style(variables, ground, base, role)
        assert drawn_style.color is not None and drawn_style.bgcolor is not None
        ratio = _contrast(
            Color.from_rich_color(drawn_style.color), Color.from_rich_color(drawn_style.bgcolor)
        )
        assert ratio >= 4.5, f"{base or 'plain'} {role}: {ratio:.2f}"
    # Keys and steps that cannot be used now are text too, if the least of it.
    faint = style(variables, ground, "", "faint")
    assert faint.color is not None
    assert _contrast(Color.from_rich_color(faint.color), ground) >= 3


@pytest.mark.parametrize("name", sorted(BUILTIN_THEMES))
def test_texts_can_be_read_in_textuals_themes(name: str) -> None:
    variables = BUILTIN_THEMES[name].to_color_system().generate()
    ground = Color.parse(variables["background"])
    if ground.ansi is not None:
        return
    for base, role in product(("", "cursor"), ("", "sim", "good", "warn", "bad", "dim", "mode")):
        drawn_style = style(variables, ground, base, role)
        assert drawn_style.color is not None and drawn_style.bgcolor is not None
        ratio = _contrast(
            Color.from_rich_color(drawn_style.color), Color.from_rich_color(drawn_style.bgcolor)
        )
        assert ratio >= 4.5, f"{base or 'plain'} {role}: {ratio:.2f}"


def test_the_terminals_own_colours_are_not_mixed() -> None:
    ground = Color.parse("ansi_default")
    assert style(_PLAIN, ground, "", "dim").dim
    assert style(_PLAIN, ground, "", "edit").reverse
    assert style(_PLAIN, ground, "cursor", "").bold
    assert not style(_PLAIN, ground, "cursor", "bar").reverse
