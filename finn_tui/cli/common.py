"""What all sub-commands share: options, progress on stderr, errors, exit codes, JSON on stdout."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

import click

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.text import number as number
from finn_tui.base.text import one_line
from finn_tui.cli.terminal import agrees as agrees
from finn_tui.cli.terminal import confirm as confirm
from finn_tui.cli.terminal import echo as echo

if TYPE_CHECKING:
    from types import TracebackType

    from finn_tui.base.progress import Progress
    from finn_tui.hosts.ssh.questions import Ask
    from finn_tui.lab.models.handling import Handling
    from finn_tui.lab.workbench import Workbench
    from finn_tui.lab.workspace import Workspace

P = ParamSpec("P")
T = TypeVar("T")

#: The work failed; the command was used wrongly; the user pressed ctrl+c.
FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130

#: Grows when a key of some ``--json`` document is removed or means something else.
JSON_FORMAT = 1

WORKSPACE_OPTION = click.option(
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="FINN_TUI_WORKSPACE",
    default=Path(),
    help="The folder to work in (default: this one, or FINN_TUI_WORKSPACE).",
)
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
BOARD_OPTION = click.option("--board", help="FINN's name of the board, e.g. Pynq-Z2.")
HANDLING_OPTIONS = (
    click.option(
        "--name",
        "model_name",
        metavar="NAME",
        help="Name in the workspace for an .onnx file (default: made from the file's).",
    ),
    click.option(
        "--preprocess",
        metavar="none|divide-255|FILE",
        help="Operation in front of the network (default: by its input).",
    ),
    click.option(
        "--topk",
        metavar="N|none",
        help="Classes that the accelerator returns (default: 1 or none).",
    ),
    click.option(
        "--input-type", metavar="TYPE", help="FINN data type of the input, such as INT8 or UINT8."
    ),
    click.option(
        "--steps",
        metavar="FLOW|FILE",
        help="residual, depthwise, deconvolution, extended, default, or a Python file of steps.",
    ),
    click.option("--trust-steps", is_flag=True, help="Consent to run the code in a Python file."),
)
CLOCK_OPTION = click.option("--clock-ns", type=float, help="Clock period in ns (10 is 100 MHz).")


def open_workspace(path: Path, *, tolerant: bool = False) -> Workspace:
    """Open the workspace of a command.

    Args:
        path: the folder.
        tolerant: take defaults where its settings are broken, instead of an error.

    Returns:
        The workspace.
    """
    from finn_tui.lab.workspace import Workspace

    return Workspace.open(path, tolerant=tolerant)


def ask_about_notify(workspace: Path) -> None:
    """Ask once whether a workspace's ``notify`` may run; it may come from somebody else."""
    opened = open_workspace(workspace)
    command = opened.settings.notify
    if not command or opened.agreed_notify():
        return
    echo(f"{opened.root / 'finn-tui.toml'} starts this when a build has ended:", err=True)
    echo(f"  {command}", err=True)
    if sys.stdin.isatty() and click.confirm("Run it from now on?", err=True):
        opened.agree_to_notify(command)
    else:
        echo("It is not started; `finn-tui build` in a terminal asks again.", err=True)


def damaged(items: Mapping[str, FinnTuiError]) -> list[dict[str, str]]:
    """Return what cannot be read for a ``--json`` document.

    Args:
        items: what is wrong, by name.
    """
    return [
        {"name": name, "what": error.what, "why": error.why, "fix": error.fix}
        for name, error in items.items()
    ]


