"""An engine in a container of a real Docker daemon."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.engine import client
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.client import Engine
from finn_tui.hosts.container import Container
from finn_tui.hosts.container_transport import open_container
from finn_tui.hosts.local import LocalTransport
from tests.hosts.docker_daemon import IMAGE, Docker
from tests.waiting import until

HERE = Path(__file__).parent
#: A Python of the system that has no FINN; what FINN does with files is done by the script.
FAKE = ("python3", "-I", str(HERE / "fake_engine.py"))
SEE_TESTS = f"{HERE}:{HERE}:ro"


@pytest.fixture(scope="module")
def finn(docker_session: Docker) -> Iterator[str]:
    with docker_session.container("finn", "-v", SEE_TESTS) as name:
        yield name


@pytest.fixture
def spec(finn: str, docker: Docker) -> EngineSpec:
    return EngineSpec("boxed", FAKE, container=Container(name=finn))


@contextmanager
def count_calls(engine: Engine) -> Iterator[list[str]]:
    """The methods that an engine is asked in the block."""
    calls: list[str] = []
    ask = engine._ask

    async def counted(method: str, *rest: Any) -> Any:
        calls.append(method)
        return await ask(method, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_ask", counted)
        yield calls


async def test_a_running_container_answers_and_is_left_clean(
    spec: EngineSpec, docker: Docker
) -> None:
    async with await Engine.start(spec) as engine:
        assert (await engine.call("info"))["version"] == "1.6.1"
        assert await engine.call("long", {"bytes": 5_000_000}) == "x" * 5_000_000
        assert [line for line in docker.processes("finn") if "fake_engine" in line]
    await until(lambda: not docker.processes("finn"))


async def test_files_of_a_request_travel_both_ways(spec: EngineSpec, tmp_path: Path) -> None:
    source, out = tmp_path / "net work.onnx", tmp_path / "out"
    source.write_bytes(os.urandom(2_500_000))
    events: list[Any] = []
    async with await Engine.start(spec) as engine:
        params = {"source": {"kind": "onnx", "path": str(source)}, "out": str(out)}
        answer = await engine.call("prepare", params, lambda name, data: events.append(data))
        assert answer["source"]["path"] == str(source), "paths of this machine come back"
        assert answer["beside"] == [source.name]
        assert {"message": f"reading {source}", "fraction": None} in events
        assert (out / "stages/00-export.onnx").read_bytes() == source.read_bytes()
        assert (out / "dataflow.onnx").read_bytes() == source.read_bytes()[::-1]
        with count_calls(engine) as calls:
            # What it wrote itself is not sent back to it, nor what was sent once.
            described = await engine.call("graph", {"path": str(out / "dataflow.onnx")})
            assert described["path"] == str(out / "dataflow.onnx")
            await engine.call("graph", {"path": str(source)})
        assert calls == ["files_find", "graph"] * 2


async def test_what_is_kept_of_a_failure_is_fetched(spec: EngineSpec, tmp_path: Path) -> None:
    source, out = tmp_path / "net.onnx", tmp_path / "out"
    source.write_bytes(b"net")
    async with await Engine.start(spec) as engine:
        params = {"source": {"path": str(source)}, "out": str(out), "fail": True}
        with pytest.raises(FinnTuiError) as caught:
            await engine.call("prepare", params)
    assert caught.value.why == f"{source} is not good"
    assert (out / "failed.json").is_file() and (out / "stages/00-export.onnx").is_file()


async def test_files_that_a_graph_and_a_python_file_need_travel_with_them(
    spec: EngineSpec, tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text("import helper")
    (tmp_path / "helper.py").write_text("")
    (tmp_path / "unrelated.bin").write_text("")
    async with await Engine.start(spec) as engine:
        params = {"source": {"path": str(tmp_path / "net.py")}, "out": str(tmp_path / "out")}
        assert (await engine.call("prepare", params))["beside"] == ["helper.py", "net.py"]


async def test_an_engine_that_computes_ends_with_finn_tui(docker: Docker, finn: str) -> None:
    """The client process is killed in the middle of a computation: nothing is left behind."""
    program = (
        "import asyncio\n"
        "from finn_tui.engine.catalogue import EngineSpec\n"
        "from finn_tui.engine.client import Engine\n"
        "from finn_tui.hosts.container import Container\n"
        "async def main():\n"
        f"    spec = EngineSpec('boxed', {FAKE!r}, container=Container(name={finn!r}))\n"
        "    engine = await Engine.start(spec)\n"
        "    await engine.call('compute', {}, lambda *event: print('computing', flush=True))\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"computing\n"
    assert docker.processes(finn)
    process.kill()
    await process.wait()
    await until(lambda: not docker.processes(finn))


async def test_a_stopped_engine_is_ended_in_the_container(
    spec: EngineSpec, docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await Engine.start(spec) as engine:
        pid = str(engine.hello["pid"])
        docker.run("exec", "finn", "sh", "-c", f"kill -STOP {pid}")
        monkeypatch.setattr(client, "SILENCE_SECONDS", 1.0)
        monkeypatch.setattr(client, "PING_SECONDS", 0.2)
        with pytest.raises(FinnTuiError, match="cannot be talked to"):
            await engine.call("info")
        await until(lambda: not docker.processes("finn"))
        monkeypatch.setattr(client, "SILENCE_SECONDS", 180.0)
        assert (await engine.call("info"))["version"] == "1.6.1", "it is started again"


async def test_a_container_of_an_image_goes_with_its_engine(docker: Docker) -> None:
    options = ("--network", "none", "--label", "test=image")
    mounts = ("/usr:/usr:ro", SEE_TESTS)
    container = Container(image=IMAGE, mounts=mounts, options=options)

    def running() -> str:
        return docker.run("ps", "-aq", "--filter", "label=test=image")

    async with await Engine.start(EngineSpec("image", FAKE, container=container)) as engine:
        assert (await engine.call("info"))["flavour"] == "finn-plus"
        assert running()
        assert list((paths.cache_dir() / "containers").glob("engine-*.pyz"))
    await until(lambda: not running())


async def test_a_container_of_an_image_goes_with_its_command(docker: Docker) -> None:
    options = ("--network", "none", "--label", "test=command")
    image = Container(image=IMAGE, mounts=("/usr:/usr:ro",), options=options)

    def running(*all: str) -> str:
        return docker.run("ps", "-q", *all, "--filter", "label=test=command")

    transport = await open_container(LocalTransport(), image)
    work = asyncio.create_task(transport.run("sleep", "600", timeout=300.0))
    await until(lambda: bool(running()))
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not running("--all")


async def test_what_is_wrong_with_a_container_is_said(docker: Docker) -> None:
    with pytest.raises(FinnTuiError, match="the container gone is not there") as caught:
        await Engine.start(EngineSpec("boxed", FAKE, container=Container(name="gone")))
    assert "docker ps -a" in caught.value.fix
    image = Container(image="nobody/nothing:1", options=("--pull", "never"))
    with pytest.raises(FinnTuiError, match="nothing:1"):
        await Engine.start(EngineSpec("boxed", FAKE, container=image))
