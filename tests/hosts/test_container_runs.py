"""Commands in containers of their own that do not come to their end."""

from __future__ import annotations

import asyncio

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.container import Container
from finn_tui.hosts.container_transport import ContainerTransport
from finn_tui.hosts.detached import ImageContainers
from finn_tui.hosts.local import LocalTransport

IMAGE = Container(
    image="lab/finn:1", mounts=("/data:/data",), env={"A": "b"}, options=("--cpus=2",)
)


class Stuck(LocalTransport):
    """A machine whose daemon neither ends a command nor removes a container."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, ...]] = []

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        self.lines.append(command)
        if "rm" in command:
            raise FinnTuiError("docker took longer than 30 s", kind="timeout")
        await asyncio.sleep(60.0)
        raise AssertionError


@pytest.mark.parametrize("way", ["job", "transport"])
async def test_a_cancel_stays_one_where_the_container_cannot_be_removed(way: str) -> None:
    machine = Stuck()
    if way == "job":
        work = ImageContainers(machine, IMAGE, "docker").run("true", mounts=("/runs",))
    else:
        work = ContainerTransport(machine, IMAGE, "docker").run("true")
    task = asyncio.create_task(work)
    while not machine.lines:  # noqa: ASYNC110
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    run, removal = machine.lines
    options = run[run.index("--init") + 1 : run.index(IMAGE.image)]
    mounts = ("-v", "/data:/data", *(("-v", "/runs:/runs") if way == "job" else ()))
    assert options == ("--cpus=2", *mounts, "-e", "A=b")
    assert removal == ("docker", "rm", "-f", run[run.index("--name") + 1])