def guard(function: Callable[P, T]) -> Callable[P, T]:
    """Turn errors into words on stderr and an exit code; with ``--json`` into a document too.

    This is the boundary of every sub-command: what comes through it as something else than a
    ``FinnTuiError`` is a defect of ours and is shown with its traceback.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except FinnTuiError as error:
            if kwargs.get("as_json"):
                print_json({"error": error.as_dict()})
            show_error(error)
            raise SystemExit(WRONG_USE if error.kind is ErrorKind.INPUT else FAILED) from None
        except KeyboardInterrupt:
            echo("stopped", err=True)
            raise SystemExit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of our output has gone (`| head`); nothing is wrong.
            sys.stderr.close()
            raise SystemExit(0) from None

    return guarded


def open_lab(
    path: Path, *, engine: str | None = None, handling: HandlingChoice | None = None
) -> Workbench:
    """Open the workspace of a command with its engine, which starts when it is first needed.

    Args:
        path: the workspace.
        engine: name of the engine; None takes the workspace's.
        handling: how networks are handled, as the command's options say.

    Returns:
        The workspace at work; an asynchronous context manager where it starts the engine.
    """
    from finn_tui.lab.workbench import Workbench

    lab = Workbench(open_workspace(path), engine_name=engine)
    if handling is not None:
        lab.handling = handling.handling
        lab.ask_steps = handling.ask
        lab.model_name = handling.name
    return lab


def consent_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that runs a network's Python file ``consent``, for ``open_lab``.

    Args:
        function: the command; ``consent`` has no wishes of how a network is handled.
    """

    @functools.wraps(function)
    def with_consent(*args: Any, trust_steps: bool, **kwargs: Any) -> Any:
        from finn_tui.lab.models.handling import Handling

        return function(*args, consent=HandlingChoice(Handling(), trust_steps), **kwargs)

    option = click.option(
        "--trust-steps", is_flag=True, help="Consent to run the code in a Python file of MODEL."
    )
    return option(with_consent)


@dataclass(frozen=True)
class HandlingChoice:
    """The options of ``HANDLING_OPTIONS``.

    Attributes:
        handling: what they say.
        trust: whether the file of steps is agreed to without a question.
        name: what a network from a file is called in the workspace; None: as the file.
    """

    handling: Handling
    trust: bool
    name: str | None = None

    def ask(self, path: Path, content: str) -> bool:
        """Ask for consent to run a user's file of steps; no, where nobody can answer.

        Args:
            path: of the file.
            content: its text.
        """
        if self.trust:
            return True
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        lines = len(content.splitlines())
        echo(f"{path} ({lines} lines) is code that runs in FINN's process.", err=True)
        return click.confirm("Run it, now and as long as it does not change?", err=True)


