"""The folding that is edited outlives the app: its history, its names and its locks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.foldings import working_folding
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from tests.ui.conftest import MakeApp, RecordedLab, opened, screen_text, tune_of, until
from tests.waiting import wait_until

SIZE = (120, 40)


def kept(lab: Workbench) -> Path:
    return lab.workspace.root / "working" / "cnv-w1a1" / "xc7z020clg400-1.json"


async def test_quitting_keeps_the_folding_with_its_history_and_locks(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("plus", "plus", "plus", "u", "L")
        before = tune_of(app).editor.history
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        tune = tune_of(app)
        assert tune.editor.history == before
        assert tune.locked == {"MVAU_hls_6"}
        assert "restored with unsaved changes" in screen_text(app)
        assert "unsaved: 1 change against published" in screen_text(app)
        await pilot.press("ctrl+r")
        assert tune.editor.folding.values["MVAU_hls_6"]["PE"] == 8
        await pilot.press("u", "u", "u")
        assert not tune.editor.unsaved


async def test_the_loaded_and_the_saved_folding_open_next_time(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("plus", "w", *"lab", "enter")
        await until(pilot, (lab.workspace.foldings_dir / "lab.json").exists)
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        assert tune_of(app).folding_name == tune_of(app).saved_name == "lab"
        assert not tune_of(app).editor.unsaved
        assert tune_of(app).editor.folding.values["MVAU_hls_6"]["PE"] == 2
        await pilot.press("f")
        await until(pilot, lambda: "preset" in screen_text(app))
        await pilot.press(*"ones", "enter")
        await until(pilot, lambda: tune_of(app).folding_name == "ones")
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        assert tune_of(app).folding_name == "ones"
    # Commands know nothing of it.
    assert (await lab.open("cnv-w1a1")).editor.baseline_name == "published"


async def test_a_saved_folding_that_was_changed_meanwhile_is_read_again(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    path = lab.workspace.foldings_dir / "lab.json"
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("plus", "w", *"lab", "enter")
        await until(pilot, path.exists)
    path.write_text(path.read_text().replace('"PE": 2,', '"PE": 4,'))
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        assert tune_of(app).editor.folding.values["MVAU_hls_6"]["PE"] == 4
        assert not tune_of(app).editor.unsaved


async def test_each_model_has_its_own(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("plus", "o", *"tfc-w1a1", "enter")
        await until(pilot, lambda: tune_of(app).opened.model.name == "tfc-w1a1")
        assert not tune_of(app).editor.unsaved
        await pilot.press("o", *"cnv-w1a1", "enter")
        await until(pilot, lambda: tune_of(app).opened.model.name == "cnv-w1a1")
        assert tune_of(app).editor.folding.values["MVAU_hls_6"]["PE"] == 2


async def test_what_cannot_be_restored_is_a_message_and_moved_aside(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    kept(lab).parent.mkdir(parents=True)
    kept(lab).write_text("{")
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await until(pilot, lambda: "could not be restored" in screen_text(app))
        assert not tune_of(app).editor.unsaved
        assert kept(lab).with_name("xc7z020clg400-1.unread.json").read_text() == "{"
        await pilot.press("escape", "plus")
        await until(pilot, kept(lab).exists)


async def test_a_damaged_or_foreign_file_is_refused_with_the_reason(lab: RecordedLab) -> None:
    start = await lab.open("cnv-w1a1")
    editor = start.editor
    editor.step("MVAU_hls_6", "PE", 1)
    working = working_folding.WorkingFolding("published", "", editor.history, frozenset())
    working_folding.Writer().write(kept(lab), editor.design, working)
    good = kept(lab).read_text()
    for content, why in (
        ("", "truncated"),
        (good[:-40], "truncated"),
        ("[" * 100_000, "Expected `object`"),
        (" " * 5_000_000, "more than 4,000,000 bytes"),
        ("\x00" * 100, "malformed"),
        (good.replace("MVAU_hls_6", "MVAU_hls_99"), "does not name every layer"),
        (good.replace('"PE":2', '"PE":7'), "PE = 7 is not legal"),
        (good.replace('"PE":2', '"PE":"2"'), "is not legal"),
        (good.replace('"PE":2', '"PE":null'), "Expected `int | str`"),
        (good.replace('"PE":2', '"PX":2'), "knobs of MVAU_hls_6"),
        (good.replace('"design":"', '"design":"0'), "other layers than cnv-w1a1"),
        (good.replace('"format":1', '"format":2'), "Invalid enum value 2"),
    ):
        kept(lab).write_text(content)
        with pytest.raises(FinnTuiError, match="could not be restored") as caught:
            working_folding.read(kept(lab), editor.design, editor.tables)
        assert why in caught.value.why, caught.value.why
        assert not kept(lab).exists()
    kept(lab).write_text(good)
    assert working_folding.read(kept(lab), editor.design, editor.tables) == working


async def test_the_file_is_bounded(lab: RecordedLab) -> None:
    start = await lab.open("cnv-w1a1")
    editor = start.editor
    for _ in range(400):
        editor.step("MVAU_hls_6", "PE", 1)
        editor.step("MVAU_hls_6", "PE", -1)
    path = working_folding.path_of(lab.workspace, start.model)
    kept = working_folding.WorkingFolding("published", "", editor.history, frozenset())
    writer = working_folding.Writer()
    writer.write(path, editor.design, kept)
    first = path.read_bytes()
    # What was worked out before is used again, and is the same.
    writer.write(path, editor.design, kept)
    assert path.read_bytes() == first
    read = working_folding.read(path, editor.design, editor.tables)
    assert read is not None
    assert read.history.folding == editor.folding
    assert read.history.undo == editor.history.undo[-working_folding.MOST_STEPS :]
    assert len(read.history.undo) == working_folding.MOST_STEPS


def test_a_killed_app_goes_on_where_it_was(workspace: Workspace, lab: RecordedLab) -> None:
    script = """
        import asyncio, sys
        from pathlib import Path
        from finn_tui.lab.workbench import Workbench
        from finn_tui.lab.workspace import Workspace
        from finn_tui.ui.app import FinnTuiApp

        async def main():
            app = FinnTuiApp(Workbench(Workspace.open(Path(sys.argv[1]))), "cnv-w1a1")
            async with app.run_test(size=(120, 40)) as pilot:
                while app.state.tune is None:
                    await pilot.pause(0.05)
                await pilot.press("plus")
                while True:
                    await pilot.pause(0.05)

        asyncio.run(main())
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(workspace.root)], env=dict(os.environ)
    )
    try:
        wait_until(lambda: kept(lab).exists() or process.poll() is not None)
        assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    assert '"PE":2' in kept(lab).read_text()
