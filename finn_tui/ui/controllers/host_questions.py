"""What logins to hosts ask for, asked in dialogs: host keys, passwords, codes, passphrases."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.ui.context import AppContext

if TYPE_CHECKING:
    from finn_tui.hosts.ssh.questions import Question

#: How often it is looked whether the dialog of something else is still open.
_LOOK = 0.2


class HostQuestions:
    """Asks one question after the other; see ``hosts.ssh.questions.Ask``.

    A line is made anew again and again. A login that was refused an answer is therefore not asked
    about again, and one that gave up while the user was typing gets the answer the next time.
    """

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._refused: set[tuple[str, str]] = set()
        self._open: dict[tuple[str, str], asyncio.Task[str | None]] = {}
        self._one = asyncio.Lock()

    @property
    def asking(self) -> bool:
        """Whether a question is shown, or waits to be."""
        return self._one.locked()

    def ask_again(self) -> None:
        """Ask again what was refused an answer: the user wants to be asked."""
        self._refused.clear()

    async def __call__(self, question: Question) -> str | None:
        """Ask the user; None where there is no answer."""
        about = (question.machine.login, question.kind.value)
        if about in self._refused:
            return None
        asked = self._open.get(about)
        if asked is None:
            asked = self._open[about] = asyncio.create_task(self._ask(question))
        answer = await asyncio.shield(asked)
        self._open.pop(about, None)
        if answer is None:
            self._refused.add(about)
        return answer

    async def _ask(self, question: Question) -> str | None:
        async with self._one:
            while self._is_covered():  # noqa: ASYNC110 - screens set no event
                await asyncio.sleep(_LOOK)
            answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
            self._show(question, answer)
            return await answer

    def _is_covered(self) -> bool:
        """Whether a dialog is open: what is typed into it is not meant for the question.

        A list of checks and the progress of work take no text, and may wait for the answer. While
        the app starts there is no screen yet that a question could lie over.
        """
        from finn_tui.ui.dialogs.checks import ChecksDialog
        from finn_tui.ui.dialogs.working import Working

        screens = self._context.screen_stack
        return not screens or not all(
            isinstance(each, ChecksDialog | Working) for each in screens[1:]
        )

    def _show(self, question: Question, answer: asyncio.Future[str | None]) -> None:
        from finn_tui.hosts.ssh.questions import QuestionKind
        from finn_tui.ui.dialogs.ask_text import AskTextDialog

        def say(text: str | None) -> None:
            if not answer.done():
                answer.set_result(text or None)

        if question.kind is QuestionKind.HOST_KEY:
            machine = question.machine
            error = FinnTuiError(
                question.text,
                "",
                "Compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the "
                f"{machine.word}'s own console.",
                kind=machine.word,
            )
            self._context.show_error(
                error,
                (("t", "trust this key"),),
                lambda key: say("yes" if key == "t" else None),
            )
            return
        title = question.text[:1].upper() + question.text[1:]
        hint = "kept in memory while the app runs, never on disk"
        dialog = AskTextDialog(title, secret=question.hidden, hint=hint)
        self._context.show_dialog(dialog, say)
