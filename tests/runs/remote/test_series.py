"""The folders of a sweep go to a host as one file: what they share once, and all or none."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace as replace_struct

from finn_tui.base import files
from finn_tui.base.progress import OnProgress, Progress
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import arrival
from finn_tui.hosts.catalogue import SlurmEntry
from finn_tui.runs import scheduled
from finn_tui.runs.folder import RunFolder, list_runs
from finn_tui.runs.launch.launch import BuildRequest
from finn_tui.runs.placement import Stage, read_placement
from finn_tui.runs.remote import jobs, send, series
from finn_tui.runs.remote.follow import Follower
from finn_tui.runs.remote.link import Link
from tests.runs.remote.conftest import Server
from tests.runs.remote.test_cluster import requests

#: Bytes of a network whose content is the same in every run of a sweep.
NETWORK = 300_000


class Sent:
    """Stands for Slurm: keeps which runs it was asked for."""

    def __init__(self) -> None:
        self.runs: list[RunFolder] = []

    async def __call__(
        self, link: Link, runs: Sequence[RunFolder], on_progress: OnProgress | None = None
    ) -> None:
        """Take a job."""
        self.runs += runs


@pytest.fixture
def sent(server: Server, fake_archive: Path, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """A host whose jobs are only counted, on a line that takes one small piece at a time."""
    sent = Sent()
    server.host = replace_struct(server.host, slurm=SlurmEntry())
    monkeypatch.setattr(jobs, "submit_jobs", sent)
    monkeypatch.setattr(jobs, "engine_archive", lambda: fake_archive)
    monkeypatch.setattr(send, "_PIECE", 1 << 14)
    monkeypatch.setattr(send, "_MOST_PIECES", 1)
    return sent


def sweep(folder: Path, count: int) -> list[BuildRequest]:
    """Builds of one network."""
    asked = requests(folder, *[{}] * count)
    content = os.urandom(NETWORK)
    for request in asked:
        (request.folder / "sample").mkdir()
        (request.folder / "sample" / "input.npy").write_bytes(content)
    return asked


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a run that its host needs."""
    return {name: path.read_bytes() for name, path in send.files_of(RunFolder(folder))}


def there(run: RunFolder) -> Path:
    """A run's folder on the host."""
    placement = read_placement(run.path)
    assert placement is not None
    return Path(placement.folder)


async def test_what_all_runs_share_is_sent_once(server: Server, sent: Sent, tmp_path: Path) -> None:
    told: list[Progress] = []
    async with server.connect() as link:
        runs = await jobs.launch_jobs(
            sweep(tmp_path, 5), tmp_path / "runs", link, on_progress=told.append
        )
    assert sent.runs == runs
    for run in runs:
        assert contents(there(run)) == contents(run.path)
    series.pack(runs, tmp_path / "packed")
    size = (tmp_path / "packed").stat().st_size
    every = sum(len(content) for run in runs for content in contents(run.path).values())
    # One network, not five; what is around each file takes up to a kilobyte.
    assert size < every - 4 * NETWORK + 300_000
    left = {path.name for path in (tmp_path / "host" / "runs").iterdir()}
    assert left == {run.id for run in runs}
    assert not list((tmp_path / "runs" / scheduled.FOLDER).glob("*.tar"))


async def test_a_line_that_breaks_halfway_leaves_nothing_half_and_is_taken_up(
    server: Server, sent: Sent, tmp_path: Path
) -> None:
    told: list[Progress] = []

    def cut_halfway(progress: Progress) -> None:
        told.append(progress)
        if progress.message.startswith("sending") and (progress.fraction or 0) > 0.5:
            server.cut()

    async with server.connect() as link:
        runs = await jobs.launch_jobs(
            sweep(tmp_path, 3), tmp_path / "runs", link, on_progress=cut_halfway
        )
    assert sent.runs == []
    assert f"finn-tui attach {runs[0].id}" in told[-1].message
    assert "the sweep of 3 builds is sent further" in told[-1].message
    (part,) = (tmp_path / "host" / "runs").iterdir()
    assert part.suffix == ".tar" and part.stat().st_size > NETWORK // 2
    for run in runs:
        placement = read_placement(run.path)
        assert placement is not None and placement.unsent
        assert str(run.state().state) == "queued"

    told.clear()
    async with server.connect() as link:
        # Whoever follows one of them goes on with all.
        await jobs.send_unsent(link, runs[1:2], told.append)
    assert any("are there already" in one.message for one in told)
    assert sent.runs == runs
    assert all(contents(there(run)) == contents(run.path) for run in runs)


