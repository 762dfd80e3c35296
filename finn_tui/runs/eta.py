"""How long a build still takes: from earlier builds of like kind, else from published ones.

Steps are never counted as equal: each is expected to take what it took before, with the spread
that was seen. What is told is a band; it narrows as steps end and as a running step gets on, and
it widens again, honestly, when a step takes longer than it ever did.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from finn_tui.base.errors import FinnTuiError
from finn_tui.rehearsal.tools.plan import BITFILE_SHARE, HLS_SHARE, STITCH_SHARE
from finn_tui.runs.documents import StepStatus
from finn_tui.runs.folder import RunFolder, RunRequest, list_runs
from finn_tui.runs.live.jobs import DEFAULT_STEPS, Job, JobState
from finn_tui.runs.live.snapshot import RunSnapshot
from finn_tui.runs.steps import Step, steps

#: Earlier builds beyond these are not asked: tools and habits change.
MOST_BUILDS = 50

#: Builds of one network were repeated within 5 % (eleven of one MLP: sd 4.6 % of the bitfile).
_LEAST_SPREAD = 0.05
#: What one earlier build alone says may be wrong by that much.
_ONE_SPREAD = 0.25

#: Seconds of a step in published builds of small and medium networks: least, middle, most; the
#: first name that a step's name holds counts. From the time_per_step.json of 30 builds.
_PUBLISHED = (
    ("set_fifo_depths", (20.0, 600.0, 20_000.0)),
    ("synthesize_bitfile", (600.0, 2250.0, 5400.0)),
    ("out_of_context_synthesis", (150.0, 330.0, 900.0)),
    ("generate_hardware", (60.0, 240.0, 900.0)),
    ("ipgen", (60.0, 180.0, 460.0)),
    ("codegen", (0.1, 30.0, 125.0)),
    ("stitched_ip", (5.0, 25.0, 60.0)),
    ("rtlsim", (0.0, 7.0, 60.0)),
    ("streamline", (0.3, 5.0, 100.0)),
    ("convert_to", (0.0, 1.0, 13.0)),
)
_SMALL = (0.0, 0.1, 2.0)

#: HLS of one layer, over 60 layers: 40 to 221 s, median 59; four at a time.
_LAYER = (40.0, 59.0, 221.0)
_LAYERS_AT_ONCE = 4

#: What is done of a bitfile step when each kind of its jobs is: of one step of 36 minutes, and of
#: implementations of xc7z020 and xczu3eg (link 9, opt 9, place 31, ..., in parts of a hundred).
_BITFILE = (("hls", 0.04), ("stitch", 0.06), ("synthesis", 0.40), ("implementation", 0.50))
_STAGES = {
    "init_design": 9,
    "opt_design": 12,
    "place_design": 36,
    "phys_opt_design": 5,
    "route_design": 28,
    "post_route_phys_opt_design": 0,
    "write_bitstream": 10,
}
#: How far placing and routing are when one of their phases begins.
_BEGUN = {
    "Global Placement": 0.12,
    "Detail Placement": 0.50,
    "Post Placement Optimization and Clean-Up": 0.75,
    "Router Initialization": 0.14,
    "Initial Routing": 0.28,
    "Rip-up And Reroute": 0.33,
    "Delay and Skew Optimization": 0.85,
    "Post Hold Fix": 0.90,
    "Route finalize": 0.95,
}

_FIFO = (
    "FIFO depths are being found by simulating the whole accelerator: it prints nothing, and was "
    "62 to 97 % of the time of builds that did it; its length follows the simulated cycles"
)


@dataclass(frozen=True)
class Kind:
    """What builds must share to take alike long.

    ``rehearsal``: seconds of the stand-ins for AMD's tools, None for a real build.
    """

    model: str
    board: str
    version: str | None = None
    folding: str | None = None
    fifo: str | None = None
    rehearsal: float | None = None

    @classmethod
    def of(cls, request: RunRequest) -> Kind:
        """The kind of a run."""
        seconds = (request.rehearsal or {}).get("seconds")
        return cls(
            request.model,
            request.board,
            str(request.engine.get("version") or "") or None,
            request.folding_name,
            request.fifo,
            float(seconds) if isinstance(seconds, (int, float)) else None,
        )


@dataclass(frozen=True)
class PastBuild:
    """An earlier build: its kind, and the seconds of the steps that it finished."""

    kind: Kind
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Eta:
    """What is still to come, in seconds.

    Attributes:
        seconds: the likeliest; low, high: the band.
        share: how much of the whole is done, 0 to 1.
        source: what it is drawn from, in words; builds: how many earlier ones.
        note: what cannot be foretold, if something of that kind runs or comes.
    """

    seconds: float
    low: float
    high: float
    share: float
    source: str
    builds: int = 0
    note: str | None = None


def words(eta: Eta) -> str:
    """What is still to come as people say it: "about 12 min left (9 to 15)"."""
    middle, band = _amounts(eta)
    return f"about {middle} left{band}"


def expected_words(eta: Eta) -> str:
    """How long a build takes that has not begun: "about 12 min (9 to 15)"."""
    middle, band = _amounts(eta)
    return f"about {middle}{band}"


def _amounts(eta: Eta) -> tuple[str, str]:
    """The likeliest time with its unit, and the band in brackets; empty if it has no width."""
    unit, size = ("s", 1.0) if eta.seconds < 90 else ("min", 60.0)
    if eta.seconds >= 90 * 60:
        unit, size = "h", 3600.0

    def amount(seconds: float) -> str:
        return f"{seconds / size:.1f}" if size == 3600.0 else f"{seconds / size:.0f}"

    low, mid, high = amount(eta.low), amount(eta.seconds), amount(eta.high)
    band = f" ({low} to {high})" if low != high else ""
    return f"{mid} {unit}", band


class Outlook:
    """What is still to come of one run, from the other runs beside it."""

    def __init__(self, run: RunFolder) -> None:
        """Reads the other runs' steps: call it off the event loop.

        Raises:
            FinnTuiError: run.json is missing or broken.
        """
        self._kind = Kind.of(run.request)
        self._history = past_builds(
            other for other in list_runs(run.path.parent) if other.id != run.id
        )

    def of(self, picture: RunSnapshot) -> Eta | None:
        """What is still to come as of a picture."""
        return estimate(picture.steps, self._kind, self._history, picture)


def past_builds(runs: Iterable[RunFolder]) -> list[PastBuild]:
    """What earlier runs took, newest first; those that cannot be read are left out."""
    builds: list[PastBuild] = []
    for run in runs:
        if len(builds) >= MOST_BUILDS:
            break
        try:
            done = {
                step.name: step.seconds
                for step in steps(run)
                if step.status is StepStatus.FINISHED and step.seconds is not None
            }
            if done:
                builds.append(PastBuild(Kind.of(run.request), done))
        except FinnTuiError:
            continue
    return builds


def alike(kind: Kind, history: Sequence[PastBuild]) -> tuple[list[PastBuild], str, float]:
    """The builds of the likest kind, what they share in words, and how far to widen the band."""
    same = [past for past in history if past.kind.rehearsal == kind.rehearsal]
    levels = (
        ("this folding", 1.0, ("model", "board", "version", "fifo", "folding")),
        ("this network", 1.5, ("model", "board", "version", "fifo")),
        ("this network", 2.5, ("model", "board")),
    )
    for words, widen, keys in levels:
        matching = [
            past for past in same if all(getattr(past.kind, k) == getattr(kind, k) for k in keys)
        ]
        if matching:
            builds = "an earlier build" if len(matching) == 1 else f"{len(matching)} earlier builds"
            return matching, f"{builds} of {words} on {kind.board}", widen
    return [], "published builds" if kind.rehearsal is None else "the rehearsal's plan", 1.0


def expected(kind: Kind, history: Sequence[PastBuild] = ()) -> Eta:
    """How long a build takes that has not begun.

    Args:
        kind: what is built.
        history: earlier builds of any kind, newest first.
    """
    steps = [Step(name, StepStatus.WAITING) for name in usual_steps(kind, history)]
    eta = estimate(steps, kind, history)
    assert eta is not None, "all steps are still to come"
    return eta


def usual_steps(
    kind: Kind, history: Sequence[PastBuild] = (), names: Sequence[str] = ()
) -> dict[str, float]:
    """Return the steps of a build in their order with the seconds that each usually takes.

    Args:
        kind: what is built.
        history: earlier builds of any kind, newest first.
        names: the steps, once the builder has named them; before that those of the newest like
            build that came to its end, or FINN's default steps.
    """
    like, _, widen = alike(kind, history)
    # Users insert steps of their own: those of an earlier build that came to its end count.
    whole = [
        tuple(past.seconds)
        for past in like
        if any("synthesize_bitfile" in name for name in past.seconds)
    ]
    usual = {}
    for name in names or (whole[0] if whole else DEFAULT_STEPS):
        seen = [past.seconds[name] for past in like if name in past.seconds]
        _, usual[name], _ = _spread(seen, widen) if seen else _published(name, kind, 0)
    return usual


def estimate(
    steps: Sequence[Step],
    kind: Kind,
    history: Sequence[PastBuild] = (),
    picture: RunSnapshot | None = None,
) -> Eta | None:
    """What is still to come of a build, None if its steps are not known yet or it has ended.

    Args:
        steps: all of them, as they are now.
        kind: what is built.
        history: earlier builds of any kind.
        picture: how far the tools of the running step are.
    """
    open_ = [step for step in steps if step.status in (StepStatus.WAITING, StepStatus.RUNNING)]
    if not open_:
        return None
    like, source, widen = alike(kind, history)
    layers = picture.count("hls")[1] if picture is not None else 0
    middle = below = above = 0.0
    square_below = square_above = 0.0
    guessed = False
    for step in open_:
        seen = [past.seconds[step.name] for past in like if step.name in past.seconds]
        low, mid, high = _spread(seen, widen) if seen else _published(step.name, kind, layers)
        if step.status is StepStatus.RUNNING:
            done = _done(step, kind, picture)
            low, mid, high = _remaining(low, mid, high, step.seconds or 0.0, done)
        middle += mid
        if seen and widen == 1.0:
            # What varies between builds of one kind varies by itself in each step ...
            square_below += (mid - low) ** 2
            square_above += (high - mid) ** 2
        else:
            # ... but a larger network takes longer in all of them.
            guessed = guessed or (not seen and mid > 1)
            below += mid - low
            above += high - mid
    below += math.sqrt(square_below)
    above += math.sqrt(square_above)
    spent = sum(step.seconds or 0.0 for step in steps if step.status is not StepStatus.WAITING)
    if like and guessed:
        source += ", and published builds for steps that they have not"
    return Eta(
        middle,
        max(0.0, middle - below),
        middle + above,
        spent / (spent + middle) if spent + middle > 0 else 0.0,
        source,
        len(like),
        _FIFO if _simulates(open_, kind, picture) else None,
    )


def _spread(seen: Sequence[float], widen: float) -> tuple[float, float, float]:
    """Least, middle and most that a step is expected to take, from what it took."""
    mid = median(seen)
    least = (_ONE_SPREAD if len(seen) == 1 else _LEAST_SPREAD) * widen
    low = min(min(seen), mid * (1 - least)) - (mid - min(seen)) * (widen - 1)
    high = max(max(seen), mid * (1 + least)) + (max(seen) - mid) * (widen - 1)
    return max(0.0, low), mid, high


def _published(name: str, kind: Kind, layers: int) -> tuple[float, float, float]:
    if kind.rehearsal is not None:
        mid = _rehearsed(name, kind.rehearsal)
        return 0.5 * mid, mid, 2 * mid + (3.0 if mid > 1 else 0.2)
    if layers and ("ipgen" in name or "generate_hardware" in name):
        rounds = math.ceil(layers / _LAYERS_AT_ONCE)
        low, mid, high = (rounds * seconds for seconds in _LAYER)
        return low * 0.5, mid, high
    if "set_fifo_depths" in name and kind.fifo == "minimal":
        return _SMALL
    return next((times for part, times in _PUBLISHED if part in name), _SMALL)


def _rehearsed(name: str, seconds: float) -> float:
    """The stand-ins' own seconds, and those that FINN takes around them."""
    for part, share, factor in (
        ("generate_hardware", HLS_SHARE, 1.0),
        ("ipgen", HLS_SHARE, 1.0),
        ("stitched_ip", STITCH_SHARE, 3.5),
        ("synthesize_bitfile", BITFILE_SHARE + 2 * STITCH_SHARE, 4.0),
    ):
        if part in name:
            return share * seconds + factor
    return 0.1


