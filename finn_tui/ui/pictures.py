"""Takes pictures of screens for a report: the app without a terminal, screen by screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.pilot import Pilot

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.lab.course import pictures
from finn_tui.lab.course.definition import Course, Part
from finn_tui.lab.results.results_export import SIMULATED
from finn_tui.lab.results.results_table import Experiment
from finn_tui.lab.workbench import Workbench
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.results.state import ResultsState
from finn_tui.ui.toolkit.listing import Listing

if TYPE_CHECKING:
    from finn_tui.lab.workspace import Workspace

#: A theme for paper.
_THEME = "finn-light"
#: Windows that show all columns and leave little room empty.
_SIZES = {"flow": (160, 50), "tune": (160, 40), "board": (110, 30), "results": (160, 48)}
#: Seconds that a screen may take to have what it shows.
_LIMIT = 60.0


class PictureApp(FinnTuiApp):
    """The app in light colours, which leaves the workspace's settings as they are."""

    def __init__(self, lab: Workbench, model: str) -> None:
        super().__init__(lab, model)
        if _THEME in self.available_themes:
            # Not by assignment: a choice of theme is the user's and kept.
            self.set_reactive(FinnTuiApp.theme, _THEME)

    def change_settings(self, **changes: Any) -> None:
        """Change nothing."""


async def take(
    workspace: Workspace,
    course: Course,
    parts: Sequence[str] = (),
    on_progress: OnProgress = ignore,
) -> tuple[list[Path], list[FinnTuiError]]:
    """Take the pictures that the parts of a course name.

    Args:
        workspace: what is shown.
        course: names parts and screens.
        parts: ids of parts; all if empty.
        on_progress: gets each picture.

    Returns:
        The files, and why others could not be made. A network that is not prepared has none.
    """
    paths: list[Path] = []
    problems: list[FinnTuiError] = []
    prepared = set(workspace.models())
    for part in course.part:
        if part.model not in prepared or not part.screens or (parts and part.id not in parts):
            continue
        try:
            paths += await _Camera(workspace, part, part.model, on_progress).take()
        except FinnTuiError as error:
            problems.append(error)
    return paths, problems


class _Camera:
    """Takes the pictures of a part."""

    def __init__(
        self, workspace: Workspace, part: Part, model: str, on_progress: OnProgress
    ) -> None:
        self._workspace = workspace
        self._part = part
        self._model = model
        self._on_progress = on_progress
        self._paths: list[Path] = []

    async def take(self) -> list[Path]:
        """Return the files.

        Raises:
            FinnTuiError: the model does not open, or the disk does not take a picture.
        """
        self._on_progress(Progress("pictures", f"{self._part.label}: opening {self._model}"))
        async with Workbench(self._workspace) as lab:
            app = PictureApp(lab, self._model)
            async with app.run_test(size=_SIZES["tune"]) as pilot:
                state = app.state
                await self._until(pilot, lambda: state.tune is not None and state.runs_read)
                shots = {
                    "flow": self._flow,
                    "tune": self._tune,
                    "board": self._board,
                    "results": self._results,
                }
                for name in self._part.screens:
                    await pilot.resize_terminal(*_SIZES[name])
                    await shots[name](app, pilot)
        return self._paths

    async def _until(self, pilot: Pilot[Any], condition: Callable[[], object]) -> None:
        try:
            async with asyncio.timeout(_LIMIT):
                while not condition():
                    await pilot.pause(0.05)
        except TimeoutError:
            raise FinnTuiError(
                f"{self._part.label}: no picture could be taken of {self._model}",
                f"The screen had nothing to show within {_LIMIT:.0f} s.",
                f"Open it once with `finn-tui prepare {self._model}`, then take pictures again.",
            ) from None
        await pilot.pause(0.2)

    async def _save(self, app: FinnTuiApp, pilot: Pilot[Any], name: str) -> None:
        await pilot.pause(0.2)
        title = pictures.title(self._part.id, name)
        self._on_progress(Progress("pictures", title))
        svg = app.export_screenshot(title=title)
        self._paths.append(pictures.save_screen(self._workspace, self._part.id, title, svg))

    def _rows(self, app: FinnTuiApp) -> list[Experiment]:
        """The runs of the model that were measured; of each folding the newest."""
        rows: dict[str, Experiment] = {}
        for row in app.state.results:
            if row.model == self._model and row.fps is not None:
                rows.setdefault(row.folding, row)
        return list(reversed(rows.values()))

    async def _flow(self, app: FinnTuiApp, pilot: Pilot[Any]) -> None:
        app.switch_mode("flow")
        await self._until(pilot, lambda: app.current_mode == "flow")
        tune = app.state.tune
        assert tune is not None
        for index, stage in enumerate(tune.opened.model.stages):
            app.screen.query_one("#stages", Listing).go_to(index)
            await self._until(pilot, partial(_has_graph, app, stage.path))
            if app.state.flow.error is not None:
                raise app.state.flow.error
            await self._save(app, pilot, f"flow-{index + 1:02}-{stage.name}")

    async def _tune(self, app: FinnTuiApp, pilot: Pilot[Any]) -> None:
        app.switch_mode("tune")
        await self._until(pilot, lambda: app.current_mode == "tune")
        tune = app.state.tune
        assert tune is not None
        await self._save(app, pilot, f"tune-{tune.editor.baseline_name}")

    async def _board(self, app: FinnTuiApp, pilot: Pilot[Any]) -> None:
        for row in self._rows(app):
            app.state.board.run = row.run
            app.switch_mode("board")
            await self._until(pilot, lambda: app.current_mode == "board")
            app.screen.redraw()  # type: ignore[attr-defined]
            await self._until(pilot, partial(_has_results, app, row.run))
            app.screen.redraw()  # type: ignore[attr-defined]
            await self._save(app, pilot, f"board-{row.folding}-{row.run[-4:]}{_mark([row])}")

    async def _results(self, app: FinnTuiApp, pilot: Pilot[Any]) -> None:
        rows = self._rows(app)
        if not rows:
            return
        own = app.state.feature(ResultsState)
        own.sort = "fps"
        app.switch_mode("results")
        await self._until(pilot, lambda: app.current_mode == "results")
        mark = _mark(rows)
        own.plot = 0
        app.screen.redraw()  # type: ignore[attr-defined]
        await self._save(app, pilot, f"results-throughput-against-lut{mark}")
        own.plot = None
        if len(rows) > 1:
            own.marked = [row.run for row in rows][:5]
            app.action_do("results.compare")
            await self._save(app, pilot, f"results-compared-by-layer{mark}")


def _has_results(app: FinnTuiApp, run: str) -> bool:
    board = app.state.board
    return board.results_of[0] == run and "throughput" in board.results


def _has_graph(app: FinnTuiApp, path: Path) -> bool:
    flow = app.state.flow
    return path in flow.graphs or flow.error is not None


def _mark(rows: Sequence[Experiment]) -> str:
    return f"-{SIMULATED}" if any(row.any_simulated for row in rows) else ""
