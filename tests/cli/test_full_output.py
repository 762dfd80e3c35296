"""What takes a command's output is full or broken: one line says which, and no traceback."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import click
import pytest

from finn_tui.cli.lazy_group import LazyGroup


@pytest.mark.parametrize("words", [["--help"], ["runs", "--json"], ["runs"]], ids=" ".join)
def test_a_full_disk_is_said_in_words(words: list[str], tmp_path: Path) -> None:
    # Nothing more can be written to this device, by definition.
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "finn_tui.cli", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            text=True,
            timeout=300,
        )
    assert done.returncode == 1
    assert "error: not everything could be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_disk_that_fails_is_not_said_to_be_full(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object, **more: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(click.Group, "main", fail)
    with pytest.raises(SystemExit, match="1"):
        LazyGroup().main([])
    said = capsys.readouterr().err
    assert "Input/output error" in said and "disk is faulty" in said and "full" not in said


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"])
@pytest.mark.parametrize(
    ("words", "code"), [("inspect log.txt", 1), ("runs", 0), ("runs show last", 2)]
)
def test_a_command_without_a_standard_stream_does_its_work(
    tmp_path: Path, words: str, code: int, closed: str
) -> None:
    (tmp_path / "log.txt").write_text("ERROR: [Place 30-640] Place Check\n")
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m finn_tui.cli {words} {closed}', sys.executable],
        capture_output=True,
        cwd=tmp_path,
        text=True,
        timeout=60,
    )
    assert done.returncode == code
    assert "Traceback" not in done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["log.txt"]
