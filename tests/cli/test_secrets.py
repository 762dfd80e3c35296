"""Passwords are asked for one by one, when they are needed, and never more often than needed."""

from __future__ import annotations

import io
from typing import Any

import click
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.board.agent_session import SudoRefused
from finn_tui.board.catalogue import Board
from finn_tui.cli.common import Reporter
from finn_tui.cli.secrets import Secrets, run_with_secrets
from finn_tui.hosts.transport import LoginRefused

SSH = Board("lab", "10.0.0.9")
WEB = Board("web", "10.0.0.9", url="http://10.0.0.9:9090")


class Lock:
    """A board that wants a password for the login and one for sudo."""

    def __init__(self, board: Board, login: str, sudo: str) -> None:
        self.board, self.login, self.sudo = board, login, sudo
        self.tries = 0

    async def work(self, reporter: Reporter, given: Secrets) -> str:
        self.tries += 1
        if given.password != self.login:
            raise LoginRefused(self.board.machine, "Permission denied.")
        if given.sudo_password != self.sudo:
            raise SudoRefused(self.board)
        return "done"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[str]]:
    """What the user types, and what was asked."""
    answers: list[str] = []
    asked: list[str] = []

    def prompt(text: str, default: str | None = None, **options: Any) -> str:
        assert options["hide_input"] and options["err"]
        asked.append(text)
        answer = answers.pop(0)
        assert answer or default is not None
        return answer

    monkeypatch.setattr(click, "prompt", prompt)
    return answers, asked


def test_a_token_and_sudo_s_password_are_two(typed: tuple[list[str], list[str]]) -> None:
    answers, asked = typed
    answers += ["token", "mine"]
    lock = Lock(WEB, "token", "mine")
    assert run_with_secrets(lock.work, ask=True) == "done"
    assert asked == ["password of web", "password for sudo on web"]
    assert lock.tries == 3


def test_over_ssh_the_login_s_password_can_be_sudo_s(typed: tuple[list[str], list[str]]) -> None:
    answers, asked = typed
    answers += ["xilinx", ""]
    assert run_with_secrets(Lock(SSH, "xilinx", "xilinx").work, ask=True) == "done"
    assert asked[1].endswith("(empty: the same as the login's)")
    # It was not: then it must be typed.
    asked.clear()
    answers += ["xilinx", "", "other"]
    assert run_with_secrets(Lock(SSH, "xilinx", "other").work, ask=True) == "done"
    assert asked[2] == "password for sudo on lab"


def test_what_is_not_needed_is_not_asked(
    typed: tuple[list[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, asked = typed

    async def open_door(reporter: Reporter, given: Secrets) -> str:
        return "in"

    assert run_with_secrets(open_door, ask=True) == "in" and not asked
    # Three wrong ones are enough, of each.
    answers += ["a", "b", "c"]
    with pytest.raises(LoginRefused):
        run_with_secrets(Lock(SSH, "x", "x").work, ask=True)
    assert len(asked) == 3

    async def broken(reporter: Reporter, given: Secrets) -> str:
        raise FinnTuiError("the line broke")

    with pytest.raises(FinnTuiError, match="the line broke"):
        run_with_secrets(broken, ask=True)
    # Nobody to ask.
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(LoginRefused):
        run_with_secrets(Lock(SSH, "x", "x").work)
    assert len(asked) == 3
