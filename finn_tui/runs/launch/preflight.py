"""Before a build: what would end it or spoil it, what would be lost by then, and what to do.

Hours are lost to failures whose reason stood in a report at the start. What certainly ends a
build is refused; what may is told.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

import psutil

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.core.device import RESOURCES, Device
from finn_tui.runs.documents import RunStatus
from finn_tui.runs.folder import list_runs
from finn_tui.runs.launch import launch, tools

# Parts that Vivado builds for without a paid licence (its Standard edition); xczu2eg is one of
# them, xczu28dr and xczu19eg are not.
_FREE_PARTS = re.compile(r"xc7z0(?:07s|10|12s|14s|15|20|30)|xczu[123457](?:cg|eg|ev)|xck2[46]")
_LICENCES = ("XILINXD_LICENSE_FILE", "LM_LICENSE_FILE")
#: Memory in GB that Vivado takes at its peak for a part, about what AMD recommends.
_MEMORY = (("xc7z", 4), ("xck", 8), ("xczu", 8), ("xcu", 32), ("", 16))
#: A rehearsal is FINN's own Python and nothing else.
_REHEARSAL_GB = 1.0
_VERSION_SECONDS = 60.0
#: Folders that a restart of the machine empties, and file systems that lie in memory.
FLEETING = ("/tmp", "/run", "/dev/shm")
_FLEETING_KINDS = ("tmpfs", "ramfs")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        id: stable word for programs: budget, fill, tools, licence, disk, memory, place, path, ...
        verdict: ``ok``, ``warn`` or ``refuse``.
        what: what is so, one sentence without a trailing stop.
        lost: what would be lost if one went on; empty where all is well.
        fix: what to do.
        kind: of the error that a refusal becomes.
        forced: whether ``--force`` goes on all the same.
    """

    id: str
    verdict: str
    what: str
    lost: str = ""
    fix: str = ""
    kind: ErrorKind = ErrorKind.PREFLIGHT
    forced: bool = True

    def as_json(self) -> dict[str, Any]:
        """As ``build --check --json`` gives it."""
        return {name: getattr(self, name) for name in ("id", "verdict", "what", "lost", "fix")}


@dataclass(frozen=True)
class Plan:
    """What is to be built, as far as it can be judged before.

    Attributes:
        layers: FINN's estimate of all layers, by resource.
        inserted: of the converters and FIFOs between them; empty where unknown.
        refusals: why FINN would not generate code for the folding.
        rehearse: whether AMD's tools have stand-ins; ``seconds`` what these take.
        parallel: how many builds run at once.
    """

    model: str
    device: Device
    clock_ns: float
    layers: Mapping[str, float]
    inserted: Mapping[str, float]
    runs_dir: Path
    refusals: Sequence[str] = ()
    rehearse: bool = False
    seconds: float = 0.0
    parallel: int = 1


def preflight(plan: Plan, environment: Mapping[str, str] | None = None) -> list[Finding]:
    """Everything that was looked at, in the order in which it matters. Takes up to some seconds."""
    env = os.environ if environment is None else environment
    lost = _lost(plan)
    findings = [*_folding(plan), *_budget(plan, lost), *_path(plan)]
    if not plan.rehearse:
        findings += [*_tools(env), *_licence(plan, env, lost), *place(plan.runs_dir)]
    return [*findings, *_disk(plan, lost), *_memory(plan, lost)]


def needs_licence(part: str) -> bool:
    """Whether Vivado builds for a part only with a paid licence."""
    return _FREE_PARTS.match(part) is None


def build_memory_gb(part: str) -> int:
    """GB of memory that a build for a part wants."""
    return next(size for start, size in _MEMORY if part.startswith(start))


def not_lasting(folder: PurePath, file_system: str) -> str | None:
    """Say why a folder does not outlive a restart of its machine; None if it does.

    Args:
        folder: absolute, links resolved.
        file_system: the kind that it lies on, such as ``tmpfs``.
    """
    if any(folder.is_relative_to(fleeting) for fleeting in FLEETING):
        return f"a restart of the machine empties {folder}"
    if file_system in _FLEETING_KINDS:
        return f"{folder} lies in memory ({file_system}): a restart empties it"
    return None


