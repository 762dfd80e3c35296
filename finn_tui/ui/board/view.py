"""Text of the Board screen: what will happen, the jobs with their results, the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from finn_tui.base.text import significant
from finn_tui.board.catalogue import marks
from finn_tui.lab.boards.board_results import (
    BoardResults,
    DifferingImage,
    measured_elsewhere,
)
from finn_tui.ui.board.facts_view import board_lines, machine_text
from finn_tui.ui.state import BOARD_JOBS, BoardState, JobState, RunView
from finn_tui.ui.toolkit.styled_line import (
    StyledLine,
    bar,
    cells,
    duration,
    rate,
    shorten,
    whole,
    wrap,
)

if TYPE_CHECKING:
    from finn_tui.base.errors import FinnTuiError

_SIGNS = {
    "waiting": ("·", "faint"),
    "running": ("▸", "accent"),
    "done": ("✓", "good"),
    "failed": ("✗", "bad"),
    "stopped": ("■", "warn"),
    "missing": ("!", "warn"),
}

#: What stands at the end of a text and is never cut off.
_MARKS = (" REPLAY SIMULATED", " REPLAY", " SIMULATED")
_EARLIER = "earlier: "

#: What each job does, where nothing is known of it yet.
WORK = {
    "deploy": "sends what changed, hashes checked",
    "execute": "one image, compared with software",
    "throughput": "batch sizes, repeated, with spread",
    "validate": "the test set, image by image",
}

#: More of the same, where there is room for it.
DETAILS = {
    "deploy": "into a folder of its own there, switched to at once; earlier ones stay",
    "execute": "its class and the runners-up; then every sample's outputs, value by value",
    "throughput": "1, 10, 100 ... images, 10 times each; accelerator alone, and end to end",
    "validate": "accuracy with its 95 % interval, worst classes, images that differ",
}

Text = tuple[str, str]
#: Lines of all jobs with all results.
JOB_LINES = 11
#: Lines that must be free for what is known of the board.
_LEAST_FACTS = 4
#: Lines in which why a job failed has room above the jobs.
_ROOM_FOR_CAUSE = 14


def speed_text(speed: float | None) -> str:
    """Return how fast a recorded session is replayed; empty for the speed of the board's entry.

    Args:
        speed: 1 as recorded, 0 without pauses; None where none was chosen.
    """
    if speed is None:
        return ""
    return f"{speed:g}x " if speed else "without pauses "


def job_lines(
    board: BoardState,
    width: int,
    height: int,
    run: RunView | None = None,
    read: BoardResults | None = None,
) -> list[StyledLine]:
    """Return verdict, jobs with progress and results, and what comes next.

    Args:
        board: the state of the screen.
        width: columns.
        height: lines in view; in few of them, jobs with a result take one.
        run: that the screen shows.
        read: what was read for it.
    """
    lines: list[StyledLine] = []
    results = board.results
    jobs = board.jobs_with(run.id if run is not None else "")
    problem = None if board.busy else _problem(board, jobs, run)
    if problem is not None:
        lines.append(StyledLine().add(" " + _cut(problem[0], width - 2), problem[1]))
        error = board.error_with(run.id if run is not None else "")
        if error is not None and height >= _ROOM_FOR_CAUSE:
            lines += _cause(error, problem[0], width - 4)
    verdict = _verdict(results)
    if verdict is not None and problem is not None:
        verdict = _EARLIER + verdict[0], "dim"
    # In a very low window the results come first.
    low = height < 7 and not (results.get("comparison") or {}).get("differs")
    if not board.busy and not low:
        if verdict is not None:
            lines.append(StyledLine().add(" " + _cut(verdict[0], width - 2), verdict[1]))
        elif run is not None:
            lines += _next(run, board, width)
    measures = any(results.get(part) for part in ("execute", "throughput", "accuracy"))
    details = not low and not measures and height >= len(lines) + 2 * len(BOARD_JOBS)
    for name in BOARD_JOBS:
        job = jobs.get(name)
        measured = _measured_lines(board, name, job)
        if height < JOB_LINES and measured and (job is None or job.status != "running"):
            lines.append(_short_job_line(name, job, measured[0], width))
            continue
        text = _earlier_text(board, name) if measured else ""
        lines.append(_job_line(name, job, width, text))
        lines += [
            StyledLine().add("   ").add(_cut(text, width - 4), role) for text, role in measured
        ]
        if details and not measured and (job is None or job.status == "waiting"):
            lines.append(StyledLine().add("   ").add(shorten(DETAILS[name], width - 4), "faint"))
    if not board.busy:
        lines += _details(results, read, width)
        if (low or verdict is not None) and run is not None:
            lines += _next(run, board, width)
    if height - len(lines) >= _LEAST_FACTS:
        # What has room, never what would have to be scrolled to.
        lines += [StyledLine(), *_inset(board_lines(board, width - 2))][: height - len(lines)]
    return lines


def _cause(error: FinnTuiError, headline: str, width: int) -> list[StyledLine]:
    """Why a job failed and what to do; the headline in full where it was cut."""
    full = wrap(error.what, width) if cells(headline) > width + 2 else []
    lines = [*full, *wrap(error.why, width, "dim"), *wrap(error.fix, width, "accent")]
    return [StyledLine().add("   ").append(line) for line in lines]


def _inset(lines: Sequence[StyledLine]) -> list[StyledLine]:
    return [StyledLine().add(" ").append(line) for line in lines]


def _problem(board: BoardState, jobs: Mapping[str, JobState], run: RunView | None) -> Text | None:
    """What became of the last job with the run, if it did not end well."""
    error = board.error_with(run.id if run is not None else "")
    for name, job in jobs.items():
        if job.status == "failed":
            return f"✗ {name} failed{f': {error.what}' if error is not None else ''}", "bad"
        if job.status == "stopped":
            return f"■ {name} was stopped", "warn"
    return (f"✗ {error.what}", "bad") if error is not None else None


def _next(run: RunView, board: BoardState, width: int) -> list[StyledLine]:
    """What d would do."""
    # The run's own test set is called otherwise than the data set that its network is for.
    dataset = (board.results.get("accuracy") or {}).get("dataset") or run.request.dataset
    text = f"deploys {run.id[-4:]} to {machine_text(board.machine)}, executes a sample, measures"
    text += f", validates on {dataset}" if dataset else ", compares with software"
    first, *rest = wrap(text, width - 5, "dim") or [StyledLine()]
    lines = [StyledLine().add(" d ", "key", "app.go").append(first)]
    lines += [StyledLine().add("   ").append(line) for line in rest]
    if run.clock_missed_ns is not None:
        text = f"! clock missed by {run.clock_missed_ns:.3f} ns: results can be wrong"
        lines.append(StyledLine().add(" " + shorten(text, width - 2), "bad"))
    return lines


def _short_job_line(name: str, job: JobState | None, result: Text, width: int) -> StyledLine:
    mark, role = _SIGNS[job.status if job is not None else "done"]
    line = StyledLine().add(f" {mark} ", role).cell(name, 11)
    text, role = result
    return line.add(_cut(text, width - line.width), role)


def _cut(text: str, width: int) -> str:
    """Shorten a text; that it is SIMULATED or a REPLAY is never cut off."""
    mark = next((mark for mark in _MARKS if text.endswith(mark)), "")
    return shorten(text.removesuffix(mark), width - len(mark)) + mark


def _earlier_text(board: BoardState, name: str) -> str:
    """When and where the results of a job were measured."""
    part = "accuracy" if name == "validate" and board.results.get("accuracy") else name
    result = board.results.get("comparison" if part == "validate" else part) or {}
    elsewhere = measured_elsewhere(result, board.machine)
    return f"measured earlier on {elsewhere}" if elsewhere else "measured earlier"


def _job_line(name: str, job: JobState | None, width: int, measured: str) -> StyledLine:
    mark, role = _SIGNS[job.status if job is not None else "done" if measured else "waiting"]
    line = StyledLine().add(f" {mark} ", role)
    line.cell(name, 11, "strong" if job is not None and job.status == "running" else "")
    if job is None and measured:
        return line.add(shorten(measured, width - line.width - 1), "dim")
    if job is None or (job.status == "waiting" and not measured):
        return line.add(shorten(WORK[name], width - line.width - 1), "faint")
    if job.status == "running":
        room = width - line.width - 1
        if job.fraction is not None and room > 30:
            filled = bar(job.fraction, 12).rstrip()
            line.add(filled, "bar").add("░" * (12 - len(filled)), "faint").add(" ")
            room -= 13
        return line.add(shorten(job.message, room), "dim")
    if job.status in ("done", "failed", "stopped"):
        return line.add(f"{job.status} after {duration(job.seconds)}", "dim")
    return line.add("not possible" if job.status == "missing" else "", "warn")


def _measured_lines(board: BoardState, name: str, job: JobState | None) -> list[Text]:
    """Return the results of a job from results.json, as texts with roles."""
    lines = _results_of(board, name, job)
    if job is None or job.status in ("running", "done"):
        return lines
    # What is known is of another time than what has just happened.
    return [(_EARLIER + text, "dim") for text, _ in lines[:1]]


def _results_of(board: BoardState, name: str, job: JobState | None) -> list[Text]:
    results = board.results
    if name == "execute" and (result := results.get("execute")):
        return _executed(result)
    if name == "throughput" and (result := results.get("throughput")):
        return _throughput(result)
    if name == "validate":
        if board.accuracy is not None and job is not None and job.status == "running":
            return [_so_far(board, job)]
        return _accuracy(results.get("accuracy") or {}, results.get("comparison") or {})
    return []


def _so_far(board: BoardState, job: JobState) -> Text:
    """The running accuracy with its interval, and the time left."""
    assert board.accuracy is not None
    percent, done, total = board.accuracy
    text = f"{percent:.2f} % so far"
    if job.seconds_left is not None:
        text += f", {duration(job.seconds_left)} left"
    text += f", {done:,} of {total:,}"
    if board.interval is not None:
        text += f" ({board.interval[0]:.2f} to {board.interval[1]:.2f} %)"
    return text + (f" {board.marks}" if board.marks else ""), "sim" if board.marks else "strong"


def _mark(result: Mapping[str, Any]) -> str:
    words = marks(result)
    return f" {words}" if words else ""


def _role(result: Mapping[str, Any]) -> str:
    return "sim" if marks(result) else "strong"


def _executed(result: Mapping[str, Any]) -> list[Text]:
    from finn_tui.board.results import executed_text

    text = executed_text(result)
    expected = result.get("expected")
    if expected is not None:
        text += " ✓" if expected == result["class"] else " ✗"
    lines = [(text + _mark(result), "bad" if result.get("differs") else _role(result))]
    top = result.get("top") or []
    if top:
        named = (
            f"{row.get('name') or row['class']} {significant(row['score'])}" for row in top[:4]
        )
        whose = result.get("scores_of") or "software"
        # What the software computes is no measurement.
        mark = _mark(result) if whose == "board" else ""
        lines.append((f"scores of the {whose}: {', '.join(named)}{mark}", "dim"))
    return lines


def _throughput(result: Mapping[str, Any]) -> list[Text]:
    mark = _mark(result)
    lines = [(f"{rate(result['images_per_s'])} images/s{mark}", _role(result))]
    estimate = result.get("estimate_images_per_s")
    if estimate:
        share = result["images_per_s"] / estimate
        lines.append((f"{share:.1%} of the estimate, {rate(estimate)}{mark}", "dim"))
    batch = f"batch {whole(result['batch'])} at {result['clock_mhz']:g} MHz"
    lines.append((batch + mark, "dim"))
    lines += _clock(result)
    return lines


def _accuracy(result: Mapping[str, Any], compared: Mapping[str, Any]) -> list[Text]:
    if not result:
        return [(f"not validated{_mark(compared)}", "dim")] if compared else []
    of = f"{result['images']:,} images"
    dataset, mark = result.get("dataset"), _mark(result)
    text = f"{result['percent']:.2f} % of {of}{mark}"
    lines = [(text, _role(result))]
    low, high = result.get("low_percent"), result.get("high_percent")
    if low is not None and high is not None:
        confidence = f"{dataset}, {low:.2f} to {high:.2f} % by 95 % confidence"
        lines.append((confidence + mark, "dim"))
    elif dataset:
        lines.append((f"data set {dataset}", "dim"))
    if result.get("label_note"):
        lines.append((f"! {result['label_note']}{mark}", "bad"))
    return lines + _clock(result)


def _clock(result: Mapping[str, Any]) -> list[Text]:
    """What is wrong with the clock."""
    note = result.get("clock_note")
    return [(f"! {note}{_mark(result)}", "bad")] if note else []


def _verdict(results: Mapping[str, Any]) -> Text | None:
    """Whether the board computes what the software does; None before that is known."""
    compared = results.get("comparison") or {}
    executed = results.get("execute") or {}
    if compared:
        return _comparison(compared)
    accuracy = results.get("accuracy") or {}
    same = accuracy.get("software_same")
    if same is not None:
        equal = same == accuracy["images"]
        sign = "✓" if equal else "✗"
        text = f"{sign} {same:,} of {accuracy['images']:,} same as software{_mark(accuracy)}"
        return text, "good" if equal else "bad"
    if executed.get("differs"):
        return (f"✗ the sample DIFFERS from software{_mark(executed)}", "bad")
    return None


def _comparison(result: Mapping[str, Any]) -> Text:
    from finn_tui.board.comparison import counts

    # The numbers first: in a narrow window the end is cut off.
    if result.get("differs"):
        text = counts(result).replace(" differ,", " DIFFER,")
        return f"✗ {text}, board against software{_mark(result)}", "bad"
    text = f"✓ as software: {counts(result)} ({result['samples']:,} samples){_mark(result)}"
    return text, "good"


def _details(results: Mapping[str, Any], read: BoardResults | None, width: int) -> list[StyledLine]:
    """Worst classes, images that differ, and where the time goes."""
    lines: list[StyledLine] = []
    throughput, compared = results.get("throughput") or {}, results.get("comparison") or {}
    accuracy = results.get("accuracy") or compared
    if read is not None and read.worst:
        shares = ", ".join(f"{row.name} {row.percent:.1f} %" for row in read.worst)
        lines += _indented("worst classes", shares + _mark(accuracy), width)
    if read is not None and read.differing:
        images = "; ".join(map(differing_text, read.differing))
        lines += _indented("differ", images + _mark(accuracy), width, "bad")
    for reason in throughput.get("reasons") or ():
        lines += _indented("time", f"{reason}{_mark(throughput)}", width)
    return lines


def differing_text(image: DifferingImage) -> str:
    """Return what the board and the software gave for an image."""
    text = f"image {image.index}"
    if image.board is not None and image.software is not None:
        text += f": board {image.board}, software {image.software}"
    return text if image.label is None else f"{text}, label {image.label}"


def _indented(name: str, text: str, width: int, role: str = "dim") -> list[StyledLine]:
    start = f" {name} "
    first, *rest = wrap(text, max(10, width - len(start) - 1), role) or [StyledLine()]
    lines = [StyledLine().add(start, "head").append(first)]
    return lines + [StyledLine().add("   ").append(line) for line in rest]
