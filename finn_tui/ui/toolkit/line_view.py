"""The widget under all others: draws lines, and repaints only the columns that changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from finn_tui.ui.toolkit.styled_line import StyledLine, cells
from finn_tui.ui.toolkit.styles import style

Build = Callable[[int, int], Sequence[StyledLine]]


class LineView(Widget):
    """Draws what ``build(width, height)`` returns.

    ``redraw`` builds again, compares with what is on the screen and repaints the difference, so
    that a key costs the terminal what it changed and no layout is done. Text is never markup.
    """

    ALLOW_SELECT = False

    def __init__(
        self,
        build: Build | None = None,
        *,
        on_hit: Callable[[Hashable], None] | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """A view of some state.

        Args:
            build: makes the lines; a subclass may override ``build`` instead.
            on_hit: called with what was clicked.
        """
        super().__init__(id=id, classes=classes)
        self._build = build
        self._on_hit = on_hit
        self._lines: list[StyledLine] = []
        self._strips: dict[int, Strip] = {}
        self._styles_by_role: dict[tuple[str, str], Style] = {}

    def build(self, width: int, height: int) -> Sequence[StyledLine]:
        """Return the lines to show.

        Args:
            width: columns.
            height: most lines.
        """
        return self._build(width, height) if self._build is not None else ()

    def redraw(self) -> None:
        """Build again and repaint what differs."""
        width, height = self.size
        if not width or not height:
            return
        new = list(self.build(width, height))[:height]
        old, self._lines = self._lines, new
        dirty = []
        for y in range(max(len(new), len(old))):
            before = old[y] if y < len(old) else None
            after = new[y] if y < len(new) else None
            if before is after or before == after:
                continue
            start, end = _changed(before, after, width)
            self._strips.pop(y, None)
            if end > start:
                dirty.append(Region(start, y, end - start, 1))
        if dirty:
            self.refresh(*dirty)

    @property
    def shown(self) -> str:
        """Return the shown lines as plain text."""
        return "\n".join(line.text for line in self._lines)

    def render_line(self, y: int) -> Strip:
        """Return one line as a Textual strip."""
        strip = self._strips.get(y)
        if strip is None:
            line = self._lines[y] if y < len(self._lines) else StyledLine()
            strip = self._strips[y] = self._strip(line, self.size.width)
        return strip

    def _strip(self, line: StyledLine, width: int) -> Strip:
        segments: list[Segment] = []
        pending, pending_style = "", self._style(line.base, "")
        for text, role in line.spans:
            role_style = self._style(line.base, role)
            # A blank shows no foreground: written in the style before it, it costs no bytes.
            if role_style == pending_style or (
                text.isspace() and _same_ground(role_style, pending_style)
            ):
                pending += text
                continue
            if pending:
                segments.append(Segment(pending, pending_style))
            pending, pending_style = text, role_style
        blank = self._style(line.base, "")
        blanks = width - line.width
        if blanks > 0 and _same_ground(blank, pending_style):
            pending += " " * blanks
            blanks = 0
        if pending:
            segments.append(Segment(pending, pending_style))
        if blanks > 0:
            segments.append(Segment(" " * blanks, blank))
        return Strip(segments).adjust_cell_length(width, blank)

    def _style(self, base: str, role: str) -> Style:
        key = (base, role)
        role_style = self._styles_by_role.get(key)
        if role_style is None:
            variables = self.app.theme_variables
            role_style = style(variables, self.background_colors[1], base, role)
            self._styles_by_role[key] = role_style
        return role_style

    def notify_style_update(self) -> None:
        """Look up the colours again for another theme or pseudo class."""
        super().notify_style_update()
        self._styles_by_role.clear()
        self._strips.clear()

    def on_resize(self, _: events.Resize) -> None:
        """Build for the new size."""
        self._strips.clear()
        self._lines = []
        self.redraw()

    def on_focus(self, _: events.Focus) -> None:
        """Redraw the cursor with the focus."""
        self.redraw()

    def on_blur(self, _: events.Blur) -> None:
        """Redraw the cursor without the focus."""
        self.redraw()

    def hit_at(self, x: int, y: int) -> Hashable:
        """Return the click target at a position; None for nothing.

        Args:
            x: column.
            y: line.
        """
        return self._lines[y].at(x) if 0 <= y < len(self._lines) else None

    def hit(self, event: events.MouseEvent) -> Hashable:
        """What a click means; None for nothing, and for the frame."""
        offset = event.get_content_offset(self)
        return self.hit_at(offset.x, offset.y) if offset is not None else None

    def on_click(self, event: events.Click) -> None:
        """Pass on what was clicked."""
        hit = self.hit(event)
        if hit is not None and self._on_hit is not None:
            event.stop()
            self._on_hit(hit)


def _same_ground(a: Style, b: Style) -> bool:
    return a.bgcolor == b.bgcolor and not (
        a.reverse or b.reverse or a.underline or b.underline or a.strike or b.strike
    )


def _changed(before: StyledLine | None, after: StyledLine | None, width: int) -> tuple[int, int]:
    """Return the columns that differ as (from, to).

    Args:
        before: the line drawn.
        after: the line to draw.
        width: columns.
    """
    if before is None or after is None or before.base != after.base:
        return 0, width
    a, b = before.spans, after.spans
    start = 0
    first = 0
    while first < len(a) and first < len(b) and a[first] == b[first]:
        start += _width(a[first])
        first += 1
    if before.width != after.width:
        return min(start, width), width
    end = before.width
    last_a, last_b = len(a), len(b)
    while last_a > first and last_b > first and a[last_a - 1] == b[last_b - 1]:
        last_a -= 1
        last_b -= 1
        end -= _width(a[last_a])
    return min(start, width), min(end, width)


def _width(part: tuple[str, str]) -> int:
    return cells(part[0])
