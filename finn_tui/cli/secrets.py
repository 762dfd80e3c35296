"""What a board asks for while a command runs: its login's password, sudo's, a key's passphrase.

Each is asked for when it is needed and not before, kept in memory, and forgotten with the command.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click

from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.common import Reporter, echo, run

if TYPE_CHECKING:
    from finn_tui.board.agent_session import SudoRefused

T = TypeVar("T")
#: How often the same may be asked.
_MOST_TRIES = 3
PASSWORD_OPTION = click.option(
    "--ask-password",
    is_flag=True,
    help="Ask for passwords also where standard input is no terminal (each as it is needed; none "
    "is kept).",
)


@dataclass
class Secrets:
    """What the user has typed.

    Attributes:
        password: for logging in; a Jupyter server's password or token.
        sudo_password: for ``sudo`` on the board.
        passphrases: by the files of the keys.
    """

    password: str | None = None
    sudo_password: str | None = None
    passphrases: dict[str, str] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """As ``Workbench.board`` takes them."""
        return {
            "password": self.password,
            "sudo_password": self.sudo_password,
            "passphrases": self.passphrases,
        }


def run_with_secrets(
    work: Callable[[Reporter, Secrets], Coroutine[Any, Any, T]],
    *,
    ask: bool = False,
    secrets: Secrets | None = None,
) -> T:
    """Run work on a board; when it asks for something, ask the user and do the work again.

    Args:
        work: what was done of it stays done, so that it can begin again.
        ask: ask even if standard input is no terminal.
        secrets: what was typed for an earlier connection, and takes what is typed for this one.
    """
    secrets = Secrets() if secrets is None else secrets
    asked: Counter[str] = Counter()
    while True:
        try:
            with Reporter() as reporter:
                return run(work(reporter, secrets))
        except FinnTuiError as error:
            if not (ask or sys.stdin.isatty()):
                raise
            question = _question(error)
            if question is None or asked[question] >= _MOST_TRIES:
                raise
            asked[question] += 1
            _ask(error, secrets, question, again=asked[question] > 1)


def asks_user(error: FinnTuiError) -> bool:
    """Whether an answer that somebody can type helps against an error."""
    return sys.stdin.isatty() and _question(error) is not None


def _question(error: FinnTuiError) -> str | None:
    """What is to be asked for after an error; None if no answer helps."""
    from finn_tui.board.agent_session import SudoRefused
    from finn_tui.hosts.ssh.openssh_files import KeyEncrypted
    from finn_tui.hosts.transport import LoginRefused

    if isinstance(error, KeyEncrypted):
        return f"passphrase of {error.key}"
    if isinstance(error, SudoRefused):
        return f"password for sudo on {error.board.name}"
    if isinstance(error, LoginRefused):
        return f"password of {error.machine.name}"
    return None


def _ask(error: FinnTuiError, secrets: Secrets, question: str, *, again: bool) -> None:
    from finn_tui.board.agent_session import SudoRefused
    from finn_tui.hosts.ssh.openssh_files import KeyEncrypted

    if isinstance(error, KeyEncrypted):
        if again:
            echo("The passphrase does not open the key.", err=True)
        secrets.passphrases[str(error.key)] = _typed(question)
    elif isinstance(error, SudoRefused):
        echo("The password was refused." if again else f"{error.what}.", err=True)
        secrets.sudo_password = _sudo_password(error, secrets, question)
    else:
        echo("It was refused." if again else f"{error.what}: {error.why}", err=True)
        secrets.password = _typed(question)


def _sudo_password(error: SudoRefused, secrets: Secrets, question: str) -> str:
    """The login's password is sudo's as well on most boards; a Jupyter server's is not."""
    login = None if error.board.url else secrets.password
    if login is None or secrets.sudo_password is not None:
        return _typed(question)
    return _typed(f"{question} (empty: the same as the login's)", empty=True) or login


def _typed(question: str, *, empty: bool = False) -> str:
    # Never on the command line or in a file: argv is there for every user of the machine to read.
    default = "" if empty else None
    typed: str = click.prompt(question, default, hide_input=True, show_default=False, err=True)
    return typed
