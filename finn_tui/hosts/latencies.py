"""How far away each host was when it was last reached: kept for lists, which reach none."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from finn_tui.base import documents, files, paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.status import latency_text


class Latency(Struct, frozen=True):
    """A measured latency.

    Attributes:
        where: of the host then; another address has another latency.
        ms (ms): of a round trip over its SSH connection.
        at: when, ISO 8601 in UTC.
    """

    where: str
    ms: float
    at: str

    @property
    def text(self) -> str:
        """The latency and when it was, in the local time."""
        shown = latency_text(self.ms / 1e3)
        with contextlib.suppress(ValueError):
            return f"{shown}, {datetime.fromisoformat(self.at).astimezone():%Y-%m-%d %H:%M}"
        return shown


def latencies_file() -> Path:
    """Where they are kept."""
    return paths.state_dir() / "latencies.json"


def remember(host: Host, seconds: float) -> None:
    """Keep a host's latency; nothing where the disk is full.

    Args:
        host: which.
        seconds (s): of a round trip.
    """
    at = datetime.now(UTC).isoformat(timespec="seconds")
    latency = Latency(_where(host), round(seconds * 1e3, 2), at)

    def change(content: bytes) -> bytes:
        try:
            known = json.loads(content or b"{}")
        except (ValueError, RecursionError):
            known = {}
        known = known if isinstance(known, dict) else {}
        return json.dumps({**known, host.name: msgspec.to_builtins(latency)}, indent=1).encode()

    path = latencies_file()
    with contextlib.suppress(FinnTuiError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.update(path, change)


def known(hosts: Mapping[str, Host]) -> dict[str, Latency]:
    """The latencies of hosts that were ever measured where they are now, by name."""
    try:
        document = documents.read(latencies_file())
    except (FileNotFoundError, FinnTuiError):
        return {}
    measured = {}
    for name, host in hosts.items():
        with contextlib.suppress(msgspec.ValidationError):
            latency = msgspec.convert(document.get(name), Latency)
            if latency.where == _where(host):
                measured[name] = latency
    return measured


def _where(host: Host) -> str:
    return f"{host.host}:{host.port}"
