"""A host whose builds are jobs of Slurm: how to talk to it, and how its jobs are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import runcontrol, scheduled
from finn_tui.hosts.catalogue import SlurmEntry
from finn_tui.hosts.container import Container
from finn_tui.runs.documents import RunState
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.slurm.commands import Runner


def without_slurm(name: str) -> FinnTuiError:
    """The error for a host whose builds are no jobs of Slurm, as after its entry was edited."""
    return FinnTuiError(
        f"{name} has no Slurm",
        f"hosts.toml has no table [{name}.slurm].",
        f"Write one; `slurm = {{}}` in [{name}] takes the cluster's defaults.",
    )


class RunFolders(Protocol):
    """What is done to the run folders that jobs work in, wherever they are; to all at once."""

    async def conclude(
        self, runs: Sequence[RunFolder], status: str, error: EngineError | None
    ) -> list[RunState]:
        """Write how runs have ended whose jobs are over, unless they have said so themselves.

        Returns:
            The runs' states where their jobs work; a mirror may show them later.

        Raises:
            FinnTuiError: a folder cannot be reached.
        """

    async def mark_cancelled(self, runs: Sequence[RunFolder]) -> None:
        """Say that a user cancels runs, so that their runners need no other reason.

        Raises:
            FinnTuiError, OSError: a folder cannot be reached or written.
        """


class OwnFolders:
    """Run folders that are the workspace's own, on a disk that the cluster shares.

    Attributes:
        concluded: runs whose ends were written here, since their runners could not.
    """

    def __init__(self) -> None:
        self.concluded: list[RunFolder] = []

    async def conclude(
        self, runs: Sequence[RunFolder], status: str, error: EngineError | None
    ) -> list[RunState]:
        """See ``RunFolders``."""
        states = []
        for run in runs:
            before = await asyncio.to_thread(run.state)
            state = await asyncio.to_thread(runcontrol.conclude, str(run.path), status, error)
            if not before.final and runcontrol.is_final(state) and status != "cancelled":
                self.concluded.append(run)
            states.append(await asyncio.to_thread(run.state_of, state))
        return states

    async def mark_cancelled(self, runs: Sequence[RunFolder]) -> None:
        """See ``RunFolders``."""
        for run in runs:
            await asyncio.to_thread(scheduled.mark_cancelled, str(run.path))


@dataclass(frozen=True)
class SlurmHost:
    """A host with Slurm.

    Attributes:
        name: in hosts.toml.
        runner: runs commands there.
        settings: how jobs are sent.
        setup: the user's shell lines before a build.
        environment: variables of a build.
        folders: what is done to the folders that jobs work in.
        container: the image in which jobs build; None for none.
    """

    name: str
    runner: Runner
    settings: SlurmEntry
    setup: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    folders: RunFolders = field(default_factory=OwnFolders)
    container: Container | None = None
