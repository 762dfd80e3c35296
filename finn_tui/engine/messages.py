"""What an engine sends, as far as it is what an engine may send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean
from finn_tui.engine.protocol import PROTOCOL

T = TypeVar("T")

#: Characters of a line of log that are kept.
MOST_LOG = 4_000


class Nonsense(Exception):
    """A JSON object that is no message of the protocol."""


def checked(kind: type[T], value: Any, name: str) -> T:
    """A field of a message, if it has the type that it must have.

    Args:
        kind: that type.
        value: of the field.
        name: of the field, for the error.

    Raises:
        Nonsense: it has another one.
    """
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Nonsense(f"{name} is {type(value).__name__}")
    return value


def line_text(line: bytes) -> str:
    """A line of log as text that a terminal may see."""
    return clean(line[:MOST_LOG].decode("utf-8", "replace")).rstrip()


def not_understood(engine: str, method: str, error: Exception) -> FinnTuiError:
    """The error for an answer whose content is not what the method promises."""
    return FinnTuiError(
        f"the engine {engine} answered {method} with something that cannot be understood",
        f"{type(error).__name__}: {str(error)[:300]}",
        "Use an engine of the same version as this finn-tui; `finn-tui engine list` shows them.",
        kind="engine",
    )


def does_not_start(engine: str, command: Sequence[str], error: OSError) -> FinnTuiError:
    """The error for an engine whose command the system does not run."""
    return FinnTuiError(
        f"the engine {engine} does not start",
        str(error),
        f"Check the command {' '.join(command)!r}; `finn-tui engine list` shows all engines.",
        kind="engine",
    )


def does_not_answer(engine: str, seconds: float, output: Sequence[str]) -> FinnTuiError:
    """The error for an engine that has not said hello within that time (s)."""
    return FinnTuiError(
        f"the engine {engine} does not answer",
        f"It said nothing for {seconds:.0f} s.",
        "Try its command by hand; it must be a Python in which FINN can be imported.",
        kind="engine",
        detail="\n".join(output),
    )


def other_protocol(hello: Mapping[str, Any]) -> FinnTuiError:
    """The error for an engine that says hello in another version of the protocol."""
    return FinnTuiError(
        "the engine speaks another protocol",
        f"It says {hello.get('protocol')}, this finn-tui {PROTOCOL}.",
        "Update finn-tui on both machines.",
        kind="engine",
    )


def engine_ended(
    engine: str,
    how: str,
    *,
    killed: str,
    greeted: bool,
    working_on: Sequence[str],
    output: Sequence[str],
    kind: type[FinnTuiError] = FinnTuiError,
) -> FinnTuiError:
    """The error for requests whose engine has ended.

    Args:
        engine: its name.
        how: it ended.
        killed: why finn-tui ended it; empty where it ended by itself.
        greeted: whether it had said hello before.
        working_on: methods of the requests that it had.
        output: its last lines.
        kind: class of the error.
    """
    doing = f"It was working on: {', '.join(working_on)}." if working_on else _last_words(output)
    fix = "Try again; it is started anew. If it was killed, look at the memory (`free -h`)."
    if not greeted:
        fix = (
            "Try its command by hand; it must be a Python (3.8 or later) in which FINN can be "
            "imported."
        )
    if kind is not FinnTuiError:
        fix = "Try again once the host answers; it is started anew."
    return kind(
        f"the engine {engine} was ended: it cannot be talked to"
        if killed
        else f"the engine {engine} ended {how}",
        f"{killed} {doing}" if killed else doing,
        fix,
        kind="engine",
        detail="\n".join(output),
    )


def _last_words(output: Sequence[str]) -> str:
    # A program's own message (docker's) ends in advice.
    errors = [line for line in output if "error" in line.lower()]
    last = (errors or output or [""])[-1]
    if last.count("\ufffd") > 2:
        return "It wrote something that is no text."
    return f"Its last words: {last}" if last else "It said nothing."
