"""An engine on a host, over a real OpenSSH server; and in a container of that host."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine import client, line
from finn_tui.engine.archive import engine_archive
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.client import Engine
from finn_tui.engine.line import LineLost
from finn_tui.hosts import catalogue
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.container import Container
from finn_tui.hosts.pool import HostPool
from finn_tui.hosts.transport import LoginRefused
from tests.engine.test_in_container import FAKE, SEE_TESTS
from tests.hosts import sshd
from tests.hosts.conftest import host_of
from tests.hosts.docker_daemon import IMAGE, Docker
from tests.hosts.sshd import Server
from tests.waiting import PATIENCE, until


@pytest.fixture
async def pool(lab: Host) -> AsyncIterator[HostPool]:
    """Connections; the host key is known."""
    catalogue.add(lab)
    pool = HostPool()
    async with pool.use(lab, trust=True):
        pass
    yield pool
    await pool.close()


SPEC = EngineSpec("far", FAKE, host="lab")


def engines(folder: Path) -> list[str]:
    """The processes of this machine that run an archive of a folder."""
    running = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(str(folder).encode()) for word in words):
            running.append(place.name)
    return running


async def test_it_answers_sends_files_and_ends(pool: HostPool, lab: Host, tmp_path: Path) -> None:
    source, out = tmp_path / "it's a net.onnx", tmp_path / "out"
    source.write_bytes(os.urandom(1_500_000))
    async with await Engine.start(SPEC, pool=pool) as engine:
        assert await engine.call("long", {"bytes": 9_000_000}) == "x" * 9_000_000
        await engine.call("prepare", {"source": {"path": str(source)}, "out": str(out)})
        assert (out / "dataflow.onnx").read_bytes() == source.read_bytes()[::-1]
        assert len(engines(Path(lab.folder))) == 1
    await until(lambda: not engines(Path(lab.folder)))
    cache = Path(lab.folder) / "cache"
    assert [path.name for path in cache.iterdir() if path.suffix] == [engine_archive().name]


async def test_an_archive_is_sent_once_checked_and_removed_when_unused(
    pool: HostPool, lab: Host
) -> None:
    cache = Path(lab.folder) / "cache"
    cache.mkdir(parents=True)
    name = engine_archive().name
    (cache / name).write_bytes(b"damaged")
    (cache / "engine-old.pyz").write_bytes(b"old")
    (cache / "engine-used.pyz").write_bytes(b"used")
    os.utime(cache / "engine-old.pyz", (0, 0))
    async with await Engine.start(SPEC, pool=pool):
        pass
    assert (cache / name).read_bytes() == engine_archive().read_bytes()
    assert (cache / "engine-used.pyz").is_file() and not (cache / "engine-old.pyz").exists()
    inode = (cache / name).stat().st_ino
    async with await Engine.start(SPEC, pool=pool):
        pass
    assert (cache / name).stat().st_ino == inode, "it is not sent again"


async def test_a_line_that_stays_cut_fails_what_waits_and_the_next_call_starts_it_again(
    pool: HostPool, lab: Host, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "RECONNECT_SECONDS", 2.0)
    async with await Engine.start(SPEC, pool=pool) as engine:
        computing = asyncio.Event()
        work = asyncio.create_task(
            engine.call("compute", on_event=lambda name, data: computing.set())
        )
        await computing.wait()
        await asyncio.to_thread(server.hang_up)
        with pytest.raises(LineLost, match="the line to lab") as caught:
            async with asyncio.timeout(PATIENCE):
                await work
        assert "compute" in caught.value.why and "refuses the connection" in caught.value.why
        assert "once the host answers" in caught.value.fix
        # It computed when the line was cut: its input ended, and so did it.
        await until(lambda: not engines(Path(lab.folder)))
        await asyncio.to_thread(server.start)
        pool.retry("lab")
        assert (await engine.call("info"))["version"] == "1.6.1"


async def test_a_request_that_the_line_cut_off_is_asked_again(
    pool: HostPool, lab: Host, server: Server, tmp_path: Path
) -> None:
    source, out, flag = tmp_path / "net.onnx", tmp_path / "out", tmp_path / "flag"
    source.write_bytes(b"net")
    events: list[str] = []
    async with await Engine.start(SPEC, pool=pool) as engine:
        work = asyncio.create_task(
            engine.call(
                "wait",
                {"for": str(flag)},
                lambda name, data: events.append(data["message"]),
            )
        )
        await until(lambda: "waiting" in events)
        await asyncio.to_thread(server.hang_up)
        await until(lambda: any("connecting again in" in event for event in events))
        assert not work.done()
        await asyncio.to_thread(server.start)
        flag.write_text("answer")
        async with asyncio.timeout(PATIENCE):
            assert await work == "answer"
        assert events.count("waiting") == 2
        # Files of requests before and after lie where they belong.
        await engine.call("prepare", {"source": {"path": str(source)}, "out": str(out)})
        assert (out / "dataflow.onnx").read_bytes() == b"ten"


async def test_a_login_that_is_refused_ends_the_repeats(
    pool: HostPool, server: Server, tmp_path: Path
) -> None:
    waiting = asyncio.Event()
    async with await Engine.start(SPEC, pool=pool) as engine:
        params = {"for": str(tmp_path / "never")}
        work = asyncio.create_task(engine.call("wait", params, lambda *_: waiting.set()))
        await waiting.wait()
        await asyncio.to_thread(server.hang_up)
        (server.folder / "authorized").write_text("")
        await asyncio.to_thread(server.start)
        with pytest.raises(LoginRefused):
            async with asyncio.timeout(PATIENCE):
                await work


async def test_a_stopped_engine_is_ended_there(
    pool: HostPool, lab: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await Engine.start(SPEC, pool=pool) as engine:
        monkeypatch.setattr(client, "SILENCE_SECONDS", 1.0)
        monkeypatch.setattr(client, "PING_SECONDS", 0.2)
        os.kill(engine.hello["pid"], 19)
        with pytest.raises(FinnTuiError, match="cannot be talked to"):
            await engine.call("info")
        await until(lambda: not engines(Path(lab.folder)))


async def test_an_engine_that_a_signal_ended_is_told_so(pool: HostPool) -> None:
    async with await Engine.start(SPEC, pool=pool) as engine:
        computing = asyncio.Event()
        work = asyncio.create_task(
            engine.call("compute", on_event=lambda name, data: computing.set())
        )
        await computing.wait()
        os.kill(engine.hello["pid"], 9)
        with pytest.raises(FinnTuiError, match="ended on lab by a signal"):
            await work


async def test_what_is_no_python_there_is_said(pool: HostPool) -> None:
    spec = EngineSpec("far", ("/nowhere/python",), host="lab")
    with pytest.raises(FinnTuiError, match="the engine far ended on lab") as caught:
        await Engine.start(spec, pool=pool)
    assert "/nowhere/python" in caught.value.why + caught.value.detail


async def test_a_host_that_is_not_named_is_said(pool: HostPool) -> None:
    with pytest.raises(FinnTuiError, match="no host"):
        await Engine.start(EngineSpec("far", FAKE, host="labb"), pool=pool)


@pytest.fixture
def docker_host(tmp_path: Path, user: Path, docker_session: Docker) -> Iterator[Server]:
    """A host with a container runtime of its own."""
    options = f"SetEnv PATH=/usr/local/bin:/usr/bin:/bin DOCKER_HOST={docker_session.host}"
    running = sshd.server_in(tmp_path / "box", options)
    running.start()
    yield running
    running.stop()


@pytest.mark.parametrize("kind", ["running", "image"])
async def test_a_container_of_a_host(
    docker_host: Server, docker_session: Docker, tmp_path: Path, kind: str
) -> None:
    box = host_of(docker_host, tmp_path / "there", "box")
    catalogue.add(box)
    pool = HostPool()
    async with pool.use(box, trust=True):
        pass
    source, out = tmp_path / "net.onnx", tmp_path / "out"
    source.write_bytes(b"net")
    params = {"source": {"path": str(source)}, "out": str(out)}
    image = Container(image=IMAGE, mounts=("/usr:/usr:ro", SEE_TESTS), options=("--network=none",))
    with docker_session.container("finn-far", "-v", SEE_TESTS) as name:
        container = Container(name=name) if kind == "running" else image
        spec = EngineSpec("boxed", FAKE, host="box", container=container)
        async with await Engine.start(spec, pool=pool) as engine:
            await engine.call("prepare", params)
            assert (out / "dataflow.onnx").read_bytes() == b"ten"
        await until(lambda: not docker_session.processes(name))
    await until(lambda: not docker_session.run("ps", "-q"))
    await pool.close()
