"""What all sub-commands share: options, progress on stderr, errors, exit codes, JSON on stdout."""

from __future__ import annotations

import functools
import json
import math
import sys
import textwrap
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.text import number as number
from finn_tui.base.text import one_line
from finn_tui.cli.reporter import Reporter as Reporter
from finn_tui.cli.terminal import agrees as agrees
from finn_tui.cli.terminal import confirm as confirm
from finn_tui.cli.terminal import echo as echo

if TYPE_CHECKING:
    from finn_tui.lab.models.handling import Handling
    from finn_tui.lab.workbench import Workbench
    from finn_tui.lab.workspace import Workspace

P = ParamSpec("P")
T = TypeVar("T")

#: The work failed; the command was used wrongly; the user pressed ctrl+c.
FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130

#: Where a command's context keeps the workspaces that it opened, by their folder.
_OPENED = "finn_tui.workspaces"

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
        The workspace. If its settings are broken, ``guard`` says so at the command's end, whether
        the command needed them or not.
    """
    from finn_tui.lab.workspace import Workspace

    workspace = Workspace.open(path, tolerant=tolerant)
    if not tolerant and (context := click.get_current_context(silent=True)) is not None:
        context.find_root().meta.setdefault(_OPENED, {})[workspace.root] = workspace
    return workspace


def _warn_of_settings(raised: FinnTuiError | None) -> None:
    """Say what is wrong with the settings of the workspaces that a command opened.

    Args:
        raised: the error that ended the command and has been shown.
    """
    context = click.get_current_context(silent=True)
    opened = context.find_root().meta.pop(_OPENED, {}) if context is not None else {}
    for workspace in opened.values():
        problem = workspace.check()
        if problem is not None and (raised is None or raised.what != problem.what):
            show_error(problem, warning=True)


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
        raised: FinnTuiError | None = None
        try:
            return function(*args, **kwargs)
        except FinnTuiError as error:
            raised = error
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
        finally:
            if not sys.stderr.closed:
                _warn_of_settings(raised)

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


def show_error(error: FinnTuiError, *, warning: bool = False) -> None:
    """Print what happened, why, and what to do, on stderr.

    Args:
        error: what is shown.
        warning: the command did its work all the same.
    """
    word, colour = ("warning", "yellow") if warning else ("error", "red")
    # A name from outside may have several lines; what happened is one.
    echo(f"{word}: {one_line(error.what)}", err=True, fg=colour, bold=True)
    if error.detail and error.kind is not ErrorKind.INPUT:
        for line in error.detail.strip().splitlines()[-8:]:
            echo(f"  | {line}", err=True, dim=True)
    for text in (error.why, error.fix):
        if text:
            echo(textwrap.indent(text, "  "), err=True)


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


def simulated(mark: Mapping[str, Any] | None) -> str:
    """Return the word that stands wherever a number comes from a stand-in."""
    return " SIMULATED" if mark and mark.get("simulated") else ""
