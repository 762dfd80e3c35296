"""Containers of an image that outlive the command that starts them, each known by its label.

A name may be taken and a number forgotten: a container is ended or removed only if its label names
the folder that it was started for.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.text import clean
from finn_tui.hosts.container import Container
from finn_tui.hosts.container_transport import (
    image_options,
    run_named,
    runtime_failed,
    runtime_of,
)
from finn_tui.hosts.transport import Transport

#: On each container of a run: the run's folder where it works.
LABEL = "finn-tui.run"
_RUN_SECONDS = 300.0
#: An image is loaded, and a process ended, in this time; beyond it the daemon is stuck.
_STOP_SECONDS = 30
_MOST_WORDS = 4000
#: Exit status of ``run`` where the runtime itself has failed.
NOT_RUN = 125


@dataclass(frozen=True)
class Detached:
    """A container that was started for a run.

    Attributes:
        id: which the runtime gave it, its whole length.
        running: whether it runs.
        exit_code: of what it was started for; meaningless while it runs.
        out_of_memory: whether the kernel ended it for lack of memory.
        error: what the runtime says of its end or of why it did not start; mostly empty.
    """

    id: str
    running: bool
    exit_code: int = 0
    out_of_memory: bool = False
    error: str = ""


class ImageContainers:
    """Starts containers of one image on a machine, and knows those of its runs.

    Attributes:
        machine: where they run.
        container: the image, its mounts, variables and options.
        runtime: docker or podman there.
    """

    def __init__(self, machine: Transport, container: Container, runtime: str) -> None:
        self.machine = machine
        self.container = container
        self.runtime = runtime

    @classmethod
    async def of(cls, machine: Transport, container: Container) -> ImageContainers:
        """Those of a machine that is reached. Raises ``FinnTuiError`` where it has no runtime."""
        return cls(machine, container, await runtime_of(machine, container))

    def options(self, mounts: Sequence[str], *, entry_point: bool = True) -> tuple[str, ...]:
        """Options of ``run`` for any container of the image.

        Args:
            mounts: folders that it sees at their own paths, beside those of hosts.toml.
            entry_point: whether the image's entry point runs before the command.
        """
        options = image_options(self.container, mounts)
        return options if entry_point else (*options, "--entrypoint", "")

    async def run(
        self,
        *command: str,
        mounts: Sequence[str],
        entry_point: bool = True,
        seconds: float = _RUN_SECONDS,
        stdin: bytes = b"",
    ) -> tuple[int, bytes, bytes]:
        """Run a command in a container of its own, which is removed at its end.

        Args:
            command: program and arguments.
            mounts: see ``options``.
            entry_point: see ``options``.
            seconds: that it may take.
            stdin: what it reads.

        Returns:
            exit status, standard output and standard error.

        Raises:
            FinnTuiError: the line broke, or it took too long; the container is removed.
        """
        name = f"finn-tui-job-{secrets.token_hex(8)}"
        options = self.options(mounts, entry_point=entry_point)
        line = (self.runtime, "run", "--rm", "-i", "--name", name, *options, self.container.image)
        return await run_named(self.machine, name, *line, *command, timeout=seconds, stdin=stdin)

    async def start(self, name: str, folder: str, *command: str, mounts: Sequence[str]) -> Detached:
        """Start a container that goes on by itself; one of the folder that runs is taken.

        Args:
            name: of the container, for people.
            folder: of the run, for its label.
            command: program and arguments.
            mounts: see ``options``.

        Raises:
            FinnTuiError: it does not start (kind "engine").
        """
        for known in await self.find(folder):
            if known.running:
                return known
            await self.remove(known, folder)
        line = (self.runtime, "run", "-d", "--name", name, "--label", f"{LABEL}={folder}")
        image = self.container.image
        status, out, err = await self.machine.run(
            *line, *self.options(mounts), image, *command, timeout=_RUN_SECONDS
        )
        id = out.decode("ascii", "replace").strip().rpartition("\n")[2]
        if status == 0 and id.isalnum():
            return Detached(id, running=True)
        for known in await self.find(folder):
            await self.remove(known, folder)
        raise self.not_started(err)

    def not_started(self, said: bytes) -> FinnTuiError:
        """The error for a container that the runtime does not start, by what it said."""
        lines = clean(said.decode("utf-8", "replace")).strip().splitlines()
        # It also points to its own help.
        text = " ".join(line.strip() for line in lines if line.strip() and "--help" not in line)
        return FinnTuiError(
            f"no container of the {self.container.title} starts on {self.machine.machine.name}",
            text[-500:] or f"{self.runtime} does not say why.",
            "Check image, mounts and options in hosts.toml.",
            kind="engine",
        )

    async def find(self, folder: str) -> list[Detached]:
        """The containers that were started for a run folder, those that have ended among them.

        Raises:
            FinnTuiError: the runtime does not answer (kind "host").
        """
        status, out, err = await self.machine.run(
            *(self.runtime, "ps", "-aq", "--no-trunc", "--filter", f"label={LABEL}={folder}")
        )
        if status != 0:
            raise self._failed(err.decode("utf-8", "replace"))
        known = [await self._inspect(id, folder) for id in out.decode("ascii", "replace").split()]
        return [one for one in known if one is not None]

    async def _inspect(self, id: str, folder: str) -> Detached | None:
        """What the runtime says of a container; None unless it is there and the folder's."""
        status, out, err = await self.machine.run(*(self.runtime, "container", "inspect", "--", id))
        if status != 0:
            text = err.decode("utf-8", "replace")
            if "no such container" in text.lower():
                return None
            raise self._failed(text)
        try:
            document = json.loads(out)[0]
            state: dict[str, Any] = document["State"]
            if document["Config"]["Labels"].get(LABEL) != folder:
                return None
            return Detached(
                str(document["Id"]),
                running=bool(state["Running"]),
                exit_code=int(state.get("ExitCode") or 0),
                out_of_memory=bool(state.get("OOMKilled")),
                error=clean(str(state.get("Error") or ""))[:500],
            )
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._failed(f"its answer: {error}") from error

    async def stop(self, known: Detached, folder: str) -> None:
        """Ask what runs in a container to end, and end it after a while.

        Raises:
            FinnTuiError: the runtime does not do it (kind "host").
        """
        await self._change(known, folder, "stop", "-t", str(_STOP_SECONDS))

    async def remove(self, known: Detached, folder: str) -> None:
        """Remove a container; what still runs in it is killed.

        Raises:
            FinnTuiError: the runtime does not do it (kind "host").
        """
        await self._change(known, folder, "rm", "-f")

    async def _change(self, known: Detached, folder: str, *command: str) -> None:
        if await self._inspect(known.id, folder) is None:
            return
        status, _, err = await self.machine.run(
            self.runtime, *command, known.id, timeout=_STOP_SECONDS + 60.0
        )
        text = err.decode("utf-8", "replace")
        gone = ("no such container", "already in progress")
        if status != 0 and not any(word in text.lower() for word in gone):
            raise self._failed(text)

    def _failed(self, why: str) -> FinnTuiError:
        """The error for a runtime that does not answer: it may later, as after its restart."""
        error = runtime_failed(self.machine, self.runtime, why.strip())
        error.kind = ErrorKind.HOST
        return error

    async def last_words(self, known: Detached) -> str:
        """What a container has printed last, its entry point for instance; empty for nothing."""
        status, out, err = await self.machine.run(*(self.runtime, "logs", "--tail", "40", known.id))
        if status != 0:
            return ""
        return clean((out + err).decode("utf-8", "replace").strip())[-_MOST_WORDS:]
