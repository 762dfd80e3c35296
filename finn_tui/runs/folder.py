"""The run folder: everything that is known about one build, as plain files.

``run.json`` what was asked (never changed), ``state.json`` where it is (replaced in one go by the
runner), ``events.jsonl`` what happened when, ``results.json`` what came out, ``notes.json`` what
the user says of it, ``build/`` FINN's output, ``finn_build_dir/`` its working files,
``runner.log`` everything that was printed. Methods read small files and return at once; on a slow
network disk call them with ``asyncio.to_thread``.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from finn_tui.base import documents
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean
from finn_tui.engine.server.runs import runfiles, runprocesses
from finn_tui.runs.documents import (
    FINAL,
    RunEvent,
    RunKind,
    RunRequest,
    RunResults,
    RunState,
    RunStatus,
)
from finn_tui.runs.placement import is_placed, read_placement

__all__ = ["FINAL", "RunFolder", "RunRequest", "RunState", "RunStatus", "find_run", "list_runs"]

_FIX = "The run's logs and build folder can still be looked at; build it again."


#: What run.json of a training does not say.
_NO_BUILD = {"folding": {}, "folding_name": "", "board": "", "part": "", "clock_ns": 10.0}


def missed_text(nanoseconds: float) -> str:
    """What is said of a clock that is missed by so much."""
    return f"clock missed by {nanoseconds:.3f} ns"


class RunFolder:
    """One run by its folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunFolder) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @property
    def id(self) -> str:
        """The run's name: ``<utc time>-<model>-<4 hex>``."""
        return self.path.name

    @property
    def build(self) -> Path:
        """FINN's output: reports, bitfile, driver, ``deploy``."""
        return self.path / "build"

    @property
    def deploy(self) -> Path:
        """The deployment package; there only once the build has succeeded."""
        return self.build / "deploy"

    @property
    def working(self) -> Path:
        """FINN's working files: generated code and the tools' projects."""
        return self.path / "finn_build_dir"

    @property
    def sample(self) -> Path:
        """``images.npy``, ``labels.npy`` and ``software.npy`` of the model."""
        return self.path / "sample"

    @property
    def dataset(self) -> Path:
        """Dataset files for the board."""
        return self.path / "dataset"

    @property
    def log(self) -> Path:
        """Everything that the build printed."""
        return self.path / runfiles.LOG

    @cached_property
    def request(self) -> RunRequest:
        """What was asked.

        Raises:
            FinnTuiError: run.json is missing or broken.
        """
        document = self._read(runfiles.RUN)
        if document.get("kind") == RunKind.TRAIN:
            document = {**_NO_BUILD, "training": None, **document}
        return documents.decode(document, RunRequest, self.path / runfiles.RUN, _FIX)

    @property
    def kind(self) -> RunKind:
        """Whether it builds or trains; a build where that cannot be read."""
        try:
            return self.request.kind
        except FinnTuiError:
            return RunKind.BUILD

    @property
    def rehearsed(self) -> bool:
        """Whether stand-ins built it; False where that cannot be read."""
        try:
            return self.request.simulated
        except FinnTuiError:
            return False

    def state(self) -> RunState:
        """What state.json says; see ``reconcile`` for whether that is still so.

        Raises:
            FinnTuiError: it is missing or broken.
        """
        document = self._read(runfiles.STATE)
        shift = self.clock_shift()
        return self.state_of(_by_our_clock(document, shift) if shift else document)

    def state_of(self, document: dict[str, Any]) -> RunState:
        """A document as state.json holds it. Raises ``FinnTuiError`` for one that is broken."""
        document |= {**_checked_identity(document), "error": document.get("error") or None}
        return documents.decode(document, RunState, self.path / runfiles.STATE, _FIX)

    def clock_shift(self) -> float:
        """How much the clock that its documents go by is before this machine's, in seconds.

        0 for a run of this machine, and where that is not known.
        """
        if not is_placed(self.path):
            return 0.0
        try:
            placement = read_placement(self.path)
        except FinnTuiError:
            return 0.0
        return placement.clock_shift if placement is not None else 0.0

    def results(self) -> dict[str, Any]:
        """Everything measured so far, part by part; empty before there is anything.

        The parts that ``RunResults`` names have the types that it gives them.

        Raises:
            FinnTuiError: results.json is broken.
        """
        path = self.path / runfiles.RESULTS
        try:
            document = documents.read(path, _FIX)
        except FileNotFoundError:
            return {}
        documents.check(document, RunResults, path, _FIX)
        return document

    def clock_missed_ns(self) -> float | None:
        """By how much the built design misses its clock, in ns.

        None where it meets it, is not built or does not say.
        """
        try:
            timing = self.results().get("timing") or {}
        except FinnTuiError:
            return None
        wns = timing.get("wns")
        if isinstance(wns, bool) or not isinstance(wns, int | float):
            return None
        return -float(wns) if wns < 0 and timing.get("met") is False else None

    def verdict(self, state: RunState) -> str:
        """The state of the run as every list and last word has it.

        FINN goes on when a clock is missed: its state is then succeeded, and this says the rest.
        """
        missed = self.clock_missed_ns() if state.state == "succeeded" else None
        return state.state if missed is None else f"{state.state}, {missed_text(missed)}"

    def update_results(self, /, **parts: Any) -> None:
        """Set parts of results.json (``throughput={...}``), leaving the others as they are.

        Raises:
            FinnTuiError: it cannot be written (kind "disk").
        """
        try:
            runfiles.update_results(str(self.path), parts)
        except OSError as error:
            raise FinnTuiError(
                f"the results of {self.id} could not be written",
                str(error),
                "Make room on the disk and measure again; what was known before is still there.",
                kind="disk",
            ) from error

    def events(self) -> Iterator[dict[str, Any]]:
        """What happened, oldest first: ``{"t": epoch, "event": name, ...}``."""
        try:
            with (self.path / runfiles.EVENTS).open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    event = parse_event(line)
                    if event is not None:
                        yield event
        except FileNotFoundError:
            return

    def _read(self, name: str) -> dict[str, Any]:
        try:
            return documents.read(self.path / name, _FIX)
        except FileNotFoundError as error:
            raise FinnTuiError(
                f"{self.path} is no run",
                f"It has no {name}.",
                "`finn-tui runs` lists the runs of a workspace.",
            ) from error


