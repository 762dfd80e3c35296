"""The simulated board's server: confined to its folder, and gone when it should be."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from finn_tui.rehearsal import board
from finn_tui.rehearsal.board import Endpoint
from tests.waiting import PATIENCE, until

PYTHON = Path(sys.executable)


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[Endpoint]:
    async with board.running(folder=tmp_path / "board", python=PYTHON) as running:
        yield running


def connect(
    endpoint: Endpoint, **options: str
) -> asyncssh.misc._ACMWrapper[asyncssh.SSHClientConnection]:
    given = {"client_keys": str(endpoint.client_key), **options}
    known = asyncssh.import_known_hosts(f"[127.0.0.1]:{endpoint.port} {endpoint.host_key}\n")
    return asyncssh.connect(
        "127.0.0.1",
        endpoint.port,
        username=endpoint.user,
        known_hosts=known,
        config=None,
        agent_path=None,
        **given,
    )


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False  # also gone between opening and reading


async def test_commands_see_a_board_and_not_this_machine(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(endpoint) as connection:
        done = await connection.run("pwd; env; echo out; echo err >&2; exit 7")
    assert done.exit_status == 7
    lines = str(done.stdout).splitlines()
    assert lines[0] == str(endpoint.home) and lines[-1] == "out"
    assert done.stderr == "err\n"
    names = {line.split("=")[0] for line in lines[1:-1]}
    assert "FINN_TUI_HOME" not in names and "HOME" in names
    home = next(line for line in lines if line.startswith("HOME="))
    assert home == f"HOME={endpoint.home}"


async def test_binary_streams_pass_unchanged(endpoint: Endpoint) -> None:
    data = bytes(range(256)) * 4000
    async with connect(endpoint) as connection:
        done = await connection.run("cat", input=data, encoding=None)
    assert done.stdout == data


async def test_sftp_shows_only_the_home(endpoint: Endpoint) -> None:
    (endpoint.home / "inside").write_text("here")
    async with connect(endpoint) as connection, connection.start_sftp_client() as sftp:
        assert await sftp.getcwd() == "/"
        assert "inside" in await sftp.listdir("/")
        for path in ("../keys/client", "/../../keys/host", str(endpoint.client_key)):
            with pytest.raises(asyncssh.SFTPNoSuchFile):
                await sftp.stat(path)
        async with sftp.open("new", "w") as file:
            await file.write("x")
    assert (endpoint.home / "new").read_text() == "x"


async def test_keys_are_private_and_others_are_refused(endpoint: Endpoint, tmp_path: Path) -> None:
    for name in ("client", "host"):
        mode = (endpoint.client_key.parent / name).stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    stranger.write_private_key(tmp_path / "stranger")
    with pytest.raises(asyncssh.PermissionDenied):
        await connect(endpoint, client_keys=str(tmp_path / "stranger"))
    with pytest.raises(asyncssh.PermissionDenied):
        await connect(endpoint, client_keys=str(tmp_path / "stranger"), password="xilinx")


async def test_listens_on_the_loopback_only(endpoint: Endpoint) -> None:
    wanted = f"{endpoint.port:04X}"
    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(":" + wanted)
    ]
    assert listening == [f"0100007F:{wanted}"]


STUBBORN = "trap '' HUP TERM PIPE; echo $$; sleep 600 & echo $!; wait"


async def test_a_command_dies_with_its_channel(endpoint: Endpoint) -> None:
    async with connect(endpoint) as connection:
        process = await connection.create_process(STUBBORN)
        pids = [int(await process.stdout.readline()) for _ in range(2)]
        assert all(alive(pid) for pid in pids)
        process.close()
        await until(lambda: not any(alive(pid) for pid in pids))
        assert (await connection.run("echo still here")).stdout == "still here\n"


async def test_what_left_the_session_of_its_command_dies_with_it(endpoint: Endpoint) -> None:
    async with connect(endpoint) as connection:
        done = await connection.run("setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $!")
        stray = int(str(done.stdout))
        await until(lambda: not alive(stray))


async def test_everything_dies_with_the_board(tmp_path: Path) -> None:
    async with board.running(folder=tmp_path / "board", python=PYTHON) as endpoint:
        connection = await connect(endpoint)
        process = await connection.create_process(STUBBORN)
        pids = [int(await process.stdout.readline()) for _ in range(2)]
    await until(lambda: not any(alive(pid) for pid in pids))
    with pytest.raises(OSError):
        await connect(endpoint)
    connection.abort()


async def test_a_killed_server_takes_its_commands_along(tmp_path: Path) -> None:
    async with board.running(folder=tmp_path / "board", python=PYTHON) as endpoint:
        connection = await connect(endpoint)
        process = await connection.create_process("echo $PPID; echo $$; exec sleep 600")
        server, command = [int(await process.stdout.readline()) for _ in range(2)]
        os.kill(server, 9)
        await until(lambda: not alive(command))
        connection.abort()


def io_of(pid: int) -> str:
    """What the kernel counts of a process's reads and writes."""
    return Path(f"/proc/{pid}/io").read_text()


async def test_it_ends_beside_a_command_whose_output_nobody_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "_END_SECONDS", 3600.0)
    async with asyncio.timeout(PATIENCE):
        async with board.running(folder=tmp_path / "board", python=PYTHON) as endpoint:
            connection = await connect(endpoint)
            process = await connection.create_process("echo $$; exec yes")
            command = int(await process.stdout.readline())
            # Until the channel and every pipe behind it are full.
            before, now = "", io_of(command)
            while now != before:
                await asyncio.sleep(1.0)
                before, now = now, io_of(command)
    connection.abort()


async def test_it_ends_when_nobody_comes(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "finn_tui.rehearsal.board",
        str(tmp_path / "board"),
        str(PYTHON),
        "0.3",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        assert await process.wait() == 0


async def test_two_at_a_time_share_folder_and_keys(tmp_path: Path) -> None:
    folder = tmp_path / "board"
    async with (
        board.running(folder=folder, python=PYTHON) as first,
        board.running(folder=folder, python=PYTHON) as second,
    ):
        assert first.port != second.port
        assert first.host_key == second.host_key
        async with connect(first) as one, connect(second) as two:
            await one.run("echo from one > note")
            assert (await two.run("cat note")).stdout == "from one\n"


async def test_both_make_the_keys_at_once(tmp_path: Path) -> None:
    async def start() -> str:
        running = board.running(folder=tmp_path / "board", python=PYTHON)
        async with running as endpoint, connect(endpoint):
            return endpoint.host_key

    keys = await asyncio.gather(start(), start(), start())
    assert len(set(keys)) == 1


async def test_no_shell_for_the_curious(endpoint: Endpoint) -> None:
    async with connect(endpoint) as connection:
        done = await connection.run()
    assert done.exit_status == 1 and "SIMULATED" in str(done.stderr)
