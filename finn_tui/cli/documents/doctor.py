"""Documents of doctor."""

from __future__ import annotations

from msgspec import Struct

from finn_tui.cli.documents.base import Document


class DoctorCheck(Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Attributes:
        group: the subject that it is about.
        id: a fixed word, such as ``licence``, or the name of a variable.
        title: for people.
        verdict: ``ok``, ``warning``, ``wrong``, or ``unknown`` where the machine did not show it.
        value: what was seen.
        why: why it matters; empty where all is well.
        fix: a command, a line to write, or what to do; empty where all is well.
        can_fix: whether ``--fix`` can make the change.
    """

    group: str
    id: str
    title: str
    verdict: str
    value: str
    why: str
    fix: str
    can_fix: bool


class Doctor(Document, frozen=True, kw_only=True):
    """Whether a machine can build.

    Attributes:
        format_version: version of the document's form.
        host: name of the host; null for this machine.
        machine: what the machine calls itself.
        verdict: the worst of all checks: ``wrong``, ``warning`` or ``ok``.
        checks: in the order of the work.
    """

    host: str | None
    machine: str
    verdict: str
    checks: tuple[DoctorCheck, ...]
