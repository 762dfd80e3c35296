"""Reading any log, report or build directory, ours or not: how it went, why, how long it took."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.engine.server import runfiles
from finn_tui.runs.analysis.diagnosis import FATAL, Diagnosis, Source, diagnose, timing_missed
from finn_tui.runs.analysis.utilization import Usage, usage_of
from finn_tui.runs.folder import RunFolder, run_around
from finn_tui.runs.live.watch import steps as run_steps
from finn_tui.runs.logs.tail import left_out
from finn_tui.runs.readers.crash import Crash
from finn_tui.runs.readers.csynth import Csynth
from finn_tui.runs.readers.finn import FinnData
from finn_tui.runs.readers.hls import HlsData
from finn_tui.runs.readers.lines import LogReader
from finn_tui.runs.readers.marker import Marker
from finn_tui.runs.readers.parsed_file import SEVERITIES, Phase, Reading
from finn_tui.runs.readers.registry import HEAD, reader_for
from finn_tui.runs.readers.report import Violations
from finn_tui.runs.readers.timing import RouteStatus, TimingSummary
from finn_tui.runs.readers.utilization import Utilization
from finn_tui.runs.readers.vivado import VivadoData

CHUNK = 1 << 20
_WANTED = re.compile(
    r".*\.(?:log|vdi|vds|rpt|rst|json|txt)|.*_csynth\.xml|synth_report\.xml"
    r"|post_synth_resources\.xml|__synthesis_is_complete__"
)
#: Folders of the tools' own, where thousands of files say nothing about a build.
_SKIPPED = re.compile(
    r"\.git|\.Xil|\.autopilot|\.debug|__pycache__|verilog|vhdl|systemc|driver|dataset|sample"
    r"|.*\.(?:cache|gen|srcs|hw|sim|ip_user_files)"
)
_OWN = frozenset({runfiles.RUN, runfiles.STATE, runfiles.RESULTS, "rehearsal.json"})
#: What Vitis HLS writes a second time, below its log: a solution's log, and how it packaged the IP.
_WITHIN_HLS = re.compile(r"/(?:sol\w*\.log|autoimpl\.log|autosyn\.log|impl/\w+/vivado\.log)$")
_BACKUP = re.compile(r".*(?:\.backup\.(?:log|vdi|vds)|\.bak)")
#: Kinds of data that are a few figures; others are lists, or stand elsewhere in the answer.
_FIGURES = (Crash, Csynth, HlsData, Marker, RouteStatus, TimingSummary, Utilization, Violations)
#: How stand-ins begin what they write (``finn_tui.rehearsal.tools``).
_STAND_IN = re.compile(rb"SIMULATED by finn-tui|\[finn-tui 1-1\] SIMULATED")
_LOGS = ("hls", "synthesis", "implementation", "vivado", "finn")
#: What of a kind goes before, when one success makes an earlier failure good.
_ROLES = {"crash": 0, "hls": 1, "synthesis": 2, "implementation": 3, "vivado": 3, "finn": 4}


#: What is written before anything is built: settings and estimates.
_PLANS = frozenset({"folding", "specialize-config", "build-config", "estimate-cycles", "json",
                    "estimate-resources", "estimate-alternatives", "estimate-performance",
                    "op-counts"})  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One file: its path from the inspected folder on, what it says, whose copy it is.

    ``copy_of`` names the file that says the same (Vivado and HLS write much twice);
    ``old`` marks what a tool has put aside when it began anew.
    """

    path: str
    reading: Reading
    copy_of: str | None = None
    old: bool = False


