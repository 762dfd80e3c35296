"""One connection a host: shared, made anew when it broke, with its latency."""

from __future__ import annotations

import asyncio
import gc
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs

from finn_tui.hosts import pool as pool_module
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.pool import HostPool
from finn_tui.hosts.ssh.connection import SshConnection
from finn_tui.hosts.ssh.errors import HostKeyChanged, HostKeyUnknown
from finn_tui.hosts.status import HostStatus, LinkState
from finn_tui.hosts.transport import LoginRefused, Unreachable
from tests.hosts import sshd
from tests.hosts.conftest import last
from tests.hosts.sshd import Server
from tests.waiting import PATIENCE, until


@pytest.fixture
def seen() -> list[HostStatus]:
    return []


@pytest.fixture
async def pool(seen: list[HostStatus]) -> AsyncIterator[HostPool]:
    pool = HostPool(on_status=seen.append)
    yield pool
    await pool.close()


async def test_all_share_one_connection_and_its_latency_is_measured(
    pool: HostPool, lab: Host, seen: list[HostStatus]
) -> None:
    with pytest.raises(HostKeyUnknown):
        async with pool.use(lab):
            pass
    assert last(seen).state is LinkState.REFUSED

    async def work() -> object:
        async with pool.use(lab, trust=True) as link:
            assert (await link.run("echo", "it's", "$(x)"))[1] == b"it's $(x)\n"
            assert isinstance(link, SshConnection)
            return link.connection

    connections = await asyncio.gather(*(work() for _ in range(8)))
    assert len(set(map(id, connections))) == 1
    await until(lambda: last(seen).latency is not None)
    assert last(seen).state is LinkState.CONNECTED and last(seen).problem is None
    assert 0 < (last(seen).latency or 0) < 30
    await pool.close()
    assert last(seen).state is LinkState.CLOSED and last(seen).latency is None


async def test_all_change_together_to_what_hosts_toml_says_now(pool: HostPool, lab: Host) -> None:
    async with pool.use(lab, trust=True) as former:
        pass
    changed = structs.replace(lab, folder=f"{lab.folder}/other")

    async def work() -> object:
        async with pool.use(changed) as link:
            return link

    links = await asyncio.gather(*(work() for _ in range(8)))
    assert former.is_closed and len(set(map(id, links))) == 1


