"""Text for people on the terminal, and yes-or-no questions."""

from __future__ import annotations

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
    click.echo(click.style(text, **style) if style else text, err=err, nl=nl)


def confirm(question: str) -> None:
    """Ask yes or no on the terminal; anything but yes ends the command."""
    click.confirm(one_line(question), abort=True, err=True)


def agrees(question: str) -> bool:
    """Ask yes or no on the terminal and return whether the answer is yes."""
    return click.confirm(one_line(question), err=True)
