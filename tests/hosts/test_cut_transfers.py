"""A transfer that is given up leaves nothing behind that would be printed into the terminal."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.pool import HostPool


async def test_requests_of_a_cancelled_write_fail_in_silence(lab: Host, tmp_path: Path) -> None:
    """The disk is full, and meanwhile the deploy is cancelled: each request has its own error."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    (tmp_path / "full").symlink_to("/dev/full")
    pool = HostPool()
    async with pool.use(lab, trust=True) as link:
        files = await link.files(str(tmp_path))
        with pytest.raises(asyncio.CancelledError):
            async with files.writing(str(tmp_path / "full"), resume=True) as out:
                sending = asyncio.create_task(out.write(bytes(1 << 20), 0))
                for _ in range(5):  # all requests are on their way, no answer is here
                    await asyncio.sleep(0)
                sending.cancel()
                await sending
        assert await files.stat(str(tmp_path / "full")) is not None
    await pool.close()
    gc.collect()
    assert not complaints
