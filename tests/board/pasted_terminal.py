"""What stands in for a board that has a terminal and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path

from finn_tui.rehearsal.board_server import environment
from tests.waiting import PATIENCE


class Terminal:
    """Shells on a board that has nothing else."""

    def __init__(self, home: Path, python: Path) -> None:
        home.mkdir()
        self.home = home
        self.environment = environment(home, python)
        self.shells: list[subprocess.Popen[bytes]] = []
        self.lines: list[str] = []

    def paste(self, line: str, shell: str = "bash") -> subprocess.Popen[bytes]:
        """Paste a line."""
        self.lines.append(line)
        process = subprocess.Popen(
            [shell, "-c", line],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.shells.append(process)
        return process

    def later(self, line: str) -> None:
        """Paste it; for callbacks."""
        self.paste(line)

    async def said(self, number: int = 0) -> str:
        """What a shell printed until its end."""
        out, _ = await asyncio.to_thread(self.shells[number].communicate, None, PATIENCE)
        return out.decode()

    def hang_up(self, number: int = 0) -> None:
        """Kill a shell with all that it runs."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.shells[number].pid, signal.SIGKILL)

    def agents(self) -> list[str]:
        """Command lines of what runs on this board."""
        running = []
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if process.name.isdigit() and (
                    f"HOME={self.home}\0".encode() in (process / "environ").read_bytes()
                ):
                    running.append((process / "cmdline").read_bytes().decode())
        return running
