"""A Zynq has no clock of its own: its time jumps from 1970 to now when its network comes up."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from finn_tui.board.agent import driver
from finn_tui.board.jupyter import session

_RUNNER = Path(session.__file__).with_name("runner.py")
#: Each look at the wall clock finds it eleven days later.
_JUMPING = """
import itertools, time
wall, jumps = time.time, itertools.count(1)
time.time = lambda: wall() + 1e6 * next(jumps)
"""


def test_a_clock_that_jumps_ends_no_work(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _JUMPING + f"exec(open({str(_RUNNER)!r}).read())"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
    ) as process:
        assert process.stdin is not None and process.stdout is not None

        def ask(**request: Any) -> Any:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline() or b"null")

        assert "hello" in json.loads(process.stdout.readline())
        assert ask(op="ping", silence=600.0) == {"id": 0}
        # It looks twice a second whether somebody still speaks.
        time.sleep(1.2)
        answer = ask(id=1, op="stat", path="/")
        assert answer is not None and answer["id"] == 1
        process.stdin.close()
        assert process.wait(60) == 0


def test_how_long_another_uses_the_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = itertools.count(1)
    monkeypatch.setattr(time, "time", lambda: 1e6 * next(jumps))
    unused: Any = None
    descriptor = driver.only_one(unused, str(tmp_path), "ann@pc")
    try:
        seconds = re.fullmatch(r"ann@pc \(for (\d+) s\)", driver._holder(str(tmp_path)))
        assert seconds is not None and int(seconds[1]) < 10_000
    finally:
        os.close(descriptor)
