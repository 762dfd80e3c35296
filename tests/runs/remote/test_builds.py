"""Builds on a host over a real OpenSSH server: sent, followed, cancelled, with lines that break."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.ssh.sftp_files import _SftpWriter
from finn_tui.runs.folder import RunFolder, list_runs
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.placement import Stage, read_placement
from finn_tui.runs.remote import control
from finn_tui.runs.remote.follow import Follower
from finn_tui.runs.remote.listing import is_plain_path
from finn_tui.runs.remote.mirror import Mirror
from tests.runs.conftest import STEPS
from tests.runs.remote.conftest import BeginOn, Server
from tests.runs.remote.following import until_settled
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="builds run on Linux")


def there(run: RunFolder) -> Path:
    """The run's folder on the host."""
    placement = read_placement(run.path)
    assert placement is not None
    return Path(placement.folder)


def follower(server: Server, tmp_path: Path) -> Follower:
    return Follower(lambda: list_runs(tmp_path / "runs"), server.connect, tick=0.1)


async def test_a_build_on_a_host_is_mirrored_to_its_end(
    server: Server, begin_on: BeginOn, tmp_path: Path
) -> None:
    async with server.connect() as link:
        run = await begin_on(link, seconds=0.3)
    assert run.request.host == "lab"
    assert there(run) == tmp_path / "host" / "runs" / run.id
    assert not reconcile(run).final  # nothing is judged by this machine's processes
    follow = follower(server, tmp_path)
    async with asyncio.timeout(PATIENCE):
        await until_settled(follow)
    state = reconcile(run)
    assert state.state == "succeeded"
    for name in ("events.jsonl", "runner.log"):
        assert (run.path / name).read_bytes() == (there(run) / name).read_bytes()
    assert run.results()["kept"] == 1
    placement = read_placement(run.path)
    assert placement is not None
    assert placement.stage is Stage.SETTLED and placement.problem is None
    assert placement.contact > 0 and placement.clock_shift == 0.0
    # Exactly what is there, once.
    fetched = [path for path in there(run).rglob("*") if path.is_file()]
    fetched = [path for path in fetched if (run.path / path.relative_to(there(run))).is_file()]
    once = {"run.json", "state.json", "model.onnx", "engine.pyz", "folding.json"}
    sizes = {
        path.relative_to(there(run)).as_posix(): path.stat().st_size
        for path in fetched
        if path.name not in once and "rehearsal" not in path.parts
    }
    changing = sizes.pop("results.json")
    assert sum(sizes.values()) <= follow.read <= sum(sizes.values()) + 3 * changing
    assert not (run.path / ".mirror").exists()


async def test_the_hosts_settings_hold_for_its_builds(
    server: Server, begin_on: BeginOn, tmp_path: Path
) -> None:
    async with server.connect() as link:
        run = await begin_on(link, seconds=20)
    pid = json.loads((there(run) / "state.json").read_text())["pid"]
    environment = server.space.environment(pid)
    assert environment[b"FROM_SETUP"] == b"1"
    assert environment[b"FROM_ENV"] == b"a b'c"
    async with server.connect() as link:
        assert (await control.cancel(run, link)).state == "cancelled"


async def test_results_that_a_network_folder_shows_late_are_fetched(
    server: Server, begin_on: BeginOn, tmp_path: Path
) -> None:
    async with server.connect() as link:
        run = await begin_on(link, seconds=0.05)
        await until(lambda: there_state(run)["state"] == "succeeded")
        results = there(run) / "results.json"
        hidden = results.rename(tmp_path / "hidden")
        follow = follower(server, tmp_path)
        for _ in range(3):
            await follow.look(link, [run])
        placement = read_placement(run.path)
        assert placement is not None and placement.stage is not Stage.SETTLED
        assert reconcile(run).state == "succeeded" and "kept" not in run.results()
        hidden.rename(results)
        await follow.look(link, [run])
        placement = read_placement(run.path)
        assert placement is not None and placement.stage is Stage.SETTLED
        assert run.results()["kept"] == 1


