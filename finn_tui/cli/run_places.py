"""Where runs work, as the commands say it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from finn_tui.base.errors import ErrorKind
from finn_tui.base.text import one_line, time_span

if TYPE_CHECKING:
    from finn_tui.runs.folder import RunFolder

#: Kinds of problems with the way to a host; others are what the host says.
_SILENT = (ErrorKind.HOST, ErrorKind.TIMEOUT)


def host_text(folder: RunFolder) -> str:
    """Where a run works, and since when its host does not answer."""
    from finn_tui.runs.placement import read_placement

    placement = read_placement(folder.path)
    if placement is None:
        return ""
    wanted = f", {placement.wanted} is asked for" if placement.wanted else ""
    problem = placement.error
    if problem is None or placement.settled or problem.kind not in _SILENT:
        return placement.host + wanted
    ago = time_span(max(0.0, time.time() - placement.contact)) if placement.contact else ""
    return f"{placement.host}, {f'not heard of for {ago}' if ago else 'never heard of'}{wanted}"


def problem_text(folder: RunFolder) -> str:
    """Why what is to be done for a run on its host could not be done; empty if it could."""
    from finn_tui.runs.placement import read_placement

    placement = read_placement(folder.path)
    if placement is None or placement.problem is None or placement.settled:
        return ""
    return one_line(placement.problem.what)


def place_text(folder: RunFolder) -> str | None:
    """Where a run works and why that cannot be asked; None for one of this machine."""
    from finn_tui.runs.placement import read_placement

    placement = read_placement(folder.path)
    if placement is None or placement.shared:
        return None
    text = f"on {placement.host}: {placement.folder}"
    if placement.contact and not placement.settled:
        text += f", last contact {time_span(max(0.0, time.time() - placement.contact))} ago"
    if placement.error is not None:
        text += f"; {placement.error.what}"
    if placement.wanted:
        text += f"; {placement.wanted} is asked for"
    if placement.unreadable_text:
        text += f"; {one_line(placement.unreadable_text)}"
    return text
