"""Netron, the viewer of network graphs, where it is installed: a process that ends with the app."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from pathlib import Path

from finn_tui.base import subprocesses
from finn_tui.base.errors import ErrorKind, FinnTuiError

#: Seconds that Netron has to say where it serves; the window of the desktop version says nothing.
_PATIENCE = 8.0
_ADDRESS = re.compile(rb"https?://[A-Za-z0-9.:\[\]-]+(?:/\S*)?")
#: What is kept of its output at most while its address is looked for.
_MOST_BYTES = 65_536


class Netron:
    """At most one running viewer, which this object has started."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    async def open(self, path: Path) -> str:
        """Show a graph; ends what was shown before.

        Args:
            path: an .onnx file.

        Returns:
            the address at which it is shown; empty for a window of its own.

        Raises:
            FinnTuiError: Netron is not installed, or ends at once.
        """
        program = shutil.which("netron")
        if program is None:
            raise FinnTuiError(
                "Netron is not installed",
                "There is no program netron on the PATH.",
                "Install it: uv tool install netron (or pipx install netron).",
                kind=ErrorKind.TOOLS,
            )
        await self.close()
        process = await asyncio.create_subprocess_exec(
            program,
            str(path),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self._process = process
        output = b""
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_PATIENCE):
                while part := await process.stdout.read(4096):
                    output = (output + part)[-_MOST_BYTES:]
                    if match := _ADDRESS.search(output):
                        return match[0].decode("ascii", "replace")
                await process.wait()
        except TimeoutError:
            pass
        finally:
            # Somebody must read on, or it stands still once the pipe is full.
            self._reader = asyncio.create_task(_drain(process.stdout))
        if process.returncode:
            raise FinnTuiError(
                f"Netron ended with exit code {process.returncode}",
                output.decode("utf-8", "replace").strip()[-300:],
                f"Try it by hand: netron {path}",
                kind=ErrorKind.TOOLS,
            )
        return ""

    async def close(self) -> None:
        """End the viewer, if it runs."""
        process, self._process = self._process, None
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        if process is None or process.returncode is not None:
            return
        # Only the child itself, which is ours for as long as it was not waited for.
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await subprocesses.end(process, 2.0)


async def _drain(stream: asyncio.StreamReader) -> None:
    """Read what a process says, so that it never waits for a reader."""
    while await stream.read(4096):
        pass
