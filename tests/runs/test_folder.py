"""Reading and writing run folders."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.server import runner
from finn_tui.engine.server.runs import runfiles, runqueue
from finn_tui.runs.documents import Notes
from finn_tui.runs.folder import find_run, list_runs, parse_event
from finn_tui.runs.notes import change_tags, load_notes, read_notes, set_note
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
    with pytest.raises(OSError, match="No space left"):
        runfiles.save_state(str(run.path), {"state": "running"})
    assert reserved.exists(), "a heartbeat leaves the space to the last word"
    runfiles.save_state(str(run.path), {"state": "failed"})
    assert run.state().state == "failed"
    assert not list(run.path.glob("*.partial"))


def test_words_that_a_full_disk_does_not_take_end_no_build(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    building = runner._Runner(str(make_run(state="queued").path), {"kind": "build"}, {})
    monkeypatch.setattr(runqueue, "place", full)
    monkeypatch.setattr(runfiles, "save_state", full)
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(write=full))
    building._wait_for_turn()
    building._save()
    runner._notify("true", "/nowhere", "failed")


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
        ("run.json", {"engine": {"command": "python3"}}),
        ("run.json", {"source": {"weights": {"dataset": 3}}}),
        ("run.json", {"estimate": {"total": {"LUT": "many"}}}),
        ("results.json", {"timing": 5}),
        ("results.json", {"timing": {"wns": "fast"}}),
        ("results.json", {"throughput": {"images_per_s": 5}}),
        ("results.json", {"accuracy": {"percent": [], "images": 10}}),
        ("results.json", {"tools": {"name": "vivado"}}),
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


def test_a_malformed_document_names_file_key_value_and_what_is_allowed(make_run: MakeRun) -> None:
    run = make_run(state="succeeded")
    path = run.path / runfiles.STATE
    path.write_text(json.dumps({"state": "sucess", "step_count": "all"}))
    with pytest.raises(FinnTuiError) as caught:
        run.state()
    assert caught.value.what == f"{path} cannot be read"
    first, second = caught.value.why.splitlines()
    assert first.startswith("state = 'sucess' is not valid. It is one of queued, running, succeed")
    assert second == "step_count = 'all' is not valid. Expected int, got str."


def test_documents_of_other_versions_are_read(make_run: MakeRun) -> None:
    run = make_run(state="running", pid=12, from_the_future={"a": 1})
    for name in (runfiles.RUN, runfiles.RESULTS, runfiles.NOTES):
        path = run.path / name
        document = json.loads(path.read_text()) if path.exists() else {}
        document["from_the_future"] = [1]
        if name == runfiles.RUN:  # what version 0.1 did not write
            for key in ("source", "fifo", "format", "dataset"):
                document.pop(key, None)
        if name == runfiles.RESULTS:
            document["timing"] = {"wns": 1, "new": {}}
        path.write_text(json.dumps(document))
    assert run.request.fifo == "simulate" and run.request.content == ""
    assert run.state().machine is None
    assert run.results() == {"from_the_future": [1], "timing": {"wns": 1, "new": {}}}
    assert load_notes(run) == Notes()


def test_broken_notes_are_an_error_where_they_are_asked_for(make_run: MakeRun) -> None:
    run = make_run()
    path = run.path / runfiles.NOTES
    path.write_text(json.dumps({"note": "fast", "tags": [1]}))
    assert read_notes(run) == Notes(), "a list of runs does without"
    for ask in (load_notes, lambda run: change_tags(run, ["a"]), lambda run: set_note(run, "b")):
        with pytest.raises(FinnTuiError, match=r"notes\.json cannot be read") as caught:
            ask(run)
        assert "tags.#1 = 1" in caught.value.why
    assert json.loads(path.read_text())["tags"] == [1], "it stays as it is"


def test_a_state_is_written_as_it_was_read(make_run: MakeRun) -> None:
    error = {"kind": "lost", "what": "w", "why": "", "fix": "", "detail": ""}
    run = make_run(state="lost", error=error, attempt=2, **{"from": "step_hw_ipgen"})
    document = run.state().as_dict()
    written = json.loads((run.path / runfiles.STATE).read_text())
    assert {key: document[key] for key in written} == {
        **written,
        **{key: document[key] for key in ("pid", "pid_ticks", "pid_started") if key in written},
    }
    assert json.loads(json.dumps(document))["state"] == "lost"


@pytest.mark.parametrize(
    "event",
    [
        {"event": "steps", "names": "all"},
        {"event": "steps"},
        {"event": "step", "name": "x"},
        {"event": "step", "name": "x", "status": "odd"},
        {"event": "state"},
        {"event": "log", "text": 5},
        {"event": 5},
    ],
)
def test_an_event_of_another_form_is_left_out(event: dict[str, object]) -> None:
    assert parse_event(json.dumps({"t": 1.0, **event})) is None
    assert parse_event(json.dumps({"t": 1.0, "event": "news", "x": 1})) is not None
