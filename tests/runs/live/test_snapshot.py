"""The live picture of a build, from folders and logs that grow as a build's do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from finn_tui.engine.server.runs import runfiles
from finn_tui.runs.analysis.inspect import read_file
from finn_tui.runs.live import snapshot as picture
from finn_tui.runs.live.jobs import Job
from finn_tui.runs.live.snapshot import BuildWatcher, RunSnapshot, pictures
from finn_tui.runs.logs import tail
from finn_tui.runs.logs.tail import BEGINNING, END, LARGE, Growth
from tests.runs.conftest import MakeRun
from tests.runs.readers.samples import FINN, HLS, HLS_FAILED, IMPLEMENTATION, REFUSED

RUNS = "vivado_zynq_proj_abcdefgh/finn_zynq_link.runs"


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def mark(run: Path, stage: str, event: str, at: float) -> None:
    path = run / f".{stage}.{event}.rst"
    write(path)
    os.utime(path, (at, at))


def job(shown: RunSnapshot, name: str) -> Job:
    return next(job for job in shown.jobs if job.name == name)


def test_nothing_there_yet(tmp_path: Path) -> None:
    watcher = BuildWatcher(tmp_path / "out", tmp_path / "work")
    assert watcher.look().jobs == ()
    (tmp_path / "work").mkdir()
    assert watcher.look().step is None


def test_a_layer_in_hls(tmp_path: Path) -> None:
    layer = tmp_path / "code_gen_ipgen_MVAU_hls_0_abcd_fgh"
    write(layer / "hls_syn_MVAU_hls_0.tcl", "x")
    write(tmp_path / "code_gen_ipgen_Thresholding_rtl_0_abcdefgh" / "x.v", "RTL")
    watcher = BuildWatcher(None, tmp_path)
    (waiting,) = watcher.look().jobs
    assert (waiting.name, waiting.kind, waiting.state) == ("MVAU_hls_0", "hls", "queued")
    half = HLS.index("INFO: [HLS 200-42]")
    write(layer / "vitis_hls.log", HLS[:half])
    running = job(watcher.look(), "MVAU_hls_0")
    assert (running.state, running.now) == ("running", ("File checks",))
    assert running.silent is not None
    write(layer / "vitis_hls.log", HLS[half:])
    done = watcher.look()
    assert (job(done, "MVAU_hls_0").state, job(done, "MVAU_hls_0").seconds) == ("finished", 60.64)
    assert done.count("hls") == (1, 1)


def test_an_implementation_by_its_markers_and_log(tmp_path: Path) -> None:
    run = tmp_path / RUNS / "impl_1"
    write(run / ".Vivado_Implementation.queue.rst")
    watcher = BuildWatcher(None, tmp_path)
    assert job(watcher.look(), "impl_1").state == "queued"
    start = watcher.look().at
    mark(run, "vivado", "begin", start - 100)
    mark(run, "init_design", "begin", start - 100)
    mark(run, "init_design", "end", start - 90)
    mark(run, "place_design", "begin", start - 40)
    half = IMPLEMENTATION.index("INFO: [Physopt 32-619]")
    write(run / "runme.log", IMPLEMENTATION[:half])
    shown = watcher.look()
    running = job(shown, "impl_1")
    assert running.state == "running"
    assert running.seconds == pytest.approx(100, abs=5)
    stages = {stage.name: stage for stage in running.stages}
    assert (stages["init_design"].state, stages["init_design"].seconds) == ("finished", 10)
    assert stages["place_design"].state == "running"
    assert stages["place_design"].seconds == pytest.approx(40, abs=5)
    assert stages["route_design"].state == "waiting"
    assert running.now[:2] == ("place_design", "Placer")
    assert running.now[-1] == "Physical Synthesis Initialization"
    write(run / "runme.log", IMPLEMENTATION[half:])
    mark(run, "vivado", "end", start)
    shown = watcher.look()
    assert job(shown, "impl_1").state == "finished"
    assert [point.wns for point in shown.timings] == [0.128, 0.533, 0.244]
    assert shown.overlaps == (700, 20, 0)
    assert shown.unrouted == 0
    assert shown.log == run / "runme.log"


def test_a_cause_shows_while_the_build_still_runs(tmp_path: Path) -> None:
    write(tmp_path / RUNS / "impl_1/runme.log", REFUSED)
    mark(tmp_path / RUNS / "impl_1", "vivado", "begin", 1000.0)
    mark(tmp_path / RUNS / "impl_1", "vivado", "error", 1010.0)
    write(tmp_path / "code_gen_ipgen_MVAU_hls_0_abcdefgh/vitis_hls.log", HLS)
    watcher = BuildWatcher(None, tmp_path)
    shown = watcher.look()
    assert [finding.id for finding in shown.findings] == ["over-utilization", "run-failed"]
    assert (job(shown, "impl_1").state, job(shown, "impl_1").seconds) == ("failed", 10)
    write(tmp_path / "code_gen_ipgen_MVAU_hls_1_abcdefgh/vitis_hls.log", HLS_FAILED)
    assert "hls-failed" in {finding.id for finding in watcher.look().findings}


def test_a_run_that_is_launched_again_runs_again(tmp_path: Path) -> None:
    run = tmp_path / RUNS / "impl_1"
    mark(run, "vivado", "begin", 1000.0)
    mark(run, "vivado", "end", 1010.0)
    watcher = BuildWatcher(None, tmp_path)
    assert job(watcher.look(), "impl_1").state == "finished"
    mark(run, "vivado", "begin", 2000.0)
    write(run / "runme.log", IMPLEMENTATION)
    assert job(watcher.look(), "impl_1").state == "running"


def test_what_ran_when_the_build_ended_has_stopped(make_run: MakeRun) -> None:
    run = make_run()
    synthesis = run.working / RUNS / "impl_1"
    mark(synthesis, "vivado", "begin", 1000.0)
    mark(synthesis, "place_design", "begin", 1010.0)
    write(synthesis / "runme.log", IMPLEMENTATION[:2000])
    project = run.working / "code_gen_ipgen_MVAU_hls_0_abcdefgh"
    write(project / "hls_syn_MVAU_hls_0.tcl", "x")
    write(project / "vitis_hls.log", HLS[: HLS.index("INFO: [HLS 200-42]")])
    watcher = BuildWatcher.of_run(run)
    running = caught_up(watcher)
    assert {job(running, name).state for name in ("impl_1", "MVAU_hls_0")} == {"running"}
    ended = {"state": "cancelled", "ended": "1970-01-01T00:17:10+00:00"}
    runfiles.save_state(str(run.path), {**run.state().as_dict(), **ended})
    shown = caught_up(watcher)
    stopped = job(shown, "impl_1")
    assert (stopped.state, stopped.seconds, stopped.silent) == ("stopped", 30.0, None)
    place = next(stage for stage in stopped.stages if stage.name == "place_design")
    assert (place.state, place.seconds) == ("stopped", 20.0)
    assert job(shown, "MVAU_hls_0").state == "stopped"


def test_only_what_is_added_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        run = tmp_path / RUNS / f"ip_{number}_synth_1"
        write(run / "runme.log", "INFO: [X 1-1] done\n" * 100)
        mark(run, "vivado", "begin", 1000.0)
        mark(run, "vivado", "end", 1010.0)
    active = tmp_path / RUNS / "impl_1"
    mark(active, "vivado", "begin", 1000.0)
    write(active / "runme.log", IMPLEMENTATION)
    sizes: list[int] = []
    read = Growth.read

    def counted(growth: Growth, limit: int = 1 << 20) -> bytes:
        data = read(growth, limit)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(Growth, "read", counted)
    watcher = BuildWatcher(None, tmp_path)
    assert watcher.look().count("synthesis") == (20, 20)
    assert sum(sizes) == len(IMPLEMENTATION.encode())  # finished runs are told by their markers
    sizes.clear()
    watcher.look()
    assert sizes == []
    write(active / "runme.log", "one line more\n")
    watcher.look()
    assert sizes == [14]


def test_a_long_log_is_caught_up_with_in_portions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "LOOK_BYTES", 1000)
    run = tmp_path / RUNS / "impl_1"
    mark(run, "vivado", "begin", 1000.0)
    write(run / "runme.log", IMPLEMENTATION)
    watcher = BuildWatcher(None, tmp_path)
    looks = [watcher.look() for _ in range(8)]
    assert looks[0].behind and not looks[-1].behind
    assert [point.wns for point in looks[-1].timings] == [0.128, 0.533, 0.244]
    whole = BuildWatcher(None, tmp_path)
    monkeypatch.undo()
    assert whole.look().messages == looks[-1].messages


def test_a_log_that_is_begun_anew_is_read_anew(tmp_path: Path) -> None:
    log = tmp_path / "build_dataflow.log"
    write(log, "Running step: step_a [1/9]\n" * 30)
    watcher = BuildWatcher(tmp_path, None)
    watcher.look()
    log.write_text("Running step: step_b [1/2]\n")
    steps = watcher.look().steps
    assert [(step.name, step.status) for step in steps] == [
        ("step_b", "running"),
        ("step 2", "waiting"),
    ]


def test_steps_of_a_foreign_build_in_another_time_zone(tmp_path: Path) -> None:
    log = tmp_path / "build_dataflow.log"
    write(log, FINN)
    watcher = BuildWatcher(tmp_path, None)
    # Its last line was written right now, whatever its container's clock says.
    steps = watcher.look().steps
    assert [(step.name, step.status) for step in steps] == [
        ("step_tidy_up", "finished"),
        ("step_hw_ipgen", "finished"),
        ("step_out_of_context_synthesis", "running"),
    ]
    assert steps[1].seconds == 180
    assert steps[2].seconds is not None and steps[2].seconds < 1000


def test_steps_to_come_are_named_if_finn_s_own_list_is_followed(tmp_path: Path) -> None:
    names = [
        *("qonnx_to_finn", "tidy_up", "streamline", "convert_to_hw", "create_dataflow_partition"),
        *("specialize_layers", "target_fps_parallelization", "apply_folding_config"),
    ]
    log_text = "".join(f"Running step: step_{name} [{n}/19]\n" for n, name in enumerate(names, 1))
    write(tmp_path / "a/build_dataflow.log", log_text)
    steps = BuildWatcher(tmp_path / "a", None).look().steps
    assert len(steps) == 19
    assert steps[12].name == "step_set_fifo_depths"
    assert steps[-1].name == "step_deployment_package"
    write(tmp_path / "b/build_dataflow.log", log_text.replace("tidy_up", "my_own"))
    steps = BuildWatcher(tmp_path / "b", None).look().steps
    assert steps[12].name == "step 13"


def test_a_builder_at_a_debugger_prompt(tmp_path: Path) -> None:
    write(tmp_path / "build_dataflow.log", "Running step: step_a [1/9]\nx\n(Pdb) ")
    assert BuildWatcher(tmp_path, None).look().waiting


async def test_pictures_of_a_run_end_with_it(make_run: MakeRun) -> None:
    run = make_run("20260101T000000Z-tfc-0001", state="succeeded")
    write(run.working / "code_gen_ipgen_MVAU_hls_0_abcdefgh/vitis_hls.log", HLS)
    seen = [picture async for picture in pictures(run, poll=0.01)]
    assert [job.state for job in seen[-1].jobs] == ["finished"]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each reading of a log takes from now on."""
    sizes: list[int] = []
    read = Growth.read

    def noted(growth: Growth, limit: int = 1 << 20) -> bytes:
        data = read(growth, limit)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(Growth, "read", noted)
    return sizes


