"""Documents of the course: lab, report."""

from __future__ import annotations

from msgspec import Struct

from finn_tui.cli.documents.base import Document


class CourseStep(Struct, frozen=True, kw_only=True):
    """A step of the course.

    Attributes:
        part: the part that it belongs to; the name of its folder in the submission.
        number: its place in the part, from 1.
        title: what is to be done.
        done: whether its result is on disk.
        simulated: whether only stand-ins did it.
        detail: what there is, in a few words.
        command: what does it.
    """

    part: str
    number: int
    title: str
    done: bool
    simulated: bool
    detail: str
    command: str


class LabStatus(Document, frozen=True, kw_only=True):
    """How far the course is.

    Attributes:
        format_version: version of the document's form.
        course: its name.
        done: how many steps are.
        steps: all of them, in their order.
        next: the first that is not done; null if all are.
    """

    course: str
    done: int
    steps: tuple[CourseStep, ...]
    next: CourseStep | None


class ReportGap(Struct, frozen=True, kw_only=True):
    """Something that is still missing.

    Attributes:
        what: in words.
        command: what makes it.
    """

    what: str
    command: str


class Report(Document, frozen=True, kw_only=True):
    """What was written, and what is missing.

    Attributes:
        format_version: version of the document's form.
        zip: the file; null without --group.
        files: the names in it.
        missing: what a complete submission would have.
        notes: what was left out, and characters that no font has.
        simulated: whether any figure comes from a rehearsal; null without --group.
    """

    zip: str | None
    files: tuple[str, ...]
    missing: tuple[ReportGap, ...]
    notes: tuple[str, ...]
    simulated: bool | None
