"""Flow: the stages from export to dataflow graph, their changes and nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from finn_tui.lab.models import Stage
from finn_tui.ui.actions import table as actions
from finn_tui.ui.flow import view as flow
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Content, Listing, facts
from finn_tui.ui.toolkit.mode_screen import ModeScreen
from finn_tui.ui.toolkit.panes import Resize
from finn_tui.ui.toolkit.styled_line import StyledLine


class FlowScreen(ModeScreen):
    """The screen that shows how a network becomes hardware layers."""

    place = "flow"
    BINDINGS = actions.bindings("flow")
    CSS_PATH = "screen.tcss"
    RESIZES: ClassVar[Mapping[str, Resize]] = {
        "stages": Resize("left", "width"),
        "changes": Resize("changes", "height"),
        "nodes": Resize("left", "width", -1),
        "attributes": Resize("attributes", "height"),
    }

    def body(self) -> Iterable[Widget]:
        """Yield the origin of the weights, stages and changes, nodes and attributes."""
        yield LineView(self._weights, id="weights")
        with Horizontal():
            with Vertical(id="left"):
                yield Listing(id="stages", title="Stages", classes="pane")
                yield Listing(id="changes", passive=True, title="Changes", classes="pane")
            with Vertical(id="right"):
                yield Listing(id="nodes", title="Nodes", classes="pane right")
                yield Listing(
                    id="attributes", passive=True, title="Attributes", classes="pane right"
                )

    def on_mount(self) -> None:
        """Focus the stages."""
        self._shown: tuple[object, ...] = ()
        self.query_one("#stages", Listing).focus()

    def draw(self) -> None:
        """Show the chosen stage."""
        self.query_one("#weights", LineView).redraw()
        width, height = self.size
        self.resize_pane("left", min(64, width * (52 if width >= 110 else 46) // 100))
        for pane in ("changes", "attributes"):
            self.resize_pane(pane, max(3, (height - 3) * 38 // 100))
        state = self.state.flow
        shown_stages = self._stages()
        if not shown_stages:
            for name in ("#stages", "#changes", "#nodes", "#attributes"):
                empty = "no model is open; o opens one" if name == "#stages" else ""
                self.query_one(name, Listing).set_content(Content(empty=empty))
            return
        if not 0 <= state.stage < len(shown_stages):
            state.stage = len(shown_stages) - 1
        stage = shown_stages[state.stage]
        graph = state.graphs.get(stage.path)
        if graph is None and state.reading != stage.path and state.error is None:
            state.reading = stage.path
            self.context.models.read_graph(stage)
        shown = (stage.path, id(graph), state.error, self.size)
        if shown == self._shown:
            return
        self._shown = shown
        stages = self.query_one("#stages", Listing)
        width = stages.size.width
        stages.set_content(
            flow.stages_content(shown_stages, width, failed=state.failed is not None), state.stage
        )
        changes = flow.changes_content(shown_stages, state.stage)
        self.query_one("#changes", Listing).set_content(changes)
        nodes = self.query_one("#nodes", Listing)
        if graph is None:
            text = "reading the graph with FINN ..."
            if state.error is not None:
                text = f"{state.error.what}: {state.error.why}"
            nodes.set_content(Content(empty=text))
        else:
            nodes.set_content(flow.nodes_content(graph, nodes.size.width))
        self._node()

    def on_resize(self) -> None:
        """Choose the columns for the new size."""
        self.call_after_refresh(self.redraw)

    def _stages(self) -> Sequence[Stage]:
        """Return the stages that are shown: of the open model, or of what could not be prepared."""
        if self.state.flow.failed is not None:
            return self.state.flow.failed.stages
        return self.state.tune.opened.model.stages if self.state.tune is not None else ()

    def _node(self) -> None:
        state, stages = self.state.flow, self._stages()
        listing = self.query_one("#attributes", Listing)
        graph = state.graphs.get(stages[state.stage].path) if stages else None
        key = self.query_one("#nodes", Listing).key
        if graph is None or not isinstance(key, int):
            listing.set_content(Content(empty=""))
            return
        node = graph["nodes"][key]
        listing.set_content(
            facts(flow.node_facts(node), node["name"], 24 if listing.size.width >= 60 else 15)
        )

    def on_listing_moved(self, event: Listing.Moved) -> None:
        """Show another stage or node."""
        if event.listing.id == "stages" and isinstance(event.key, int):
            self.state.flow.stage, self.state.flow.error = event.key, None
            self.redraw()
        elif event.listing.id == "nodes":
            self._node()

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Focus the list to the right."""
        following = {"stages": "#nodes", "nodes": "#attributes"}.get(event.listing.id or "")
        if following:
            self.query_one(following, Listing).focus()

    def _weights(self, width: int, height: int) -> list[StyledLine]:
        tune, failed = self.state.tune, self.state.flow.failed
        if failed is not None:
            line = StyledLine().add(" FAILED ", "bad").add(f" {failed.name}", "strong")
            line.add(f" after {failed.stages[-1].name}: ", "dim").add(failed.error.what)
            return [line]
        if tune is None:
            return []
        info = tune.opened.model.info
        weights, finn = info["weights"], info["finn"]
        random = weights["kind"] == "random"
        line = StyledLine().add(" weights ", "dim")
        if random:
            line.add("RANDOM", "warn").add(f"  {weights['note']}", "dim")
        else:
            line.add(weights["kind"], "strong").add(f"  {weights['note']}", "dim")
        if weights.get("accuracy") is not None:
            line.add(f"  {weights['accuracy']:.2f} %", "strong")
            line.add(f" of {weights['images']:,} images", "dim")
        return [line.right(StyledLine().add(f"{finn['flavour']} {finn['version']} ", "dim"), width)]
