"""A host whose builds are jobs of Slurm: how to talk to it, and how its jobs are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from finn_tui.hosts.catalogue import SlurmEntry
from finn_tui.runs.slurm.commands import Runner


@dataclass(frozen=True)
class SlurmHost:
    """A host with Slurm.

    Attributes:
        name: in hosts.toml.
        runner: runs commands there.
        settings: how jobs are sent.
        setup: the user's shell lines before a build.
        environment: variables of a build.
    """

    name: str
    runner: Runner
    settings: SlurmEntry
    setup: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
