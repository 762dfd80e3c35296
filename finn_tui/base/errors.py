"""Errors that users see: what happened, why, and what to do next, as data from engine to screen."""

from __future__ import annotations

from collections.abc import Mapping


class FinnTuiError(Exception):
    """An error with an explanation.

    Attributes:
        what: what happened, one sentence without a trailing stop.
        why: what it means or where it comes from; may be empty.
        fix: what the user can do next; may be empty.
        kind: a stable word for programs ("input", "engine", "board", "tools", "disk", "cancelled").
        detail: long text (a traceback, a log excerpt) that a screen may fold away.
    """

    def __init__(
        self, what: str, why: str = "", fix: str = "", *, kind: str = "input", detail: str = ""
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix
        self.kind = kind
        self.detail = detail

    def __str__(self) -> str:
        return "\n".join(part for part in (self.what, self.why, self.fix) if part)

    def as_dict(self) -> dict[str, str]:
        """The error as JSON carries it, over the wire and under ``--json``."""
        return {
            "kind": self.kind,
            "what": self.what,
            "why": self.why,
            "fix": self.fix,
            "detail": self.detail,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> FinnTuiError:
        """Rebuild an error that crossed the wire; what is missing or no text is empty."""

        def text(key: str, default: str = "") -> str:
            value = data.get(key)
            return value if isinstance(value, str) and value else default

        return cls(
            text("what", "unknown error"),
            text("why"),
            text("fix"),
            kind=text("kind", "engine"),
            detail=text("detail"),
        )
