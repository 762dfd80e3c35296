"""What lies on a board: never half of a deploy, listed, removed; and a disk that is full."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.board import execution
from finn_tui.board.catalogue import Board, find
from finn_tui.board.connection import connect
from finn_tui.board.deploy import MANIFEST, deploy
from finn_tui.board.deployed_answers import Deployment
from finn_tui.board.deployments import list_deployments, remove_deployments, to_remove
from finn_tui.board.throughput import throughput
from finn_tui.board.transport import Transport
from finn_tui.hosts.ssh.sftp_files import SftpFiles
from finn_tui.rehearsal import board as rehearsal_board
from finn_tui.rehearsal.board import default_folder
from tests.board import samples
from tests.waiting import until


@pytest.fixture
async def link(board_home: None) -> AsyncIterator[Transport]:
    async with connect(find("simulated")) as opened:
        yield opened


def home() -> Path:
    return default_folder() / "home" / "finn-tui"


async def test_a_deploy_that_broke_off_in_the_switch_is_never_run(
    link: Transport, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are replaced one by one: until the last, the board refuses to load them."""
    await deploy(link, run_folder)
    await execution.execute(link, run_folder)
    deployed = run_folder / "build" / "deploy"
    samples.write_bitstream(deployed / "bitfile" / "finn-accel.bit", samples.network_bytes(3))
    settings = samples.settings()
    settings["experiment_information"] = {"another": "build"}
    (deployed / "driver" / "settings.json").write_text(json.dumps(settings))
    renamed = SftpFiles.rename

    async def breaks(files: SftpFiles, path: str, target: str) -> None:
        if target.endswith("settings.json"):
            raise ConnectionResetError("the line broke")
        await renamed(files, path, target)

    with monkeypatch.context() as patch:
        patch.setattr(SftpFiles, "rename", breaks)
        with pytest.raises(FinnTuiError, match="line to"):
            await deploy(link, run_folder)
    with pytest.raises(FinnTuiError, match="not whole") as caught:
        await execution.execute(link, run_folder)
    assert "broke off while files were replaced" in caught.value.why
    listed = {entry.folder: entry for entry in (await list_deployments(link)).entries}
    assert not listed[f"runs/{run_folder.name}"].whole
    await deploy(link, run_folder)
    await execution.execute(link, run_folder)


@pytest.mark.parametrize("name", ["driver/settings.json", "bitfile/finn-accel.bit"])
async def test_a_wrong_bit_is_found_before_anything_is_loaded(
    link: Transport, run_folder: Path, name: str
) -> None:
    await deploy(link, run_folder)
    path = home() / "runs" / run_folder.name / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(FinnTuiError, match=r"not whole|not the run's") as caught:
        await execution.execute(link, run_folder)
    assert "Deploy the run again; nothing was loaded" in caught.value.fix
    assert (await deploy(link, run_folder)).sent == (f"runs/{run_folder.name}/{name}",)


async def test_runs_on_a_board_are_listed_and_removed(
    link: Transport, run_folder: Path, tmp_path: Path
) -> None:
    other = samples.write_run(run_folder.with_name("20261126T130000-tfc-w1a1-cd34"))
    await deploy(link, run_folder)
    await deploy(link, other)
    left = home() / "runs" / run_folder.name / "reports"
    left.mkdir()
    (left / "predictions.npz").write_bytes(b"left by the driver")
    there = await list_deployments(link)
    runs = [entry for entry in there.entries if entry.kind == "runs"]
    assert [run.name for run in runs] == [other.name, run_folder.name], "the newest first"
    assert all(run.whole and run.who and run.time for run in runs)
    assert runs[0].bytes > 3000 and there.free_bytes > 0

    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("not ours")
    (left / "link").symlink_to(outside)
    done = await remove_deployments(link, to_remove(there.entries, keep=1))
    assert done.removed == [f"runs/{run_folder.name}"]
    assert not left.parent.exists() and (home() / "runs" / other.name).exists()
    assert (outside / "kept").exists(), "links are not followed"
    (home() / "runs" / "elsewhere").symlink_to(outside)
    with pytest.raises(FinnTuiError, match="symbolic link"):
        await remove_deployments(link, [replaced(runs[0], "runs/elsewhere")])
    for wrong in ("runs/..", "../x", "/etc", "keys/client", "runs/a/b"):
        with pytest.raises(FinnTuiError, match="no run on the board"):
            await remove_deployments(link, [replaced(runs[0], wrong)])
    assert (outside / "kept").exists()


async def test_so_many_runs_stay_as_the_board_says(link: Transport, run_folder: Path) -> None:
    link.board = replace(link.board, keep=2)
    runs = [run_folder]
    for number in range(3):
        runs.append(samples.write_run(run_folder.with_name(f"20261126T13000{number}-tfc-ab00")))
    for run in runs[:3]:
        await deploy(link, run)
    names = {path.name for path in (home() / "runs").iterdir()}
    assert names == {runs[1].name, runs[2].name}
    await deploy(link, runs[1])
    await deploy(link, runs[3])
    await deploy(link, runs[1])
    assert runs[1].name in {path.name for path in (home() / "runs").iterdir()}
    assert len(list((home() / "runs").iterdir())) == 2


def replaced(entry: Deployment, folder: str) -> Deployment:
    return Deployment(folder, entry.kind, entry.files, entry.bytes)


