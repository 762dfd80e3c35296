"""Builds on hosts: where they are started from, and what Runs says of them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from finn_tui.base import paths
from finn_tui.runs.documents import RunError
from finn_tui.runs.placement import Placement, Stage, write_placement
from finn_tui.ui.dialogs.choose import ChooseDialog
from finn_tui.ui.dialogs.confirm import Confirm
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until
from tests.ui.test_confirm import SIZES, flat


@pytest.fixture(autouse=True)
def hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that is not asked anything."""
    path = paths.config_dir() / "hosts.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('[fpga-lab]\nhost = "build.example"\nengine = ["python3"]\n')

    async def no_mirrors(*args: Any) -> None:
        pass

    monkeypatch.setattr("finn_tui.lab.build_places.following.keep_mirrors", no_mirrors)


@pytest.mark.parametrize(("keys", "host"), [((), None), (("down",), "fpga-lab")])
async def test_the_build_dialog_asks_where(
    make_app: MakeApp,
    lab: RecordedLab,
    monkeypatch: pytest.MonkeyPatch,
    keys: tuple[str, ...],
    host: str | None,
) -> None:
    checked: list[str | None] = []

    async def preflight(*args: object, on: str | None = None, **more: object) -> list[object]:
        checked.append(on)
        return []

    monkeypatch.setattr(lab, "preflight", preflight)
    async with make_app("tfc-w1a1").run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        assert "this machine" in flat(app) and "build.example" in flat(app)
        await pilot.press(*keys, "enter")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await until(pilot, lambda: "reading earlier" not in flat(app))
        assert ("on fpga-lab" in flat(app)) == (host is not None)
        await pilot.press("enter")
        await until(pilot, lambda: bool(lab.builds))
        assert lab.hosts == [host] and checked == [host]


@pytest.mark.parametrize("size", SIZES)
async def test_runs_says_where_a_run_works_and_that_its_host_is_silent(
    make_app: MakeApp, lab: RecordedLab, size: tuple[int, int]
) -> None:
    run = make_run(lab.workspace, state="running")
    place = Placement(
        host="fpga-lab",
        folder=f"/data/{run.id}",
        stage=Stage.STARTED,
        contact=time.time() - 240,
        problem=RunError(what="the line to fpga-lab broke"),
    )
    write_placement(run.path, place)
    async with make_app("tfc-w1a1").run_test(size=size) as pilot:
        app = await opened(pilot)
        app.show_mode("runs")
        await until(pilot, lambda: app.current_mode == "runs")
        await until(pilot, lambda: "on fpga-lab" in screen_text(app))
        text = " ".join(screen_text(app).replace("│", " ").split())
        assert "last contact 4 min" in text
        assert "fpga-lab broke" in text, text
        assert "running" in text  # nothing was judged by this machine's processes
        write_placement(run.path, Placement(host="fpga-lab", folder=f"/data/{run.id}"))
        await until(pilot, lambda: "is being sent" in screen_text(app))
