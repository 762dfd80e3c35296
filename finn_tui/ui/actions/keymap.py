"""Keys of actions: the user's keys.toml, and keys as people write them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

from textual.keys import Keys, _character_to_key

from finn_tui.base import config, paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.ui.actions.action import Action
from finn_tui.ui.actions.table import ACTIONS, BY_ID

#: Keys that are no characters by Textual's name, as people write them.
_NAMES = {
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
    """Return a key's display name: "+", "ctrl+p"."""
    *modifiers, last = key.strip().split("+")
    name = _NAMES.get(last) or _characters().get(last, last)
    return "+".join([*modifiers, name])


#: Scopes whose actions are live at the same time as those of a scope.
_SCREENS = frozenset({"flow", "tune", "runs", "board", "results", "learn"})
_LIVE_WITH = {
    "app": _SCREENS | {"mode", "list", "pane", "log"},
    "mode": _SCREENS | {"list", "pane", "log"},
    "list": _SCREENS,
    "pane": _SCREENS,
    "log": frozenset({"runs", "board"}),
}
_MODIFIERS = frozenset({"ctrl", "shift", "alt", "meta", "super", "hyper"})
_KNOWN_KEYS = frozenset(key.value for key in Keys)


def is_key(key: str) -> bool:
    """Whether a text names a key, with or without modifiers, as Textual does."""
    *modifiers, last = key.strip().split("+") if len(key.strip()) > 1 else [key.strip()]
    if not set(modifiers) <= _MODIFIERS:
        return False
    return len(last) == 1 or last in _KNOWN_KEYS or last in _characters()


@functools.cache
def _characters() -> Mapping[str, str]:
    """Return the characters on keyboards of Latin scripts by Textual's names."""
    return {_character_to_key(chr(code)): chr(code) for code in range(0x20, 0x250)}


def conflicts(keymap: Mapping[str, str]) -> Iterable[tuple[str, str, Action]]:
    """Find keys that a keymap gives to two actions that are live at the same time.

    Returns:
        Id of the action in the keymap, the key, and the other action. What two actions share
        without the keymap is meant so.
    """
    order = {name: index for index, name in enumerate(keymap)}
    for name, index in order.items():
        action = BY_ID[name]
        for other in ACTIONS:
            # Of two that are both in the keymap, only the later one is told.
            if order.get(other.id, -1) >= index:
                continue
            together = (
                action.scope == other.scope
                or other.scope in _LIVE_WITH.get(action.scope, ())
                or action.scope in _LIVE_WITH.get(other.scope, ())
            )
            if not together:
                continue
            usual = set(action.keys) & set(other.keys)
            for key in keys_of(action, keymap):
                if key in keys_of(other, keymap) and key not in usual:
                    yield name, key, other


def keys_of(action: Action, keymap: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys of an action.

    Args:
        action: the action.
        keymap: the user's keys by action id.
    """
    given = keymap.get(action.id)
    return action.keys if given is None else tuple(key.strip() for key in given.split(","))


def read_keymap(path: Path | None = None) -> tuple[dict[str, str], list[str]]:
    """Read the user's keys.toml, and report the lines that are not valid."""
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
        words = keys.split(",") if isinstance(keys, str) else []
        unknown = [word.strip() for word in words if word.strip() and not is_key(word)]
        if name not in BY_ID:
            what = f"there is no action {name}{config.did_you_mean(name, BY_ID)}"
        elif not isinstance(keys, str) or not all(part.strip() for part in keys.split(",")):
            what = f'{name} = {keys!r} is not valid: it needs keys in quotes, such as "w,ctrl+s"'
        elif unknown:
            what = (
                f"{name} = {keys!r} is not valid: there is no key {unknown[0]}"
                f"{config.did_you_mean(unknown[0], _KNOWN_KEYS)}"
            )
        else:
            keymap[name] = keys
        if what:
            problems.append(config.describe(config.Problem(key, what, ""), path, content))
    for name, key_text, other in conflicts(keymap):
        what = f"{name} = {keymap[name]!r}: {key_text} is a key of {other.id} ({other.title}) too"
        problem = config.Problem(tuple(name.split(".")), what, "")
        problems.append(config.describe(problem, path, content))
    return keymap, problems


def _flat(document: Mapping[str, object], prefix: str = "") -> Iterable[tuple[str, object]]:
    # `tune.undo = "z"` is a table in TOML: both ways of writing it mean the same here.
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
