"""The verdict on files that were read: which builds they belong to, how each went, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from finn_tui.runs.analysis.diagnosis import FATAL, Diagnosis, Source, diagnose, timing_missed
from finn_tui.runs.analysis.utilization import ResourceUsage, usage_of
from finn_tui.runs.readers.finn import FinnBuild, FinnData
from finn_tui.runs.readers.marker import Marker
from finn_tui.runs.readers.parsed_file import ParsedFile
from finn_tui.runs.readers.vivado_data import VivadoData

#: Folders within a build; what stands before the first of them in a path names the build.
_INSIDE = re.compile(
    r"output\w*|out|build|reports?|finn_build_dir\w*|intermediate_models|stitched_ip|deploy|bitfile"
    r"|code_gen_ipgen_.*|vivado_\w+_proj_.*|synth_out_of_context_.*|vitis_link_proj_.*"
    r"|(?:py)?verilat\w*|project_.*|sol\w*|.+\.runs|.*_?synth_\d+|impl_\d+|_x|link|vivado|vpl|prj"
    r"|impl|syn|sim|logs?|results_\w+|vivadocompile"
)
#: Working folders of FINN, whose names end with random characters.
_WORK = re.compile(
    r"(code_gen_ipgen_\w+|vivado_\w+_proj|synth_out_of_context|vitis_link_proj)_\w{8}"
)
_LOG_NAME = re.compile(
    r".*\.(?:log|out|err|vdi|vds)(?:\.\w+)?|nohup.*|slurm-.*|typescript|screenlog.*|console.*"
)
_LOGS = ("hls", "synthesis", "implementation", "vivado", "finn")
#: What of a kind goes before, when one success makes an earlier failure good.
_ROLES = {"crash": 0, "hls": 1, "synthesis": 2, "implementation": 3, "vivado": 3, "finn": 4}
#: What is written before anything is built: settings and estimates.
_PLANS = frozenset(
    {
        "folding",
        "specialize-config",
        "build-config",
        "estimate-cycles",
        "estimate-resources",
        "estimate-alternatives",
        "estimate-performance",
        "op-counts",
    }
)
#: Beside these, such files say nothing of their own.
_NEUTRAL = frozenset({"json", "xml", "text", "binary"})


@dataclass(frozen=True)
class BuildVerdict:
    """One build among what was read.

    Attributes:
        name: its folder from the inspected one on, and which of a log's builds it is.
        outcome: succeeded, failed, cancelled, incomplete or unknown.
        causes: why it failed, the likeliest first.
        clock_missed_ns: by how much it misses its clock, None if it does not.
        retried: a later build of the same succeeded, so that this one no longer counts.
        usage: what its design uses of the part.
    """

    name: str
    outcome: str
    causes: tuple[Diagnosis, ...] = ()
    clock_missed_ns: float | None = None
    retried: bool = False
    usage: ResourceUsage | None = None


@dataclass(frozen=True)
class Verdict:
    """The verdict on all that was read; ``builds`` are told apart, oldest first in each log."""

    outcome: str
    causes: tuple[Diagnosis, ...] = ()
    clock_missed_ns: float | None = None
    usage: ResourceUsage | None = None
    builds: tuple[BuildVerdict, ...] = ()


def planned(readings: Iterable[ParsedFile]) -> bool:
    """Whether there are settings and estimates and nothing that was built."""
    kinds = {reading.kind for reading in readings}
    return bool(kinds & _PLANS) and kinds <= _PLANS | _NEUTRAL


def judge(sources: Sequence[Source]) -> Verdict:
    """Judge the files of one build or of several.

    Args:
        sources: files that count: no copies, nothing that a tool has put aside.
    """
    groups = _builds(sources)
    # A folder of settings or notes beside builds is no build.
    groups = [group for group in groups if any(_built(s.reading) for s in group[1])] or groups
    builds: list[BuildVerdict] = []
    last: list[BuildVerdict] = []
    for name, files in groups:
        builds += _earlier(name, files)
        last.append(_judge_one(name, files))
        builds.append(last[-1])
    counted = [build for build in builds if not build.retried]
    for outcome in ("failed", "cancelled", "incomplete", "succeeded"):
        # An older build in FINN's log that just stops: the log has no word for how it went.
        among = last if outcome == "incomplete" else counted
        judged = [build for build in among if build.outcome == outcome]
        if judged:
            break
    else:
        outcome, judged = "unknown", last
    causes = _merge(judged if outcome in ("failed", "cancelled", "incomplete") else [])
    missed = [b.clock_missed_ns for b in judged if b.clock_missed_ns is not None]
    usage = next((b.usage for b in reversed(judged) if b.usage is not None), None)
    return Verdict(outcome, causes, max(missed, default=None), usage, tuple(builds))


def _built(reading: ParsedFile) -> bool:
    """Whether a file is of something that was built, or tried to be."""
    kinds = (*_LOGS, "crash", "marker", "step-times", "builder-metadata", "timing-summary")
    return reading.kind in kinds or (reading.kind == "text" and reading.outcome == "failed")


def _merge(builds: Sequence[BuildVerdict]) -> tuple[Diagnosis, ...]:
    """The causes of several builds, each once: those of the first build come first."""
    if len(builds) <= 1:
        return builds[0].causes if builds else ()
    causes: dict[str, Diagnosis] = {}
    for build in builds:
        for cause in build.causes:
            causes.setdefault(cause.id, cause)
    return tuple(causes.values())


# --- which files make a build ---------------------------------------------------------------


def _builds(sources: Sequence[Source]) -> list[tuple[str, list[Source]]]:
    """The files by the build that they belong to, by folder and, for tools' logs, by time."""
    units: dict[str, list[Source]] = {}
    for source in sources:
        units.setdefault(_unit(source.path), []).append(source)
    builds: list[tuple[str, list[Source]]] = []
    for unit, files in units.items():
        outputs = _outputs(files)
        if len(outputs) < 2:
            builds.append((unit or ".", files))
            continue
        parts: dict[str, list[Source]] = {folder: [] for folder in outputs}
        rest: list[Source] = []
        for source in files:
            folder = next((f for f in outputs if source.path.startswith(f + "/")), None)
            folder = folder or _by_time(source, outputs)
            (parts[folder] if folder else rest).append(source)
        builds += parts.items()
        if rest:
            builds.append((unit or ".", rest))
    return builds


