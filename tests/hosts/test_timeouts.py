"""A command that takes too long is ended with what it started; what left its session is not."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from finn_tui.base import subprocesses
from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.local import LocalTransport
from finn_tui.hosts.pool import HostPool
from finn_tui.hosts.transport import Transport
from tests.waiting import PATIENCE, until, wait_until

#: Two children, one of which leaves the session; their numbers go to a file.
SCRIPT = 'sleep 300 & echo $! > "$1/inside"; setsid sleep 300 & echo $! > "$1/outside"; wait'


def runs(pid: int) -> bool:
    """Whether a process is there, no zombie, and one of the script's."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x00300\x00"
    return False


async def check(transport: Transport, folder: Path) -> None:
    """Run it too long."""
    with pytest.raises(FinnTuiError, match="took longer"):
        await transport.run("sh", "-c", SCRIPT, "sh", str(folder), timeout=3.0)
    inside, outside = (int((folder / name).read_text()) for name in ("inside", "outside"))
    await until(lambda: not runs(inside))
    left = runs(outside)
    if left:
        os.kill(outside, signal.SIGKILL)
    assert left


async def test_of_this_machine(tmp_path: Path) -> None:
    await check(LocalTransport(), tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="sshd sends no signals in sessions of root")
async def test_over_ssh(lab: Host, tmp_path: Path) -> None:
    pool = HostPool()
    async with pool.use(lab, trust=True) as link:
        await check(link, tmp_path)
    await pool.close()


def test_a_session_of_another_command_is_left_alone() -> None:
    environment = subprocesses.marked_environment()
    other = subprocess.Popen(["sleep", "300"], start_new_session=True, env=environment)
    try:
        # The kernel shows a program's words a moment after it has started it.
        wait_until(lambda: runs(other.pid))
        subprocesses.kill_session(other.pid, "0123456789abcdef")
        subprocesses.kill_session(other.pid + 1, environment[subprocesses.MARK])
        assert other.poll() is None and runs(other.pid)
        subprocesses.kill_session(other.pid, environment[subprocesses.MARK])
        assert other.wait(PATIENCE) == -signal.SIGKILL
    finally:
        other.kill()
        other.wait()
