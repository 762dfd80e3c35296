"""Branches, joins, widths, converters and FIFOs of a residual network, as the table shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_tui.lab.workspace import Workspace
from finn_tui.ui.state import Topic
from finn_tui.ui.tune import columns as tune_columns
from finn_tui.ui.tune import view as tune_view
from finn_tui.ui.tune.state import TuneState
from tests import data
from tests.core.designs import residual_document
from tests.ui.conftest import MakeApp, RecordedLab, opened, screen_text, tune_of
from tests.ui.test_snapshots import SIZES, compare


@pytest.fixture
def workspace(tmp_path: Path, home: Path) -> Workspace:
    """A workspace with a residual network of eight blocks."""
    root = tmp_path / "workspace"
    data.made_workspace(root, "residual", *residual_document(8, 64))
    (root / "finn-tui.toml").write_text("rehearse = true\n")
    return Workspace.open(root)


@pytest.mark.parametrize("size", SIZES)
async def test_residual_network(make_app: MakeApp, size: str) -> None:
    async with make_app("residual").run_test(size=SIZES[size]) as pilot:
        app = await opened(pilot)
        tune_of(app).go_to("AddStreams_hls_1")
        await pilot.press("plus")
        await compare(pilot, f"residual-{size}", "#layers")


async def test_rails_stand_beside_their_layers_and_only_in_the_graphs_order(
    make_app: MakeApp,
) -> None:
    async with make_app("residual").run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        text = screen_text(app)
        assert "> ●  MVAU 0 " in text
        assert " ●╮ Duplicate 0 " in text
        assert " │● MVAU 5 " in text
        assert " ●╯ Add 1 " in text
        await pilot.press("slash", *"mvau", "enter")
        assert "●" not in screen_text(app)
        assert ">    MVAU 0 " in screen_text(app)


async def test_columns_fit_every_width(lab: RecordedLab) -> None:
    tune = TuneState(await lab.open("residual"), "ones")
    for width in range(80, 200):
        plan = tune_columns.columns(tune, width - 1)
        assert plan.lanes == 3
        for index in range(len(tune.layers)):
            row = tune_view.layer_row(tune, index, plan, True)
            assert [part.width for part in row] == [plan.left, plan.middle, plan.right]


async def test_a_converter_is_marked_where_it_arises_and_told_with_its_fifos(
    make_app: MakeApp,
) -> None:
    async with make_app("residual").run_test(size=(160, 50)) as pilot:
        app = await opened(pilot)
        assert "≠" not in screen_text(app)
        tune_of(app).go_to("AddStreams_hls_1")
        await pilot.press("plus")
        lines = screen_text(app).splitlines()
        marked = [word for line in lines if "≠" in line for word in line.split() if "_hls_" in word]
        assert marked == ["AddStreams_hls_1", "DuplicateStreams_hls_2"]
        assert "≠4>4▐" in next(line for line in lines if "AddStreams_hls_1" in line)
        text = "\n".join(lines)
        assert "from MVAU_hls_5: FIFO of 2 x 2 bits (2 LUT), width converter 2 to 4 bits" in text


async def test_fifo_depths_are_told_on_a_small_screen(make_app: MakeApp) -> None:
    async with make_app("residual").run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        assert "FIFO 2 in, 2 out" in screen_text(app)
        tune = tune_of(app)
        tune.editor.replace(
            tune.editor.folding.with_setting("AddStreams_hls_0", "inFIFODepths", [4, 128])
        )
        tune.go_to("AddStreams_hls_0")
        app.state.publish(Topic.MODEL)
        await pilot.pause()
        assert "FIFO 4+128 in, 2 out" in screen_text(app)