@dataclass(frozen=True)
class StepTime:
    """A step of FINN's builder: how long it took, None if it has not ended; in which build."""

    name: str
    seconds: float | None
    build: str | None = None


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Attributes:
        outcome: succeeded, failed, incomplete.
        cause: why it failed; ``others`` what else was found, mostly consequences.
        items: the files; usage: resources; steps: of FINN's builder.
        simulated: whether stand-ins had a hand in it, so that its figures are no tool's.
    """

    path: str
    outcome: str
    cause: Diagnosis | None
    others: tuple[Diagnosis, ...] = ()
    items: tuple[Item, ...] = ()
    usage: Usage | None = None
    steps: tuple[StepTime, ...] = field(default_factory=tuple)
    simulated: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "path": self.path,
            "outcome": self.outcome,
            "simulated": self.simulated,
            "cause": _cause_dict(self.cause),
            "also": [_cause_dict(other) for other in self.others],
            "files": [_item_dict(item) for item in self.items],
            "utilization": self.usage.as_dict() if self.usage else None,
            "steps": [
                {"name": step.name, "seconds": step.seconds}
                | ({"build": step.build} if step.build else {})
                for step in self.steps
            ],
        }


def _cause_dict(cause: Diagnosis | None) -> dict[str, Any] | None:
    if cause is None:
        return None
    return {
        "id": cause.id,
        "title": cause.title,
        "text": cause.text,
        "file": cause.file,
        "line": cause.line,
        "quote": cause.quote,
        "before": list(cause.before),
        "after": list(cause.after),
        "means": cause.means,
        "advice": cause.advice,
        "details": dict(cause.details),
    }


def _item_dict(item: Item) -> dict[str, Any]:
    reading = item.reading
    return {
        "path": item.path,
        "kind": reading.kind,
        "tool": reading.tool,
        "version": reading.version,
        "sessions": reading.sessions,
        "phases": [
            {"name": phase.name, "seconds": phase.seconds, "level": phase.level}
            for phase in reading.phases
        ],
        "wns": reading.wns,
        "tns": reading.tns,
        "messages": reading.messages,
        "muted": reading.muted,
        "outcome": reading.outcome,
        "copy_of": item.copy_of,
        "old": item.old,
        "note": reading.note,
        "simulated": reading.simulated,
        "data": told(reading),
    }


def told(reading: Reading) -> dict[str, Any] | None:
    """What else a file tells, for those that tell a few figures; None for the others."""
    if not isinstance(reading.data, _FIGURES):
        return None
    return {name: value for name, value in asdict(reading.data).items() if value not in (None, ())}


def read_file(path: Path, *, quick: bool = False) -> Reading:
    """What one file says; ``quick``: the middle of a large log is only searched for line ends.

    Raises:
        FinnTuiError: it cannot be opened (kind "input").
    """
    partial = False
    try:
        with path.open("rb") as file:
            data = file.read(HEAD)
            simulated = _STAND_IN.search(data) is not None
            reader = reader_for(path.name, data)
            gap = None
            if quick and isinstance(reader, LogReader) and reader.can_skip:
                gap = left_out(os.fstat(file.fileno()).st_size)
            while data:
                reader.feed(data)
                if gap is not None and isinstance(reader, LogReader) and file.tell() >= gap[0]:
                    reader.skip(_line_ends(file, gap[1]))
                    gap, partial = None, True
                data = file.read(CHUNK)
    except OSError as error:
        raise FinnTuiError(
            f"{path} cannot be read",
            error.strerror or str(error),
            "Check that the file is there and that you may read it.",
            kind="input",
        ) from error
    reading = replace(reader.finish(), simulated=simulated)
    return replace(reading, note="only its beginning and end were read") if partial else reading


def _line_ends(file: BinaryIO, to: int) -> int:
    """How many there are from where a file stands up to an offset, where it stands then."""
    count = 0
    while data := file.read(min(CHUNK, to - file.tell())):
        count += data.count(b"\n")
    return count


def inspect(path: Path, *, on_progress: OnProgress = ignore, quick: bool = False) -> Inspection:
    """Read a file or a folder with all in it and say how it went; ``quick`` as in ``read_file``.

    Raises:
        FinnTuiError: there is nothing at ``path``, or it cannot be read (kind "input").
    """
    if not path.exists():
        raise FinnTuiError(
            f"there is no {path}",
            "No file or folder is called that.",
            "Give a log, a report, a build directory, or the folder of a run.",
            kind="input",
        )
    if not path.is_dir():
        if not path.is_file():
            raise FinnTuiError(
                f"{path} is no file",
                "It is a device, a pipe or a socket, and reading it might never end.",
                "Save what comes out of it into a file and inspect that.",
                kind="input",
            )
        item = Item(path.name, _merged(read_file(path, quick=quick)))
        return _conclude(path, [item])
    found = sorted(_walk(path), key=str)
    items = []
    for at, file in enumerate(found):
        if at % 20 == 0:
            on_progress(Progress("inspect", f"{at} of {len(found)} files", at / len(found)))
        try:
            reading = read_file(file, quick=quick)
        except FinnTuiError as error:
            reading = Reading("unreadable", note=error.why)
        items.append(Item(file.relative_to(path).as_posix(), reading))
    return _conclude(path, _related(items))


def _walk(path: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not _SKIPPED.fullmatch(name))
        for name in names:
            if _WANTED.fullmatch(name) and name not in _OWN:
                file = Path(place, name)
                if file.is_file():
                    yield file


def _related(items: list[Item]) -> list[Item]:
    """Mark copies and what was put aside; drop from parents what their runs' own logs say."""
    paths = {item.path for item in items}
    runs = {path.split("/")[-2] for path in paths if path.endswith("/runme.log")}
    hls = {
        path.rpartition("/")[0]: path
        for path in paths
        if path.rpartition("/")[2] in ("vivado_hls.log", "vitis_hls.log")
    }
    done = []
    for item in items:
        folder, _, name = item.path.rpartition("/")
        copy = None
        if name.endswith((".vdi", ".vds")) and f"{folder}/runme.log".lstrip("/") in paths:
            copy = f"{folder}/runme.log".lstrip("/")
        elif _WITHIN_HLS.search("/" + item.path):
            parents = folder.split("/")
            above = ("/".join(parents[:depth]) for depth in range(len(parents), 0, -1))
            copy = next((hls[parent] for parent in above if parent in hls), None)
        reading = item.reading
        here = {run for run in reading.repeated if run in runs}
        if here:
            reading = replace(
                reading,
                phases=tuple(phase for phase in reading.phases if phase.run not in here),
                evidence=tuple(e for e in reading.evidence if e.run not in here),
                repeated={run: n for run, n in reading.repeated.items() if run not in here},
            )
        done.append(Item(item.path, _merged(reading), copy, bool(_BACKUP.fullmatch(name))))
    return done


