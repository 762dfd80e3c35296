"""A real Slurm, and runs that it builds with a builder that needs no FINN."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from finn_tui.engine.catalogue import EngineSpec
from finn_tui.hosts.catalogue import SlurmEntry
from finn_tui.runs.folder import RunFolder, RunState
from finn_tui.runs.launch import launch
from finn_tui.runs.launch.launch import BuildRequest
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.slurm import follow
from finn_tui.runs.slurm.host import SlurmHost
from finn_tui.runs.slurm.submit import place, send
from tests.hosts.slurm_fixtures import cluster, started_cluster
from tests.runs.conftest import FOLDING, STEPS, Begin
from tests.waiting import PATIENCE

__all__ = ["cluster", "started_cluster"]


#: What squeue prints where no job is.
EMPTY_QUEUE = "\x1f".join(["HEADING"] * 10).encode() + b"\n"


@dataclass
class LocalCommands:
    """Runs commands on this machine and keeps what was asked.

    Attributes:
        asked: the programs of Slurm that were started, in their order.
    """

    asked: list[str] = field(default_factory=list)

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """Run a command to its end."""
        self.asked.append(next(word for word in command if word != "env" and "=" not in word))
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await asyncio.wait_for(process.communicate(stdin), timeout)
        assert process.returncode is not None
        return process.returncode, out, error


@pytest.fixture
def commands() -> LocalCommands:
    """What runs Slurm's commands."""
    return LocalCommands()


@pytest.fixture
def host(commands: LocalCommands) -> SlurmHost:
    """This machine with Slurm."""
    return SlurmHost("cluster", commands, SlurmEntry(cpus=1))


Submit = Callable[..., Awaitable[list[RunFolder]]]


@pytest.fixture
def submit(tmp_path: Path, begin: Begin) -> Submit:
    """Send runs whose builder does what the plans say: ``await submit(host, {"seconds": 1})``."""

    async def submit(host: SlurmHost, *plans: dict[str, object]) -> list[RunFolder]:
        runs = queued(tmp_path, plans)
        place(host.name, runs)
        await send(host, runs, (sys.executable,))
        return runs

    return submit


def queued(folder: Path, plans: Sequence[dict[str, object]]) -> list[RunFolder]:
    """Make queued runs that nothing works on."""
    return [launch.queued_build(request, folder / "runs") for request in requests(folder, plans)]


def requests(folder: Path, plans: Sequence[dict[str, object]]) -> list[BuildRequest]:
    """What to build, by a builder that does what the plans say."""
    made = []
    for number, plan in enumerate(plans):
        model = folder / f"model{number}"
        model.mkdir(exist_ok=True)
        (model / "dataflow.onnx").write_text(json.dumps({"steps": STEPS, **plan}))
        request = BuildRequest(
            model="net",
            graph=model / "dataflow.onnx",
            folder=model,
            folding=FOLDING,
            folding_name=f"folding{number}",
            board="Pynq-Z2",
            part="xc7z020clg400-1",
            clock_ns=10.0,
            engine=EngineSpec("here", (sys.executable,)),
            rehearse=1.0,
        )
        made.append(request)
    return made


async def watch(
    host: SlurmHost, runs: Sequence[RunFolder], wanted: str, seconds: float = PATIENCE
) -> list[RunState]:
    """Follow runs until all of them are in a state."""
    states: list[RunState] = []
    try:
        async with asyncio.timeout(seconds):
            while True:
                await follow.refresh(host, runs[0].path.parent, runs, tick=0.2)
                states = [reconcile(run) for run in runs]
                if all(state.state == wanted for state in states):
                    return states
                for state in states:
                    assert not state.final or state.state == wanted, state
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"not {wanted} in {seconds} s: {states}\n{_nodes()}")


def _nodes() -> str:
    done = subprocess.run(["scontrol", "show", "nodes"], capture_output=True, text=True)
    return done.stdout