async def test_a_line_that_is_closed_at_once_prints_nothing(
    lab: Host, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        pool = HostPool()
        async with pool.use(lab, trust=True):
            await asyncio.sleep(0)  # the measurement of its latency begins
        await pool.close()
    gc.collect()
    await asyncio.sleep(0)
    assert not [record for record in caplog.records if record.name == "asyncio"]


async def test_a_broken_line_is_made_anew_with_patience(
    pool: HostPool, lab: Host, server: Server, seen: list[HostStatus]
) -> None:
    with pytest.raises(Unreachable, match="broke"):
        async with pool.use(lab, trust=True) as link:
            slow = asyncio.create_task(link.run("sleep", "60", timeout=100))
            await link.run("true")
            await asyncio.to_thread(server.hang_up)
            await slow
    await until(lambda: last(seen).state is LinkState.WAITING)
    with pytest.raises(Unreachable, match="refuses the connection"):
        async with pool.use(lab):
            pass
    tries = len([status for status in seen if status.state is LinkState.CONNECTING])
    with pytest.raises(Unreachable, match="refuses the connection"):
        async with pool.use(lab):
            pass
    again = [status for status in seen if status.state is LinkState.CONNECTING]
    assert len(again) == tries, "what has failed a moment ago is not tried again at once"

    async def wait_for_it() -> bytes:
        async with pool.use(lab, patient=True) as link:
            return (await link.run("echo", "again"))[1]

    waiting = asyncio.create_task(wait_for_it())
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await asyncio.to_thread(server.start)
    pool.retry("lab")
    async with asyncio.timeout(PATIENCE):
        assert await waiting == b"again\n"
    assert last(seen).state is LinkState.CONNECTED


async def test_patience_does_not_wait_for_what_only_the_user_can_change(
    pool: HostPool, lab: Host, server: Server, seen: list[HostStatus]
) -> None:
    async with pool.use(lab, trust=True) as link:
        await link.run("true")
    await pool.close()
    (server.folder / "authorized").write_text("")
    with pytest.raises(LoginRefused):
        async with pool.use(lab, patient=True):
            pass
    attempts = (server.folder / "sshd.log").read_text().count("Connection from")
    for patient in (True, False):
        with pytest.raises(LoginRefused):
            async with pool.use(lab, patient=patient):
                pass
    log = (server.folder / "sshd.log").read_text()
    assert log.count("Connection from") == attempts > 0, "no server is asked again and again"
    pool.retry("lab")
    with pytest.raises(LoginRefused):
        async with pool.use(lab):
            pass
    assert (server.folder / "sshd.log").read_text().count("Connection from") > attempts
    server.stop()
    sshd.new_key(server.folder / "host")
    server.start()
    with pytest.raises(HostKeyChanged, match="another host key"):
        async with pool.use(lab, trust=True, patient=True):
            pass
    assert last(seen).state is LinkState.REFUSED


def test_the_waits_double_up_to_a_minute(
    lab: Host, server: Server, monkeypatch: pytest.MonkeyPatch, seen: list[HostStatus]
) -> None:
    clock = [100.0]
    monkeypatch.setattr(f"{pool_module.__name__}.time.monotonic", lambda: clock[0])
    server.stop()
    waits = []

    async def fail() -> None:
        pool = HostPool(on_status=seen.append)
        for _ in range(9):
            with pytest.raises(Unreachable):
                async with pool.use(lab):
                    pass
            retry_at = last(seen).retry_at
            assert retry_at is not None
            waits.append(retry_at - clock[0])
            clock[0] = retry_at

    asyncio.run(fail())
    server.start()
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


async def test_odd_paths(pool: HostPool, lab: Host, tmp_path: Path) -> None:
    odd = tmp_path / 'it\'s a $(x) `y` "z" & path\nof two lines'
    async with pool.use(lab, trust=True) as link:
        files = await link.files(str(odd))
        await files.make_folder(f"{odd}/a b")
        path = f"{odd}/a b/-rf *"
        await files.write(path, b"content")
        assert (odd / "a b" / "-rf *").read_bytes() == b"content"
        assert (await link.run("cat", path))[1] == b"content"
        hashes = await files.sha256([path])
        assert hashes[0] == hashlib.sha256(b"content").hexdigest()


async def test_input_and_parts_of_files(pool: HostPool, lab: Host, tmp_path: Path) -> None:
    big = bytes(range(256)) * 20_000
    async with pool.use(lab, trust=True) as link:
        assert (await link.run("sha256sum", stdin=b"abc"))[1].startswith(b"ba7816bf")
        status, out, _ = await link.run("wc", "-c", stdin=big)
        assert (status, out.strip()) == (0, str(len(big)).encode())
        # A command that does not read its input ends all the same.
        assert (await link.run("true", stdin=big))[0] == 0
        files = await link.files(lab.folder)
        path = f"{lab.folder}/log"
        Path(path).write_bytes(big)
        assert await files.read_from(path, 0, 10) == big[:10]
        assert await files.read_from(path, 300, len(big)) == big[300:]
        assert await files.read_from(path, len(big), 10) == b""
        assert await files.read_from(path, len(big) + 5, 10) == b""
        assert await files.read_from(f"{lab.folder}/none", 0, 10) == b""
        assert await files.read_from(lab.folder, 0, 10) == b""
        (tmp_path / "there" / "link").symlink_to(path)
        assert await files.read_from(f"{lab.folder}/link", 0, 10) == b""
