"""A board session that is recorded and replayed: the same figures, marked, and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.board import jobs
from finn_tui.board.catalogue import Board, boards_file, find, is_replay, simulated
from finn_tui.board.connection import connect
from finn_tui.board.execution import execute
from finn_tui.board.recording import document
from finn_tui.board.recording import pace as pace_module
from finn_tui.board.recording.pace import Pace, next_speed
from finn_tui.board.recording.recorder import Recorder, recording
from finn_tui.board.throughput import throughput
from finn_tui.board.validation import validate
from finn_tui.cli import main
from finn_tui.cli.measure import outcome_lines
from finn_tui.ui.board.numbers import figures
from finn_tui.ui.board.view import job_lines
from finn_tui.ui.state import BoardState
from tests.board import samples
from tests.cli import contract
from tests.waiting import PATIENCE

#: Of the throughput; larger ones take the simulated board seconds.
BATCH = 10


def replay(path: Path, speed: float = 0.0) -> Board:
    return replace(find(f"replay:{path}"), replay_speed=speed)


def without_times(outcome: Any) -> dict[str, Any]:
    """What a session gave, without what may differ: who gave it and how long finn-tui took."""
    found = outcome.as_dict()
    for part in ("execute", "throughput", "validate"):
        for name in ("board", "replay", "seconds", "predictions"):
            found[part].pop(name, None)
    validate = found["validate"]
    for row in (*found["throughput"]["sweep"], *validate["per_class"], *validate["differences"]):
        row.pop("replay")
    found["validate"]["comparison"].pop("board")
    found["validate"]["comparison"].pop("replay")
    return {name: found[name] for name in ("execute", "throughput", "validate", "notes", "missing")}


@pytest.fixture(scope="module")
def session(
    driver_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Path, Any]]:
    """A run that was measured on the simulated board, the recording of that, what came out."""
    folder = tmp_path_factory.mktemp("recorded")
    run = folder / "runs" / "20261123T120000-tfc-w1a1-ab12"
    run.mkdir(parents=True)
    samples.write_run(run)
    path = folder / "lunch.jsonl"

    async def record() -> Any:
        with recording(path) as recorder:
            async with connect(find("simulated")) as link:
                measured = await jobs.go(recorder.link(link), run, batch=BATCH)
            assert recorder.problem is None
        return measured

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINN_TUI_DRIVER_PYTHON", str(driver_python))
        patch.setenv("FINN_TUI_HOME", str(folder / "home"))
        yield run, path, asyncio.run(record())


@pytest.fixture
def recorded(session: tuple[Path, Path, Any], tmp_path: Path) -> tuple[Path, Path, Any]:
    """The same for a test to change."""
    run, path, measured = session
    folder = tmp_path / "runs" / run.name
    shutil.copytree(run, folder)
    shutil.copy(path, tmp_path / path.name)
    return folder, tmp_path / path.name, measured


async def test_a_replay_gives_what_was_measured_and_is_no_measurement(
    recorded: tuple[Path, Path, Any],
) -> None:
    run_folder, path, measured = recorded
    before = json.loads((run_folder / "results.json").read_text())
    seen: list[Progress] = []
    async with connect(replay(path)) as link:
        assert link.board.name == "REPLAY lunch" and link.board.simulated
        replayed = await jobs.go(link, run_folder, seen.append, batch=BATCH)
        # A single step of a session that did all; another one after it.
        assert (await execute(link, run_folder))[0].replay
        assert (await throughput(link, run_folder, batches=(1, BATCH))).images_per_s
    assert without_times(replayed) == without_times(measured)
    assert replayed.deployed.sent == measured.deployed.sent != ()
    assert replayed.deployed.board == "REPLAY lunch"
    assert all(
        "REPLAY" in each.message
        for each in seen
        if each.stage != "deploy" and "log" not in each.data
    )
    after = json.loads((run_folder / "results.json").read_text())
    again = after.pop("replay")
    assert after == before, "what was measured stays as it is"
    assert set(again) == {"execute", "throughput", "accuracy", "comparison"}
    assert all(part["replay"] and part["board"] == "REPLAY lunch" for part in again.values())
    assert not any(before[part]["replay"] for part in again)

    text = path.read_text()
    assert "127.0.0.1" not in text and "@" not in text, "no addresses and nobody's name"
    assert len(text) < 100_000, "hashes of what was sent, not contents"

    # Another test set, another batch.
    async with connect(replay(path)) as link:
        with pytest.raises(FinnTuiError, match="holds no throughput of batches 1, 7") as error:
            await throughput(link, run_folder, batches=(1, 7))
        assert "throughput of batches 1, 10" in error.value.why
        with pytest.raises(FinnTuiError, match="of another data set"):
            await validate(link, run_folder, limit=9)


async def test_another_package_is_refused(recorded: tuple[Path, Path, Any]) -> None:
    run_folder, path, _ = recorded
    other = run_folder.with_name("20261124T120000-other-cd34")
    shutil.copytree(run_folder, other)
    async with connect(replay(path)) as link:
        with pytest.raises(FinnTuiError, match=f"not of the run {other.name}") as error:
            await jobs.go(link, other)
        assert run_folder.name in error.value.why

    sample = run_folder / "sample" / "labels.npy"
    kept = sample.read_bytes()
    sample.write_bytes(kept[:-1] + b"\1")
    async with connect(replay(path)) as link:
        with pytest.raises(FinnTuiError, match=r"labels\.npy is not the recorded file"):
            await jobs.go(link, run_folder, batch=BATCH)
    sample.write_bytes(kept)

    bitfile = run_folder / "build" / "deploy" / "bitfile" / "finn-accel.bit"
    samples.write_bitstream(bitfile, samples.network_bytes(seed=5))
    async with connect(replay(path)) as link:
        with pytest.raises(FinnTuiError, match=r"recording lunch\.jsonl is of another bitstream"):
            await execute(link, run_folder)
        with pytest.raises(FinnTuiError, match="is not the recorded file"):
            await jobs.go(link, run_folder, batch=BATCH)


HEADER = {"kind": "recording", "format": 1, "board": "lab", "simulated": True}
ASK = {"kind": "ask", "t": 0, "ask": 1, "key": "0" * 64, "what": "execute"}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([b""], "empty"),
        ([b"\x00\xff"], "line 1"),
        ([b"[" * 100_000], "line 1"),
        ([HEADER | {"format": 9}], "format is 9"),
        ([{"kind": "end", "t": 1}], "line 1"),
        ([HEADER, HEADER], "line 2"),
        ([HEADER, ASK, ASK], "there twice"),
        ([HEADER, {"kind": "line", "t": 1, "ask": 3, "text": "x"}], "no request 3"),
        ([HEADER, {"kind": "line", "t": -1, "ask": 3, "text": "x"}], "line 2"),
        ([HEADER, {"kind": "sent", "t": 1, "path": "a", "size": 1 << 50, "seconds": 1}], "line 2"),
        ([HEADER, ASK | {"key": "x"}], "line 2"),
        ([HEADER, ASK | {"ask": 10**9}], "line 2"),
        ([HEADER, b'{"kind": "command"}'], "line 2"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, lines: list[Any], words: str) -> None:
    path = tmp_path / "x.jsonl"
    data = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"".join(line + b"\n" for line in data) if lines != [b""] else b"")
    with pytest.raises(FinnTuiError) as error:
        document.read(path)
    assert words in error.value.why.lower() and "no recording" in error.value.what


def test_files_that_are_none_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path / "pipe", "no regular file"),
        (tmp_path, "no regular file"),
        (tmp_path / "none", ""),
    ):
        with pytest.raises(FinnTuiError) as error:
            document.read_header(path)
        assert words in error.value.why.lower()
    path = tmp_path / "large"
    path.write_bytes(json.dumps(HEADER).encode() + b"\n" + b"x" * 3000)
    monkeypatch.setattr(document, "MOST_LINE", 1000)
    with pytest.raises(FinnTuiError, match="no recording"):
        document.read(path)
    monkeypatch.setattr(document, "MOST_BYTES", 100)
    with pytest.raises(FinnTuiError) as error:
        document.read(path)
    assert "bytes of at most 100" in error.value.why


async def test_a_hostile_recording_says_nonsense_and_writes_nothing(
    recorded: tuple[Path, Path, Any], tmp_path: Path
) -> None:
    """It is believed as little as a hostile board, and none of its paths is a path here."""
    run_folder, path, _ = recorded
    lines = path.read_text().splitlines()
    there = {each for each in tmp_path.rglob("*") if "results.json" not in each.name}
    hostile = path.with_name("hostile.jsonl")

    def changed(old: str, new: str) -> Board:
        hostile.write_text("\n".join(line.replace(old, new) for line in lines) + "\n")
        there.add(hostile)
        return replay(hostile)

    for old, new, words in (
        ('\\"images\\": 1,', '\\"images\\": 77,', "values for 77 images"),
        ('\\"seconds\\": ', '\\"seconds\\": 1e999, \\"x\\": ', "cannot be right"),
        ("values", "\\u001b]0;x", "cannot be right"),
    ):
        async with connect(changed(old, new)) as link:
            with pytest.raises(FinnTuiError) as error:
                await execute(link, run_folder)
            assert words in str(error.value) and "\x1b" not in str(error.value)
    name = f'"runs/{run_folder.name}/'
    async with connect(changed(name, f"{name}../../../../../")) as link:
        with pytest.raises(FinnTuiError, match="is not the recorded file"):
            await jobs.go(link, run_folder, batch=BATCH)
    assert {each for each in tmp_path.rglob("*") if "results.json" not in each.name} == there


async def test_a_recording_that_ends_early_says_so(recorded: tuple[Path, Path, Any]) -> None:
    run_folder, path, _ = recorded
    lines = path.read_text().splitlines()
    first = next(at for at, line in enumerate(lines) if '"kind":"line"' in line)
    path.write_text("\n".join(lines[: first + 1]) + '\n{"kind":"li')
    async with connect(replay(path)) as link:
        with pytest.raises(FinnTuiError, match=r"recording lunch\.jsonl ends here"):
            await execute(link, run_folder)
    lost = '{"kind":"exit","t":9999,"ask":1,"lost":true}'
    path.write_text("\n".join([*lines[: first + 1], lost]) + "\n")
    async with connect(replay(path)) as link:
        with pytest.raises(FinnTuiError, match="connection to REPLAY lunch broke"):
            await execute(link, run_folder)


async def test_lines_come_as_recorded_and_no_pause_is_endless(
    recorded: tuple[Path, Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a thousandth of the time; a pause of months, which a hostile file may have, is cut."""
    run_folder, path, _ = recorded
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    # The first request's lines at 100 s, 200 s ... after it, the last a million seconds later.
    lines = [line for line in lines if not line.get("error")]
    said = [line for line in lines if line["kind"] == "line" and line["ask"] == 1]
    asked = next(line["t"] for line in lines if line["kind"] == "ask")
    for at, line in enumerate(said):
        line["t"] = asked + 100.0 * (at + 1)
    said[-1]["t"] += 1e6
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(pace_module, "_MOST_PAUSE", 0.3)
    began = time.monotonic()
    async with asyncio.timeout(PATIENCE), connect(replay(path, speed=1000.0)) as link:
        await execute(link, run_folder)
    assert time.monotonic() - began >= 0.1 * (len(said) - 1) + 0.3


