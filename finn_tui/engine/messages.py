"""What an engine sends, as far as it is what an engine may send."""

from __future__ import annotations

from typing import Any, TypeVar

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean

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
