"""What a transport must know of the machine at its other end, and what messages call it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: What a machine is to finn-tui; also the kind of errors about it.
Word = Literal["board", "host"]


@dataclass(frozen=True)
class Machine:
    """A machine that is reached.

    Attributes:
        name: what users call it.
        word: what it is, "board" or "host": in messages, and the kind of errors. Its file is
            ``boards.toml`` or ``hosts.toml``, its command ``boards`` or ``hosts``.
        address: its address, a name from the user's SSH configuration, or that of its Jupyter
            server; empty for this machine.
        port: SSH port; 0 leaves it to the SSH configuration (usually 22).
        user: login name; empty leaves it to the SSH configuration.
        key: private key file; empty leaves it to the SSH configuration.
        jump_for: name of the machine that it is a jump host for; empty if it is none.
    """

    name: str
    word: Word = "host"
    address: str = ""
    port: int = 0
    user: str = ""
    key: str = ""
    jump_for: str = ""

    @property
    def login_kind(self) -> Literal["board", "login"]:
        """The kind of errors that only the user can mend: logins and host keys."""
        return "board" if self.word == "board" else "login"

    @property
    def catalogue(self) -> str:
        """The name of the file that it is written in."""
        return catalogue(self.word)

    @property
    def label(self) -> str:
        """Its name, and its address where that is another one."""
        return self.name if self.address == self.name else f"{self.name} ({self.address})"

    @property
    def where(self) -> str:
        """Its name, and its address and port where they say more."""
        place = f"{self.address}:{self.port}" if self.port else self.address
        return self.name if place == self.name else f"{self.name} ({place})"

    @property
    def login(self) -> str:
        """What ``ssh`` is given to reach it: its address, with the login name if there is one."""
        return f"{self.user}@{self.address}" if self.user else self.address


def split_address(text: str) -> tuple[str, str, int] | None:
    """Split ``[USER@]ADDRESS[:PORT]``, with an IPv6 address in brackets where a port follows.

    Args:
        text: as a user or the SSH configuration has it.

    Returns:
        user, address and port, empty and 0 where there is none; None for what has another form.
    """
    user, _, place = text.rpartition("@")
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        port = port.removeprefix(":")
    elif place.count(":") > 1:
        host, port = place, ""
    else:
        host, _, port = place.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and int(port) < 65536)):
        return None
    return user, host, int(port or 0)


def catalogue(word: Word) -> str:
    """The name of the file with the machines of that kind."""
    return f"{word}s.toml"