async def test_the_speed_changes_in_the_middle_of_a_pause() -> None:
    pace = Pace(0.001)
    waiting = asyncio.create_task(pace.until(1000.0))
    await asyncio.sleep(0.01)
    assert not waiting.done() and pace.now() < 1.0
    async with asyncio.timeout(PATIENCE):
        pace.set_speed(0.0)
        await waiting
        # What was skipped has passed: the next line does not wait for it.
        pace.set_speed(100.0)
        await pace.until(1001.0)
    assert pace.now() >= 1001.0


def test_speeds_of_a_replay() -> None:
    assert [next_speed(speed, 1) for speed in (1.0, 7.0, 100.0, 0.0, 500.0)] == [2, 10, 0, 0, 0]
    assert [next_speed(speed, -1) for speed in (1.0, 7.0, 0.0, 0.25, 0.1)] == [
        0.5,
        5,
        100,
        0.25,
        0.1,
    ]


class _Agent:
    """A process that prints what it is given, password included."""

    exit_status: int | None = None

    def __init__(self) -> None:
        self.lines = [b"finn-tui-password:", b"\n", b"no secret hunter2\n", b"{}\n"]
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    async def readline(self) -> bytes:
        return self.lines.pop(0) if self.lines else b""

    async def read_error(self) -> bytes:
        return b""

    async def wait(self, seconds: float) -> None:
        pass

    def close(self) -> None:
        pass


