"""Damaged answers: of the engine, to the engine, and of boards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
from pathlib import Path
from typing import Any

from benchmarks.fuzzing.harness import SECONDS, Fuzz, shown_error
from benchmarks.fuzzing.mutation import mutated, mutated_json

MESSAGES = (
    {"hello": {"protocol": 1, "pid": 71, "python": "3.11.7"}},
    {"id": 1, "event": "progress", "data": {"message": "m", "fraction": 0.5}},
    {"id": 1, "result": {"a": [1, 2, {"b": None}]}},
    {"id": 1, "error": {"kind": "finn", "what": "w", "why": "y", "fix": "f", "detail": "d"}},
    {"id": None, "event": "log", "data": {"level": "info", "text": "t"}},
)


def protocol_client(fuzz: Fuzz, count: int, rng: random.Random, folder: Path) -> None:
    """What an engine sends."""
    from finn_tui.engine import client, protocol
    from finn_tui.engine.catalogue import EngineSpec
    from finn_tui.engine.messages import Nonsense

    async def read(data: bytes) -> str:
        messages: list[str] = []
        engine = client.Engine(EngineSpec("x", ("x",)), lambda level, text: messages.append(text))
        loop = asyncio.get_running_loop()
        engine._greeted = loop.create_future()
        pending = client._Pending("info", loop.create_future(), lambda name, data: data["message"])
        engine._pending[1] = pending
        for line in data.splitlines():
            with contextlib.suppress(Nonsense, protocol.ProtocolError):
                engine._dispatch(protocol.decode(line))
        for future in (pending.answer, engine._greeted):
            if future.done() and future.exception() is not None:
                messages.append(shown_error(future.exception()))  # type: ignore[arg-type]
        return "\n".join(messages)

    for _ in range(count):
        data = mutated_json(json.dumps(rng.choice(MESSAGES)), rng)
        fuzz.one("client", data, lambda d=data: asyncio.run(read(d)))  # type: ignore[misc]


def protocol_server(fuzz: Fuzz, count: int, rng: random.Random, folder: Path) -> None:
    """What a terminal sends; the server must still answer a ping."""
    from tests.engine.conftest import Talk

    requests = (
        {"id": 1, "method": "fail", "params": {"how": "engine"}},
        {"id": 2, "method": "cancel", "params": {"id": 1}},
        {"id": 3, "method": "ping", "params": {}},
        {"id": 4, "method": "nothing", "params": {"path": "x"}},
    )
    fake = [sys.executable, str(Path("tests/engine/fake_server.py").absolute())]
    talk = Talk(fake, folder)
    pings = 10**6

    def read(data: bytes) -> None:
        nonlocal pings
        talk.send_line(data.replace(b"busy", b"b").replace(b"stuck", b"s"))
        pings += 1
        talk.send_line(json.dumps({"id": pings, "method": "ping", "params": {}}).encode())
        while True:
            answer = talk.receive(SECONDS)
            if answer is None:
                raise AssertionError("the server has ended")
            if answer.get("id") == pings:
                return

    for _ in range(count):
        data = mutated_json(json.dumps(rng.choice(requests)), rng)
        fuzz.one("server", data, lambda d=data: read(d))  # type: ignore[misc]
    talk.process.kill()


def board_answers(fuzz: Fuzz, count: int, rng: random.Random, folder: Path) -> None:
    """Events of the agent, manifests, and what sha256sum prints."""
    from finn_tui.base.errors import FinnTuiError
    from finn_tui.board import answers
    from finn_tui.board.catalogue import Board
    from finn_tui.board.connection import BoardConnection
    from finn_tui.hosts.ssh.sftp_files import SftpFiles

    events: tuple[tuple[dict[str, Any], Any], ...] = (
        (
            {
                "event": "hello",
                "python": "3.8",
                "machine": "armv7l",
                "root": True,
                "free_bytes": 5,
                "flavour": "finn-plus",
                "pynq": None,
                "driver": "1",
                "simulated": False,
            },
            answers.Checked,
        ),
        (
            {"event": "progress", "message": "m", "done": 5, "total": 9, "ok": 4, "accuracy": 80.0},
            answers.Checked,
        ),
        ({"event": "log", "text": "t"}, answers.Checked),
        (
            {"event": "error", "what": "w", "why": "y", "fix": "f", "kind": "board", "detail": "d"},
            answers.Checked,
        ),
        (
            {
                "event": "result",
                "classes": [1, 2],
                "seconds": 0.5,
                "clock_mhz": 100.0,
                "outputs": [[1.0], [2.0]],
            },
            answers.ExecuteAnswer,
        ),
        (
            {
                "event": "result",
                "batches": [
                    {
                        "batch": 10,
                        "device": [0.5, 1.0],
                        "whole": [2.0],
                        "bytes_in": 40,
                        "bytes_out": 10,
                        "metrics": {"throughput[images/s]": 5.0},
                    }
                ],
                "clock_mhz": 100.0,
            },
            answers.ThroughputAnswer,
        ),
    )
    link: Any = BoardConnection.__new__(BoardConnection)
    link.machine = Board("lab", "h").machine
    remote = SftpFiles.__new__(SftpFiles)
    remote._link = link
    digest = b"a" * 64 + b"  finn-tui/x\n" + b"b" * 64 + b"  finn-tui/y\n"

    def read_event(data: bytes, kind: Any) -> str:
        try:
            event = answers.decode(data, kind)
        except answers.NoEvent as error:
            return shown_error(FinnTuiError("x", str(error)))
        if isinstance(event, answers.Failed):
            return shown_error(event.as_error("lab"))
        return getattr(event, "text", "") + getattr(event, "message", "")

    for _ in range(count):
        if rng.random() < 0.2:
            data = mutated(digest, rng)
            paths = ["finn-tui/x", "finn-tui/y"]
            fuzz.one("board", data, lambda d=data, p=paths: str(remote._parsed(p, d, b"")))  # type: ignore[misc]
            continue
        event, kind = rng.choice(events)
        data = mutated_json(json.dumps(event), rng)
        fuzz.one("board", data, lambda d=data, k=kind: read_event(d, k))  # type: ignore[misc]