def refused(findings: Sequence[Finding], force: bool = False) -> FinnTuiError | None:
    """The error for the first finding that ends the build, with the others in its details."""
    against = [f for f in findings if f.verdict == "refuse" and not (force and f.forced)]
    if not against:
        return None
    first = against[0]
    others = "; ".join(finding.what for finding in against[1:])
    why = " ".join(part for part in (first.lost, f"Besides: {others}." if others else "") if part)
    force_it = " --force builds all the same." if all(f.forced for f in against) else ""
    return FinnTuiError(first.what, why, first.fix + force_it, kind=first.kind)


def _lost(plan: Plan) -> str:
    """How long it takes to the failure, from earlier runs of the same model if there are any."""
    took = []
    for run in list_runs(plan.runs_dir)[:50]:
        try:
            state, request = run.state(), run.request
        except FinnTuiError:
            continue
        same = request.model == plan.model and request.simulated == plan.rehearse
        same = same and not request.is_training
        if same and state.state in (RunStatus.SUCCEEDED, RunStatus.FAILED) and state.seconds:
            took.append(state.seconds)
    if took:
        seconds = statistics.median(took)
        text = f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} s"
        return f"Builds of {plan.model} took about {text}."
    if plan.rehearse:
        return f"The rehearsal would take about {max(20.0, plan.seconds):.0f} s."
    return "It would show after most of the build, which takes from half an hour to many hours."


def _folding(plan: Plan) -> list[Finding]:
    if not plan.refusals:
        return []
    others = f"{len(plan.refusals) - 1} more layers: {'; '.join(plan.refusals[1:4])}. "
    why = "FINN's HLS code for a matrix layer walks through at most 1024 steps a row."
    what = f"FINN can estimate this folding and cannot build it: {plan.refusals[0]}"
    lost = (others if plan.refusals[1:] else "") + why
    fix = "Raise SIMD of these layers, then build."
    return [Finding("folding", "refuse", what, lost, fix, ErrorKind.INPUT, False)]


def _budget(plan: Plan, lost: str) -> list[Finding]:
    device = plan.device
    if not device.budget:
        what = f"nobody says what {device.part} has: whether the design fits is not known"
        fix = f"Write its resources into finn-tui.toml as [boards.{device.board}]."
        return [Finding("budget", "warn", what, lost, fix)]
    over, full, fine = [], [], []
    for name in RESOURCES:
        need = plan.layers.get(name, 0.0) + plan.inserted.get(name, 0.0)
        have = device.budget.get(name)
        if have is None or (have == 0 and need == 0):
            continue
        limit = device.limits.get(name, 1.0)
        text = f"{name} {need:,.0f} of {have:,}"
        if need > have:
            over.append(text)
        elif need > limit * have:
            full.append(f"{text} ({need / have:.0%}, FINN's limit is {limit:.0%})")
        else:
            fine.append(f"{name} {need / have:.0%}")
    of = (
        "the layers with their FIFOs and width converters"
        if any(plan.inserted.values())
        else ("the layers alone")
    )
    fix = "Fold less in parallel, or move memory with ram_style; `finn-tui solve` finds what fits."
    findings = []
    if over:
        what = f"the design does not fit {device.board}: {', '.join(over)}, by FINN's estimate"
        lost_by = f"The placer would refuse it after all synthesis is done. {lost}"
        findings.append(Finding("budget", "refuse", what, lost_by, fix))
    if full:
        what = f"{', '.join(full)}: such designs often miss timing or cannot be placed"
        findings.append(Finding("fill", "warn", what, lost, fix))
    if not over and not full:
        findings.append(Finding("budget", "ok", f"{of} take {', '.join(fine)}"))
    return findings


def _path(plan: Plan) -> list[Finding]:
    try:
        launch.check_path(plan.runs_dir)
    except FinnTuiError as error:
        return [Finding("path", "refuse", error.what, error.why, error.fix, error.kind, False)]
    return []


def _tools(env: Mapping[str, str]) -> list[Finding]:
    try:
        amd_tools = tools.check_tools(env)
    except FinnTuiError as error:
        return [Finding("tools", "refuse", error.what, error.why, error.fix, error.kind, False)]
    assert amd_tools.vivado is not None and amd_tools.hls is not None
    version_text = _says_version(str(amd_tools.vivado), amd_tools.vivado.stat().st_mtime)
    if version_text is None or "Vivado v" not in version_text:
        what = f"{amd_tools.vivado} does not start"
        last = version_text.strip().splitlines()[-1][:200] if version_text else "-"
        lost = f"It says: {last}"
        fix = "Run it by hand with -version; a missing library (libtinfo.so.5) is the usual cause."
        return [Finding("tools", "refuse", what, lost, fix, ErrorKind.TOOLS)]
    versions = {"Vivado": amd_tools.version, "Vitis HLS": tools.version_of(amd_tools.hls)}
    different = {version for version in versions.values() if version}
    text = ", ".join(f"{name} {version or '?'}" for name, version in versions.items())
    if len(different) > 1:
        lost = "IPs of one version are often refused by the other, when the layers are stitched."
        return [
            Finding(
                "tools",
                "warn",
                f"the versions differ: {text}",
                lost,
                "Source the settings64.sh of one version only.",
            )
        ]
    return [Finding("tools", "ok", text)]