def hollow(path: Path, beginning: str, end: str, size: int) -> None:
    """A log of that size whose middle takes no space on the disk."""
    write(path, beginning)
    with path.open("r+b") as file:
        file.truncate(size)
    write(path, f"\n{end}")


def caught_up(watcher: BuildWatcher) -> RunSnapshot:
    shown = watcher.look()
    while shown.behind:
        shown = watcher.look()
    return shown


def test_of_a_huge_log_the_beginning_and_the_end_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / RUNS / "impl_1"
    mark(run, "vivado", "begin", 1000.0)
    mark(run, "route_design", "begin", 1100.0)
    half = IMPLEMENTATION.index("INFO: [Physopt 32-619]")
    end = REFUSED.partition("\n")[2]
    hollow(run / "runme.log", IMPLEMENTATION[:half], IMPLEMENTATION[half:] + end, 200 << 20)
    sizes = counted(monkeypatch)
    watcher = BuildWatcher(None, tmp_path)
    shown = caught_up(watcher)
    assert sum(sizes) <= BEGINNING + END + (1 << 16)
    assert shown.partial == (run / "runme.log",)
    # Both ends tell; where a line stands that was found at the end, nobody has counted.
    assert [point.wns for point in shown.timings] == [0.128, 0.533, 0.244]
    cause = shown.findings[0]
    assert (cause.id, cause.line) == ("over-utilization", None)
    stages = {stage.name: stage.state for stage in job(shown, "impl_1").stages}
    assert stages["route_design"] == "running"
    sizes.clear()
    write(run / "runme.log", "one line more\n")
    watcher.look()
    assert sizes == [14]


