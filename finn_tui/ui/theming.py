"""Themes: TOML files that ship in ``themes/`` and the user's own, checked before they are used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct
from msgspec.structs import asdict
from textual.color import Color, ColorParseError
from textual.theme import Theme

from finn_tui.base import config, paths
from finn_tui.base.errors import FinnTuiError

DEFAULT = "finn-dark"

_Name = Annotated[str, Meta(min_length=1, description="The name of the theme.")]


class Colors(Struct, frozen=True):
    """``[colors]`` of a theme: ``#rrggbb`` each.

    Attributes:
        primary: titles, the focused pane, the chosen row.
        secondary: less important titles.
        accent: what runs, and bars.
        warning: what needs attention.
        error: what failed.
        success: what is done and good.
        foreground: text.
        background: behind everything.
        surface: behind panes.
        panel: behind bars and headings.
        boost: laid over the surface to raise it.
    """

    primary: str
    secondary: str | None = None
    accent: str | None = None
    warning: str | None = None
    error: str | None = None
    success: str | None = None
    foreground: str | None = None
    background: str | None = None
    surface: str | None = None
    panel: str | None = None
    boost: str | None = None


class ThemeFile(Struct, frozen=True):
    """A file of ``themes/``.

    Attributes:
        colors: its colours.
        name: what the list of themes calls it; its file's name without one.
        dark: whether it is a dark theme.
        variables: Textual's CSS variables by name.
    """

    colors: Colors
    name: _Name | None = None
    dark: bool = True
    variables: dict[str, str] = {}


def load_themes() -> tuple[list[Theme], list[str]]:
    """All themes, the user's after those that ship, and what is wrong with the others."""
    themes: list[Theme] = []
    problems: list[str] = []
    for folder in (paths.shipped_dir("themes"), paths.config_dir() / "themes"):
        for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
            try:
                themes.append(_read(path))
            except FinnTuiError as error:
                problems.append(str(error))
    return themes, problems


def _read(path: Path) -> Theme:
    document, content = config.load(path)
    colors = document.get("colors")
    wrong = [
        config.Problem(
            ("colors", name), f"colors.{name} = {value!r} is not a colour", "Write it as #rrggbb."
        )
        for name, value in (colors.items() if isinstance(colors, dict) else ())
        if name in Colors.__struct_fields__ and not _is_color(value)
    ]
    file = config.decode(document, ThemeFile, path, content, wrong)
    return Theme(
        name=file.name or path.stem,
        dark=file.dark,
        variables=file.variables,
        **{name: value for name, value in asdict(file.colors).items() if value is not None},
    )


def _is_color(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        Color.parse(value)
    except ColorParseError:
        return False
    return True


def _choice_file() -> Path:
    return paths.config_dir() / "ui.toml"


class Choice(Struct, frozen=True):
    """What ui.toml says; the app writes it.

    Attributes:
        theme: name of the theme.
    """

    theme: str = DEFAULT


def chosen_theme() -> tuple[str, list[str]]:
    """The theme that the user chose last, ours where none was; and what is wrong with the file."""
    try:
        return config.read(_choice_file(), Choice).theme, []
    except FinnTuiError as error:
        return DEFAULT, [str(error)]


def keep_choice(name: str) -> None:
    """Remember the theme.

    Raises:
        FinnTuiError: ui.toml is broken or cannot be written; it stays as it is.
    """
    config.change(_choice_file(), Choice, lambda document: document.__setitem__("theme", name))
