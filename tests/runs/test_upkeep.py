"""What is done with runs that have ended: notes, tags, cleaning up; and the terminal's alert."""

from __future__ import annotations

import json
import time

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.terminal_alert import alert
from finn_tui.engine.server.runs import runfiles, runprocesses
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch import rebuild
from finn_tui.runs.launch.clean import clean_up, plan_cleanup
from finn_tui.runs.notes import change_tags, read_notes, set_note
from tests.runs.conftest import MakeRun


@pytest.fixture
def ended(make_run: MakeRun) -> RunFolder:
    """A run that has failed after some work."""
    run = make_run(state="failed")
    for name in ("finn_build_dir/code_gen", "build/intermediate_models", "build/deploy", "sample"):
        (run.path / name).mkdir(parents=True)
        (run.path / name / "file").write_bytes(b"x" * 100_000)
    (run.path / "results.json").write_text('{"timing": {"wns": 1}}')
    (run.path / "model.onnx").write_text("graph")
    (run.build / "intermediate_models" / "step_a.onnx").write_text("graph")
    runfiles.append_event(str(run.path), "steps", names=["step_a", "step_b"])
    for name in ("step_a", "step_b"):
        runfiles.append_event(str(run.path), "step", name=name, status="started")
    return run


def test_notes_and_tags_leave_the_request_alone(ended: RunFolder) -> None:
    before = (ended.path / "run.json").read_bytes()
    assert read_notes(ended).note == ""
    set_note(ended, "  too slow, [b]why[/b]?\x1b[31m ")
    change_tags(ended, ("lab-2", "keep", "lab-2"))
    assert change_tags(ended, ("x",), ("keep",)).tags == ("lab-2", "x")
    notes = read_notes(ended)
    assert notes.note.startswith("too slow, [b]why[/b]?") and "\x1b" not in notes.note
    assert set_note(ended, "").note == ""
    assert read_notes(ended).tags == ("lab-2", "x")
    assert (ended.path / "run.json").read_bytes() == before
    with pytest.raises(FinnTuiError, match="cannot be a tag"):
        change_tags(ended, ("two words",))


@pytest.mark.parametrize("text", ["[]", "{", '{"note": 3, "tags": 7}', '{"tags": [1, "a"]}'])
def test_notes_that_somebody_broke_are_no_notes(ended: RunFolder, text: str) -> None:
    (ended.path / "notes.json").write_text(text)
    assert read_notes(ended).note == ""


def test_cleaning_frees_what_it_says_and_keeps_what_can_be_deployed(ended: RunFolder) -> None:
    assert rebuild.resumable(ended).steps == ("step_a", "step_b")
    plan = plan_cleanup(ended)
    assert 200_000 <= plan.bytes < 400_000
    clean_up(plan)
    left = {path.name for path in ended.path.iterdir() if not path.name.startswith(".")}
    assert left >= {"run.json", "state.json", "results.json", "model.onnx", "sample", "build"}
    assert "finn_build_dir" not in left
    assert (ended.deploy / "file").exists() and not list(ended.path.glob(".cleaned-*"))
    assert plan_cleanup(ended).paths == ()
    why = rebuild.resumable(ended).disabled_reason
    assert why is not None and "cleaned" in why.why and "retry" in why.fix


def test_keeping_results_only_keeps_every_document(ended: RunFolder) -> None:
    set_note(ended, "good")
    clean_up(plan_cleanup(ended, keep_results=True))
    left = {path.name for path in ended.path.iterdir() if not path.name.startswith(".")}
    assert left == {"run.json", "state.json", "results.json", "events.jsonl", "notes.json"}
    assert ended.results() == {"timing": {"wns": 1}}


async def test_a_run_without_its_model_is_not_retried(ended: RunFolder) -> None:
    clean_up(plan_cleanup(ended, keep_results=True))
    with pytest.raises(FinnTuiError, match="no model any more"):
        await rebuild.retry(ended)


def test_a_run_at_work_is_not_cleaned(make_run: MakeRun) -> None:
    run = make_run(state="running", heartbeat=time.time(), **runprocesses.own_identity())
    with pytest.raises(FinnTuiError, match="has not ended"):
        plan_cleanup(run)


def test_a_clean_that_was_broken_off_is_finished_by_the_next(ended: RunFolder) -> None:
    (ended.path / ".cleaned-0123").mkdir()
    (ended.path / ".cleaned-0123" / "rest").write_bytes(b"x" * 9000)
    clean_up(plan_cleanup(ended))
    assert not list(ended.path.glob(".cleaned-*"))


def test_a_graph_that_was_being_written_is_not_gone_on_from(ended: RunFolder) -> None:
    """The step has finished, the next one has not begun: its graph may be half there."""
    lines = (ended.path / "events.jsonl").read_text().splitlines()[:-1]
    (ended.path / "events.jsonl").write_text("\n".join(lines) + "\n")
    assert rebuild.resumable(ended).steps == ("step_a",)


def test_the_state_of_a_run_is_read_with_fields_of_other_versions(ended: RunFolder) -> None:
    document = json.loads((ended.path / "state.json").read_text())
    (ended.path / "state.json").write_text(json.dumps({**document, "from": "x", "new": 1}))
    assert ended.state().attempt == 1


def test_an_alert_cannot_carry_commands() -> None:
    sequence = alert("osc777", "finn-tui", "a\x1b]0;x\x07;b")
    assert sequence.count("\x1b") == 1 and sequence.endswith(";a,b\a")
    assert alert("off", "a", "b") == ""
