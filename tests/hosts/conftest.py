"""Fixtures of hosts over a real OpenSSH server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.status import HostStatus
from tests.hosts import sshd
from tests.hosts.sshd import Server


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home directory of a user with an empty ~/.ssh and no agent."""
    home = tmp_path / "user"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return home


@pytest.fixture
def server(tmp_path: Path, user: Path) -> Iterator[Server]:
    """A running sshd."""
    running = sshd.server_in(tmp_path / "sshd")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def lab(server: Server, tmp_path: Path) -> Host:
    """The host that it is."""
    return host_of(server, tmp_path / "there")


def host_of(server: Server, folder: Path, name: str = "lab") -> Host:
    """The host that a server is, with all that a login needs but its host key."""
    return Host(
        name=name,
        host=server.address,
        port=server.port,
        user=server.user,
        key=server.key,
        folder=str(folder),
    )


def last(seen: list[HostStatus]) -> HostStatus:
    """How a connection is, by what has been told of it."""
    return seen[-1]
