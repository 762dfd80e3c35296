"""Damaged files: run documents, caches, networks, TOML, logs, OpenSSH's."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from finn_tui.engine.client import Engine
from benchmarks.fuzzing.harness import Fuzz, Hang, command, shown_error
from benchmarks.fuzzing.mutation import ODD, mutated, mutated_json

#: FINN's own work on a network that can still be read takes half a minute of processor time; it
#: may take as much real time as a busy machine makes of that.
PREPARE_SECONDS = 90.0
_SLICE = 30.0


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
        from finn_tui.lab.models.presets import load_presets
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
