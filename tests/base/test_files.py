"""Files are replaced whole and changed in turn, whatever else writes them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError


def test_a_write_that_fails_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "folder" / "file.json"
    files.replace(target, "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FinnTuiError, match="could not be written") as caught:
        files.replace(target, "new")
    assert caught.value.kind == "disk"
    assert target.read_text() == "old"
    assert [path.name for path in target.parent.iterdir()] == ["file.json"]


def test_a_symbolic_link_stays_one_and_permissions_are_kept(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles" / "finn-tui.toml"
    files.replace(kept, "a = 1\n")
    kept.chmod(0o640)
    link = tmp_path / "finn-tui.toml"
    link.symlink_to(kept)
    files.replace(link, "a = 2\n")
    assert link.is_symlink() and kept.read_text() == "a = 2\n"
    assert kept.stat().st_mode & 0o777 == 0o640


_ADD = """
import sys
from pathlib import Path
from finn_tui.base import files
for _ in range(20):
    files.update(Path(sys.argv[1]), lambda text: str(int(text or b"0") + 1).encode())
"""


def test_updates_of_several_processes_are_all_kept(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    adders = [subprocess.Popen([sys.executable, "-c", _ADD, str(counter)]) for _ in range(3)]
    assert [adder.wait() for adder in adders] == [0, 0, 0]
    assert counter.read_text() == "60"


def test_what_an_editor_writes_meanwhile_is_not_lost(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("first")
    calls: list[bytes] = []

    def change(content: bytes) -> bytes:
        calls.append(content)
        if len(calls) == 1:
            target.write_text("by an editor")
        return content + b"!"

    files.update(target, change)
    assert target.read_text() == "by an editor!"


def test_a_lock_that_is_held_for_long_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LOCK_SECONDS", 0.05)
    with (
        files.locked(tmp_path / "file"),
        pytest.raises(FinnTuiError, match="another finn-tui"),
        files.locked(tmp_path / "file"),
    ):
        pass


@pytest.mark.parametrize(
    ("kind", "why"),
    [("pipe", "a pipe"), ("device", "a device"), ("folder", "directory"), ("large", "larger")],
)
def test_only_a_bounded_regular_file_is_read(tmp_path: Path, kind: str, why: str) -> None:
    path = tmp_path / "file"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"12345")
    with pytest.raises(OSError, match=why):
        files.read_bounded(path, 4)
    path = tmp_path / "good"
    path.write_bytes(b"1234")
    assert files.read_bounded(path, 4) == b"1234"