async def test_a_line_that_breaks_again_and_again_loses_and_repeats_nothing(
    server: Server, begin_on: BeginOn, tmp_path: Path
) -> None:
    async with server.connect() as link:
        run = await begin_on(link, say=2_000_000, hold=str(tmp_path))
    follow = follower(server, tmp_path)
    task = asyncio.create_task(until_settled(follow))
    for step in STEPS:
        opened = server.opened
        await until(lambda opened=opened: server.opened > opened)  # type: ignore[misc]
        await asyncio.sleep(0.3)  # it reads
        assert server.cut() > 0
        (tmp_path / step).touch()
    async with asyncio.timeout(PATIENCE):
        await task
    assert server.opened > len(STEPS)
    assert reconcile(run).state == "succeeded"
    for name in ("events.jsonl", "runner.log"):
        assert (run.path / name).read_bytes() == (there(run) / name).read_bytes()
    total = sum((there(run) / name).stat().st_size for name in ("events.jsonl", "runner.log"))
    assert total > 2_000_000
    # A piece that was on its way when the line broke comes again, nothing else.
    assert follow.read <= total + 10_000


async def test_a_host_that_is_gone_is_said_and_found_again(
    server: Server, begin_on: BeginOn, tmp_path: Path
) -> None:
    async with server.connect() as link:
        run = await begin_on(link, seconds=1.0)
    server.stop()
    task = asyncio.create_task(until_settled(follower(server, tmp_path)))

    def problem() -> str:
        placement = read_placement(run.path)
        return placement.problem.what if placement is not None and placement.problem else ""

    await until(lambda: "refuses the connection" in problem())
    assert not reconcile(run).final
    server.start()
    async with asyncio.timeout(PATIENCE):
        await task
    assert reconcile(run).state == "succeeded"
    assert problem() == ""


