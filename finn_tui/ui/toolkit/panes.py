"""What a screen of panes does: the next pane, one pane alone, and sizes that are remembered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from textual.screen import Screen
from textual.widget import Widget

from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.pane_sizes import keep_sizes, read_sizes
from finn_tui.ui.toolkit.styled_line import StyledLine, wrap

#: The smallest window in which all screens are usable, in columns and rows.
MIN_WIDTH, MIN_HEIGHT = 60, 12
#: Columns and rows by which a key changes a pane, and what is left to every pane.
_STEP = {"width": 4, "height": 2}
_LEAST = {"width": 16, "height": 3}


@dataclass(frozen=True)
class Resize:
    """What makes a pane larger.

    Attributes:
        target: id of the widget whose size is changed.
        dimension: its width in columns or its height in rows.
        sign: -1 if the pane gets what the target loses.
    """

    target: str
    dimension: Literal["width", "height"]
    sign: int = 1


class TooSmall(LineView):
    """Replaces everything in a window that is too small."""

    def build(self, width: int, height: int) -> list[StyledLine]:
        size = self.app.size
        text = (
            f"This window has {size.width}x{size.height}; "
            f"finn-tui needs {MIN_WIDTH}x{MIN_HEIGHT}. Enlarge it, or choose a smaller font."
        )
        return wrap(text, width, "warn")


class PaneScreen(Screen[None]):
    """A screen of panes with frames: the widgets of the class "pane"."""

    place: ClassVar[str] = ""
    #: By the id of a pane: what its size is changed by.
    RESIZES: ClassVar[Mapping[str, Resize]] = {}
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual has it
        (0, "-flat"),
        (MIN_HEIGHT, "-low"),
        (18, "-short"),
        (34, "-tall"),
    ]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual has it
        (0, "-thin"),
        (MIN_WIDTH, "-narrow"),
        (110, "-wide"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._zoomed: Widget | None = None
        #: Inline sizes of what is zoomed, before it was.
        self._before: list[tuple[Widget, Any, Any]] = []
        self._sizes: dict[str, int] | None = None

    @property
    def zoomed(self) -> Widget | None:
        """Return the zoomed pane, if there is one."""
        return self._zoomed

    def redraw(self) -> None:
        """Show the present state."""

    # Sizes

    def resize_pane(self, id: str, usual: int) -> int:
        """Set the size of a pane that has a key for it, and return that size.

        Args:
            id: of the widget; an attribute ``target`` of ``RESIZES``.
            usual: rows or columns that it has unless the user made it larger or smaller.
        """
        widget = self.query_one(f"#{id}")
        dimension = next((r.dimension for r in self.RESIZES.values() if r.target == id), "height")
        most = self._room(widget, dimension) - _LEAST[dimension]
        size = usual
        if difference := self._differences.get(id, 0):
            size = max(min(usual, _LEAST[dimension]), min(usual + difference, most))
        if self._zoomed is None:
            before = getattr(widget.styles, dimension)
            if before is None or before.value != size or not before.is_cells:
                setattr(widget.styles, dimension, size)
        return size

    def _room(self, widget: Widget, dimension: str) -> int:
        """The rows or columns that a widget and the panes beside it have together."""
        room: int = getattr(getattr(widget.parent, "size", self.size), dimension)
        if dimension == "height":
            lines = [
                node
                for node in widget.siblings
                if isinstance(node, LineView) and not node.has_class("pane")
            ]
            room -= sum(node.outer_size.height for node in lines)
        return room

    @property
    def _differences(self) -> dict[str, int]:
        if self._sizes is None:
            self._sizes = read_sizes(self.place)
        return self._sizes

    def _resize(self, direction: int) -> None:
        pane = self._pane_with_keys()
        resize = self.RESIZES.get(pane.id or "") if pane is not None else None
        if resize is None or self._zoomed is not None:
            return
        sizes, target = self._differences, self.query_one(f"#{resize.target}")
        usual = getattr(target.outer_size, resize.dimension) - sizes.get(resize.target, 0)
        wanted = sizes.get(resize.target, 0)
        wanted += direction * resize.sign * _STEP[resize.dimension]
        room = self._room(target, resize.dimension)
        least = _LEAST[resize.dimension]
        wanted = max(least, min(usual + wanted, room - least)) - usual
        sizes[resize.target] = wanted
        keep_sizes(self.place, sizes)
        self.redraw()

    def do_pane_larger(self) -> None:
        """Enlarge the pane."""
        self._resize(1)

    def do_pane_smaller(self) -> None:
        """Shrink the pane."""
        self._resize(-1)

    # The pane with the keys

    def _pane_with_keys(self) -> Widget | None:
        node = self.focused
        while node is not None and not node.has_class("pane"):
            parent = node.parent
            node = parent if isinstance(parent, Widget) and parent is not self else None
        return node

    def do_pane_next(self) -> None:
        """Focus the next pane; ends a zoom."""
        self._next(1)

    def do_pane_previous(self) -> None:
        """Focus the previous pane."""
        self._next(-1)

    def _next(self, direction: int) -> None:
        zoomed = self._zoomed is not None
        if zoomed:
            self.unzoom()
        if direction > 0:
            self.focus_next()
        else:
            self.focus_previous()
        if zoomed:
            self._zoom()

    # Zoom

    def do_pane_zoom(self) -> None:
        """Show only this pane, or all panes again."""
        if self._zoomed is None:
            self._zoom()
        else:
            self.unzoom()
        self.redraw()

    def _zoom(self) -> None:
        pane = self._pane_with_keys()
        if pane is None:
            return
        self._zoomed = pane
        for node in self._chain(pane):
            self._before.append((node, node.styles.width, node.styles.height))
            node.styles.width = node.styles.height = "1fr"
            for sibling in node.siblings:
                if sibling.has_class("frame"):
                    continue
                sibling.add_class("-unzoomed")

    def unzoom(self) -> None:
        """Show all panes again."""
        for node, width, height in self._before:
            node.styles.width, node.styles.height = width, height
        self._before, self._zoomed = [], None
        self.query(".-unzoomed").remove_class("-unzoomed")

    def _chain(self, pane: Widget) -> Iterable[Widget]:
        """The pane and what is around it, up to the screen."""
        node: Widget = pane
        while True:
            yield node
            parent = node.parent
            if not isinstance(parent, Widget) or parent is self:
                return
            node = parent
