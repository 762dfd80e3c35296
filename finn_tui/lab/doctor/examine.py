"""Asking machines for facts and judging them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base import paths, subprocesses
from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.base.text import one_line
from finn_tui.engine import catalogue
from finn_tui.engine.archive import engine_archive
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.lab.doctor import facts, judge
from finn_tui.lab.doctor.check import Report
from finn_tui.lab.doctor.context import BOARDS, Context, EngineState, Reach
from finn_tui.lab.doctor.facts import Facts

if TYPE_CHECKING:
    from finn_tui.hosts.catalogue import Host
    from finn_tui.hosts.machine import Machine
    from finn_tui.lab.workspace import Workspace
    from finn_tui.runs.remote.link import Link

#: s that a machine has for all facts; its own limit is 75 s.
_SECONDS = 100.0
_ENGINE_PARTS = ("finn", "python")
_MOST_OUTPUT = 4 << 20


def own_file() -> Path:
    """finn-tui's file of variables, which the user's shell can read."""
    return paths.config_dir() / "environment.sh"


async def examine(
    workspace: Workspace, on_progress: OnProgress = ignore, *, connect: bool = False
) -> Report:
    """Examine this machine for a workspace.

    Args:
        workspace: its board and engine are what the machine is judged for.
        on_progress: called with what is done.
        connect: try named hosts and boards, by one connection each and without a login.

    Raises:
        FinnTuiError: this Python did not answer, or neither cache nor temporary folder can be
            written.
    """
    on_progress(Progress("doctor", "examining this machine"))
    known, broken = await asyncio.to_thread(catalogue.load_engines)
    settings = workspace.settings
    used = next((each for each in known if each.name == (settings.engine or each.name)), None)
    with contextlib.ExitStack() as until_asked:
        archive, cache_problem = await asyncio.to_thread(_archive, until_asked)
        machine, of_engine = await asyncio.gather(
            _ask([sys.executable], archive), _ask_engine(used, archive)
        )
    own = {name: board.part for name, board in settings.boards.items()}
    context_here = Context(
        board=settings.board,
        boards={**_boards(used), **own},
        engines=tuple(engine_states(known, broken, settings.engine)),
        finn=of_engine.finn if of_engine else None,
        # One on a host or in a container was not asked.
        engine_python=used.command[-1] if used and of_engine else "",
        now=time.time(),
        own_file=str(own_file()),
        workspace=workspace.root,
        hosts=await named_hosts(connect),
        other_boards=await _other_boards(connect),
        cache_problem=cache_problem,
    )
    return judge.judge(machine, context_here)


def _archive(until_asked: contextlib.ExitStack) -> tuple[Path, FinnTuiError | None]:
    """The engine's archive; if the cache cannot be written, a temporary one, and why not.

    Args:
        until_asked: removes the temporary one.
    """
    try:
        return engine_archive(), None
    except FinnTuiError as error:
        try:
            folder = until_asked.enter_context(tempfile.TemporaryDirectory(prefix="finn-tui-"))
        except OSError:
            raise error from None
        return engine_archive(Path(folder)), error


async def examine_named(
    name: str, workspace: Workspace, on_progress: OnProgress = ignore
) -> Report:
    """Examine a host of hosts.toml, over SSH where it is another machine.

    Args:
        name: in hosts.toml.
        workspace: its board is what the host is judged for.
        on_progress: called with what is done.

    Raises:
        FinnTuiError: there is no such host, it cannot be reached, or no Python there answers.
    """
    from finn_tui.hosts import catalogue as hosts
    from finn_tui.hosts.local import LocalTransport
    from finn_tui.lab.build_places.links import HostLinks
    from finn_tui.runs.remote.link import Link

    host = await asyncio.to_thread(hosts.find, name)
    builds_in_it = host.container is not None and host.slurm is None
    if not host.is_remote and not builds_in_it:
        return await examine_host(Link(host, LocalTransport()), workspace, on_progress)
    async with HostLinks(on_progress) as links, links.use(name) as link:
        return await examine_host(link, workspace, on_progress)


async def examine_host(
    link: Link, workspace: Workspace, on_progress: OnProgress = ignore
) -> Report:
    """Examine a host as a build there finds it: with its ``setup`` lines and ``env``.

    Args:
        link: the host, reached.
        workspace: its board is what the host is judged for.
        on_progress: called with what is done.

    Raises:
        FinnTuiError: the line broke, or no Python there answers.
    """
    from finn_tui.hosts import catalogue as hosts

    host = link.host
    on_progress(Progress("doctor", f"examining {link.name}"))
    of_engine = None
    # The image of jobs is on the nodes of a cluster, not on its login node.
    if host.engine and (host.container is None or host.slurm is None):
        on_progress(Progress("doctor", f"starting FINN's Python on {link.name}"))
        try:
            of_engine = await _ask_build(link, host.engine)
        except FinnTuiError:
            of_engine = Facts()  # it does not start
    before = time.time()
    try:
        machine = await _ask_host(link, ("python3",))
    except FinnTuiError:
        if not host.engine:
            raise
        machine = await _ask_host(link, host.engine)
    settings = workspace.settings
    own = {name: board.part for name, board in settings.boards.items()}
    there = Context(
        host=link.name,
        board=settings.board,
        boards={**BOARDS, **own},
        engines=_engine_there(host, of_engine),
        finn=of_engine.finn if of_engine else None,
        engine_python=host.engine[-1] if of_engine is not None else "",
        # Facts are collected for some seconds; the clock is among the first.
        now=before,
        hosts_file=str(hosts.hosts_file()),
    )
    return judge.judge(machine, there)


def _engine_there(host: Host, of_engine: Facts | None) -> tuple[EngineState, ...]:
    if not host.engine:
        return ()
    command = " ".join(host.engine)
    if of_engine is None:
        return (EngineState(command, "in containers of jobs, not asked"),)
    if of_engine.finn is None:
        fix = f'set engine = ["PYTHON"] in [{host.name}] of hosts.toml, a Python there with FINN'
        return (EngineState(command, "", "it does not start", fix),)
    finn = of_engine.finn
    version = f"{finn.flavour} {finn.version}" if finn.installed else "no FINN"
    return (EngineState(command, version),)


async def _ask_host(link: Link, python: Sequence[str]) -> Facts:
    command = link.as_build([*python, await link.archive(), "doctor"])
    with link.transport.translated():
        _, out, err = await link.transport.run(*command, timeout=_SECONDS)
    return facts.parse(out or err)


async def _ask_build(link: Link, engine: Sequence[str]) -> Facts:
    """What FINN's Python says where a build of the host has it."""
    command = [*engine, await link.archive(), "doctor", *_ENGINE_PARTS]
    with link.transport.translated():
        _, out, err = await link.run_build(*command, seconds=_SECONDS)
    return facts.parse(out or err)