async def test_an_upload_that_breaks_goes_on_where_it_was(
    server: Server, begin_on: BeginOn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 48 << 20

    async def cut_in_the_middle() -> int:
        partial: list[Path] = []
        while not partial or partial[0].stat().st_size < size // 8:
            await asyncio.sleep(0.005)
            partial = list((tmp_path / "host" / "runs").glob(".*.tar"))
        server.cut()
        await asyncio.sleep(0.2)
        return partial[0].stat().st_size

    async with server.connect() as link:
        cutting = asyncio.create_task(cut_in_the_middle())
        run = await begin_on(link, data=size, seconds=0.1)
        sent = await cutting
    placement = read_placement(run.path)
    assert placement is not None and placement.stage is Stage.SENDING
    assert size // 8 <= sent < size
    written = 0
    real = _SftpWriter.write

    async def count(self: _SftpWriter, data: bytes, position: int) -> None:
        nonlocal written
        written += len(data)
        await real(self, data, position)

    monkeypatch.setattr(_SftpWriter, "write", count)
    async with asyncio.timeout(PATIENCE):
        await until_settled(follower(server, tmp_path))
    assert reconcile(run).state == "succeeded"
    assert written <= size - sent + 1_000_000  # the rest, with the archive of the engine
    content = (tmp_path / "model" / "dataset" / "images").read_bytes()
    assert (there(run) / "dataset" / "images").read_bytes() == content
    assert not (run.path / ".packed.tar").exists()


async def test_a_cancel_whose_line_breaks_is_done_when_there_is_one_again(
    server: Server, begin_on: BeginOn, tmp_path: Path
) -> None:
    async with server.connect() as link:
        run = await begin_on(link, seconds=60)
        cancelling = asyncio.create_task(control.cancel(run, link))
        await asyncio.sleep(0.05)
        server.cut()
        with pytest.raises(FinnTuiError, match=r"broke|lost|closed"):
            await cancelling
    placement = read_placement(run.path)
    assert placement is not None and placement.wanted == "cancel"
    async with asyncio.timeout(PATIENCE):
        await until_settled(follower(server, tmp_path))
    assert reconcile(run).state == "cancelled"
    assert json.loads((there(run) / "state.json").read_text())["state"] == "cancelled"


async def test_a_run_whose_runner_is_killed_there_is_lost(
    server: Server, begin_on: BeginOn, tmp_path: Path
) -> None:
    async with server.connect() as link:
        run = await begin_on(link, seconds=60)
    task = asyncio.create_task(until_settled(follower(server, tmp_path)))
    await until(lambda: run.state().pid is not None)
    server.space.kill(json.loads((there(run) / "state.json").read_text())["pid"])
    async with asyncio.timeout(PATIENCE):
        await task
    assert reconcile(run).state == "lost"
    async with server.connect() as link:
        await control.resume(run, "step_one", link)
        assert (await control.cancel(run, link)).state == "cancelled"


async def test_runs_of_a_host_take_one_connection_and_one_question_a_tick(
    server: Server, begin_on: BeginOn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with server.connect() as link:
        runs = [await begin_on(link, seconds=0.05) for _ in range(3)]
        asked: list[str] = []
        real = link.ask

        async def count(job: str, **request: object) -> object:
            asked.append(job)
            return await real(job, **request)  # type: ignore[arg-type]

        monkeypatch.setattr(link, "ask", count)
        await follower(server, tmp_path).look(link, runs)
        assert asked == ["listing"]


async def test_a_host_whose_clock_is_wrong(
    server: Server, begin_on: BeginOn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = 5 * 86400.0  # beyond what counts as a heartbeat of a machine here
    async with server.connect() as link:
        run = await begin_on(link, seconds=20)
        # The archive's answers and the run's documents are those of a clock that is days ahead.
        real = link.ask

        async def shifted(job: str, **request: object) -> dict[str, object]:
            answer = await real(job, **request)  # type: ignore[arg-type]
            if job == "listing":
                answer["time"] += ahead
                for one in answer["runs"]:
                    state = one["state"]
                    state["heartbeat"] += ahead
                    if state["started"]:
                        at = datetime.fromisoformat(state["started"]) + timedelta(seconds=ahead)
                        state["started"] = at.isoformat()
            return answer

        monkeypatch.setattr(link, "ask", shifted)
        follow = follower(server, tmp_path)
        await until(lambda: there_state(run)["step"] is not None)
        await follow.look(link, [run])
        await follow.look(link, [run])
        state = reconcile(run)
        assert abs(run.clock_shift() - ahead) < 60
        assert abs(state.heartbeat - time.time()) < 120
        assert 0 <= state.seconds < 300
        await control.cancel(run, link)


def there_state(run: RunFolder) -> dict[str, object]:
    document: dict[str, object] = json.loads((there(run) / "state.json").read_text())
    return document


async def test_a_home_that_both_share_is_not_mirrored_onto_itself(
    server: Server, begin_on: BeginOn, tmp_path: Path
) -> None:
    # The workspace is the host's folder itself: the run's folder has the same path there.
    server.host = replace(server.host, folder=str(tmp_path))
    async with server.connect() as link:
        run = await begin_on(link, seconds=0.3)
    placement = read_placement(run.path)
    assert placement is not None and placement.shared
    assert placement.folder == str(run.path)
    follow = follower(server, tmp_path)
    async with asyncio.timeout(PATIENCE):
        await until_settled(follow)
    assert reconcile(run).state == "succeeded"
    assert follow.read == 0
    assert (run.path / "worked").is_file()


async def test_the_beginning_and_the_end_of_a_large_log_and_then_all_of_it(
    server: Server, begin_on: BeginOn, tmp_path: Path
) -> None:
    async with server.connect() as link:
        run = await begin_on(link, seconds=0.1, say=14_000_000)
        await until(lambda: there_state(run)["state"] == "succeeded")
        follow = follower(server, tmp_path)
        await until_settled(follow)
        log = (there(run) / "runner.log").read_bytes()
        assert len(log) > 40_000_000
        local = (run.path / "runner.log").read_bytes()
        assert len(local) < 6_000_000
        assert follow.read < 6_000_000
        assert local.startswith(log[:1_000_000]) and local.endswith(log[-4_000_000:])
        assert b"of this log are on the host only" in local
        mirror = Mirror(run)
        await mirror.fetch_whole(await link.files(), str(there(run)), "runner.log")
        assert (run.path / "runner.log").read_bytes() == log
        assert mirror.read + follow.read < len(log) + 100_000


def test_paths_of_a_host_are_data() -> None:
    good = ["runner.log", "events.jsonl", "build/report/a.json", "finn_build_dir/x/.a.begin.rst"]
    bad = [
        *("/etc/passwd", "../x", "build/../../x", "build//x", "placement.json", "notes.json"),
        *(".mirror.json", "state.json", "build/a\nb", "build/\x1b[2J", "other/x", ""),
        "build/" + "x" * 300,
        "build/" + "/".join("abcdefghijklmn"),
    ]
    assert all(map(is_plain_path, good))
    assert not any(map(is_plain_path, bad))


@pytest.mark.parametrize("folder", ["build", ".mirror"])
async def test_nothing_is_written_through_a_link(
    server: Server, begin_on: BeginOn, tmp_path: Path, folder: str
) -> None:
    async with server.connect() as link:
        run = await begin_on(link, seconds=0.1)
        await until(lambda: there_state(run)["state"] == "succeeded")
        (there(run) / "build" / "a.log").write_text("from the host")
        (tmp_path / "outside").mkdir()
        (run.path / folder).symlink_to(tmp_path / "outside")
        await follower(server, tmp_path).look(link, [run])
    placement = read_placement(run.path)
    assert placement is not None and placement.problem is not None
    assert "symbolic link" in placement.problem.what
    assert not list((tmp_path / "outside").iterdir())
