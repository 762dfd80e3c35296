"""The run folder: everything that is known about one build, as plain files.

``run.json`` what was asked (never changed), ``state.json`` where it is (replaced in one go by the
runner), ``events.jsonl`` what happened when, ``results.json`` what came out, ``notes.json`` what
the user says of it, ``build/`` FINN's output, ``finn_build_dir/`` its working files,
``runner.log`` everything that was printed. Methods read small files and return at once; on a slow
network disk call them with ``asyncio.to_thread``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean
from finn_tui.engine.server import runfiles, runprocesses

FINAL = frozenset(runfiles.FINAL)
#: Parts of results.json, each a JSON object.
_PARTS = ("estimate", "post_synthesis", "timing", "execute", "throughput", "accuracy")


@dataclass(frozen=True)
class RunRequest:
    """What a build was asked to do: ``run.json``.

    Attributes:
        id, model: name of the run folder; the model's name.
        created: when, ISO 8601 in UTC.
        folding: FINN's folding configuration; ``folding_name`` is what the user calls it.
        board, part, clock_ns: FINN's name of the board, the FPGA part, clock period.
        engine: ``name, python, command, flavour, version`` of the FINN that builds.
        host: where it runs, as the user named the machine.
        rehearsal: ``{"seconds": ...}`` if AMD's tools are stand-ins, else None.
        simulated: whether its figures are those of stand-ins.
        dataset: what the accelerator is validated on, as the driver calls it.
        estimate: as ``finn-tui estimate --json`` gives it, None if it was not asked.
        source: where the model comes from and what its weights are.
        fifo: how FIFO depths are found, ``simulate`` or ``minimal``.
    """

    id: str
    model: str
    created: str
    folding: Mapping[str, Any]
    folding_name: str
    board: str
    part: str
    clock_ns: float
    engine: Mapping[str, Any] = field(default_factory=dict)
    host: str = "local"
    rehearsal: Mapping[str, Any] | None = None
    simulated: bool = False
    dataset: str | None = None
    estimate: Mapping[str, Any] | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    fifo: str = "simulate"

    @property
    def content(self) -> str:
        """The hash of what its model was prepared from; empty where an older version asked."""
        value = self.source.get("content") if isinstance(self.source, Mapping) else None
        return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class RunState:
    """Where a build is: ``state.json``.

    Attributes:
        state: queued, running, succeeded, failed, cancelled or lost.
        step: FINN's name of the step it is in, ``step_index`` of ``step_count``.
        pid, pid_started, pid_ticks, host: the runner's process, when it began by the clock
            (seconds since the epoch) and by the kernel's ticks since boot, on which machine.
        machine, boot, pid_namespace: which machine, which start of it and which container that
            was; None in documents of version 0.1. ``host`` is for people.
        heartbeat: when it last said that it lives (seconds since the epoch).
        position: its place among the builds that wait for their turn, from 1; None if it does not.
        attempt: 1, and one more for each time that it was resumed.
        started, ended: ISO 8601 in UTC.
        error: why it is failed or lost.
    """

    state: str
    step: str | None = None
    step_index: int = 0
    step_count: int = 0
    pid: int | None = None
    pid_started: float | None = None
    pid_ticks: int | None = None
    host: str = ""
    machine: str | None = None
    boot: str | None = None
    pid_namespace: int | None = None
    heartbeat: float = 0.0
    position: int | None = None
    attempt: int = 1
    started: str | None = None
    ended: str | None = None
    error: FinnTuiError | None = None

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in FINAL

    @property
    def seconds(self) -> float:
        """How long it has been at it, or how long it took; 0 before it starts."""
        if self.started is None:
            return 0.0
        end = datetime.fromisoformat(self.ended) if self.ended else datetime.now(UTC)
        return max(0.0, (end - datetime.fromisoformat(self.started)).total_seconds())


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
        request: RunRequest = self._typed(runfiles.RUN, self._read(runfiles.RUN), RunRequest)
        seconds = request.rehearsal.get("seconds") if request.rehearsal is not None else 0.0
        if not request.clock_ns > 0:
            raise self._broken(runfiles.RUN, f"clock_ns is {request.clock_ns}; it is above 0.")
        if runprocesses.finite(seconds) is None:
            raise self._broken(runfiles.RUN, f"rehearsal.seconds is {seconds!r:.40}, no number.")
        return request

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
        error: dict[str, str] | None
        error = self._typed(runfiles.STATE, document.get("error"), dict[str, str] | None)
        state: RunState = self._typed(
            runfiles.STATE, {**document, **_checked_identity(document), "error": None}, RunState
        )
        if state.state not in (*runfiles.FINAL, "queued", "running"):
            raise self._broken(runfiles.STATE, f"There is no state {clean(state.state)!r:.40}.")
        try:
            for text in (state.started, state.ended):
                if text is not None:
                    datetime.fromisoformat(text)
            _ = state.seconds
        except (ValueError, TypeError) as problem:
            raise self._broken(runfiles.STATE, f"started or ended: {problem}") from problem
        if not error:
            return state
        # It may quote a tool's log.
        told = {key: clean(text) for key, text in error.items()}
        return replace(state, error=FinnTuiError.from_dict(told))

    def results(self) -> dict[str, Any]:
        """Everything measured so far, part by part; empty before there is anything."""
        try:
            results = self._read(runfiles.RESULTS)
        except FinnTuiError:
            if (self.path / runfiles.RESULTS).exists():
                raise
            return {}
        for name in _PARTS:
            if not isinstance(results.get(name), dict | None):
                raise self._broken(runfiles.RESULTS, f"{name} is no JSON object.")
        return results

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

    def update_results(self, **parts: Any) -> None:
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
            document = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise FinnTuiError(
                f"{self.path} is no run",
                f"It has no {name}.",
                "`finn-tui runs` lists the runs of a workspace.",
            ) from error
        except (OSError, ValueError, RecursionError) as error:
            raise self._broken(name, str(error)) from error
        if not isinstance(document, dict):
            raise self._broken(name, "It holds no JSON object.")
        return document

    def _typed(self, name: str, value: Any, kind: Any) -> Any:
        """Check a value of a document against its type; members that it does not have are left out.

        Raises:
            FinnTuiError: the document has another form.
        """
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise self._broken(name, clean(str(error))) from error

    def _broken(self, name: str, why: str) -> FinnTuiError:
        return FinnTuiError(
            f"{self.path / name} cannot be read",
            why,
            "The run's logs and build folder can still be looked at; it has to be built anew.",
        )


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


def parse_event(line: str) -> dict[str, Any] | None:
    """One line of events.jsonl; None for one that is not whole, as after a full disk."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and "event" in event and "t" in event else None


