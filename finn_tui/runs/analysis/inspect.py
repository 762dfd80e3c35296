"""Reading any log, report or build directory, ours or not: how it went, why, how long it took."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.base.text import size
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import runfiles
from finn_tui.runs.analysis.diagnosis import Diagnosis, Source
from finn_tui.runs.analysis.utilization import ResourceUsage
from finn_tui.runs.analysis.verdict import BuildVerdict, judge
from finn_tui.runs.folder import RunFolder, run_around
from finn_tui.runs.logs.tail import LARGE, left_out
from finn_tui.runs.readers.crash import Crash
from finn_tui.runs.readers.csynth import Csynth
from finn_tui.runs.readers.finn import FinnData
from finn_tui.runs.readers.hls import HlsData
from finn_tui.runs.readers.lines import LogReader
from finn_tui.runs.readers.marker import Marker
from finn_tui.runs.readers.parsed_file import SEVERITIES, ParsedFile, Phase
from finn_tui.runs.readers.registry import HEAD, bounded, reader_for
from finn_tui.runs.readers.report import Violations
from finn_tui.runs.readers.timing import RouteStatus, TimingSummary
from finn_tui.runs.readers.utilization import Utilization
from finn_tui.runs.steps import steps as run_steps

CHUNK = 1 << 20
_WANTED = re.compile(
    r".*\.(?:log|vdi|vds|rpt|rst|json|txt|out|err)"
    r"(?:\.(?:gz|bz2|xz|lzma|zst|lz4|lzo|Z|\d{1,3}))?|.*_csynth\.xml"
    r"|synth_report\.xml|post_synth_resources\.xml|__synthesis_is_complete__|typescript"
    r"|screenlog\.\d+"
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


@dataclass(frozen=True)
class Item:
    """One file: its path from the inspected folder on, what it says, whose copy it is.

    ``copy_of`` names the file that says the same; ``old`` marks what a tool has put aside.
    """

    path: str
    reading: ParsedFile
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
        outcome: succeeded, failed, cancelled, incomplete or unknown.
        cause: why it failed; ``others``: mostly consequences.
        items: the files; usage: resources; steps: of FINN's builder.
        simulated: whether stand-ins had a hand in it, so that its figures are no tool's.
        clock_missed_ns: by how much the design misses its clock, None if it does not.
        builds: one row for each build, where there are several.
    """

    path: str
    outcome: str
    cause: Diagnosis | None
    others: tuple[Diagnosis, ...] = ()
    items: tuple[Item, ...] = ()
    usage: ResourceUsage | None = None
    steps: tuple[StepTime, ...] = field(default_factory=tuple)
    simulated: bool = False
    clock_missed_ns: float | None = None
    builds: tuple[BuildVerdict, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "path": self.path,
            "outcome": self.outcome,
            "simulated": self.simulated,
            "clock_missed_ns": self.clock_missed_ns,
            "builds": [
                {
                    "name": build.name,
                    "outcome": build.outcome,
                    "retried": build.retried,
                    "clock_missed_ns": build.clock_missed_ns,
                    "cause": _cause_dict(build.causes[0] if build.causes else None),
                }
                for build in self.builds
            ],
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
        "seconds": round(reading.seconds, 3) if reading.phases else None,
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


def told(reading: ParsedFile) -> dict[str, Any] | None:
    """What else a file tells, for those that tell a few figures; None for the others."""
    if not isinstance(reading.data, _FIGURES):
        return None
    return {name: value for name, value in asdict(reading.data).items() if value not in (None, ())}


def read_file(
    path: Path, *, quick: bool = False, on_bytes: Callable[[int, int], None] | None = None
) -> ParsedFile:
    """Return what one file says.

    Args:
        path: the file.
        quick: the middle of a large log is only searched for line ends.
        on_bytes: called with the bytes that have been read and those of the file.

    Raises:
        FinnTuiError: it cannot be opened (kind "input").
    """
    partial = False
    try:
        with files.open_regular(path) as file:
            data = file.read(HEAD) or b""
            simulated = _STAND_IN.search(data) is not None
            reader = reader_for(path.name, data)
            gap = None
            total = os.fstat(file.fileno()).st_size
            if quick and isinstance(reader, LogReader) and reader.can_skip:
                gap = left_out(total)
            if gap is None:
                reader = bounded(reader)
            while data:
                reader.feed(data)
                if on_bytes is not None:
                    on_bytes(file.tell(), total)
                if gap is not None and isinstance(reader, LogReader) and file.tell() >= gap[0]:
                    reader.skip(_line_ends(file, gap[1]))
                    gap, partial = None, True
                data = file.read(CHUNK) or b""
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
        if path.is_symlink():
            raise FinnTuiError(
                f"{path} is a symbolic link that leads to no file",
                "What it names was moved or removed, or links lead in a circle.",
                "Give the file or folder itself.",
                kind="input",
            )
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
        reading = read_file(path, quick=quick, on_bytes=_large_file(path, on_progress))
        return _conclude(path, [Item(path.name, _merged(reading))])
    paths = sorted(_walk(path), key=str)
    items = []
    for at, file in enumerate(paths):
        if at % 20 == 0:
            on_progress(Progress("inspect", f"{at} of {len(paths)} files", at / len(paths)))
        try:
            reading = read_file(file, quick=quick, on_bytes=_large_file(file, on_progress))
        except FinnTuiError as error:
            reading = ParsedFile("unreadable", note=error.why)
        items.append(Item(file.relative_to(path).as_posix(), reading))
    return _conclude(path, _related(items))


def _large_file(path: Path, on_progress: OnProgress) -> Callable[[int, int], None]:
    """Report how far a file is read, if that takes long."""

    def on_bytes(done: int, of: int) -> None:
        if of > LARGE:
            message = f"{path.name}: {size(done)} of {size(of)}"
            on_progress(Progress("inspect", message, min(done / of, 1.0)))

    return on_bytes


def _walk(path: Path) -> Iterator[Path]:
    """The files of interest below a folder; a folder that cannot be read stands for itself."""
    closed: list[Path] = []

    def refused(error: OSError) -> None:
        closed.append(Path(error.filename))

    for place, folders, names in os.walk(path, onerror=refused):
        folders[:] = sorted(name for name in folders if not _SKIPPED.fullmatch(name))
        for name in names:
            if _WANTED.fullmatch(name) and name not in _OWN:
                file = Path(place, name)
                if file.is_file():
                    yield file
    yield from closed


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
        repeated_runs = {run for run in reading.repeated if run in runs}
        if repeated_runs:
            reading = replace(
                reading,
                phases=tuple(phase for phase in reading.phases if phase.run not in repeated_runs),
                evidence=tuple(e for e in reading.evidence if e.run not in repeated_runs),
                repeated={
                    run: n for run, n in reading.repeated.items() if run not in repeated_runs
                },
            )
        done.append(Item(item.path, _merged(reading), copy, bool(_BACKUP.fullmatch(name))))
    return done


def _merged(reading: ParsedFile) -> ParsedFile:
    """Messages of repeated logs count as the file's own where nothing else has them."""
    if not reading.repeated:
        return reading
    counts = {
        name: reading.messages[name] + sum(n[name] for n in reading.repeated.values())
        for name in SEVERITIES
    }
    return replace(reading, messages=counts, repeated={})


#: How a traceback ends whose error the runner has explained in state.json.
_OWN_ERROR = f"{EngineError.__module__}.{EngineError.__name__}: "
_PLACE = ("file", "line", "before", "quote", "after")


def _conclude(path: Path, items: list[Item]) -> Inspection:
    counted = [item for item in items if item.copy_of is None and not item.old]
    verdict = judge([Source(item.path, item.reading) for item in counted])
    outcome, causes = verdict.outcome, list(verdict.causes)
    own = _own_state(path)
    if own is not None:
        state, other = own
        outcome = state
        if state == "succeeded" and verdict.clock_missed_ns is not None:
            outcome = "failed"
            causes = [cause for cause in causes if cause.id == "timing-missed"]
        elif state in ("succeeded", "incomplete"):
            causes = causes if verdict.outcome == "incomplete" else []
        if other is not None:
            if other.id == "cancelled" or not causes:
                causes = [other, *causes]
            elif _OWN_ERROR in causes[0].text:
                # The runner explains it; the log has the place.
                places = {name: getattr(causes[0], name) for name in _PLACE}
                causes[0] = replace(other, **places)
            elif other.id != "build-failed":  # which quotes what was found
                causes.append(other)
    ours = run_around(path)
    simulated = any(item.reading.simulated for item in items) or (
        ours is not None and ours.rehearsed
    )
    return Inspection(
        str(path),
        outcome,
        causes[0] if causes else None,
        tuple(causes[1:]),
        tuple(items),
        verdict.usage,
        _steps(path, counted),
        simulated,
        verdict.clock_missed_ns,
        verdict.builds if len(verdict.builds) > 1 else (),
    )


def _own_state(path: Path) -> tuple[str, Diagnosis | None] | None:
    """Outcome and error of a run folder of ours; None for other folders."""
    if not (path / runfiles.RUN).is_file():
        return None
    try:
        state = RunFolder(path).state()
    except FinnTuiError:
        return None
    outcome = {name: name for name in ("succeeded", "failed", "cancelled")}
    outcome["lost"] = "failed"
    error = state.error
    other = None
    if error is not None:
        name = state.state if state.state != "failed" else "build-failed"
        other = Diagnosis(
            name, error.what, f"{error.what}: {error.why}", error.why, error.fix, quote=error.detail
        )
    elif state.state == "cancelled":
        other = Diagnosis("cancelled", "the build was cancelled", "the build was cancelled")
    return outcome.get(state.state, "incomplete"), other


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