def test_names_must_say_which() -> None:
    entries = [Deployment(f"runs/2026-tfc-{n}", "runs", 1, 1) for n in ("aa", "ba", "cc")]
    assert [run.name for run in to_remove(entries, ["cc"], keep=2)] == ["2026-tfc-cc"]
    with pytest.raises(FinnTuiError, match="several runs"):
        to_remove(entries, ["2026"])
    with pytest.raises(FinnTuiError, match="no run on the board is called dd"):
        to_remove(entries, ["dd"])


async def test_room_is_looked_for_first(
    lab: tuple[Transport, Path], run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, there = lab
    run = link.run

    async def full(*command: str, timeout: float = 30.0) -> tuple[int, bytes, bytes]:
        if command[0] == "df":
            lines = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/ 9 9 7 99% /\n"
            return 0, lines.encode(), b""
        return await run(*command, timeout=timeout)

    files = await link.files(link.board.folder)
    free = await files.free()
    disk = os.statvfs(there)
    assert free is not None and abs(free - disk.f_bavail * disk.f_frsize) < 1 << 30

    async def unknown(*arguments: object) -> None:
        raise asyncssh.SFTPOpUnsupported("statvfs")

    monkeypatch.setattr(asyncssh.SFTPClient, "statvfs", unknown)
    monkeypatch.setattr(link, "run", full)
    with pytest.raises(FinnTuiError, match=r"lab has not enough room: 4 MB needed, 7 kB free"):
        await deploy(link, run_folder)
    assert not (there / "finn-tui" / "runs").exists(), "nothing was sent"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The home of the board in ``tmp_path / "board"``, on a disk of 300 kB."""
    disk = tmp_path / "board" / "home"
    disk.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)]
    if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


async def test_a_disk_that_fills_up_leaves_the_old_run(
    small_disk: Path, tmp_path: Path, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finn_tui.board.deploy.check_kind", lambda link, what: None)
    monkeypatch.setattr("finn_tui.board.deploy._MARGIN", -(1 << 30))
    running = rehearsal_board.running(folder=tmp_path / "board", python=Path(sys.executable))
    async with running as end:
        key = str(end.client_key)
        board = Board("lab", end.host, end.port, end.user, sudo=False, key=key)
        async with connect(board, trust=True) as link:
            await deploy(link, run_folder)
            bitfile = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
            old = bitfile.read_bytes()
            bitfile.write_bytes(old + os.urandom(1 << 20))
            with pytest.raises(FinnTuiError, match="file operation") as caught:
                await deploy(link, run_folder)
            assert "may be full" in caught.value.fix
            there = small_disk / "finn-tui" / "runs" / run_folder.name
            assert (there / "bitfile" / "finn-accel.bit").read_bytes() == old
            assert '"switching": false' in (there / MANIFEST).read_text()


async def test_a_board_that_reboots_in_the_middle(
    tmp_path: Path, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything there dies at once; the next deploy goes on where it was."""
    monkeypatch.setattr("finn_tui.board.deploy.check_kind", lambda link, what: None)
    bitfile = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
    bitfile.write_bytes(bitfile.read_bytes() + os.urandom(8 << 20))
    sent = asyncio.Event()

    async def attempt(reboot: bool) -> int:
        running = rehearsal_board.running(folder=tmp_path / "board", python=Path(sys.executable))
        async with running as end:
            key = str(end.client_key)
            board = Board("lab", end.host, end.port, end.user, sudo=False, key=key)
            async with connect(board, trust=True) as link:
                work = asyncio.create_task(
                    deploy(link, run_folder, lambda p: sent.set() if "bytes" in p.data else None)
                )
                if reboot:
                    await sent.wait()
                    await asyncio.sleep(0)
                    return await reboots(work, end.port)
                return (await work).bytes_resumed

    async def reboots(work: asyncio.Task[object], port: int) -> int:
        import psutil

        server = next(
            each.pid
            for each in psutil.net_connections("tcp4")
            if each.laddr and each.laddr.port == port and each.status == "LISTEN" and each.pid
        )
        process = psutil.Process(server)
        assert str(tmp_path) in " ".join(process.cmdline())
        process.kill()
        with pytest.raises(FinnTuiError, match=r"line to lab|connection to lab"):
            await work
        return 0

    await attempt(reboot=True)
    await attempt(reboot=False)
    there = tmp_path / "board" / "home" / "finn-tui" / "runs" / run_folder.name
    assert (there / "bitfile" / "finn-accel.bit").read_bytes() == bitfile.read_bytes()


async def test_who_uses_the_board_is_told(
    link: Transport, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finn_tui.board.agent_session import conversation

    monkeypatch.setattr("finn_tui.board.request.who", lambda: "ann@lab-pc")
    await deploy(link, run_folder)
    messages: list[str] = []
    async with conversation(link) as first:
        await throughput(link, run_folder, batches=[10], agent=first)
        other = asyncio.create_task(
            throughput(link, run_folder, lambda p: messages.append(p.message), batches=[10])
        )
        await until(lambda: any("ann@lab-pc" in text for text in messages))
        there = await list_deployments(link)
        with pytest.raises(FinnTuiError, match="another finn-tui works"):
            await remove_deployments(link, there.entries[:1])
    await other
    assert any("uses the board; waiting" in text for text in messages)
