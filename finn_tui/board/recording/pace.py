"""How fast a recording is replayed."""

from __future__ import annotations

import asyncio

#: A pause of a recording is no longer than this, in seconds of the replay.
_MOST_PAUSE = 300.0


class Pace:
    """How fast a recording is replayed."""

    def __init__(self, speed: float) -> None:
        """Begin.

        Args:
            speed: 1 as recorded, 10 ten times as fast, 0 without pauses.
        """
        self._speed = speed

    def of(self, seconds: float) -> float:
        """Seconds of the replay for seconds of the recording."""
        return min(_MOST_PAUSE, seconds / self._speed) if self._speed > 0 else 0.0

    async def wait(self, seconds: float) -> None:
        """Let that much of the recording pass."""
        await asyncio.sleep(self.of(seconds))
