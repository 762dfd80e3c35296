"""The tests themselves: however they are started, children get signals as from a terminal."""

from __future__ import annotations

import signal
import subprocess
import sys

from tests.conftest import INHERITED

_CODE = """
import signal
ignored = signal.pthread_sigmask(signal.SIG_BLOCK, ())
print(sorted(int(number) for number in signal.valid_signals()
             if signal.getsignal(number) is signal.SIG_IGN or number in ignored))
"""


def _not_delivered(command: list[str]) -> set[int]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {int(number) for number in done.stdout.strip("[]\n").split(",") if number.strip()}


def test_no_signal_that_tests_send_is_ignored_in_their_children() -> None:
    child = [sys.executable, "-c", _CODE]
    assert not _not_delivered(child) & {int(number) for number in INHERITED}


def test_it_would_be_ignored_otherwise() -> None:
    child = f"trap '' INT HUP; exec {sys.executable} -c '{_CODE}'"
    assert {int(signal.SIGINT), int(signal.SIGHUP)} <= _not_delivered(["sh", "-c", child])
