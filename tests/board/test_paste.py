"""The paste-in way, for real: the printed line in a shell, on what stands in for a board."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.board import jobs
from finn_tui.board.catalogue import find
from finn_tui.board.paste import on_board, server
from finn_tui.board.paste.link import PasteLink
from finn_tui.board.paste.server import PasteServer, serving
from finn_tui.board.paste.session import (
    Listening,
    hosting,
    listening,
    parse_address,
    with_pasted,
)
from finn_tui.board.transport import Transport
from tests.board.pasted_terminal import Terminal
from tests.sources import syntax_tree
from tests.waiting import PATIENCE, until

HERE = Listening("127.0.0.1")


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    """A board without a driver."""
    opened = Terminal(tmp_path / "home", Path(sys.executable))
    yield opened
    for number in range(len(opened.shells)):
        opened.hang_up(number)


async def on(terminal: Terminal, job: Callable[[Transport], Awaitable[Any]]) -> Any:
    return await with_pasted(None, HERE, job, terminal.later)


async def gone(terminal: Terminal) -> list[str]:
    """What still runs on the board, if it does not end within moments."""
    with contextlib.suppress(TimeoutError):
        await until(lambda: not terminal.agents())
    return terminal.agents()


def port_of(line: str) -> int:
    return int(line.split('HTTPConnection("127.0.0.1",')[1].split(",")[0])


def path_of(line: str) -> str:
    return line.split('"GET","')[1].split('"')[0]


def is_closed(line: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port_of(line))) != 0


async def test_one_paste_from_the_run_to_its_results(
    run_folder: Path, tmp_path: Path, driver_python: Path
) -> None:
    board = Terminal(tmp_path / "home", driver_python)
    seen: list[Progress] = []

    async def job(link: Transport) -> Any:
        return await jobs.go(link, run_folder, seen.append)

    outcome = await with_pasted(find("simulated"), HERE, job, board.later, seen.append)
    software = np.load(run_folder / "sample" / "software.npy")
    assert outcome.failures == ()
    assert outcome.executed.result == software[0]
    assert outcome.validation.software_same == 60 and outcome.validation.images == 60
    with np.load(run_folder / outcome.validation.predictions) as file:
        assert np.array_equal(file["predictions"], software)
    results = json.loads((run_folder / "results.json").read_text())
    assert results["accuracy"]["simulated"] and results["throughput"]["images_per_s"] > 0
    said = await board.said()
    assert said.startswith("finn-tui: connected to 127.0.0.1:") and "done" in said
    assert board.shells[0].returncode == 0
    assert len(board.lines) == 1 and is_closed(board.lines[0])
    assert not await gone(board), "nothing stays behind on the board"
    assert any("connected to" in progress.message for progress in seen)
    assert not any(path_of(board.lines[0]) in progress.message for progress in seen)
    # Pasted again at another time, only what changed travels.
    outcome = await with_pasted(find("simulated"), HERE, job, board.later)
    assert outcome.deployed.sent == ()


@pytest.mark.parametrize("shell", ["sh", "bash"])
async def test_the_line_is_short_and_for_any_shell(terminal: Terminal, shell: str) -> None:
    async def job(link: Transport) -> Any:
        return await link.run("echo", "it's", "$HOME")

    def paste(line: str) -> None:
        assert len(line) < 340 and "\n" not in line
        assert not set("!$`") & set(line)
        terminal.paste(line, shell)

    assert await with_pasted(None, HERE, job, paste) == (0, b"it's $HOME\n", b"")
    # Through sudo as it is written; a stand-in that only starts what it is given.
    assert terminal.lines[0].startswith("python3 -c '")


def test_the_program_is_for_old_pythons() -> None:
    text = Path(on_board.__file__).read_text()
    tree = syntax_tree(text, (3, 8))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names | {"__future__"}


async def test_a_changed_program_is_not_run(terminal: Terminal) -> None:
    async with serving("127.0.0.1") as paste:
        paste._program = paste._program.replace(b"finn-tui", b"evil-tui", 1)
        terminal.paste(paste.line)
        assert await terminal.said() == "wrong SHA-256, not run\n"
        assert paste.session is None and terminal.shells[0].returncode == 1


async def test_what_is_changed_on_the_way_is_not_done(terminal: Terminal) -> None:
    """Somebody between the two, who knows all that travels, changes what is to be run."""
    async with serving("127.0.0.1") as paste:
        target = port_of(paste.line)

        async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            up, down = await asyncio.open_connection("127.0.0.1", target)

            async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                with contextlib.suppress(OSError):
                    while data := await source.read(1 << 16):
                        sink.write(data.replace(b"touch good", b"touch evil"))
                        await sink.drain()
                    sink.close()

            await asyncio.gather(pump(reader, down), pump(up, writer))

        proxy = await asyncio.start_server(between, "127.0.0.1", 0)
        port = proxy.sockets[0].getsockname()[1]
        # The program names the port as well: all of it goes through the proxy.
        paste._program = paste._program.replace(str(target).encode(), str(port).encode())
        import hashlib

        line = paste.line.replace(str(target), str(port))
        old = line.split('=="')[1].split('"')[0]
        line = line.replace(old, hashlib.sha256(paste._program).hexdigest())
        terminal.paste(line)
        await paste.arrived.wait()
        assert paste.session is not None
        link = PasteLink(find("simulated"), paste.session)
        await link.stream("touch good")
        said = await terminal.said()
        proxy.close()
    assert "changed on the way; nothing of it was done" in said
    assert not list(terminal.home.glob("evil")) and not list(terminal.home.glob("good"))


async def test_cut_in_the_middle_and_pasted_again(
    terminal: Terminal, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finn_tui.board import deploy as deploy_module

    monkeypatch.setattr(deploy_module, "check_kind", lambda link, what: None)
    patience = server.GONE_SECONDS
    big = run_folder / "build" / "deploy" / "driver" / "weights.dat"
    big.write_bytes(os.urandom(4 << 20))
    cuts: list[int] = []
    notes: list[Progress] = []

    def progress(step: Progress) -> None:
        notes.append(step)
        if step.data.get("bytes", 0) > 2 << 20 and not cuts:
            cuts.append(1)
            terminal.hang_up()
            # Only what was hung up counts as gone so soon, not a machine that stands still.
            monkeypatch.setattr(server, "GONE_SECONDS", 0.5)
        if "again" in step.message and len(terminal.shells) == 1:
            monkeypatch.setattr(server, "GONE_SECONDS", patience)
            terminal.later(terminal.lines[0])

    async def job(link: Transport) -> Any:
        return await deploy_module.deploy(link, run_folder, progress)

    done = await with_pasted(None, HERE, job, terminal.later, progress)
    assert cuts and len(terminal.shells) == 2, [note.message for note in notes]
    assert done.bytes_resumed >= 1 << 20, "what had arrived is not sent again"
    there = next(terminal.home.glob("finn-tui/runs/*/driver/weights.dat"))
    assert there.read_bytes() == big.read_bytes()
    assert any("ended in the middle" in note.message for note in notes)


async def test_a_second_terminal_is_refused(terminal: Terminal) -> None:
    async def job(link: Transport) -> str:
        terminal.paste(terminal.lines[0])
        said = await terminal.said(1)
        assert (await link.run("true"))[0] == 0, "the first one goes on"
        return said

    assert "another terminal runs this line already" in await on(terminal, job)


async def test_interrupted_on_the_board(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ctrl-C in the board's terminal ends what runs there, and is noticed at once."""
    monkeypatch.setattr(server, "GONE_SECONDS", 3600.0)

    async def job(link: Transport) -> Any:
        process = await link.stream("echo on; sleep 1000")
        assert await process.readline() == b"on\n"
        os.killpg(terminal.shells[0].pid, signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            assert await process.readline() == b""
        assert link.is_closed
        raise KeyError("seen")

    with pytest.raises(KeyError):
        await on(terminal, job)
    assert "ended" in await terminal.said()
    assert not await gone(terminal)


async def test_nobody_pastes_it() -> None:
    lines: list[str] = []

    async def job(link: Transport) -> None:
        raise AssertionError

    with pytest.raises(FinnTuiError, match="was not pasted within") as caught:
        await with_pasted(None, HERE, job, lines.append, wait=0.1)
    assert "Nothing came" in caught.value.why and is_closed(lines[0])


async def test_a_job_ends_with_the_server_it_waits_at() -> None:
    async def job(link: Transport) -> None:
        raise AssertionError

    async with hosting(None, HERE) as host:
        waiting = asyncio.create_task(host.do(job))
        await asyncio.sleep(0)
        assert not waiting.done()
    with pytest.raises(FinnTuiError, match="is taken back"):
        async with asyncio.timeout(PATIENCE):
            await waiting


async def test_a_job_that_fails_tells_the_board(terminal: Terminal) -> None:
    async def job(link: Transport) -> None:
        raise FinnTuiError("the accelerator did not finish in 5 s", kind="board")

    with pytest.raises(FinnTuiError, match="did not finish"):
        await on(terminal, job)
    assert "stopped: the accelerator did not finish" in await terminal.said()


async def test_a_cancelled_job_ends_the_board_too(terminal: Terminal) -> None:
    begun = asyncio.Event()

    async def job(link: Transport) -> None:
        await link.stream("sleep 1000")
        begun.set()
        await asyncio.sleep(1000)

    task = asyncio.create_task(on(terminal, job))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "stopped by finn-tui" in await terminal.said()
    assert is_closed(terminal.lines[0]) and not await gone(terminal)


def ask(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture
async def paste() -> AsyncIterator[PasteServer]:
    async with serving("127.0.0.1") as opened:
        yield opened


async def test_other_paths_and_other_signatures(paste: PasteServer) -> None:
    port, path = port_of(paste.line), path_of(paste.line)
    for method, target in (
        ("GET", "/"),
        ("GET", path[:-1]),
        ("GET", path + "x"),
        ("GET", path + "/down/0"),
        ("POST", path),
        ("POST", path + "/up/0"),
        ("POST", path + "/up/-1"),
        ("POST", path + "/up/" + "9" * 400),
        ("POST", path + "/../etc/passwd"),
        ("GET", "/" + "a" * 5000),
    ):
        status = await asyncio.to_thread(ask, port, method, target, b"", **{"X-Board": "1"})
        assert status == 404, (method, target)
    assert paste.wrong == 10 and paste.session is None
    assert await asyncio.to_thread(ask, port, "GET", path) == 200


async def test_huge_and_slow_clients(paste: PasteServer, monkeypatch: pytest.MonkeyPatch) -> None:
    port, path = port_of(paste.line), path_of(paste.line)
    for target, size in (("/", 2000), (path + "/up/0", server.MOST_BODY + 1)):
        with contextlib.suppress(OSError):
            assert await asyncio.to_thread(ask, port, "POST", target, bytes(size)) == 413
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000)
    assert (await reader.read()).startswith((b"HTTP/1.1 4", b""))
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET ")
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() == b"", "a slow one is hung up on"
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
    async with asyncio.timeout(PATIENCE):
        for reader, _ in idle:
            await reader.read()
    for rubbish in (
        b"\0" * 100,
        b"\r\n\r\n",
        os.urandom(3000),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(rubbish)
        writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            await reader.read()
        writer.close()
    monkeypatch.setattr(server, "REQUEST_SECONDS", PATIENCE)
    assert await asyncio.to_thread(ask, port, "GET", path) == 200, "it still serves"


async def test_addresses_that_cannot_be(paste: PasteServer) -> None:
    taken = f"127.0.0.1:{port_of(paste.line)}"
    for bind in (taken, "192.0.2.1", "no-such-host.invalid"):
        with pytest.raises(FinnTuiError, match="cannot listen on"):
            where = listening(bind, None)
            async with serving(where.address, where.port):
                pass
    with pytest.raises(FinnTuiError, match="no address that a board could reach") as caught:
        listening("0.0.0.0:80", None)
    assert "every network" in caught.value.why
    assert listening("0.0.0.0:80", "10.0.0.1").board_sees == ("10.0.0.1", 0)
    for text in ("", ":80", "a b", "h:99999", "h:x", "x'; rm -rf /", '1.2.3.4"', "[::1"):
        with pytest.raises(FinnTuiError, match="is no ADDRESS"):
            parse_address(text)
    assert parse_address("[::1]:80") == ("::1", 80) and parse_address("fd00::1") == ("fd00::1", 0)


async def test_through_a_tunnel(terminal: Terminal, tmp_path: Path) -> None:
    """The board reaches another address and port than finn-tui listens on."""
    async with serving("127.0.0.1") as paste:
        free = port_of(paste.line)

    async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up, down = await asyncio.open_connection("127.0.0.1", free)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(1 << 16):
                    sink.write(data)
                sink.close()

        await asyncio.gather(pump(reader, down), pump(up, writer))

    tunnel = await asyncio.start_server(between, "127.0.0.1", 0)
    outside = tunnel.sockets[0].getsockname()[1]

    async def job(link: Transport) -> Any:
        return (await link.run("true"))[0]

    where = listening(f"127.0.0.1:{free}", f"localhost:{outside}")
    assert await with_pasted(None, where, job, terminal.later) == 0
    assert f'"localhost",{outside}' in terminal.lines[0]
    tunnel.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, and root again")
async def test_sudo_is_asked_on_the_board(terminal: Terminal, tmp_path: Path) -> None:
    """A user who is not root: the program goes on through sudo, which asks there itself."""
    tools = tmp_path / "tools"
    tools.mkdir()
    # A stand-in for sudo that says it is root; what matters is how it is called.
    (tools / "sudo").write_text(
        '#!/bin/sh\necho "sudo: $# arguments" >> "$HOME/sudo.log"\nexport AS_ROOT=1; exec "$@"\n'
    )
    (tools / "sudo").chmod(0o755)
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import os\nos.geteuid = lambda: 0 if os.environ.get('AS_ROOT') else 1000\n"
    )
    terminal.environment["PATH"] = f"{tools}:{terminal.environment['PATH']}"
    terminal.environment["PYTHONPATH"] = str(site)

    async def job(link: Transport) -> Any:
        return (await link.run("echo", "as root"))[1]

    assert await on(terminal, job) == b"as root\n"
    said = await terminal.said()
    assert "sudo may ask for your password here" in said and "done" in said
    log = (terminal.home / "sudo.log").read_text()
    assert log == "sudo: 3 arguments\n"


async def test_the_command(run_folder: Path, tmp_path: Path, driver_python: Path) -> None:
    """``deploy --paste``: the line on standard error, results on standard output; ctrl-C ends."""
    board = Terminal(tmp_path / "home", driver_python)
    workspace = run_folder.parents[1]
    request = json.loads((run_folder / "run.json").read_text())
    request |= {"model": "tfc-w1a1", "created": "2026-11-23T12:00:00Z", "folding": {}}
    request |= {"folding_name": "ones", "board": "Pynq-Z2", "part": "xc7z020clg400-1"}
    (run_folder / "run.json").write_text(json.dumps(request))
    (run_folder / "state.json").write_text('{"state": "succeeded"}')
    command = [
        *(sys.executable, "-m", "finn_tui.cli", "deploy", run_folder.name, "--paste", "--json"),
        *("--to", "simulated", "--bind", "127.0.0.1", "--workspace", str(workspace), "--yes"),
    ]

    async def start() -> tuple[asyncio.subprocess.Process, str]:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while line := (await process.stderr.readline()).decode():
                if line.startswith("python3 -c"):
                    return process, line.rstrip("\n")
        raise AssertionError("no line to paste")

    process, line = await start()
    board.paste(line, "sh")
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    document = json.loads(out)
    assert (
        document["validate"]["software_same"] == 60 and document["deploy"]["board"] == "simulated"
    )
    assert path_of(line) not in err.decode(), "the line is shown once"

    process, line = await start()
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert process.returncode != 0 and is_closed(line)
    shutil.rmtree(board.home)
