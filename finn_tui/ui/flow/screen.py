"""Flow: the stages from export to dataflow graph, their changes, graphs and nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from finn_tui.lab.models.models import Stage
from finn_tui.ui.actions import availability
from finn_tui.ui.actions import table as actions
from finn_tui.ui.dialogs.ask_text import AskTextDialog
from finn_tui.ui.flow import view as flow
from finn_tui.ui.flow.graph_pane import GraphPane
from finn_tui.ui.flow.state import FlowDrawings, missing_graph
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Content, Listing, facts
from finn_tui.ui.toolkit.mode_screen import ModeScreen
from finn_tui.ui.toolkit.page import Page
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
        """Yield the origin of the weights, stages and changes, graph and attributes."""
        yield LineView(self._weights, id="weights")
        with Horizontal():
            with Vertical(id="left"):
                yield Listing(id="stages", title="Stages", classes="pane")
                yield Page(self._changes, id="changes", title="Changes", classes="pane")
            with Vertical(id="right"):
                yield GraphPane(id="nodes", title="Graph", classes="pane right")
                yield Listing(
                    id="attributes", passive=True, title="Attributes", classes="pane right"
                )

    def on_mount(self) -> None:
        """Focus the stages."""
        self._shown: tuple[object, ...] = ()
        self.query_one("#stages", Listing).focus()

    @property
    def drawings(self) -> FlowDrawings:
        """Return the drawn graphs."""
        return self.state.feature(FlowDrawings)

    def draw(self) -> None:
        """Show the chosen stage."""
        self.query_one("#weights", LineView).redraw()
        width, height = self.size
        self.resize_pane("left", min(64, width * (52 if width >= 110 else 46) // 100))
        for pane_id in ("changes", "attributes"):
            self.resize_pane(pane_id, max(3, (height - 3) * 38 // 100))
        state = self.state.flow
        model_stages = self._stages()
        if not model_stages:
            empty = availability.no_model(self.state) or ""
            self.query_one("#stages", Listing).set_content(Content(empty=empty))
            self.query_one("#attributes", Listing).set_content(Content(empty=""))
            self.query_one(GraphPane).set_graph(None)
            self.query_one("#changes", Page).redraw()
            return
        if not 0 <= state.stage < len(model_stages):
            state.stage = len(model_stages) - 1
        stage = model_stages[state.stage]
        base = self._base()
        self._read((state.stage, base))
        graph = state.graphs.get(stage.path)
        before = state.graphs.get(model_stages[base].path)
        # The mark as well: the first stage is its own base with it and without.
        marked = self.drawings.base
        stages = self.query_one("#stages", Listing)
        width = stages.size.width
        shown = (stage.path, base, marked, id(graph), id(before), state.error, self.size, width)
        if shown == self._shown:
            return
        self._shown = shown
        stages.set_content(
            flow.stages_content(
                model_stages,
                width,
                marked,
                failed=state.failed is not None,
            ),
            state.stage,
        )
        self.query_one("#changes", Page).redraw()
        pane = self.query_one(GraphPane)
        pane.title = f"Graph at {stage.index} {stage.name}, {stage.nodes} nodes"
        if graph is None:
            text = "reading the graph with FINN ..."
            if state.error is not None:
                text = f"{state.error.what}: {state.error.why}"
            pane.set_graph(None, empty=text)
        else:
            marks: Mapping[str, str] = {}
            if before is not None and base != state.stage:
                marks = self.drawings.between(before, graph).marks
            blocking = self._blocking(graph)
            marks = {**marks, **dict.fromkeys(blocking, "✗ blocks")}
            pane.set_graph(self.drawings.drawn(graph), marks)
            if blocking:
                pane.search_name(blocking[0])
        self._node()

    def _stages(self) -> Sequence[Stage]:
        """Return the stages that are shown: of the open model, or of what could not be prepared."""
        if self.state.flow.failed is not None:
            return self.state.flow.failed.stages
        return self.state.tune.opened.model.stages if self.state.tune is not None else ()

    def _blocking(self, graph: Mapping[str, Any]) -> list[str]:
        """Return the nodes that the error of a failed preparation names, at its last stage."""
        failed = self.state.flow.failed
        if failed is None or self.state.flow.stage != len(failed.stages) - 1:
            return []
        return flow.blocking_nodes(graph, f"{failed.error.what} {failed.error.why}")

    def _base(self) -> int:
        base = self.drawings.base_of(self.state.flow.stage)
        return base if base < len(self._stages()) else max(0, self.state.flow.stage - 1)

    def _read(self, wanted: tuple[int, int]) -> None:
        """Read the graphs that are needed one after the other, the shown stage first."""
        state = self.state.flow
        stages = [self._stages()[at] for at in wanted]
        path = missing_graph(state.graphs, tuple(stage.path for stage in stages))
        if path is not None and state.error is None and state.reading is None:
            state.reading = path
            self.context.models.read_graph(next(each for each in stages if each.path == path))

    def on_resize(self) -> None:
        """Lay the panes out for the new size; another width of the list comes later."""
        self.redraw()

    def _changes(self, width: int, height: int) -> list[StyledLine]:
        state, model_stages = self.state.flow, self._stages()
        if not 0 <= state.stage < len(model_stages):
            return []
        base = self._base()
        graph, before = (state.graphs.get(model_stages[at].path) for at in (state.stage, base))
        nodes = None
        if graph is not None and before is not None:
            nodes = self.drawings.between(before, graph)
        remarks = self._remarks(model_stages[state.stage])
        return flow.change_lines(model_stages, state.stage, base, nodes, width, remarks)

    def _remarks(self, stage: Stage) -> list[tuple[str, str]]:
        """What the checks found at a stage, or why the preparation ended there."""
        failed, tune = self.state.flow.failed, self.state.tune
        if failed is not None:
            if stage is not failed.stages[-1]:
                return []
            error = failed.error
            return [(f"then failed: {error.what}. {error.why} {error.fix}".rstrip(), "bad")]
        return flow.check_remarks(tune.opened.model.warnings, stage) if tune is not None else []

    @property
    def _graph(self) -> Mapping[str, Any] | None:
        state, model_stages = self.state.flow, self._stages()
        if not 0 <= state.stage < len(model_stages):
            return None
        return state.graphs.get(model_stages[state.stage].path)

    def do_flow_leave_failed(self) -> None:
        """Show the stages of the open model again."""
        self.state.flow.failed, self.state.flow.stage = None, -1
        self.query_one("#weights", LineView).redraw()
        self.redraw()

    def _node(self) -> None:
        listing = self.query_one("#attributes", Listing)
        graph, pane = self._graph, self.query_one(GraphPane)
        number = pane.number
        if graph is None or number is None:
            tensor = ""
            if graph is not None and pane.graph is not None and pane.graph.nodes:
                end = pane.graph.nodes[pane.cursor]
                tensor = f"{end.op} {end.name}  {end.produces}"
            listing.set_content(Content(empty=tensor))
            return
        node = graph["nodes"][number]
        listing.set_content(
            facts(flow.node_facts(node), node["name"], 24 if listing.size.width >= 60 else 15)
        )

    def on_listing_moved(self, event: Listing.Moved) -> None:
        """Show another stage."""
        if event.listing.id == "stages" and isinstance(event.key, int):
            self.state.flow.stage, self.state.flow.error = event.key, None
            self.query_one("#changes", Page).to_top()
            self.redraw()

    def on_graph_pane_moved(self, _: GraphPane.Moved) -> None:
        """Show another node."""
        self._node()

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Focus the graph."""
        if event.listing.id == "stages":
            self.query_one("#nodes").focus()

    def on_graph_pane_chosen(self, _: GraphPane.Chosen) -> None:
        """Focus the attributes."""
        self.query_one("#attributes").focus()

    def do_flow_follow(self) -> None:
        """Go to the far end of a branch."""
        self.query_one(GraphPane).follow(forward=True)

    def do_flow_back(self) -> None:
        """Go back to the beginning of a branch."""
        self.query_one(GraphPane).follow(forward=False)

    def do_flow_base(self) -> None:
        """Compare all stages with the chosen one, or each with the one before again."""
        drawings = self.drawings
        drawings.base = None if drawings.base == self.state.flow.stage else self.state.flow.stage
        self.redraw()

    def do_list_filter(self) -> None:
        """Search the graph for a node."""
        pane = self.query_one(GraphPane)

        def refuse(text: str) -> str | None:
            graph = pane.graph
            if graph is None or graph.search(text, pane.cursor) is None:
                return f"no node of this graph has {text} in its name, op, shape or type"
            return None

        def typed(text: str | None) -> None:
            if text:
                self.drawings.searched = text
                pane.search(text)
                pane.focus()

        dialog = AskTextDialog(
            "Find a node",
            refuse=refuse,
            hint="name, op, shape or type; enter goes to the next one",
            text=self.drawings.searched,
        )
        self.context.show_dialog(dialog, typed)

    def _weights(self, width: int, height: int) -> list[StyledLine]:
        tune, failed = self.state.tune, self.state.flow.failed
        if failed is not None:
            line = StyledLine().add(" FAILED ", "bad").add(f" {failed.name}", "strong")
            line.add(f" after {failed.stages[-1].name}: ", "dim").add(failed.error.what)
            if self.state.tune is not None:
                back = (
                    StyledLine()
                    .add("esc", "key", "flow.leave-failed")
                    .add(" back ", "dim", "flow.leave-failed")
                )
                if line.width + back.width < width:
                    line.add(f". {failed.error.why}", "dim")
                return [line.right(back, width)]
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
