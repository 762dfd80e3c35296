"""The Pareto front of a model: its points, the plot, the table.

Nothing here needs a screen; ``screen.py`` draws it.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import replace

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.core.estimate.estimate import Estimate
from finn_tui.lab.results.plots import plot
from finn_tui.lab.solver import options, requests
from finn_tui.lab.solver.options import SolveOptions
from finn_tui.lab.solver.requests import ParetoPoint
from finn_tui.ui.solve.state import solve_state
from finn_tui.ui.state import AppState
from finn_tui.ui.toolkit.listing import Column, Content, Row
from finn_tui.ui.toolkit.styled_line import StyledLine, plural, rate, short, shorten, whole
from finn_tui.ui.tune.infrastructure_rows import TITLES
from finn_tui.ui.tune.notice import Notice
from finn_tui.ui.tune.state import TuneState

#: How many targets are tried.
POINTS = 16
#: Marks in plot and table; letters and signs, so that no colour is needed.
OURS, THEIRS, NOW, HERE = "o", "x", "◆", "●"
_MARKS = re.compile(rf"({HERE}+|{NOW}+|(?<![A-Za-z])[{OURS}{THEIRS}]+(?![A-Za-z]))")
_ROLES = {HERE: "accent", NOW: "good", OURS: "bar-ii", THEIRS: "dim"}


class ParetoFront:
    """One Pareto front, complete or being computed.

    Attributes:
        solve_options: what it was computed for.
        points, setfolding: ours and FINN's, fastest first.
        busy: whether more may come; ``message`` is what is being done.
        error: why it ended early; ``refused`` why SetFolding has no (more) points.
    """

    def __init__(self, tune: TuneState, solve_options: SolveOptions) -> None:
        """Create an empty front.

        Args:
            tune: the open model.
            solve_options: limits and locks of the computation.
        """
        self.tune = tune
        self.solve_options = solve_options
        self.of = self._key(tune, solve_options)
        self.points: list[ParetoPoint] = []
        self.setfolding: list[ParetoPoint] = []
        self.busy = True
        self.message = ""
        self.error: FinnTuiError | None = None
        self.refused: FinnTuiError | None = None

    @staticmethod
    def _key(tune: TuneState, solve_options: SolveOptions) -> object:
        editor = tune.editor
        stays = editor.folding if solve_options.locked or solve_options.fixed else None
        return solve_options, editor.clock_ns, editor.folding.settings, stays

    def is_of(self, solve_options: SolveOptions) -> bool:
        """Return whether the front has these options and the present clock, locks, FIFO depths."""
        return self.of == self._key(self.tune, solve_options)

    def add(self, point: ParetoPoint) -> None:
        """Add a point."""
        points = self.setfolding if point.solution is None else self.points
        points.append(point)
        points.sort(key=lambda each: each.target)

    def report(self, progress: Progress) -> None:
        """Store the progress of the solver or FINN."""
        self.message = progress.message

    def end(self, error: FinnTuiError | None = None, refused: FinnTuiError | None = None) -> None:
        """Record that no more points come.

        Args:
            error: why the computation ended early.
            refused: why SetFolding has no (more) points.
        """
        self.busy, self.error, self.refused = False, error, refused

    @property
    def present(self) -> ParetoPoint:
        """Return the present folding as a point."""
        editor = self.tune.editor
        return requests.point(editor, self.solve_options, editor.estimate.ii_cycles, editor.folding)

    def beside(self, target: int) -> ParetoPoint | None:
        """Return SetFolding's point at the same target."""
        return next((point for point in self.setfolding if point.target == target), None)

    def load(self, key: Hashable, *, setfolding: bool = False) -> bool:
        """Load the folding of a row, as one step to undo.

        Args:
            key: of the row.
            setfolding: load SetFolding's folding at that target.

        Returns:
            Whether there was one.
        """
        tune = self.tune
        chosen = next((point for point in self.points if point.target == key), None)
        if setfolding and chosen is not None:
            chosen = self.beside(chosen.target)
        if chosen is None:
            return False
        tune.editor.replace(chosen.folding)
        estimate = tune.editor.estimate
        origin = "SetFolding" if setfolding else "Pareto point"
        text = f"{origin}: II {whole(estimate.ii_cycles)}, {rate(estimate.fps)} fps; u undoes it"
        tune.notice = Notice(text, "good")
        tune.go_to(estimate.bottleneck)
        return True


def front_options(state: AppState, tune: TuneState) -> SolveOptions:
    """Return the limits and locks of the solve dialog, FINN's fill limits before its first use.

    Args:
        state: of the app.
        tune: the open model.

    Raises:
        FinnTuiError: a limit that was typed there is no number.
    """
    return replace(solve_state(state, tune).solve_options(), minimax=True)


