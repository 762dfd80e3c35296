"""A filter or a search that is typed over the heading of a list, a table or a log."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual import events
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input

from finn_tui.ui.toolkit.text_input import TextInput

#: Cells before the line of text: a blank and the slash.
_INDENT = 2


def matches(filter: str, *texts: str) -> bool:
    """Return whether a text contains the filter, ignoring case; ``!word`` inverts it."""
    inverse, wanted = filter.startswith("!"), filter.removeprefix("!").lower()
    if not wanted:
        return True
    return any(wanted in text.lower() for text in texts) != inverse


class Filtering:
    """What is typed after "/": letters go to an ``Input`` until enter keeps it or escape takes it
    away. The input stands over the first line of its owner, which is mounted at the first use."""

    def __init__(
        self,
        owner: Widget,
        changed: Callable[[str], None],
        *,
        keys: Mapping[str, Callable[[], None]] | None = None,
        suggester: Suggester | None = None,
    ) -> None:
        """Make a filter.

        Args:
            owner: the widget whose first line it stands over; keys go to it before and after.
            changed: called with the text when it or ``typing`` changes.
            keys: more keys that do something while it is typed.
            suggester: proposes how the text could go on.
        """
        self.text = ""
        self.typing = False
        #: Cells for the text, as the owner has room; longer texts scroll.
        self.width = 24
        self._owner = owner
        self._changed = changed
        self._keys = keys or {}
        self._suggester = suggester
        self._line: FilterInput | None = None

    def begin(self) -> None:
        """Pass letters to the filter from now on."""
        self.typing = True
        if self._line is None:
            self._line = FilterInput(self, self._keys, self._suggester)
            self._owner.mount(self._line)
        self._line.show(self.text, max(4, self.width))
        self._changed(self.text)

    def change(self, text: str) -> None:
        """Take another text from the input."""
        if self.typing and text != self.text:
            self.text = text
            self._changed(text)

    def end(self) -> None:
        """Keep the text; letters are keys again."""
        if self.typing:
            self._leave()
            self._changed(self.text)

    def clear(self) -> None:
        """Remove the filter."""
        self.text = ""
        self._leave()
        self._changed("")

    def _leave(self) -> None:
        self.typing = False
        if self._line is not None and self._line.display:
            if self._owner.screen.focused is self._line:
                self._owner.screen.set_focus(self._owner)
            self._line.display = False

    def accept_key(self, event: events.Key, begin: tuple[str, ...] = ()) -> bool:
        """Take a key that reached the owner; False if it is none of the filter's.

        While the filter is typed these are keys that came before the line had them.

        Args:
            begin: keys that begin it. Bindings come after all keys that are there already: what is
                typed fast after them, or comes late over a slow line, would be taken for commands.
        """
        if self.typing:
            return self._line is not None and self._line.accept_early_key(event)
        if event.key in begin:
            self.begin()
            return True
        if event.key == "escape" and self.text:
            self.clear()
            return True
        return False

    @property
    def shown(self) -> str:
        """Return the filter for a heading; empty without one."""
        if self.typing:
            return "/"
        return f"/{self.text}" if self.text else ""


class FilterInput(TextInput):
    """The line of a ``Filtering``."""

    DEFAULT_CSS = f"""
    FilterInput, FilterInput:focus {{
        position: absolute;
        offset: {_INDENT} 0;
        width: 24;
        color: $accent;
    }}
    """

    def __init__(
        self,
        filtering: Filtering,
        keys: Mapping[str, Callable[[], None]],
        suggester: Suggester | None,
    ) -> None:
        super().__init__(suggester=suggester)
        self._filtering = filtering
        self._keys = keys
        #: Letters that came before the line was mounted.
        self._early = ""
        self._ready = False

    def show(self, text: str, width: int) -> None:
        """Show the input and focus it.

        Args:
            text: initial text.
            width: columns.
        """
        self.styles.width = width
        self.display = True
        if self._ready:
            self.value = text
            self.cursor_position = len(text)
        else:
            self._early = text
        self.focus(scroll_visible=False)

    def on_mount(self) -> None:
        """Take over text that was typed before."""
        self._ready = True
        self.value = self._early
        self.cursor_position = len(self.value)

    def _ends(self, event: events.Key) -> bool:
        """Do what a key that is no text does, at once: what follows it may be a command."""
        if event.key in self._keys:
            self._keys[event.key]()
        elif event.key == "escape":
            self._filtering.clear()
        elif event.key == "enter":
            self._filtering.change(self.value if self._ready else self._early)
            self._filtering.end()
        else:
            return False
        return True

    def accept_early_key(self, event: events.Key) -> bool:
        """Take a key that reached the owner before the line had them; False if it is no text."""
        if self._ends(event):
            return True
        if event.key in ("backspace", "ctrl+h"):
            if self._ready:
                self.action_delete_left()
            else:
                self._early = self._early[:-1]
        elif event.is_printable and event.character is not None:
            if self._ready:
                self.insert_typed(event.character)
            else:
                self._early += event.character
        else:
            return False
        return True

    async def _on_key(self, event: events.Key) -> None:
        if self._ends(event):
            event.stop()
            event.prevent_default()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter by the new text."""
        event.stop()
        self._filtering.change(event.value)

    def on_blur(self, _: events.Blur) -> None:
        """Keep the text when the focus moves elsewhere; ignore a terminal that loses its focus."""
        if self.app.app_focus and self.display:
            self._filtering.end()