def _unit(path: str) -> str:
    parts = path.split("/")[:-1]
    for at, part in enumerate(parts):
        if _INSIDE.fullmatch(part):
            return "/".join(parts[:at])
    return "/".join(parts)


def _outputs(files: Sequence[Source]) -> dict[str, ParsedFile]:
    """FINN's output folders by the log of the builder in each."""
    return {
        source.path.rpartition("/")[0]: source.reading
        for source in files
        if source.path.rpartition("/")[2] == "build_dataflow.log" and "/" in source.path
    }


def _by_time(source: Source, outputs: dict[str, ParsedFile]) -> str | None:
    """The output folder of the build that had begun last when a tool ended."""
    if source.reading.ended is None:
        return None
    begun = []
    for folder, reading in outputs.items():
        data = reading.data
        steps = data.builds[-1].steps if isinstance(data, FinnData) and data.builds else ()
        if steps and steps[0].began is not None and steps[0].began <= source.reading.ended:
            begun.append((steps[0].began, folder))
    return max(begun)[1] if begun else None


def _earlier(name: str, files: Sequence[Source]) -> list[BuildVerdict]:
    """The builds that stand in FINN's logs before the last one."""
    rows = []
    for source in files:
        data = source.reading.data
        if not isinstance(data, FinnData):
            continue
        for at, build in enumerate(data.builds[:-1]):
            later = [other for other in data.builds[at + 1 :] if _same(build, other)]
            retried = any(other.outcome == "succeeded" for other in later)
            own = tuple(e for e in source.reading.evidence if e.session == at + 1)
            causes = diagnose([Source(source.path, replace(source.reading, evidence=own))])
            failed = build.outcome in ("failed", "cancelled")
            title = f"{source.path}, build {at + 1}" if name == "." else f"{name}, build {at + 1}"
            if build.model:
                title += f" ({build.model})"
            rows.append(
                BuildVerdict(title, build.outcome, tuple(causes) if failed else (), retried=retried)
            )
    return rows


def _same(build: FinnBuild, other: FinnBuild) -> bool:
    """Whether two builds in one log are tries of the same."""
    pairs = [
        (build.model, other.model),
        (build.output, other.output),
        (_count(build), _count(other)),
    ]
    return all(a == b for a, b in pairs if a and b)


