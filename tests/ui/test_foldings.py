"""The list of foldings when some of their files are damaged."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from finn_tui.lab.foldings import saved_foldings
from finn_tui.lab.workbench import Workbench
from finn_tui.ui.dialogs.choose import ChooseDialog
from finn_tui.ui.toolkit.listing import Listing
from tests.ui.conftest import MakeApp, RecordedLab, opened, screen_text, until

DAMAGED: dict[str, str | bytes] = {
    "cut": '{"MVAU_hls_0": {"PE":',
    "deep": "[" * 100_000,
    "empty": "",
    "entry": '{"MVAU_hls_0": 3}',
    "latin": b"\xe4\xff",
    "null": "null",
    "number": "[1, 2, 3, 4]",
    "objects": "[{}, {}, {}, {}]",
    "short": "[[1], [1], [1], [1]]",
}


def damage(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in DAMAGED.items():
        content = text if isinstance(text, bytes) else text.encode()
        (folder / f"{name}.json").write_bytes(content)
    (folder / "folder.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    (folder / "zz-good.json").write_text('{"MVAU_hls_0": {"PE": 2}}')


@pytest.mark.parametrize(("key", "done"), [("f", "loaded zz-good"), ("C", "zz-good")])
async def test_damaged_foldings_are_listed_and_the_others_stay_usable(
    make_app: MakeApp, lab: RecordedLab, key: str, done: str
) -> None:
    damage(lab.workspace.foldings_dir)
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        rows = {row.key: row.cells for row in app.screen.query_one(Listing).content.rows}
        for name in (*DAMAGED, "folder", "pipe"):
            assert rows[name][-1][0].startswith("damaged: "), rows[name]
        assert "damaged: Line 1, column 22 is no JSON" in screen_text(app)
        await pilot.press(*"zz-good", "enter")
        await until(pilot, lambda: not isinstance(app.screen, ChooseDialog))
        await until(pilot, lambda: done in screen_text(app))


async def test_a_defect_in_reading_one_file_leaves_the_others(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(lab.workspace.foldings_dir)
    read = saved_foldings.read

    def reads(workspace: Any, of: Any, name: str) -> Any:
        if name == "null":
            raise TypeError("nobody thought of this file")
        return read(workspace, of, name)

    monkeypatch.setattr(
        Workbench, "read_folding", lambda self, of, name: reads(lab.workspace, of, name)
    )
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        rows = {row.key: row.cells for row in app.screen.query_one(Listing).content.rows}
        assert "nobody thought of this file" in rows["null"][-1][0]
        assert len(rows["zz-good"]) == 6
