"""A host whose builds each run in a container of an image, started for the build.

The container goes on by itself: it is found again by its label, which names the run's folder, and
its own runtime says whether it runs. What only looks at files works beside it, in a Python of the
machine; what changes them works in a container of its own, as the same user as the build.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import time
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.server.runs import runcontrol, runfiles
from finn_tui.engine.server.runs.runprocesses import valid_heartbeat
from finn_tui.engine.server.runs.scheduled import SUPERVISED
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.detached import NOT_RUN, Detached, ImageContainers
from finn_tui.hosts.transport import Transport
from finn_tui.runs.remote.link import JOB_SECONDS, LONG_SECONDS, Link

#: FINN's entry point installs packages before the runner begins.
START_SECONDS = 600.0
_POLL_SECONDS = 0.3
#: A runner that was heard of within this time needs no other proof; see ``HEARTBEAT_SECONDS``.
SILENT_SECONDS = 20.0
#: Somebody may be starting its container.
_UNSTARTED_SECONDS = 120.0
_MOST_STATE = 1 << 20
#: What works beside the container: it leaves the build's own files alone.
_ON_MACHINE = ("listing", "receive", "mark_cancelled")
_NO_PYTHON = 97
#: One start of Python both asks for its version and runs the archive.
_RUN = (
    f"import runpy, sys; sys.version_info < (3, 8) and sys.exit({_NO_PYTHON}); del sys.argv[0]; "
    'runpy.run_path(sys.argv[0], run_name="__main__")'
)


def any_python(*first: str) -> str:
    """A script of the shell that runs its arguments by a Python which the archive's jobs work in.

    Args:
        first: Pythons to try before those of the PATH.
    """
    versions = [f"python3.{minor}" for minor in range(14, 7, -1)]
    return f"""
for python in {shlex.join([*first, "python3", *versions, "python"])}; do
    command -v "$python" >/dev/null || continue
    "$python" -c '{_RUN}' "$@"
    status=$?
    [ "$status" = {_NO_PYTHON} ] || exit "$status"
done
exit {_NO_PYTHON}
"""


class MachineLink(Link):
    """A host whose own Python does the jobs, since FINN's is in containers that are not there yet.

    Builds are jobs of its Slurm.
    """

    async def ask(
        self, job: str, *, seconds: float = JOB_SECONDS, build: bool = False, **request: Any
    ) -> dict[str, Any]:
        """See ``Link``; ``build`` means nothing here."""
        answer = await self.ask_machine(job, seconds, request)
        if answer is None:
            raise FinnTuiError(
                f"{self.name} has no Python 3.8 or newer",
                "Builds in containers are looked after by one of the machine itself.",
                "Install python3 there.",
                kind="engine",
            )
        return answer

    async def ask_machine(
        self, job: str, seconds: float, request: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Have the machine's Python do a job; None where it has none that could.

        Raises:
            FinnTuiError: see ``Link.ask``.
        """
        status, out, err = await self.transport.run(
            *("sh", "-c", any_python(), "sh", await self.archive(), job),
            timeout=seconds,
            stdin=json.dumps(request).encode(),
        )
        return None if status == _NO_PYTHON else self._parse(job, status, out, err)


