"""The graph of a stage as a drawing with a cursor that walks along it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textual import events
from textual.message import Message

from finn_tui.core.graph.stage import DrawnLine, StageGraph
from finn_tui.ui.actions import table as actions
from finn_tui.ui.toolkit.frame_title import set_frame_title
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.styled_line import StyledLine, fit
from finn_tui.ui.toolkit.viewport import Viewport


class GraphPane(LineView, can_focus=True):
    """Nodes below each other, the tensors between them, and branches in lanes at the left."""

    BINDINGS = actions.bindings("list", "pane")

    @dataclass
    class Moved(Message):
        """The cursor is on another node."""

        node: int

    @dataclass
    class Chosen(Message):
        """Enter or a second click on a node."""

        node: int

    def __init__(self, *, title: str = "", id: str | None = None, classes: str = "") -> None:
        """A pane that its owner fills with ``set_graph``.

        Args:
            title: in the frame; may be changed.
        """
        super().__init__(id=id, classes=classes)
        self.title = title
        self.graph: StageGraph | None = None
        self.cursor = 0
        self._marks: Mapping[str, str] = {}
        self._empty = ""
        self._window = Viewport()

    def set_graph(
        self, graph: StageGraph | None, marks: Mapping[str, str] | None = None, empty: str = ""
    ) -> None:
        """Show another graph; the cursor stays on the node of the same name, if it is there.

        Args:
            graph: None for none.
            marks: a word beside nodes that the stage added or changed, by their names.
            empty: what is said instead of a graph.
        """
        name = self._node_name
        self.graph, self._marks, self._empty = graph, marks or {}, empty
        nodes = graph.nodes if graph is not None else ()
        same = [at for at, node in enumerate(nodes) if node.name == name]
        first = next((at for at, node in enumerate(nodes) if node.number is not None), 0)
        self.cursor = same[0] if same else first
        self.redraw()

    @property
    def _node_name(self) -> str:
        if self.graph is None or not self.graph.nodes:
            return ""
        return self.graph.nodes[self.cursor].name

    @property
    def number(self) -> int | None:
        """Return the number of the node at the cursor in the stage's document."""
        if self.graph is None or not self.graph.nodes:
            return None
        return self.graph.nodes[self.cursor].number

    def build(self, width: int, height: int) -> list[StyledLine]:
        """Return the lines in view.

        Args:
            width: columns.
            height: lines.
        """
        graph = self.graph
        set_frame_title(self, self.title)
        if graph is None or not graph.nodes:
            return [StyledLine().add(f" {self._empty}", "dim")]
        self._window.size(len(graph.lines), height)
        at = graph.line_of[self.cursor]
        # What runs on from the node is in view with it.
        self._window.to(min(at + 1, len(graph.lines) - 1))
        self._window.to(at)
        thumb = self._window.thumb()
        lines = []
        for number, index in enumerate(self._window.rows):
            line = self._line(graph, graph.lines[index], width - 1)
            if thumb is not None and thumb[0] <= number < sum(thumb):
                line.to(width - 1).add("▐", "faint")
            lines.append(line)
        return lines

    def _line(self, graph: StageGraph, drawn: DrawnLine, width: int) -> StyledLine:
        node = graph.nodes[drawn.node]
        here = drawn.node == self.cursor and drawn.is_node
        line = StyledLine(("cursor" if self.has_focus else "cursor-blur") if here else "")
        line.add(">" if here else " ", "accent").add(f"{drawn.lanes} ", "accent", drawn.node)
        if not drawn.is_node:
            return line.add(fit(node.produces, max(0, width - line.width)).rstrip(), "dim")
        role = "" if node.number is not None else "title"
        line.add(node.name, role or ("strong" if here else ""), drawn.node)
        if not node.name.startswith(node.op):
            line.add(f"  {node.op}", "dim", drawn.node)
        if mark := self._marks.get(node.name):
            line.add(f"  {mark}", "good")
        if node.constants:
            line.add(f"  + {', '.join(node.constants)}", "faint")
        return line.cut(width)[0] if line.width > width else line

    def go_to(self, node: int) -> None:
        """Put the cursor on a node."""
        if self.graph is None or not self.graph.nodes:
            return
        node = max(0, min(node, len(self.graph.nodes) - 1))
        if node != self.cursor:
            self.cursor = node
            self.post_message(self.Moved(node))
        self.redraw()

    def follow(self, *, forward: bool) -> None:
        """Go to the far end of a branch.

        Args:
            forward: to the last consumer; otherwise to the first producer.
        """
        if self.graph is not None and self.graph.nodes:
            self.go_to(self.graph.follow(self.cursor, forward=forward))

    def search(self, text: str) -> bool:
        """Go to the next node with a text in its name, op, shape or type.

        Returns:
            whether there is one.
        """
        node = self.graph.search(text, self.cursor) if self.graph is not None else None
        if node is None:
            return False
        self.go_to(node)
        return True

    def search_name(self, name: str) -> None:
        """Put the cursor on the node of a name, if there is one."""
        nodes = self.graph.nodes if self.graph is not None else ()
        for at, node in enumerate(nodes):
            if node.name == name:
                self.go_to(at)
                return

    @property
    def _page(self) -> int:
        return max(1, self.size.height // 2 - 1)

    def do_list_up(self) -> None:
        """Go to the node above."""
        self.go_to(self.cursor - 1)

    def do_list_down(self) -> None:
        """Go to the node below."""
        self.go_to(self.cursor + 1)

    def do_list_page_up(self) -> None:
        """Go a page up."""
        self.go_to(self.cursor - self._page)

    def do_list_page_down(self) -> None:
        """Go a page down."""
        self.go_to(self.cursor + self._page)

    def do_list_top(self) -> None:
        """Go to the first node."""
        self.go_to(0)

    def do_list_bottom(self) -> None:
        """Go to the last node."""
        self.go_to(len(self.graph.nodes) - 1 if self.graph is not None else 0)

    def do_list_choose(self) -> None:
        """Choose the node."""
        self.post_message(self.Chosen(self.cursor))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a clicked node; choose it if the cursor is there already."""
        hit = self.hit(event)
        event.stop()
        if isinstance(hit, int):
            if hit == self.cursor:
                self.do_list_choose()
            else:
                self.go_to(hit)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Walk down."""
        event.stop()
        self.go_to(self.cursor + 2)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Walk up."""
        event.stop()
        self.go_to(self.cursor - 2)
