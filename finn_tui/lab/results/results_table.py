"""The table of experiments: one row a run, its estimate beside what was built and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean
from finn_tui.core.dma_port import frame_cycles
from finn_tui.runs.documents import RunKind
from finn_tui.runs.folder import DamagedRun, RunFolder, missed_text
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.notes import read_notes


@dataclass(frozen=True)
class Experiment:
    """One run as a row; None where nothing was estimated, built or measured.

    Attributes:
        run, model, folding, board, clock_ns, created, state: what it is and how it stands.
        simulated: whether its build was a rehearsal.
        ii_cycles, estimated_fps, estimated: FINN's estimate, LUT/BRAM_18K/URAM/DSP.
        synthesized: LUT/FF/BRAM_18K/URAM/DSP after synthesis.
        wns, timing_met: slack in ns and whether the clock was met.
        fps, batch, clock_mhz: measured throughput and what it was measured with.
        accuracy, images: percent over how many images.
        content: the hash of what the model was prepared from; empty if it is not known.
        measured_simulated: whether throughput and accuracy come from the simulated board.
        dataset: the test set's true name.
        trained_on: the data set that the weights come from, ``random`` for none.
        estimated_whole: the estimate with all that a build counts: FIFOs, width converters, shell.
        tags: the user's.
        input_bytes: of a frame, as the board's driver moved them.
        port_fps: frames/s that the memory port lets through at the measured clock.
    """

    run: str
    model: str
    folding: str
    board: str
    clock_ns: float
    created: str
    state: str
    simulated: bool
    ii_cycles: int | None
    estimated_fps: float | None
    estimated: Mapping[str, float]
    synthesized: Mapping[str, float]
    wns: float | None
    timing_met: bool | None
    fps: float | None
    batch: int | None
    clock_mhz: float | None
    accuracy: float | None
    images: int | None
    measured_simulated: bool
    content: str = ""
    dataset: str | None = None
    trained_on: str | None = None
    estimated_whole: Mapping[str, float] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    input_bytes: int | None = None
    port_fps: float | None = None

    @property
    def error_percent(self) -> dict[str, float]:
        """How far the whole estimate is from the build, by resource: -6 is 6 % too low."""
        return {
            name: 100 * (self.estimated_whole[name] / built - 1)
            for name, built in self.synthesized.items()
            if built and name in self.estimated_whole
        }

    @property
    def of_estimate(self) -> float | None:
        """Measured throughput in percent of the estimate."""
        if self.fps is None or not self.estimated_fps:
            return None
        return 100 * self.fps / self.estimated_fps

    @property
    def any_simulated(self) -> bool:
        """Whether a stand-in took part in any of its figures."""
        return self.simulated or self.measured_simulated

    @property
    def clock_missed_ns(self) -> float | None:
        """By how much a build that succeeded misses its clock, in ns; None if it does not."""
        missed = self.state == "succeeded" and self.timing_met is False and self.wns is not None
        return -self.wns if missed and self.wns is not None and self.wns < 0 else None

    @property
    def verdict(self) -> str:
        """The state as every list has it, see ``RunFolder.verdict``."""
        missed = self.clock_missed_ns
        return self.state if missed is None else f"{self.state}, {missed_text(missed)}"

    def as_json(self) -> dict[str, Any]:
        """The row as ``experiments --json`` gives it."""
        return {
            **vars(self),
            "estimated": dict(self.estimated),
            "synthesized": dict(self.synthesized),
            "estimated_whole": dict(self.estimated_whole),
            "error_percent": {name: round(e, 2) for name, e in self.error_percent.items()},
            "tags": list(self.tags),
        }


_RESOURCES = ("LUT", "FF", "BRAM_18K", "URAM", "DSP")


def experiment(run: RunFolder) -> Experiment:
    """A run as a row. Raises ``FinnTuiError`` if its folder is broken."""
    request = run.request
    results = run.results()
    estimate = results.get("estimate") or request.estimate or {}
    timing = results.get("timing") or {}
    throughput = results.get("throughput") or {}
    accuracy = results.get("accuracy") or {}
    built = results.get("post_synthesis") or {}
    input_bytes = _input_bytes(throughput)
    return Experiment(
        run=run.id,
        model=request.model,
        folding=request.folding_name,
        board=request.board,
        clock_ns=request.clock_ns,
        created=request.created,
        state=reconcile(run).state,
        simulated=request.simulated,
        ii_cycles=_number(estimate, "ii_cycles"),
        estimated_fps=_number(estimate, "fps"),
        estimated=_pick(estimate.get("total") or {}),
        synthesized=_pick(built),
        wns=_number(timing, "wns"),
        timing_met=timing.get("met") if isinstance(timing.get("met"), bool) else None,
        fps=_number(throughput, "images_per_s"),
        batch=_number(throughput, "batch"),
        clock_mhz=_number(throughput, "clock_mhz"),
        accuracy=_number(accuracy, "percent"),
        images=_number(accuracy, "images"),
        content=request.content,
        measured_simulated=bool(throughput.get("simulated") or accuracy.get("simulated")),
        dataset=_text(accuracy, "dataset"),
        trained_on=_trained_on(request.source),
        estimated_whole=_whole(estimate),
        tags=read_notes(run).tags,
        input_bytes=input_bytes,
        port_fps=_port_fps(request.part, input_bytes, _number(throughput, "clock_mhz")),
    )


def _input_bytes(throughput: Mapping[str, Any]) -> int | None:
    """Return the bytes of a frame: what was moved in a second by the frames of a second."""
    metrics = throughput.get("metrics")
    if not isinstance(metrics, Mapping):
        return None
    fps = _number(metrics, "throughput[images/s]") or _number(throughput, "images_per_s")
    if not fps:
        return None
    names = (name for name in metrics if str(name).startswith("DRAM_in_bandwidth"))
    moved = _number(metrics, next(names, ""))
    return round(moved * 1e6 / fps) if moved else None


def _port_fps(part: str, count: int | None, clock_mhz: float | None) -> float | None:
    """Return how many frames the port moves in a second."""
    cycles = frame_cycles(part, count)
    return clock_mhz * 1e6 / cycles if cycles and clock_mhz else None


def _text(part: Mapping[str, Any], name: str) -> str | None:
    value = part.get(name)
    return clean(value) if isinstance(value, str) and value else None


def _trained_on(source: Any) -> str | None:
    """Return the data set of the weights; ``random`` where they were never trained."""
    weights = source.get("weights") if isinstance(source, Mapping) else None
    if not isinstance(weights, Mapping):
        return None
    kind = _text(weights, "kind")
    return _text(weights, "dataset") or ("random" if kind == "random" else None)


def _whole(estimate: Mapping[str, Any]) -> dict[str, float]:
    """Return layers, FIFOs, width converters and shell; empty where the last are not known."""
    total, extra = estimate.get("total"), estimate.get("extra")
    if not isinstance(total, Mapping) or not isinstance(extra, Mapping):
        return {}
    parts = [extra.get(name) for name in ("dwc", "fifo", "shell")]
    if not all(isinstance(part, Mapping) and _number(part, "LUT") is not None for part in parts):
        return {}
    return {
        name: float(total[name]) + sum(float(part.get(name) or 0) for part in parts if part)
        for name in _RESOURCES
        if _number(total, name) is not None
    }


def _number(part: Mapping[str, Any], name: str) -> Any:
    """Return a number of a document as it is; None for anything else in its place."""
    value = part.get(name)
    return value if type(value) in (int, float) else None


def _pick(part: Any) -> dict[str, float]:
    if not isinstance(part, Mapping):
        return {}
    return {name: part[name] for name in _RESOURCES if _number(part, name) is not None}


def experiments(runs: list[RunFolder]) -> tuple[list[Experiment], list[DamagedRun]]:
    """All builds that can be read, in the order of the runs, and what is wrong with the others."""
    rows, broken = [], []
    for run in runs:
        if run.kind is RunKind.TRAIN:
            continue
        try:
            rows.append(experiment(run))
        except FinnTuiError as error:
            broken.append(DamagedRun(run.path, error))
    return rows, broken
