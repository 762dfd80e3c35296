"""What lies on a board from deploys: listed, and removed on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.board.agent_session import as_board, conversation
from finn_tui.board.answers import Event
from finn_tui.board.deployed_answers import Deployment, DeploymentList, Removed
from finn_tui.board.transport import Transport


def to_remove(
    entries: Sequence[Deployment], names: Sequence[str] = (), keep: int | None = None
) -> list[Deployment]:
    """Choose what goes from a board.

    Args:
        entries: what is there, the newest first.
        names: runs by their names, or the ends or beginnings of them.
        keep: all runs but the newest so many; None for none but ``names``.

    Raises:
        FinnTuiError: a name that is not there, or is several.
    """
    runs = [entry for entry in entries if entry.kind == "runs"]
    chosen = [] if keep is None else runs[keep:]
    for name in names:
        exact = [entry for entry in entries if name in (entry.name, entry.folder)]
        alike = [run for run in runs if run.name.startswith(name) or run.name.endswith(name)]
        matching = exact or alike
        if len(matching) != 1:
            raise FinnTuiError(
                f"{'several runs' if matching else 'no run'} on the board "
                f"{'are' if matching else 'is'} called {name}",
                "There are: " + (", ".join(run.name for run in runs[:8]) or "none") + ".",
                "`finn-tui boards deployments NAME` lists them.",
                kind="input",
            )
        chosen += [entry for entry in matching if entry not in chosen]
    return chosen


async def list_deployments(link: Transport, on_progress: OnProgress = ignore) -> DeploymentList:
    """What lies on a board. Raises ``FinnTuiError`` if no agent can be started there."""
    on_progress(Progress("board", f"looking at what lies on {link.board.name}"))
    # To look needs no root.
    async with conversation(as_board(link, replace(link.board, sudo=False))) as agent:
        return await agent.ask({"do": "deployments", "flavour": ""}, _unheard, DeploymentList)


async def remove_deployments(
    link: Transport, chosen: Sequence[Deployment], on_progress: OnProgress = ignore
) -> Removed:
    """Remove runs and test sets from a board, with what work on them has left there.

    Raises:
        FinnTuiError: another finn-tui works on the board, or files cannot be removed.
    """
    if not chosen:
        return Removed([], 0)
    on_progress(Progress("board", f"removing {len(chosen)} from {link.board.name}"))
    request = {"do": "remove", "flavour": "", "folders": [entry.folder for entry in chosen]}
    async with conversation(link) as agent:
        return await agent.ask(request, _unheard, Removed)


async def keep_newest(link: Transport, current: str, on_progress: OnProgress = ignore) -> None:
    """Remove the oldest runs where the board's entry says how many stay.

    What cannot be removed stays, and no deploy fails because of it.

    Args:
        link: the board.
        current: folder of the run that stays in any case, e.g. "runs/NAME".
        on_progress: told what went.
    """
    keep = link.board.keep
    files = await link.files(link.board.folder)
    if not keep or len(await files.folder(f"{link.board.folder}/runs")) <= keep:
        return
    try:
        there = await list_deployments(link, on_progress)
        # One that was deployed again unchanged has the time of its first deploy.
        entries = sorted(there.entries, key=lambda entry: entry.folder != current)
        done = await remove_deployments(link, to_remove(entries, keep=keep), on_progress)
    except FinnTuiError as error:
        on_progress(Progress("deploy", f"old runs stay on {link.board.name}: {error.what}"))
    else:
        removed = ", ".join(done.removed)
        on_progress(Progress("deploy", f"removed {removed} (keep = {keep})"))


def _unheard(event: Event) -> None:
    """Events on the way tell nothing that the answer does not."""
