"""A command that takes too long is ended with what it started; what left its session is not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from finn_tui.base import subprocesses
from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts import command_end
from finn_tui.hosts.container import Container
from finn_tui.hosts.container_transport import open_container
from finn_tui.hosts.local import LocalTransport
from finn_tui.hosts.pool import HostPool
from finn_tui.hosts.transport import Transport
from tests.hosts import sshd
from tests.hosts.conftest import host_of
from tests.hosts.docker_daemon import Docker
from tests.waiting import PATIENCE, until, wait_until

#: Two children, one of which leaves the session; known by the words behind their scripts.
SCRIPT = """
wait='import time; time.sleep(300)'
python3 -c "$wait" "$1/inside" & setsid python3 -c "$wait" "$1/outside" &
wait
"""


def running(word: str) -> list[int]:
    """The processes of this machine, those in containers too, that have a word behind their script.

    The script that begins them has another one.
    """
    pids = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (place / "cmdline").read_bytes().split(b"\0")[-2:-1] == [word.encode()]:
                pids.append(int(place.name))
    return pids


async def check_end(transport: Transport, folder: Path) -> None:
    """Leave a command in the middle."""
    inside, outside = f"{folder}/inside", f"{folder}/outside"
    command = asyncio.create_task(
        transport.run("sh", "-c", SCRIPT, "sh", str(folder), timeout=300.0)
    )
    try:
        await until(lambda: running(inside))
        await until(lambda: running(outside))
        command.cancel()
        await asyncio.wait([command])
        assert command.cancelled()
        await until(lambda: not running(inside))
        assert running(outside)
    finally:
        for pid in running(inside) + running(outside):
            os.kill(pid, signal.SIGKILL)


async def check_too_long(transport: Transport) -> None:
    with pytest.raises(FinnTuiError, match=r"took longer than 0\.2 s"):
        await transport.run("sleep", "300", timeout=0.2)


async def check_plain(transport: Transport) -> None:
    """What ends by itself is as without a mark."""
    assert await transport.run("cat", stdin=b"a\0b") == (0, b"a\0b", b"")
    assert (await transport.run("sh", "-c", "exit 7"))[0] == 7
    assert (await transport.run("/nowhere/program"))[0] == 127


async def test_of_this_machine(tmp_path: Path) -> None:
    await check_too_long(LocalTransport())
    await check_end(LocalTransport(), tmp_path)


async def test_a_command_that_is_left_at_its_start_holds_nobody_up(tmp_path: Path) -> None:
    command = asyncio.create_task(LocalTransport().run("sh", "-c", SCRIPT, "sh", str(tmp_path)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    # The loop has no turn until its children run.
    wait_until(lambda: running(f"{tmp_path}/inside") and running(f"{tmp_path}/outside"))
    command.cancel()
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait([command])
        assert not running(f"{tmp_path}/inside")
    finally:
        for name in ("inside", "outside"):
            for pid in running(f"{tmp_path}/{name}"):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("shell", ["sh", "bash", "tcsh", "fish", "busybox sh"])
async def test_over_ssh(tmp_path: Path, user: Path, shell: str) -> None:
    if shutil.which(shell.split()[0]) is None:
        pytest.skip(f"{shell} is not installed")
    wrapper = tmp_path / "shell"
    wrapper.write_text(f'#!/bin/sh\nexec {shell} -c "$SSH_ORIGINAL_COMMAND"\n')
    wrapper.chmod(0o755)
    server = sshd.server_in(tmp_path / "sshd", f"ForceCommand {wrapper}")
    server.start()
    pool = HostPool()
    try:
        async with pool.use(host_of(server, tmp_path / "there"), trust=True) as link:
            await check_plain(link)
            await check_too_long(link)
            await check_end(link, tmp_path)
    finally:
        await pool.close()
        server.stop()


async def test_in_a_container_that_runs(docker: Docker, tmp_path: Path) -> None:
    with docker.container("finn-slow") as name:
        transport = await open_container(LocalTransport(), Container(name=name))
        await check_plain(transport)
        await check_too_long(transport)
        await check_end(transport, tmp_path)


@contextlib.contextmanager
def sleeping(environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process with these variables in a session of its own."""
    with subprocess.Popen(["sleep", "300"], start_new_session=True, env=environment) as process:
        yield process
        process.kill()


@pytest.fixture(params=["sh", "busybox sh"])
def marked(request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A process that has a mark, begun by a shell."""
    shell = shutil.which(request.param.split()[0])
    if shell is None:
        pytest.skip(f"{request.param} is not installed")
    mark = command_end.new_mark()
    command = [*request.param.split(), *command_end.marked(mark, "sleep", "300")[1:]]
    with subprocess.Popen(command, start_new_session=True) as process:
        wait_until(lambda: mark.encode() in Path(f"/proc/{process.pid}/environ").read_bytes())
        yield process, mark
        process.kill()


async def test_only_what_has_the_mark_and_the_session_is_ended(
    marked: tuple[subprocess.Popen[bytes], str],
) -> None:
    process, mark = marked
    shell = str(process.args[0])  # type: ignore[index]
    first = ("busybox", "sh") if shell == "busybox" else ("sh",)

    async def run(command: tuple[str, ...], stdin: bytes) -> None:
        line = [*first, *command[1:]]
        await asyncio.to_thread(subprocess.run, line, input=stdin, check=True, timeout=60)

    await command_end.end(command_end.new_mark(), run, wait=60)
    await command_end.end(mark[:20], run, wait=60)
    await command_end.end("", run, wait=60)
    assert process.poll() is None
    elsewhere = {**os.environ, subprocesses.MARK: f"{mark}:{process.pid}"}
    with sleeping(elsewhere) as other:
        await command_end.end(mark, run, wait=60)
        assert process.wait(PATIENCE) == -signal.SIGKILL
        assert other.poll() is None


def test_a_session_of_another_command_is_left_alone() -> None:
    environment = subprocesses.marked_environment()
    with sleeping(environment) as other:
        # The kernel shows a program's words a moment after it has started it.
        wait_until(lambda: b"sleep" in Path(f"/proc/{other.pid}/cmdline").read_bytes())
        subprocesses.kill_session(other.pid, "0123456789abcdef")
        subprocesses.kill_session(other.pid + 1, environment[subprocesses.MARK])
        assert other.poll() is None
        subprocesses.kill_session(other.pid, environment[subprocesses.MARK])
        assert other.wait(PATIENCE) == -signal.SIGKILL
