"""Run folders that another machine has sent: whole or not at all; see tests/runs/remote, too."""

from __future__ import annotations

import fcntl
import hashlib
import io
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import arrival
from tests.waiting import PATIENCE


def request(tmp_path: Path, *members: tarfile.TarInfo) -> dict[str, Any]:
    """The request for a packed run with a run.json and other members."""
    packed, document = tmp_path / ".r1.tar", tarfile.TarInfo("run.json")
    with tarfile.open(packed, "w") as tar:
        for member in (document, *members):
            member.size = 2 if member.isreg() else 0
            tar.addfile(member, io.BytesIO(b"{}"))
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    return {"packed": str(packed), "sha256": digest, "folder": str(tmp_path / "runs/r1")}


def odd(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    """A member of an archive that no run has."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc"
    return member


@pytest.mark.parametrize(
    "member",
    [
        odd("a/../../out"),
        odd("link", tarfile.LNKTYPE),
        odd("pipe", tarfile.FIFOTYPE),
        odd("run.json"),
    ],
    ids=lambda member: f"{member.name} {member.type.decode()}",
)
def test_what_leads_out_of_the_folder_leaves_nothing(
    member: tarfile.TarInfo, tmp_path: Path
) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(EngineError):
        arrival.receive(request(tmp_path, member))
    assert not any((tmp_path / "runs").iterdir())
    assert not (tmp_path / "out").exists()


def test_two_attempts_do_not_unpack_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one, whose line broke, still works when the second one comes."""
    (tmp_path / "runs/.r1.partial").mkdir(parents=True)
    asked, answers = request(tmp_path), []
    second = threading.Thread(target=lambda: answers.append(arrival.receive(asked)))
    with Path(asked["packed"]).open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        second.start()
        second.join(0.5)
        assert (tmp_path / "runs/.r1.partial").is_dir()
        (tmp_path / "runs/.r1.partial/run.json").write_text("first")
        (tmp_path / "runs/.r1.partial").rename(tmp_path / "runs/r1")
    second.join(PATIENCE)
    assert answers == [{"folder": asked["folder"], "again": True}]
    assert (tmp_path / "runs/r1/run.json").read_text() == "first"

    asked = dict(request(tmp_path), folder=str(tmp_path / "runs/r2"))
    monkeypatch.setattr(arrival, "PATIENCE_SECONDS", 0.2)
    with Path(asked["packed"]).open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(EngineError, match="still being unpacked"):
            arrival.receive(asked)
