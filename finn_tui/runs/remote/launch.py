"""Starting a build on a host: what can be checked there, the run folder, sending it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.base.text import clean
from finn_tui.base.text import size as size_text
from finn_tui.engine.archive import engine_archive
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch.launch import (
    BUILD_BYTES,
    REHEARSAL_BYTES,
    BuildRequest,
    check_path_text,
    make_folder,
)
from finn_tui.runs.launch.preflight import FLEETING, Finding, refused
from finn_tui.runs.placement import Placement
from finn_tui.runs.remote import send
from finn_tui.runs.remote.link import Link
from finn_tui.runs.remote.mirror_folder import held


async def check(link: Link, *, rehearse: bool) -> tuple[list[Finding], dict[str, Any]]:
    """What can be said of a build on a host before it begins.

    Args:
        link: to the host.
        rehearse: whether AMD's tools have stand-ins.

    Returns:
        the findings, and what the host says of itself.

    Raises:
        FinnTuiError: the host cannot be asked.
    """
    there = await send.survey(link)
    return findings(link, there, rehearse=rehearse), there


def findings(link: Link, there: dict[str, Any], *, rehearse: bool) -> list[Finding]:
    """Judge what a host says of itself.

    Args:
        link: to the host.
        there: the answer of ``survey``.
        rehearse: whether AMD's tools have stand-ins.
    """
    name, folder = link.name, str(there["folder"])
    every: list[Finding] = []
    fix = f"Set another `folder` for {name} in hosts.toml."
    try:
        check_path_text(folder, fix)
    except FinnTuiError as error:
        every.append(Finding("path", "refuse", error.what, error.why, fix, error.kind, False))
    if any(folder == place or folder.startswith(place + "/") for place in FLEETING):
        loss = "Everything that was built, with its logs and results."
        every.append(Finding("place", "warn", f"a restart of {name} empties {folder}", loss, fix))
    free, need = int(there["free"]), REHEARSAL_BYTES if rehearse else BUILD_BYTES
    if free < need:
        full = send.disk_full(name, folder, free, need)
        every.append(Finding("disk", "refuse", full.what, full.why, full.fix, full.kind))
    else:
        every.append(Finding("disk", "ok", f"{size_text(free)} are free on {name}"))
    if not rehearse:
        every += _tools(link, there)
    every += [Finding("login", "warn", clean(str(note))) for note in there.get("notes", ())]
    return every


def _tools(link: Link, there: dict[str, Any]) -> list[Finding]:
    tools = there.get("tools")
    tools = tools if isinstance(tools, dict) else {}
    missing = [tool for tool in ("vivado", "vitis_hls") if not tools.get(tool)]
    if not missing:
        text = ", ".join(f"{tool} {tools[tool].get('version') or '?'}" for tool in tools)
        return [Finding("tools", "ok", f"{link.name} has {clean(text)}")]
    return [
        Finding(
            "tools",
            "refuse",
            f"{link.name} cannot build: {', '.join(missing)} are not found there",
            "They are looked for with the host's `setup` lines and `env` of hosts.toml.",
            f'Set setup = "source <Xilinx>/Vivado/<version>/settings64.sh" for {link.name} in '
            "hosts.toml, or rehearse the build: --rehearse.",
            ErrorKind.TOOLS,
            forced=False,
        )
    ]


async def launch_on(
    request: BuildRequest,
    runs_dir: Path,
    link: Link,
    *,
    force: bool = False,
    on_progress: OnProgress = ignore,
) -> RunFolder:
    """Begin a build on a host and return its run, whose folder is a mirror of the one there.

    A line that breaks while the folder is sent leaves a run that is sent further by whoever
    follows it.

    Args:
        request: what to build; its engine is the host's.
        runs_dir: of the workspace.
        link: to the host.
        force: begin even where the disk there is likely to be too small.
        on_progress: told what is going on.

    Raises:
        FinnTuiError: the host cannot be asked, or the build would not work there; nothing was
            begun then.
    """
    on_progress(Progress("build", f"looking at {link.name}"))
    judged, there = await check(link, rehearse=request.rehearse is not None)
    refusal = refused(judged, force)
    if refusal is not None:
        raise refusal
    archive = await asyncio.to_thread(engine_archive)

    def place(id: str) -> Placement:
        return Placement(
            host=link.name,
            folder=f"{there['folder']}/{id}",
            parallel=request.parallel,
            notify=bool(request.notify),
        )

    run = await asyncio.to_thread(make_folder, request, runs_dir, archive, place)
    try:
        with held(run):
            await send.send(run, link, on_progress)
    except FinnTuiError as error:
        if not link.transport.is_closed:
            raise
        text = f"{error.what}: what is there is kept, and {run.id} is sent further when it is "
        on_progress(Progress("WARNING", f"{text}followed: finn-tui attach {run.id}"))
    return run
