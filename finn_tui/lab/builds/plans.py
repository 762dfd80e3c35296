"""What a build or a deployment would do, told before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.folding import finn_json
from finn_tui.engine.server.runs import runqueue
from finn_tui.lab.builds.build_request import folding_title
from finn_tui.runs.documents import RunStatus
from finn_tui.runs.folder import RunFolder, RunRequest
from finn_tui.runs.launch.processes import reconcile

if TYPE_CHECKING:
    from finn_tui.lab.foldings.opened import Opened
    from finn_tui.lab.workspace import Workspace
    from finn_tui.runs.eta import Eta


@dataclass(frozen=True)
class BuildPlan:
    """What is asked of a build.

    Attributes:
        model: its title; ``content`` is the hash of its source, empty if it is not known.
        folding: FINN's folding configuration; ``folding_name`` is what the user calls it.
        board, part, clock_ns: FINN's name of the board, the FPGA part, clock period in ns.
        rehearsal: seconds of the stand-ins for AMD's tools; None for a real build.
        version: of FINN, None if it is not known.
        retry_of: id of the run that is built again; empty for another build.
        on: the host that builds; empty for this machine.
    """

    model: str
    name: str
    content: str
    folding: Mapping[str, Any]
    folding_name: str
    board: str
    part: str
    clock_ns: float
    rehearsal: float | None
    version: str | None = None
    retry_of: str = ""
    on: str = ""


@dataclass(frozen=True)
class BuildOutlook:
    """What can be said of a build before it begins.

    Attributes:
        expected: how long it takes.
        position: its place among the builds that wait, from 1; 0 if it begins at once; None if
            only its host knows.
        built: id of a run that has built the same already; empty if there is none.
        building: id of a run that is building the same, or waits for it; empty if there is none.
    """

    expected: Eta
    position: int | None
    built: str = ""
    building: str = ""


@dataclass(frozen=True)
class DeployOutlook:
    """What a deployment sends, and what its bitstream is known to miss.

    Attributes:
        bytes, files: size of the deployment package, and how many files it has.
        sample: whether there are sample images to execute.
        dataset: what accuracy is measured on; None if the run names none.
        wns: worst slack in ns where the clock was missed, else None.
        driver: whose driver the package holds, as ``BoardEntry.driver`` names it; "" if unknown.
        asks: whether the user is asked before the package's own driver runs.
    """

    bytes: int
    files: int
    sample: bool
    dataset: str | None
    wns: float | None
    driver: str = ""
    asks: bool = False


@dataclass(frozen=True)
class BoardOutlook:
    """Where a deployment goes.

    Attributes:
        address: user, host and port as far as they are given, or that of its Jupyter server; empty
            for the simulated board.
        folder: what the files go into there.
        pasted: whether it is reached by a line that is pasted into its terminal.
        replay: whether it is a recorded session: nothing is connected to.
        stand_in: whether it has a stand-in for an FPGA.
    """

    address: str
    folder: str
    pasted: bool = False
    replay: bool = False
    stand_in: bool = False


def plan_build(workspace: Workspace, opened: Opened, rehearse: bool | None = None) -> BuildPlan:
    """Return what `build` would be asked for the folding that is edited.

    Args:
        workspace: where it is built.
        opened: model and folding.
        rehearse: with stand-ins for AMD's tools; None takes the workspace's setting.
    """
    settings, editor = workspace.settings, opened.editor
    rehearse = settings.rehearse if rehearse is None else rehearse
    return BuildPlan(
        model=opened.model.title,
        name=opened.model.name,
        content=opened.model.content,
        folding=finn_json.to_json(editor.design, editor.folding),
        folding_name=folding_title(editor),
        board=editor.device.board,
        part=editor.device.part,
        clock_ns=editor.clock_ns,
        rehearsal=settings.rehearsal_seconds if rehearse else None,
        version=str(source_version(opened)) or None,
    )


def source_version(opened: Opened) -> str:
    """Return the version of FINN that has prepared a model."""
    return str((opened.model.info.get("finn") or {}).get("version") or "")


def plan_retry(request: RunRequest) -> BuildPlan:
    """Return what building a run again would ask for."""
    seconds = (request.rehearsal or {}).get("seconds")
    return BuildPlan(
        model=str(request.source.get("title") or request.model),
        name=request.model,
        content=str(request.source.get("content") or ""),
        folding=request.folding,
        folding_name=request.folding_name,
        board=request.board,
        part=request.part,
        clock_ns=request.clock_ns,
        rehearsal=float(seconds) if seconds is not None else None,
        version=str(request.engine.get("version") or "") or None,
        retry_of=request.id,
        on="" if request.host == "local" else request.host,
    )


def build_outlook(plan: BuildPlan, runs: Sequence[RunFolder], parallel: int) -> BuildOutlook:
    """Look at the other runs: how long it takes, when it begins, whether it is built already.

    Reads files of every run: call it off the event loop.

    Args:
        plan: what is asked.
        runs: all runs of the workspace, newest first.
        parallel: how many builds run at once.
    """
    from finn_tui.runs.eta import Kind, expected, past_builds

    fifo = "minimal" if plan.rehearsal is not None else "simulate"
    kind = Kind(plan.name, plan.board, plan.version, plan.folding_name, fifo, plan.rehearsal)
    built, building = same_builds(plan, runs)
    before = runqueue.in_use(str(runs[0].path.parent)) if runs else 0
    return BuildOutlook(
        expected(kind, past_builds(runs)),
        max(0, before - parallel + 1) if not plan.on else None,
        built.id if built is not None else "",
        building.id if building is not None else "",
    )


def same_builds(
    plan: BuildPlan, runs: Sequence[RunFolder]
) -> tuple[RunFolder | None, RunFolder | None]:
    """Return the newest run that has built what a plan asks for, and one that is building it.

    Reads files of every run: call it off the event loop.

    Args:
        plan: what is asked.
        runs: newest first. The state of one whose process has died is set right.
    """
    states: dict[RunStatus, RunFolder] = {}
    for run in runs:
        try:
            if run.id != plan.retry_of and _same(plan, run.request):
                states.setdefault(reconcile(run).state, run)
        except FinnTuiError:
            # One that cannot be read is told on Runs.
            continue
    building = states.get(RunStatus.RUNNING) or states.get(RunStatus.QUEUED)
    return states.get(RunStatus.SUCCEEDED), building


def _same(plan: BuildPlan, request: RunRequest) -> bool:
    content = str(request.source.get("content") or "")
    version = str(request.engine.get("version") or "")
    return (
        request.model == plan.name
        and (not content or not plan.content or content == plan.content)
        and (not version or not plan.version or version == plan.version)
        and request.folding == plan.folding
        and (request.board, request.part) == (plan.board, plan.part)
        and request.clock_ns == plan.clock_ns
        # What stand-ins have built does not spare a real build.
        and (request.rehearsal is None) == (plan.rehearsal is None)
    )


def board_outlook(name: str) -> BoardOutlook:
    """Look up where a board is.

    Raises:
        FinnTuiError: there is no board of that name, or its entry is damaged.
    """
    from finn_tui.board import catalogue

    board = catalogue.find(name)
    if board.paste:
        return BoardOutlook(board.address, board.folder, pasted=True)
    if board.replay:
        return BoardOutlook(board.address, board.folder, replay=True)
    if board.name == catalogue.SIMULATED:
        return BoardOutlook("", board.folder)
    port = f":{board.port}" if board.port else ""
    return BoardOutlook(f"{board.address}{port}", board.folder, stand_in=board.stand_in)


def deploy_outlook(run: RunFolder) -> DeployOutlook:
    """Look at what a run has for a board.

    Raises:
        FinnTuiError: its documents are missing or broken.
    """
    from finn_tui.board.package import package
    from finn_tui.lab.boards.driver_consent import UnagreedDriver, check_driver

    missed, driver, asks = run.clock_missed_ns(), "", False
    try:
        driver = package(run.path).flavour
        check_driver(run.path)
    except UnagreedDriver:
        asks = True
    except FinnTuiError:
        # Said when it is deployed, with what to do.
        driver = ""
    sizes = [_size(path) for path in run.deploy.rglob("*") if path.is_file()]
    return DeployOutlook(
        sum(sizes),
        len(sizes),
        (run.sample / "images.npy").is_file(),
        _test_set(run),
        None if missed is None else -missed,
        driver,
        asks,
    )


def _test_set(run: RunFolder) -> str | None:
    """What a run is validated on, by its true name; None where nothing says it."""
    from finn_tui.board.package import package, shown_name, validation_files

    name = run.request.dataset
    try:
        what = package(run.path)
        return shown_name(what, validation_files(what)) if name is not None else None
    except FinnTuiError:
        return name  # what is missing is said when it is deployed


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0
