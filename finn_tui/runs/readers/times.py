"""Dates and durations as the tools print them."""

from __future__ import annotations

from datetime import UTC, datetime

_DATE = "%a %b %d %H:%M:%S %Y"


def epoch(text: str) -> float | None:
    """A date as the tools print it, without time zone, as seconds since the epoch."""
    try:
        return datetime.strptime(" ".join(text.split()), _DATE).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def clock(text: str) -> float:
    """``00:01:16`` or ``00:00:00.32`` in seconds."""
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + (float(part) if part.replace(".", "", 1).isdigit() else 0.0)
    return seconds
