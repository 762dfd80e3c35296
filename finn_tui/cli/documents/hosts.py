"""Documents of hosts: machines that run engines and builds."""

from __future__ import annotations

from msgspec import Struct

from finn_tui.cli.documents.base import DamagedItem, Document
from finn_tui.hosts.catalogue import SlurmEntry
from finn_tui.hosts.container import Container


class HostRow(Struct, frozen=True, kw_only=True):
    """A machine that runs engines and builds.

    Attributes:
        name: what the user calls it.
        host: its address, or a name from the user's SSH configuration; empty for this machine.
        port: SSH port; 0 for the usual one.
        user: login name; empty for that of the SSH configuration.
        key: private key file; empty for those of the SSH configuration.
        folder: where finn-tui's files go.
        engine: what starts a Python there in which FINN can be imported.
        setup: shell lines before a build.
        env: variables of builds.
        container: the container in which FINN is; null without one.
        slurm: how builds are given to Slurm; null where they are not.
        latency_ms (ms): of a round trip when it was last reached; null where it never was.
        latency_at: when that was, ISO 8601 in UTC; null where it never was.
    """

    name: str
    host: str
    port: int
    user: str
    key: str
    folder: str
    engine: tuple[str, ...]
    setup: str
    env: dict[str, str]
    container: Container | None
    slurm: SlurmEntry | None
    latency_ms: float | None
    latency_at: str | None


class HostsList(Document, frozen=True, kw_only=True):
    """All hosts.

    Attributes:
        format_version: version of the document's form.
        hosts: each of them.
        damaged: those that cannot be read, each with the reason.
    """

    hosts: tuple[HostRow, ...]
    damaged: tuple[DamagedItem, ...]


class HostsAdd(HostRow, frozen=True, kw_only=True):
    """A host as it was written to hosts.toml, with what was found out there.

    Attributes:
        format_version: version of the document's form.
    """

    format_version: int


class HostsTest(Document, frozen=True, kw_only=True):
    """What a host is.

    Attributes:
        format_version: version of the document's form.
        host: its name.
        address: where it is.
        latency_ms (ms): of a round trip, the shortest of several; null for this machine.
        system: kernel and processor.
        hostname: what it calls itself.
        python: version of its python3; null without one.
        engine_python: version of the engine's Python; null where no engine is set or it fails.
        finn: its FINN, name and version or place; null without one.
        engine_problem: what the engine's command said when it failed; empty if it did not.
        folder: where finn-tui's files go, absolute.
        folder_problem: what the host says where they cannot be written; empty if they can.
        slurm_problem: what Slurm says where it does not answer; empty if it does.
        writable: whether they can be written there.
        free_bytes (bytes): free on that disk; null where it cannot be read.
        programs: paths of docker, podman, sbatch, systemd-run, vivado and vitis_hls, if they are
            there.
        partitions: of a Slurm that answers, the default one with ``*``; empty without one.
        lingers: whether the user's processes may outlive the login by systemd; null without it.
    """

    host: str
    address: str
    latency_ms: float | None
    system: str
    hostname: str
    python: str | None
    engine_python: str | None
    finn: str | None
    engine_problem: str
    folder_problem: str
    slurm_problem: str
    folder: str
    writable: bool
    free_bytes: int | None
    programs: dict[str, str]
    partitions: tuple[str, ...]
    lingers: bool | None
