"""Themes: TOML files that ship in ``themes/`` and the user's own, checked before they are used."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from finn_tui import paths

DEFAULT = "finn-dark"

_COLORS = ("primary", "secondary", "accent", "warning", "error", "success", "foreground",
           "background", "surface", "panel", "boost")  # fmt: skip
_KEYS = {"name", "dark", "colors", "variables"}


def load_themes() -> tuple[list[Theme], list[str]]:
    """All themes, the user's after those that ship, and what is wrong with the others."""
    themes: list[Theme] = []
    problems: list[str] = []
    for folder in (paths.shipped_dir("themes"), paths.config_dir() / "themes"):
        for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
            found = list(_read(path))
            if all(isinstance(item, Theme) for item in found):
                themes += [item for item in found if isinstance(item, Theme)]
            else:
                problems.append(
                    f"{path.name}: " + "; ".join(i for i in found if isinstance(i, str))
                )
    return themes, problems


def _read(path: Path) -> Iterator[Theme | str]:
    """The theme of a file, or what is wrong with it, every mistake."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        yield str(error)
        return
    problems = list(_problems(document))
    if problems:
        yield from problems
        return
    yield Theme(
        name=document.get("name", path.stem),
        dark=document.get("dark", True),
        variables=document.get("variables", {}),
        **document["colors"],
    )


def _problems(document: Mapping[str, Any]) -> Iterator[str]:
    for key in document:
        if key not in _KEYS:
            yield f"{key} is no key of a theme ({', '.join(sorted(_KEYS))})"
    if not isinstance(document.get("name", ""), str):
        yield "name must be a text"
    if not isinstance(document.get("dark", True), bool):
        yield "dark must be true or false"
    colors, variables = document.get("colors"), document.get("variables", {})
    if not isinstance(colors, dict) or "primary" not in colors:
        yield "[colors] with at least primary is missing"
        return
    for name, value in colors.items():
        if name not in _COLORS:
            yield f"{name} is no colour of a theme ({', '.join(_COLORS)})"
        elif not _is_color(value):
            yield f"{name} = {value!r} is no colour; write it as #rrggbb"
    if not isinstance(variables, dict) or not all(isinstance(v, str) for v in variables.values()):
        yield "[variables] must hold texts"


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


def chosen_theme() -> str:
    """The theme that the user chose last; ours where none was."""
    try:
        document = tomllib.loads(_choice_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return DEFAULT
    name = document.get("theme")
    return name if isinstance(name, str) else DEFAULT


def keep_choice(name: str) -> None:
    """Remember the theme. A disk that does not take it costs that only."""
    try:
        path = _choice_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'theme = "{name}"\n', encoding="utf-8")
    except OSError:
        return
