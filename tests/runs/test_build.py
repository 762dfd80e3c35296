"""Whole rehearsal builds of TFC-w1a1 with the real builder; only AMD's tools have stand-ins."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.server.runs import runprocesses
from finn_tui.rehearsal import bitstream
from finn_tui.rehearsal.tools.install import install
from finn_tui.runs.folder import RunFolder, RunState
from finn_tui.runs.launch import launch as launching
from finn_tui.runs.launch.launch import BuildRequest, launch
from finn_tui.runs.launch.processes import cancel, reconcile
from finn_tui.runs.launch.rebuild import resume
from finn_tui.runs.live.watch import LogLines, StateChanged, StepsChanged, follow
from finn_tui.runs.logs.tail import find_logs
from finn_tui.runs.steps import Step, steps
from tests.runs.conftest import FOLDING
from tests.waiting import PATIENCE, until

pytestmark = [pytest.mark.engine, pytest.mark.slow]


def _request(tfc: Path, engine: EngineSpec, seconds: float, **options: object) -> BuildRequest:
    return BuildRequest(
        model="tfc-w1a1",
        graph=tfc / "dataflow.onnx",
        folder=tfc,
        folding=FOLDING,
        folding_name="published",
        board="Pynq-Z2",
        part="xc7z020clg400-1",
        clock_ns=10.0,
        engine=engine,
        rehearse=seconds,
        dataset="mnist",
        **options,  # type: ignore[arg-type]
    )


def _left(run: RunFolder) -> list[int]:
    """Processes that carry the run's mark."""
    return [process.pid for process in runprocesses.build_processes(str(run.path))]


