"""A board's answers are data: typed, bounded, and nothing of them is followed blindly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import asyncssh
import numpy as np
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.board import agent_session as session_module
from finn_tui.board import answers, deploy_lock, jobs
from finn_tui.board import deploy as deploy_module
from finn_tui.board.agent_session import conversation
from finn_tui.board.agent_zipapp import agent_bytes, agent_name
from finn_tui.board.answers import Checked, ExecuteAnswer, NoEvent, ThroughputAnswer
from finn_tui.board.catalogue import find
from finn_tui.board.connection import connect
from finn_tui.board.deploy import MANIFEST, deploy
from finn_tui.board.execution import execute
from finn_tui.board.package import package
from finn_tui.board.request import load_sample
from finn_tui.board.transport import Transport
from finn_tui.hosts import remote_files
from finn_tui.rehearsal import board as rehearsal_board
from tests.board.fixtures import pretend

RUN = "finn-tui/runs/20261123T120000-tfc-w1a1-ab12"
GOOD_SET = {"images": 4, "shapes": [[1]], "seconds": 1.0, "clock_mhz": 1.0}


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def result(**fields: Any) -> bytes:
    return line(event="result", **fields)


def rate(**changes: str) -> bytes:
    """The times of a batch; changes are JSON."""
    fields = {"batch": "1", "device": "[1.0]", "whole": "[2.0]", "bytes_in": "4"}
    fields |= {"bytes_out": "1", "metrics": "{}"}
    clock = changes.pop("clock_mhz", "100.0")
    text = ",".join(f'"{name}":{value}' for name, value in (fields | changes).items())
    return f'{{"event":"result","batches":[{{{text}}}],"clock_mhz":{clock}}}\n'.encode()


NONSENSE: dict[str, tuple[bytes, Any]] = {
    "NaN": (rate(device="[NaN]"), ThroughputAnswer),
    "infinite": (rate(device="[Infinity]"), ThroughputAnswer),
    "too large a number": (rate(device="[1e400]"), ThroughputAnswer),
    "no times": (rate(device="[]"), ThroughputAnswer),
    "no batches": (result(batches=[], clock_mhz=1.0), ThroughputAnswer),
    "negative": (rate(whole="[-1]"), ThroughputAnswer),
    "time 0": (rate(whole="[0]"), ThroughputAnswer),
    "a batch of none": (rate(batch="0"), ThroughputAnswer),
    "a metric with an escape": (rate(metrics=r'{"\u001b[2J": 1}'), ThroughputAnswer),
    "a metric is NaN": (rate(metrics='{"x": NaN}'), ThroughputAnswer),
    "a number as text": (rate(clock_mhz='"100"'), ThroughputAnswer),
    "clock 0": (rate(clock_mhz="0"), ThroughputAnswer),
    "metrics are a list": (rate(metrics="[1]"), ThroughputAnswer),
    "nothing": (result(), ThroughputAnswer),
    "no shapes": (result(images=1, shapes=[], seconds=1, clock_mhz=1), ExecuteAnswer),
    "a size below 1": (result(images=1, shapes=[[0]], seconds=1, clock_mhz=1), ExecuteAnswer),
    "a shape is text": (
        result(images=1, shapes=["\x1b[31m"], seconds=1, clock_mhz=1),
        ExecuteAnswer,
    ),
    "negative time": (result(images=1, shapes=[[1]], seconds=-1, clock_mhz=1), ExecuteAnswer),
    "values are no base64": (line(event="values", output=0, data="~~"), ExecuteAnswer),
    "values that are cut off": (line(event="values", output=0, data="AAAAAAA="), ExecuteAnswer),
    "values of output -1": (line(event="values", output=-1, data="AAAA"), ExecuteAnswer),
    "nested deep": (b'{"event":"result","metrics":' + b"[" * 100_000 + b"\n", ThroughputAnswer),
    "an array": (b"[1, 2]\n", Checked),
    "null": (b"null\n", Checked),
    "an unknown event": (line(event="shutdown"), Checked),
    "no event": (line(text="x"), Checked),
    "progress beyond all": (line(event="progress", done=-1, total=10), Checked),
    "bytes": (b"\xff\xfe\x00\n", Checked),
    "hello without types": (line(event="hello", free_bytes="much"), Checked),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_an_answer_that_cannot_be_is_refused(name: str) -> None:
    data, kind = NONSENSE[name]
    with pytest.raises(NoEvent):
        answers.decode(data, kind)


def test_good_answers_are_read_and_texts_are_harmless() -> None:
    times = answers.decode(rate(), ThroughputAnswer)
    assert isinstance(times, ThroughputAnswer) and times.clock_mhz == 100.0
    computed = answers.decode(result(**GOOD_SET), ExecuteAnswer)
    assert isinstance(computed, ExecuteAnswer) and computed.images == 4
    log = answers.decode(line(event="log", text="\x1b]0;gone\x07a\u202eb" + "x" * 9000), Checked)
    assert isinstance(log, answers.Log) and log.text.startswith("ab") and len(log.text) < 4001
    failed = answers.decode(line(event="error", what="\x1b[2Jx", kind="usage"), Checked)
    assert isinstance(failed, answers.Failed)
    assert (failed.as_error("lab").what, failed.as_error("lab").kind) == ("x", "board")


HELLO = 'print(json.dumps({"event": "hello"}), flush=True)\n'
PROGRAMS = {
    "half a result": HELLO + 'print(\'{"event": "res\', flush=True); time.sleep(600)',
    "nonsense": HELLO + 'print(\'{"event": "result", "clock_mhz": NaN}\', flush=True)',
    "a line without end": HELLO + "while True: sys.stdout.write('x' * 65536)",
    "prints without end": HELLO + 'while True: print(\'{"event": "log"}\'); time.sleep(0.01)',
    "a flood": HELLO + "while True: print('{\"event\": \"progress\"}' + ' ' * 9999)",
    "a flood of errors": HELLO + "while True: sys.stderr.write('x' * 65535 + '\\n')",
    "silence": "time.sleep(600)",
    "the end": HELLO,
}


COUNT = (
    "for n in range(1, 10**9):\n    print(json.dumps({{'event': 'progress', {}}}), flush=True)\n"
)
#: Each progress is valid by itself; what is wrong is their course. With words of the explanation.
COURSES = {
    "no number at all": ("'message': 'batch %d' % n", "does not get on"),
    "the same for ever": ("'done': 7, 'total': 10", "does not get on after 7 images"),
    "forward and back": ("'done': 5 + n % 2, 'total': 10", "does not get on after 6 images"),
    "more than there is": ("'done': n", "11 of 10 images are done"),
    "more than it said": ("'done': n, 'total': 8", "9 of 8 images are done"),
    "a larger set": ("'done': n, 'total': 11", "11 images to do of at most 10"),
    "another total": ("'done': n, 'total': 10 - n", "8 images to do, and had 9"),
}


class HastyLimits(session_module._Limits):
    """A minute passes in two seconds; silence, another error, is waited for as long as ever."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        clock = self._clock
        self._clock = lambda: 30 * clock()
        self._began = self._moved = self._clock()


