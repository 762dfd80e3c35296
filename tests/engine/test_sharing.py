"""Run folders that a container works in as another user than their owner."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from finn_tui.engine.archive import engine_archive

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes other users")

OWNER, OTHER = 40001, 40002


@pytest.fixture
def folder() -> Iterator[Path]:
    """An ended run of OWNER in which FINN made a folder for its own user only."""
    top = Path(tempfile.mkdtemp(dir="/tmp"))
    top.chmod(0o755)
    run = top / "runs/run"
    (run / "finn_build_dir").mkdir(parents=True)
    (run / "state.json").write_text('{"state": "succeeded"}')
    for path in (top / "runs", run, run / "state.json"):
        os.chown(path, OWNER, OWNER)
    yield run
    shutil.rmtree(top)


def closed(run: Path, user: int) -> Path:
    """A log that a user's build has left where nobody else can look."""
    place = run / "finn_build_dir/vivado_1"
    place.mkdir(0o700)
    (place / "vivado.log").write_text("words")
    (place / "vivado.log").chmod(0o600)
    (place / "link").symlink_to("/etc/shadow")
    for path in (run / "finn_build_dir", place, place / "vivado.log"):
        os.chown(path, user, user)
    return place / "vivado.log"


def as_user(user: int, code: str) -> str:
    """Run Python code as a user, with the engine's code."""
    archive = engine_archive()
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o755)
        copy = shutil.copy(archive, place)
        Path(copy).chmod(0o644)
        code = f"import sys; sys.path.insert(0, {copy!r})\n{code}"
        command = ["/usr/bin/python3", "-c", code]
        done = subprocess.run(command, user=user, group=user, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


OPEN = "from finn_tui.engine.server.runs import sharing; sharing.open_up({folder!r}, {whole})"


def test_root_gives_the_owner_all_that_it_made(folder: Path) -> None:
    log = closed(folder, 0)
    as_user(0, OPEN.format(folder=str(folder), whole=False))
    assert log.parent.stat().st_uid == OWNER and log.stat().st_uid == 0, "the folder at once"
    as_user(0, OPEN.format(folder=str(folder), whole=True))
    assert log.stat().st_uid == OWNER and log.stat().st_mode & 0o777 == 0o600
    assert (log.parent / "link").lstat().st_uid == OWNER
    assert Path("/etc/shadow").stat().st_uid == 0, "a link is not followed"


def test_another_user_lets_the_owner_read(folder: Path) -> None:
    log = closed(folder, OTHER)
    as_user(OTHER, OPEN.format(folder=str(folder), whole=True))
    assert as_user(OWNER, f"print(open({str(log)!r}).read())") == "words\n"
    assert (log.stat().st_uid, log.stat().st_mode & 0o777) == (OTHER, 0o644)


def test_what_cannot_be_removed_is_said_and_tried_again(folder: Path) -> None:
    closed(folder, OTHER)
    request = {"folder": str(folder), "all": True}
    code = (
        "from finn_tui.engine.server.runs import remote\n"
        "from finn_tui.engine.protocol import EngineError\n"
        "import json\n"
        f"try: print(json.dumps(remote.clean({request!r})))\n"
        "except EngineError as error: print(json.dumps(error.as_dict()))\n"
    )
    error = json.loads(as_user(OWNER, code))
    assert error["what"] == "not all of run can be removed" and str(OTHER) in error["why"]
    (left,) = folder.parent.iterdir()
    assert not folder.exists() and f"sudo rm -rf {left}" in error["fix"]
    assert "bytes" in json.loads(as_user(0, code))
    assert not left.exists()
