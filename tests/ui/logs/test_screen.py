"""The log viewer on its screen."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from finn_tui.runs.folder import RunFolder
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.logs.pane import LogPane
from finn_tui.ui.logs.screen import LogScreen
from finn_tui.ui.logs.tree import tree
from finn_tui.ui.runs.state import RunsState
from finn_tui.ui.state import Topic
from finn_tui.ui.toolkit.listing import Listing
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until
from tests.ui.test_snapshots import SIZES, compare

WIDE = (140, 40)

VIVADO = "".join(
    [
        "INFO: [Common 17-349] Got license for feature 'Implementation'\n",
        *(f"Phase 2.{n} Physical [Synthesis/x]\n" for n in range(1, 120)),
        "WARNING: [Route 35-328] Router estimated timing not met.\n",
        *(f"Phase 3.{n} Detail\n" for n in range(1, 60)),
        "ERROR: [DRC UTLZ-1] Resource utilization: RAMB18 over-utilized in Top Level Design (This "
        "design requires 613 of such cell types but only 280 compatible sites are available)\n",
        "CRITICAL WARNING: [Timing 38-282] The design failed to meet the timing requirements\n",
        "RuntimeError: place_design failed\n",
        "\x1b[2JINFO: [Common 17-206] Exiting Vivado\n",
    ]
)


def with_logs(run: RunFolder) -> RunFolder:
    """A run with logs of FINN, a layer and a Vivado run."""
    for name, text in {
        "build/build_dataflow.log": "[2026-01-02 03:04:05] Building\n",
        "finn_build_dir/code_gen_ipgen_MVAU_hls_0_abcdefgh/vitis_hls.log": "INFO: [HLS 200-10]\n",
        "finn_build_dir/vivado_zynq_proj_abcdefgh/vivado.log": "start_gui\n",
        "finn_build_dir/vivado_zynq_proj_abcdefgh/finn_zynq_link.runs/impl_1/runme.log": VIVADO,
    }.items():
        path = run.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1, 1))
    os.utime(run.log, (1, 1))
    return run


async def viewer(pilot: Pilot[Any]) -> FinnTuiApp:
    """The implementation's log of the only run, large."""
    app = await opened(pilot)
    await pilot.press("3")
    await until(pilot, lambda: app.current_mode == "runs" and app.state.feature(RunsState).log_of)
    await pilot.press("l")
    await until(pilot, lambda: "impl_1" in screen_text(app))
    await pilot.press("end", "enter")
    await until(pilot, lambda: "Exiting Vivado" in screen_text(app))
    await until(pilot, lambda: log(app).view.errors is not None and log(app).view.errors.whole)  # type: ignore[union-attr]
    return app


def log(app: FinnTuiApp) -> LogPane:
    return app.screen.query_one("#log", LogPane)


@pytest.mark.parametrize("size", SIZES)
async def test_looks(make_app: MakeApp, lab: RecordedLab, size: str) -> None:
    with_logs(make_run(lab.workspace))
    async with make_app("tfc-w1a1").run_test(size=SIZES[size]) as pilot:
        app = await viewer(pilot)
        await pilot.press("slash", *"RAMB18", "enter")
        await until(pilot, lambda: "/RAMB18  1 of 1  " in screen_text(app))
        await compare(pilot, f"log-{size}", "#log")
        await pilot.press("tab")
        await until(pilot, lambda: "MVAU_hls_0" in screen_text(app))
        await compare(pilot, f"log-tree-{size}", "#tree")


async def test_errors_are_counted_jumped_to_and_shown_alone(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    with_logs(make_run(lab.workspace))
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await viewer(pilot)
        await until(pilot, lambda: "2 errors" in screen_text(app))
        await pilot.press("g", "e")
        await until(pilot, lambda: "line 181 of 184" in screen_text(app))
        await pilot.press("e")
        await until(pilot, lambda: "line 183 of 184" in screen_text(app))
        await pilot.press("e")
        await until(pilot, lambda: "line 181 of 184" in screen_text(app))
        await pilot.press("E")
        await until(pilot, lambda: "line 183 of 184" in screen_text(app))
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "errors only" in screen_text(app).splitlines()[1])
        await until(pilot, lambda: "Phase" not in screen_text(app))
        await until(pilot, lambda: "ERROR: [DRC UTLZ-1]" in screen_text(app))
        assert "CRITICAL WARNING" not in screen_text(app)
        await pilot.press("v", "v")
        await until(pilot, lambda: "WARNING: [Route 35-328]" in screen_text(app))
        assert "Phase" not in screen_text(app)
        # Enter shows what stands around a line that the filter left.
        await pilot.press("g", "enter")
        await until(pilot, lambda: "Phase 2.119" in screen_text(app))
        assert "line 121 of 184" in screen_text(app)


