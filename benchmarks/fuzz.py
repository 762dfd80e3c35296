"""Damaged and hostile input for all that reads data from elsewhere.

``uv run python benchmarks/fuzz.py [12000] [--seed N] [--only KIND]``: run documents, caches, the
engine's protocol (client and server), .onnx, TOML, logs, boards' answers and OpenSSH's files are
mutated and read by the functions and commands that read them. Counts tracebacks (anything but an
explained error), hangs (more than ``SECONDS``) and escape sequences that a terminal would get, and
ends with 1 if there is any; inputs that failed are kept. In a PID namespace where ``unshare`` can
make one, since run documents name processes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import copy
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from click.testing import CliRunner

if TYPE_CHECKING:
    from finn_tui.engine.client import Engine

#: What one input may take, on a slow machine beside other work.
SECONDS = 10.0
#: FINN's own work on a network that can still be read takes half a minute of processor time; it
#: may take as much real time as a busy machine makes of that.
PREPARE_SECONDS = 90.0
_SLICE = 30.0
EVIL = "\x1b]0;PWNED\x07\x1b[66;66H\x9b31m\u202e\u2066\x1bPq\x1b\\"
FORBIDDEN = ("\x1b]", "\x1b[66", "\x9b", "\u202e", "\u2066", "\x1bP")
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    10**30,
    float("nan"),
    float("inf"),
    "",
    EVIL,
    "x" * 70_000,
    [],
    {},
    [[]],
    {"": 0},
    "../../etc",
    "/",
    "\x00",
    "\ud800",
    [None] * 300,
    {EVIL: EVIL},
    4242,
    "1",
)
SPLICES = (
    b"\x00",
    b"\xff\xfe",
    b"{",
    b"}",
    b"[" * 3000,
    b'"',
    b"\n",
    b"\r",
    b"=",
    b"NaN",
    b"1e999",
    EVIL.encode(),
    b"\x80" * 9,
    b"-" * 99,
    b"9" * 5000,
)


class Hang(BaseException):
    """It took too long; no handler of ours may take it for an error."""


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Bytes with a few faults."""
    content = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 30))):
        at = rng.randrange(len(content) + 1)
        how = rng.randrange(6)
        if how == 0 and content:
            content[min(at, len(content) - 1)] = rng.randrange(256)
        elif how == 1:
            content[at:at] = rng.choice(SPLICES)
        elif how == 2:
            del content[at : at + rng.choice((1, 10, 1000))]
        elif how == 3 and rng.random() < 0.3:
            del content[at:]
        elif how == 4:
            content[at:at] = content[at : at + rng.choice((10, 1000))]
        else:
            content[at : at + 1] = rng.choice(SPLICES)
    return bytes(content)


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in pairs:
        yield value, key
        if isinstance(item, dict | list):
            yield from _spots(item)


def mutated_json(text: str, rng: random.Random) -> bytes:
    """A document with a few values of another type, or damaged as bytes."""
    if rng.random() < 0.3:
        return mutated(text.encode(), rng)
    document = json.loads(text)
    for _ in range(rng.choice((1, 1, 1, 3))):
        spots = list(_spots(document)) if isinstance(document, dict | list) else []
        if not spots or rng.random() < 0.03:
            document = copy.deepcopy(rng.choice(ODD))
            continue
        owner, key = rng.choice(spots)
        how = rng.random()
        if how < 0.15:
            del owner[key]
        elif how < 0.25 and isinstance(owner, dict):
            owner[rng.choice((EVIL, "", "x", "state", "format"))] = owner.pop(key)
        else:
            owner[key] = copy.deepcopy(rng.choice(ODD))
    return json.dumps(document).encode("utf-8", "surrogatepass")


