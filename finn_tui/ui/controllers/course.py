"""The course in the app: its steps as a list, and pictures of screens for the report."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.ui.actions.keymap import key_name, keys_of
from finn_tui.ui.actions.table import BY_ID
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.toolkit.listing import Column, Content, Row

if TYPE_CHECKING:
    from finn_tui.lab.course.progress import StepProgress


@dataclass
class CourseRead(WorkResult):
    """The steps of the course as the workspace has them."""

    kind = WorkKind.COURSE
    title: str
    steps: tuple[StepProgress, ...]


class CourseController(Controller):
    """Shows how far the course is, and takes pictures of screens."""

    def do_app_course(self) -> None:
        """Read the steps of the course, then show them."""
        self.context.start(WorkKind.COURSE, self._read())

    async def _read(self) -> CourseRead:
        from finn_tui.lab.course import definition
        from finn_tui.lab.course.facts import read_progress

        def read() -> CourseRead:
            course = definition.load()
            return CourseRead(course.title, tuple(read_progress(self.lab.workspace, course)))

        return await asyncio.to_thread(read)

    def course_read(self, message: CourseRead) -> None:
        """Show the steps; enter does the one under the cursor."""
        from finn_tui.lab.course.progress import next_step
        from finn_tui.ui.dialogs.choose import ChooseDialog

        steps = {f"{step.part.id} {step.number}": step for step in message.steps}
        following = next_step(list(message.steps))
        done = sum(step.done for step in message.steps)
        columns = [
            Column("", 1),
            Column("step", 10),
            Column(""),
            Column("", 9, rank=1),
            Column("key", 6, rank=2),
        ]
        rows = []
        for key, step in steps.items():
            mark = "x" if step.done else ">" if step is following else " "
            detail = f"  {step.detail}" if step.detail else ""
            rows.append(
                Row(
                    key,
                    [
                        (mark, "good" if step.done else "accent"),
                        (f"{step.part.label} {step.number}".replace("Part ", "P"), "dim"),
                        (step.step.title + detail, "dim" if step.done else ""),
                        ("SIMULATED" if step.simulated else "", "sim"),
                        (self._key(step), "key"),
                    ],
                )
            )
        current = f"{following.part.id} {following.number}" if following is not None else None

        def chosen(key: str | None) -> None:
            if key is not None:
                self._do(steps[key])

        self.context.show_dialog(
            ChooseDialog(
                f"{message.title}: {done} of {len(steps)} steps done",
                Content(columns, rows),
                current,
                hint="enter does the step; finn-tui report --group ID writes what is handed in",
            ),
            chosen,
        )

    def _key(self, step: StepProgress) -> str:
        action = BY_ID.get(step.step.key or "")
        keys = keys_of(action, self.state.keymap) if action is not None else ()
        return key_name(keys[0]) if keys else ""

    def _do(self, step: StepProgress) -> None:
        """Do a step by its key, or say which command does it."""
        action = BY_ID.get(step.step.key or "")
        tune = self.state.tune
        other = tune is None or tune.opened.model.name != step.part.model
        if action is None or (other and action.id != "app.open-model"):
            text = f"in a terminal: {step.command}"
            if action is not None:
                text = f"o opens {step.part.model}, then {self._key(step)}; or {text}"
            self.context.notify(text, title=step.place, timeout=15, markup=False)
            return
        self.context.after_refresh(self.context.action_do, action.id)

    def do_app_picture(self) -> None:
        """Keep a picture of the screen for the report."""
        from finn_tui.lab.course import definition, pictures

        tune = self.state.tune
        model = tune.opened.model.name if tune is not None else ""
        try:
            parts = [part for part in definition.load().part if part.model == model]
            part = parts[0].id if parts else "Screens"
            screen = self.context.screen_stack[0]
            shown = [getattr(screen, "place", "screen"), model or "no-model"]
            shown += [tune.editor.baseline_name] if tune is not None else []
            name = pictures.title(part, "-".join(shown))
            taken = pictures.names(self.lab.workspace, part)
            number = sum(each.startswith(pictures.plain(name)) for each in taken) + 1
            svg = self.context.picture(name)
            path = pictures.save_screen(self.lab.workspace, part, f"{name}-{number}", svg)
        except FinnTuiError as error:
            self.context.show_error(error)
            return
        relative = path.relative_to(self.lab.workspace.root)
        self.context.notify(str(relative), title="picture", markup=False)