def run_around(path: Path) -> RunFolder | None:
    """The run that a path is, or lies in; None if there is none."""
    place = path.resolve()
    around = (folder for folder in (place, *place.parents) if (folder / runfiles.RUN).is_file())
    found = next(around, None)
    return RunFolder(found) if found is not None else None


def list_runs(runs_dir: Path) -> list[RunFolder]:
    """The runs of a workspace, newest first."""
    if not runs_dir.is_dir():
        return []
    found = [
        p.parent for p in runs_dir.glob(f"*/{runfiles.RUN}") if not p.parent.name.startswith(".")
    ]
    # The name begins with the time of creation, in a form that sorts.
    return [RunFolder(path) for path in sorted(found, key=lambda p: p.name, reverse=True)]


def find_run(runs_dir: Path, name: str) -> RunFolder:
    """The run that a user names: its id, the end or beginning of one, ``last``, or its folder.

    Raises:
        FinnTuiError: none or several are called that.
    """
    runs = list_runs(runs_dir)
    if name == "last" and runs:
        return runs[0]
    path = Path(name).expanduser()
    if (path / runfiles.RUN).is_file():
        return RunFolder(path.resolve())
    found = [run for run in runs if run.id == name]
    found = found or [run for run in runs if run.id.startswith(name) or run.id.endswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise FinnTuiError(
            f"several runs are called {name}",
            ", ".join(run.id for run in found[:5]),
            "Give more of the name.",
        )
    raise FinnTuiError(
        f"there is no run called {name}",
        f"Known: {', '.join(run.id for run in runs[:5]) or 'none yet'}.",
        "`finn-tui runs` lists them.",
    )
