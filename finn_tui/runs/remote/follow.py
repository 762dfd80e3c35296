"""Following the runs of a workspace that work on hosts.

One connection a host, one question a tick for all of its runs; a host that does not answer is asked
less and less often, and each run says since when and why. What the user has asked for while the
line was broken, and what was being sent, is taken up again.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import runcontrol, runfiles
from finn_tui.hosts.remote_files import together
from finn_tui.runs import scheduled
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.placement import (
    CANCEL,
    Placement,
    Stage,
    change_placement,
    is_placed,
    read_placement,
)
from finn_tui.runs.remote import control, jobs, mirror_folder, send
from finn_tui.runs.remote.beside import Beside
from finn_tui.runs.remote.link import LONG_SECONDS, Connect, Link
from finn_tui.runs.remote.listing import HostAnswer
from finn_tui.runs.remote.mirror import Mirror
from finn_tui.runs.remote.mirror_folder import Busy
from finn_tui.runs.remote.undone import (
    FIRST_RETRY_SECONDS,
    MOST_RETRY_SECONDS,
    UndoneWork,
    problem_of,
)

#: Seconds between questions.
TICK_SECONDS = 2.0
#: Runs that are asked for in one question.
_AT_ONCE = 100
#: Documents are not written at every tick for the time of the last contact alone.
CONTACT_SECONDS = 10.0
#: A folder that is not there may be one that a network disk does not show yet.
MISSING_SECONDS = 60.0
#: Files that may not be read there, of which a run says the names.
_MOST_NAMED = 3
#: A host with less on its disk than this is told of.
LOW_BYTES = 200 * 1000 * 1000

OnChange = Callable[[RunFolder, Placement], None]


def placed_runs(runs: Sequence[RunFolder]) -> dict[str, list[RunFolder]]:
    """Runs of which something is still to be asked, by their hosts."""
    by_host: dict[str, list[RunFolder]] = {}
    for run in runs:
        if not is_placed(run.path):
            continue
        try:
            placement = read_placement(run.path)
        except FinnTuiError:
            continue
        if placement is None or placement.settled:
            continue
        if placement.is_mirrored:
            by_host.setdefault(placement.host, []).append(run)
    return by_host


class Follower:
    """Keeps the mirrors of unfinished runs true, until it is cancelled."""

    def __init__(
        self,
        runs: Callable[[], Sequence[RunFolder]],
        connect: Connect,
        *,
        on_change: OnChange = lambda run, placement: None,
        tick: float = TICK_SECONDS,
    ) -> None:
        """Follow runs on hosts.

        Args:
            runs: gives those to look after; asked again and again, since new ones come up.
            connect: opens the connection to a host.
            on_change: told of a run whose placement or state was looked at.
            tick (s): between questions.
        """
        self._runs = runs
        self._connect = connect
        self._on_change = on_change
        self._tick = tick
        self._mirrors: dict[RunFolder, Mirror] = {}
        self._missing: dict[RunFolder, float] = {}
        self._late: dict[RunFolder, float] = {}
        self._answered: dict[RunFolder, float] = {}
        self._at_work: set[str] = set()
        self._undone = UndoneWork()

    @property
    def read(self) -> int:
        """Bytes of files that were read from hosts."""
        return sum(one.read for one in self._mirrors.values())

    def ended(self) -> list[RunFolder]:
        """Runs that have ended on their hosts, whose last files are still to be fetched."""
        return [run for run, copy in self._mirrors.items() if copy.asks_all]

    async def for_ever(self) -> None:
        """Follow all runs that there are and will be."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                for host in await asyncio.to_thread(self._unfinished):
                    if host not in self._at_work:
                        self._at_work.add(host)
                        tasks.create_task(self._follow_host(host))
                await asyncio.sleep(self._tick)

    def _unfinished(self) -> dict[str, list[RunFolder]]:
        return placed_runs(self._runs())

    async def _unfinished_on(self, host: str) -> list[RunFolder]:
        return (await asyncio.to_thread(self._unfinished)).get(host, [])

    async def _follow_host(self, host: str) -> None:
        """Ask one host until none of its runs is unfinished."""
        wait = FIRST_RETRY_SECONDS
        try:
            while runs := await self._unfinished_on(host):
                try:
                    # An upload takes long, and a Slurm may hang: neither keeps the runs there from
                    # being seen.
                    async with (
                        self._connect(host) as link,
                        Beside(partial(self._catch_up, link)) as undone,
                        Beside(partial(jobs.ask_scheduler, link)) as scheduler,
                    ):
                        while runs:
                            await undone.go_on(runs, self._tick)
                            await self._look_at(link, runs)
                            await scheduler.go_on(runs, self._tick)
                            wait = FIRST_RETRY_SECONDS
                            await asyncio.sleep(self._tick)
                            runs = await self._unfinished_on(host)
                except FinnTuiError as error:
                    await asyncio.to_thread(self._tell, runs, error)
                    await asyncio.sleep(wait)
                    wait = min(2 * wait, MOST_RETRY_SECONDS)
        finally:
            self._at_work.discard(host)

    def _tell(self, runs: Sequence[RunFolder], error: FinnTuiError) -> None:
        for run in runs:
            # The disk here may be full: then nothing can be said, and the next look may.
            with contextlib.suppress(FinnTuiError, OSError):
                self._note(run, problem=problem_of(error))

    def _note(self, run: RunFolder, **changes: Any) -> None:
        """Write what has changed; the time of the last contact alone only now and then."""
        placement = read_placement(run.path)
        if placement is None:
            return
        changed = msgspec.structs.replace(placement, **changes)
        idle = msgspec.structs.replace(changed, contact=placement.contact, delay=placement.delay)
        if idle != placement or changed.contact - placement.contact > CONTACT_SECONDS:
            changed = change_placement(run.path, **changes)
        self._on_change(run, changed)

    async def look(self, link: Link, runs: Sequence[RunFolder]) -> None:
        """Ask a host once about runs, and do what is still to be done there.

        Args:
            link: to the host.
            runs: those of that host.

        Raises:
            FinnTuiError: the host does not answer, or the line broke.
        """
        await self._catch_up(link, runs)
        await together([self._look_at(link, runs), jobs.ask_scheduler(link, runs)])

    async def _look_at(self, link: Link, runs: Sequence[RunFolder]) -> None:
        """Ask a host once about the runs that are there."""
        asked: dict[str, RunFolder] = {}
        for run in runs:
            placement = await asyncio.to_thread(read_placement, run.path)
            if placement is None:
                continue
            if not placement.on_its_way:
                asked[placement.folder] = run
            elif not placement.settled:
                facts = {"contact": time.time(), "problem": self._undone.problem(run)}
                await asyncio.to_thread(partial(self._note, run, **facts))
        folders = sorted(asked, key=lambda folder: self._answered.get(asked[folder], 0.0))
        for start in range(0, len(folders), _AT_ONCE):
            await self._ask(link, {one: asked[one] for one in folders[start : start + _AT_ONCE]})

    async def _catch_up(self, link: Link, runs: Sequence[RunFolder]) -> None:
        """Do what a broken line has left undone; each run says why it was not."""
        due = [run for run in runs if self._undone.is_due(run)]
        if undone := await asyncio.to_thread(jobs.undone, due):
            problems = await jobs.catch_up(link, undone)
            for run in undone:
                await self._attempted(run, problems.get(run))
        for run in due:
            placement = await asyncio.to_thread(read_placement, run.path)
            if placement is None or placement.job_name:
                continue  # all of a job at once, see above
            try:
                if placement.wanted == CANCEL:
                    await control.cancel(run, link)
                elif placement.stage is Stage.SENDING:
                    with link.transport.translated(), mirror_folder.held(run):
                        await send.send(run, link)
                else:
                    continue
            except Busy:
                continue
            except FinnTuiError as error:
                if link.transport.is_closed:
                    raise
                await self._attempted(run, error)
            else:
                await self._attempted(run, None)

    async def _attempted(self, run: RunFolder, problem: FinnTuiError | None) -> None:
        self._undone.attempted(run, problem)
        if problem is not None:
            await asyncio.to_thread(self._tell, [run], problem)

    async def _ask(self, link: Link, asked: dict[str, RunFolder]) -> None:
        questions = []
        for folder, run in asked.items():
            copy = self._mirrors.setdefault(run, Mirror(run))
            placement = await asyncio.to_thread(read_placement, run.path)
            since = await asyncio.to_thread(copy.since)
            judge = link.judges and placement is not None and not placement.job_name
            questions.append({"folder": folder, "since": since, "judge": judge})
        before = time.time()
        answer = await link.ask("listing", seconds=LONG_SECONDS, runs=questions)
        after = time.time()
        try:
            at = float(answer["time"])
            answers = msgspec.convert(answer["runs"], list[HostAnswer])
        except (KeyError, TypeError, ValueError) as error:
            raise FinnTuiError(
                f"{link.name} gave an answer that is none", str(error)[:300], "", kind="host"
            ) from error
        whole = {one["folder"] for one in questions if one["since"] is None}
        for one in answers:
            if (asked_run := asked.get(one.folder)) is None:
                continue
            self._answered[asked_run] = after
            contact = {"contact": after, "delay": round(after - before, 3)}
            try:
                shift = await asyncio.to_thread(_shift, asked_run, before, at, after)
                if one.state is not None:
                    await link.verify(one.folder, one.state, at)
                await self._take(
                    asked_run, link, one, one.folder in whole, contact | {"clock_shift": shift}
                )
            except Busy:
                continue
            except FinnTuiError as error:
                if link.transport.is_closed:
                    raise
                note = partial(self._note, asked_run, **contact, problem=problem_of(error))
                await asyncio.to_thread(note)

    async def _take(
        self, run: RunFolder, link: Link, answer: HostAnswer, asked_all: bool, facts: dict[str, Any]
    ) -> None:
        """Bring a mirror up to what the host has said."""
        if answer.missing:
            if await asyncio.to_thread(_is_on_its_way, run):
                return
            await asyncio.to_thread(self._miss, run, link, facts)
            return
        self._missing.pop(run, None)
        if answer.error:
            raise FinnTuiError(
                f"{link.name} cannot read the run's folder",
                answer.error,
                "Its disk may be slow or stuck; it is asked again.",
                kind="host",
            )
        placement = await asyncio.to_thread(read_placement, run.path)
        if placement is None:
            return
        complete = True
        if not placement.shared:
            remote = await link.files()
            with link.transport.translated():
                complete = await self._mirrors[run].update(
                    remote,
                    placement.folder,
                    answer,
                    asked_all=asked_all,
                    shift=facts["clock_shift"],
                )
            if asked_all:
                unreadable = sorted(self._mirrors[run].unreadable)[:_MOST_NAMED]
                facts = {**facts, "unreadable": tuple(unreadable)}
        final = answer.state is not None and runcontrol.is_final(answer.state)
        problem = self._undone.problem(run)
        late = final and asked_all and self._waits_for_results(run, answer)
        if final and complete and asked_all and not late:
            facts, problem = {**facts, "stage": Stage.SETTLED}, None
            await asyncio.to_thread(
                shutil.rmtree, run.path / mirror_folder.PARTS, ignore_errors=True
            )
        elif answer.free is not None and answer.free < LOW_BYTES and not final:
            full = send.disk_full(link.name, placement.folder, answer.free, LOW_BYTES)
            problem = problem_of(full)
        if final and (late or not asked_all):
            self._mirrors[run].ask_all()
        await asyncio.to_thread(partial(self._note, run, **facts, problem=problem))

    def _waits_for_results(self, run: RunFolder, answer: HostAnswer) -> bool:
        """Whether a build has succeeded whose results a network folder does not show yet."""
        if run.request.is_training or (answer.state or {}).get("state") != "succeeded":
            return False
        if any(one.path == runfiles.RESULTS for one in answer.files):
            self._late.pop(run, None)
            return False
        since = self._late.setdefault(run, time.monotonic())
        return time.monotonic() - since < MISSING_SECONDS

    def _miss(self, run: RunFolder, link: Link, facts: dict[str, Any]) -> None:
        since = self._missing.setdefault(run, time.monotonic())
        error = FinnTuiError(
            f"the run's folder is not on {link.name} any more",
            "Somebody has removed it, or its disk is not there.",
            "What was fetched before stays; `finn-tui runs retry` builds anew.",
            kind="lost",
        )
        if time.monotonic() - since < MISSING_SECONDS:
            self._note(run, **facts, problem=problem_of(error))
            return
        state = run.state()
        if not state.final:
            lost = EngineError(error.what, error.why, error.fix, kind="lost")
            runcontrol.end_state(str(run.path), state.as_dict(), "lost", lost)
        self._note(run, **facts, stage=Stage.SETTLED, problem=None)


def _is_on_its_way(run: RunFolder) -> bool:
    """Whether a job's folder is being sent, so that it may not be there yet."""
    placement = read_placement(run.path)
    name = placement.job_name if placement is not None else ""
    return bool(name) and scheduled.is_being_sent(run.path.parent, name)


def _shift(run: RunFolder, before: float, at: float, after: float) -> float:
    """The host's clock minus ours, 0 as far as the two agree; kept as long as it can be true."""
    placement = read_placement(run.path)
    least, most = at - after, at - before
    known = placement.clock_shift if placement is not None else 0.0
    if least <= 0 <= most:
        return 0.0
    if known and least <= known <= most:
        return known
    return round((least + most) / 2, 1)
