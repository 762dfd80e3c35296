"""Keys of actions: the user's keys.toml, and keys as people write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from finn_tui.base import config, paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.ui.actions.table import BY_ID, Action

#: Keys by Textual's name as people write them.
_NAMES = {
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "underscore": "_",
    "question_mark": "?",
    "exclamation_mark": "!",
    "percent_sign": "%",
    "vertical_line": "|",
    "dollar_sign": "$",
    "quotation_mark": '"',
    "number_sign": "#",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "ampersand": "&",
    "colon": ":",
    "slash": "/",
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "space": "space",
}


def key_name(key: str) -> str:
    """A key as people write it: "+", "ctrl+p"."""
    *modifiers, last = key.strip().split("+")
    return "+".join([*modifiers, _NAMES.get(last, last)])


def keys_of(action: Action, keymap: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of an action under the user's keymap."""
    given = keymap.get(action.id)
    return action.keys if given is None else tuple(key.strip() for key in given.split(","))


def read_keymap(path: Path | None = None) -> tuple[dict[str, str], list[str]]:
    """The user's keys.toml, ``id = "keys"`` a line, and what could not be understood in it."""
    path = path or paths.config_dir() / "keys.toml"
    try:
        document, content = config.load(path)
    except FinnTuiError as error:
        return {}, [str(error)]
    keymap: dict[str, str] = {}
    problems = []
    for name, keys in _flat(document):
        key = tuple(name.split("."))
        what = ""
        if name not in BY_ID:
            what = f"there is no action {name}{config.did_you_mean(name, BY_ID)}"
        elif not isinstance(keys, str) or not all(part.strip() for part in keys.split(",")):
            what = f'{name} = {keys!r} is not valid: it needs keys in quotes, such as "w,ctrl+s"'
        else:
            keymap[name] = keys
        if what:
            problems.append(config.describe(config.Problem(key, what, ""), path, content))
    return keymap, problems


def _flat(document: Mapping[str, object], prefix: str = "") -> Iterable[tuple[str, object]]:
    # `tune.undo = "z"` is a table in TOML: both ways of writing it mean the same here.
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
