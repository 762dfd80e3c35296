"""Where a run works, and what was heard of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finn_tui.runs.placement import Stage
from finn_tui.ui.toolkit.styled_line import StyledLine, duration, fit, printable

if TYPE_CHECKING:
    from finn_tui.ui.state import RunView


def place_line(run: RunView, now: float, width: int) -> StyledLine | None:
    """Return where a run works and when its host was last heard of; None for one of this machine.

    Args:
        run: the run.
        now: seconds since the epoch.
        width: columns of the line.
    """
    placement = run.placement
    if placement is None:
        return None
    line = StyledLine().add(f" on {placement.host}", "strong")
    if placement.job_name:
        return line
    if placement.contact:
        ago = duration(max(0.0, now - placement.contact))
        line.add(f", last contact {ago} ago" if not run.state.final else "", "dim")
    elif placement.stage is Stage.SENDING:
        line.add(", the run's folder is being sent", "dim")
    if placement.wanted and not run.state.final:
        line.add(f", {placement.wanted} is asked for", "warn")
    if placement.error is not None:
        line.add(fit(f": {printable(placement.error.what)}", max(0, width - line.width)), "bad")
    elif placement.stage is not Stage.SETTLED and run.state.final:
        line.add(", results are being fetched", "dim")
    return line
