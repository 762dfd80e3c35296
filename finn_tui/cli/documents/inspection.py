"""The document of inspect."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from finn_tui.cli.documents.base import Document


class Cause(Struct, frozen=True, kw_only=True):
    """Why a build failed.

    Attributes:
        id: a word for programs.
        title: in one line.
        text: what was said.
        file: where, as a path below ``path``; null if it is not known.
        line: the line, from 1; null if it is not known.
        quote: that line.
        before: the lines before it.
        after: the lines behind it.
        means: what it means.
        advice: what to do.
        details: figures and names that belong to it.
    """

    id: str
    title: str
    text: str
    file: str | None
    line: int | None
    quote: str | None
    before: tuple[str, ...]
    after: tuple[str, ...]
    means: str | None
    advice: str | None
    details: dict[str, Any]


class InspectedBuild(Struct, frozen=True, kw_only=True):
    """A build among several in one folder.

    Attributes:
        name: of the build.
        outcome: how it ended.
        retried: whether a later one is its retry.
        clock_missed_ns (ns): by how much the clock was missed; null if it was not.
        cause: why it failed; null if it did not.
    """

    name: str
    outcome: str
    retried: bool
    clock_missed_ns: float | None
    cause: Cause | None


class Phase(Struct, frozen=True, kw_only=True):
    """A phase of a tool.

    Attributes:
        name: as the tool calls it.
        seconds (s): that it took; null if it is not known.
        level: 0, and one more inside another phase.
    """

    name: str
    seconds: float | None
    level: int


class InspectedFile(Struct, frozen=True, kw_only=True):
    """A file that was read.

    Attributes:
        path: below ``path``.
        kind: what it is: finn, hls, vivado, timing-summary, utilization, ...
        tool: that wrote it; null if it is not known.
        version: of the tool; null if it is not known.
        sessions: how many runs of the tool it holds.
        seconds (s): of its phases; null without any.
        phases: in their order.
        wns (ns): worst negative slack; null without one.
        tns (ns): total negative slack; null without one.
        messages: how many by severity.
        muted: messages that the tool held back, by id.
        outcome: what this file alone says; null if nothing.
        copy_of: the file that it is a copy of; null if it is none.
        old: whether it is of an earlier attempt.
        note: what is worth knowing; null if nothing.
        simulated: whether a stand-in wrote it.
        data: figures that it holds; null if none.
    """

    path: str
    kind: str
    tool: str | None
    version: str | None
    sessions: int
    seconds: float | None
    phases: tuple[Phase, ...]
    wns: float | None
    tns: float | None
    messages: dict[str, int]
    muted: dict[str, Any]
    outcome: str | None
    copy_of: str | None
    old: bool
    note: str | None
    simulated: bool
    data: dict[str, Any] | None


class Utilization(Struct, frozen=True, kw_only=True):
    """Resources that the design takes.

    Attributes:
        source: the report.
        device: the part; null if it is not known.
        used: units by resource.
        available: what the part has by resource.
        blocks: the design's blocks with their name and units by resource.
    """

    source: str
    device: str | None
    used: dict[str, float]
    available: dict[str, float]
    blocks: tuple[dict[str, Any], ...]


class InspectedStep(Struct, frozen=True, kw_only=True):
    """A step of FINN's builder.

    Attributes:
        name: FINN's name of it.
        seconds (s): that it took; null if it is not known.
        build: the build that it belongs to, where there are several.
    """

    name: str
    seconds: float | None
    build: str | msgspec.UnsetType = msgspec.UNSET


class Inspect(Document, frozen=True, kw_only=True):
    """What a log, report or build folder says.

    Attributes:
        format_version: version of the document's form.
        path: what was read.
        outcome: succeeded, failed, cancelled, incomplete or unknown.
        simulated: whether stand-ins wrote it.
        clock_missed_ns (ns): by how much the clock was missed; null if it was not.
        builds: each build, where there are several.
        cause: why it failed; null if it did not.
        also: other causes.
        files: each file that was read.
        utilization: resources that the design takes; null if no report says.
        steps: of FINN's builder.
    """

    path: str
    outcome: str
    simulated: bool
    clock_missed_ns: float | None
    builds: tuple[InspectedBuild, ...]
    cause: Cause | None
    also: tuple[Cause, ...]
    files: tuple[InspectedFile, ...]
    utilization: Utilization | None
    steps: tuple[InspectedStep, ...]
