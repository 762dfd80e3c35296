"""Learn: the lab's questions with the numbers of any layer of the open model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.containers import Horizontal
from textual.widget import Widget

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.editor import Editor
from finn_tui.core.learn.exercises import read_answer
from finn_tui.core.learn.lesson import QUESTIONS, TABS, lab_lesson
from finn_tui.lab.report.explanations import export
from finn_tui.ui.actions import table as actions
from finn_tui.ui.dialogs.ask_text import AskTextDialog
from finn_tui.ui.learn import view
from finn_tui.ui.learn.state import LearnState
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Listing
from finn_tui.ui.toolkit.mode_screen import ModeScreen
from finn_tui.ui.toolkit.page import Page
from finn_tui.ui.toolkit.panes import Resize
from finn_tui.ui.toolkit.styled_line import StyledLine

#: What the line for one's own convolution begins with.
EXAMPLE = "32x32x3 K3 S1 P1 Co64"


class LearnScreen(ModeScreen):
    """The screen that explains how a folded layer computes."""

    place = "learn"
    BINDINGS = actions.bindings("learn")
    CSS_PATH = "screen.tcss"
    RESIZES: ClassVar[Mapping[str, Resize]] = {
        "subjects": Resize("subjects", "width"),
        "lesson": Resize("subjects", "width", -1),
    }

    def body(self) -> Iterable[Widget]:
        """Yield the subjects and the lesson."""
        yield LineView(self._questions, id="questions", on_hit=self._question_hit)
        with Horizontal():
            yield Listing(id="subjects", title="Layers", classes="pane")
            yield Page(self._lesson, id="lesson", classes="pane right")
        yield LineView(self._exercise, id="exercise")

    def on_mount(self) -> None:
        """Focus the lesson, whose keys step."""
        self.query_one("#lesson").focus()

    @property
    def learn(self) -> LearnState:
        """Return the state of this screen."""
        return self.state.feature(LearnState)

    @property
    def editor(self) -> Editor | None:
        """Return the editor of the open model."""
        return self.state.tune.editor if self.state.tune is not None else None

    def draw(self) -> None:
        """Show the chosen question and subject."""
        self.resize_pane("subjects", min(44, self.size.width * 32 // 100))
        subjects = self.query_one("#subjects", Listing)
        lesson = self.learn.lesson(self.editor)
        subjects.set_content(view.subjects_content(self.learn, self.editor), self.learn.subject)
        page = self.query_one("#lesson", Page)
        page.title = lesson.name
        page.redraw()
        self.query_one("#questions", LineView).redraw()
        self.query_one("#exercise", LineView).redraw()

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self.redraw)

    def _questions(self, width: int, height: int) -> list[StyledLine]:
        question = self.learn.question
        line = StyledLine().add(" Question ", "dim")
        for number, word in TABS.items():
            role = "mode" if number == question else "dim"
            line.add(f" {number} {word} ", role, hit=number)
        return [line.right(StyledLine().add(f"{QUESTIONS[question]} ", "dim"), width)]

    def _question_hit(self, hit: object) -> None:
        if isinstance(hit, int):
            self._turn(hit - self.learn.question)

    def _lesson(self, width: int, height: int) -> list[StyledLine]:
        lesson = self.learn.lesson(self.editor)
        lines = lesson.lines(self.learn.question, width - 1, height, self.learn.position)
        return view.styled(lines)

    def _exercise(self, width: int, height: int) -> list[StyledLine]:
        return view.exercise_lines(self.learn, self.editor, width)

    def do_list_filter(self) -> None:
        """Filter the layers, wherever the focus is."""
        subjects = self.query_one("#subjects", Listing)
        subjects.focus()
        subjects.do_list_filter()

    def on_listing_moved(self, event: Listing.Moved) -> None:
        """Show another subject."""
        if isinstance(event.key, tuple) and event.key in self.learn.subjects(self.editor):
            self.learn.choose(event.key)
            self.query_one("#lesson", Page).to_top()
            self.draw()

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Focus the lesson."""
        self.query_one("#lesson").focus()

    def _turn(self, step: int) -> None:
        self.learn.turn(step)
        self.query_one("#lesson", Page).to_top()
        self.draw()

    def do_learn_next_question(self) -> None:
        """Show the next question."""
        self._turn(1)

    def do_learn_previous_question(self) -> None:
        """Show the previous question."""
        self._turn(-1)

    def _move(self, step: int, *, large: bool = False) -> None:
        self.learn.move(self.editor, step, large=large)
        self.query_one("#lesson", Page).redraw()

    def do_learn_next_step(self) -> None:
        """Go to the next cycle or output pixel."""
        self._move(1)

    def do_learn_previous_step(self) -> None:
        """Go to the previous cycle or output pixel."""
        self._move(-1)

    def do_learn_next_fold(self) -> None:
        """Go to the next neuron fold or row of pixels."""
        self._move(1, large=True)

    def do_learn_previous_fold(self) -> None:
        """Go to the previous neuron fold or row of pixels."""
        self._move(-1, large=True)

    def _fold(self, knob: str, step: int) -> None:
        self.learn.fold(self.editor, knob, step)
        self.draw()

    def do_learn_more_pe(self) -> None:
        """Try the next larger PE."""
        self._fold("PE", 1)

    def do_learn_less_pe(self) -> None:
        """Try the next smaller PE."""
        self._fold("PE", -1)

    def do_learn_more_simd(self) -> None:
        """Try the next larger SIMD."""
        self._fold("SIMD", 1)

    def do_learn_less_simd(self) -> None:
        """Try the next smaller SIMD."""
        self._fold("SIMD", -1)

    def do_learn_reset(self) -> None:
        """Return to the folding of Tune."""
        self.learn.reset()
        self.draw()

    def do_learn_answer(self) -> None:
        """Answer the exercise."""
        exercise = self.learn.lesson(self.editor).exercise(self.learn.question, self.learn.exercise)
        if exercise is None:
            self.context.notify("This layer has no exercise on this question.", title="Exercise")
            return

        def refuse(text: str) -> str | None:
            if read_answer(text, exercise) is None:
                return f"{text} is not {exercise.form}"
            return None

        def typed(text: str | None) -> None:
            if text:
                self.learn.answer(self.editor, text)
                self.draw()

        hint = f"{exercise.form}; enter checks it"
        self.context.show_dialog(AskTextDialog(exercise.prompt, refuse=refuse, hint=hint), typed)

    def do_learn_another(self) -> None:
        """Ask another exercise."""
        self.learn.another()
        self.draw()

    def do_learn_export(self) -> None:
        """Write the drawing and the text into the report folder."""
        lesson = self.learn.lesson(self.editor)
        try:
            paths = export(
                self.context.lab.workspace, lesson, self.learn.question, self.learn.position
            )
        except FinnTuiError as error:
            self.context.show_error(error)
            return
        names = "\n".join(str(path) for path in paths)
        self.context.notify(names, title="Written", timeout=8)

    def do_learn_numbers(self) -> None:
        """Type numbers of one's own."""

        def refuse(text: str) -> str | None:
            try:
                lab_lesson(text)
            except FinnTuiError as error:
                return f"{error.what}. {error.fix}"
            return None

        def typed(text: str | None) -> None:
            if text:
                self.learn.typed = " ".join(text.split())
                self.learn.choose(("lab", self.learn.typed))
                self.draw()

        dialog = AskTextDialog(
            "A matrix or a convolution",
            refuse=refuse,
            hint="matrix: 8x8 PE 4 SIMD 1   convolution (H x W x Ci): 32x32x3 K3 S1 P1 Co64",
            text=self.learn.typed or ("16x32 PE 4 SIMD 8" if self.learn.question < 3 else EXAMPLE),
        )
        self.context.show_dialog(dialog, typed)
