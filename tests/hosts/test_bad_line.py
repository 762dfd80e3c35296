"""A host behind a jump host, over a line with 200 ms there and back and 2 % loss."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.client import Engine
from finn_tui.hosts import catalogue as hosts
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.pool import HostPool
from finn_tui.hosts.ssh import login
from finn_tui.hosts.status import HostStatus, LinkState
from finn_tui.hosts.transport import Unreachable
from tests.engine.test_in_container import FAKE
from tests.hosts import sshd
from tests.hosts.lossy_line import Line, lossy_line
from tests.hosts.sshd import Server
from tests.waiting import PATIENCE, until

ROUND_TRIP, LOSS = 0.2, 0.02


@dataclass
class Lab:
    """A host that only its jump host reaches, and the jump host."""

    host: Host
    gate: Server
    line: Line


@pytest.fixture
def far_lab(tmp_path: Path, user: Path) -> Iterator[Lab]:
    with lossy_line(delay=ROUND_TRIP / 2, loss=LOSS) as line:
        gate = sshd.server_in(tmp_path / "gate", address=line.address, prefix=line.prefix)
        inside = sshd.server_in(tmp_path / "inside", address="127.0.0.1", prefix=line.prefix)
        (user / ".ssh" / "config").write_text(
            f"Host gate\n  HostName {gate.address}\n  Port {gate.port}\n  User {gate.user}\n"
            f"  IdentityFile {gate.key}\n"
            f"Host lab\n  HostName {inside.address}\n  Port {inside.port}\n  User {inside.user}\n"
            f"  IdentityFile {inside.key}\n  ProxyJump gate\n"
        )
        gate.start()
        inside.start()
        yield Lab(Host(name="lab", host="lab", folder=str(tmp_path / "there")), gate, line)
        inside.stop()
        gate.stop()


async def test_work_goes_on_over_a_bad_line_and_after_it_broke(
    far_lab: Lab, tmp_path: Path
) -> None:
    host = far_lab.host
    content = bytes(range(256)) * 1000
    path = f"{host.folder}/package"
    seen: list[HostStatus] = []
    pool = HostPool(on_status=seen.append)
    async with pool.use(host, trust=True) as link:
        began = time.monotonic()
        assert (await link.run("echo", "it's", "$(x)"))[1] == b"it's $(x)\n"
        assert time.monotonic() - began >= ROUND_TRIP, "the line delays"
        # What is asked at the same time waits for the line at the same time.
        began = time.monotonic()
        await asyncio.gather(*(link.run("true", timeout=120) for _ in range(12)))
        assert time.monotonic() - began < 12 * 2 * ROUND_TRIP + 30
        files = await link.files(host.folder)
        await files.write(path, content)
        assert await files.sha256([path]) == [hashlib.sha256(content).hexdigest()]
        assert await files.read_from(path, 200_000, 100) == content[200_000:200_100]
    await until(lambda: seen[-1].latency is not None)
    assert ROUND_TRIP <= (seen[-1].latency or 0) < 60

    with pytest.raises(Unreachable):
        async with pool.use(host) as link:
            slow = asyncio.create_task(link.run("sleep", "60", timeout=120))
            await link.run("true")
            await asyncio.to_thread(far_lab.gate.hang_up)
            await slow
    with pytest.raises(Unreachable, match=r"gate.* refuses the connection"):
        async with pool.use(host):
            pass
    await asyncio.to_thread(far_lab.gate.start)
    # From where it broke: what is known is not read again.
    async with pool.use(host, patient=True) as link:
        files = await link.files(host.folder)
        assert await files.read_from(path, 255_900, 1000) == content[255_900:]
    assert seen[-1].state is LinkState.CONNECTED
    await pool.close()


async def test_a_line_that_falls_silent_is_noticed(
    far_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "KEEPALIVE_SECONDS", 1.5)
    seen: list[HostStatus] = []
    pool = HostPool(on_status=seen.append)
    async with pool.use(far_lab.host, trust=True) as link:
        await link.run("true", timeout=120)
        slow = asyncio.create_task(link.run("sleep", "600", timeout=590))
        await link.run("true", timeout=120)
        await asyncio.to_thread(far_lab.line.go_silent)
        # No reset comes, neither from the host nor from its jump host.
        began = time.monotonic()
        with pytest.raises(Unreachable, match="broke"):
            async with asyncio.timeout(PATIENCE):
                await slow
        assert time.monotonic() - began > 1.5
    await until(lambda: seen[-1].state is not LinkState.CONNECTED)
    await pool.close()


async def test_an_engine_far_away_prepares_and_its_request_survives_a_cut(
    far_lab: Lab, tmp_path: Path
) -> None:
    hosts.add(far_lab.host)
    source, out, flag = tmp_path / "net.onnx", tmp_path / "out", tmp_path / "flag"
    source.write_bytes(bytes(range(256)) * 2000)
    events: list[str] = []
    pool = HostPool()
    async with pool.use(far_lab.host, trust=True):
        pass
    async with await Engine.start(EngineSpec("far", FAKE, host="lab"), pool=pool) as engine:
        await engine.call("prepare", {"source": {"path": str(source)}, "out": str(out)})
        assert (out / "dataflow.onnx").read_bytes() == source.read_bytes()[::-1]
        work = asyncio.create_task(
            engine.call(
                "wait", {"for": str(flag)}, lambda name, data: events.append(data["message"])
            )
        )
        await until(lambda: "waiting" in events)
        await asyncio.to_thread(far_lab.gate.hang_up)
        await asyncio.to_thread(far_lab.gate.start)
        flag.write_text("answer")
        async with asyncio.timeout(120):
            assert await work == "answer"
    await pool.close()