def _remaining(
    low: float, mid: float, high: float, spent: float, done: float | None
) -> tuple[float, float, float]:
    """What is left of a running step; ``done`` is how far it is, None if nothing tells."""
    if done is not None and done > 0.02:
        # The further it is, the more its own pace counts and the less what was expected.
        pace = spent / done
        low, mid, high = (done * pace + (1 - done) * value for value in (low, mid, high))
    if spent >= mid:
        # Longer than expected already: nobody knows, and more so the longer it lasts.
        over = spent - mid
        return 0.0, max(0.1 * spent, 0.5 * over), max(high - spent, 0.5 * spent)
    return max(0.0, low - spent), mid - spent, max(high - spent, 0.0)


def _done(step: Step, kind: Kind, picture: RunSnapshot | None) -> float | None:
    """How far a running step is, by the jobs of its tools; None if they do not tell."""
    if picture is None or not picture.jobs:
        return None
    if "ipgen" in step.name or "generate_hardware" in step.name:
        done, count = picture.count("hls")
        if not count or (done == count and kind.fifo != "minimal"):
            return None  # what follows is the simulation
        running = sum(job.kind == "hls" and job.state is JobState.RUNNING for job in picture.jobs)
        return (done + 0.5 * running) / count
    if "synthesize_bitfile" in step.name:
        return _bitfile_done(picture)
    return None