async def test_a_run_that_is_cancelled_meanwhile_is_no_part_of_the_array(
    server: Server, sent: Sent, tmp_path: Path
) -> None:
    def cut(progress: Progress) -> None:
        if progress.message.startswith("sending"):
            server.cut()

    async with server.connect() as link:
        runs = await jobs.launch_jobs(sweep(tmp_path, 3), tmp_path / "runs", link, on_progress=cut)
    async with server.connect() as link:
        (state,) = await jobs.cancel([runs[1]], link)
        assert str(state.state) == "cancelled"
        await Follower(lambda: list_runs(tmp_path / "runs"), server.connect).look(link, runs)
    assert sent.runs == [runs[0], runs[2]]
    assert str(RunFolder(there(runs[1])).state().state) == "cancelled"
    placement = read_placement(runs[1].path)
    assert placement is not None and placement.stage is Stage.SETTLED


def pack(path: Path, *members: tuple[str, bytes | str]) -> str:
    """A tar file of files, and of links where the content is a name; returns its hash."""
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.LNKTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return files.sha256(path)


WHOLE = (("a/run.json", b"{}"), ("a/big", b"x" * 9), ("b/run.json", b"{}"), ("b/big", "a/big"))


def test_folders_that_are_there_are_left_alone(tmp_path: Path) -> None:
    packed = tmp_path / ".job.tar"
    digest = pack(packed, *WHOLE)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "run.json").write_text("another")
    folders = [str(tmp_path / name) for name in "ab"]
    request = {"packed": str(packed), "sha256": digest, "folders": folders}
    assert arrival.receive_many(request) == {"made": 1}
    assert (tmp_path / "a" / "run.json").read_text() == "another"
    assert (tmp_path / "b" / "big").read_bytes() == b"x" * 9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    # The answer was lost: asked again, there is nothing to do.
    assert arrival.receive_many(request) == {"made": 0}


@pytest.mark.parametrize(
    "members",
    [
        (*WHOLE[:3], ("b/big", "/etc/hostname")),
        (*WHOLE[:3], ("b/../../c", b"")),
        (*WHOLE[:2], ("run.json", b"{}")),
        # A folder is missing, or has no request.
        WHOLE[:2],
        (*WHOLE[:2], ("b/big", b"x")),
    ],
)
def test_what_is_odd_in_one_folder_makes_none(
    tmp_path: Path, members: tuple[tuple[str, bytes | str], ...]
) -> None:
    place = tmp_path / "runs"
    place.mkdir()
    packed = place / ".job.tar"
    digest = pack(packed, *members)
    folders = [str(place / name) for name in "ab"]
    with pytest.raises(EngineError):
        arrival.receive_many({"packed": str(packed), "sha256": digest, "folders": folders})
    assert [path.name for path in place.iterdir()] == [".job.tar"]


def test_folders_that_did_not_arrive_as_they_were_sent_are_refused(tmp_path: Path) -> None:
    packed = tmp_path / ".job.tar"
    pack(packed, *WHOLE)
    folders = [str(tmp_path / name) for name in "ab"]
    with pytest.raises(EngineError, match="not arrived as it was sent"):
        arrival.receive_many({"packed": str(packed), "sha256": "0" * 64, "folders": folders})
    assert list(tmp_path.iterdir()) == []
