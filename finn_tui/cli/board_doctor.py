"""`finn-tui boards doctor`: what stands between a board and a run, each with its fix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from finn_tui.cli.board_order import PASSWORD_OPTION, login_password, run_with_keys
from finn_tui.cli.common import FAILED, Reporter, echo, open_lab, print_json, shared_options

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
    password = login_password(ask_password)
    lab = open_lab(workspace)
    folder = None
    if run_name is not None:
        from finn_tui.runs.documents import RunKind

        folder = lab.find_run(run_name, RunKind.BUILD).path

    async def work(reporter: Reporter, passphrases: dict[str, str]) -> DoctorReport:
        from finn_tui.board.doctor import doctor as examine

        async with lab.board(
            name, reporter, password=password, sudo_password=password, passphrases=passphrases
        ) as link:
            return await examine(link, folder, reporter)

    report = run_with_keys(work)
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
