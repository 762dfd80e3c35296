"""The layer table: three panes side by side with one cursor and one scroll position."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from finn_tui.ui.actions import table as actions
from finn_tui.ui.toolkit.filter_bar import Filtering
from finn_tui.ui.toolkit.frame_title import set_frame_title
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import filter_keys
from finn_tui.ui.toolkit.styled_line import StyledLine, wrap
from finn_tui.ui.tune import infrastructure_rows
from finn_tui.ui.tune import view as tune_view
from finn_tui.ui.tune.columns import Columns, columns
from finn_tui.ui.tune.state import TuneState

#: Lines from which on the bill is unfolded by itself.
_TALL = 24


class _Pane(LineView):
    """One of the panes; it reports the wheel to the table."""

    def __init__(
        self,
        build: Callable[[int, int], list[StyledLine]],
        on_hit: Callable[[Hashable], None],
        on_wheel: Callable[[Hashable, int], None],
        id: str,
    ) -> None:
        super().__init__(build, on_hit=on_hit, id=id)
        self._on_wheel = on_wheel

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._on_wheel(self.hit(event), 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._on_wheel(self.hit(event), -1)


class LayerTable(Horizontal, can_focus=True):
    """The layers of the design with their knobs and costs.

    It draws a ``TuneState``; keys that change the folding are the screen's.
    """

    BINDINGS = actions.bindings("list", "pane")

    @dataclass
    class Stepped(Message):
        """A knob was stepped by the mouse: ``direction`` 1 larger, -1 smaller."""

        direction: int

    @dataclass
    class Moved(Message):
        """The cursor is on another layer or knob."""

    @dataclass
    class Valued(Message):
        """The user asks for all values of the knob under the cursor."""

    @dataclass
    class Folded(Message):
        """The user folds or unfolds the cost breakdown."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.tune: TuneState | None = None
        self.welcome = ""
        self.filter = Filtering(self, self._filtered)
        self._rows: list[tuple[StyledLine, StyledLine, StyledLine]] = []
        self._drawn: dict[
            int, tuple[tuple[Any, ...], tuple[StyledLine, StyledLine, StyledLine]]
        ] = {}

    def compose(self) -> ComposeResult:
        """Left (names, knobs), middle (cycles, bars), right (resources), scroll bar."""
        for index, name in enumerate(("left", "middle", "right")):
            yield _Pane(self._builder(index), self._hit, self._wheel, name)
        yield _Pane(self._scroll_bar, self._hit, self._wheel, "scroll")

    @property
    def tall(self) -> bool:
        """Whether there is room for the whole cost breakdown."""
        return self.size.height >= _TALL

    def set_session(self, tune: TuneState | None, welcome: str = "") -> None:
        """Show a folding session, or a text where there is none.

        Args:
            tune: the session.
            welcome: the text.
        """
        if tune is not self.tune:
            self.tune = tune
            self._drawn.clear()
            self.filter.text = tune.filter if tune is not None else ""
        self.welcome = welcome
        self.redraw()

    def redraw(self) -> None:
        """Draw the rows in view; each pane repaints what differs."""
        width, height = self.size
        if not width or not height:
            return
        self._make(width, height)
        for pane in self.query_children(_Pane):
            pane.redraw()

    def _make(self, width: int, height: int) -> None:
        tune = self.tune
        self._write_title(tune)
        if tune is None:
            words = wrap(self.welcome, width - 4, "dim", "  ")
            self._rows = [(line, StyledLine(), StyledLine()) for line in words]
            self._layout(width - 1, 0, 0)
            return
        plan = columns(tune, width - 1)
        self._layout(plan.left, plan.middle, plan.right)
        infrastructure = infrastructure_rows.breakdown_rows(tune, plan, tall=self.tall)
        if len(infrastructure) > 1:
            infrastructure.insert(0, (StyledLine(), StyledLine(), StyledLine()))
        tune.window.size(len(tune.layers), height - 1 - len(infrastructure))
        left, middle, right = tune_view.heading_row(tune, plan)
        self.filter.width = plan.left - 3
        if self.filter.typing:
            left = StyledLine().cell(" " + self.filter.shown, plan.left, "accent")
        self._rows = [(left, middle, right)]
        self._rows += [self._row(tune, index, plan) for index in tune.window.rows]
        if len(infrastructure) == 1 and len(self._rows) + 1 < height:
            self._rows.append((StyledLine(), StyledLine(), StyledLine()))
        self._rows += infrastructure

    def _write_title(self, tune: TuneState | None) -> None:
        """The pane's title with what restricts or changes the rows: filter, marks, comparison."""
        if tune is None:
            set_frame_title(self, "Layers")
            return
        notes = []
        if tune.filter:
            count = f"{len(tune.layers)} of {len(tune.editor.design.layers)}"
            notes.append(f"/{tune.filter}  {count}")
        if tune.marked:
            notes.append(f"{len(tune.marked)} marked")
        if tune.comparison is not None:
            only = "changes vs " if tune.comparing.mode == "changed" else "vs "
            notes.append(only + tune.comparing_with)
        set_frame_title(self, "Layers", "  ".join(notes))

    def _row(
        self, tune: TuneState, index: int, plan: Columns
    ) -> tuple[StyledLine, StyledLine, StyledLine]:
        """Return the row of a layer, from the cache unless its content changed."""
        layer = tune.layers[index]
        difference = tune.difference(layer.name)
        key = (
            layer.name,
            plan,
            tune.cost(layer),
            tune.editor.estimate.ii_cycles,
            tune_view.has_converter(tune, layer.name),
            tune.in_graph_order,
            difference is not None and (difference.before, difference.changes),
            (layer.name in tune.marked, layer.name in tune.locked),
            (tune.chosen_knob, self._has_keys) if index == tune.window.cursor else None,
        )
        cached = self._drawn.get(index)
        if cached is None or any(
            a is not b and a != b for a, b in zip(cached[0], key, strict=True)
        ):
            cached = self._drawn[index] = (
                key,
                tune_view.layer_row(tune, index, plan, self._has_keys),
            )
        return cached[1]

    @property
    def _has_keys(self) -> bool:
        return self.has_focus or self.filter.typing

    def _layout(self, *widths: int) -> None:
        for name, width in zip(("left", "middle", "right"), widths, strict=True):
            pane = self.query_one(f"#{name}", _Pane)
            if pane.styles.width is None or pane.styles.width.value != width:
                pane.styles.width = width
                pane.display = width > 0

    def _builder(self, index: int) -> Callable[[int, int], list[StyledLine]]:
        return lambda width, height: [row[index] for row in self._rows]

    def _scroll_bar(self, width: int, height: int) -> list[StyledLine]:
        window = self.tune.window if self.tune is not None else None
        thumb = window.thumb() if window is not None else None
        if window is None or thumb is None:
            return []
        lines = [StyledLine()]
        for number in range(window.height):
            on = thumb[0] <= number < sum(thumb)
            lines.append(StyledLine().add("▐" if on else " ", "faint", ("scroll", number)))
        return lines

    def on_resize(self, _: events.Resize) -> None:
        """Choose the columns for the new size."""
        self.redraw()

    def on_focus(self, _: events.Focus) -> None:
        """Redraw the cursor with the focus."""
        self.redraw()

    def on_blur(self, _: events.Blur) -> None:
        """Redraw the cursor without the focus."""
        self.redraw()

    # Mouse

    def _hit(self, hit: Hashable) -> None:
        tune = self.tune
        if tune is None or not isinstance(hit, tuple):
            return
        self.focus()
        match hit:
            case ("bill",):
                self.post_message(self.Folded())
            case ("scroll", line):
                tune.window.drag(line)
                self._into_view(tune)
            case ("sort", sort):
                tune.sort_by(sort)
                self._moved()
            case ("mark", row):
                tune.window.to(row)
                tune.toggle_mark()
                self._moved()
            case ("step", _, _, direction):
                self.post_message(self.Stepped(direction))
            case ("knob", row, knob) if row == tune.window.cursor and self._is_chosen(tune, knob):
                self.post_message(self.Valued())
            case (_, row, *knobs):
                tune.window.to(row)
                tune.knob = knobs[0] if knobs else tune.knob
                tune.notice = None
                self.post_message(self.Moved())

    @staticmethod
    def _is_chosen(tune: TuneState, knob: str) -> bool:
        return tune.chosen_knob is not None and tune.chosen_knob.name == knob

    def _wheel(self, hit: Hashable, direction: int) -> None:
        tune = self.tune
        if tune is None:
            return
        over = hit if isinstance(hit, tuple) else ("",)
        # Over the chosen knob the wheel turns it; anywhere else it scrolls.
        if over[0] == "step" or (
            over[0] == "knob" and over[1] == tune.window.cursor and self._is_chosen(tune, over[2])
        ):
            self.post_message(self.Stepped(-direction))
            return
        tune.window.scroll(3 * direction)
        self._into_view(tune)

    def _into_view(self, tune: TuneState) -> None:
        window = tune.window
        window.to(max(window.top, min(window.cursor, window.top + window.height - 1)))
        self.post_message(self.Moved())

    # Keys

    def on_key(self, event: events.Key) -> None:
        """Pass letters to the filter that is being typed."""
        tune = self.tune
        if tune is None:
            return
        if self.filter.accept_key(event, filter_keys(self)):
            event.stop()
            event.prevent_default()
        elif event.key == "escape" and tune.marked:
            tune.marked.clear()
            event.stop()
            self._moved()

    def _filtered(self, text: str) -> None:
        if self.tune is not None:
            self.tune.set_filter(text)
            self._moved()

    def _moved(self) -> None:
        if self.tune is not None:
            self.tune.notice = None
        self.post_message(self.Moved())

    def do_list_filter(self) -> None:
        """Start typing a filter."""
        if self.tune is not None:
            self.filter.begin()

    def do_list_choose(self) -> None:
        """List all values of the knob."""
        self.post_message(self.Valued())

    def do_list_up(self) -> None:
        """Move the cursor to the layer above."""
        self._move(-1)

    def do_list_down(self) -> None:
        """Move the cursor to the layer below."""
        self._move(1)

    def do_list_page_up(self) -> None:
        """Move the cursor a page up."""
        self._move(1 - self.tune.window.height if self.tune else 0)

    def do_list_page_down(self) -> None:
        """Move the cursor a page down."""
        self._move(self.tune.window.height - 1 if self.tune else 0)

    def do_list_top(self) -> None:
        """Move the cursor to the first layer."""
        self._move(-len(self.tune.layers) if self.tune else 0)

    def do_list_bottom(self) -> None:
        """Move the cursor to the last layer."""
        self._move(len(self.tune.layers) if self.tune else 0)

    def _move(self, rows: int) -> None:
        if self.tune is not None:
            self.tune.window.move(rows)
            self._moved()
