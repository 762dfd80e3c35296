"""A runner that a scheduler starts, perhaps more than once. Standard library only.

The scheduler decides when a build runs and why it is ended; a build that is started again, after
a node failed or another job took its place, goes on where its steps got to.
"""

import contextlib
import os
from typing import Any, Dict, List, Optional, Set, Tuple

from finn_tui.engine.server.runs import runfiles

#: Set by the job's script: a shell of a user in a job of Slurm has Slurm's variables, too.
ENVIRONMENT = "FINN_TUI_SCHEDULER"
#: Set in a container of a build: who started it knows why it is ended.
SUPERVISED = "FINN_TUI_SUPERVISED"
#: Beside state.json: somebody has cancelled the run, so that its end needs no other reason.
CANCEL = ".cancel"


def is_scheduled() -> bool:
    """Return whether a scheduler has started this process as the run's job."""
    return bool(os.environ.get(ENVIRONMENT))


def hands_back() -> bool:
    """Return whether only others know why this process is asked to end: no user's cancel."""
    return is_scheduled() or bool(os.environ.get(SUPERVISED))


def name() -> Optional[str]:
    """Return which scheduler has started this process, None if none has."""
    return os.environ.get(ENVIRONMENT) or None


def is_cancelled(folder: str) -> bool:
    """Return whether a user has cancelled the run, by ``finn-tui cancel`` for instance."""
    return os.path.exists(os.path.join(folder, CANCEL))


def mark_cancelled(folder: str) -> None:
    """Say that a user cancels the run. Raises ``OSError``."""
    with open(os.path.join(folder, CANCEL), "w"):
        pass


def unmark_cancelled(folder: str) -> None:
    """Take back that a user has cancelled the run: it goes on. Raises ``OSError``."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, CANCEL))


def restarts() -> int:
    """Return how often the scheduler has started this job before."""
    try:
        return max(0, int(os.environ.get("SLURM_RESTART_COUNT", "0")))
    except ValueError:
        return 0


def job() -> Optional[str]:
    """Return what the scheduler calls this job: ``12``, ``12_3``; None without a scheduler."""
    if not is_scheduled():
        return None
    array, index = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return "%s_%s" % (array, index) if array and index else os.environ.get("SLURM_JOB_ID")


def go_on(folder: str, run: Dict[str, Any], before: Dict[str, Any]) -> Dict[str, Any]:
    """Return the state from which a run that was started again goes on, and say so in its events.

    Args: ``folder`` of the run, ``run`` its run.json, ``before`` its state.json; one that has
    succeeded, or that a user has cancelled, comes back unchanged.
    """
    if not is_scheduled() or restarts() == 0:
        return before
    if before.get("state") == "succeeded" or is_cancelled(folder):
        return before
    attempt = int(before.get("attempt") or 1) + 1
    if run.get("kind") == "train":
        kept = os.path.isfile(os.path.join(folder, "build", runfiles.CHECKPOINT))
        start = "checkpoint" if kept else None
    else:
        steps = resume_steps(folder)
        start = steps[-1] if steps else None
    text = "Slurm has started the job again: attempt %d %s" % (
        attempt,
        "goes on at %s" % start if start else "begins anew",
    )
    runfiles.append_event(folder, "log", level="warning", text=text)
    return dict(before, **{"state": "queued", "attempt": attempt, "from": start})


def resume_steps(folder: str, mirror: bool = False) -> List[str]:
    """Return the steps that a build can go on with, in their order; the last is where it ended.

    A step counts if it has started, which says that the graph before it was written to its end,
    and that graph is still there. Of a run whose folder is the mirror of another machine's, which
    has no graphs, those that have started; that machine looks for their graphs.
    """
    names, started = _steps_of(folder)
    if mirror:
        return [name for name in names if name in started]
    # The graphs name generated code in there by its path.
    if started and not os.path.isdir(os.path.join(folder, "finn_build_dir")):
        return []
    graphs = os.path.join(folder, "build", "intermediate_models")
    return [
        name
        for index, name in enumerate(names)
        if name in started
        and (index == 0 or os.path.isfile(os.path.join(graphs, names[index - 1] + ".onnx")))
    ]


def _steps_of(folder: str) -> Tuple[List[str], Set[str]]:
    """The steps of the last attempt by their names, and those of all attempts that started."""
    names: List[str] = []
    started: Set[str] = set()
    for event in runfiles.read_events(folder):
        if event.get("event") == "steps" and isinstance(event.get("names"), list):
            names = [str(name) for name in event["names"]]
        elif event.get("event") == "step" and event.get("status") == "started":
            started.add(str(event.get("name")))
    return names, started