class Fuzz:
    """Counts what comes of inputs."""

    def __init__(self, seed: int, keep: Path) -> None:
        self.seed = seed
        self.keep = keep
        self.counts: Counter[tuple[str, str]] = Counter()
        self.seen: set[str] = set()

    def one(
        self, kind: str, data: bytes, read: Callable[[], object], seconds: float = SECONDS
    ) -> None:
        """Read one input and judge what came of it; ``seconds`` is what it may take."""
        from finn_tui.base.errors import FinnTuiError

        def over(*_: object) -> None:
            raise Hang

        self.counts[kind, "inputs"] += 1
        signal.signal(signal.SIGALRM, over)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            shown = read()
        except FinnTuiError as error:
            shown = shown_error(error)
        except Hang:
            self.fail(kind, "hangs", data, "".join(traceback.format_stack()[-4:]))
            return
        except BaseException:
            self.fail(kind, "tracebacks", data, traceback.format_exc())
            return
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if isinstance(shown, str) and any(sequence in shown for sequence in FORBIDDEN):
            self.fail(kind, "escapes", data, repr(shown[-2000:]))

    def fail(self, kind: str, what: str, data: bytes, why: str) -> None:
        """Count a fault, keep its input, and show each cause once."""
        self.counts[kind, what] += 1
        number = sum(self.counts.values())
        (self.keep / f"{kind.replace(' ', '-')}-{what}-{number}").write_bytes(data)
        cause = "\n".join(why.strip().splitlines()[-3:])
        if cause not in self.seen:
            self.seen.add(cause)
            print(f"--- {kind}: {what}\n{why.strip()[-1800:]}", flush=True)

    def report(self) -> int:
        """Print the table; 1 if there was any fault."""
        columns = ("inputs", "tracebacks", "hangs", "escapes")
        print(f"{'kind':<16}" + "".join(f"{column:>12}" for column in columns))
        for kind in dict.fromkeys(kind for kind, _ in self.counts):
            print(f"{kind:<16}" + "".join(f"{self.counts[kind, c]:>12,}" for c in columns))
        totals = [sum(n for (_, what), n in self.counts.items() if what == c) for c in columns]
        print(f"{'in all':<16}" + "".join(f"{total:>12,}" for total in totals))
        return 1 if any(totals[1:]) else 0


def shown_error(error: Exception) -> str:
    """An error as the command line shows it."""
    from finn_tui.cli.common import show_error

    text = CliRunner()
    with text.isolation(color=False) as streams:
        show_error(error)  # type: ignore[arg-type]
    return streams[0].getvalue().decode() + streams[1].getvalue().decode()


