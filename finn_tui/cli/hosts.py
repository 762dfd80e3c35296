"""`finn-tui hosts`: machines that run engines and builds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import click

from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.common import (
    FAILED,
    Reporter,
    damaged,
    echo,
    print_json,
    run,
    shared_options,
    table,
)

if TYPE_CHECKING:
    from finn_tui.hosts.catalogue import Host
    from finn_tui.hosts.examine import HostFacts
    from finn_tui.hosts.latencies import Latency
    from finn_tui.hosts.transport import Transport

#: Round trips of which the shortest counts; the first ones start things.
_ROUND_TRIPS = 5
#: A host whose line broke while it was examined is waited for this long.
_AGAIN_SECONDS = 30.0
_TRUST_OPTION = click.option(
    "--trust", metavar="FINGERPRINT", help="Fingerprint (SHA256:...) of the host key to remember."
)


@click.group()
def hosts() -> None:
    """List, add, remove and test machines for builds.

    They are reached by SSH as ~/.ssh/config says, jump hosts included.
    """


@hosts.command("list")
@shared_options(workspace=False)
def list_hosts(as_json: bool) -> None:
    """List all hosts, and whether they answer: measured without logging in.

    The latency is that of the last connection, with its time. With --json nothing is measured.
    """
    from finn_tui.hosts import latencies
    from finn_tui.hosts.catalogue import load_hosts

    known, broken = load_hosts()
    measured = latencies.known(known)
    if as_json:
        rows = [_as_row(host) | _latency(measured.get(name)) for name, host in known.items()]
        print_json({"hosts": rows, "damaged": damaged(broken)})
        return
    answers = run(_measured(known.values()))
    lines: list[tuple[str, ...]] = []
    for name, host in known.items():
        # This machine has none.
        latency = "never measured" if host.is_remote else ""
        if name in measured:
            latency = measured[name].text
        answer = answers.get(name, "")
        lines.append((name, host.address, answer, latency, _builds_by(host), host.folder))
    lines += [(name, f"damaged: {error.why}", *[""] * 4) for name, error in broken.items()]
    echo(table(("host", "where", "answers", "latency", "builds by", "folder"), lines))


def _latency(latency: Latency | None) -> dict[str, Any]:
    return {
        "latency_ms": None if latency is None else latency.ms,
        "latency_at": None if latency is None else latency.at,
    }


async def _measured(hosts: Iterable[Host]) -> dict[str, str]:
    """How the hosts that are other machines answer, by name."""
    import asyncio

    from finn_tui.hosts.reach import measure

    remote = [host for host in hosts if host.is_remote]
    reaches = await asyncio.gather(*(measure(host.machine) for host in remote))
    return {host.name: reach.text for host, reach in zip(remote, reaches, strict=True)}


def _builds_by(host: Host) -> str:
    """How builds run there, in a word or two."""
    ways = []
    if host.slurm is not None:
        ways.append(f"Slurm {host.slurm.partition}".strip())
    if host.container is not None:
        ways.append(host.container.title)
    if not ways and host.engine:
        ways.append(host.engine[-1])
    return ", ".join(ways) or "no engine set"


def _as_row(host: Host) -> dict[str, Any]:
    import msgspec

    values = {key: getattr(host, key) for key in host.__struct_fields__}
    for key, entry in values.items():
        if isinstance(entry, msgspec.Struct):
            values[key] = msgspec.structs.asdict(entry)
    return values


@hosts.command("add")
@click.argument("name")
@click.argument("address", required=False, metavar="[USER@]ADDRESS[:PORT]")
@click.option("--here", is_flag=True, help="It is this machine: no address, no login.")
@click.option("--key", default="", help="Private key file, if not one of ~/.ssh/config.")
@click.option(
    "--folder", default="finn-tui", show_default=True, help="Folder for finn-tui's files there."
)
@click.option("--python", "engine", default="", help="Python there in which FINN can be imported.")
@click.option(
    "--finn",
    default="",
    metavar="WHAT",
    help="FINN there: docker:CONTAINER, docker:IMAGE, a run-docker.sh, or a folder.",
)
@click.option("--no-look", is_flag=True, help="Do not connect to find out what is there.")
@_TRUST_OPTION
@shared_options(workspace=False)
def add(
    name: str,
    address: str | None,
    here: bool,
    key: str,
    folder: str,
    engine: str,
    finn: str,
    no_look: bool,
    trust: str | None,
    as_json: bool,
) -> None:
    """Name a machine and find out what is there.

    ADDRESS is a name from ~/.ssh/config or of the network; without one, NAME is it. What is found:
    a Python with FINN, a container with FINN that runs, Vivado's settings, Slurm. With --finn
    run-docker.sh, builds there get a container each, with its image, mounts and variables.
    """
    from finn_tui.hosts import catalogue, latencies
    from finn_tui.hosts.catalogue import Host

    if here and (address or key):
        raise click.UsageError("--here takes no address and no key.")
    if finn and (engine or no_look):
        raise click.UsageError("--finn takes no --python and no --no-look.")
    user, place, port = ("", "", 0) if here else _split(address or name)
    host = Host(
        name=name,
        host=place,
        port=port,
        user=user,
        key=key,
        folder=folder,
        engine=(engine,) if engine else (),
    )
    catalogue.check(host)
    if not no_look:
        host = _found_out(host, trust, finn)
    catalogue.add(host)
    if as_json:
        measured = latencies.known({name: host})
        print_json(_as_row(host) | _latency(measured.get(name)))
        return
    echo(f"{name} added: {host.address}, builds by {_builds_by(host)}", err=True)
    if host.setup:
        echo(f"before a build: {host.setup}", err=True)
    echo(f"`finn-tui hosts test {name}` looks at it again; {catalogue.hosts_file()}", err=True)


def _split(address: str) -> tuple[str, str, int]:
    """Split ``[USER@]ADDRESS[:PORT]``."""
    from finn_tui.hosts.machine import split_address

    parts = split_address(address)
    if parts is None:
        raise FinnTuiError(
            f"{address!r} is no [USER@]ADDRESS[:PORT]",
            "A port is a number from 1 to 65535.",
            "For example me@lab-server:2222.",
        )
    return parts


def _found_out(host: Host, trust: str | None, finn: str) -> Host:
    async def work(reporter: Reporter) -> Host:
        from msgspec.structs import replace

        from finn_tui.base.progress import Progress
        from finn_tui.engine.targets_elsewhere import detect_on
        from finn_tui.hosts.examine import completed

        async with _connected(host, reporter, trust) as link:
            known = host
            if finn:
                reporter(Progress("host", f"looking at {finn} on {host.name}"))
                target = await detect_on([finn], host, link)
                for note in target.notes:
                    reporter(Progress("host", note))
                known = replace(host, engine=target.command, container=target.container)
            reporter(Progress("host", f"looking for FINN, Vivado and Slurm on {host.name}"))
            return await completed(link, known)

    with Reporter() as reporter:
        return run(work(reporter))


@asynccontextmanager
async def _connected(host: Host, reporter: Reporter, trust: str | None) -> AsyncIterator[Transport]:
    from finn_tui.hosts import shared

    async with (
        shared.held() as pool,
        pool().use(host, trust=trust or False, on_progress=reporter) as link,
    ):
        yield link


@hosts.command("remove")
@click.argument("name")
@shared_options(workspace=False, json=False)
def remove(name: str) -> None:
    """Forget a machine; what lies there stays."""
    from finn_tui.hosts import catalogue

    catalogue.remove(name)


async def _examined(
    host: Host, reporter: Reporter, trust: str | None
) -> tuple[HostFacts, float | None]:
    """What a host is, and seconds of a round trip; a line that breaks once is connected again."""
    import asyncio

    from finn_tui.base.progress import Progress
    from finn_tui.hosts import latencies, shared
    from finn_tui.hosts.examine import examine
    from finn_tui.hosts.ssh.connection import SshConnection
    from finn_tui.hosts.transport import Unreachable

    broken: Unreachable | None = None

    async def work(link: Transport) -> tuple[HostFacts, float | None]:
        nonlocal broken
        reporter(Progress("host", f"examining {host.name}"))
        latency = None
        try:
            with link.translated():
                if isinstance(link, SshConnection):
                    latency = min([await link.round_trip() for _ in range(_ROUND_TRIPS)])
                    await asyncio.to_thread(latencies.remember, host, latency)
                return await examine(link, host), latency
        except Unreachable as error:
            broken = error
            raise

    async with shared.held() as pool:
        known = pool()
        try:
            async with known.use(host, trust=trust or False, on_progress=reporter) as link:
                return await work(link)
        except Unreachable:
            if broken is None:
                raise
            reporter.say(f"{broken.what}; connecting again")
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(_AGAIN_SECONDS):
                    again = known.use(host, patient=True, on_progress=reporter)
                    link = await held.enter_async_context(again)
            except TimeoutError:
                raise broken from None
            return await work(link)


@hosts.command("test")
@click.argument("name")
@_TRUST_OPTION
@shared_options(workspace=False)
def test(name: str, trust: str | None, as_json: bool) -> None:
    """Connect to a machine and show what it is.

    Exit code 1 if the engine that is set there does not start, nothing can be written there, or
    the Slurm that is set does not answer.
    """
    from finn_tui.hosts import catalogue

    host = catalogue.find(name)

    with Reporter() as reporter:
        facts, latency = run(_examined(host, reporter, trust))
    if as_json:
        import dataclasses

        latency_ms = None if latency is None else round(latency * 1e3, 2)
        values = {"host": name, "address": host.address, "latency_ms": latency_ms}
        print_json(values | dataclasses.asdict(facts))
    else:
        for key, value in _lines(host, facts, latency):
            echo(f"{key:>12}  {value}")
    silent = host.slurm is not None and not facts.partitions
    if facts.engine_problem or not facts.writable or silent:
        raise SystemExit(FAILED)


def _no_partitions(host: Host, facts: HostFacts) -> str:
    if facts.slurm_problem:
        return f"Slurm does not answer: {facts.slurm_problem}"
    return "there is no Slurm" if host.slurm is not None else "-"


def _lines(host: Host, facts: HostFacts, latency: float | None) -> list[tuple[str, str]]:
    from finn_tui.base.text import size

    free = "unknown" if facts.free_bytes is None else f"{size(facts.free_bytes)} free"
    written = "" if facts.writable else f", cannot be written: {facts.folder_problem}"
    if facts.engine_problem:
        engine = f"does not start: {facts.engine_problem}"
    elif facts.engine_python:
        engine = f"{facts.finn or 'no FINN'}, Python {facts.engine_python}"
    else:
        engine = "-"
    lingers = {True: "yes", False: "no: builds get a session of their own", None: "-"}
    return [
        ("address", host.address),
        ("latency", "-" if latency is None else f"{latency * 1e3:.1f} ms"),
        ("system", f"{facts.hostname}, {facts.system}"),
        ("python", facts.python or "-"),
        ("engine", engine),
        ("builds by", _builds_by(host)),
        ("folder", f"{facts.folder}, {free}{written}"),
        *((name, path) for name, path in facts.programs.items()),
        ("partitions", " ".join(facts.partitions) or _no_partitions(host, facts)),
        ("linger", lingers[facts.lingers]),
    ]
