"""Builds on hosts from the workbench: by their names in hosts.toml, host there or not."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import ignore
from finn_tui.cli import main
from finn_tui.cli.run_places import place_text
from finn_tui.engine.server.runs import runfiles
from finn_tui.hosts import catalogue
from finn_tui.lab.build_places import following, links
from finn_tui.lab.build_places.host import HostMachine
from finn_tui.lab.build_places.locate import place_of
from finn_tui.lab.build_places.shared_cluster import SharedCluster
from finn_tui.lab.builds import build_request
from finn_tui.lab.sweep import sweep_builds
from finn_tui.lab.sweep.sweep_items import SweepItem, SweepOptions, SweepStatus
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch.clean import plan_cleanup
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.placement import read_placement
from finn_tui.runs.remote import mirror_folder
from finn_tui.runs.slurm import submit
from tests.runs.conftest import fake_archive, release
from tests.runs.remote.conftest import BeginOn, Server, begin_on, server
from tests.runs.remote.test_builds import there
from tests.waiting import PATIENCE, until

__all__ = ["begin_on", "fake_archive", "server"]

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="builds run on Linux")


@pytest.fixture
def lab(server: Server, tmp_path: Path) -> Workbench:
    """A workbench whose user knows the host."""
    catalogue.add(server.host)
    return Workbench(Workspace.open(tmp_path))


async def begin(server: Server, begin_on: BeginOn, **plan: object) -> RunFolder:
    async with server.connect() as link:
        run = await begin_on(link, **plan)
    assert isinstance(run, RunFolder)
    return run


async def settled(lab: Workbench, run: RunFolder) -> None:
    async with following.mirrored(lab.workspace.runs_dir, run), asyncio.timeout(PATIENCE):
        while (  # noqa: ASYNC110 - files change, nothing tells
            (placement := read_placement(run.path)) is None or not placement.settled
        ):
            await asyncio.sleep(0.1)


async def test_followed_retried_resumed_and_cleaned(
    lab: Workbench, server: Server, begin_on: BeginOn
) -> None:
    run = await begin(server, begin_on, seconds=0.2, fail="step_two")
    await settled(lab, run)
    assert reconcile(run).state == "failed"
    # It goes on in its folder on the host, from the graphs that are there.
    await lab.resume(run)
    await settled(lab, run)
    assert reconcile(run).state == "succeeded" and reconcile(run).attempt == 2
    again = await lab.retry(run)
    assert again.request.host == "lab" and again != run
    assert again.request.source["retry_of"] == run.id
    await settled(lab, again)
    (there(run) / "finn_build_dir").mkdir(exist_ok=True)
    (there(run) / "finn_build_dir" / "large").write_bytes(b"x" * 300_000)
    plan = await place_of(run).clean(plan_cleanup(run), keep_results=False, dry=True)
    assert plan.host_bytes >= 300_000
    await place_of(run).clean(plan, keep_results=False, dry=False)
    assert not (there(run) / "finn_build_dir").exists() and (there(run) / "run.json").exists()
    with pytest.raises(FinnTuiError, match="cannot go on"):
        await lab.resume(run, "step_two")
    await place_of(run).clean(plan, keep_results=True, dry=False)
    assert not there(run).exists() and run.results()["kept"] == 1


async def test_a_cancel_while_the_host_is_away_is_done_when_it_is_back(
    lab: Workbench, server: Server, begin_on: BeginOn
) -> None:
    run = await begin(server, begin_on, seconds=60)
    server.stop()
    with pytest.raises(FinnTuiError, match="not cancelled yet"):
        await lab.cancel(run)
    (problem,) = await following.look([run])
    assert problem.kind == "host"
    server.start()
    await settled(lab, run)
    assert reconcile(run).state == "cancelled"
    assert json.loads((there(run) / "state.json").read_text())["state"] == "cancelled"


async def test_a_cancel_that_a_refused_login_stops_is_kept(
    lab: Workbench, server: Server, begin_on: BeginOn
) -> None:
    run = await begin(server, begin_on, seconds=60)
    authorized = server.folder / "authorized"
    key = authorized.read_bytes()
    authorized.write_bytes(b"")
    with pytest.raises(FinnTuiError, match="not cancelled yet") as refused:
        await lab.cancel(run)
    assert "ssh-copy-id" in refused.value.fix, "what the user can do about it stays"
    assert "cancel is asked for" in (place_text(run) or "")
    authorized.write_bytes(key)
    await settled(lab, run)
    assert reconcile(run).state == "cancelled"


async def test_who_follows_a_log_is_told_of_a_broken_line_and_misses_nothing(
    lab: Workbench, server: Server, begin_on: BeginOn
) -> None:
    hold = lab.workspace.root / "hold"
    run = await begin(server, begin_on, seconds=0.1, hold=str(hold))
    arguments = ["logs", "-f", run.id, "--workspace", str(lab.workspace.root)]
    following_it = asyncio.create_task(asyncio.to_thread(CliRunner().invoke, main, arguments))
    async with asyncio.timeout(PATIENCE):
        await until((run.path / ".mirror.json").exists)
        server.stop()
        release(hold)
        while (  # noqa: ASYNC110 - files change, nothing tells
            placement := read_placement(run.path)
        ) is None or placement.problem is None:
            await asyncio.sleep(0.05)
        server.start()
        result = await following_it
    assert result.exit_code == 0
    assert "Trying again; the build goes on there." in result.stderr
    assert "lab answers again" in result.stderr
    log = (there(run) / "runner.log").read_text()
    assert log.splitlines() == result.stdout.splitlines()


async def test_a_cancelled_run_is_shown_as_cancelled_at_once(
    lab: Workbench, server: Server, begin_on: BeginOn
) -> None:
    run = await begin(server, begin_on, seconds=60)
    # All files were listed just now.
    await following.look([run])
    assert (await lab.cancel(run)).state == "cancelled"
    assert run.state().state == "cancelled"


async def test_a_look_ends_where_another_finn_tui_has_the_mirror(
    lab: Workbench, server: Server, begin_on: BeginOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await begin(server, begin_on, seconds=60)
    assert not await following.look([run])  # all files are listed
    async with server.connect() as link:
        await link.ask("cancel", folder=str(there(run)))
    real = mirror_folder.held
    taken: list[RunFolder] = []

    def held(run: RunFolder) -> AbstractContextManager[None]:
        taken.append(run)
        if len(taken) > 1:
            raise mirror_folder.Busy
        return real(run)

    monkeypatch.setattr(mirror_folder, "held", held)
    async with asyncio.timeout(PATIENCE):
        assert not await following.look([run], seconds=60)
    assert len(taken) == 2, "it looked for the end once and left it to the other"


async def test_an_array_is_cancelled_when_its_host_is_back(
    lab: Workbench, server: Server, begin_on: BeginOn
) -> None:
    runs = [await begin(server, begin_on, seconds=0.1) for _ in range(2)]
    for run in runs:
        await settled(lab, run)
    await asyncio.to_thread(requeued, runs)
    server.stop()
    with pytest.raises(FinnTuiError, match="with 1 more is not cancelled yet"):
        await place_of(runs[0]).cancel(runs)
    server.start()
    kept = [read_placement(run.path) for run in runs]
    assert [one.wanted for one in kept if one is not None] == ["cancel", "cancel"]


async def test_a_host_that_has_no_slurm_any_more_is_said(
    lab: Workbench, server: Server, begin_on: BeginOn
) -> None:
    """Its entry may have been edited while jobs of it were followed."""
    run = await begin(server, begin_on, seconds=0.1)
    await settled(lab, run)
    await asyncio.to_thread(requeued, [run])
    with pytest.raises(FinnTuiError, match="lab has no Slurm"):
        await lab.cancel(run)
    before = lab.runs()
    with pytest.raises(FinnTuiError, match="lab has no Slurm"):
        await SharedCluster("lab").launch([], lab.workspace.runs_dir)
    assert lab.runs() == before, "nothing was begun"


async def test_a_series_goes_to_a_host_one_by_one_and_a_failure_stops_no_other(
    lab: Workbench, server: Server, begin_on: BeginOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def request_for(*_: object, **__: object) -> object:
        return object()

    async def launch(place: HostMachine, *_: object, **__: object) -> list[RunFolder]:
        launched.append(place.name)
        if len(launched) == 1:
            raise FinnTuiError("the disk of lab is full")
        return [await begin(server, begin_on, seconds=0.1)]

    launched: list[str] = []
    monkeypatch.setattr(build_request, "request_for", request_for)
    monkeypatch.setattr(HostMachine, "launch", launch)
    monkeypatch.setattr(Workbench, "price", request_for)
    items = [SweepItem(name, cast(Any, SimpleNamespace())) for name in ("ones", "exp1")]
    changes: dict[int, dict[str, Any]] = {}
    options = SweepOptions(on="lab")

    def update(index: int, **change: Any) -> None:
        changes[index] = change

    await sweep_builds.send_all(lab, items, [0, 1], options, update, ignore)
    assert launched == ["lab", "lab"]
    assert changes[0]["status"] is SweepStatus.FAILED and "full" in changes[0]["error"].what
    assert changes[1]["status"] is SweepStatus.BUILDING
    await settled(lab, changes[1]["run"])
    assert reconcile(changes[1]["run"]).state == "succeeded"


def requeued(runs: list[RunFolder]) -> None:
    """Make ended runs those of a job that waits."""
    for run in runs:
        runfiles.save_state(str(run.path), run.state().as_dict() | {"state": "queued"})
    submit.place("lab", runs)


async def test_a_name_that_is_no_host(lab: Workbench, server: Server) -> None:
    async with links.HostLinks() as hosts:
        with pytest.raises(FinnTuiError, match="no host called"):
            async with hosts.use("nowhere"):
                pass
        catalogue.add(replace(server.host, name="here", host="", port=0, user="", key=""))
        with pytest.raises(FinnTuiError, match="this machine"):
            async with hosts.use("here"):
                pass
