"""Where a run works if not here: ``placement.json`` in its folder, known to the workspace only."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from finn_tui.base import documents, files
from finn_tui.base.errors import FinnTuiError
from finn_tui.runs.documents import RunError

PLACEMENT = "placement.json"
#: What a run on a host is to be and is not yet, in ``Placement.wanted``.
CANCEL = "cancel"
RESUME = "resume"
_FIX = (
    "The run's mirror can still be read; remove the file to treat the run as one of this machine."
)


class Stage(StrEnum):
    """How far a run on a host is, as the workspace knows it."""

    SENDING = "sending"
    STARTED = "started"
    #: It has ended, and all that is fetched of it is here.
    SETTLED = "settled"


class Placement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a run works, and what is known of the way there.

    Attributes:
        host: name of the machine in hosts.toml.
        folder: the run folder there, absolute.
        stage: how far it is.
        shared: the folder there is this one, seen over the network: nothing is sent or fetched.
        wanted: what the user asked for and the host has not done yet: ``cancel``, ``resume`` of a
            scheduler's job, or empty.
        resume_step, resume_name: the step that the resume begins with, and the name that its job
            gets: what a host has done whose answer was lost is known by it.
        parallel: how many builds run at once there.
        job: number of the scheduler's job, or of its array; empty until the scheduler has given it.
        array_index: the run's place in a job array; null outside one.
        job_name: name of that job, which no other has; empty without a scheduler.
        sweep: name that the sweep was first asked for by, which all its builds keep: those of
            several arrays, and those that were resumed; empty for a build of its own.
        after_job: name of the array whose end this one waits for, where a sweep needs several.
        submitted (s since the epoch): when the scheduler was asked; 0 before: until then it is
            known that it has no such job.
        notify: whether the user's command is still to be started here at the run's end, by who sees
            it first.
        container: name of the container that it works in; empty outside one.
        contact (s since the epoch): when the host last answered, by this machine's clock.
        delay (s): time that its last answer took.
        clock_shift (s): the host's clock minus this machine's.
        problem: why the host could not be asked the last time; null if it could.
        unreadable: files of the run there that may not be read, some of them if there are many.
    """

    host: str
    folder: str
    stage: Stage = Stage.SENDING
    shared: bool = False
    wanted: str = ""
    resume_step: str = ""
    resume_name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]*\Z")] = ""
    parallel: int = 1
    job: Annotated[str, Meta(pattern=r"^[0-9]*\Z")] = ""
    array_index: Annotated[int, Meta(ge=0)] | None = None
    job_name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]*\Z")] = ""
    sweep: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]*\Z")] = ""
    after_job: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]*\Z")] = ""
    submitted: float = 0.0
    notify: bool = False
    container: str = ""
    contact: float = 0.0
    delay: float | None = None
    clock_shift: float = 0.0
    problem: RunError | None = None
    unreadable: tuple[str, ...] = ()

    @property
    def error(self) -> FinnTuiError | None:
        """Why the host could not be asked the last time."""
        if self.problem is None:
            return None
        return FinnTuiError.from_dict(msgspec.structs.asdict(self.problem))

    @property
    def unreadable_text(self) -> str:
        """What is said of files there that may not be read; empty if all may."""
        if not self.unreadable:
            return ""
        return f"not fetched, since only others may read it there: {', '.join(self.unreadable)}"

    @property
    def job_key(self) -> str | None:
        """What the scheduler calls the job: ``12``, ``12_3`` in an array; None without a number.

        ``squeue``, ``scancel`` and ``sacct`` take it.
        """
        if not self.job:
            return None
        return self.job if self.array_index is None else f"{self.job}_{self.array_index}"

    @property
    def is_mirrored(self) -> bool:
        """Whether the host is asked for the run, whose folder here is a mirror.

        For a scheduler's job in the workspace's own folder nothing is sent or fetched.
        """
        return not (self.shared and self.job_name)

    @property
    def unsent(self) -> bool:
        """Whether a scheduler was not asked for the run's job yet."""
        return bool(self.job_name) and not self.job and not self.submitted

    @property
    def is_to_be_sent(self) -> bool:
        """Whether whoever follows the run has to send its job, whose sender was cut off."""
        return self.unsent and self.is_mirrored and self.stage is Stage.SENDING

    @property
    def on_its_way(self) -> bool:
        """Whether the host knows nothing yet of what the run is to be there."""
        if self.unsent or self.wanted == RESUME:
            return True
        return not self.job_name and self.stage is Stage.SENDING

    @property
    def settled(self) -> bool:
        """Whether nothing is to be asked of the host any more."""
        return self.stage is Stage.SETTLED and not self.wanted