def _by_our_clock(document: Mapping[str, Any], shift: float) -> dict[str, Any]:
    """A state of a host whose clock is ``shift`` seconds before this machine's."""
    changed = dict(document)
    heartbeat = runprocesses.finite(document.get("heartbeat"))
    if heartbeat is not None:
        changed["heartbeat"] = heartbeat - shift
    for name in ("started", "ended"):
        with contextlib.suppress(KeyError, TypeError, ValueError, OverflowError):
            at = datetime.fromisoformat(document[name]) - timedelta(seconds=shift)
            changed[name] = at.isoformat(timespec="seconds")
    return changed


def _checked_identity(document: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that processes are looked up by; what cannot be true counts as not known."""

    def whole(name: str) -> int | None:
        value = document.get(name)
        return value if type(value) is int else None

    def text(name: str) -> str | None:
        value = document.get(name)
        return clean(value) if isinstance(value, str) and value else None

    return {
        "pid": runprocesses.valid_pid(document.get("pid")),
        "pid_started": runprocesses.finite(document.get("pid_started")),
        "pid_ticks": whole("pid_ticks"),
        "host": text("host") or "",
        "machine": text("machine"),
        "boot": text("boot"),
        "pid_namespace": whole("pid_namespace"),
        "heartbeat": runprocesses.valid_heartbeat(document.get("heartbeat")),
    }


#: What a line of events.jsonl must hold beside time and event.
_EVENT_KEYS = {
    "steps": ("names",),
    "step": ("name", "status"),
    "state": ("state",),
    "training": ("epochs", "first", "images"),
    "batch": ("epoch", "images", "loss", "accuracy", "lr"),
    "epoch": ("epoch", "accuracy"),
}


def parse_event(line: str) -> dict[str, Any] | None:
    """One line of events.jsonl; None for one that is not whole, as after a full disk."""
    try:
        event: dict[str, Any] = json.loads(line)
        msgspec.convert(event, RunEvent)
    except (ValueError, RecursionError):
        return None
    needed = _EVENT_KEYS.get(event["event"], ())
    return event if all(event.get(key) is not None for key in needed) else None


@dataclass(frozen=True)
class DamagedRun:
    """A run that cannot be read, listed beside the others: its folder, and why."""

    path: Path
    error: FinnTuiError

    @property
    def id(self) -> str:
        """Its folder's name."""
        return self.path.name

    @property
    def reason(self) -> str:
        """Why, in one line."""
        return f"{self.error.what}: {self.error.why}".replace(f"{self.path}/", "")


def run_around(path: Path) -> RunFolder | None:
    """The run that a path is, or lies in; None if there is none."""
    place = path.resolve()
    around = (folder for folder in (place, *place.parents) if (folder / runfiles.RUN).is_file())
    folder_around = next(around, None)
    return RunFolder(folder_around) if folder_around is not None else None


def list_runs(runs_dir: Path, kind: RunKind | None = None) -> list[RunFolder]:
    """The runs of a workspace, newest first.

    Args:
        runs_dir: of the workspace.
        kind: only those of this kind; those that cannot be read count as builds.
    """
    if kind is not None:
        return [run for run in list_runs(runs_dir) if run.kind is kind]
    if not runs_dir.is_dir():
        return []
    # One that lost its request is a run, too: its reading says so.
    documents = (runs_dir.glob(f"*/{name}") for name in (runfiles.RUN, runfiles.STATE))
    folders = {
        path.parent for paths in documents for path in paths if not path.parent.name.startswith(".")
    }
    # The name begins with the time of creation, in a form that sorts.
    return [RunFolder(path) for path in sorted(folders, key=lambda p: p.name, reverse=True)]


_KIND_NAMES = {RunKind.BUILD: "build", RunKind.TRAIN: "training"}


class NoSuchRunError(FinnTuiError):
    """No run is called as the user says."""


def find_run(runs_dir: Path, name: str, kind: RunKind | None = None) -> RunFolder:
    """The run that a user names: its id, the end or beginning of one, ``last``, or its folder.

    Args:
        runs_dir: of the workspace.
        name: what the user typed.
        kind: what the run must be; None for any.

    Raises:
        NoSuchRunError: none is called that.
        FinnTuiError: several are, or it is of another kind.
    """
    if kind is not None and name == "last":
        runs = list_runs(runs_dir, kind)
        return runs[0] if runs else find_run(runs_dir, f"last ({kind})")
    if kind is not None:
        run = find_run(runs_dir, name)
        if run.kind is not kind:
            raise FinnTuiError(
                f"{run.id} is a {_KIND_NAMES[run.kind]}, not a {_KIND_NAMES[kind]}",
                f"It is a run of {run.request.model}, {run.request.subject}.",
                "`finn-tui runs` lists the runs of a workspace.",
            )
        return run
    runs = list_runs(runs_dir)
    if name == "last" and runs:
        return runs[0]
    path = Path(name).expanduser()
    if (path / runfiles.RUN).is_file():
        return RunFolder(path.resolve())
    matching = [run for run in runs if run.id == name]
    matching = matching or [run for run in runs if run.id.startswith(name) or run.id.endswith(name)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise FinnTuiError(
            f"several runs are called {name}",
            ", ".join(run.id for run in matching[:5]),
            "Give more of the name.",
        )
    raise NoSuchRunError(
        f"there is no run called {name}",
        f"Known: {', '.join(run.id for run in runs[:5]) or 'none yet'}.",
        "`finn-tui runs` lists them.",
    )
