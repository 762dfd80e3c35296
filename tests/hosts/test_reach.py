"""Whether a machine answers, measured without logging in."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from finn_tui.hosts.machine import Machine
from finn_tui.hosts.reach import ReachStatus, measure
from tests.waiting import until


@contextlib.asynccontextmanager
async def server(greeting: bytes | None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that greets, or never says anything; its port and what it was sent."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if greeting is not None:
            writer.write(greeting)
        with contextlib.suppress(OSError):
            heard.append(await reader.read())
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1], heard
    finally:
        listening.close()


def ssh(port: int, address: str = "127.0.0.1") -> Machine:
    return Machine("lab", "board", address, port=port)


async def test_an_ssh_server_is_met_and_told_nothing() -> None:
    async with server(b"SSH-2.0-OpenSSH_9.6\r\n") as (port, heard):
        reach = await measure(ssh(port), 60)
        assert reach.status is ReachStatus.ANSWERS
        assert reach.latency_ms is not None and 0 < reach.latency_ms < 60_000
        assert reach.text.endswith(" ms")
        await until(lambda: heard)
        assert heard == [b""], "no name, no key, no password"


async def test_a_jupyter_server_needs_no_greeting() -> None:
    async with server(None) as (port, _):
        reach = await measure(Machine("web", "board", f"http://127.0.0.1:{port}"), 60)
        assert reach.status is ReachStatus.ANSWERS
        began = time.monotonic()
        reach = await measure(ssh(port), 0.2)
        assert reach.status is ReachStatus.SILENT and "0.2 s" in reach.text
        assert time.monotonic() - began < 30, "bounded"


async def test_what_is_no_board() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert (await measure(ssh(port), 60)).status is ReachStatus.REFUSES
    async with server(b"HTTP/1.1 400\r\n") as (port, _):
        reach = await measure(ssh(port), 60)
        assert reach.text == f"refuses: no SSH server on port {port}"
    reach = await measure(ssh(22, "no-such-name.invalid"), 60)
    assert reach.status is ReachStatus.NO_NAME


async def test_behind_another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from finn_tui.hosts.ssh import openssh_files

    config = tmp_path / "config"
    async with server(b"SSH-2.0-x\r\n") as (port, _):
        config.write_text(
            f"Host inner\n  ProxyJump gate\nHost outer\n  Hostname 127.0.0.1\n  Port {port}\n"
        )
        monkeypatch.setattr(openssh_files, "user_config", lambda: config)
        reach = await measure(ssh(0, "inner"), 60)
        assert reach.text == "not measured: behind gate", "no login to find out"
        assert (await measure(ssh(0, "outer"), 60)).status is ReachStatus.ANSWERS
