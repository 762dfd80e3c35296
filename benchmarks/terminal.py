"""A program on a real pseudo terminal: what it sends, and when its last byte comes."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

#: After so long without a byte, a screen counts as finished.
QUIET = 0.12


@dataclass(frozen=True)
class Answer:
    """What followed a key: seconds to the first and the last byte, and how many bytes came."""

    first: float
    last: float
    size: int


class Terminal:
    """A child process on a pseudo terminal of a given size, colours as xterm has them."""

    def __init__(
        self, command: Sequence[str], width: int, height: int, env: Mapping[str, str] | None = None
    ) -> None:
        self.output = bytearray()
        self.started = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            full = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
            for name in ("COLUMNS", "LINES"):  # those of whoever started us go before the real ones
                full.pop(name, None)
            full.update(env or {})
            size = struct.pack("HHHH", height, width, 0, 0)
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            # Not execvp: readline puts its own idea of the size into C's environment.
            os.execvpe(command[0], list(command), full)
        # The child may have looked before it set its size: it is set from this side too.
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)

    def read(self, timeout: float) -> bytes:
        """What has come within a time; empty if nothing has, or the child has ended."""
        ready, _, _ = select.select([self.fd], [], [], timeout)
        if not ready:
            return b""
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            return b""
        self.output += data
        return data

    def wait_for(self, text: str, timeout: float = 180.0) -> float:
        """Seconds from the start of the process until a text is on its screen."""
        wanted = text.encode()
        end = time.perf_counter() + timeout
        while time.perf_counter() < end:
            if wanted in self.output:
                return time.perf_counter() - self.started
            self.read(0.05)
        raise TimeoutError(f"{text!r} did not appear: {bytes(self.output[-400:])!r}")

    def settle(self, quiet: float = 0.5, timeout: float = 20.0) -> None:
        """Wait until nothing comes any more."""
        end = time.perf_counter() + timeout
        while time.perf_counter() < end and self.read(quiet):
            pass

    def press(self, keys: bytes) -> Answer:
        """Send a key and read until the screen has finished."""
        start = time.perf_counter()
        os.write(self.fd, keys)
        first = last = 0.0
        size = 0
        while data := self.read(QUIET):
            last = time.perf_counter() - start
            first = first or last
            size += len(data)
        return Answer(first, last, size)
