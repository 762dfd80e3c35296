"""What the archive does for runs on a host, each job asked in a process of its own."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from finn_tui.engine.server.runs import remote, runfiles
from tests.hosts import namespace
from tests.runs.conftest import STEPS
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="builds run on Linux")
#: What starts the archive in a process namespace, where a test signals processes.
ENTER: list[str] = []
ID = "20260102T030405Z-net-00ff"


def ask(archive: Path, job: str, **request: Any) -> dict[str, Any]:
    done = subprocess.run(
        [*ENTER, sys.executable, str(archive), job],
        input=json.dumps(request).encode(),
        capture_output=True,
        timeout=300,
        check=True,
    )
    line = done.stdout.decode().splitlines()[-1]
    answer: dict[str, Any] = json.loads(line.removeprefix(remote.MARK))
    return answer


def good(archive: Path, job: str, **request: Any) -> dict[str, Any]:
    answer = ask(archive, job, **request)
    result: dict[str, Any] = answer["result"]
    return result


def run_files(**plan: Any) -> dict[str, bytes]:
    document = {"id": ID, "rehearsal": {"seconds": 1}, "board": "Pynq-Z2", "clock_ns": 10.0}
    state = {"state": "queued", "heartbeat": time.time()}
    return {
        "run.json": json.dumps(document).encode(),
        "state.json": json.dumps(state).encode(),
        "model.onnx": json.dumps({"steps": STEPS, **plan}).encode(),
        "rehearsal/Vivado/2022.2/bin/vivado": b"#!/bin/sh\n",
    }


def pack(path: Path, files: dict[str, bytes], **odd: tarfile.TarInfo) -> str:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755 if "bin/" in name else 0o644
            archive.addfile(member, io.BytesIO(content))
        for member in odd.values():
            archive.addfile(member)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def arrived(tmp_path: Path, fake_archive: Path) -> Path:
    """A run folder that has arrived and was not started."""
    return arrive(tmp_path, fake_archive, seconds=0.2)


def arrive(tmp_path: Path, archive: Path, **plan: Any) -> Path:
    files = {**run_files(**plan), "engine.pyz": archive.read_bytes()}
    packed, folder = tmp_path / "packed.tar", tmp_path / "host" / "runs" / ID
    digest = pack(packed, files)
    folder.parent.mkdir(parents=True, exist_ok=True)
    request = {"packed": str(packed), "sha256": digest, "folder": str(folder)}
    assert good(archive, "receive", **request)["again"] is False
    assert not packed.exists()
    assert os.access(folder / "rehearsal/Vivado/2022.2/bin/vivado", os.X_OK)
    # A line that broke before the answer came: the same is asked again.
    assert good(archive, "receive", **request)["again"] is True
    return folder


def listed(archive: Path, folder: Path, **more: Any) -> dict[str, Any]:
    (answer,) = good(archive, "listing", runs=[{"folder": str(folder), **more}])["runs"]
    assert isinstance(answer, dict)
    return answer


def until(archive: Path, folder: Path, *states: str) -> dict[str, Any]:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        answer = listed(archive, folder)
        if answer["state"]["state"] in states:
            return answer
        time.sleep(0.1)
    raise AssertionError(answer)


def test_a_run_is_started_once_and_listed_to_its_end(arrived: Path, fake_archive: Path) -> None:
    first = good(fake_archive, "start", folder=str(arrived), parallel=1)
    assert first["state"]["pid"] and first["way"] in ("session", "systemd")
    again = good(fake_archive, "start", folder=str(arrived), parallel=1)
    assert again["way"] == ""
    assert again["state"]["pid"] == first["state"]["pid"]
    answer = until(fake_archive, arrived, "succeeded")
    names = [file[0] for file in answer["files"]]
    assert {"events.jsonl", "results.json", "runner.log", "run.json"} <= set(names)
    assert not any("intermediate_models" in name or "state.json" in name for name in names)
    assert answer["complete"] and answer["free"] > 0
    assert len((arrived / "worked").read_text().splitlines()) == 2
    # What is known is not told again.
    since = answer["newest"] + 60 * 10**9
    assert listed(fake_archive, arrived, since=since)["files"] == []


def test_cancel_proves_the_process_and_ends_it(tmp_path: Path, fake_archive: Path) -> None:
    folder = arrive(tmp_path, fake_archive, seconds=60)
    good(fake_archive, "start", folder=str(folder))
    until(fake_archive, folder, "running")
    assert good(fake_archive, "cancel", folder=str(folder))["state"]["state"] == "cancelled"
    # Where the line broke before the answer came.
    assert good(fake_archive, "cancel", folder=str(folder))["state"]["state"] == "cancelled"
    resumed = good(fake_archive, "start", folder=str(folder), resume=STEPS[0])
    assert resumed["state"]["attempt"] == 2
    again = ask(fake_archive, "start", folder=str(folder), resume=STEPS[0])
    assert again["error"]["fix"] == f"Follow it: finn-tui attach {ID}"
    good(fake_archive, "cancel", folder=str(folder))


def test_a_runner_that_was_killed_is_lost_by_the_hosts_word(
    tmp_path: Path, fake_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (why := namespace.missing()) is not None:
        pytest.skip(why)
    with namespace.Namespace() as space:
        monkeypatch.setattr(sys.modules[__name__], "ENTER", space.inside)
        _killed_and_lost(tmp_path, fake_archive, space)


def _killed_and_lost(tmp_path: Path, fake_archive: Path, space: namespace.Namespace) -> None:
    folder = arrive(tmp_path, fake_archive, seconds=60)
    pid = good(fake_archive, "start", folder=str(folder))["state"]["pid"]
    until(fake_archive, folder, "running")
    space.kill(pid)
    state = until(fake_archive, folder, "lost")["state"]
    assert "gone" in state["error"]["why"]
    assert good(fake_archive, "clean", folder=str(folder), all=True)["bytes"] > 0
    assert not folder.exists()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("../out", tarfile.REGTYPE), ("/out", tarfile.REGTYPE), ("link", tarfile.SYMTYPE)],
)
def test_what_no_run_folder_holds_is_refused(
    tmp_path: Path, fake_archive: Path, name: str, kind: bytes
) -> None:
    odd = tarfile.TarInfo(name)
    odd.type, odd.linkname = kind, "/etc/passwd"
    digest = pack(tmp_path / "packed.tar", run_files(), odd=odd)
    folder = tmp_path / "runs" / ID
    folder.parent.mkdir()
    answer = ask(
        fake_archive,
        "receive",
        packed=str(tmp_path / "packed.tar"),
        sha256=digest,
        folder=str(folder),
    )
    assert "none does" in answer["error"]["what"]
    assert not folder.exists() and not (tmp_path / "out").exists()


def test_a_broken_upload_is_not_unpacked(tmp_path: Path, fake_archive: Path) -> None:
    packed = tmp_path / "packed.tar"
    pack(packed, run_files())
    request = {"packed": str(packed), "sha256": "0" * 64, "folder": str(tmp_path / ID)}
    answer = ask(fake_archive, "receive", **request)
    assert "not arrived" in answer["error"]["what"]
    assert not packed.exists()


def test_links_and_large_names_are_not_listed(arrived: Path, fake_archive: Path) -> None:
    (arrived / "build").mkdir()
    (arrived / "build" / "secret.log").symlink_to("/etc/passwd")
    (arrived / "build" / "real.log").write_text("x")
    (arrived / "finn_build_dir").symlink_to("/etc")
    names = [file[0] for file in listed(fake_archive, arrived)["files"]]
    assert "build/real.log" in names
    assert not any("secret" in name or "finn_build_dir" in name for name in names)


def test_state_that_is_replaced_right_now_is_waited_for(tmp_path: Path) -> None:
    from threading import Timer

    from finn_tui.engine.server.runs import runcontrol

    timer = Timer(0.15, lambda: (tmp_path / runfiles.STATE).write_text('{"state": "running"}'))
    timer.start()
    assert runcontrol.read_state(str(tmp_path))["state"] == "running"


@pytest.mark.parametrize("name", ["vitis_hls", "vitis-run"])
def test_hls_is_found_by_its_old_and_its_new_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from finn_tui.engine.server.tools import tools

    place = tmp_path / "Vitis" / "2025.1" / "bin" / name
    place.parent.mkdir(parents=True)
    place.write_text("#!/bin/sh\n")
    place.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XILINX_VITIS", str(place.parents[1]))
    assert tools()["vitis_hls"] == {"path": str(place), "version": "2025.1"}
