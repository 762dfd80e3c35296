"""The graph on the Flow screen: walking, branches, search, comparing stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.lab.models.models import FailedPreparation, Stage
from finn_tui.lab.models.netron import Netron
from finn_tui.ui.dialogs.ask_text import AskTextDialog
from finn_tui.ui.flow.graph_pane import GraphPane
from finn_tui.ui.flow.screen import FlowScreen
from finn_tui.ui.flow.view import blocking_nodes
from finn_tui.ui.toolkit.listing import Listing
from finn_tui.ui.toolkit.page import Page
from tests.core.graph.test_stage import RESIDUAL
from tests.ui.conftest import MakeApp, RecordedLab, opened, screen_text, until


@pytest.fixture
def branching(monkeypatch: pytest.MonkeyPatch) -> None:
    """All stages have the graph of a residual block."""

    async def graph(self: RecordedLab, stage: Stage, on_progress: OnProgress = ignore) -> Any:
        values = {"count": 4, "min": -1.0, "max": 1.0, "bins": [[-1, -1, 3], [1, 1, 1]]}
        weights = {**RESIDUAL["nodes"][1]["inputs"][1], "values": values}
        left = {**RESIDUAL["nodes"][1], "inputs": [RESIDUAL["nodes"][1]["inputs"][0], weights]}
        nodes = [RESIDUAL["nodes"][0], left, *RESIDUAL["nodes"][2:]]
        return {**RESIDUAL, "nodes": nodes}

    monkeypatch.setattr(RecordedLab, "graph", graph)


async def test_a_branch_is_walked(make_app: MakeApp, branching: None) -> None:
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press("1")
        await until(pilot, lambda: "●╮ First" in screen_text(app))
        text = screen_text(app)
        assert "││ 1x8 INT4" in text and "●╯ Sum" in text
        await pilot.press("enter")
        pane = app.screen.query_one(GraphPane)
        assert pane.graph is not None
        assert pane.graph.nodes[pane.cursor].name == "First"
        await pilot.press("right")
        assert pane.graph.nodes[pane.cursor].name == "Sum"
        await pilot.press("left", "down")
        assert pane.graph.nodes[pane.cursor].name == "Left"
        # The histogram of its weights.
        await until(pilot, lambda: "4 values, -1 to 1" in screen_text(app))
        await pilot.press("G")
        await until(pilot, lambda: "output out" in screen_text(app))


async def test_stages_keep_their_names_in_a_window_that_is_made_smaller(make_app: MakeApp) -> None:
    async with make_app("tfc-w1a1").run_test(size=(160, 50)) as pilot:
        app = await opened(pilot)
        await pilot.press("1")
        await until(pilot, lambda: "qonnx_to_finn" in screen_text(app))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: app.screen.size.width == 80)
        # Columns that are left out in a narrow list make room for the names.
        await until(pilot, lambda: "qonnx_to_finn" in screen_text(app))
        assert "same ops" not in screen_text(app)


async def test_columns_are_chosen_by_the_width_that_the_layout_gives_later(
    make_app: MakeApp,
) -> None:
    async with make_app("tfc-w1a1").run_test(size=(160, 50)) as pilot:
        app = await opened(pilot)
        await pilot.press("1")
        await until(pilot, lambda: "qonnx_to_finn" in screen_text(app))
        screen, before = app.screen, app.screen.query_one("#stages").size.width
        assert isinstance(screen, FlowScreen)
        await pilot.press("less_than_sign")
        await until(pilot, lambda: screen.query_one("#stages").size.width < before)
        await until(pilot, lambda: screen._shown[-1] == screen.query_one("#stages").size.width)


async def test_a_search_jumps_and_refuses(make_app: MakeApp, branching: None) -> None:
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press("1")
        await until(pilot, lambda: "●╮ First" in screen_text(app))
        await pilot.press("enter", "slash")
        await until(pilot, lambda: isinstance(app.screen, AskTextDialog))
        await pilot.press(*"banana", "enter")
        await until(pilot, lambda: "no node of this graph has banana" in screen_text(app))
        await pilot.press(*["backspace"] * 6, *"thresh", "enter")
        await until(pilot, lambda: bool(app.screen.query(GraphPane)))
        pane = app.screen.query_one(GraphPane)
        assert pane.graph is not None
        assert pane.graph.nodes[pane.cursor].name == "Middle"


async def test_any_two_stages_are_compared(make_app: MakeApp) -> None:
    async with make_app("cnv-w1a1").run_test(size=(160, 50)) as pilot:
        app = await opened(pilot)
        await pilot.press("1")
        await until(pilot, lambda: bool(app.screen.query("#changes")))
        changes = app.screen.query_one("#changes", Page)
        stages = app.screen.query_one("#stages", Listing)
        names = [stage.name for stage in app.state.tune.opened.model.stages]  # type: ignore[union-attr]
        stages.go_to(names.index("tidy_up"))
        await until(pilot, lambda: "Constants are folded" in changes.shown)
        await pilot.press("space")
        await until(pilot, lambda: "•tidy_up" in screen_text(app))
        stages.go_to(names.index("convert_to_hw"))
        await until(pilot, lambda: "convert_to_hw against 4 tidy_up" in changes.shown)
        await until(pilot, lambda: "+ MVAU_0" in changes.shown)
        assert "-6 Conv" in changes.shown
        await until(pilot, lambda: "MVAU_0  new" in screen_text(app))
        stages.go_to(names.index("tidy_up"))
        await until(pilot, lambda: "tidy_up has" in changes.shown)
        await pilot.press("space")
        await until(pilot, lambda: "tidy_up changed" in changes.shown)
        # The first stage is compared with itself either way: only its mark tells.
        stages.go_to(0)
        await until(pilot, lambda: f"{names[0]} has" in changes.shown)
        await pilot.press("space")
        await until(pilot, lambda: f"•{names[0]}" in screen_text(app))


async def test_the_first_stage_that_differs_says_why(make_app: MakeApp) -> None:
    async with make_app("tfc-w1a1").run_test(size=(160, 50)) as pilot:
        app = await opened(pilot)
        model = app.state.tune.opened.model  # type: ignore[union-attr]
        model.info["warnings"] = [  # type: ignore[index]
            {
                "kind": "classes",
                "stage": "streamline",
                "what": "from the stage streamline on, 3 of 20 classes differ",
                "why": "Bipolar activations are padded with zeros in front of Conv_1.",
                "fix": "Train with padding -1",
            }
        ]
        await pilot.press("1")
        await until(pilot, lambda: bool(app.screen.query("#stages")))
        names = [stage.name for stage in model.stages]
        app.screen.query_one("#stages", Listing).go_to(names.index("streamline"))
        await until(pilot, lambda: "3 of 20 classes differ" in screen_text(app))
        assert "padded with zeros" in " ".join(screen_text(app).split())


async def test_a_failed_preparation_is_explained_at_the_node_that_blocks_it(
    make_app: MakeApp, branching: None
) -> None:
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        stages = app.state.tune.opened.model.stages[:6]  # type: ignore[union-attr]
        error = FinnTuiError("FINN has no hardware for Middle", "It is a Softmax.", "Remove it.")
        app.state.flow.failed = FailedPreparation("net", stages[0].path.parent, stages, (), error)
        await pilot.press("1")
        await until(pilot, lambda: "Middle  Thresholding  ✗ blocks" in screen_text(app))
        pane = app.screen.query_one(GraphPane)
        assert pane.graph is not None and pane.graph.nodes[pane.cursor].name == "Middle"
        text = " ".join(app.screen.query_one("#changes", Page).shown.split())
        assert "then failed: FINN has no hardware for Middle. It is a Softmax. Remove it." in text


def test_names_in_an_error_are_whole_words() -> None:
    graph = {"nodes": [{"name": "Conv_1"}, {"name": "Conv_10"}, {"name": "/a/Conv"}, {"name": ""}]}
    assert blocking_nodes(graph, "FINN cannot convert Conv_10 and /a/Conv.") == [
        "Conv_10",
        "/a/Conv",
    ]


async def test_a_stage_is_opened_in_netron(
    make_app: MakeApp, branching: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    async def opening(self: Netron, path: Path) -> str:
        shown.append(path.name)
        return "http://localhost:8080"

    monkeypatch.setattr(Netron, "open", opening)
    async with make_app("tfc-w1a1").run_test(size=(120, 40), notifications=True) as pilot:
        app = await opened(pilot)
        await pilot.press("1")
        await until(pilot, lambda: "●╮ First" in screen_text(app))
        await pilot.press("Y")
        await until(pilot, lambda: "http://localhost:8080" in screen_text(app))
        assert shown == [app.state.tune.opened.model.stages[-1].path.name]  # type: ignore[union-attr]