def _packed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its options of ``HANDLING_OPTIONS`` as one argument, ``handling``."""

    @functools.wraps(function)
    def packed(
        *args: Any,
        model_name: str | None,
        preprocess: str | None,
        topk: str | None,
        input_type: str | None,
        steps: str | None,
        trust_steps: bool,
        **kwargs: Any,
    ) -> Any:
        from finn_tui.lab.models.handling import Handling

        handling = Handling(preprocess, topk, input_type, steps)
        choice = HandlingChoice(handling, trust_steps, model_name)
        return function(*args, handling=choice, **kwargs)

    return packed


def shared_options(
    *,
    workspace: bool = True,
    json: bool = True,
    board: bool = False,
    clock: bool = False,
    handling: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options that it shares with others, and ``guard`` it.

    Args:
        workspace: pass ``workspace``, the folder to work in.
        json: pass ``as_json``.
        board: pass ``board``, FINN's name of the board type.
        clock: pass ``clock_ns``, the clock period in ns.
        handling: pass ``handling``, how the network's input and output are handled.

    Returns:
        The decorator; it stands next to the function, below the command's own options.
    """
    chosen = [
        option
        for wanted, option in (
            (board, BOARD_OPTION),
            (clock, CLOCK_OPTION),
            (workspace, WORKSPACE_OPTION),
            (json, JSON_OPTION),
        )
        if wanted
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        decorated: Callable[..., Any] = guard(_packed(function) if handling else function)
        for option in reversed((*(HANDLING_OPTIONS if handling else ()), *chosen)):
            decorated = option(decorated)
        return decorated

    return decorate


def show_error(error: FinnTuiError) -> None:
    """Print what happened, why, and what to do, on stderr."""
    # A name from outside may have several lines; what happened is one.
    echo(f"error: {one_line(error.what)}", err=True, fg="red", bold=True)
    if error.detail and error.kind is not ErrorKind.INPUT:
        for line in error.detail.strip().splitlines()[-8:]:
            echo(f"  | {line}", err=True, dim=True)
    for text in (error.why, error.fix):
        if text:
            echo(f"  {text}", err=True)


def print_json(content: Mapping[str, Any]) -> None:
    """Print the one JSON document of a command, with the version of its form first.

    A number that is not finite is null in it.
    """
    document = {"format_version": JSON_FORMAT, **content}
    try:
        text = json.dumps(document, indent=2, allow_nan=False)
    except ValueError:
        # JSON files of others may hold NaN and 1e999; JSON itself has neither.
        text = json.dumps(_finite(document), indent=2, allow_nan=False)
    echo(text)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's asynchronous part; ctrl+c cancels it and lets it clean up."""
    import asyncio

    return asyncio.run(work)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> str:
    """Format a table as plain text.

    Args:
        headings: of the columns.
        rows: their cells.
        right: an ``r`` for each column that is aligned to the right, any other letter for the rest.
    """
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [
        max([len(heading), *(len(row[column]) for row in rows)])
        for column, heading in enumerate(headings)
    ]
    lines = []
    for row in [headings, *rows]:
        cells = [
            cell.rjust(width) if right[column : column + 1] == "r" else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


class Reporter:
    """Progress on stderr: one live bar on a terminal, a line for each step elsewhere.

    While it is in use, logins to hosts ask on the terminal.
    """

    def __init__(self) -> None:
        self._asked_before: Ask | None = None
        self._live: Any = None
        self._task: Any = None
        self._stage = ""
        self._last = ""
        self._at = 0.0

    def __enter__(self) -> Self:
        from finn_tui.cli.questions import asker
        from finn_tui.hosts.shared import ask_with

        self._asked_before = ask_with(asker(self))
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bars

            self._live = Bars(
                TextColumn("{task.fields[stage]:>10}"),
                BarColumn(20),
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        from finn_tui.hosts.shared import ask_with

        ask_with(self._asked_before)
        self.close()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bar away while the block asks something on the terminal."""
        if self._live is not None:
            self._live.stop()
        try:
            yield
        finally:
            if self._live is not None:
                self._live.start()

    def close(self) -> None:
        """Take the bar away: the terminal is somebody else's from now on."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __call__(self, progress: Progress) -> None:
        message = one_line(progress.message)
        if self._live is None:
            # Where nobody watches live, fast counters would only fill the log.
            time_now = time.monotonic()
            new_stage = progress.stage != self._stage
            if message != self._last and (new_stage or time_now - self._at > 0.5):
                echo(f"{progress.stage:>10}  {message}", err=True)
                self._at = time_now
            self._stage, self._last = progress.stage, message
            return
        if self._task is None or progress.stage != self._stage:
            if self._task is not None:
                self._live.remove_task(self._task)
            self._task = self._live.add_task(message, total=1.0, stage=progress.stage)
            self._stage = progress.stage
        self._live.update(
            self._task,
            description=message,
            completed=progress.fraction or 0.0,
            total=None if progress.fraction is None else 1.0,
        )

    def say(self, text: str) -> None:
        """Print a line that stays."""
        if self._live is not None:
            self._live.console.print(one_line(text), markup=False, highlight=False)
        else:
            echo(one_line(text), err=True)


def simulated(mark: Mapping[str, Any] | None) -> str:
    """Return the word that stands wherever a number comes from a stand-in."""
    return " SIMULATED" if mark and mark.get("simulated") else ""