def _count(build: FinnBuild) -> int:
    return build.steps[-1].count if build.steps else 0


# --- how one build went ---------------------------------------------------------------------


def _judge_one(name: str, files: Sequence[Source]) -> BuildVerdict:
    files = [_with_times(source, files) for source in files]
    goals = [source for source in files if _is_goal(source.reading)]
    active = [source for source in files if not _made_good(source, goals, files)]
    logs = [source for source in active if _counts(source, goals, files)]
    failed = [source for source in logs if _has_failed(source, files)]
    cancelled = [source for source in logs if source.reading.outcome == "cancelled"]
    missed = [held for source in active if (held := timing_missed(source)) is not None]
    if any("postroute_physopt" in s.path and s.reading.outcome == "succeeded" for s in active):
        # What routing left was won back afterwards; the other summaries were written before.
        missed = [source for source in missed if source.reading.kind != "timing-summary"]
    fatal = [s for s in logs if any(e.cause in FATAL for e in s.reading.evidence)]
    stopped = [s for s in active if s.reading.outcome == "incomplete" and s.reading.kind in _LOGS]
    outcome = _outcome(active, goals, failed, cancelled, missed, fatal, stopped)
    usage = usage_of((source.path, source.reading) for source in _of_design(active, goals, failed))
    causes: list[Diagnosis] = []
    if outcome in ("failed", "cancelled"):
        # An error that did not end a log which went on well is no cause.
        ended = [source for source in logs if source.reading.outcome != "succeeded"]
        causes = diagnose(ended, usage) or diagnose(logs, usage)
        if outcome == "cancelled":
            causes.sort(key=lambda cause: cause.id != "cancelled")
        elif missed and not failed:
            causes = diagnose(missed, usage)
        elif missed:
            known = {cause.id for cause in causes}
            causes += [c for c in diagnose(missed, usage) if c.id not in known]
    elif fatal and outcome == "incomplete":
        causes = diagnose(fatal, usage)  # it has not ended, and will not by itself
    lost = [-m.reading.wns for m in missed if m.reading.wns is not None and m.reading.wns < 0]
    return BuildVerdict(name, outcome, tuple(causes), max(lost, default=None), usage=usage)


def _outcome(
    active: Sequence[Source],
    goals: Sequence[Source],
    failed: Sequence[Source],
    cancelled: Sequence[Source],
    missed: Sequence[Source],
    fatal: Sequence[Source],
    stopped: Sequence[Source],
) -> str:
    if cancelled and (not failed or any(s.reading.kind == "finn" for s in cancelled)):
        return "cancelled"
    if failed or missed or (fatal and (stopped or not goals)):
        return "failed"
    if goals:
        return "succeeded"
    if stopped:
        ends = len(stopped) == 1 and _at_last_step(stopped[0].reading)
        return "unknown" if ends else "incomplete"
    if planned(source.reading for source in active):
        return "incomplete"
    if any(source.reading.outcome == "succeeded" for source in active):
        return "succeeded"
    if len(active) == 1:
        return active[0].reading.outcome or "unknown"
    return "unknown"


def _at_last_step(reading: ParsedFile) -> bool:
    """Whether FINN's log reached its last step: it has no word for how that ended."""
    data = reading.data
    if not isinstance(data, FinnData) or not data.builds or not data.builds[-1].steps:
        return False
    last = data.builds[-1].steps[-1]
    return last.index == last.count


def _with_times(source: Source, files: Sequence[Source]) -> Source:
    """FINN's log with the outcome that its ``time_per_step.json`` proves.

    Upstream writes the times when a build has succeeded; its log has no word for that. They have
    to be the times of this very build.
    """
    data = source.reading.data
    if source.reading.outcome != "incomplete" or not isinstance(data, FinnData) or not data.builds:
        return source
    steps = {s.name: s.seconds for s in data.builds[-1].steps}
    folder = source.path.rpartition("/")[0]
    for other in files:
        if other.reading.kind != "step-times" or other.reading.outcome != "succeeded":
            continue
        if other.path.rpartition("/")[0] != folder:
            continue
        times = {phase.name: phase.seconds or 0.0 for phase in other.reading.phases}
        same = steps.keys() == times.keys() and all(
            seconds is None or abs(seconds - times[name]) <= max(1.5, 0.05 * times[name])
            for name, seconds in steps.items()
        )
        if same:
            return Source(source.path, replace(source.reading, outcome="succeeded"))
    return source