@lru_cache(maxsize=8)
def _says_version(vivado: str, changed: float) -> str | None:
    """What a Vivado says of itself; asked once as long as it does not change."""
    try:
        done = subprocess.run(
            [vivado, "-version"],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_VERSION_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout + done.stderr


def _licence(plan: Plan, env: Mapping[str, str], lost: str) -> list[Finding]:
    part = plan.device.part
    if not needs_licence(part):
        return [Finding("licence", "ok", f"{part} needs no paid licence")]
    named = [env[name] for name in _LICENCES if env.get(name)]
    home = Path(env.get("HOME", "/nonexistent")) / ".Xilinx"
    files = list(home.glob("*.lic")) if home.is_dir() else []
    gone = [
        place
        for text in named
        for place in text.split(os.pathsep)
        if place.startswith("/") and not Path(place).exists()
    ]
    if gone:
        what = f"the licence file {gone[0]} is not there"
        return [Finding("licence", "warn", what, lost, "Correct XILINXD_LICENSE_FILE.")]
    if named or files:
        return [Finding("licence", "ok", f"a licence is named for {part}")]
    what = f"{part} needs a paid licence of Vivado, and none was found"
    fix = "Set XILINXD_LICENSE_FILE to your server (port@host) or file, or put it into ~/.Xilinx."
    return [Finding("licence", "warn", what, lost, fix)]


def place(runs_dir: Path) -> list[Finding]:
    place = runs_dir.resolve()
    what = not_lasting(place, _file_system(place))
    if what is None:
        return [Finding("place", "ok", f"{place} outlives a restart")]
    loss = "Everything that was built, with its logs and results."
    return [Finding("place", "warn", what, loss, "Choose a workspace on a disk that stays.")]


def _file_system(place: Path) -> str:
    while not place.exists():
        place = place.parent
    best = ("", "")
    try:
        mounts = psutil.disk_partitions(all=True)
    except OSError:
        return ""
    for mount in mounts:
        if place.is_relative_to(mount.mountpoint) and len(mount.mountpoint) > len(best[0]):
            best = (mount.mountpoint, mount.fstype)
    return best[1]


def _disk(plan: Plan, lost: str) -> list[Finding]:
    try:
        launch.check_disk(plan.runs_dir, plan.rehearse)
    except FinnTuiError as error:
        return [Finding("disk", "refuse", error.what, error.why, error.fix, error.kind)]
    place = plan.runs_dir
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    need = launch.REHEARSAL_BYTES if plan.rehearse else launch.BUILD_BYTES
    need *= plan.parallel
    if free < 2 * need:
        what = f"{free / 1e9:.1f} GB are free; builds have taken up to {2 * need / 1e9:.1f}"
        return [Finding("disk", "warn", what, lost, "`finn-tui runs clean` makes room.")]
    return [Finding("disk", "ok", f"{free / 1e9:.0f} GB are free")]


def _memory(plan: Plan, lost: str) -> list[Finding]:
    part = plan.device.part
    need = build_memory_gb(part) * plan.parallel
    want = _REHEARSAL_GB * plan.parallel if plan.rehearse else float(need)
    have = min(psutil.virtual_memory().available, _group_limit()) / 1e9
    if have < want:
        what = f"{have:.1f} GB of memory are free; a build for {part} wants {want:.0f}"
        fix = "End what else runs, or set NUM_DEFAULT_WORKERS to 1: fewer tools at once."
        return [Finding("memory", "warn", what, f"The kernel may end Vivado. {lost}", fix)]
    return [Finding("memory", "ok", f"{have:.0f} GB of memory are free")]


def _group_limit() -> float:
    """What a container allows, in bytes; infinite where there is no such limit."""
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii").strip()
        return float("inf") if text == "max" else float(text) - float(used)
    except (OSError, ValueError):
        return float("inf")
