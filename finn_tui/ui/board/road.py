"""The steps from a network to its figures on a board: which are done, what comes next, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from finn_tui.board.catalogue import REPLAY
from finn_tui.runs.documents import RunStatus
from finn_tui.ui.board.facts_view import board_lines, machine_text
from finn_tui.ui.board.view import DETAILS, WORK
from finn_tui.ui.state import AppState
from finn_tui.ui.toolkit.styled_line import StyledLine, cells, rate, shorten, whole

#: Columns of a window in which the board stands beside the steps, and of the steps then.
_TWO_COLUMNS, _STEPS_SHARE = 110, 58


class StepStatus(StrEnum):
    """How far a step is: NEXT is the one that the user can take, LATER waits for others."""

    DONE = "done"
    RUNNING = "running"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NEXT = "next"
    LATER = "later"


_SIGNS = {
    StepStatus.DONE: ("✓", "good"),
    StepStatus.RUNNING: ("▸", "accent"),
    StepStatus.FAILED: ("✗", "bad"),
    StepStatus.CANCELLED: ("■", "warn"),
    StepStatus.NEXT: ("→", "accent"),
    StepStatus.LATER: ("·", "faint"),
}


@dataclass(frozen=True)
class RoadStep:
    """A step.

    Attributes:
        name: of the step.
        status: how far it is.
        text: what is known of it.
        ways: (key, action, text) of what can be done for it.
        simulated: whether stand-ins do it.
    """

    name: str
    status: StepStatus
    text: str
    ways: Sequence[tuple[str, str, str]] = ()
    simulated: bool = False


def road(state: AppState) -> list[RoadStep]:
    """Return the steps of a workspace in which no run can be deployed yet."""
    steps = [_network(state), _folding(state), _build(state), _board(state)]
    keys = {"deploy": "D", "execute": "I", "throughput": "T", "validate": "V"}
    later = [
        RoadStep(
            name,
            StepStatus.LATER,
            text,
            (("", "", DETAILS[name]), (keys[name], f"board.{name}", "this step alone")),
        )
        for name, text in WORK.items()
    ]
    every = ("d", "app.go", "all that follows, one after the other")
    later[0] = replace(later[0], ways=(every, *later[0].ways))
    return [*steps, *later]


def _network(state: AppState) -> RoadStep:
    opens = (
        ("o", "app.open-model", "opens a preset, an .onnx file or a network of the workspace"),
    )
    if state.opening:
        return RoadStep("network", StepStatus.RUNNING, f"{state.opening} is being opened")
    if state.tune is None:
        return RoadStep("network", StepStatus.NEXT, "no model is open", opens)
    model, editor = state.tune.opened.model, state.tune.editor
    layers = len(editor.design.layers)
    text = f"{model.name}: {layers} hardware layers for {editor.device.board}"
    return RoadStep("network", StepStatus.DONE, text, opens)


def _folding(state: AppState) -> RoadStep:
    if state.tune is None:
        return RoadStep("folding", StepStatus.LATER, "PE and SIMD of each layer")
    editor = state.tune.editor
    estimate, changes = editor.estimate, editor.changes
    name = editor.baseline_name + (f" with {changes} changes" if changes else "")
    fps = 1e9 / editor.clock_ns / estimate.ii_cycles
    text = f"{name}: II {whole(estimate.ii_cycles)} cycles, {rate(fps)} fps estimated"
    ways = (
        ("2", "app.tune", "changes it"),
        ("s", "app.tune", "on Tune: solves for a rate, or fills the part"),
    )
    if estimate.fits(editor.device) is False:
        return RoadStep("folding", StepStatus.FAILED, f"does not fit the part; {text}", ways)
    return RoadStep("folding", StepStatus.DONE, text, ways)


def _build(state: AppState) -> RoadStep:
    builds = [run for run in state.runs if not run.request.is_training]
    running = next((run for run in builds if not run.state.final), None)
    watch = ("3", "app.runs", "shows its steps, logs and the time left")
    rehearse = state.workspace.settings.rehearse
    if running is not None:
        at = running.state
        step = f", step {at.step_index} of {at.step_count}" if at.step_count else ""
        text = f"{at.state}{step}: {running.id}"
        return RoadStep("build", StepStatus.RUNNING, text, (watch,), running.simulated)
    tools = "stand-ins for AMD's tools" if rehearse else "Vivado and Vitis HLS"
    again = ("b", "app.build", f"builds the folding that is open, with {tools}")
    if builds:
        why = builds[0].state.error
        cause = f": {why.what}" if why is not None else ""
        text = f"{builds[0].state.state}{cause} ({builds[0].id})"
        if builds[0].state.state == RunStatus.CANCELLED:
            ways = (again, ("3", "app.runs", "shows how far it came"))
            return RoadStep("build", StepStatus.CANCELLED, text, ways, builds[0].simulated)
        ways = (("3", "app.runs", "shows the cause and its remedy"), again)
        return RoadStep("build", StepStatus.FAILED, text, ways, builds[0].simulated)
    check = ("f3", "app.doctor", "examines this machine for a build")
    if state.tune is None:
        return RoadStep("build", StepStatus.LATER, "the bitstream and its driver", (check,))
    return RoadStep("build", StepStatus.NEXT, "nothing is built yet", (again, check), rehearse)


def _board(state: AppState) -> RoadStep:
    board = state.board
    name, report = machine_text(board.machine), board.reports.get(board.machine)
    ways: tuple[tuple[str, str, str], ...] = (
        ("t", "board.choose", "chooses another"),
        ("*", "board.doctor", "examines it"),
        ("$", "board.console", "a terminal on it"),
    )
    if board.machine.startswith(REPLAY):
        text = f"{name}: a recorded session in place of a board"
        return RoadStep("board", StepStatus.DONE, text, ways[:1])
    if board.machine == "simulated":
        text = "simulated: on this machine, computes in software"
        return RoadStep("board", StepStatus.DONE, text, ways, True)
    if report is None:
        return RoadStep("board", StepStatus.NEXT, f"{name}: not examined yet", ways)
    bad = [check for check in report.checks if check.status in ("fail", "warn")]
    text = f"{name}: {len(report.checks) - len(bad)} of {len(report.checks)} checks pass"
    status = StepStatus.FAILED if report.status == "fail" else StepStatus.DONE
    return RoadStep("board", status, text, ways, report.simulated)


def road_lines(state: AppState, width: int, height: int) -> list[StyledLine]:
    """Return the steps, and beside them what is known of the board where there is room.

    Args:
        state: of the app.
        width: columns.
        height: lines in view; in many of them every step has its ways and a blank line.
    """
    if width < _TWO_COLUMNS:
        return _step_lines(road(state), width, height)
    left = width * _STEPS_SHARE // 100
    steps = _step_lines(road(state), left - 2, height)
    facts = board_lines(state.board, width - left - 1)
    lines = []
    for number in range(max(len(steps), len(facts))):
        line = StyledLine()
        if number < len(steps):
            line.append(steps[number])
        if number < len(facts):
            line.to(left).append(facts[number])
        lines.append(line)
    return lines


def _step_lines(steps: Sequence[RoadStep], width: int, height: int) -> list[StyledLine]:
    ways = sum(len(step.ways) for step in steps)
    spaced = height >= 2 * len(steps) + ways - 1
    detailed = _with_ways(steps, height - len(steps))
    lines: list[StyledLine] = []
    for step in steps:
        if spaced and lines:
            lines.append(StyledLine())
        lines.append(_headline(step, width, step.name in detailed))
        if step.name in detailed:
            for key, action, text in step.ways:
                line = StyledLine().add("     ").cell(key, 3, "key", hit=action or None)
                lines.append(line.add(shorten(text, width - line.width), "dim", action or None))
    return lines


def _with_ways(steps: Sequence[RoadStep], room: int) -> set[str]:
    """Names of the steps whose ways have room, those that can be taken now first."""
    quiet = (StepStatus.DONE, StepStatus.LATER)
    names = set()
    for step in sorted(steps, key=lambda step: step.status in quiet):
        if len(step.ways) <= room:
            names.add(step.name)
            room -= len(step.ways)
    return names


def _headline(step: RoadStep, width: int, detailed: bool) -> StyledLine:
    sign, role = _SIGNS[step.status]
    line = StyledLine().add(f" {sign} ", role).cell(step.name, 11, "head")
    mark = " SIMULATED" if step.simulated else ""
    text, own = step.text, "faint" if step.status is StepStatus.LATER else ""
    # Where its ways have no lines of their own, the first one's key stands in front.
    keys = [(key, action) for key, action, _ in step.ways if key]
    if not detailed and keys and step.status is not StepStatus.DONE:
        line.add(f"{keys[0][0]} ", "key", keys[0][1])
    line.add(shorten(text, max(0, width - line.width - cells(mark))), own)
    return line.add(mark, "sim")