def test_a_log_becomes_no_other_by_growing_while_it_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "LARGE", 2000)
    monkeypatch.setattr(tail, "BEGINNING", 500)
    monkeypatch.setattr(tail, "END", 500)
    run = tmp_path / RUNS / "impl_1"
    mark(run, "vivado", "begin", 1000.0)
    write(run / "runme.log", IMPLEMENTATION[:1000])
    watcher = BuildWatcher(None, tmp_path)
    watcher.look()
    write(run / "runme.log", IMPLEMENTATION[1000:] + "INFO: [X 1-1] done\n" * 500)
    shown = watcher.look()
    late = caught_up(BuildWatcher(None, tmp_path))
    monkeypatch.undo()
    whole = BuildWatcher(None, tmp_path).look()
    assert (shown.messages, shown.timings, shown.partial) == (whole.messages, whole.timings, ())
    assert late.partial == (run / "runme.log",)
    assert late.messages["INFO"] < whole.messages["INFO"]


def test_steps_whose_beginning_was_left_out_have_no_time(tmp_path: Path) -> None:
    def said(index: int, minute: int) -> str:
        return f"[2026-03-01 10:{minute:02}:00] Running step: step_{index} [{index}/9]\n"

    hollow(
        tmp_path / "build_dataflow.log",
        said(1, 0) + said(2, 5),
        said(7, 50) + said(8, 55),
        20 << 20,
    )
    steps = caught_up(BuildWatcher(tmp_path, None)).steps
    assert [(step.name, step.status, step.seconds) for step in steps[:3]] == [
        ("step_1", "finished", 300),
        ("step_2", "finished", None),
        ("step_7", "finished", 300),
    ]
    assert (steps[3].name, steps[3].status) == ("step_8", "running")


