"""What a board is used for in one go: deploy, execute, throughput, validate; and what it is.

Each step measures, writes its part of the run's ``results.json`` and returns it. Everything is
cancellable; the driver on the board ends with the call.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.board.agent_session import conversation, starting
from finn_tui.board.answers import Checked, Event, Hello
from finn_tui.board.deploy import deploy
from finn_tui.board.execution import NoSamplesError, execute
from finn_tui.board.results import Executed, Outcome, Validation
from finn_tui.board.throughput import throughput
from finn_tui.board.transport import Transport
from finn_tui.board.validation import validate


async def go(
    link: Transport,
    run: Path,
    on_progress: OnProgress = ignore,
    *,
    batch: int | None = None,
    limit: int | None = None,
    dataset: Path | None = None,
) -> Outcome:
    """Deploy, execute, throughput and validate.

    Sample images or a test set that are not here do not stop the other steps and are no failure:
    ``notes`` has them.

    Args:
        batch: measure the throughput of this batch (and of one image); by default several sizes.
        limit, dataset: as of ``validate``.
    """
    missing: list[FinnTuiError] = []
    notes: list[str] = []
    deployed = await deploy(link, run, on_progress)
    executed: Executed | None = None
    validation: Validation | None = None
    on_progress(starting(link, "execute"))
    # One agent for all of it: Python and the driver take a Zynq half a minute to load.
    async with conversation(link) as agent:
        try:
            executed = (await execute(link, run, on_progress, agent=agent))[0]
        except NoSamplesError as error:
            notes.append(f"{error.what}. {error.fix}")
        except FinnTuiError as error:
            if error.kind is not ErrorKind.INPUT:
                raise
            missing.append(error)
        sizes = () if batch is None else (1, batch)
        measured = await throughput(link, run, on_progress, batches=sizes, agent=agent)
        try:
            validation = await validate(
                link, run, on_progress, limit=limit, dataset=dataset, agent=agent
            )
        except FinnTuiError as error:
            if error.kind is not ErrorKind.INPUT:
                raise
            missing.append(error)
    if validation is not None and validation.note:
        notes.append(f"not validated: {validation.note}")
    return Outcome(deployed, executed, measured, validation, tuple(missing), tuple(notes))


async def check(link: Transport, on_progress: OnProgress = ignore) -> dict[str, Any]:
    """What the board is: ``python, machine, root, free_bytes, pynq, driver, simulated``.

    Versions are None where something is not installed. Nothing is loaded into the FPGA.
    """
    hello = Hello()

    def listen(event: Event) -> None:
        nonlocal hello
        if isinstance(event, Hello):
            hello = event

    on_progress(Progress("board", f"asking {link.board.name} what it is"))
    flavour = "finn-plus" if link.board.driver == "auto" else link.board.driver
    async with conversation(link) as agent:
        await agent.ask({"do": "check", "flavour": flavour}, listen, Checked)
    return msgspec.structs.asdict(hello)