def _boards(spec: EngineSpec | None) -> Mapping[str, str]:
    """Boards that an engine has said it knows; FINN's usual ones where it was not asked."""
    if spec is None or spec.info is None:
        return BOARDS
    return {name: entry["part"] for name, entry in spec.info["boards"].items()}


def engine_states(
    known: Sequence[EngineSpec], broken: Mapping[str, FinnTuiError], wanted: str
) -> list[EngineState]:
    """How the engines are, as far as it is known without starting them.

    Args:
        known: those that can be read.
        broken: what is wrong with others, by name.
        wanted: the name in finn-tui.toml; empty for none.
    """
    states = []
    for spec in known:
        program = Path(spec.command[0])
        here = not spec.is_elsewhere and program.is_absolute()
        gone = here and not os.access(program, os.X_OK)
        problem = f"{program} cannot be started" if gone else ""
        fix = f"finn-tui engine remove {spec.name}"
        where = f", {spec.place}" if spec.is_elsewhere else ""
        states.append(EngineState(spec.name, spec.version + where, problem, fix))
    states += [
        EngineState(name, "", one_line(each.why or each.what), one_line(each.fix))
        for name, each in broken.items()
    ]
    if wanted and wanted != catalogue.DEFAULT and wanted not in [state.name for state in states]:
        fix = f"finn-tui engine add {wanted} PATH, or correct engine in finn-tui.toml"
        states.append(EngineState(wanted, "", "finn-tui.toml names it, and it is not there", fix))
    return states


async def _other_boards(connect: bool) -> tuple[Reach, ...]:
    from finn_tui.board import catalogue as boards

    by_name, broken = await asyncio.to_thread(boards.load_boards)
    machines = [board.machine for board in by_name.values() if board.is_connected_to]
    return await _reached(machines, broken, connect)


async def named_hosts(connect: bool) -> tuple[Reach, ...]:
    """The hosts of hosts.toml; with ``connect``, whether each answers."""
    from finn_tui.hosts import catalogue as hosts

    by_name, broken = await asyncio.to_thread(hosts.load_hosts)
    return await _reached([host.machine for host in by_name.values()], broken, connect)


async def _reached(
    machines: Sequence[Machine], broken: Mapping[str, FinnTuiError], connect: bool
) -> tuple[Reach, ...]:
    from finn_tui.hosts import reach

    async def of(machine: Machine) -> Reach:
        where = machine.login or "this machine"
        if not connect or not machine.address:
            return Reach(machine.name, where)
        answer = await reach.measure(machine)
        if answer.status is reach.ReachStatus.ANSWERS:
            return Reach(machine.name, where, seconds=(answer.latency_ms or 0.0) / 1000)
        if answer.status is reach.ReachStatus.UNMEASURED:
            return Reach(machine.name, f"{where}, {answer.text}")
        fix = f"Switch {machine.name} on, or correct it in {machine.catalogue}."
        return Reach(machine.name, where, one_line(answer.text), fix)

    rows = [
        Reach(name, "", one_line(each.why or each.what), one_line(each.fix))
        for name, each in broken.items()
    ]
    return (*await asyncio.gather(*(of(machine) for machine in machines)), *rows)


async def _ask_engine(spec: EngineSpec | None, archive: Path) -> Facts | None:
    """What an engine's Python on this machine says of its FINN; None for others."""
    if spec is None or not _is_here(spec):
        return None
    try:
        return await _ask(list(spec.command), archive, _ENGINE_PARTS)
    except FinnTuiError:
        return None  # the check of engines says what is known against it


def _is_here(spec: EngineSpec) -> bool:
    """Whether an engine is an interpreter of this machine, perhaps with variables before it."""
    interpreter = Path(spec.command[-1])
    alone = len(spec.command) == 1 or Path(spec.command[0]).name == "env"
    return (
        not spec.is_elsewhere
        and alone
        and interpreter.is_absolute()
        and os.access(interpreter, os.X_OK)
    )


async def _ask(command: Sequence[str], archive: Path, parts: Sequence[str] = ()) -> Facts:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            str(archive),
            "doctor",
            *parts,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise FinnTuiError(
            f"{command[0]} cannot be started", str(error), "", kind=ErrorKind.ENGINE
        ) from error
    assert process.stdout is not None
    output = b""
    try:
        async with asyncio.timeout(_SECONDS):
            while len(output) < _MOST_OUTPUT and (data := await process.stdout.read(1 << 16)):
                output += data
    except TimeoutError:
        pass  # what it printed so far is judged: nothing, as a rule
    finally:
        await subprocesses.end(process)
    return facts.parse(output)