def _merged(reading: Reading) -> Reading:
    """Messages of repeated logs count as the file's own where nothing else has them."""
    if not reading.repeated:
        return reading
    counts = {
        name: reading.messages[name] + sum(n[name] for n in reading.repeated.values())
        for name in SEVERITIES
    }
    return replace(reading, messages=counts, repeated={})


def planned(items: Sequence[Item]) -> bool:
    """Whether there are settings and estimates and nothing that was built."""
    return bool(items) and all(item.reading.kind in _PLANS for item in items)


def _conclude(path: Path, items: list[Item]) -> Inspection:
    counted = [item for item in items if item.copy_of is None and not item.old]
    usage = usage_of((item.path, item.reading) for item in counted)
    active = [Source(item.path, item.reading) for item in counted]
    goals = [source for source in active if _is_goal(source.reading)]
    active = [source for source in active if not _made_good(source, goals)]
    failed = [source for source in active if _has_failed(source)]
    missed = [told for source in active if (told := timing_missed(source)) is not None]
    if any("postroute_physopt" in s.path and s.reading.outcome == "succeeded" for s in active):
        # What routing left was won back afterwards; the other summaries were written before.
        missed = [source for source in missed if source.reading.kind != "timing-summary"]
    fatal = [s for s in active if any(e.cause in FATAL for e in s.reading.evidence)]
    stopped = [s for s in active if s.reading.outcome == "incomplete" and s.reading.kind in _LOGS]
    outcome = "succeeded"
    if failed or missed or (fatal and (stopped or not goals)):
        outcome = "failed"
    elif not active or planned(items) or (stopped and not goals):
        outcome = "incomplete"
    elif len(items) == 1:
        outcome = items[0].reading.outcome or "succeeded"
    own = _own_state(path)
    if own is not None:
        outcome = own[0] if not (own[0] == "succeeded" and missed) else "failed"
    found: list[Diagnosis] = []
    if outcome == "failed":
        # An error that did not end a log which went on well is no cause.
        ended = [source for source in active if source.reading.outcome != "succeeded"]
        found = diagnose(ended, usage) or diagnose(active, usage)
        if missed and not failed and own is None:
            found = diagnose(missed, usage)
        elif missed:
            found += [d for d in diagnose(missed, usage) if d.id not in {f.id for f in found}]
        if own is not None and own[1] is not None:
            said = own[1]
            if said.id == "cancelled" or not found:
                found = [said, *found]
            elif said.id != "build-failed":  # which quotes what was found
                found.append(said)
    elif fatal and outcome == "incomplete":
        found = diagnose(fatal, usage)  # it has not ended, and will not by itself
    cause = found[0] if found else None
    ours = run_around(path)
    simulated = any(item.reading.simulated for item in items) or (
        ours is not None and ours.rehearsed
    )
    return Inspection(
        str(path), outcome, cause, tuple(found[1:]), tuple(items), usage, _steps(path, counted),
        simulated,
    )  # fmt: skip


