"""Where a run works, and what was heard of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from finn_tui.runs.placement import Stage
from finn_tui.ui.toolkit.frame import host_role
from finn_tui.ui.toolkit.styled_line import StyledLine, duration, fit, printable, wrap

if TYPE_CHECKING:
    from finn_tui.hosts.status import HostStatus
    from finn_tui.ui.state import RunView


def place_lines(
    run: RunView, now: float, width: int, statuses: Mapping[str, HostStatus] = MappingProxyType({})
) -> list[StyledLine]:
    """Return where a run works and when its host was last heard of; none for this machine.

    Args:
        run: the run.
        now: seconds since the epoch.
        width: columns.
        statuses: how the connections to hosts are, by name.
    """
    placement = run.placement
    if placement is None:
        return []
    line = StyledLine().add(f" on {fit(printable(placement.host), 24).rstrip()}", "strong")
    status = statuses.get(placement.host)
    if status is not None and not run.state.final:
        line.add(f", {status.words(time.monotonic())}", host_role(status), "app.hosts")
        if status.asks:
            line.add(" (f4)", "dim", "app.hosts")
    lines = [line]
    waiting = run.state.waiting or ""
    if placement.job_name:
        # Beside the state there is no room for it in 80 columns.
        lines += wrap(waiting, max(10, width - 1), "dim", " ")[:3] if waiting else []
    elif placement.contact and not run.state.final:
        ago = duration(max(0.0, now - placement.contact))
        line.add(f", last contact {ago} ago", "dim")
    elif placement.stage is Stage.SENDING:
        line.add(", its folder is being sent", "dim")
    if placement.wanted and not run.state.final:
        lines.append(StyledLine().add(f" {placement.wanted} is asked for", "warn"))
    if placement.error is not None and placement.error.what not in waiting:
        lines += wrap(placement.error.what, max(10, width - 1), "bad", " ")[:3]
    elif placement.stage is not Stage.SETTLED and run.state.final and placement.is_mirrored:
        line.add(", results are being fetched", "dim")
    if placement.unreadable_text:
        lines += wrap(placement.unreadable_text, max(10, width - 1), "warn", " ")[:3]
    return lines
