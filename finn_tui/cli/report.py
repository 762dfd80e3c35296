"""`finn-tui report`: the folder that is handed in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from finn_tui.cli.common import (
    Reporter,
    echo,
    open_workspace,
    print_json,
    run,
    shared_options,
    show_error,
)

if TYPE_CHECKING:
    from finn_tui.lab.course.definition import Course
    from finn_tui.lab.report.submission import Gap


@click.command()
@click.option("--group", metavar="ID", help="Name of your group: names folder and zip.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The zip to write.")
@click.option("--init", is_flag=True, help="Write templates of the notes that are missing.")
@click.option("--pictures", is_flag=True, help="Take pictures of the screens of each part.")
@click.option(
    "--font",
    "fonts",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="A font file for characters that the machine's fonts do not have.",
)
@click.option("--course", "course_name", help="Name of the course (default: finn-lab).")
@shared_options()
def report(
    group: str | None,
    out: Path | None,
    init: bool,
    pictures: bool,
    fonts: tuple[Path, ...],
    course_name: str | None,
    workspace: Path,
    as_json: bool,
) -> None:
    """Write the report and the zip to hand in.

    Notes are Markdown files in the workspace's folder `report`; [[table]], [[plots]],
    [[pictures]] and [[facts]] on a line of their own stand for what the workspace has. Figures
    come from the runs only, and rehearsed ones are marked SIMULATED. What is still missing is
    listed with the command that makes it. PDFs are set by Typst, which is installed at first use.
    """
    from finn_tui.lab.course import definition, notes
    from finn_tui.lab.course.facts import read_progress
    from finn_tui.lab.report import submission

    if out is not None and group is None:
        raise click.UsageError("--out needs --group")
    opened = open_workspace(workspace)
    course = definition.load(course_name or definition.DEFAULT)
    written = notes.init(opened, course) if init else []
    if not as_json:
        for path in written:
            echo(f"written: {path}")
    if pictures:
        from finn_tui.ui.pictures import take

        with Reporter() as reporter:
            taken, problems = run(take(opened, course, on_progress=reporter))
        if not as_json:
            for path in taken:
                echo(f"picture: {path}")
        for error in problems:
            show_error(error)
    if group is None:
        gaps = submission.gaps_of(read_progress(opened, course))
        if as_json:
            print_json(_document(None, (), gaps, (), None))
        else:
            _say_gaps(gaps, course)
        return
    submission.check_group(group)
    target = out or Path(f"{group}_lab_FINN.zip")
    with Reporter() as reporter:
        done = run(
            submission.write(opened, course, group, target, fonts=fonts, on_progress=reporter)
        )
    if as_json:
        print_json(_document(done.path, done.names, done.gaps, done.notes, done.simulated))
        return
    for name in done.names:
        echo(name)
    for remark in done.notes:
        echo(f"note: {remark}", err=True)
    if done.simulated:
        echo("Figures in it are SIMULATED: they come from rehearsals.")
    _say_gaps(done.gaps, course)
    echo(str(done.path))


def _document(
    path: Path | None,
    names: tuple[str, ...],
    gaps: list[Gap] | tuple[Gap, ...],
    notes: tuple[str, ...],
    simulated: bool | None,
) -> dict[str, object]:
    return {
        "zip": str(path) if path else None,
        "files": list(names),
        "missing": [vars(gap) for gap in gaps],
        "notes": list(notes),
        "simulated": simulated,
    }


def _say_gaps(gaps: list[Gap] | tuple[Gap, ...], course: Course) -> None:
    if not gaps:
        echo(f"Nothing is missing of {course.title}.")
        return
    echo("Still missing:")
    for gap in gaps:
        echo(f"  {gap.what}\n      {gap.command}")
