"""The ways to reach a machine behind one interface: commands, files and a terminal there.

Nothing outside the transports knows which way it is.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.machine import Machine
from finn_tui.hosts.remote_files import RemoteFiles

#: Bytes of a command's output that are kept; what is beyond is dropped.
MOST_OUTPUT = 4 << 20


class LoginRefused(FinnTuiError):
    """The machine does not let us in with what it was given; a password may help.

    Attributes:
        machine: which one.
    """

    def __init__(self, machine: Machine, why: str, fix: str = "") -> None:
        """For a machine and what it said."""
        self.machine = machine
        super().__init__(
            f"{machine.label} does not let {machine.user or 'you'} in",
            why,
            fix or "Give its password or token when asked (--ask-password).",
            kind=machine.login_kind,
        )


class Unreachable(FinnTuiError):
    """The machine does not answer, or the line to it broke; it may well do so later."""


def took_too_long(machine: Machine, program: str, seconds: float) -> FinnTuiError:
    """A command was not done in its time."""
    return FinnTuiError(
        f"{program} on {machine.name} took longer than {seconds:g} s",
        f"The {machine.word} may be overloaded or its disk stuck.",
        f"Try again; if it stays so, restart the {machine.word}.",
        kind=machine.word,
    )


class RemoteProcess(Protocol):
    """A command that runs on a machine, with its input and its output."""

    @property
    def exit_status(self) -> int | None:
        """Its exit status; None while it runs, or where a signal ended it."""

    def write(self, data: bytes) -> None:
        """Send bytes to its standard input. Raises ``BrokenPipeError`` if it has ended."""

    async def readline(self) -> bytes:
        """The next line of its standard output; b"" at the end.

        A line longer than the transport's window comes in pieces: only the last ends with \\n.
        """

    async def read_error(self) -> bytes:
        """The next line of its standard error, or a piece of it; b"" at the end."""

    async def wait(self, seconds: float) -> None:
        """Wait until it has ended, but not longer than that."""

    def close(self) -> None:
        """Close its input and let go of it; a command that reads its input ends with that."""


class Console(Protocol):
    """An interactive terminal on a machine."""

    async def read(self) -> bytes:
        """What it printed since the last call; waits for something. b"" at the end."""

    def write(self, data: bytes) -> None:
        """Send keys."""

    def resize(self, columns: int, rows: int) -> None:
        """Tell it the size of the window."""

    async def close(self) -> None:
        """End it, with what runs in it."""


class Transport(Protocol):
    """An open connection to a machine.

    Attributes:
        machine: which one.
    """

    machine: Machine

    @property
    def is_closed(self) -> bool:
        """Whether the connection has ended."""

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """Run a command to its end: exit status, standard output, standard error.

        Args:
            command: the program and its arguments; no shell takes them apart.
            timeout: seconds that it may take.
            stdin: its standard input.

        Raises:
            FinnTuiError: it took longer than ``timeout`` seconds, or the line broke.
        """

    async def stream(self, command: str) -> RemoteProcess:
        """Start a command line of the shell. It ends, at the latest, with the connection."""

    async def files(self, base: str) -> RemoteFiles:
        """The files below a folder, which is made if it is missing.

        Args:
            base: the folder, absolute or relative to the home directory.
        """

    async def console(self, columns: int, rows: int) -> Console:
        """An interactive login shell in a terminal of that size.

        Raises:
            FinnTuiError: the machine gives none.
        """

    def translated(self) -> AbstractContextManager[None]:
        """What the transport raises in the block, as errors that say what to do."""