def _is_goal(reading: ParsedFile) -> bool:
    """Whether a file shows that a build or an implementation has reached its end."""
    if reading.outcome != "succeeded":
        return False
    if reading.kind in ("finn", "builder-metadata"):
        return True
    return isinstance(reading.data, VivadoData) and reading.data.bitstream


def _made_good(source: Source, goals: Sequence[Source], files: Sequence[Source]) -> bool:
    """Whether something that came later succeeded, so that this failure no longer counts."""
    reading = source.reading
    if reading in [goal.reading for goal in goals]:
        return False
    if reading.outcome == "failed" and _tried_again(source, files):
        return True
    role = _ROLES.get(reading.kind, 9)
    for goal in goals:
        if _ROLES.get(goal.reading.kind, 4) < role or _other_design(source, goal, files):
            continue
        later = None
        if goal.reading.ended is not None and reading.ended is not None:
            later = goal.reading.ended >= reading.ended
        around = source.path.startswith(goal.path.rpartition("/")[0])
        if later or (later is None and around):
            return reading.outcome == "failed" or role == 0
    return False


def _tried_again(source: Source, files: Sequence[Source]) -> bool:
    """Whether the same work was done later, in a folder of its own, and succeeded."""
    if _WORK.search(source.path) is None or source.reading.ended is None:
        return False
    key = _WORK.sub(r"\1", source.path)
    return any(
        other.path != source.path
        and other.reading.outcome == "succeeded"
        and (other.reading.ended or 0.0) >= source.reading.ended
        and _WORK.sub(r"\1", other.path) == key
        and not _other_design(source, other, files)
        for other in files
    )


def _project(path: str) -> tuple[str, str] | None:
    """The working folder of FINN that a file belongs to: its path, and what kind it is."""
    for judged in _WORK.finditer(path):
        return path[: judged.end()], judged.group(1)
    return None


def _other_design(source: Source, goal: Source, files: Sequence[Source]) -> bool:
    """Whether two projects of the same kind hold different designs, by the IPs they synthesize."""
    own, other = _project(source.path), _project(goal.path)
    if own is None or other is None or own[1] != other[1] or own[0] == other[0]:
        return False
    a, b = _launched(own[0], files), _launched(other[0], files)
    return bool(a) and bool(b) and a != b


def _launched(project: str, files: Sequence[Source]) -> frozenset[str]:
    names: set[str] = set()
    for source in files:
        if source.path.startswith(project + "/") and isinstance(source.reading.data, VivadoData):
            names |= set(source.reading.data.launched)
    return frozenset(names)


def _counts(source: Source, goals: Sequence[Source], files: Sequence[Source]) -> bool:
    """Whether a file's errors count: notes and other text say nothing about a build.

    Resources are estimates until the design is placed: HLS's count where nothing but reports is
    there, Vivado's unless a build came to its end.
    """
    if source.reading.kind == "utilization":
        return not goals
    if source.reading.kind in ("csynth", "csynth-xml"):
        return not any(other.reading.kind in _LOGS for other in files)
    if source.reading.kind != "text":
        return True
    return not goals and ("/" not in source.path or _LOG_NAME.fullmatch(_name(source)) is not None)


def _name(source: Source) -> str:
    return source.path.rpartition("/")[2]


def _has_failed(source: Source, files: Sequence[Source]) -> bool:
    reading = source.reading
    if reading.kind == "timing-summary":
        return False  # counted by ``timing_missed``
    if isinstance(reading.data, Marker):
        # The log of the same run tells more; without one the marker is all there is.
        folder = source.path.rpartition("/")[0]
        alone = not any(
            other.reading.kind in _LOGS and other.path.rpartition("/")[0] == folder
            for other in files
        )
        return reading.outcome == "failed" and alone
    return reading.outcome == "failed"


def _of_design(
    active: Sequence[Source], goals: Sequence[Source], failed: Sequence[Source]
) -> list[Source]:
    """The files without the reports of other projects of the kind that the verdict is about."""
    decisive = [_project(source.path) for source in failed or goals]
    projects = [
        project for project in decisive if project is not None and "code_gen" not in project[1]
    ]
    if not projects:
        return list(active)
    path, kind = projects[-1]
    return [
        source
        for source in active
        if (own := _project(source.path)) is None or own[1] != kind or own[0] == path
    ]
