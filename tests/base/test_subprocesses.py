"""Children end, and are waited for, whatever is with their pipes."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import subprocess
import sys

import pytest

from finn_tui.base import subprocesses
from tests.waiting import PATIENCE


async def start(script: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "sh", "-c", script, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )


async def test_a_child_whose_output_nobody_reads_is_killed() -> None:
    process = await start("exec yes")
    await asyncio.sleep(0.5)
    async with asyncio.timeout(PATIENCE):
        assert await subprocesses.end(process) == -9


async def test_a_child_has_ended_although_another_holds_its_pipe() -> None:
    process = await start("sleep 60 & echo $!; exit 3")
    assert process.stdout is not None
    holder = (await process.stdout.readline()).decode().strip()
    try:
        async with asyncio.timeout(PATIENCE):
            assert await subprocesses.end(process, 20.0) == 3
    finally:
        await (await asyncio.create_subprocess_exec("kill", holder)).wait()


@pytest.mark.parametrize(("patience", "code"), [(20.0, 7), (0.0, -9)])
async def test_patience(patience: float, code: int) -> None:
    process = await start("sleep 1; exit 7")
    assert await subprocesses.end(process, patience) == code


async def test_who_ends_a_child_that_has_just_ended_learns_how(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for _ in range(40):
        process = await start("exec printf done")
        assert process.stdout is not None
        await process.stdout.read()
        assert await subprocesses.end(process) in (0, -9)
    assert "Unknown child process" not in caplog.text


@pytest.mark.parametrize("call", ["pidfd_open", "waitid", "P_PIDFD"])
async def test_a_child_is_killed_on_a_kernel_without_descriptors_of_processes(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.ENOSYS if call == "pidfd_open" else errno.EINVAL, "not on this kernel")

    process = await start("exec sleep 600")
    if call == "P_PIDFD":
        monkeypatch.delattr(os, call, raising=False)
    else:
        monkeypatch.setattr(os, call, refuse)
    async with asyncio.timeout(PATIENCE):
        assert await subprocesses.end(process) == -9


def test_a_loop_that_is_closed_leaves_no_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    unraisable: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)

    async def main() -> str:
        process = await start("sleep 60 & echo $!; exit 3")
        assert process.stdout is not None
        holder = (await process.stdout.readline()).decode().strip()
        await subprocesses.end(process, 20.0)
        return holder

    holder = asyncio.run(main())
    gc.collect()
    subprocess.run(["kill", holder], check=True)
    assert not unraisable
