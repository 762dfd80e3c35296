"""What a login asks for, asked on the terminal; answers are kept in memory only."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Protocol

import click

from finn_tui.base.text import one_line
from finn_tui.cli.terminal import confirm, echo

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from finn_tui.hosts.ssh.questions import Ask, Question


class Pausing(Protocol):
    """A bar of progress."""

    def paused(self) -> AbstractContextManager[None]:
        """Take it away while the block works."""


def asker(reporter: Pausing) -> Ask | None:
    """Whom a login may ask; None where nobody is at the terminal.

    Args:
        reporter: its bar is taken away while something is asked.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    async def ask(question: Question) -> str | None:
        # In the event loop on purpose: a thread that waits for a key could not be ended.
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with reporter.paused():
                return _answer(question)
        except click.Abort:
            signal.signal(signal.SIGINT, handler)
            signal.raise_signal(signal.SIGINT)
            return None
        finally:
            signal.signal(signal.SIGINT, handler)

    return ask


def _answer(question: Question) -> str | None:
    from finn_tui.hosts.ssh.questions import QuestionKind

    text = one_line(question.text)
    if question.kind is QuestionKind.HOST_KEY:
        echo(text, err=True)
        try:
            confirm("Is it the machine's own key, and shall it be remembered?")
        except click.Abort:
            return None
        return "yes"
    answer: str = click.prompt(
        text, hide_input=question.hidden, default="", show_default=False, err=True
    )
    return answer or None
