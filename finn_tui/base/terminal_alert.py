"""Telling through the terminal that something long has ended, though nobody looks at it."""

from __future__ import annotations

from finn_tui.base.text import one_line


def alert(kind: str, title: str, text: str) -> str:
    """Return what to write to the terminal: the bell, and for desktop messages OSC 9 or OSC 777.

    Terminals that know neither show nothing of them. Args: ``kind`` is one of
    ``finn_tui.lab.workspace.Settings``.
    """
    title, text = (one_line(part).replace(";", ",") for part in (title, text))
    return {
        "off": "",
        "bell": "\a",
        "osc9": f"\a\x1b]9;{title}: {text}\a",
        "osc777": f"\a\x1b]777;notify;{title};{text}\a",
    }[kind]
