"""Whether a machine answers, and how far away it is: measured without logging in.

One TCP connection to the port of its SSH or Jupyter server, closed again at once: nobody is asked
for a password, no key is offered, and no name of the user is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.machine import Machine
from finn_tui.hosts.status import latency_text

#: Seconds for name, connection and greeting together.
REACH_SECONDS = 2.0
_GREETING = b"SSH-"


class ReachStatus(StrEnum):
    """How a machine answers."""

    ANSWERS = "answers"
    SILENT = "silent"
    REFUSES = "refuses"
    NO_NAME = "no name"
    #: It is behind another machine, or its SSH configuration cannot be read.
    UNMEASURED = "not measured"


@dataclass(frozen=True)
class Reach:
    """How a machine answered.

    Attributes:
        status: how.
        latency_ms: one round trip (ms), of the connection; None where there was none.
        why: more about it, for people; empty if there is nothing more.
    """

    status: ReachStatus
    latency_ms: float | None = None
    why: str = ""

    @property
    def text(self) -> str:
        """A few words for a list."""
        if self.status is ReachStatus.ANSWERS and self.latency_ms is not None:
            return latency_text(self.latency_ms / 1e3)
        return f"{self.status}: {self.why}" if self.why else self.status


async def measure(machine: Machine, seconds: float = REACH_SECONDS) -> Reach:
    """Measure whether a machine answers.

    Args:
        machine: reached by SSH or by its Jupyter server.
        seconds: for its answer.
    """
    ssh = "://" not in machine.address
    try:
        if ssh:
            host, port, through = await asyncio.to_thread(_ssh_address, machine)
            if through:
                return Reach(ReachStatus.UNMEASURED, why=f"behind {through}")
        else:
            parts = urlsplit(machine.address)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            host = parts.hostname or ""
        async with asyncio.timeout(seconds):
            return await _connect(host, port, ssh=ssh)
    except TimeoutError:
        return Reach(ReachStatus.SILENT, why=f"no answer in {seconds:g} s")
    except FinnTuiError as error:
        return Reach(ReachStatus.UNMEASURED, why=error.what)


async def _connect(host: str, port: int, *, ssh: bool) -> Reach:
    loop = asyncio.get_running_loop()
    try:
        addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return Reach(ReachStatus.NO_NAME, why="its name is not known")
    began = time.monotonic()
    try:
        reader, writer = await asyncio.open_connection(str(addresses[0][4][0]), port)
    except ConnectionRefusedError:
        return Reach(ReachStatus.REFUSES, why=f"no server on port {port}")
    except OSError as error:
        return Reach(ReachStatus.SILENT, why=error.strerror or "no route")
    latency = (time.monotonic() - began) * 1000
    try:
        if ssh and not (await reader.read(255)).startswith(_GREETING):
            return Reach(ReachStatus.REFUSES, latency, f"no SSH server on port {port}")
        return Reach(ReachStatus.ANSWERS, latency)
    except OSError:
        return Reach(ReachStatus.REFUSES, latency, "it hung up")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _ssh_address(machine: Machine) -> tuple[str, int, str]:
    """Host and port as the user's SSH configuration has them, and what stands before it."""
    # asyncssh takes half a second to import, which only those who measure shall pay.
    import asyncssh

    from finn_tui.hosts.ssh.openssh_files import usable_config

    given = {"port": machine.port} if machine.port else {}
    with usable_config(machine.word, host=machine.address, **given) as (config, _):
        try:
            options = asyncssh.SSHClientConnectionOptions(
                host=machine.address,
                config=config,
                known_hosts=None,
                client_keys=None,
                agent_path=None,
                **given,
            )
        except (ValueError, asyncssh.Error, OSError) as error:
            raise FinnTuiError("its SSH configuration cannot be used", str(error)) from error
    through = options.tunnel or ("a proxy command" if options.proxy_command else "")
    return options.host or machine.address, options.port, str(through or "")