@pytest.mark.parametrize("name", COURSES)
async def test_valid_progress_for_ever_ends_by_the_size_of_the_work(
    lab: tuple[Transport, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, home = lab
    fields, words = COURSES[name]
    pretend(home, monkeypatch, HELLO + COUNT.format(fields) + "    time.sleep(0.02)\n")
    if "does not get on" in words:
        for limit in ("_STALL", "_WAIT"):
            monkeypatch.setattr(session_module, limit, 1.0)
        monkeypatch.setattr(session_module, "_Limits", HastyLimits)
    async with conversation(link) as agent:
        with pytest.raises(FinnTuiError, match="cannot be right") as caught:
            request = {"do": "execute", "flavour": "finn-plus", "timeout": -29.0}
            await agent.ask(request, lambda event: None, ExecuteAnswer, images=10)
    assert words in caught.value.why


async def test_work_as_long_as_its_batches_is_waited_for(
    lab: tuple[Transport, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    link, home = lab
    fields = "'done': min(n, 300), 'total': 300"
    answer = result(**GOOD_SET).decode().strip()
    program = COUNT.format(fields) + f"    if n == 300: print({answer!r}, flush=True)\n"
    pretend(home, monkeypatch, HELLO + program + "    time.sleep(0.01)\n")
    seen: list[answers.Event] = []
    async with conversation(link) as agent:
        await agent.ask({"do": "execute", "batch": 10}, seen.append, ExecuteAnswer)
    assert sum(isinstance(event, answers.Working) for event in seen) == 300


@pytest.mark.parametrize("name", PROGRAMS)
async def test_an_agent_gone_mad_ends_with_an_explanation(
    lab: tuple[Transport, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, home = lab
    pretend(home, monkeypatch, PROGRAMS[name])
    for limit in ("_FIRST_EVENT", "_SILENCE", "_STALL", "_WAIT"):
        monkeypatch.setattr(session_module, limit, 1.0)
    monkeypatch.setattr(answers, "MOST_LINE", 4 << 20)
    monkeypatch.setattr(answers, "MOST_BYTES", 8 << 20)
    began = time.monotonic()
    async with conversation(link) as agent:
        with pytest.raises(FinnTuiError, match="lab") as caught:
            request = {"do": "check", "flavour": "finn-plus", "timeout": -29.0}
            await agent.ask(request, lambda event: None, ThroughputAnswer)
    assert time.monotonic() - began < 120
    assert caught.value.kind == "board" and caught.value.why


class Complaining:
    """A process that prints something to its standard error and never answers."""

    exit_status = None

    def __init__(self, complaints: int) -> None:
        self._left = complaints
        self._closed = asyncio.Event()

    def write(self, data: bytes) -> None:
        pass

    async def readline(self) -> bytes:
        await self._closed.wait()
        return b""

    async def read_error(self) -> bytes:
        self._left -= 1
        if self._left < 0:
            await self._closed.wait()
            return b""
        return b"\x1b[2Jno XRT\n"

    async def wait(self, seconds: float) -> None:
        pass

    def close(self) -> None:
        self._closed.set()


@pytest.mark.parametrize(
    ("complaints", "what", "why"),
    [
        (0, "nothing was heard from simulated", "is silent"),
        (3, "simulated has not answered", "All that came is 33 B on the agent's standard error"),
        (2000, "simulated answered something that cannot be right", "of error messages"),
    ],
)
async def test_a_board_that_only_complains_is_not_called_silent(
    complaints: int, what: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_FIRST_EVENT", 0.5)
    monkeypatch.setattr(answers, "MOST_BYTES", 10_000)
    link = SimpleNamespace(
        board=find("simulated"), is_closed=False, translated=contextlib.nullcontext
    )
    agent = session_module.Conversation(cast(Transport, link), Complaining(complaints))
    with pytest.raises(FinnTuiError) as caught:
        await agent.ask({"do": "check"}, lambda event: None, Checked)
    agent.reading.cancel()
    assert what in caught.value.what and why in caught.value.why
    assert "\x1b" not in caught.value.detail
    assert ("no XRT" in caught.value.detail) == (complaints == 3)


ANSWER = {"event": "result", "images": 1, "shapes": [[1]], "seconds": 1.0, "clock_mhz": 100.0}
ODD_VALUES = {
    "none": ([], "sent 0 values for 1 images"),
    "one too many": ([{"event": "values", "output": 0, "data": "AAAAAAAAgD8="}], "sent 2 values"),
    "no class": ([{"event": "values", "output": 0, "data": "AADAfw=="}], "cannot be right"),
    "of another output": ([{"event": "values", "output": 9, "data": "AACAPw=="}], "sent 0 values"),
}


@pytest.mark.parametrize("name", ODD_VALUES)
async def test_values_that_cannot_be_are_not_recorded(
    lab: tuple[Transport, Path], run_folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, home = lab
    values, what = ODD_VALUES[name]
    lines = "".join(f"print({json.dumps(event)!r}, flush=True)\n" for event in (*values, ANSWER))
    pretend(home, monkeypatch, HELLO + lines + "time.sleep(600)\n")
    with pytest.raises(FinnTuiError, match=what):
        await execute(link, run_folder)
    assert not (run_folder / "results.json").exists()


async def test_links_on_the_board_are_not_followed(
    lab: tuple[Transport, Path], run_folder: Path, tmp_path: Path
) -> None:
    link, home = lab
    await deploy(link, run_folder)
    outside = home / "outside"
    outside.mkdir()
    (outside / "settings.json").write_text("mine")
    driver = home / RUN / "driver"
    driver.rename(home / "old")
    driver.symlink_to(outside)
    with pytest.raises(FinnTuiError, match="is a symbolic link") as caught:
        await deploy(link, run_folder)
    assert "remove it" in caught.value.fix
    assert (outside / "settings.json").read_text() == "mine"
    driver.unlink()
    # A file's own name, and that of its part, are links: replaced, never written through.
    await deploy(link, run_folder)
    victim = home / "victim"
    victim.write_text("mine")
    settings = driver / "settings.json"
    content = settings.read_bytes()
    settings.unlink()
    settings.symlink_to(victim)
    digest = deploy_module._file(run_folder / "build/deploy/driver/settings.json").sha256
    (driver / f".settings.json.{digest[:12]}.part").symlink_to(victim)
    await deploy(link, run_folder)
    assert victim.read_text() == "mine" and not settings.is_symlink()
    assert settings.read_bytes() == content


@pytest.mark.parametrize(
    "manifest",
    [
        '{"files": {"../../../precious": "x", "/etc/hosts": "x", "a/../../../../precious": "x"}}',
        '{"files": {"driver/../../../../precious": "x", "": "x", ".": "x", "bitfile": "x"}}',
        '{"files": [1, null, {"a": 1}]}',
        '{"files": 7}',
        "[" * 100_000,
        '{"files": {"' + "x" * (5 << 20) + '": "x"}}',
        '{"files": {"out/precious": "x"}}',
    ],
    # The texts themselves would be too long: pytest puts the id into the environment.
    ids=["climbs", "odd-names", "list", "number", "nested", "long-name", "link"],
)
async def test_a_manifest_names_nothing_outside_its_folder(
    lab: tuple[Transport, Path], run_folder: Path, manifest: str
) -> None:
    link, home = lab
    await deploy(link, run_folder)
    (home / "precious").write_text("kept")
    (home / RUN / "out").symlink_to(home)
    (home / RUN / MANIFEST).write_text(manifest)
    await deploy(link, run_folder)
    assert (home / "precious").read_text() == "kept"
    assert (await deploy(link, run_folder)).sent == ()


async def test_what_was_changed_on_the_board_is_sent_again(
    lab: tuple[Transport, Path], run_folder: Path
) -> None:
    """The manifest and the size agree; the content does not."""
    link, home = lab
    await deploy(link, run_folder)
    path = home / RUN / "bitfile" / "finn-accel.bit"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert len((await deploy(link, run_folder)).sent) == 1
    assert path.read_bytes() == content


async def test_an_agent_that_was_changed_is_not_started(lab: tuple[Transport, Path]) -> None:
    link, home = lab
    await jobs.check(link)
    path = home / "finn-tui" / agent_name()
    path.write_bytes(b"#" * len(agent_bytes()))
    assert (await jobs.check(link))["python"]
    assert path.read_bytes() == agent_bytes()


async def test_a_bitfile_that_was_changed_is_not_loaded(board_home: None, run_folder: Path) -> None:
    async with connect(find("simulated")) as link:
        await deploy(link, run_folder)
        home = rehearsal_board.default_folder() / "home"
        path = home / RUN / "bitfile" / "finn-accel.bit"
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(FinnTuiError, match="not the run's") as caught:
            await execute(link, run_folder)
        assert "Deploy the run again" in caught.value.fix
        await deploy(link, run_folder)
        assert (await execute(link, run_folder))[0].result is not None


async def test_files_outside_the_run_are_not_sent(
    lab: tuple[Transport, Path], run_folder: Path, tmp_path: Path
) -> None:
    link, home = lab
    secret = tmp_path / "id_rsa"
    secret.write_text("secret")
    (run_folder / "build" / "deploy" / "driver" / "x.dat").symlink_to(secret)
    with pytest.raises(FinnTuiError, match="link to a file outside the run"):
        await deploy(link, run_folder)
    assert not (home / "finn-tui").exists()


STUCK = ["open", "lstat", "write", "fsync", "rename"]


@pytest.mark.parametrize("operation", STUCK)
async def test_a_stuck_disk_ends_a_deploy(
    lab: tuple[Transport, Path],
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
) -> None:
    link, _ = lab
    monkeypatch.setattr(remote_files, "REQUEST_SECONDS", 1.0)
    await deploy(link, run_folder)
    bitfile = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
    bitfile.write_bytes(bitfile.read_bytes() + b"more")
    stuck = asyncio.Event()

    async def never(*args: Any, **kwargs: Any) -> None:
        stuck.set()
        await asyncio.Event().wait()

    of_file = operation in ("write", "fsync")
    owner = asyncssh.SFTPClientFile if of_file else asyncssh.SFTPClient
    name = "posix_rename" if operation == "rename" else operation
    if operation == "open":
        monkeypatch.setattr(remote_files.RemoteFiles, "timed", _bounded(never))
    monkeypatch.setattr(owner, name, never)
    if of_file:
        monkeypatch.setattr(owner, "close", never)
    began = time.monotonic()
    with pytest.raises(FinnTuiError, match="does not answer"):
        await deploy(link, run_folder)
    assert stuck.is_set() and time.monotonic() - began < 60
    # And it can be left at any time.
    stuck.clear()
    monkeypatch.setattr(remote_files, "REQUEST_SECONDS", 600.0)
    task = asyncio.create_task(deploy(link, run_folder))
    async with asyncio.timeout(120):
        await stuck.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def _bounded(never: Any) -> Any:
    async def timed(self: Any, request: Any) -> Any:
        if asyncio.iscoroutine(request):
            request.close()
        async with asyncio.timeout(remote_files.REQUEST_SECONDS):
            await never()

    return timed


async def test_a_lock_that_is_never_given_back(
    lab: tuple[Transport, Path], run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, home = lab
    monkeypatch.setattr(deploy_lock, "LOCK_SECONDS", 0.5)
    (home / "finn-tui").mkdir()
    import fcntl

    with (home / "finn-tui" / ".deploy.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(FinnTuiError, match="another finn-tui has deployed"):
            await deploy(link, run_folder)
    assert (await deploy(link, run_folder)).sent


async def test_a_command_that_prints_without_end(lab: tuple[Transport, Path]) -> None:
    link, _ = lab
    code, out, _ = await link.run("sh", "-c", "yes | head -c 60000000")
    assert code == 0 and len(out) == 4 << 20
    with pytest.raises(FinnTuiError, match="longer than 1 s"):
        await link.run("yes", timeout=1)
    assert (await link.run("echo", "on"))[1] == b"on\n"


def test_a_sample_is_no_pickle(run_folder: Path) -> None:
    path = run_folder / "sample" / "labels.npy"
    np.save(path, np.array([os.system], dtype=object), allow_pickle=True)
    with pytest.raises(FinnTuiError, match="cannot be read"):
        load_sample(package(run_folder), "labels")
