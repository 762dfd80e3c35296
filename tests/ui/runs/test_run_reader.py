"""What a look at the runs of a workspace costs the event loop."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from finn_tui.runs.folder import RunFolder
from finn_tui.runs.live.snapshot import RunSnapshot
from finn_tui.ui.controllers import run_following
from finn_tui.ui.controllers.run_reader import has_changed
from finn_tui.ui.runs import list_view
from finn_tui.ui.runs.state import RunsState
from finn_tui.ui.state import RunView
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, until
from tests.ui.runs.test_build_view import picture, run_of


@dataclass(eq=False)
class View:
    """A run that counts how often it is compared."""

    id: str
    position: int
    compared: list[int]

    def __eq__(self, other: Any) -> bool:
        self.compared.append(1)
        return isinstance(other, View) and self.position == other.position

    __hash__ = None  # type: ignore[assignment]


def test_200_runs_that_all_moved_up_are_not_compared_with_each_other() -> None:
    compared: list[int] = []
    before = [View(str(number), number, compared) for number in range(200)]
    after = [View(str(number), number, compared) for number in range(200)]
    assert not has_changed(cast(list[RunView], after), cast(list[RunView], before))
    assert len(compared) == 200
    after[199].position = 7
    assert has_changed(cast(list[RunView], after), cast(list[RunView], before))
    assert has_changed(cast(list[RunView], after), cast(list[RunView], before[:-1]))


def test_the_rows_of_200_runs_are_not_made_again_with_every_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.2]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    views = tuple(run_of(tmp_path / state, state) for state in ("running", "succeeded"))
    rows = list_view.RunRows()
    first = rows.content(views, 80)
    clock[0] = 1000.9
    assert rows.content(views, 79) is first
    # Whatever of it may be another makes them again.
    fewer = views[:1]
    others = [
        rows.content(views, 80, marked=[views[0].id]),
        rows.content(views, 80),
        rows.content(views, 160),
        rows.content((*views,), 160),
        rows.content(fewer, 160),
    ]
    clock[0] = 1001.0
    others += [rows.content(fewer, 160)]
    assert len({id(content) for content in [first, *others]}) == 7
    assert [len(content.rows) for content in others] == [2, 2, 2, 2, 1, 1]


async def test_a_run_that_the_cursor_only_passes_is_not_read(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finn_tui.runs.live import snapshot

    read: list[str] = []

    async def pictures(run: RunFolder) -> AsyncIterator[RunSnapshot]:
        read.append(run.id)
        yield picture()

    monkeypatch.setattr(snapshot, "pictures", pictures)
    monkeypatch.setattr(run_following, "_REST_SECONDS", 3600.0)
    ids = [make_run(lab.workspace, f"20260102T03040{n}Z-tfc-w1a1-000{n}").id for n in range(4)]
    async with make_app("tfc-w1a1").run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press("3", "down", "down")
        await until(pilot, lambda: app.state.feature(RunsState).log_of == ids[1])
        await pilot.pause(0.2)
        assert not read
        monkeypatch.setattr(run_following, "_REST_SECONDS", 0.0)
        await pilot.press("down")
        await until(pilot, lambda: read == [ids[0]])
