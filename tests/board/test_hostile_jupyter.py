"""What a Jupyter server answers is data: bounded in time and size, and no address is followed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.board.catalogue import Board
from finn_tui.board.connection import connect
from finn_tui.board.jupyter import http, session, terminal
from tests.board.jupyter_server import JupyterBoard, jupyter_board, reached
from tests.waiting import PATIENCE

OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
JSON = OK + b"Content-Type: application/json\r\n"


def answer(value: object) -> bytes:
    """A JSON answer."""
    body = json.dumps(value).encode()
    return JSON + b"Content-Length: %d\r\n\r\n" % len(body) + body


def moved(place: bytes) -> bytes:
    """A redirect."""
    return (
        b"HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: "
        + place
        + b"\r\n\r\n"
    )


GOOD = {
    "GET /api/contents": answer({}),
    "GET /api/status": answer({"started": "now"}),
    "POST /api/terminals": answer({"name": "1"}),
    "DELETE /api/terminals/1": b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
}
HTML = OK + b"Content-Type: text/html\r\nContent-Length: 14\r\n\r\n<html>1</html>"
SOCKET = "GET /terminals/websocket/1"
#: What is answered otherwise than it should be, and words of the error.
CASES: dict[str, tuple[dict[str, bytes | None], str]] = {
    "redirect": (
        {"GET /api/contents": moved(b"http://elsewhere.example/")},
        "another address",
    ),
    "redirect to a file": ({"GET /api/contents": moved(b"file:///etc/passwd")}, "another address"),
    "redirect to no address": ({"GET /api/contents": moved(b"http://[")}, "cannot be right"),
    "a page": ({"GET /api/status": HTML}, "cannot be right"),
    "not a Jupyter server": ({"GET /api/status": answer([])}, "cannot be right"),
    "no JSON": (
        {"GET /api/status": JSON + b"Content-Length: 1\r\n\r\n{"},
        "cannot be right",
    ),
    "nested deep": (
        {"GET /api/status": JSON + b"\r\n" + b"[" * 1_000_000},
        "cannot be right",
    ),
    "a flood": ({"GET /api/contents": OK + b"\r\n" + b"x" * (3 << 20)}, "more than 2 MB"),
    "compressed": (
        {"GET /api/contents": OK + b"Content-Encoding: gzip\r\n\r\n" + b"\x1f\x8b"},
        "compresses",
    ),
    "silence": ({"GET /api/contents": None}, "does not answer"),
    "an end": ({"GET /api/contents": b""}, "the line to lab"),
    "no HTTP": ({"GET /api/contents": b"SSH-2.0-OpenSSH_8.9\r\n"}, "the line to lab"),
    "an error": (
        {"GET /api/contents": b"HTTP/1.1 500 Oh\x1b[2J\r\nContent-Length: 0\r\n\r\n"},
        "the line to lab|cannot be right",
    ),
    "no terminals": (
        {"POST /api/terminals": b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"},
        "terminals may be switched off",
    ),
    "an odd terminal": ({"POST /api/terminals": answer({"name": "../x"})}, "proper name"),
    "a silent websocket": ({SOCKET: None}, "gives no terminal"),
    "a websocket that is a page": ({SOCKET: HTML}, "gives no terminal"),
    "a websocket elsewhere": ({SOCKET: moved(b"http://127.0.0.1:1/")}, "gives no terminal"),
}


@contextlib.asynccontextmanager
async def server(answers: dict[str, bytes | None]) -> AsyncIterator[tuple[Board, list[str]]]:
    """A server with canned answers, None being none at all, and what it was asked."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            request = head.split(" HTTP")[0].partition("?")[0]
            asked.append(request)
            content = answers.get(request, HTML)
            if content is None:
                await reader.read()
            else:
                writer.write(content)
                await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield Board("lab", "127.0.0.1", url=f"http://127.0.0.1:{port}"), asked


@pytest.mark.parametrize("case", CASES)
async def test_odd_answers_end_with_an_explanation(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "REQUEST_SECONDS", 1.0)
    monkeypatch.setattr(terminal, "CONNECT_SECONDS", 1.0)
    odd, words = CASES[case]
    began = time.monotonic()
    async with server({**GOOD, **odd}) as (board, asked):
        with pytest.raises(FinnTuiError, match=words) as caught:
            async with connect(board, password="secret"):
                pass
    assert time.monotonic() - began < 30
    assert "\x1b" not in str(caught.value) and "secret" not in str(caught.value)
    if SOCKET in odd:
        assert asked[-1] == "DELETE /api/terminals/1", "what was started is ended"


@pytest.fixture(scope="module")
def odd_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterBoard]:
    """A board whose python3 is a script that each test writes."""
    with jupyter_board(tmp_path_factory.mktemp("odd")) as running:
        (running.home / "bin").mkdir()
        (running.home / ".bash_profile").write_text(f"PATH={running.home}/bin:$PATH\n")
        yield running


#: Behind the real runner, which is started first; with words of the error.
PROGRAMS = {
    "nonsense": ('echo \'{"id": "x"}\'', "cannot be right"),
    "nested deep": ("head -c 100000 /dev/zero | tr '\\0' '['; echo", "terminal ended"),
    "a frame that is nested deep": (
        "printf '{\"id\": 1, \"value\": '; head -c 100000 /dev/zero | tr '\\0' '['; echo",
        "cannot be right",
    ),
    "a line without end": ("yes '' | tr '\\n' x", "more than 1 MB"),
    "the end": ("exit 0", "the line to lab"),
}


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_runner_gone_mad(
    odd_python: JupyterBoard, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, words = PROGRAMS[name]
    path = odd_python.home / "bin" / "python3"
    # The mark that it has started is in its argument, in two halves.
    path.write_text(
        "#!/bin/bash\nstty raw -echo\n"
        'grep -oE "\'[0-9a-f]{8}\'" <<< "$2" | tr -d "\'\\n"; echo\n'
        f"read -r source\n{program}\n"
    )
    path.chmod(0o755)
    with pytest.raises(FinnTuiError) as caught:
        async with asyncio.timeout(PATIENCE), reached(odd_python):
            pass
    assert words in str(caught.value)
    assert odd_python.terminals() == 0


async def test_a_board_without_python(
    odd_python: JupyterBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_START_SECONDS", 3.0)
    path = odd_python.home / "bin" / "python3"
    path.write_text("#!/bin/bash\necho -e '\\e[31mno Python here'; sleep 600\n")
    path.chmod(0o755)
    with pytest.raises(FinnTuiError, match="starts no Python") as caught:
        async with reached(odd_python):
            pass
    assert "no Python here" in caught.value.why and "\x1b" not in caught.value.detail
    assert odd_python.terminals() == 0


async def test_what_nobody_reads_is_not_kept(
    odd_python: JupyterBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (odd_python.home / "bin" / "python3").unlink(missing_ok=True)
    async with reached(odd_python) as link:
        process = await link.stream("yes")
        assert isinstance(process, session.RunnerProcess)
        await asyncio.sleep(0.5)
        assert (await link.run("echo", "on"))[1] == b"on\n"
        assert len(process._pipes["out"]._data) <= (1 << 20) + (64 << 10)
        process.close()