async def test_search_by_text_and_expression(make_app: MakeApp, lab: RecordedLab) -> None:
    with_logs(make_run(lab.workspace))
    async with make_app("tfc-w1a1").run_test(size=WIDE, notifications=True) as pilot:
        app = await viewer(pilot)
        await pilot.press("g", "n")
        await until(pilot, lambda: "no search yet; / searches" in screen_text(app))
        await pilot.press("slash", *"[synthesis/x]", "enter")
        await until(pilot, lambda: "1 of 119" in screen_text(app))
        await pilot.press("n")
        await until(pilot, lambda: "2 of 119" in screen_text(app))
        await pilot.press("N", "N")
        await until(pilot, lambda: "119 of 119" in screen_text(app))
        await pilot.press("slash", "tab", *"^Phase 3.1?2 ", "enter")
        await until(pilot, lambda: "1 of 2" in screen_text(app))
        await pilot.press("ampersand")
        await until(pilot, lambda: "matches only" in screen_text(app))
        await until(pilot, lambda: "Phase 3.3 " not in screen_text(app))
        # Escape leaves the filter first, then the log.
        await pilot.press("escape")
        await until(pilot, lambda: "Phase 3.3 " in screen_text(app))
        await pilot.press("slash", *"(", "enter")
        await until(pilot, lambda: "not an expression" in screen_text(app))
        await pilot.press("slash", "tab", *"nowhere", "enter")
        await until(pilot, lambda: "nowhere: not found" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, LogScreen))
        assert not app.state.searching


async def test_going_to_lines_wrapping_and_copying(make_app: MakeApp, lab: RecordedLab) -> None:
    with_logs(make_run(lab.workspace))
    async with make_app("tfc-w1a1").run_test(size=WIDE, notifications=True) as pilot:
        app = await viewer(pilot)
        await pilot.press("percent_sign", *"many", "enter")
        await until(pilot, lambda: "many is neither a line number" in screen_text(app))
        await pilot.press("escape", "percent_sign", *"181", "enter")
        await until(pilot, lambda: "line 181 of 184" in screen_text(app))
        assert "sites are available" not in screen_text(app)
        await pilot.press("W")
        await until(pilot, lambda: "available" in screen_text(app))
        await pilot.press("W", "right", "right")
        await until(pilot, lambda: "from column 41" in screen_text(app))
        await pilot.press("space", "down", "y")
        await until(pilot, lambda: "2 lines sent" in screen_text(app))
        assert app.clipboard.splitlines()[0].startswith("ERROR: [DRC UTLZ-1]")
        assert len(app.clipboard.splitlines()) == 2


async def test_another_log_of_the_run_and_one_that_is_gone(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    run = with_logs(make_run(lab.workspace))
    async with make_app("tfc-w1a1").run_test(size=(80, 24), notifications=True) as pilot:
        app = await viewer(pilot)
        await pilot.press("tab", "home", "down", "enter")
        await until(pilot, lambda: "03:04:05 Building" in screen_text(app))
        gone = run.working / "code_gen_ipgen_MVAU_hls_0_abcdefgh/vitis_hls.log"
        gone.unlink()
        # The list may not know it yet.
        screen = app.screen
        assert isinstance(screen, LogScreen)
        screen.on_listing_chosen(Listing.Chosen(screen.query_one(Listing), str(gone)))
        await until(pilot, lambda: "The file was deleted" in screen_text(app))


async def test_the_log_grows_and_is_replaced_while_it_is_read(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    run = make_run(lab.workspace)
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("3", "tab", "tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        with run.log.open("a") as file:
            file.write("ERROR: [Common 17-39] late\n")
        await until(pilot, lambda: "1 error" in screen_text(app))
        assert "late" in screen_text(app), "it follows"
        run.log.write_text("ERROR: a\nERROR: b\n")
        await until(pilot, lambda: "2 errors" in screen_text(app))
        assert "late" not in screen_text(app)


async def test_a_pager_that_is_not_there(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import nullcontext

    make_run(lab.workspace)
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        monkeypatch.setattr(app, "suspend", nullcontext)
        monkeypatch.setenv("PAGER", "no-such-pager -x")
        await pilot.press("3", "tab", "tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        await pilot.press("vertical_line")
        await until(pilot, lambda: "no-such-pager cannot be started" in screen_text(app))


async def test_the_pager_gets_the_file_and_the_line(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from contextlib import nullcontext

    run = make_run(lab.workspace)
    pager = tmp_path / "less"
    pager.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\n')
    pager.chmod(pager.stat().st_mode | stat.S_IXUSR)
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        monkeypatch.setattr(app, "suspend", nullcontext)
        monkeypatch.setenv("PAGER", f"{pager} -S")
        await pilot.press("3", "tab", "tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        await pilot.press("vertical_line")
        await until(pilot, (tmp_path / "said").exists)
        await until(pilot, lambda: (tmp_path / "said").read_text())
        assert (tmp_path / "said").read_text() == f"-S +1 {run.log}\n"


async def test_what_the_board_said_can_be_read_large(make_app: MakeApp, lab: RecordedLab) -> None:
    make_run(lab.workspace)
    async with make_app("tfc-w1a1").run_test(size=WIDE, notifications=True) as pilot:
        app = await opened(pilot)
        await pilot.press("4", "enter")
        await until(pilot, lambda: "no log yet" in screen_text(app))
        app.state.board.log.add(["[red]uploading", "two"])
        app.state.publish(Topic.MODEL)
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        await pilot.press(*"upload", "enter")
        await until(pilot, lambda: "/upload  1 of 1" in screen_text(app))
        assert "[red]uploading" in screen_text(app)


def test_the_tree_puts_runs_below_their_project(lab: RecordedLab) -> None:
    from finn_tui.runs.logs.tail import find_logs, measured

    run = with_logs(make_run(lab.workspace))
    content = tree(measured(find_logs(run)), time_now=3.0)
    assert [row.cells[0][0] for row in content.rows] == [
        "▸ runner.log",
        "▸ FINN",
        "HLS (1)",
        "  ▸ MVAU_hls_0",
        "▸ Zynq project",
        "  ▸ impl_1",
    ]
    assert tree((), time_now=1.0).empty == "no log yet"
