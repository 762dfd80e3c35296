"""`finn-tui inspect`: how a build went and why, from its logs and reports alone."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import shown
from finn_tui.cli.common import (
    FAILED,
    Reporter,
    echo,
    number,
    open_lab,
    print_json,
    shared_options,
    simulated,
    table,
)

if TYPE_CHECKING:
    from finn_tui.runs.analysis.diagnosis import Diagnosis
    from finn_tui.runs.analysis.inspect import Inspection, Item
    from finn_tui.runs.readers.parsed_file import Phase

#: Files of a kind that are shown one by one; of more than that, only those with something to say.
_FEW = 8
#: Room for a path: it makes way for the other columns on a narrow terminal.
_WIDEST, _NARROWEST, _OTHERS = 60, 18, 76
_COLOURS = {
    "succeeded": "green",
    "failed": "red",
    "cancelled": "red",
    "incomplete": "yellow",
    "unknown": "yellow",
}
#: Exit codes by outcome; 2 is wrong use, as everywhere.
UNDECIDED = 3
_EXITS = {"succeeded": 0, "failed": FAILED, "cancelled": FAILED}


@click.command()
@click.argument("path")
@shared_options()
def inspect(path: str, workspace: Path, as_json: bool) -> None:
    """Read any log, report or build directory.

    Shows outcome, cause, times and resources. PATH is a file or folder of FINN, Vitis HLS or
    Vivado, or a run of the workspace (`last`). Nothing in it is changed. Logs may be compressed,
    stamped line by line or coloured.

    Ends with 0 if it succeeded, with 1 if it failed, was cancelled or misses its clock, and with 3
    if it is incomplete or unknown: nothing is called succeeded without a line that says so.
    """
    from finn_tui.runs.analysis.inspect import inspect as read

    place = _place(path, workspace)
    with Reporter() as reporter:
        inspection = read(place, on_progress=reporter)
    if as_json:
        print_json(inspection.as_dict())
    else:
        _show(inspection)
    code = _EXITS.get(inspection.outcome, UNDECIDED)
    if code:
        raise SystemExit(code)


def _place(path: str, workspace: Path) -> Path:
    """The file or folder, else the folder of the run, that is called so."""
    place = Path(path).expanduser()
    if path.strip() and (os.path.lexists(place) or "/" in path):
        return place
    lab = open_lab(workspace)
    from finn_tui.runs.folder import NoSuchRunError

    if path.strip():
        with contextlib.suppress(NoSuchRunError):
            return lab.find_run(path).path
    raise FinnTuiError(
        f"there is no file, folder or run called {shown(path)}",
        f"It is neither in this folder nor a run of {lab.workspace.root}.",
        "Give a log, a report or a build directory; `finn-tui runs` lists the runs.",
    )


def _show(inspection: Inspection) -> None:
    from finn_tui.runs.analysis.inspect import told
    from finn_tui.runs.analysis.verdict import planned

    echo(inspection.outcome, fg=_COLOURS.get(inspection.outcome), bold=True, nl=False)
    echo(f"{simulated({'simulated': inspection.simulated})}  {inspection.path}")
    if planned(item.reading for item in inspection.items):
        echo("  settings and estimates only: nothing was built here")
    elif inspection.outcome == "unknown":
        notes = {item.reading.note for item in inspection.items}
        only = notes.pop() if len(notes) == 1 else None
        echo(f"  {only or 'nothing in it says how it ended'}")
    if inspection.cause is not None:
        _show_cause(inspection.cause)
    for other in inspection.others:
        line = f":{other.line}" if other.line else ""
        where = f" ({other.file}{line})" if other.file else ""
        echo(f"  then: {other.title}{where}")
    if inspection.builds:
        builds = [
            (
                build.name,
                build.outcome + (" (a later try succeeded)" if build.retried else ""),
                build.causes[0].text[:100] if build.causes else "",
            )
            for build in inspection.builds
        ]
        echo("")
        echo(table(("build", "outcome", "cause"), builds))
    _show_files(inspection.items)
    if len(inspection.items) == 1 and (figures := told(inspection.items[0].reading)):
        echo("")
        for name, value in figures.items():
            if name != "started":
                echo(f"{name:<14}{_plain(value)}")
    _show_phases(inspection.items)
    if inspection.usage is not None:
        rows = [
            (
                name,
                f"{used:,g}",
                f"{have:,g}" if have else "-",
                f"{used / have:.0%}" if have else "-",
            )
            for name, used in inspection.usage.used.items()
            for have in [inspection.usage.available.get(name)]
        ]
        echo(f"\nResources ({inspection.usage.source})")
        echo(table(("", "used", "of", ""), rows, "lrrr"))
    if inspection.steps:
        rows_ = [
            (step.name, number(step.seconds, 1), step.build or "")
            for step in inspection.steps
            if step.seconds is None or step.seconds >= 0.05
        ]
        echo("\nSteps")
        echo(table(("step", "seconds", "build"), rows_, "lr"))


def _show_cause(cause: Diagnosis) -> None:
    echo(f"  {cause.text}", fg="red")
    if cause.file:
        echo(f"  in {cause.file}" + (f", line {cause.line}:" if cause.line else ":"))
        for line in cause.before[-2:]:
            echo(f"    | {line[:200]}", dim=True)
        echo(f"    > {cause.quote[:400]}")
        for line in cause.after[:2]:
            echo(f"    | {line[:200]}", dim=True)
    for text in (cause.means, cause.advice):
        if text:
            echo(f"  {text}")


def _show_files(items: tuple[Item, ...]) -> None:
    kinds = Counter(item.reading.kind for item in items)
    shown: list[Item] = []
    hidden: list[Item] = []
    for item in items:
        reading = item.reading
        loud = reading.messages["ERROR"] or reading.note
        loud = loud or (reading.outcome == "failed" and reading.kind != "marker")
        many = kinds[reading.kind] > _FEW or reading.kind in ("marker", "text")
        document = reading.tool == "FINN" and reading.kind not in ("finn", "step-times")
        (hidden if (many or document) and not loud else shown).append(item)
    if not shown and len(hidden) <= 4 * _FEW:
        shown, hidden = hidden, []
    rows = []
    for item in shown:
        reading, counts = item.reading, item.reading.messages
        total = reading.seconds
        mark = "copy" if item.copy_of else "old" if item.old else reading.outcome or ""
        rows.append(
            (
                _tail(item.path),
                reading.kind,
                f"{reading.tool or ''} {reading.version or ''}".strip(),
                str(reading.sessions or ""),
                f"{total:,.0f}" if total else "",
                number(reading.wns, 3) if reading.wns is not None else "",
                str(counts["ERROR"] or ""),
                str(counts["CRITICAL WARNING"] or ""),
                f"{counts['WARNING'] or ''}{'+' if reading.muted else ''}",
                mark + (f" ({reading.note})" if reading.note else ""),
            )
        )
    if rows:
        heads = ("file", "kind", "tool", "ses", "s", "WNS", "err", "crit", "warn", "")
        echo("")
        echo(table(heads, rows, "lllrrrrrr"))
    if hidden:
        counts_ = Counter(item.reading.kind for item in hidden)
        rest = ", ".join(f"{count} {kind}" for kind, count in sorted(counts_.items()))
        echo(f"and {rest}")


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(amount)}" for name, amount in value.items()) or "-"
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(part) for part in value)
    return f"{value:,g}" if isinstance(value, float) else str(value)


def _tail(path: str) -> str:
    room = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((160, 50)).columns - _OTHERS))
    return path if len(path) <= room else "…" + path[-room + 1 :]


def _show_phases(items: tuple[Item, ...]) -> None:
    """Commands with their phases, of the implementations that are no copies."""
    for item in items:
        if item.copy_of or item.old or item.reading.kind != "implementation":
            continue
        rows = [
            (f"{'  ' * phase.level}{phase.name}", number(phase.seconds, 0))
            for phase in item.reading.phases
            if _told(phase)
        ]
        echo(f"\n{item.path}")
        echo(table(("phase", "seconds"), rows, "lr"))


def _told(phase: Phase) -> bool:
    return phase.level <= 2 and (phase.seconds or 0.0) >= 1.0
