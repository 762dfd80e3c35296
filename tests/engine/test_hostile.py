"""An engine that says nothing or nonsense is ended; what waits fails, and the error says why."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine import client, protocol
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.client import Engine
from finn_tui.engine.process import LocalProcess
from tests.engine.conftest import Talk
from tests.waiting import PATIENCE

HELLO = json.dumps({"hello": {"protocol": protocol.PROTOCOL, "pid": 1, "python": "3"}})


def pretender(tmp_path: Path, program: str, *, greets: bool = True) -> EngineSpec:
    """An engine that runs this instead of ours; ``line`` is each request that it reads."""
    path = tmp_path / "pretender.py"
    hello = f"print({HELLO!r}, flush=True)\n" if greets else ""
    path.write_text("import json, os, subprocess, sys, time\n" + hello + program)
    return EngineSpec("odd", (sys.executable, str(path)))


def answering(text: str) -> str:
    return f"for line in sys.stdin: print({text!r}, flush=True)\n"


NONSENSE = {
    "an event without data": answering('{"id": 1, "event": "progress"}'),
    "an event that is a list": answering('{"id": 1, "event": ["log"], "data": {}}'),
    "an error that is text": answering('{"id": 1, "error": "broken"}'),
    "an id that is a list": answering('{"id": [1], "result": 1}'),
    "an id that is true": answering('{"id": true, "result": 1}'),
    "nothing of ours": answering('{"jsonrpc": "2.0"}'),
    "hello that is text": answering('{"hello": "you"}'),
    "a line too long": "sys.stdin.readline()\nwhile True: sys.stdout.write('x' * 65536)",
    "the output closed": "sys.stdin.readline(); os.close(1); time.sleep(600)",
    "only prints": answering("banner"),
    "NaN": answering('{"id": 1, "result": NaN}'),
    "deep": "for line in sys.stdin: print('[' * 200000, flush=True)",
    "silence": "time.sleep(600)",
    "does not read": "os.kill(os.getpid(), 19)",
    "leaves a child behind": "subprocess.Popen(['sleep', '60']); sys.stdin.readline(); sys.exit(7)",
}


@pytest.mark.parametrize("name", NONSENSE)
async def test_what_waits_fails_and_says_why(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(client, "PING_SECONDS", 0.2)
    monkeypatch.setattr(protocol, "MAX_LINE", 1 << 20)
    async with await Engine.start(pretender(tmp_path, NONSENSE[name])) as engine:
        process = engine._process
        assert process is not None
        calls = [asyncio.create_task(engine.call("info")) for _ in range(3)]
        async with asyncio.timeout(120):
            failures = await asyncio.gather(*calls, return_exceptions=True)
        for failure in failures:
            assert isinstance(failure, FinnTuiError) and failure.kind == "engine", failure
            assert failure.why and failure.fix and "odd" in failure.what
        assert process.exit_code is not None, "it is ended"


@pytest.mark.parametrize(
    "greeting",
    ['{"hello": 1}', '{"hello": {"protocol": "x"}}', '{"id": 1, "result": 2}', "x" * 3_000_000],
)
async def test_a_greeting_that_is_none(
    tmp_path: Path, greeting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "HELLO_SECONDS", 1.0)
    monkeypatch.setattr(protocol, "MAX_LINE", 1 << 20)
    program = f"print({greeting!r}, flush=True); time.sleep(600)"
    with pytest.raises(FinnTuiError, match="engine") as caught:
        async with asyncio.timeout(120):
            await Engine.start(pretender(tmp_path, program, greets=False))
    assert caught.value.kind == "engine" and caught.value.why


async def test_stderr_without_line_ends_does_not_block_it(tmp_path: Path) -> None:
    program = (
        "sys.stderr.write('x' * 3_000_000); sys.stderr.flush()\n"
        "for line in sys.stdin: print(json.dumps({'id': json.loads(line)['id'], 'result': 5}),"
        " flush=True)\n"
    )
    async with await Engine.start(pretender(tmp_path, program)) as engine:
        async with asyncio.timeout(120):
            assert await engine.call("info") == 5


async def test_a_receiver_that_cannot_read_its_event_fails_alone(tmp_path: Path) -> None:
    program = (
        "for line in sys.stdin:\n"
        "    id = json.loads(line)['id']\n"
        "    print(json.dumps({'id': id, 'event': 'table', 'data': {}}), flush=True)\n"
        "    print(json.dumps({'id': id, 'result': id}), flush=True)\n"
    )
    async with await Engine.start(pretender(tmp_path, program)) as engine:
        with pytest.raises(FinnTuiError, match="cannot be understood") as caught:
            await engine.call("tables", on_event=lambda name, data: data["layer"])
        assert "KeyError" in caught.value.why
        assert await engine.call("tables") == 2


async def test_a_stopped_engine_can_be_left(tmp_path: Path) -> None:
    """Cancelling and closing, with more to send than the pipe takes."""
    spec = pretender(tmp_path, "os.kill(os.getpid(), 19)")
    engine = await Engine.start(spec)
    await asyncio.sleep(0.2)
    work = asyncio.create_task(engine.call("info", {"much": "x" * 1_000_000}))
    await asyncio.sleep(0.2)
    began = time.monotonic()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    async with asyncio.timeout(120):
        await engine.close()
    assert time.monotonic() - began < 60


async def test_closing_while_it_starts(tmp_path: Path) -> None:
    spec = pretender(tmp_path, "time.sleep(600)", greets=False)
    engine = Engine(spec)
    opening = asyncio.create_task(engine.call("info"))
    while engine._process is None:  # noqa: ASYNC110 - nothing tells when
        await asyncio.sleep(0.05)
    assert isinstance(engine._process, LocalProcess)
    pid = engine._process.pid
    async with asyncio.timeout(120):
        await engine.close()
    with pytest.raises((FinnTuiError, asyncio.CancelledError)):
        async with asyncio.timeout(120):
            await opening
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    "line",
    [
        b'{"id": 1, "method": "cancel", "params": {"id": []}}',
        b'{"id": 1, "method": "cancel", "params": {"id": {}}}',
        b'{"id": 1, "method": "busy", "params": null}',
        b"[" * 200_000,
        b'{"id": 1, "method": "fail", "params": {"how": NaN}}',
    ],
    # The lines themselves would be too long: pytest puts the id into the environment.
    ids=["list-id", "object-id", "null-params", "nested", "nan"],
)
def test_the_server_lives_through_odd_requests(fake: Talk, line: bytes) -> None:
    fake.send_line(line)
    fake.next_id = 7
    fake.send("ping")
    while (answer := fake.receive())["id"] != 7:
        assert answer["id"] in (1, None)
    assert answer["result"] == {}


async def test_a_start_that_is_cancelled_prints_nothing(caplog: pytest.LogCaptureFixture) -> None:
    engine = Engine(EngineSpec("silent", ("sh", "-c", "sleep 100")))
    start = asyncio.create_task(engine._ensure_running())
    # No lambda: the engine must be freed below.
    async with asyncio.timeout(PATIENCE):
        while engine._greeted is None:  # noqa: ASYNC110 - a value, no event
            await asyncio.sleep(0.02)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    await engine.close()
    del engine, start
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]
