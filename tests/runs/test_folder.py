"""Reading and writing run folders."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.server import runfiles
from finn_tui.runs.folder import find_run, list_runs
from tests.runs.conftest import MakeRun


def test_request_and_state_are_read(make_run: MakeRun) -> None:
    error = {"kind": "tools", "what": "w", "why": "y", "fix": "f", "detail": "d"}
    run = make_run(
        state="failed",
        step="step_hw_ipgen",
        step_index=3,
        step_count=14,
        started="2026-01-02T03:04:05+00:00",
        ended="2026-01-02T03:06:05+00:00",
        error=error,
        something_new=1,
    )
    assert run.request.model == "tfc-w1a1"
    assert run.request.rehearsal == {"seconds": 2.0}
    state = run.state()
    assert (state.state, state.step, state.step_index) == ("failed", "step_hw_ipgen", 3)
    assert state.final
    assert state.seconds == 120.0
    assert state.error is not None
    assert state.error.as_dict() == error


def test_newest_run_is_first_and_what_is_no_run_is_not_listed(
    make_run: MakeRun, tmp_path: Path
) -> None:
    old = make_run("20260101T000000Z-cnv-w1a1-aaaa")
    new = make_run("20260301T000000Z-tfc-w1a1-bbbb")
    (tmp_path / "runs" / "notes").mkdir()
    (tmp_path / "runs" / ".20260401T000000Z-x-cccc.partial").mkdir()
    (tmp_path / "runs" / ".20260401T000000Z-x-cccc.partial" / "run.json").write_text("{}")
    assert list_runs(tmp_path / "runs") == [new, old]
    assert list_runs(tmp_path / "nowhere") == []


def test_a_run_is_found_by_what_a_user_types(make_run: MakeRun, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    old = make_run("20260101T000000Z-tfc-w1a1-aaaa")
    new = make_run("20260301T000000Z-tfc-w1a1-bbbb")
    assert find_run(runs, "last") == new
    assert find_run(runs, old.id) == old
    assert find_run(runs, "aaaa") == old
    assert find_run(runs, str(old.path)) == old
    with pytest.raises(FinnTuiError, match="several runs"):
        find_run(runs, "2026")
    with pytest.raises(FinnTuiError, match="no run called cnv") as caught:
        find_run(runs, "cnv")
    assert old.id in caught.value.why


@pytest.mark.parametrize("text", ["{", "[]", '{"state": "running"'])
def test_a_broken_document_is_an_error_with_its_name(make_run: MakeRun, text: str) -> None:
    run = make_run()
    (run.path / runfiles.STATE).write_text(text)
    with pytest.raises(FinnTuiError, match=r"state\.json cannot be read"):
        run.state()


def test_run_json_without_what_it_must_have_is_broken(make_run: MakeRun) -> None:
    run = make_run()
    (run.path / runfiles.RUN).write_text('{"id": "x"}')
    with pytest.raises(FinnTuiError, match=r"run\.json cannot be read"):
        _ = run.request


def test_results_of_several_writers_are_all_kept(make_run: MakeRun) -> None:
    run = make_run()
    assert run.results() == {}
    names = [f"part{i}" for i in range(24)]
    threads = [
        threading.Thread(target=run.update_results, kwargs={name: {"value": i}})
        for i, name in enumerate(names)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run.results()) == sorted(names)
    run.update_results(part0={"value": 100})
    assert run.results()["part0"] == {"value": 100}
    assert run.results()["part1"] == {"value": 1}


def test_a_half_written_event_is_left_out(make_run: MakeRun) -> None:
    run = make_run()
    assert list(run.events()) == []
    runfiles.append_event(str(run.path), "log", level="info", text="one")
    with (run.path / runfiles.EVENTS).open("a") as file:
        file.write('{"t": 1, "eve')
    runfiles.append_event(str(run.path), "log", level="info", text="two")
    events = list(run.events())
    assert [event["text"] for event in events] == ["one", "two"]


def test_a_full_disk_does_not_take_the_last_word(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(state="running")
    runfiles.reserve(str(run.path))
    reserved = run.path / ".reserve"
    assert reserved.stat().st_size > 100_000
    replace = os.replace

    def full(source: str, target: str) -> None:
        if reserved.exists():
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    runfiles.save_state(str(run.path), {"state": "failed"})
    assert run.state().state == "failed"
    assert not list(run.path.glob("*.partial"))


def test_a_reader_never_sees_half_a_document(make_run: MakeRun) -> None:
    run = make_run(state="running")
    path = str(run.path / runfiles.STATE)
    done = threading.Event()

    def write() -> None:
        for i in range(200):
            runfiles.write_json(path, {"state": "running", "step": "x" * (i * 50)})
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    while not done.is_set():
        json.loads((run.path / runfiles.STATE).read_text())
        seen += 1
    writer.join()
    assert seen > 0


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("state.json", {"error": "text"}),
        ("state.json", {"error": {"what": 5}}),
        ("state.json", {"state": "sleeping"}),
        ("state.json", {"state": None}),
        ("state.json", {"started": 3}),
        ("state.json", {"started": "yesterday"}),
        ("state.json", {"ended": "tomorrow"}),
        ("state.json", {"step_count": "all"}),
        ("run.json", {"clock_ns": "x"}),
        ("run.json", {"clock_ns": 0}),
        ("run.json", {"folding": []}),
        ("run.json", {"model": ["tfc"]}),
        ("run.json", {"rehearsal": {"seconds": "x"}}),
        ("results.json", {"timing": 5}),
    ],
)
def test_a_document_with_values_of_another_type_is_broken(
    make_run: MakeRun, name: str, change: dict[str, object]
) -> None:
    run = make_run(state="succeeded")
    path = run.path / name
    document = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**document, **change}))
    read = {"state.json": run.state, "run.json": lambda: run.request, "results.json": run.results}
    with pytest.raises(FinnTuiError, match=f"{name} cannot be read") as caught:
        read[name]()
    assert caught.value.why


@pytest.mark.parametrize("name", ["state.json", "run.json", "results.json"])
def test_a_document_of_endless_depth_is_broken(make_run: MakeRun, name: str) -> None:
    run = make_run(state="succeeded")
    (run.path / name).write_text("[" * 100_000)
    read = {"state.json": run.state, "run.json": lambda: run.request, "results.json": run.results}
    with pytest.raises(FinnTuiError, match=f"{name} cannot be read"):
        read[name]()
