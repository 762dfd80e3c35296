"""The ways to hosts and their containers, over the connections that this process has."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.hosts import shared

if TYPE_CHECKING:
    from finn_tui.hosts.catalogue import Host
    from finn_tui.hosts.transport import Transport
    from finn_tui.runs.remote.link import Link


class HostLinks:
    """The hosts that are reached; to be used as a context manager."""

    def __init__(self, on_progress: OnProgress = ignore) -> None:
        """Begin without a connection; ``on_progress`` is told what is waited for."""
        self._on_progress = on_progress
        self._held = contextlib.AsyncExitStack()
        self._links: dict[str, tuple[Transport, Link]] = {}

    async def __aenter__(self) -> HostLinks:
        self._pool = await self._held.enter_async_context(shared.held())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @contextlib.asynccontextmanager
    async def use(self, name: str) -> AsyncIterator[Link]:
        """Reach a host; the connection stays open for the next use.

        Args:
            name: in hosts.toml.

        Raises:
            FinnTuiError: there is no such host, or it cannot be reached.
        """
        from finn_tui.hosts import catalogue

        host = await asyncio.to_thread(catalogue.find, name)
        if not host.is_remote and host.container is None:
            raise _is_here(host)
        async with self._pool().use(host, on_progress=self._on_progress) as transport:
            known = self._links.get(name)
            if known is None or known[0] is not transport or known[1].host != host:
                known = self._links[name] = (transport, await _link(host, transport))
            yield known[1]

    async def close(self) -> None:
        """Let go of the connections; they close if nobody else needs them."""
        self._links.clear()
        await self._held.aclose()


async def _link(host: Host, transport: Transport) -> Link:
    """The way to where a host builds: its container, where it has one that runs.

    Raises:
        FinnTuiError: the container does not run, or the host has no docker or podman.
    """
    from finn_tui.hosts.container_transport import open_container
    from finn_tui.hosts.detached import ImageContainers
    from finn_tui.runs.remote.image_link import ImageLink, MachineLink
    from finn_tui.runs.remote.link import Link

    if host.container is None:
        return Link(host, transport)
    if host.slurm is not None:
        return MachineLink(host, transport)
    if host.container.name:
        return Link(host, await open_container(transport, host.container))
    return ImageLink(host, transport, await ImageContainers.of(transport, host.container))


def _is_here(host: Host) -> FinnTuiError:
    return FinnTuiError(
        f"{host.name} is this machine",
        "hosts.toml gives it no address.",
        "Build without --on; a container or Slurm of this machine is a table of its own in "
        "hosts.toml.",
    )
