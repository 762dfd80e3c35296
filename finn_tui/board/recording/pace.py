"""How fast a recording is replayed; the speed may change while it is."""

from __future__ import annotations

import asyncio
import contextlib

#: A pause of a recording is no longer than this, in seconds of the replay.
_MOST_PAUSE = 300.0
#: Speeds of a replay, from slow to fast; 0 is without pauses.
SPEEDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 0.0)


class Pace:
    """A clock of the recording: it goes at the replay's speed."""

    def __init__(self, speed: float) -> None:
        """Begin.

        Args:
            speed: 1 as recorded, 10 ten times as fast, 0 without pauses.
        """
        self._speed = speed
        #: Seconds of the recording that had passed at ``_since``, of the event loop's clock.
        self._passed = 0.0
        self._since: float | None = None
        self._changed = asyncio.Event()

    @property
    def speed(self) -> float:
        """1 as recorded, 10 ten times as fast, 0 without pauses."""
        return self._speed

    def set_speed(self, speed: float) -> None:
        """Go at another speed from now on, in the middle of a pause, too."""
        self._passed, self._since = self.now(), asyncio.get_running_loop().time()
        self._speed = speed
        self._changed.set()

    def now(self) -> float:
        """Seconds of the recording that have passed."""
        time = asyncio.get_running_loop().time()
        if self._since is None:
            self._since = time
        return self._passed + (time - self._since) * self._speed

    async def until(self, moment: float) -> None:
        """Wait until that many seconds of the recording have passed.

        Args:
            moment: as of ``now``.
        """
        left = _MOST_PAUSE
        while self._speed > 0 and left > 0 and (ahead := moment - self.now()) > 0:
            began = asyncio.get_running_loop().time()
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, ahead / self._speed)):
                    await self._changed.wait()
            left -= asyncio.get_running_loop().time() - began
        if (now := self.now()) < moment:
            self._passed += moment - now

    async def wait(self, seconds: float) -> None:
        """Let that much of the recording pass."""
        await self.until(self.now() + seconds)


def next_speed(speed: float, by: int) -> float:
    """Return the next speed of a replay.

    Args:
        speed: now; 0 is without pauses.
        by: 1 for the next faster of ``SPEEDS``, -1 for the next slower.
    """
    if by > 0:
        return next((each for each in SPEEDS if speed and (each > speed or not each)), 0.0)
    slower = [each for each in SPEEDS if each and (each < speed or not speed)]
    return slower[-1] if slower else min(speed, SPEEDS[0])
