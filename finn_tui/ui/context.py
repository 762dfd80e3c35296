"""What screens, dialogs and controllers may use of the app.

``AppContext`` is implemented by ``FinnTuiApp``; nothing below it imports the app. A feature whose
controller speaks of the feature's own classes declares that controller beside its screen.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.message import Message
    from textual.screen import Screen
    from textual.signal import Signal
    from textual.worker import Worker

    from finn_tui.base.errors import FinnTuiError
    from finn_tui.base.progress import OnProgress
    from finn_tui.lab.models.models import Stage
    from finn_tui.lab.workbench import Workbench
    from finn_tui.runs.folder import RunFolder
    from finn_tui.runs.logs.search_worker import SearchHits
    from finn_tui.ui.messages import WorkKind, WorkResult
    from finn_tui.ui.state import AppState, ModelSession, RunView, Topic

R = TypeVar("R")


class ModelActions(Protocol):
    """The part of ``ModelController`` that screens use."""

    def choose_target(self, tune: ModelSession) -> None:
        """Choose another board for a model."""

    def read_graph(self, stage: Stage) -> None:
        """Read the nodes of a stage of the flow."""

    def price_fifos(self, tune: ModelSession) -> None:
        """Ask FINN for the cost of FIFO depths that are not known yet."""


class BuildActions(Protocol):
    """The part of ``BuildController`` that screens use."""

    def watch_runs(self) -> None:
        """Watch the workspace's runs."""

    def follow_run(self, run: RunFolder) -> None:
        """Follow a run until it ends or another is followed."""

    def retry_run(self, run: RunView) -> None:
        """Build a run again after a confirmation."""

    def cancel_build(self, run: RunFolder) -> None:
        """End a build with all its processes."""

    def look_after(self, run: RunFolder, job: str, argument: Any = None) -> None:
        """Do a job on a run that has ended."""


class BoardActions(Protocol):
    """The part of ``BoardController`` that screens use."""

    def ask_to_go(self, runs: Sequence[str]) -> None:
        """Ask, then put runs into the queue of the board."""

    def start_job(self, job: str) -> None:
        """Start a job with the run that the Board screen shows."""

    def stop(self) -> None:
        """Stop the board's job."""

    def read_results(self, run: RunView) -> None:
        """Read the results of a run on a board."""


class LogActions(Protocol):
    """The part of ``LogController`` that screens use."""

    def open_log(
        self,
        path: Path | None,
        title: str,
        run: RunView | None = None,
        *,
        searching: bool = False,
        tree: bool = False,
        line: int | None = None,
    ) -> None:
        """Show a log large."""

    def search(self, kind: WorkKind, path: Path, hits: SearchHits, start: int = 0) -> None:
        """Search a log in the background; ends another search of that kind.

        Args:
            kind: of work.
            path: the log.
            hits: collects the lines.
            start: offset in bytes where it starts.
        """

    def list_logs(self, run: RunFolder) -> None:
        """List the logs of a run repeatedly."""


class AppContext(Protocol):
    """The app as screens and controllers see it."""

    state: AppState
    lab: Workbench
    #: Published with each part of the state that has changed.
    state_changed: Signal[Topic]

    @property
    def models(self) -> ModelActions:
        """Return the models' controller."""

    @property
    def builds(self) -> BuildActions:
        """Return the builds' controller."""

    @property
    def boards(self) -> BoardActions:
        """Return the boards' controller."""

    @property
    def logs(self) -> LogActions:
        """Return the logs' controller."""

    @property
    def screen(self) -> Screen[Any]:
        """Return the screen on top."""

    @property
    def screen_stack(self) -> list[Screen[Any]]:
        """Return the mode's screen and the dialogs over it."""

    def action_do(self, id: str) -> None:
        """Do an action of the table, or say why it is disabled."""

    def start(
        self, kind: WorkKind, work: Coroutine[Any, Any, WorkResult | None]
    ) -> Worker[WorkResult | None]:
        """Start work in the background, see ``Workers.start``.

        Args:
            kind: of work.
            work: the coroutine.
        """

    def stop(self, *kinds: WorkKind) -> None:
        """Cancel the work of some kinds."""

    def progress_of(self, kind: WorkKind) -> OnProgress:
        """Return a callback that posts the progress of some work."""

    def post_message(self, message: Message) -> bool:
        """Post a message to the app."""

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: Literal["information", "warning", "error"] = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Show a toast."""

    def show_dialog(
        self, dialog: Screen[R], then: Callable[[R | None], None] | None = None
    ) -> None:
        """Show a dialog.

        Args:
            dialog: the screen to push.
            then: called with its answer.
        """

    def show_error(
        self,
        error: FinnTuiError,
        answers: tuple[tuple[str, str], ...] = (),
        then: Callable[[str | None], None] | None = None,
        again: Callable[[], None] | None = None,
    ) -> None:
        """Show an error and what to do about it.

        Args:
            error: what happened.
            answers: (key, label) of what the user can do.
            then: called with the chosen key, or None.
            again: does what failed, where it needed a login that the user gives now.
        """

    def confirm(
        self,
        title: str,
        facts: Sequence[tuple[str, str]],
        yes: str,
        pending: str,
        outlook: Coroutine[Any, Any, WorkResult],
        then: Callable[[], None],
    ) -> None:
        """Ask before something expensive begins."""

    def picture(self, title: str) -> str:
        """Return the screen as SVG, with a title."""

    def close_working(self, kind: WorkKind) -> None:
        """Close the progress of ended work."""

    def change_settings(self, **changes: Any) -> None:
        """Change settings of the workspace and write them."""

    def show_mode(self, mode: str) -> None:
        """Show one of the six screens."""

    def after_refresh(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Call a function once the screen is drawn."""

    def write_to_terminal(self, text: str) -> None:
        """Write escape sequences to the terminal."""


def context_of(node: DOMNode) -> AppContext:
    """Return the app that a widget or screen belongs to."""
    return cast("AppContext", node.app)
