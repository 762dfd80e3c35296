"""`finn-tui doctor`: whether a machine can build, check by check, each with its fix."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.cli.common import (
    FAILED,
    Reporter,
    agrees,
    echo,
    open_workspace,
    print_json,
    run,
    shared_options,
    show_error,
)

if TYPE_CHECKING:
    from finn_tui.lab.doctor.check import Check, Report
    from finn_tui.lab.workspace import Workspace

_MARKS = {"ok": "ok     ", "warning": "WARNING", "wrong": "WRONG  ", "unknown": "?      "}
_COLOURS = {"warning": "yellow", "wrong": "red"}
_INDENT = 11


@click.command("doctor")
@click.argument("host", required=False)
@click.option("--fix", is_flag=True, help="Change what can be changed, asking for each change.")
@click.option("--connect", is_flag=True, help="Try the named hosts and boards, without a login.")
@shared_options()
def doctor(host: str | None, fix: bool, connect: bool, workspace: Path, as_json: bool) -> None:
    """Check what builds need on a machine, each with its fix.

    HOST is a name of hosts.toml, examined over SSH with its setup lines and variables; without it,
    it is this machine. Exit code 1 if something is wrong. Nothing is changed without --fix, which
    shows each change and asks first.
    """
    if fix and as_json:
        raise FinnTuiError(
            "--fix and --json exclude each other", "--fix asks questions.", "", kind=ErrorKind.INPUT
        )
    if connect and host is not None:
        raise FinnTuiError(
            "--connect is for this machine's doctor",
            f"It tries the hosts and boards that are named here, and {host} is one of them.",
            f"`finn-tui doctor {host}` connects to it anyway.",
            kind=ErrorKind.INPUT,
        )
    opened = open_workspace(workspace)
    with Reporter() as reporter:
        report = run(_examine(host, opened, reporter, connect))
    if as_json:
        print_json(report.as_json())
    else:
        _show(report)
    if fix:
        _fix(report)
    elif report.verdict == "wrong":
        raise SystemExit(FAILED)


async def _examine(
    host: str | None, workspace: Workspace, reporter: Reporter, connect: bool
) -> Report:
    from finn_tui.lab.doctor.examine import examine, examine_named

    if host is None:
        return await examine(workspace, reporter, connect=connect)
    return await examine_named(host, workspace, reporter)


def _show(report: Report) -> None:
    width = min(shutil.get_terminal_size().columns, 120)
    echo(f"{report.host or 'this machine'}: {report.machine}")
    for group, checks in report.groups.items():
        echo(f"\n{group}", bold=True)
        for check in checks:
            _show_check(check, width)
    verdicts = [check.verdict.value for check in report.checks]
    warnings = verdicts.count("warning")
    echo(f"\n{verdicts.count('wrong')} wrong, {warnings} warning{'' if warnings == 1 else 's'}")
    if any(check.changes for check in report.checks):
        echo("`finn-tui doctor --fix` asks for each change that it can make.")


def _show_check(check: Check, width: int) -> None:
    echo(f"  {_MARKS[check.verdict]}  ", nl=False, fg=_COLOURS.get(check.verdict))
    first, *others = _lines(f"{check.title}: {check.value}", width)
    if check.why:
        others += _lines(check.why, width)
    echo(first)
    for line in others:
        echo(f"{'':{_INDENT}}{line}")
    if check.fix:
        # Not wrapped: it is there to be copied.
        echo(f"{'':{_INDENT}}-> {check.fix}")


def _lines(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(30, width - _INDENT), break_on_hyphens=False)


def _fix(report: Report) -> None:
    """Ask for each change, make it and say its undo."""
    changeable = [check for check in report.checks if check.changes]
    if not changeable:
        echo("\nNothing can be changed from here; the commands above are yours to run.")
        return
    if not sys.stdin.isatty():
        raise FinnTuiError(
            "--fix needs a terminal",
            "It asks before each change, and nobody can answer here.",
            "Run it in a terminal, or run the commands that are shown.",
            kind=ErrorKind.INPUT,
        )
    for check in changeable:
        echo(f"\n{check.title}: {check.value}", bold=True)
        for change in check.changes:
            try:
                for line in change.preview():
                    echo(f"  {line}")
                if not agrees("Make this change?"):
                    continue
                echo(f"  done; undo: {change.apply()}")
            except FinnTuiError as error:
                show_error(error)
    echo("\nOpen a new terminal for changed variables, then run `finn-tui doctor` again.")
