"""The title in a pane's frame: what it is, the filter that it has, how it stands."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget

from finn_tui.ui.toolkit.styled_line import printable


def set_frame_title(widget: Widget, title: str, filter: str = "", state: str = "") -> None:
    """Write the title of a pane's frame; what stands there already costs nothing.

    Args:
        widget: the pane.
        title: what the pane shows.
        filter: the filter or search that it has, with its count; empty for none.
        state: more about it, such as "following"; empty for nothing.
    """
    parts: list[str | tuple[str, str]] = [printable(title)]
    if filter:
        parts.append((f"  {printable(filter)}", "$accent"))
    if state:
        parts.append((f"  {printable(state)}", "$foreground 70%"))
    # Textual leaves a blank beside the title only where the frame has a side.
    left = "" if widget.styles.border_left[0] else " "
    right = "" if widget.styles.border_right[0] else " "
    content = Content.assemble(left, *parts, right)
    before = widget._border_title
    if before is not None and before.plain == content.plain and before.spans == content.spans:
        return
    # Textual's property would have the whole pane painted again, not only the row of the title.
    widget._border_title = content
    gutter = widget.gutter
    if gutter.top:
        widget.refresh(Region(-gutter.left, -gutter.top, widget.outer_size.width, 1))