def command(*words: str) -> str:
    """What a command prints; anything but its own exit is raised."""
    from finn_tui.cli import main

    done = CliRunner().invoke(main, list(words), color=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception.with_traceback(done.exc_info[2] if done.exc_info else None)
    return done.output


# What is read


def run_documents(fuzz: Fuzz, count: int, rng: random.Random, folder: Path) -> None:
    """One damaged run among good ones: these must stay in every list."""
    from finn_tui.lab.workspace import Workspace
    from tests.ui.conftest import make_run

    workspace = Workspace.open(folder)
    good, bad = "20260102T030405Z-tfc-w1a1-600d", "20260102T030406Z-tfc-w1a1-0bad"
    make_run(workspace, good, measured=True)
    originals: dict[str, str] = {}
    for state in ("succeeded", "failed", "running"):
        run = make_run(workspace, bad, state, measured=True)
        (run.path / "notes.json").write_text('{"note": "n", "tags": ["t"]}')
        for name in ("run.json", "state.json", "results.json", "events.jsonl", "notes.json"):
            originals[f"{state} {name}"] = (run.path / name).read_text()
    words: tuple[tuple[str, ...], ...] = (
        ("runs",),
        ("runs", "--json"),
        ("experiments",),
        ("experiments", "--json"),
        ("runs", "show", bad),
        ("inspect", str(workspace.runs_dir / bad)),
        ("logs", bad, "--list"),
        ("calibrate",),
        ("cancel", bad),
    )
    for _ in range(count):
        name = rng.choice(list(originals))
        for each, text in originals.items():
            if each.startswith(name.split()[0]):
                (workspace.runs_dir / bad / each.split()[1]).write_text(text)
        text = originals[name]
        is_json = name.endswith(".json")
        data = mutated_json(text, rng) if is_json else mutated(text.encode(), rng)
        (workspace.runs_dir / bad / name.split()[1]).write_bytes(data)
        chosen = rng.choice(words)

        def read(chosen: tuple[str, ...] = chosen) -> str:
            output = (
                command(*chosen, "--workspace", str(folder))
                if chosen[0] != "inspect"
                else (command(*chosen))
            )
            if chosen[0] in ("experiments", "runs") and len(chosen) < 3 and good[-4:] not in output:
                raise AssertionError(f"{' '.join(chosen)} hides the good run: {output[-800:]}")
            return output

        fuzz.one("run documents", data, read)


def caches(fuzz: Fuzz, count: int, rng: random.Random, folder: Path) -> None:
    """Damaged model.json, design.json, tables.json and graph: made anew by an engine that fails."""
    from tests import data as recorded

    recorded.workspace(folder, "tfc-w1a1")
    place = folder / "models" / "tfc-w1a1" / recorded.PART
    names = ("model.json", "design.json", "tables.json", "dataflow.onnx")
    originals = {name: (place / name).read_bytes() for name in names}
    words = (
        ("estimate", "tfc-w1a1"),
        ("estimate", "tfc-w1a1", "--json"),
        ("graph", "tfc-w1a1"),
        ("compare", "tfc-w1a1", "ones", "published"),
    )
    for _ in range(count):
        for name, content in originals.items():
            if not place.is_dir():
                place.mkdir(parents=True)
            (place / name).write_bytes(content)
        name = rng.choice(names)
        content = originals[name]
        is_json = name.endswith(".json") and rng.random() < 0.7
        data = mutated_json(content.decode(), rng) if is_json else mutated(content, rng)
        (place / name).write_bytes(data)
        chosen = rng.choice(words)
        fuzz.one("caches", data, lambda c=chosen: command(*c, "--workspace", str(folder)))  # type: ignore[misc]


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


def spent(engine: Engine) -> float:
    """Seconds of processor time of an engine so far; 0 if it is gone."""
    try:
        times = psutil.Process(int(engine.hello.get("pid") or 0)).cpu_times()
    except (psutil.Error, ValueError):
        return 0.0
    return float(times.user + times.system)


def onnx_files(fuzz: Fuzz, count: int, rng: random.Random, folder: Path) -> None:
    """Damaged networks, in the engine that is installed; left out without one."""
    from finn_tui.engine import catalogue
    from finn_tui.engine.client import Engine

    spec = catalogue.find()
    places = (Path("shared/cases/models"), Path("../shared/cases/models"))
    networks = [path for place in places for path in sorted(place.glob("*.onnx"))]
    if spec is None or not networks:
        print("onnx: no engine or no networks here; left out")
        return
    small = [path for path in networks if path.stat().st_size < 300_000][:12]
    loop = asyncio.new_event_loop()
    engine = loop.run_until_complete(Engine.start(spec))
    loop.run_until_complete(engine.call("info"))
    path = folder / "x.onnx"

    async def finished(work: Coroutine[Any, Any, Any]) -> Any:
        """The engine's answer; a hang if it works for too long, or does not work at all."""
        task = asyncio.ensure_future(work)
        began = latest = spent(engine)
        while not (await asyncio.wait({task}, timeout=_SLICE))[0]:
            now = spent(engine)
            if now - began > PREPARE_SECONDS or now - latest < 0.01 * _SLICE:
                task.cancel()
                raise Hang
            latest = now
        return task.result()

    def read(data: bytes, whole: bool) -> str:
        path.write_bytes(data)
        source = {"kind": "onnx", "path": str(path)}
        if not whole:
            work = engine.call("graph", {"path": str(path)})
        else:
            shutil.rmtree(folder / "out", ignore_errors=True)
            request = {"source": source, "out": str(folder / "out"), "board": "Pynq-Z2"}
            work = engine.call("prepare", {**request, "clock_ns": 10.0, "check_seconds": 1})
        try:
            answer = json.dumps(loop.run_until_complete(finished(work)))
            fuzz.counts["onnx", "read"] += 1
            return answer
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    for number in range(count):
        content = bytearray(rng.choice(small).read_bytes())
        if rng.random() < 0.6:
            # Most faults of several bytes end at the parser; these get past it.
            for _ in range(rng.choice((1, 2, 4))):
                content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            data = bytes(content)
        else:
            data = mutated(bytes(content), rng)
        before = engine.hello.get("pid")
        fuzz.one(
            "onnx",
            data,
            lambda d=data, n=number: read(d, n % 20 == 0),  # type: ignore[misc]
            60 * PREPARE_SECONDS,
        )
        if before and engine.hello.get("pid") not in (before, None):
            fuzz.counts["onnx", "engine crashes"] += 1
    loop.run_until_complete(engine.close())
    read_well, crashes = fuzz.counts["onnx", "read"], fuzz.counts["onnx", "engine crashes"]
    print(f"onnx: {read_well} were read all the same; the engine crashed {crashes} times")


def toml_files(fuzz: Fuzz, count: int, rng: random.Random, folder: Path) -> None:
    """Settings, boards, engines, keys, presets and themes."""
    from finn_tui.base import paths

    config = paths.config_dir()
    files = {
        folder / "finn-tui.toml": 'board = "Pynq-Z2"\nclock_ns = 10.0\nrehearse = true\n'
        '[boards.Mine]\npart = "xc7z010clg400-1"\nLUT = 17600\n',
        config / "boards.toml": '[lab]\nhost = "10.0.0.1"\nport = 22\nsudo = true\n',
        config / "engines.toml": '[mine]\ncommand = ["python3", "-I"]\n',
        config / "keys.toml": '"tune.more" = "+"\n',
        config / "presets" / "p.toml": 'title = "t"\n[source]\nkind = "onnx"\npath = "x.onnx"\n',
        config / "themes" / "t.toml": 'name = "t"\nprimary = "#ff0000"\ndark = true\n',
    }
    words = (
        ("boards",),
        ("boards", "--json"),
        ("engine", "list"),
        ("runs",),
        ("estimate", "nothing"),
        ("boards", "add", "b", "--host", "h"),
        ("boards", "remove", "b"),
    )

    def read(chosen: tuple[str, ...]) -> str:
        from finn_tui.lab.presets import load_presets
        from finn_tui.ui.theming import load_themes

        shown = "".join(shown_error(error) for error in load_presets()[1].values())
        load_themes()
        needs = () if chosen[0] in ("boards", "engine") else ("--workspace", str(folder))
        return shown + command(*chosen, *needs)

    for _ in range(count):
        path, text = rng.choice(list(files.items()))
        path.parent.mkdir(parents=True, exist_ok=True)
        odd = json.dumps(rng.choice(ODD)).replace("NaN", "nan").replace("Infinity", "inf")
        key, _, _ = rng.choice(text.splitlines()).partition("=")
        data = mutated(text.encode(), rng)
        if rng.random() < 0.5:
            data = f"{key.strip() or 'x'} = {odd}\n{text}".encode("utf-8", "surrogatepass")
        path.write_bytes(data)
        chosen = rng.choice(words)
        fuzz.one("TOML", data, lambda c=chosen: read(c))  # type: ignore[misc]
        path.unlink(missing_ok=True)


def logs(fuzz: Fuzz, count: int, rng: random.Random, folder: Path) -> None:
    """Pieces of real logs and reports, damaged."""
    import tarfile

    pieces: list[tuple[str, bytes]] = []
    with tarfile.open("tests/data/logs.tar.xz") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None and member.size < 2_000_000:
                content = file.read()
                at = rng.randrange(max(1, len(content) - 30_000))
                pieces.append((Path(member.name).name, content[at : at + 30_000]))
    for _ in range(count):
        name, content = rng.choice(pieces)
        data = mutated(bytes(content), rng)
        path = folder / name
        path.write_bytes(data)
        words = ("inspect", str(path), *rng.choice(((), ("--json",))))
        fuzz.one("logs", data, lambda w=words: command(*w))  # type: ignore[misc]
        path.unlink()


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


def ssh_files(fuzz: Fuzz, count: int, rng: random.Random, folder: Path) -> None:
    """known_hosts, config and keys."""
    import asyncssh

    from finn_tui.base.errors import FinnTuiError
    from finn_tui.hosts.ssh import openssh_files

    os.environ["HOME"] = str(folder)
    ssh = folder / ".ssh"
    ssh.mkdir(exist_ok=True)
    private = asyncssh.generate_private_key("ssh-ed25519")
    public = private.export_public_key().decode()
    known = "".join(f"host{n} {public}" for n in range(4)) + f"|1|YQ==|YQ== {public}"
    config = 'Host lab\n  Port 22\n  User me\nMatch host x exec "true"\n  Port 23\nHost *\n'
    for _ in range(count):
        which = rng.randrange(3)
        data = mutated((known.encode(), config.encode(), private.export_private_key())[which], rng)

        def read(which: int = which) -> str:
            if which == 0:
                openssh_files.known_hosts().match("host1", "10.0.0.1", 22)
            elif which == 1:
                with openssh_files.usable_config(host="lab") as (_, notes):
                    from finn_tui.base.text import one_line

                    return "".join(one_line(note) for note in notes)
            else:
                try:
                    openssh_files.read_key(str(ssh / "key"), rng.choice((None, "x")))
                except FinnTuiError as error:
                    return shown_error(error)
            return ""

        # An exec condition is the user's own; not of a mutated one.
        (ssh / ("known_hosts", "config", "key")[which]).write_bytes(data.replace(b"exec", b"user"))
        fuzz.one("OpenSSH files", data, read)


#: Which share of the inputs each kind gets.
KINDS: dict[str, tuple[Callable[[Fuzz, int, random.Random, Path], None], float]] = {
    "runs": (run_documents, 0.25),
    "caches": (caches, 0.12),
    "client": (protocol_client, 0.13),
    "server": (protocol_server, 0.12),
    "onnx": (onnx_files, 0.06),
    "toml": (toml_files, 0.1),
    "logs": (logs, 0.07),
    "board": (board_answers, 0.1),
    "ssh": (ssh_files, 0.05),
}


def main() -> int:
    """Read mutated inputs of every kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unshare = ["unshare", "-pf", "--mount-proc"]
    can = shutil.which("unshare") and not options.inside
    if can and subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0:
        command = [*unshare, sys.executable, *sys.argv, "--inside"]
        return subprocess.run(command, check=False).returncode
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    with tempfile.TemporaryDirectory(prefix="finn-tui-fuzz-home-") as home:
        keep = Path(tempfile.mkdtemp(prefix="finn-tui-fuzz-"))
        fuzz = Fuzz(options.seed, keep)
        engine = None
        if options.only in (None, "onnx"):
            from finn_tui.engine import catalogue

            engine = catalogue.find()
        from tests import data

        data.home(Path(home))
        if engine is not None:
            os.environ["FINN_TUI_ENGINE_PYTHON"] = engine.command[0]
        for name, (work, share) in KINDS.items():
            if options.only in (None, name):
                if name != "onnx":
                    os.environ.pop("FINN_TUI_ENGINE_PYTHON", None)
                elif engine is not None:
                    os.environ["FINN_TUI_ENGINE_PYTHON"] = engine.command[0]
                folder = Path(home) / name
                folder.mkdir()
                began = time.monotonic()
                number = options.count if options.only else round(options.count * share)
                work(fuzz, number, random.Random(f"{options.seed} {name}"), folder)
                print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        code = fuzz.report()
        print(
            f"seed {options.seed}; inputs that failed: {keep}" if code else f"seed {options.seed}"
        )
        return code


if __name__ == "__main__":
    sys.exit(main())