class ImageLink(MachineLink):
    """See the module."""

    judges = False

    def __init__(self, host: Host, transport: Transport, containers: ImageContainers) -> None:
        """For a host that is reached, and the containers of its image."""
        super().__init__(host, transport)
        self._containers = containers
        self._has_python = True
        self._removed: set[str] = set()

    async def ask(
        self, job: str, *, seconds: float = JOB_SECONDS, build: bool = False, **request: Any
    ) -> dict[str, Any]:
        """See ``Link``; where ``build`` is set, the image's entry point runs before."""
        self._check_engine()
        if job in _ON_MACHINE and self._has_python:
            answer = await self.ask_machine(job, seconds, request)
            if answer is not None:
                return answer
            self._has_python = False
        base, archive = (await self.files()).base, await self.archive()
        if build:
            command = self.as_build([*self.host.engine, archive, job])
        else:
            own = [word for word in self.host.engine[-1:] if word.startswith("/")]
            command = ["sh", "-c", any_python(*own), "sh", archive, job]
        status, out, err = await self._containers.run(
            *command,
            mounts=(base,),
            entry_point=build,
            seconds=max(seconds, LONG_SECONDS if build else 0.0),
            stdin=json.dumps(request).encode(),
        )
        if status == NOT_RUN:
            raise self._containers.not_started(err)
        return self._parse(job, status, out, err)

    async def run_build(self, *command: str, seconds: float) -> tuple[int, bytes, bytes]:
        """See ``Link``: in a container of its own, behind the image's entry point."""
        base = (await self.files()).base
        return await self._containers.run(
            *self.as_build(command), mounts=(base,), seconds=max(seconds, LONG_SECONDS)
        )

    async def start(self, folder: str, parallel: int, resume: str = "") -> dict[str, Any]:
        """See ``Link``: in a container that is named after the run."""
        known = await self._containers.find(folder)
        running = next((one for one in known if one.running), None)
        if running is not None and not resume:
            return {"state": await self._taken_over(running, folder), "notes": []}
        answer = await self.ask(
            "ready", seconds=LONG_SECONDS, folder=folder, parallel=parallel, resume=resume
        )
        if not answer["untouched"]:
            return answer
        # The run had ended: so has whatever is left in a container of it.
        for one in known:
            await self._containers.remove(one, folder)
        base = (await self.files()).base
        command = ["env", f"{SUPERVISED}=1", *self.host.engine]
        command += [f"{folder}/engine.pyz", "build", folder]
        name = f"finn-tui-{PurePosixPath(folder).name}"
        try:
            started = await self._containers.start(
                name, folder, *self.as_build(command), mounts=(base,)
            )
        except FinnTuiError as error:
            if not self.transport.is_closed:
                await self._conclude(folder, "failed", error)
            raise
        return {"state": await self._taken_over(started, folder), "notes": []}

    async def _taken_over(self, started: Detached, folder: str) -> dict[str, Any]:
        """Wait until the runner in a container has said something; its state.

        Raises:
            FinnTuiError: the container has ended before, or the line broke.
        """
        deadline = time.monotonic() + START_SECONDS
        while True:
            state = await self._state(folder)
            if state is not None and not (state.get("state") == "queued" and not state.get("pid")):
                return state
            known = [one for one in await self._containers.find(folder) if one.id == started.id]
            if not known or not known[0].running or time.monotonic() > deadline:
                # It may have said so and ended between the two looks.
                last = await self._state(folder)
                if last is not None and last.get("state") != "queued":
                    return last
                break
            await asyncio.sleep(_POLL_SECONDS)
        words = await self._containers.last_words(started)
        for one in known:
            await self._containers.remove(one, folder)
        if not known:
            silence = "Its container is gone and said nothing."
        elif known[0].running:
            silence = f"Its container has said nothing for {START_SECONDS:.0f} s."
        else:
            silence = f"Its container ended with code {known[0].exit_code} and said nothing."
        error = FinnTuiError(
            f"the run could not be started in the {self._containers.container.title}",
            words or silence,
            f"Check engine, mounts and options of {self.name} in hosts.toml; the run's folder is "
            "kept.",
            kind="engine",
        )
        await self._conclude(folder, "failed", error)
        raise error

    async def _state(self, folder: str) -> dict[str, Any] | None:
        remote = await self.files()
        with self.transport.translated():
            data = await remote.read(f"{folder}/{runfiles.STATE}", _MOST_STATE)
        try:
            document = json.loads(data or b"")
        except (ValueError, RecursionError):
            return None
        return document if isinstance(document, dict) else None

    async def cancel(self, folder: str) -> dict[str, Any]:
        """See ``Link``: its container is asked to end, then removed."""
        known = await self._containers.find(folder)
        if any(one.running for one in known):
            await self.ask("mark_cancelled", folders=[folder])
        for one in known:
            if one.running:
                await self._containers.stop(one, folder)
        # Its runner has said so itself, unless it could not.
        answer = await self._conclude(folder, "cancelled", None)
        for one in known:
            await self._containers.remove(one, folder)
        return answer

    async def verify(self, folder: str, state: Mapping[str, Any], at: float) -> None:
        """See ``Link``: ask the runtime about the container of a silent run; remove ended ones."""
        if runcontrol.is_final(state):
            if folder not in self._removed:
                for one in await self._containers.find(folder):
                    if one.running:
                        await self._containers.stop(one, folder)
                    await self._containers.remove(one, folder)
                self._removed.add(folder)
            return
        self._removed.discard(folder)
        patience = SILENT_SECONDS if state.get("pid") else _UNSTARTED_SECONDS
        if at - valid_heartbeat(state.get("heartbeat")) < patience:
            return
        known = await self._containers.find(folder)
        if not any(one.running for one in known):
            await self._conclude(folder, "lost", self._how_it_ended(known, state))

    def _how_it_ended(self, known: list[Detached], state: Mapping[str, Any]) -> FinnTuiError:
        where = f"in {state['step']}" if state.get("step") else "before its first step"
        heard = f"The build was last heard of {where}."
        runtime = f"{self._containers.runtime} on {self.name}"
        again = "`finn-tui runs resume` goes on where its steps got to, `runs retry` builds anew."
        if not known:
            what = "the container of the build is gone"
            why = f"{runtime} has none for it: it was removed from outside. {heard}"
        elif known[0].out_of_memory:
            what = "the container of the build was ended for lack of memory"
            why = f"{heard}"
            again += " Give it more memory (`--memory` among its options), or fewer workers."
        else:
            one = known[0]
            said = f" ({one.error})" if one.error else ""
            what = "the container of the build was ended from outside"
            why = (
                f"{runtime} says that it ended with code {one.exit_code}{said}; a restart of its "
                f"daemon or of the machine does that. {heard}"
            )
        return FinnTuiError(what, why, again, kind="lost")

    async def _conclude(
        self, folder: str, status: str, error: FinnTuiError | None
    ) -> dict[str, Any]:
        return await self.ask(
            "conclude",
            seconds=LONG_SECONDS,
            folder=folder,
            state=status,
            error=error.as_dict() if error is not None else None,
        )