async def _until_tool(run: RunFolder, tool: str) -> None:
    """Wait until a stand-in works."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or []
            if tool in command and str(run.path) in " ".join(command):
                return
        state = reconcile(run)
        assert not state.final, state.error
        await asyncio.sleep(0.1)
    raise AssertionError(f"{tool} was never started")


async def test_from_graph_to_deployment_package(
    tfc: Path, engine: EngineSpec, tmp_path: Path
) -> None:
    run = await launch(_request(tfc, engine, 2.0), tmp_path / "runs")
    states: list[RunState] = []
    lines: list[str] = []
    last_steps: tuple[Step, ...] = ()
    async for update in follow(run):
        if isinstance(update, StateChanged):
            states.append(update.state)
        elif isinstance(update, StepsChanged):
            last_steps = update.steps
        elif isinstance(update, LogLines):
            lines += update.lines
    assert states[0].state == "running"
    assert states[-1].state == "succeeded", states[-1].error
    assert [step.status for step in last_steps] == ["finished"] * len(last_steps)
    assert last_steps == steps(run)
    names = [step.name for step in last_steps]
    assert names[0] == "step_target_fps_parallelization"
    assert names[-1] == "step_deployment_package"
    assert any("Running step: step_synthesize_bitfile" in line for line in lines)

    meta, network = bitstream.unpack(run.deploy / "bitfile" / "finn-accel.bit")
    assert meta["simulated"] is True
    assert meta["clock_ns"] == 10.0
    assert network == (run.path / "rehearsal" / "network.npz").read_bytes()
    hwh = ET.parse(run.deploy / "bitfile" / "finn-accel.hwh")
    wizard = next(m for m in hwh.iter("MODULE") if m.get("INSTANCE") == "clk_wiz_0")
    values = {p.get("NAME"): p.get("VALUE") for p in wizard.iter("PARAMETER")}
    assert float(values["CLKOUT1_OUT_FREQ"] or 0) == 100.0
    settings = json.loads((run.deploy / "driver" / "settings.json").read_text())
    assert settings["driver_information"]["io_shape_dict"]["ishape_normal"] == [[1, 1, 28, 28]]
    assert "mnist" in json.dumps(settings)

    results = run.results()
    reports = run.build / "report"
    cycles = json.loads((reports / "estimate_layer_cycles.json").read_text())
    estimated = json.loads((reports / "estimate_layer_resources.json").read_text())
    assert results["estimate"]["ii_cycles"] == meta["ii_cycles"] == max(cycles.values())
    assert results["post_synthesis"]["simulated"] is True
    layers = {layer["name"]: layer for layer in results["post_synthesis"]["layers"]}
    assert layers["MVAU_hls_0"]["BRAM_18K"] == estimated["MVAU_hls_0"]["BRAM_18K"]
    assert results["post_synthesis"]["LUT"] > estimated["total"]["LUT"]
    assert results["timing"]["met"] is True
    assert results["timing"]["simulated"] is True
    assert results["steps"]["seconds"].keys() == set(names)
    assert {(tool["name"], tool["version"]) for tool in results["tools"]} == {
        ("Vivado", "2022.2"),
        ("Vitis HLS", "2022.2"),
    }
    assert results["warnings"] == []

    logs = find_logs(run)
    assert {log.kind for log in logs} == {
        "runner",
        "finn",
        "hls",
        "stitch",
        "bitfile",
        "synthesis",
        "implementation",
    }
    for log in logs:
        if log.kind not in ("runner", "finn"):
            head = log.path.read_text().splitlines()[:40]
            assert any("SIMULATED" in line for line in head), log.path
    assert _left(run) == []
    assert not (run.path / ".reserve").exists()


async def test_the_build_outlives_the_process_that_began_it(
    tfc: Path, engine: EngineSpec, tmp_path: Path
) -> None:
    code = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from finn_tui.engine.catalogue import EngineSpec\n"
        "from finn_tui.runs.launch.launch import BuildRequest, launch\n"
        "model, python, runs = sys.argv[1:]\n"
        "request = BuildRequest(model='tfc', graph=Path(model, 'dataflow.onnx'),\n"
        "    folder=Path(model), folding={'Defaults': {}}, folding_name='ones',\n"
        "    board='Pynq-Z2', part='xc7z020clg400-1', clock_ns=10.0,\n"
        "    engine=EngineSpec('test', (python,)), rehearse=600.0)\n"
        "print(asyncio.run(launch(request, Path(runs))).path)\n"
    )
    command = [sys.executable, "-c", code, str(tfc), engine.command[0], str(tmp_path / "runs")]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    run = RunFolder(Path(done.stdout.strip()))
    await asyncio.sleep(1)
    assert reconcile(run).state == "running"
    assert (await cancel(run)).state == "cancelled"
    assert _left(run) == []


async def test_the_same_path_builds_with_tools_from_path(
    tfc: Path, engine: EngineSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build that is no rehearsal, with stand-ins where AMD's tools would be."""
    place = tmp_path / "Xilinx"
    tools = install(place)
    plan = {"seconds": 0.5, "hls_layers": 5, "resources": {}, "device": {}}
    (place / "rehearsal.json").write_text(json.dumps(plan))
    (place / "network.npz").write_bytes(b"any")
    monkeypatch.setenv("FINN_TUI_REHEARSAL", str(place))
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("FINN_DEPS", str(tmp_path / "deps"))
    monkeypatch.setenv("NUM_DEFAULT_WORKERS", "2")
    monkeypatch.delenv("XILINX_VIVADO", raising=False)
    monkeypatch.setattr(launching, "BUILD_BYTES", 0)
    request = _request(tfc, engine, 0.0, fifo="minimal")
    request = replace(request, rehearse=None)

    async def build() -> RunState:
        run = await launch(request, tmp_path / "runs")
        async for update in follow(run):
            if isinstance(update, StateChanged):
                state = update.state
        assert not run.request.simulated
        return state

    state = await build()
    assert state.state == "failed"
    assert state.error is not None
    assert "finn-hlslib" in state.error.why
    assert "deps update" in state.error.fix
    (tmp_path / "deps" / "finn-hlslib").mkdir(parents=True)
    state = await build()
    assert state.state == "succeeded", state.error and state.error.detail


