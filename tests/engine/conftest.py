"""A server of the real FINN that all tests of this layer share, and models prepared with it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PART = "xc7z020clg400-1"


class ServerError(Exception):
    """The server answered with an error; ``data`` is the error object."""

    def __init__(self, data: dict[str, str]) -> None:
        super().__init__("{what}: {why}\n{detail}".format(**data))
        self.data = data
        self.kind = data["kind"]
        self.text = f"{data['what']} {data['why']} {data['fix']}"


class Talk:
    """One engine server and the raw lines that are exchanged with it."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        environment.pop("FINN_BUILD_DIR", None)
        self.process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            env=environment,
        )
        self.lines: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.next_id = 1
        self.hello = self.receive()["hello"]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(json.loads(line))  # a line that is not JSON fails every test after it
        self.lines.put(None)

    def send_line(self, line: bytes) -> None:
        """Write one line as it is."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def send(self, method: str, **params: Any) -> int:
        """Send a request and return its id."""
        id = self.next_id
        self.next_id += 1
        message = {"id": id, "method": method, "params": params}
        self.send_line(json.dumps(message).encode())
        return id

    def receive(self, timeout: float = 120.0) -> Any:
        """The next message; None once the server has closed its end."""
        return self.lines.get(timeout=timeout)

    def answer(self, id: int | None, events: list[Any] | None = None) -> Any:
        """Read up to the answer to ``id``, collecting everything that comes before it."""
        while True:
            message = self.receive()
            assert message is not None, "the server ended"
            if message["id"] == id and "event" not in message:
                if "error" in message:
                    raise ServerError(message["error"])
                return message["result"]
            if events is not None:
                events.append(message)

    def call(self, method: str, events: list[Any] | None = None, **params: Any) -> Any:
        """Send a request and wait for its answer. Raises ``ServerError``."""
        return self.answer(self.send(method, **params), events)

    def close(self) -> int:
        """Close the server's stdin and return its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=120)


@pytest.fixture(scope="session")
def server(engine_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    """One server with the real FINN for all tests: FINN's imports take 12 s."""
    command = [engine_python, "-m", "finn_tui.engine.server", "serve"]
    talk = Talk(command, tmp_path_factory.mktemp("server"))
    yield talk
    assert talk.close() == 0


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Talk]:
    """A server with methods made for tests of the wire; it needs no FINN."""
    script = Path(__file__).parent / "fake_server.py"
    talk = Talk([sys.executable, str(script)], tmp_path)
    yield talk
    if talk.process.poll() is None:
        talk.close()


def brevitas(network: str, **options: Any) -> dict[str, Any]:
    """A source for ``prepare``."""
    shape = [1, 1, 28, 28] if network.startswith("tfc") else [1, 3, 32, 32]
    return {"kind": "brevitas", "network": network, "input": shape, "topk": 1, **options}


class Prepared:
    """A prepared model: its folder, and the server's answer."""

    def __init__(self, talk: Talk, folder: Path, source: dict[str, Any], seconds: float) -> None:
        self.folder = folder
        self.events: list[Any] = []
        self.model = talk.call(
            "prepare",
            self.events,
            source=source,
            out=str(folder),
            board="Pynq-Z2",
            clock_ns=10.0,
            check=seconds > 0,
        )
        self.dataflow = str(folder / "dataflow.onnx")


@pytest.fixture(scope="session")
def tfc(server: Talk, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """TFC-w1a1, trained on the spot as it is for users without a network."""
    source = brevitas("tfc_1w1a", weights={"kind": "trained"}, train={"dataset": "digits28"})
    return Prepared(server, tmp_path_factory.mktemp("tfc"), source, 0.4)


@pytest.fixture(scope="session")
def cnv(server: Talk, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """CNV-w1a1 with random weights."""
    source = brevitas("cnv_1w1a", weights={"kind": "random"})
    return Prepared(server, tmp_path_factory.mktemp("cnv"), source, 0.1)