def _bitfile_done(picture: RunSnapshot) -> float | None:
    done = 0.0
    if not any(job.kind in ("project", "synthesis") for job in picture.jobs):
        return None
    for kind, weight in _BITFILE:
        jobs = [job for job in picture.jobs if job.kind == kind]
        if kind == "implementation":
            done += weight * (_implemented(jobs[-1]) if jobs else 0.0)
        elif jobs:
            ended = sum(job.state in (JobState.FINISHED, JobState.FAILED) for job in jobs)
            done += weight * ended / len(jobs)
    return done


def _implemented(job: Job) -> float:
    if job.state is JobState.FINISHED:
        return 1.0
    done = 0.0
    for stage in job.stages:
        weight = _STAGES.get(stage.name, 0) / 100
        if stage.state is JobState.FINISHED:
            done += weight
        elif stage.state is JobState.RUNNING:
            done += weight * max((_BEGUN.get(name, 0.0) for name in job.now), default=0.0)
    return done


def _simulates(open_: Sequence[Step], kind: Kind, picture: RunSnapshot | None) -> bool:
    """Whether FIFO depths are being found by simulation now."""
    running = next((step.name for step in open_ if step.status is StepStatus.RUNNING), "")
    if kind.fifo == "minimal":
        return False
    if "set_fifo_depths" in running:
        return True
    if "generate_hardware" not in running or picture is None:
        return False
    done, count = picture.count("hls")
    return count > 0 and done == count
