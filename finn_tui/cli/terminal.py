"""Text for people on the terminal, and yes-or-no questions."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

import click

from finn_tui.base.text import for_terminal, one_line


def echo(text: str = "", *, err: bool = False, nl: bool = True, **style: Any) -> None:
    """Print text for people; the only way from here to a terminal.

    Args:
        text: from anywhere; escape sequences and bidi controls in it are left out.
        err: to stderr instead of stdout.
        nl: whether the line ends.
        style: as of ``click.style``, for all of it.
    """
    text = for_terminal(text)
    # A message that nobody can read changes nothing of the work, nor how it ended.
    with contextlib.suppress(OSError) if err else contextlib.nullcontext():
        click.echo(click.style(text, **style) if style else text, err=err, nl=nl)


def open_missing_streams() -> None:
    """Give a process that was started without some standard stream an empty one.

    Python has None in its place, and its number would become that of the next file that is opened,
    which would then have in it what other programs print.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor != number and not _is_open(number):
            os.dup2(descriptor, number)
            os.close(descriptor)
            descriptor = number
        os.set_inheritable(descriptor, descriptor == number)
        stream = os.fdopen(descriptor, mode, encoding="utf-8", errors="backslashreplace")
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def confirm(question: str) -> None:
    """Ask yes or no on the terminal; anything but yes ends the command."""
    click.confirm(one_line(question), abort=True, err=True)


def agrees(question: str) -> bool:
    """Ask yes or no on the terminal and return whether the answer is yes."""
    return click.confirm(one_line(question), err=True)
