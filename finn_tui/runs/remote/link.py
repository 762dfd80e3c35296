"""What runs ask of a host over an open connection: jobs of the engine's archive, and files."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.text import clean
from finn_tui.engine.archive import engine_archive
from finn_tui.engine.server.runs.remote import MARK
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.remote_files import RemoteFiles
from finn_tui.hosts.transport import Transport

#: Opens the connection to a host by its name in hosts.toml.
Connect = Callable[[str], AbstractAsyncContextManager["Link"]]

#: A Python on a slow network disk takes seconds to start.
JOB_SECONDS = 60.0
#: Lists, starts and cancels wait for processes; unpacking is as slow as the disk.
LONG_SECONDS = 600.0


def is_refusal(error: FinnTuiError) -> bool:
    """Return whether a host, or its Slurm, has answered: asking again has the same answer.

    Args:
        error: what asking for something has ended with.
    """
    return error.kind not in (ErrorKind.HOST, ErrorKind.TIMEOUT)


class Link:
    """A host that is reached.

    Attributes:
        host: as hosts.toml describes it.
        transport: the connection.
        judges: whether jobs there see the processes of builds; otherwise ``verify`` knows more.
    """

    judges = True

    def __init__(self, host: Host, transport: Transport) -> None:
        self.host = host
        self.transport = transport
        self._archive: str | None = None
        self._files: RemoteFiles | None = None
        self._sending = asyncio.Lock()

    @property
    def name(self) -> str:
        """What the user calls the host."""
        return self.host.name

    async def files(self) -> RemoteFiles:
        """The files below the host's folder for finn-tui, which is made if it is missing."""
        if self._files is None:
            with self.transport.translated():
                self._files = await self.transport.files(self.host.folder)
        return self._files

    async def ask(
        self, job: str, *, seconds: float = JOB_SECONDS, build: bool = False, **request: Any
    ) -> dict[str, Any]:
        """Have the engine's archive do a job on the host.

        Args:
            job: one of ``engine/server/runs/remote.py``.
            seconds: that it may take.
            build: with the host's setup lines and variables, as a build has them.
            request: what the job is asked.

        Returns:
            The job's answer.

        Raises:
            FinnTuiError: the job's own error, the line broke, or the host's Python does not start.
        """
        self._check_engine()
        command = [*self.host.engine, await self.archive(), job]
        if build:
            command = self.as_build(command)
        status, out, err = await self.transport.run(
            *command, timeout=seconds, stdin=json.dumps(request).encode()
        )
        return self._parse(job, status, out, err)

    def _check_engine(self) -> None:
        if not self.host.engine:
            raise FinnTuiError(
                f"hosts.toml does not say how FINN is started on {self.name}",
                "The host has no `engine`.",
                f'Set engine = ["PYTHON"] in [{self.name}] of hosts.toml: a Python there '
                "that has FINN.",
                kind="input",
            )

    async def start(self, folder: str, parallel: int, resume: str = "") -> dict[str, Any]:
        """Start the runner of a queued run, which goes on by itself; once is enough.

        Args:
            folder: the run folder there.
            parallel: how many builds run at once there.
            resume: the step to go on at, if the run has ended.

        Returns:
            ``state`` of the run, and ``notes`` for the user.

        Raises:
            FinnTuiError: it does not start, or the line broke.
        """
        return await self.ask(
            "start",
            seconds=LONG_SECONDS,
            build=True,
            folder=folder,
            parallel=parallel,
            resume=resume,
        )

    async def cancel(self, folder: str) -> dict[str, Any]:
        """End a run with all its tools; returns its ``state``. Raises ``FinnTuiError``."""
        return await self.ask("cancel", seconds=LONG_SECONDS, folder=folder)

    async def verify(self, folder: str, state: Mapping[str, Any], at: float) -> None:
        """Judge a run that the jobs there cannot judge; see ``judges``.

        Args:
            folder: the run folder there.
            state: its state.json.
            at (s since the epoch): when it was read, by the host's clock.

        Raises:
            FinnTuiError: who knows does not answer.
        """

    async def run_build(self, *command: str, seconds: float) -> tuple[int, bytes, bytes]:
        """Run a command where and as a build of the host works, and wait for its end.

        Args:
            command: program and arguments.
            seconds: that it may take.

        Returns:
            exit status, standard output and standard error.

        Raises:
            FinnTuiError: the line broke, or it took too long.
        """
        return await self.transport.run(*self.as_build(command), timeout=seconds)

    def as_build(self, command: Sequence[str]) -> list[str]:
        """A command with the host's setup lines and variables, as a build has them."""
        command = ["env", *(f"{name}={value}" for name, value in self.host.env.items()), *command]
        if self.host.setup:
            # The user's own words, in the shell that AMD's settings files are written for.
            script = f'{self.host.setup}\nexec "$@"'
            command = ["bash", "-c", script, "finn-tui", *command]
        return command

    def _parse(self, job: str, status: int, out: bytes, err: bytes) -> dict[str, Any]:
        mark = MARK.encode()
        lines = [line for line in out.splitlines() if line.startswith(mark)]
        try:
            answer = json.loads(lines[-1][len(mark) :]) if lines else None
        except (ValueError, RecursionError):
            answer = None
        error = answer.get("error") if isinstance(answer, dict) else None
        if isinstance(error, dict):
            failure = FinnTuiError.from_dict(error)
            failure.what = f"{self.name}: {clean(failure.what)}"
            raise failure
        result = answer.get("result") if isinstance(answer, dict) else None
        if not isinstance(result, dict):
            if self.transport.is_closed:
                raise FinnTuiError(
                    f"the line to {self.name} broke",
                    f"It was lost while the host did {job}.",
                    "What runs there goes on; it is asked again when the host can be reached.",
                    kind="host",
                )
            said = clean((err or out).decode("utf-8", "replace").strip())[-500:]
            raise FinnTuiError(
                f"{self.name} does not answer to {job}",
                said or f"Its command ended with status {status} and printed nothing.",
                f"Check the host's engine in hosts.toml ({' '.join(self.host.engine)}): "
                f"`finn-tui hosts test {self.name}`.",
                kind="host",
            )
        return result

    async def archive(self) -> str:
        """Where the engine's archive lies on the host; sent once for each of its versions."""
        async with self._sending:
            if self._archive is None:
                local = await asyncio.to_thread(engine_archive)
                with self.transport.translated():
                    self._archive = await _ensure(await self.files(), local)
        return self._archive


async def _ensure(remote: RemoteFiles, local: Path) -> str:
    folder = f"{remote.base}/cache"
    target = f"{folder}/{local.name}"
    if await remote.size(target):
        return target  # under this name only once it was checked
    content = await asyncio.to_thread(local.read_bytes)
    import hashlib

    digest = hashlib.sha256(content).hexdigest()
    await remote.make_folder(folder)
    part = f"{target}.{secrets.token_hex(4)}.part"
    await remote.write(part, content)
    if await remote.sha256([part]) != [digest]:
        await remote.remove(part)
        raise FinnTuiError(
            "the engine's code has not arrived as it was sent",
            "Its hash on the host is another one.",
            "Check the host's disk (`df -h`) and run the same command again.",
            kind="host",
        )
    await remote.rename(part, target)
    return target
