"""What one tool does in one folder, as it is shown: state, time, stages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from finn_tui.runs.documents import StepStatus
from finn_tui.runs.live.workdirs import Work
from finn_tui.runs.readers.finn import FinnBuild, FinnData
from finn_tui.runs.readers.hls import HlsData
from finn_tui.runs.readers.parsed_file import ParsedFile
from finn_tui.runs.readers.vivado_data import VivadoData
from finn_tui.runs.steps import Step

#: Default steps of upstream (April 2026) and of finn-plus (March 2026), which say only how many
#: there are; users insert their own.
_BEGIN = (
    "qonnx_to_finn tidy_up streamline convert_to_hw create_dataflow_partition specialize_layers "
    "target_fps_parallelization apply_folding_config minimize_bit_width"
)
_END = (
    "create_stitched_ip measure_rtlsim_performance out_of_context_synthesis synthesize_bitfile "
    "{driver} deployment_package"
)
_UPSTREAM = (
    f"{_BEGIN} generate_estimate_reports hw_codegen hw_ipgen set_fifo_depths "
    + _END.format(driver="make_pynq_driver")
).split()
_FINN_PLUS = (
    f"{_BEGIN} transpose_decomposition generate_estimate_reports set_fifo_depths hw_codegen "
    "hw_ipgen " + _END.format(driver="make_driver")
).split()

#: The default steps of a build, by FINN's names.
DEFAULT_STEPS = tuple(f"step_{name}" for name in _FINN_PLUS)

#: Stages of an implementation in their order, as its marker files name them.
STAGES = (
    "init_design",
    "opt_design",
    "power_opt_design",
    "place_design",
    "phys_opt_design",
    "route_design",
    "post_route_phys_opt_design",
    "write_bitstream",
)


class JobState(StrEnum):
    """Where one job of a tool, or a stage of it, stands."""

    QUEUED = "queued"
    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    #: It ran when the build ended: cancelled, killed or lost.
    STOPPED = "stopped"


@dataclass(frozen=True)
class Stage:
    """A stage of a run: where it stands; its seconds, so far if it runs."""

    name: str
    state: JobState
    seconds: float | None = None


@dataclass(frozen=True)
class Job:
    """One thing that one tool does.

    Attributes:
        kind: hls, stitch, project, synthesis, implementation.
        name: the layer, run or partition.
        state: queued, running, finished, failed, stopped.
        began: seconds since the epoch; seconds: how long it took, so far if it runs.
        stages: of an implementation; now: where its tool is, outermost first.
        log: its log; silent: seconds since that grew, for one that runs.
    """

    kind: str
    name: str
    state: JobState
    began: float | None = None
    seconds: float | None = None
    stages: tuple[Stage, ...] = ()
    now: tuple[str, ...] = ()
    log: Path | None = None
    silent: float | None = None


def state_of(work: Work) -> JobState:
    """Where a run is by its marker files: queued, running, finished, failed."""
    marks = work.marks
    if ("vivado", "error") in marks:
        return JobState.FAILED
    began = marks.get(("vivado", "begin"))
    if began is None:
        return JobState.QUEUED
    ended = marks.get(("vivado", "end"))
    # A run that was launched again begins later than it once ended.
    return JobState.FINISHED if ended is not None and ended >= began else JobState.RUNNING


def job_of(
    work: Work,
    reading: ParsedFile | None,
    grew: float | None,
    now: float,
    *,
    stopped: bool = False,
) -> Job:
    """Return a work as it is shown.

    Args:
        work: what a tool does in a folder.
        reading: what its log says.
        grew (s since the epoch): when that last grew.
        now (s since the epoch): the time; of a build that has ended, when it did.
        stopped: whether the build has ended, and with it what still ran.
    """
    ended: float | None = None
    inside: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    seconds: float | None = None
    if work.kind in ("synthesis", "implementation"):
        state = state_of(work)
        done = [at for (stage, event), at in work.marks.items() if event in ("end", "error")]
        ended = max(done, default=None)
        if work.kind == "implementation":
            stages = _stages(work, now, stopped=stopped)
    elif reading is None:
        state = JobState.QUEUED
    else:
        names = {"succeeded": JobState.FINISHED, "failed": JobState.FAILED}
        state = names.get(reading.outcome or "", JobState.RUNNING)
        ended = grew
    if reading is not None and state == JobState.RUNNING:
        inside = _inside(reading)
    if reading is not None and isinstance(reading.data, HlsData):
        seconds = reading.data.seconds
    if state == JobState.RUNNING:
        ended = now
    if (
        seconds is None
        and work.start is not None
        and ended is not None
        and state != JobState.QUEUED
    ):
        seconds = max(0.0, ended - work.start)
    if stopped and state == JobState.RUNNING:
        state = JobState.STOPPED
    silent = max(0.0, now - grew) if state == JobState.RUNNING and grew is not None else None
    path = work.folder.path / work.log if work.log else None
    return Job(work.kind, work.name, state, work.start, seconds, stages, inside, path, silent)


def _stages(work: Work, now: float, *, stopped: bool) -> tuple[Stage, ...]:
    stages = []
    running = JobState.STOPPED if stopped else JobState.RUNNING
    for name in STAGES:
        began = work.marks.get((name, "begin"))
        if began is None:
            if name not in ("power_opt_design", "post_route_phys_opt_design"):
                stages.append(Stage(name, JobState.WAITING))
            continue
        error, end = work.marks.get((name, "error")), work.marks.get((name, "end"))
        if error is not None:
            stages.append(Stage(name, JobState.FAILED, max(0.0, error - began)))
        elif end is not None and end >= began:
            stages.append(Stage(name, JobState.FINISHED, end - began))
        else:
            stages.append(Stage(name, running, max(0.0, now - began)))
    return tuple(stages)


def _inside(reading: ParsedFile) -> tuple[str, ...]:
    data = reading.data
    if isinstance(data, VivadoData):
        if not data.now and data.waiting:
            return (f"waits for {data.waiting}",)
        if not data.now and reading.phases:
            return (reading.phases[-1].name,)
        return data.now
    if isinstance(data, HlsData) and data.now:
        return ("exporting the IP",) if data.exporting else (data.now,)
    return ()


def steps_of(data: FinnData, reading: ParsedFile, grew: float, now: float) -> tuple[Step, ...]:
    """The steps of a log's last build.

    Its times are those of the clock where it was written, perhaps in a container whose zone is
    another: what its last line says against when it was written tells the difference.
    """
    build = data.builds[-1]
    shift = 0.0
    if reading.ended is not None:
        shift = round((grew - reading.ended) / 900) * 900
    steps = []
    for step in build.steps:
        if step.seconds is not None:
            steps.append(Step(step.name, StepStatus.FINISHED, step.seconds))
        elif step is not build.steps[-1]:
            steps.append(Step(step.name, StepStatus.FINISHED, None))
        elif build.outcome == "incomplete":
            began = None if step.began is None else step.began + shift
            steps.append(
                Step(step.name, StepStatus.RUNNING, max(0.0, now - began) if began else None)
            )
        else:
            status = StepStatus.FINISHED if build.outcome == "succeeded" else StepStatus.FAILED
            steps.append(Step(step.name, status, None))
    if build.steps:
        last = build.steps[-1]
        steps += [
            Step(name, StepStatus.WAITING) for name in _to_come(build, last.index, last.count)
        ]
    return tuple(steps)


def _to_come(build: FinnBuild, index: int, count: int) -> list[str]:
    """Names of the steps after one: FINN's own list if the build has followed it so far."""
    begun = {step.index: step.name for step in build.steps}
    for names in (_UPSTREAM, _FINN_PLUS):
        named = [f"step_{name}" for name in names]
        if count == len(named) and all(named[at - 1] == name for at, name in begun.items()):
            return named[index:]
    return [f"step {number}" for number in range(index + 1, count + 1)]