class _Link:
    is_closed = False
    sudo_password = "hunter2"

    def __init__(self) -> None:
        self.board = Board("lab", "192.168.2.99")
        self.machine = self.board.machine
        self.agent = _Agent()

    async def stream(self, command: str) -> _Agent:
        return self.agent


def named_link(board: Board | str) -> Any:
    """A connection of which only the board is asked."""
    link = _Link()
    link.board = find(board) if isinstance(board, str) else board
    return link


async def test_no_password_is_recorded(tmp_path: Path) -> None:
    from finn_tui.board.agent_zipapp import agent_name

    path, link = tmp_path / "x.jsonl", _Link()
    with recording(path) as recorder:
        process = await recorder.link(link).stream(f"sudo {agent_name()}")  # type: ignore[arg-type]
        process.write(b"hunter2\n")
        process.write(b'{"do": "check", "who": "me@here"}\n')
        while await process.readline():
            pass
    assert link.agent.written[0] == b"hunter2\n", "it reaches sudo all the same"
    text = path.read_text()
    assert "hunter2" not in text and "password" not in text and "me@here" not in text
    assert "192.168" not in text
    kept = document.read(path)
    assert [line for _, line in kept.exchanges[0].lines] == [b"no secret ***\n", b"{}\n"]


def test_a_recording_is_bounded_and_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.jsonl"
    monkeypatch.setattr(document, "MOST_BYTES", 2000)
    with recording(path) as recorder:
        recorder.link(_Link())  # type: ignore[arg-type]
        for at in range(100):
            recorder.hashed(f"file{at}", None)
    assert recorder.problem is not None and "not complete" in recorder.problem.what
    assert path.stat().st_size < 2100
    assert not document.read(path).complete
    with pytest.raises(FinnTuiError, match="is there already"):
        Recorder(path)
    with recording(tmp_path / "nothing.jsonl"):
        pass
    assert not (tmp_path / "nothing.jsonl").exists(), "nothing was done"
    with recording(tmp_path / "y.jsonl") as recorder, pytest.raises(FinnTuiError, match="replay"):
        recorder.link(named_link(find(f"replay:{path}")))


