"""Fetching published weights: at once or not at all, and never something else."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from finn_tui.engine.server.training import weights

CONTENT = b"the weights of a network"
SILENCE = threading.Event()  # set when the tests are over
DIGEST = hashlib.sha256(CONTENT).hexdigest()[:8]


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if "slow" in self.path:
            SILENCE.wait(60)
        self.send_response(404 if "gone" in self.path else 200)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # who has given up does not read
            self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    SILENCE.set()
    server.shutdown()


def test_what_is_fetched_is_what_its_name_promises(place: str, tmp_path: Path) -> None:
    target = tmp_path / "checkpoints" / "net.pth"
    assert weights._fetch(f"{place}/net-{DIGEST}.pth", str(target)) is None
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["net.pth"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("net-00000000.pth", "not the file that its name promises"), (f"gone-{DIGEST}.pth", "404")],
)
def test_anything_else_is_left(place: str, tmp_path: Path, name: str, words: str) -> None:
    problem = weights._fetch(f"{place}/{name}", str(tmp_path / name))
    assert problem is not None and words in problem
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_does_not_answer_costs_little_time(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_REACH_SECONDS", 0.3)
    problem = weights._fetch(f"{place}/slow-{DIGEST}.pth", str(tmp_path / "net.pth"))
    assert problem is not None, "it waited for the answer"
    assert weights._fetch("http://127.0.0.1:9/net.pth", str(tmp_path / "net.pth")) is not None
