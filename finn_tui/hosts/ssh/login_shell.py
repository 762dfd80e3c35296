"""Command lines that any login shell hands on unchanged: sh and bash, but also csh and fish."""

from __future__ import annotations

import shlex
import string
from collections.abc import Sequence

#: csh ends a word at a line's end even in quotes and takes ``!`` for its history; fish takes a
#: backslash in single quotes for its own.
_ODD = frozenset("\n\r!\\")
#: What is no sign of any shell's inside quotes, nor of printf's.
_PLAIN = frozenset(string.ascii_letters + string.digits + " ,-./:;<=>?@[]^_{}|~#&()*+")


def line_of(command: Sequence[str]) -> str:
    """Return the line that runs a command.

    Args:
        command: program and arguments.
    """
    line = shlex.join(command)
    return line if _ODD.isdisjoint(line) else portable(f"exec {line}")


def portable(line: str) -> str:
    """Return a line that has sh do what another one says, whatever the login shell is.

    Args:
        line: of sh; one that all shells read alike stays as it is.
    """
    if _ODD.isdisjoint(line):
        return line
    return f"""exec sh -c 'eval "$(printf "{"".join(map(_octal, line))}")"'"""


def _octal(sign: str) -> str:
    if sign in _PLAIN:
        return sign
    # printf ends a number after three digits.
    return "".join(f"\\{byte:03o}" for byte in sign.encode("utf-8", "surrogateescape"))
