"""Chooses the log to show while a build runs: the one that grows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

#: A log that has grown so much later than the shown one takes its place.
LAG_SECONDS = 3.0
#: FINN's own log is left for a tool's after so long, although it goes on growing itself.
STAY_SECONDS = 5.0


def growing(
    shown: Path | None, seconds: float, grew: Mapping[Path, float], general: Collection[Path]
) -> Path | None:
    """Return the log to show next: ``shown`` as long as it grows with the others.

    Layers are synthesized side by side and all their logs grow: the one that is shown stays until
    it has fallen silent.

    Args:
        shown: the present one; seconds: for how long it has been.
        grew: when each log last grew, seconds since the epoch.
        general: logs of the whole build, which say little while a tool says much.
    """
    if not grew:
        return shown
    last = max(grew.values())
    if shown is not None and last - grew.get(shown, 0.0) < LAG_SECONDS:
        if shown not in general or seconds < STAY_SECONDS:
            return shown
        tools = {path: at for path, at in grew.items() if path not in general}
        newest = max(tools, key=lambda path: tools[path], default=shown)
        return newest if newest in tools and last - tools[newest] < LAG_SECONDS else shown
    # All that is printed stands before FINN's own log where both have grown alike.
    return max(grew, key=lambda path: (grew[path], path.name == "runner.log"))
