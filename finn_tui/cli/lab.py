"""`finn-tui lab`: how far the course is."""

from __future__ import annotations

from pathlib import Path

import click

from finn_tui.cli.common import echo, open_workspace, print_json, shared_options


@click.group()
def lab() -> None:
    """Show how far the lab course is, step by step."""


@lab.command("status")
@click.option("--course", "course_name", help="Name of the course (default: finn-lab).")
@shared_options()
def status(course_name: str | None, workspace: Path, as_json: bool) -> None:
    """List the steps of the course and which are done.

    Steps are done when their results are on disk: models, runs, notes and pictures of the
    workspace. The command of the next step is shown.
    """
    from finn_tui.lab.course import definition
    from finn_tui.lab.course.facts import read_progress
    from finn_tui.lab.course.progress import next_step

    course = definition.load(course_name or definition.DEFAULT)
    steps = read_progress(open_workspace(workspace), course)
    following = next_step(steps)
    if as_json:
        print_json(
            {
                "course": course.name,
                "done": sum(step.done for step in steps),
                "steps": [step.as_json() for step in steps],
                "next": following.as_json() if following else None,
            }
        )
        return
    part = ""
    for step in steps:
        if step.part.id != part:
            part = step.part.id
            echo(step.part.heading)
        mark = "done" if step.done else "next" if step is following else ""
        words = [step.step.title, *([f"({step.detail})"] if step.detail else [])]
        words += ["SIMULATED"] if step.simulated else []
        echo(f"  {mark:4}  {step.number}  {' '.join(words)}")
    if following is None:
        echo(f"All steps of {course.title} are done: finn-tui report --group ID --out ZIP")
    else:
        echo(f"{following.place}: {following.step.title}\n  {following.command}")
