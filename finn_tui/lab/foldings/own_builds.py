"""What the workspace's own finished builds teach: factors on FINN's estimates, and the shell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from finn_tui.base.errors import FinnTuiError
from finn_tui.core import finn_names
from finn_tui.core.calibrate import Learned, Sample, learn
from finn_tui.core.device import RESOURCES
from finn_tui.core.estimate import platform_shell
from finn_tui.core.estimate.platform_shell import Shell
from finn_tui.runs.analysis.estimate_vs_actual import EstimateVsActual, of_run
from finn_tui.runs.documents import RunStatus
from finn_tui.runs.folder import RunFolder


def real_builds(runs: Iterable[RunFolder]) -> Iterator[tuple[RunFolder, EstimateVsActual]]:
    """Finished builds with real tools that have figures of the implemented design.

    A run that cannot be read teaches nothing and hinders nothing.
    """
    for run in runs:
        try:
            request = run.request
            if request.simulated or request.rehearsal is not None:
                continue
            if run.state().state is not RunStatus.SUCCEEDED:
                continue
            figures = of_run(run, blocks=False)
        except FinnTuiError:
            continue
        if "post_synthesis" in figures.rows:
            yield run, figures


def samples(figures: EstimateVsActual) -> Iterator[Sample]:
    """One for each layer and resource that was estimated and then implemented."""
    for name in figures.names("layer"):
        estimate = figures.of("estimate", name)
        real = figures.of("post_synthesis", name)
        parsed = finn_names.parse(name)
        if estimate is not None and real is not None and parsed is not None:
            for resource in RESOURCES:
                yield Sample(parsed.op, resource, estimate[resource], real[resource], figures.name)


def own(runs: Sequence[RunFolder], part: str) -> tuple[Shell | None, Learned | None]:
    """The shell for a part as the user's own builds have it, and what all of them teach.

    Args:
        runs: newest first.

    Returns:
        None each where no real build says anything.
    """
    builds = list(real_builds(runs))
    shells_found = (_shell(run, figures, part) for run, figures in builds)
    shell = next((each for each in shells_found if each is not None), None)
    return shell, learn(sample for _, figures in builds for sample in samples(figures))


def learned(runs: Sequence[RunFolder]) -> Learned | None:
    """What the real builds among the runs teach; None if there are none."""
    return learn(sample for _, figures in real_builds(runs) for sample in samples(figures))


def _shell(run: RunFolder, figures: EstimateVsActual, part: str) -> Shell | None:
    """DMA and shell of a build, if its part is of the same family."""
    published, theirs = platform_shell.published(part), run.request.part
    same = theirs == part or (
        published is not None and platform_shell.published(theirs) == published
    )
    whole = figures.whole.get("post_synthesis")
    if not same or not whole:
        return None
    engine = run.request.engine
    tool = f"{engine.get('flavour', 'FINN')} {engine.get('version', '')}".strip()
    rows = [{"name": name, **row} for name, row in figures.rows["post_synthesis"].items()]
    return platform_shell.own(theirs, run.id, f"{tool}, {theirs}", whole, rows)
