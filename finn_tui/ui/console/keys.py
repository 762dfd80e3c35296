"""Keys as a terminal sends them."""

from __future__ import annotations

_CURSOR = {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F"}
_NUMBERED = {
    "insert": 2,
    "delete": 3,
    "pageup": 5,
    "pagedown": 6,
    "f5": 15,
    "f6": 17,
    "f7": 18,
    "f8": 19,
    "f9": 20,
    "f10": 21,
    "f11": 23,
    "f12": 24,
}
_SINGLE = {
    "enter": "\r",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "backspace": "\x7f",
    "escape": "\x1b",
    "ctrl+@": "\0",
    "ctrl+space": "\0",
    "ctrl+backslash": "\x1c",
    "ctrl+circumflex_accent": "\x1e",
    "ctrl+underscore": "\x1f",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
}
_MODIFIERS = {"shift": 1, "alt": 2, "ctrl": 4}


def key_bytes(key: str, character: str | None, *, application: bool) -> bytes:
    """What a key sends; nothing for one that no terminal has.

    Args:
        key: Textual's name.
        character: what it types, if anything.
        application: arrow keys as applications want them (DECCKM).
    """
    if key in _SINGLE:
        return _SINGLE[key].encode()
    *modifiers, name = key.split("+") if key != "+" else [key]
    if name in _CURSOR or name in _NUMBERED:
        number = 1 + sum(_MODIFIERS.get(modifier, 0) for modifier in modifiers)
        if name in _NUMBERED:
            middle = f";{number}" if number > 1 else ""
            return f"\x1b[{_NUMBERED[name]}{middle}~".encode()
        if number > 1:
            return f"\x1b[1;{number}{_CURSOR[name]}".encode()
        return f"\x1b{'O' if application else '['}{_CURSOR[name]}".encode()
    if modifiers == ["ctrl"] and len(name) == 1 and "a" <= name <= "z":
        return bytes([ord(name) - ord("a") + 1])
    if modifiers == ["alt"] and len(name) == 1:
        return b"\x1b" + name.encode()
    if character is not None and (character.isprintable() or len(character) == 1):
        return character.encode("utf-8", "replace")
    return b""
