"""Keys typed while a program starts, on a real pseudo terminal."""

from __future__ import annotations

import os
import pty
import select
import sys
import termios

import pytest

from finn_tui.base.early_keys import EarlyKeys


def test_keys_arrive_unchanged_and_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    typed = b"o\rx\x7f\x11\x1b[B"
    with os.fdopen(master, "rb", buffering=0), os.fdopen(slave, "r+b", buffering=0) as terminal:
        monkeypatch.setattr(sys, "__stdin__", terminal)
        before = termios.tcgetattr(slave)
        keys = EarlyKeys()
        keys.begin()
        os.write(master, typed)
        # Until the kernel has passed it on.
        assert select.select([slave], [], [], 60)[0]
        keys.end()
        assert termios.tcgetattr(slave) == before
        # As the app takes the terminal.
        keys.begin()
        os.set_blocking(slave, False)
        assert os.read(slave, 100) == typed
        os.set_blocking(master, False)
        with pytest.raises(BlockingIOError):
            os.read(master, 100)
        keys.end()
        keys.end()


def test_without_a_terminal_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "__stdin__", None)
    EarlyKeys().begin()
    read, write = os.pipe()
    with os.fdopen(read) as stdin, os.fdopen(write, "w"):
        monkeypatch.setattr(sys, "__stdin__", stdin)
        keys = EarlyKeys()
        keys.begin()
        keys.end()


@pytest.mark.parametrize("gone", ["before", "meanwhile"])
def test_a_terminal_that_goes_is_no_error(monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    def refuse(*_: object) -> None:
        raise termios.error(5, "Input/output error")

    master, slave = pty.openpty()
    with os.fdopen(master, "rb", buffering=0), os.fdopen(slave, "r+b", buffering=0) as terminal:
        monkeypatch.setattr(sys, "__stdin__", terminal)
        keys = EarlyKeys()
        if gone == "before":
            monkeypatch.setattr(termios, "tcsetattr", refuse)
        keys.begin()
        monkeypatch.setattr(termios, "tcsetattr", refuse)
        keys.end()
