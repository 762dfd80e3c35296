"""Hashes of files while they arrive, by a real shell."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from finn_tui.hosts.arrivals import PROGRAM, Arrivals
from finn_tui.hosts.local import LocalTransport
from finn_tui.hosts.transport import RemoteProcess


@pytest.fixture
async def shell() -> AsyncIterator[RemoteProcess]:
    process = await LocalTransport().stream(PROGRAM)
    yield process
    process.close()
    await process.wait(10)


async def test_what_lies_there_is_hashed_piece_by_piece(
    shell: RemoteProcess, tmp_path: Path
) -> None:
    arrivals = Arrivals(shell)
    content = os.urandom(9_000_001)
    big = tmp_path / "it's a $(x) `y` & big"
    arrivals.begin(str(big))
    with big.open("wb") as file:
        for end in (3_000_000, 5_000_000, 8_999_999, len(content)):
            file.write(content[file.tell() : end])
            file.flush()
            arrivals.reached(end)
    # What has been hashed already is not read again.
    await asyncio.sleep(1.0)
    arrivals.end(len(content))
    files = {"small": b"abc", "empty": b"", "block": b"x" * (512 << 10)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        arrivals.begin(str(tmp_path / name))
        arrivals.end(len(data))
    assert await arrivals.digests() == {
        str(big): hashlib.sha256(content).hexdigest(),
        **{str(tmp_path / name): hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    # Something else than what was sent has another hash, and so has a file that is gone.
    (tmp_path / "small").write_bytes(b"abd")
    for name in ("small", "gone"):
        arrivals.begin(str(tmp_path / name))
        arrivals.end(3)
    found = await arrivals.digests()
    assert found[str(tmp_path / "small")] == hashlib.sha256(b"abd").hexdigest()
    assert found[str(tmp_path / "gone")] == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("program", ["echo no; cat >/dev/null", "exit 1", "exec >&-; sleep 1"])
async def test_a_shell_that_does_something_else_knows_nothing(program: str, tmp_path: Path) -> None:
    process = await LocalTransport().stream(program)
    arrivals = Arrivals(process)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"abc")
        arrivals.begin(str(tmp_path / name))
        arrivals.end(3)
    assert await arrivals.digests() == {}
    arrivals.begin(str(tmp_path / "a"))
    arrivals.end(3)
    assert await arrivals.digests() == {}
    process.close()
    await process.wait(10)


async def test_a_path_of_two_lines_is_left_out(shell: RemoteProcess) -> None:
    arrivals = Arrivals(shell)
    arrivals.begin("a\nb")
    arrivals.end(3)
    assert await arrivals.digests() == {}