async def test_cancel_ends_the_tools_too(tfc: Path, engine: EngineSpec, tmp_path: Path) -> None:
    run = await launch(_request(tfc, engine, 600.0), tmp_path / "runs")
    await _until_tool(run, "vitis_hls")
    begin = time.monotonic()
    state = await cancel(run)
    assert time.monotonic() - begin < 60, "it waited for the tool, which takes 600 s"
    assert state.state == "cancelled"
    assert _left(run) == []
    assert "cancelled" in {step.status for step in steps(run)}
    assert (await cancel(run)).state == "cancelled"


async def test_a_runner_that_is_killed_is_lost_and_leaves_nothing_running(
    tfc: Path, engine: EngineSpec, tmp_path: Path
) -> None:
    run = await launch(_request(tfc, engine, 600.0), tmp_path / "runs")
    await _until_tool(run, "vitis_hls")
    pid = run.state().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    # The builder notices by itself, without anybody reading the folder.
    await until(lambda: not _left(run))
    state = reconcile(run)
    assert state.state == "lost"
    assert state.error is not None
    assert "step_generate_hardware" in state.error.why


async def test_a_builder_that_is_killed_still_has_a_last_word(
    tfc: Path, engine: EngineSpec, tmp_path: Path
) -> None:
    run = await launch(_request(tfc, engine, 600.0), tmp_path / "runs")
    await _until_tool(run, "vitis_hls")
    pid = run.state().pid
    assert pid is not None
    (builder,) = psutil.Process(pid).children()
    builder.kill()
    async for update in follow(run):
        if isinstance(update, StateChanged):
            state = update.state
    assert state.state == "failed"
    assert state.error is not None
    assert "SIGKILL" in state.error.what
    assert "memory" in state.error.why
    assert _left(run) == []


async def test_a_tool_that_fails_is_named_with_its_first_error(
    tfc: Path, engine: EngineSpec, tmp_path: Path
) -> None:
    fail = {"mode": "hls", "layer": "MVAU_hls_2"}
    run = await launch(_request(tfc, engine, 1.0, fail=fail), tmp_path / "runs")
    async for update in follow(run):
        if isinstance(update, StateChanged):
            state = update.state
    assert state.state == "failed"
    assert state.step == "step_generate_hardware"
    assert state.error is not None
    assert state.error.kind == "tools"
    assert "[HLS 207-3337]" in state.error.what
    assert "code_gen_ipgen_MVAU_hls_2" in state.error.why
    assert "vitis_hls.log:" in state.error.why
    assert state.error.fix
    assert "failed" in {step.status for step in steps(run)}


async def test_a_design_that_does_not_fit_fails_in_placement(
    tfc: Path, engine: EngineSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail = {"mode": "place"}
    run = await launch(_request(tfc, engine, 1.0, fail=fail), tmp_path / "runs")
    async for update in follow(run):
        if isinstance(update, StateChanged):
            state = update.state
    assert state.state == "failed"
    assert state.step == "step_synthesize_bitfile"
    assert state.error is not None
    assert state.error.what.startswith("[DRC UTLZ-1]")
    assert "impl_1/runme.log" in state.error.why
    assert "PE and SIMD" in state.error.fix
    assert set(run.results()) >= {"estimate", "steps", "tools"}, "a failed build is worth that"

    monkeypatch.setenv("FINN_TUI_ENGINE_PYTHON", engine.command[0])
    # With the cause gone, the real builder goes on from the graph that it has left.
    await resume(run)
    async for update in follow(run):
        if isinstance(update, StateChanged):
            state = update.state
    assert state.state == "succeeded", state.error
    assert (state.attempt, state.error) == (2, None)
    assert {step.status for step in steps(run)} == {"finished"}
    assert (run.deploy / "bitfile" / "finn-accel.bit").is_file()
    assert "post_synthesis" in run.results()
