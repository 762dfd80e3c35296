"""Errors that users see: what happened, why, and what to do next, as data from engine to screen."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal


class ErrorKind(StrEnum):
    """What an error is about, for programs; JSON carries the value."""

    INPUT = "input"
    ENGINE = "engine"
    FINN = "finn"
    PROTOCOL = "protocol"
    TOOLS = "tools"
    DISK = "disk"
    BOARD = "board"
    HOST = "host"
    #: A host refuses the login, or its key is not the known one: only the user can help.
    LOGIN = "login"
    CANCELLED = "cancelled"
    LOST = "lost"
    SOLVER = "solver"
    INFEASIBLE = "infeasible"
    TIMEOUT = "timeout"
    PREFLIGHT = "preflight"
    DEFECT = "defect"


#: The kinds as they may be written where an error is raised.
KindName = Literal[
    "input",
    "engine",
    "finn",
    "protocol",
    "tools",
    "disk",
    "board",
    "host",
    "login",
    "cancelled",
    "lost",
    "solver",
    "infeasible",
    "timeout",
    "preflight",
    "defect",
]


class FinnTuiError(Exception):
    """An error with an explanation.

    Attributes:
        what: what happened, one sentence without a trailing stop.
        why: what it means or where it comes from; may be empty.
        fix: what the user can do next; may be empty.
        kind: what it is about, a stable word for programs.
        detail: long text (a traceback, a log excerpt) that a screen may fold away.
    """

    def __init__(
        self,
        what: str,
        why: str = "",
        fix: str = "",
        *,
        kind: ErrorKind | KindName = ErrorKind.INPUT,
        detail: str = "",
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix
        self.kind = ErrorKind(kind)
        self.detail = detail

    def __str__(self) -> str:
        return "\n".join(part for part in (self.what, self.why, self.fix) if part)

    def as_dict(self) -> dict[str, str]:
        """Return the error as JSON carries it, over the wire and under ``--json``."""
        return {
            "kind": self.kind.value,
            "what": self.what,
            "why": self.why,
            "fix": self.fix,
            "detail": self.detail,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> FinnTuiError:
        """Rebuild an error that crossed the wire; what is missing or no text is empty.

        An unknown kind becomes ``engine``.
        """

        def text(key: str, default: str = "") -> str:
            value = data.get(key)
            return value if isinstance(value, str) and value else default

        kind = text("kind")
        return cls(
            text("what", "unknown error"),
            text("why"),
            text("fix"),
            # Another version may know other kinds.
            kind=ErrorKind(kind) if kind in set(ErrorKind) else ErrorKind.ENGINE,
            detail=text("detail"),
        )