def _is_goal(reading: Reading) -> bool:
    """Whether a file shows that a build or an implementation has reached its end."""
    if reading.outcome != "succeeded":
        return False
    if reading.kind == "finn":
        return True
    return isinstance(reading.data, VivadoData) and reading.data.bitstream


def _made_good(source: Source, goals: list[Source]) -> bool:
    """Whether something that came later succeeded, so that this failure no longer counts."""
    reading = source.reading
    if source.reading in [goal.reading for goal in goals]:
        return False
    role = _ROLES.get(reading.kind, 9)
    for goal in goals:
        if _ROLES[goal.reading.kind] < role:
            continue
        later = None
        if goal.reading.ended is not None and reading.ended is not None:
            later = goal.reading.ended >= reading.ended
        around = source.path.startswith(goal.path.rpartition("/")[0])
        if later or (later is None and around):
            return reading.outcome == "failed" or role == 0
    return False


def _has_failed(source: Source) -> bool:
    reading = source.reading
    if reading.kind == "timing-summary":
        return False  # counted by ``timing_missed``
    return reading.outcome == "failed" and reading.kind != "marker"


def _own_state(path: Path) -> tuple[str, Diagnosis | None] | None:
    """Outcome and error of a run folder of ours; None for other folders."""
    if not (path / runfiles.RUN).is_file():
        return None
    try:
        state = RunFolder(path).state()
    except FinnTuiError:
        return None
    outcome = {"succeeded": "succeeded", "failed": "failed", "cancelled": "failed"}
    outcome["lost"] = "failed"
    error = state.error
    said = None
    if error is not None:
        name = state.state if state.state != "failed" else "build-failed"
        said = Diagnosis(
            name, error.what, f"{error.what}: {error.why}", error.why, error.fix, quote=error.detail
        )
    elif state.state == "cancelled":
        said = Diagnosis("cancelled", "the build was cancelled", "the build was cancelled")
    return outcome.get(state.state, "incomplete"), said


def _steps(path: Path, items: list[Item]) -> tuple[StepTime, ...]:
    if (path / runfiles.RUN).is_file():
        try:
            own = tuple(StepTime(step.name, step.seconds) for step in run_steps(RunFolder(path)))
        except FinnTuiError:
            own = ()
        if own:
            return own
    builds: dict[str, list[StepTime]] = {}
    for kind in ("step-times", "finn"):
        for item in items:
            # finn-plus writes the times into report/, upstream beside its log.
            folder = item.path.rpartition("/")[0].removesuffix("report").rstrip("/")
            if item.reading.kind == kind and folder not in builds:
                phases: tuple[Phase, ...] = item.reading.phases
                if isinstance(item.reading.data, FinnData):
                    count = (
                        len(item.reading.data.builds[-1].steps) if item.reading.data.builds else 0
                    )
                    phases = phases[:count]
                builds[folder] = [StepTime(phase.name, phase.seconds, folder) for phase in phases]
    timed = {
        folder: steps
        for folder, steps in builds.items()
        if any(step.seconds is not None for step in steps)
    }
    builds = timed or builds
    one = len(builds) == 1
    return tuple(
        replace(step, build=None) if one else step for steps in builds.values() for step in steps
    )
