"""`finn-tui boards doctor`: what stands between a board and a run, each with its fix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from finn_tui.cli.common import FAILED, Reporter, echo, open_lab, print_json, shared_options
from finn_tui.cli.secrets import PASSWORD_OPTION, Secrets, run_with_secrets

if TYPE_CHECKING:
    from finn_tui.board.doctor import DoctorReport

_MARKS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL", "unknown": "?   "}


@click.command("doctor")
@click.argument("name")
@click.option("--run", "run_name", metavar="RUN", help="Examine the board for this run.")
@PASSWORD_OPTION
@shared_options()
def doctor(
    name: str, run_name: str | None, ask_password: bool, workspace: Path, as_json: bool
) -> None:
    """Examine a board: image, driver, memory, clock, users; exit code 1 if it is not fit.

    Nothing is loaded into the FPGA. What the board does not show is unknown, marked "?".
    """
    lab = open_lab(workspace)
    folder = None
    if run_name is not None:
        from finn_tui.runs.documents import RunKind

        folder = lab.find_run(run_name, RunKind.BUILD).path

    async def work(reporter: Reporter, secrets: Secrets) -> DoctorReport:
        from finn_tui.board.doctor import doctor as examine

        async with lab.board(name, reporter, **secrets.arguments()) as link:
            # Without --ask-password that sudo asks is what the report says.
            ask_sudo = ask_password and secrets.sudo_password is None
            return await examine(link, folder, reporter, ask_sudo=ask_sudo)

    report = run_with_secrets(work, ask=ask_password)
    if as_json:
        print_json(report.as_dict())
    else:
        _show(report)
    if report.status == "fail":
        raise SystemExit(FAILED)


def _show(report: DoctorReport) -> None:
    mark = "SIMULATED board " if report.simulated else ""
    echo(f"{mark}{report.board}" + (f", for {report.run}" if report.run else ""))
    width = max(len(check.title) for check in report.checks)
    for check in report.checks:
        echo(f"  {_MARKS[check.status]}  {check.title:<{width}}  {check.value}")
        if check.fix:
            echo(f"        {'':<{width}}  -> {check.fix}")