def title(front: ParetoFront, width: int) -> list[StyledLine]:
    """Return two lines: what is shown, and the progress or an error.

    Args:
        front: the front.
        width: columns.
    """
    editor = front.tune.editor
    line = StyledLine().add(" Pareto ", "title").add(front.tune.opened.model.title, "title")
    line.add(f"  {editor.device.board}", "dim")
    limits = ", ".join(
        f"{TITLES[n]} {s:.0%}"
        for n, s in front.solve_options.limits.items()
        if editor.device.budget.get(n)
    )
    line.add(f"  up to {limits}" if limits else "  up to 100% of the part", "dim")
    state = StyledLine()
    if front.busy:
        state.add(f"{len(front.points)} of {POINTS} targets ...", "accent")
    else:
        state.add(plural(len(front.points), "point"), "dim")
    line.right(state.add(" "), width)
    second = StyledLine()
    problem = front.error or front.refused
    if problem is not None:
        prefix = "no SetFolding: " if front.error is None else "! "
        role = "warn" if front.error is None else "bad"
        second.add(" " + shorten(f"{prefix}{problem.what}. {problem.why}", width - 2), role)
    elif front.busy:
        second.add(" " + shorten(front.message, width - 2), "dim")
    return [line, second]


def drawing(front: ParetoFront, key: Hashable, width: int, height: int) -> list[StyledLine]:
    """Return the plot with the point of a row marked.

    Args:
        front: the front.
        key: of the row.
        width: columns.
        height: lines.
    """
    chosen = [point for point in front.points if point.target == key]
    series = [
        ("SetFolding", THEIRS, front.setfolding),
        ("solve", OURS, front.points),
        ("now", NOW, [front.present]),
        ("chosen", HERE, chosen),
    ]
    if not front.points:
        return [StyledLine(), StyledLine().add(" computing the first point ...", "dim")]
    return [_styled(text) for text in plot(series, width, height).splitlines()]


def _styled(text: str) -> StyledLine:
    line = StyledLine()
    for piece in _MARKS.split(text):
        line.add(piece, _ROLES.get(piece[:1], "dim") if _MARKS.fullmatch(piece) else "quiet")
    return line


def table(front: ParetoFront, width: int) -> Content:
    """Return the points with SetFolding's beside them, and the present folding.

    Args:
        front: the front.
        width: columns.
    """
    wide = width >= 110
    columns = [
        Column("", 1),
        Column("fps", 9, True),
        Column("II", 11, True, rank=5),
        Column("highest use", 12),
        Column("LUT", 7, True, rank=3),
        Column("B18", 4, True, rank=4),
        *([Column("URAM", 4, True), Column("DSP", 5, True)] if wide else []),
        Column("SetFolding", 10, True, rank=1),
        *([Column("II", 11, True)] if wide else []),
        Column("highest use", 12) if wide else Column("use", 5, True, rank=2),
        Column("LUT", 7, True, rank=6),
        Column("B18", 4, True, rank=7),
    ]
    rows = [(point.target, _row(front, point, OURS, wide)) for point in front.points]
    present = front.present
    rows.append((present.target, _row(front, present, NOW, wide, "now")))
    rows.sort(key=lambda item: item[0])
    return Content(columns, [row for _, row in rows], "no points yet")


def _row(front: ParetoFront, point: ParetoPoint, mark: str, wide: bool, key: str = "") -> Row:
    role = "good" if key else ""
    counted = options.amounts(point.result, front.solve_options.include_infrastructure)
    cells = [
        (mark, _ROLES[mark]),
        (_fps(point.result), role),
        (short(point.result.ii_cycles, 11), role),
        (_share(point), role),
        (short(counted["LUT"], 7), role),
        (whole(counted["BRAM_18K"]), role),
    ]
    if wide:
        cells += [(whole(counted["URAM"]), role), (whole(counted["DSP"]), role)]
    other = None if key else front.beside(point.target)
    if other is None:
        cells += [("", "")] * (5 if wide else 4)
        return Row(key or point.target, cells)
    other_counted = options.amounts(other.result, front.solve_options.include_infrastructure)
    cells.append((_fps(other.result), "dim"))
    if wide:
        cells.append((short(other.result.ii_cycles, 11), "dim"))
        cells.append((_share(other), "dim"))
    else:
        cells.append((_percent(other), "dim"))
    cells += [(short(other_counted["LUT"], 7), "dim"), (whole(other_counted["BRAM_18K"]), "dim")]
    return Row(point.target, cells)


def _fps(result: Estimate) -> str:
    return short(result.fps, 9) if result.fps >= 10 else rate(result.fps)


def _percent(point: ParetoPoint) -> str:
    if point.share is None:
        return "-"
    return f"{point.share[1]:.0%}" if point.share[1] < float("inf") else "none"


def _share(point: ParetoPoint) -> str:
    return f"{TITLES[point.share[0]]} {_percent(point)}" if point.share is not None else "-"
