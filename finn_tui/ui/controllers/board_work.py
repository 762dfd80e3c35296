"""The work on a board that the app starts in the background, and what it needs to get in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress
from finn_tui.lab.workbench import Workbench
from finn_tui.runs.folder import RunFolder

if TYPE_CHECKING:
    from finn_tui.board.paste.session import PasteHost
    from finn_tui.board.recording.pace import Pace
    from finn_tui.board.transport import Transport

T = TypeVar("T")

BoardJob = Callable[
    [Workbench, str, Path, str, "Credentials", OnProgress], Awaitable[tuple[FinnTuiError, ...]]
]


class Credentials:
    """What is needed to get at a board; in memory only.

    Attributes:
        password: for logging in.
        sudo_password: for sudo on the board.
        passphrases: by the files of the keys.
        trust: the trusted host key.
        host: the server for a line that is pasted into the board's terminal.
        record: the file that the next job is recorded in; None where it is not.
        pace: how fast a recorded session is replayed; None for what the board's entry says.
    """

    def __init__(self) -> None:
        self.host: PasteHost | None = None
        self.password: str | None = None
        self.sudo_password: str | None = None
        self.passphrases: dict[str, str] = {}
        self.trust: str | bool = False
        self.record: Path | None = None
        self.pace: Pace | None = None


async def board_job(
    lab: Workbench,
    job: str,
    run: Path,
    machine: str,
    credentials: Credentials,
    on_progress: OnProgress,
) -> tuple[FinnTuiError, ...]:
    """Connect to a board and do a job with a run; what of it could not be done and why."""
    from finn_tui.lab.board_data import dataset_for, write_network
    from finn_tui.lab.boards.driver_consent import check_driver

    await asyncio.to_thread(check_driver, run)
    dataset = None
    if job in ("go", "validate"):
        # What is wrong with it is said before the board is connected to.
        await write_network(lab, RunFolder(run), on_progress)
        dataset = await dataset_for(lab.workspace, RunFolder(run), on_progress=on_progress)

    async def visit(session: Transport) -> tuple[FinnTuiError, ...]:
        return await _do(job, run, dataset, session, on_progress)

    if credentials.record is None:
        return await on_board(lab, machine, credentials, visit, on_progress)
    return await _recorded(lab, machine, credentials, credentials.record, visit, on_progress)


async def _recorded(
    lab: Workbench,
    machine: str,
    credentials: Credentials,
    path: Path,
    visit: Callable[[Transport], Awaitable[T]],
    on_progress: OnProgress,
) -> T:
    from finn_tui.board.recording.recorder import recording

    with recording(path) as recorder:

        async def recorded(session: Transport) -> T:
            if session.board.replay:
                return await visit(session)
            return await visit(recorder.link(session))

        done = await on_board(lab, machine, credentials, recorded, on_progress)
    if recorder.problem is not None:
        on_progress(Progress("board", f"{recorder.problem.what}: {recorder.problem.why}"))
    elif path.is_file():
        on_progress(Progress("board", f"recorded in {path.name}; t replays it"))
    return done


async def on_board(
    lab: Workbench,
    machine: str,
    credentials: Credentials,
    visit: Callable[[Transport], Awaitable[T]],
    on_progress: OnProgress,
) -> T:
    """Connect to a board, in whatever way it is reached, and do some work there.

    Args:
        lab: the workspace.
        machine: the board's name.
        credentials: what is known for getting in.
        visit: done with the connection.
        on_progress: told what is waited for.
    """
    if credentials.host is not None:
        return await credentials.host.do(visit, on_progress)
    async with lab.board(
        machine,
        on_progress,
        trust=credentials.trust,
        password=credentials.password,
        sudo_password=credentials.sudo_password,
        passphrases=credentials.passphrases,
        pace=credentials.pace,
    ) as session:
        return await visit(session)


async def _do(
    job: str, run: Path, dataset: Path | None, session: Transport, on_progress: OnProgress
) -> tuple[FinnTuiError, ...]:
    # asyncssh takes half a second to import: only those who deploy pay for it.
    from finn_tui.board import jobs
    from finn_tui.board.deploy import deploy
    from finn_tui.board.execution import execute
    from finn_tui.board.results import differences
    from finn_tui.board.throughput import throughput
    from finn_tui.board.validation import validate

    if job == "go":
        return (await jobs.go(session, run, on_progress, dataset=dataset)).failures
    await deploy(session, run, on_progress)
    if job == "execute":
        difference = differences((await execute(session, run, on_progress))[0], None)
        return () if difference is None else (difference,)
    if job == "throughput":
        await throughput(session, run, on_progress)
    elif job == "validate":
        difference = differences(None, await validate(session, run, on_progress, dataset=dataset))
        return () if difference is None else (difference,)
    return ()
