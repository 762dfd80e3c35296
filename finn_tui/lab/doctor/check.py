"""A check of the doctor: what was looked at, how it is, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from finn_tui.lab.doctor.changes import Change


class Verdict(StrEnum):
    """How something is; UNKNOWN where the machine did not show it."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report.

    Attributes:
        id: a fixed word for programs, such as "licence", or the variable's name.
        title: as users see it.
        verdict: how it is.
        value: what was seen.
        why: why it matters; empty where all is well.
        fix: an exact command, a line to write, or what to do; empty where all is well.
        changes: what ``--fix`` may do after asking; empty where only the user can.
    """

    id: str
    title: str
    verdict: Verdict
    value: str
    why: str = ""
    fix: str = ""
    changes: tuple[Change, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As ``doctor --json`` shows it."""
        words = {name: getattr(self, name) for name in ("id", "title", "value", "why", "fix")}
        return {**words, "verdict": self.verdict.value, "can_fix": bool(self.changes)}


@dataclass(frozen=True)
class Report:
    """What the doctor found.

    Attributes:
        host: name of the host; empty for this machine.
        machine: what the machine calls itself.
        groups: checks by the subject that they are about, in the order of the work.
    """

    host: str
    machine: str
    groups: dict[str, tuple[Check, ...]] = field(default_factory=dict)

    @property
    def checks(self) -> tuple[Check, ...]:
        """All checks in order."""
        return tuple(check for group in self.groups.values() for check in group)

    @property
    def verdict(self) -> Verdict:
        """The worst of all checks; an unknown one is no failure."""
        return worst([check.verdict for check in self.checks])

    def as_json(self) -> dict[str, Any]:
        """As ``doctor --json`` shows it."""
        checks = [
            {"group": name, **check.as_json()}
            for name, group in self.groups.items()
            for check in group
        ]
        return {
            "host": self.host or None,
            "machine": self.machine,
            "verdict": self.verdict.value,
            "checks": checks,
        }


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The worst of some; OK where none is wrong or a warning."""
    return next((v for v in (Verdict.WRONG, Verdict.WARNING) if v in verdicts), Verdict.OK)