def test_the_events_of_a_run_name_the_step_whatever_a_log_leaves_out(make_run: MakeRun) -> None:
    run = make_run(state="running")
    hollow(run.log, "Running step: step_a [1/9]\n" + "said\n" * 5000, "", 20 << 20)
    events = [
        {"t": 1000.0, "event": "steps", "names": ["step_a", "step_b", "step_c"]},
        {"t": 1000.0, "event": "step", "name": "step_a", "status": "started"},
        {"t": 1009.0, "event": "step", "name": "step_a", "status": "finished", "seconds": 9.0},
        {"t": 1009.0, "event": "step", "name": "step_b", "status": "started"},
    ]
    text = "".join(f"{json.dumps(event)}\n" for event in events)
    (run.path / runfiles.EVENTS).write_text(text)
    shown = caught_up(BuildWatcher.of_run(run))
    assert shown.partial == (run.log,)
    assert [step.status for step in shown.steps] == ["finished", "running", "waiting"]


def test_a_quick_look_at_a_huge_file_numbers_lines_right(tmp_path: Path) -> None:
    log = tmp_path / "runme.log"
    text = "".join(f"INFO: [X 1-1] {n:09} is going on as it always does\n" for n in range(400_000))
    log.write_text(IMPLEMENTATION + text + REFUSED)
    whole, quick = read_file(log), read_file(log, quick=True)
    assert log.stat().st_size > LARGE and quick.note is not None and whole.note is None
    assert quick.lines == whole.lines
    assert [e.line for e in quick.evidence] == [e.line for e in whole.evidence]
    assert quick.messages["INFO"] < whole.messages["INFO"]
    log.write_text(IMPLEMENTATION + REFUSED)
    assert read_file(log, quick=True) == read_file(log)