def is_placed(run: Path) -> bool:
    """Whether a run folder's run works somewhere else."""
    return (run / PLACEMENT).is_file()


def read_placement(run: Path) -> Placement | None:
    """Where a run works; None for one of this machine.

    Args:
        run: the run's folder in the workspace.

    Raises:
        FinnTuiError: placement.json is broken.
    """
    path = run / PLACEMENT
    try:
        document = documents.read(path, _FIX)
    except FileNotFoundError:
        return None
    placement = documents.decode(document, Placement, path, _FIX)
    place = PurePosixPath(placement.folder)
    # A run folder may come from somebody else: no other folder of the user's is touched for it.
    if not place.is_absolute() or ".." in place.parts or place.name != run.name:
        raise FinnTuiError(
            f"{path} cannot be read",
            f"folder is {placement.folder!r}, which is no absolute path of a run {run.name}.",
            _FIX,
        )
    return placement


def is_mirrored(run: Path) -> bool:
    """Whether a run's folder in the workspace is a mirror of one on a host, which is asked.

    Args:
        run: the run's folder in the workspace.

    Raises:
        FinnTuiError: placement.json is broken.
    """
    placement = read_placement(run)
    return placement is not None and placement.is_mirrored


def placing(at: Placement, index: int | None) -> Callable[[str], Placement]:
    """Return what says where the run of an id works, that has a place in a job.

    Args:
        at: of the job; its folder is the one that the run folders lie in.
        index: the run's place in the job array; None outside one.
    """
    sweep = at.job_name if index is not None else ""
    return lambda id: msgspec.structs.replace(
        at, folder=f"{at.folder}/{id}", array_index=index, sweep=sweep
    )


def write_placement(run: Path, placement: Placement) -> None:
    """Write placement.json. Raises ``FinnTuiError`` (kind "disk")."""
    files.replace(run / PLACEMENT, _text(placement))


def change_placement(run: Path, **changes: Any) -> Placement:
    """Change some fields of placement.json, safe against others that change it, too.

    Args:
        run: the run's folder in the workspace.
        changes: fields of ``Placement``.

    Raises:
        FinnTuiError: there is none, it is broken or cannot be written.
    """
    _, changed = update_placement(run, lambda known: msgspec.structs.replace(known, **changes))
    return changed


def update_placement(
    run: Path, change: Callable[[Placement], Placement]
) -> tuple[Placement, Placement]:
    """Change placement.json by what it is, safe against others that change it, too.

    Args:
        run: the run's folder in the workspace.
        change: returns what it is to be.

    Returns:
        What it was, and what it is.

    Raises:
        FinnTuiError: there is none, it is broken or cannot be written.
    """
    pairs: list[tuple[Placement, Placement]] = []

    def update(content: bytes) -> bytes:
        placement = read_placement(run)
        if placement is None:
            raise FinnTuiError(f"{run.name} works on no host", f"It has no {PLACEMENT}.", "")
        pairs.append((placement, change(placement)))
        return _text(pairs[-1][1]).encode()

    files.update(run / PLACEMENT, update)
    return pairs[-1]


def take_notice(run: Path) -> bool:
    """Return whether the user's command is to be started at a run's end; True only once.

    Args:
        run: the run's folder in the workspace.

    Raises:
        FinnTuiError: placement.json is broken or cannot be written.
    """
    before, _ = update_placement(run, lambda known: msgspec.structs.replace(known, notify=False))
    return before.notify


def _text(placement: Placement) -> str:
    return json.dumps({"format": 1, **msgspec.to_builtins(placement)}, indent=1) + "\n"
