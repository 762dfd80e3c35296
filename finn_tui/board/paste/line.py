"""The line that is pasted into a board's terminal, and the program that it fetches."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path

#: What the line reads at most; the program is smaller.
_MOST_PROGRAM = 99_999


@dataclass(frozen=True)
class Capability:
    """What the line carries, made anew for each server.

    Attributes:
        path: the random path of the server; whoever knows it may fetch the program.
        key: authenticates every message; it never travels over HTTP.
    """

    path: str
    key: str

    @classmethod
    def new(cls) -> Capability:
        """Random ones of 96 and 136 bits."""
        # token_urlsafe may begin with "-" or "_", which is fine within a path and within quotes.
        return cls("/" + secrets.token_urlsafe(12), secrets.token_urlsafe(17))


def program(host: str, port: int, capability: Capability, *, sudo: bool) -> bytes:
    """The text that the board executes.

    Args:
        host: where the board reaches this machine.
        port: of the server there.
        capability: the server's; only its path gets into the text.
        sudo: whether the driver must run as root.
    """
    config = {"host": host, "port": port, "path": capability.path, "sudo": sudo}
    text = (Path(__file__).parent / "on_board.py").read_text(encoding="utf-8")
    # A __future__ import stands first, or it is an error.
    _, rest = text.split("from __future__ import annotations\n", 1)
    return (
        f"from __future__ import annotations\nCONFIG = {config!r}\n{rest}\nmain(CONFIG, k, b)\n"
    ).encode()


def pasted_line(host: str, port: int, capability: Capability, content: bytes) -> str:
    """The line for ``sh`` or ``bash``: fetches the program, checks its SHA-256 and executes it.

    It needs python3 only, which the driver needs as well. ``!`` and ``$`` do not occur, and no
    single quote within the quotes.

    Args:
        host: where the board reaches this machine.
        port: of the server there.
        capability: the server's.
        content: the program.
    """
    digest = hashlib.sha256(content).hexdigest()
    code = (
        f'import hashlib as h,http.client as c;k="{capability.key}";'
        f'r=c.HTTPConnection("{host}",{port},20);r.request("GET","{capability.path}");'
        f"b=r.getresponse().read({_MOST_PROGRAM});"
        f'exec(b if h.sha256(b).hexdigest()=="{digest}" '
        'else "exit(\\"wrong SHA-256, not run\\")")'
    )
    return f"python3 -c '{code}'"
