"""Text input: Textual's Input in the app's style, with completion of names and paths."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Hashable, Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.suggester import Suggester
from textual.widgets import Input

from finn_tui.base.text import printable
from finn_tui.ui.toolkit.styled_line import StyledLine

#: Entries of a folder that are looked at to complete a path: more take longer than a key.
_ENTRIES = 5000


class TextInput(Input):
    """An ``Input`` of one row without a frame; its cursor does not blink over slow lines."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # What some terminals send for backspace.
        Binding("ctrl+h", "delete_left", "Delete character left", show=False),
    ]
    DEFAULT_CSS = """
    TextInput, TextInput:focus {
        background: transparent;
        background-tint: $foreground 0%;
        border: none;
        height: 1;
        padding: 0;
    }
    """

    def __init__(
        self,
        value: str = "",
        *,
        id: str | None = None,
        placeholder: str = "",
        password: bool = False,
        suggester: Suggester | None = None,
    ) -> None:
        """Make a line to type in.

        Args:
            value: the text at first; it is selected, so that typing replaces it.
            password: show dots instead of what is typed.
            suggester: proposes how the text could go on; the right arrow takes that.
        """
        super().__init__(
            value,
            id=id,
            placeholder=placeholder,
            password=password,
            suggester=suggester,
            compact=True,
        )
        self.cursor_blink = False

    def validate_value(self, value: str) -> str:
        """Keep escape sequences and bidi controls of a pasted or proposed text out of the line."""
        return printable(value)

    @property
    def suggestion(self) -> str:
        """Return the suggested text; empty without a suggestion."""
        return self._suggestion

    def complete(self) -> None:
        """Accept the suggestion, if there is one."""
        if self._suggestion:
            self.value = self._suggestion
            self.cursor_position = len(self.value)

    def insert_typed(self, character: str) -> None:
        """Insert text that was typed before the input had the focus."""
        if self.selection.is_empty:
            self.insert_text_at_cursor(character)
        else:
            self.replace(character, *self.selection)


class FieldInput(TextInput):
    """An input that is placed over the blanks of a field in a drawn form."""

    DEFAULT_CSS = """
    FieldInput, FieldInput:focus {
        position: absolute;
        background: $foreground 12%;
        text-style: bold;
    }
    """

    def __init__(self, value: str = "", *, id: str | None = None, allowed: str = "") -> None:
        """Make a field.

        Args:
            allowed: the characters that are typed into it; others stay keys. Empty for all.
        """
        super().__init__(value, id=id)
        self.select_on_focus = False
        self._allowed = allowed

    def place(self, lines: Sequence[StyledLine], hit: Hashable) -> bool:
        """Place the input over its field; return whether the lines have one.

        Args:
            hit: what marks the room in the lines.
        """
        for y, line in enumerate(lines):
            for start, end, mark in line.targets:
                if mark == hit:
                    self.styles.offset = (start, y)
                    self.styles.width = end - start
                    return True
        return False

    def is_text(self, event: events.Key) -> bool:
        """Return whether a key writes into the field."""
        text = event.character
        return event.is_printable and text is not None and (text in (self._allowed or text))

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Return whether the input consumes a key."""
        return super().check_consume_key(key, character) and (
            not self._allowed or str(character) in self._allowed
        )

    async def _on_key(self, event: events.Key) -> None:
        if event.is_printable and not self.is_text(event):
            # Not for ``Input``, which is asked next, but for the bindings.
            event.prevent_default()


def is_path(text: str, suffixes: Sequence[str] = ()) -> bool:
    """Return whether a typed text means a file and not a name.

    Args:
        suffixes: endings of files that are expected, such as ".json".
    """
    return (
        "/" in text
        or text.startswith(("~", "."))
        or (bool(text) and text.endswith(tuple(suffixes)))
    )


def why_no_file(text: str, what: str, suffixes: Sequence[str]) -> str | None:
    """Return why a typed text cannot be taken as a file; None if it can.

    Args:
        what: what is looked for, such as "model".
        suffixes: the endings that such a file has.
    """
    if not is_path(text, suffixes):
        return f"no {what} is named {text}"
    try:
        is_file = Path(text).expanduser().is_file()
    except (OSError, RuntimeError, ValueError):
        is_file = False
    return None if is_file else f"no file {text}; tab completes a path"


def complete_path(text: str, suffixes: Sequence[str] = ()) -> str | None:
    """Return the first path that goes on as ``text`` begins; None if there is none.

    Args:
        suffixes: endings of the files that count; all files if there are none.
    """
    head, slash, start = text.rpartition("/")
    try:
        folder = Path(head + slash).expanduser()
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name + "/" if entry.is_dir() else entry.name
                for entry in islice(entries, _ENTRIES)
                if entry.name.startswith(start) and (start or not entry.name.startswith("."))
            )
    except (OSError, RuntimeError, ValueError):
        return None
    for name in names:
        if not suffixes or name.endswith(("/", *suffixes)):
            # A name with line breaks or escapes in it is not written into a line of text.
            return head + slash + name if name.isprintable() else None
    return None


class Completion(Suggester):
    """Suggests known names and paths."""

    def __init__(self, names: Sequence[str], suffixes: Sequence[str] | None = None) -> None:
        """Propose from ``names``.

        Args:
            suffixes: endings of files whose paths are proposed too; None for names only.
        """
        super().__init__(use_cache=False, case_sensitive=True)
        self._names = names
        self._suffixes = suffixes

    async def get_suggestion(self, value: str) -> str | None:
        """Return the suggested text."""
        name = next((name for name in self._names if name.startswith(value)), None)
        if name is not None or self._suffixes is None:
            return name
        if not is_path(value):
            return None
        return await asyncio.to_thread(complete_path, value, self._suffixes)
