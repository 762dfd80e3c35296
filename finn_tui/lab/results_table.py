"""The table of experiments: one row a run, its estimate beside what was built and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.runs.folder import RunFolder, missed_text
from finn_tui.runs.launch.processes import reconcile


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
    )


def _number(part: Mapping[str, Any], name: str) -> Any:
    """Return a number of a document as it is; None for anything else in its place."""
    value = part.get(name)
    return value if type(value) in (int, float) else None


def _pick(part: Any) -> dict[str, float]:
    if not isinstance(part, Mapping):
        return {}
    return {name: part[name] for name in _RESOURCES if _number(part, name) is not None}


def experiments(runs: list[RunFolder]) -> tuple[list[Experiment], list[FinnTuiError]]:
    """All rows that can be read, in the order of the runs, and what is wrong with the others."""
    rows, broken = [], []
    for run in runs:
        try:
            rows.append(experiment(run))
        except FinnTuiError as error:
            broken.append(error)
    return rows, broken
