"""A process namespace: what a test starts in it and signals there can be no process of others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from tests.waiting import PATIENCE

#: The first process: leaves no zombies, and ends all others with itself.
_FIRST = (
    "import signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
    "print(flush=True); sys.stdin.read()"
)


def missing() -> str | None:
    """Why none can be made here; None if one can."""
    if os.geteuid() != 0:
        return "sshd and its sessions enter a process namespace as root only"
    for tool in ("unshare", "nsenter"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    done = subprocess.run(["unshare", "-pf", "--mount-proc", "true"], capture_output=True)
    return None if done.returncode == 0 else "no process namespaces here (unshare -pf)"


class Namespace:
    """A process namespace for as long as the block lasts."""

    def __enter__(self) -> Namespace:
        self._outer = subprocess.Popen(
            ["unshare", "-pf", "--mount-proc", "--kill-child", sys.executable, "-c", _FIRST],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._outer.stdout is not None
        self._outer.stdout.readline()
        path = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children")
        self._first = path.read_text().split()[0]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._outer.stdin is not None
        self._outer.stdin.close()
        self._outer.wait(PATIENCE)

    @property
    def inside(self) -> list[str]:
        """What starts a command in it."""
        return ["nsenter", "-t", self._first, "-p", "-m"]

    @property
    def children_inside(self) -> list[str]:
        """What starts a command here whose children are in it."""
        return [*self.inside, "--no-fork"]

    def kill(self, pid: int, signal: int = 9) -> None:
        """Signal a process by its number in it."""
        subprocess.run([*self.inside, "kill", f"-{signal}", str(pid)], check=True)

    def environment(self, pid: int) -> dict[bytes, bytes]:
        """The variables of a process by its number in it."""
        command = [*self.inside, "cat", f"/proc/{pid}/environ"]
        content = subprocess.run(command, check=True, capture_output=True).stdout
        pairs = (one.partition(b"=") for one in content.split(b"\0") if one)
        return {name: value for name, _, value in pairs}
