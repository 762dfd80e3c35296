"""A network with delay and loss between this machine and a network namespace: two TUN devices.

What the kernel sends into one device comes out of the other one later, or not at all. That is done
here and not by ``tc netem``, which many kernels come without.

    python -m tests.hosts.lossy_line NAMESPACE NETWORK DELAY LOSS
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import os
import random
import secrets
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000


@dataclass(frozen=True)
class Line:
    """A line to a namespace.

    Attributes:
        namespace: its name for ``ip netns exec``.
        address: of its end.
    """

    namespace: str
    address: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What starts a command in the namespace."""
        return ("ip", "netns", "exec", self.namespace)

    def go_silent(self) -> None:
        """Lose every packet from now on; nobody is told."""
        _ip("-n", self.namespace, "link", "set", f"{self.namespace}b", "down")


@contextlib.contextmanager
def lossy_line(*, delay: float, loss: float) -> Iterator[Line]:
    """A line to a new namespace; skips the test where it may not be made.

    Args:
        delay: seconds in each direction.
        loss: part of the packets that get lost in each direction.
    """
    namespace = f"finn{secrets.token_hex(3)}"
    network = f"10.{random.randrange(200, 255)}.{random.randrange(255)}"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.hosts.lossy_line", namespace, network, str(delay), str(loss)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        if process.stdout.readline() != b"ready\n":
            why = process.stderr.read().decode().strip().splitlines()[-1:]
            pytest.skip(f"no network namespace or TUN device can be made here: {why}")
        yield Line(namespace, f"{network}.2")
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()
        process.stderr.close()


def _device(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return device


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, stdin=subprocess.DEVNULL)


def _forward(ends: tuple[int, int], delay: float, loss: float) -> None:
    """Carry packets until nobody holds our standard input."""
    waiting: tuple[collections.deque[tuple[float, bytes]], ...] = (
        collections.deque(),
        collections.deque(),
    )
    while True:
        heads = [queue[0][0] for queue in waiting if queue]
        pause = max(0.0, min(heads) - time.monotonic()) if heads else None
        ready, _, _ = select.select([*ends, 0], [], [], pause)
        if 0 in ready and not os.read(0, 1):
            return
        for number, end in enumerate(ends):
            if end in ready:
                with contextlib.suppress(BlockingIOError):
                    while packet := os.read(end, 1 << 16):
                        if random.random() >= loss:
                            waiting[1 - number].append((time.monotonic() + delay, packet))
        now = time.monotonic()
        for number, queue in enumerate(waiting):
            while queue and queue[0][0] <= now:
                with contextlib.suppress(OSError):
                    os.write(ends[number], queue.popleft()[1])


def main(namespace: str, network: str, delay: float, loss: float) -> None:
    """Make the line, say so, and carry packets until our standard input ends."""
    here, there = f"{namespace}a", f"{namespace}b"
    _ip("netns", "add", namespace)
    try:
        ends = (_device(here), _device(there))
        _ip("link", "set", there, "netns", namespace)
        _ip("addr", "add", f"{network}.1", "peer", f"{network}.2", "dev", here)
        _ip("link", "set", here, "up")
        _ip("-n", namespace, "addr", "add", f"{network}.2", "peer", f"{network}.1", "dev", there)
        _ip("-n", namespace, "link", "set", there, "up")
        _ip("-n", namespace, "link", "set", "lo", "up")
        print("ready", flush=True)
        _forward(ends, delay, loss)
    finally:
        _ip("netns", "del", namespace)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
