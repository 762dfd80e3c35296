"""`build --on` and `sweep --on` as typed, over a real OpenSSH server; the builder needs no FINN."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from finn_tui.cli import main
from finn_tui.hosts import catalogue
from finn_tui.lab.build_places import following
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import RunFolder, list_runs
from finn_tui.runs.launch import launch as launching
from finn_tui.runs.launch.launch import BuildRequest
from finn_tui.runs.placement import read_placement
from finn_tui.runs.remote import launch as remote_launch
from tests import data
from tests.runs.conftest import STEPS, fake_archive
from tests.runs.remote.conftest import Server, server

__all__ = ["fake_archive", "server"]

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="builds run on Linux")


class Typed:
    """Runs commands in a workspace whose model is built in a moment."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def __call__(self, *arguments: str) -> Result:
        """Run a command to its end."""
        place = ["--workspace", str(self.workspace.root)]
        return CliRunner().invoke(main, [*arguments, *place])

    def json(self, *arguments: str) -> dict[str, Any]:
        """Run a command that succeeds; its document."""
        done = self(*arguments, "--json")
        assert done.exit_code == 0, done.output
        document: dict[str, Any] = json.loads(done.stdout)
        return document


@pytest.fixture
def typed(
    server: Server, fake_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Typed:
    """See ``Typed``; the host is called lab, and its key is known."""
    monkeypatch.delenv("FINN_TUI_ENGINE_PYTHON", raising=False)
    data.home(tmp_path / "home")
    data.workspace(tmp_path / "workspace", "tfc-w1a1")
    catalogue.add(server.host)

    async def meet() -> None:
        async with server.connect():
            pass

    asyncio.run(meet())
    plan = tmp_path / "plan"
    plan.write_text(json.dumps({"steps": STEPS, "seconds": 0.1}))

    def make_folder(request: BuildRequest, *more: Any) -> RunFolder:
        return launching.make_folder(replace(request, graph=plan), *more)

    monkeypatch.setattr(remote_launch, "make_folder", make_folder)
    return Typed(Workspace.open(tmp_path / "workspace"))


def test_a_build_on_a_host_is_checked_begun_followed_and_shown(typed: Typed) -> None:
    build = ("build", "tfc-w1a1", "--rehearse", "--seconds", "1", "--on", "lab")
    checked = typed(*build, "--check")
    assert checked.exit_code == 0 and "free on lab" in checked.output
    done = typed(*build)
    assert done.exit_code == 0, done.output
    (run,) = list_runs(typed.workspace.runs_dir)
    assert run.request.host == "lab" and str(run.state().state) == "succeeded"
    placement = read_placement(run.path)
    assert placement is not None and (Path(placement.folder) / "run.json").exists()
    (shown,) = typed.json("runs")["runs"]
    assert (shown["run"], shown["state"]) == (run.id, "succeeded")
    wrong = typed(*build[:-1], "nowhere")
    assert wrong.exit_code != 0 and "nowhere" in wrong.output


def test_a_sweep_on_a_host_is_one_table_and_goes_on(typed: Typed) -> None:
    sweep = ("sweep", "tfc-w1a1", "--foldings", "published,exp1", "--no-board", "--rehearse")
    on = (*sweep, "--seconds", "1", "--on", "lab")
    first = typed.json(*on)["foldings"]
    assert [one["status"] for one in first] == ["done", "done"]
    assert not any(one["reused"] for one in first)
    # What was built is taken from its run; the table has a row for each.
    again = typed(*on)
    assert again.exit_code == 0, again.output
    assert "published" in again.output and "exp1" in again.output
    runs = list_runs(typed.workspace.runs_dir)
    assert {run.id for run in runs} == {one["run"] for one in first}
    assert not asyncio.run(following.look(runs))
