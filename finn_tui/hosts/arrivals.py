"""Hashes of files that are being sent, computed at their other end while they arrive.

A shell there is told of each piece once it is written, reads it back and feeds it to sha256sum, so
that little is left to wait for when the last byte has arrived. What is hashed is what lies there.
"""

from __future__ import annotations

import asyncio
import re

from finn_tui.hosts.transport import RemoteProcess

#: Bytes; positions are told in blocks of it.
_BLOCK = 512 << 10
#: Of which that many are read back at once.
_PIECE_BLOCKS = 8
#: For the last piece of a large file on a slow disk.
_SECONDS = 300.0
#: What the shell runs. It is told a path, then pieces of it as "FIRST COUNT" in blocks, then "end".
PROGRAM = (
    "while IFS= read -r path; do "
    'while read -r first count && [ "$first" != end ]; do '
    f'dd if="$path" bs={_BLOCK} skip="$first" count="$count" 2>/dev/null; '
    "done | sha256sum; done"
)
_DIGEST = re.compile(rb"([0-9a-f]{64})\b")


class Arrivals:
    """The hashes of files that arrive one after the other.

    It is no obstacle: where the shell fails, the hashes are not known.
    """

    def __init__(self, shell: RemoteProcess) -> None:
        """With a shell that runs ``PROGRAM``."""
        self._shell: RemoteProcess | None = shell
        self._paths: list[str] = []
        self._path = ""
        self._told = 0

    def begin(self, path: str) -> None:
        """A file is sent from now on, and no other one until it has ended."""
        if "\n" in path:
            # It has no line of its own.
            self._shell = None
        self._path, self._told = path, 0
        self._say(path)

    def reached(self, position: int) -> None:
        """All bytes of the file before a position are written."""
        blocks = position // _BLOCK
        if blocks - self._told >= _PIECE_BLOCKS:
            self._say(f"{self._told} {blocks - self._told}")
            self._told = blocks

    def end(self, size: int) -> None:
        """The file is written, and has that many bytes."""
        if rest := -(-size // _BLOCK) - self._told:
            self._say(f"{self._told} {rest}")
        self._say("end")
        self._paths.append(self._path)

    async def digests(self) -> dict[str, str]:
        """The hashes of the files that have ended since the last call, as far as they are known."""
        paths, self._paths = self._paths, []
        known: dict[str, str] = {}
        try:
            async with asyncio.timeout(_SECONDS):
                for path in paths:
                    if self._shell is None:
                        break
                    digest = _DIGEST.match(await self._shell.readline())
                    if digest is None:
                        self._shell = None
                    else:
                        known[path] = digest[1].decode("ascii")
        except TimeoutError:
            self._shell = None
        return known

    def _say(self, line: str) -> None:
        if self._shell is not None:
            try:
                self._shell.write(f"{line}\n".encode("utf-8", "surrogateescape"))
            except OSError:
                self._shell = None
