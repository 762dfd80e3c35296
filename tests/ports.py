"""Ports for servers that are told where to listen, or that are started again at the same one."""

from __future__ import annotations

import os
import random
import socket

#: Below what the kernel hands out to connections, which would take one between two starts.
_FIRST, _LAST = 12_000, 32_000
# Two workers of pytest begin at other places, and no process gives a port out twice.
_ports = iter(random.Random(os.urandom(8)).sample(range(_FIRST, _LAST), _LAST - _FIRST))


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")