async def test_a_named_recording_is_a_board(tmp_path: Path) -> None:
    path = tmp_path / "lecture 1.jsonl"
    with recording(path) as recorder:
        recorder.link(named_link(simulated()))
    boards_file().parent.mkdir(parents=True, exist_ok=True)
    boards_file().write_text(f'[lecture]\nrecording = "{path}"\nreplay_speed = 10\n')
    board = find("lecture")
    assert board.replay and board.replay_speed == 10 and "REPLAY of" in board.address
    assert is_replay("lecture") and is_replay("replay:x") and not is_replay("simulated")
    async with connect(board) as link:
        assert link.board.name == "REPLAY lecture_1"
        with pytest.raises(FinnTuiError, match="has no terminal"):
            await link.console(80, 24)
        with pytest.raises(FinnTuiError, match="holds no check"):
            await jobs.check(link)


async def test_another_clock_than_the_build_s_is_recorded(
    recorded: tuple[Path, Path, Any],
) -> None:
    """A board that ran at half the clock, from a recording: in results.json and on the screen."""
    run_folder, path, _ = recorded
    text = path.read_text()
    assert text.count('\\"clock_mhz\\": 100.0') >= 3
    path.write_text(text.replace('\\"clock_mhz\\": 100.0', '\\"clock_mhz\\": 50.0'))
    async with connect(replay(path)) as link:
        outcome = await jobs.go(link, run_folder, batch=BATCH)
    note = "built for 100 MHz, the board ran it at 50 MHz"
    parts = json.loads((run_folder / "results.json").read_text())["replay"]
    assert [parts[name]["clock_note"] for name in ("execute", "throughput", "accuracy")] == [
        note
    ] * 3
    lines = outcome_lines(outcome.as_dict())
    assert [line for line in lines if "WRONG" in line] == [
        f"clock       WRONG: {note}  REPLAY SIMULATED"
    ]
    shown = figures(BoardState(results=parts, results_of=("x", 0.0)), _view())
    assert [figure.about[0] for figure in shown[1:3]] == ["! 50, not 100 MHz"] * 2
    drawn = "\n".join(line.text for line in job_lines(BoardState(results=parts), 80, 20))
    assert drawn.count(f"! {note}") == 2, "beside the throughput and the accuracy"


def _view() -> Any:
    """As much of a run as the numbers need."""
    request = SimpleNamespace(estimate={"fps": 1.0}, clock_ns=10.0)
    return SimpleNamespace(id="x", request=request)


def test_a_series_of_runs_is_replayed_by_one_command(
    recorded: tuple[Path, Path, Any], tmp_path: Path
) -> None:
    """The command's table and document; a run that was not recorded stops no other."""
    run_folder, path, measured = recorded
    whole = {"model": "tfc-w1a1", "created": "2026-01-02T03:04:05+00:00", "folding": {}}
    whole |= {"folding_name": "published", "board": "Pynq-Z2", "part": "xc7z020clg400-1"}
    request = json.loads((run_folder / "run.json").read_text()) | whole
    (run_folder / "run.json").write_text(json.dumps(request))
    other = run_folder.with_name("20261124T120000-other-cd34")
    shutil.copytree(run_folder, other)
    words = ["go", str(other), str(run_folder), "--to", f"replay:{path}", "--no-download"]
    words += ["--batch", str(BATCH), "--replay-speed", "0", "--workspace", str(tmp_path)]
    answer = CliRunner().invoke(main, words)
    assert answer.exit_code == 1, answer.output
    rows = answer.stdout.splitlines()
    assert rows[1].endswith("failed") and "not of the run 20261124T120000-other" in answer.stderr
    assert rows[2].endswith("done  REPLAY SIMULATED") and " 60 equal " in rows[2]
    assert f"{measured.validation.percent:.2f} %" in rows[2]
    answer = CliRunner().invoke(main, [*words, "--json"])
    document = json.loads(answer.stdout)
    contract.check(words, document)
    failed, done = document["runs"]
    assert (failed["status"], failed["go"]) == ("failed", None) and failed["error"]["fix"]
    assert done["status"] == "done" and done["go"]["throughput"]["replay"]
