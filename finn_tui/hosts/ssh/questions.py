"""What a login asks the user for, and the answers, which are kept in memory only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from finn_tui.base.text import clean, one_line
from finn_tui.hosts.machine import Machine

#: How often the user is asked for the same thing in one login.
MOST_TRIES = 3
_MOST_CHALLENGES = 10
_MOST_TEXT = 500


class QuestionKind(StrEnum):
    """What is asked for."""

    PASSWORD = "password"
    PASSPHRASE = "passphrase"
    #: Whatever the server asks by keyboard-interactive login, such as a one-time code.
    CODE = "code"
    #: Whether a host key that was never seen is the machine's; any answer but none is yes.
    HOST_KEY = "host key"


@dataclass(frozen=True)
class Question:
    """A question for the user.

    Attributes:
        machine: that asks, or that it is about.
        kind: what is asked for.
        text: what to show, free of control characters.
        hidden: whether the answer is not shown while it is typed.
    """

    machine: Machine
    kind: QuestionKind
    text: str
    hidden: bool = True


#: Asks the user; None where there is nobody, or no answer is given.
Ask = Callable[[Question], Awaitable[str | None]]


class Secrets:
    """Passwords and passphrases of this process, and whom to ask for more.

    Attributes:
        ask: asks the user; None where nobody can be asked.
        passphrases: of encrypted keys, by their files.
    """

    def __init__(
        self,
        ask: Ask | None = None,
        *,
        password: str | None = None,
        passphrases: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Begin with what the user has given already.

        Args:
            ask: asks the user for what is missing.
            password: for the machine itself, not for those on the way to it.
            passphrases: of encrypted keys, by their files.
        """
        self.ask = ask
        self.passphrases = dict(passphrases)
        self._given = password
        self._passwords: dict[tuple[str, int], str] = {}

    def password(self, machine: Machine) -> str | None:
        """The password of a login, if it is known."""
        known = self._passwords.get((machine.login, machine.port))
        return known if known is not None or machine.jump_for else self._given

    def remember(self, machine: Machine, password: str) -> None:
        """Keep the password of a login that let us in."""
        self._passwords[machine.login, machine.port] = password


class LoginAnswers:
    """Answers the questions of one login: with what is known first, then with what the user says.

    Attributes:
        password: the last one that was given.
    """

    def __init__(self, machine: Machine, secrets: Secrets, ask: Ask | None) -> None:
        """Answer for a machine.

        Args:
            machine: that is logged in to.
            secrets: what is known.
            ask: asks the user; None to answer with what is known only.
        """
        self.password: str | None = None
        self._machine = machine
        self._known = secrets.password(machine)
        self._ask = ask
        self._passwords_asked = 0
        self._challenges = 0

    @property
    def has_any(self) -> bool:
        """Whether there is anything to answer with."""
        return self._known is not None or self._ask is not None

    async def give_password(self) -> str | None:
        """The next password to try; None if there is none."""
        if self._known is not None:
            self.password, self._known = self._known, None
            return self.password
        if self._passwords_asked == MOST_TRIES:
            return None
        again = "wrong; again the " if self._passwords_asked or self.password else ""
        self._passwords_asked += 1
        text = f"{again}password of {self._machine.login}"
        answer = await self._answer(QuestionKind.PASSWORD, text)
        if answer is not None:
            self.password = answer
        return answer

    async def meet_challenge(
        self, name: str, instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        """Answer a keyboard-interactive challenge.

        Args:
            name: its title, as the server says it.
            instructions: text in front of the prompts.
            prompts: each with whether the answer may be seen.

        Returns:
            The answers; None to give up.
        """
        self._challenges += 1
        if self._challenges > _MOST_CHALLENGES:
            return None
        answers: list[str] = []
        for prompt, shown in prompts:
            asks_password = not shown and any(w in prompt.lower() for w in ("password", "passcode"))
            if asks_password and self._known is not None:
                answer: str | None = await self.give_password()
            else:
                parts = (name, instructions, prompt.strip().rstrip(":"))
                text = ", ".join(one_line(clean(part))[:_MOST_TEXT] for part in parts if part)
                text = f"{self._machine.login}: {text}"
                answer = await self._answer(QuestionKind.CODE, text, hidden=not shown)
                if asks_password and answer is not None:
                    self.password = answer
            if answer is None:
                return None
            answers.append(answer)
        return answers

    async def _answer(self, kind: QuestionKind, text: str, *, hidden: bool = True) -> str | None:
        if self._ask is None:
            return None
        return await self._ask(Question(self._machine, kind, text, hidden)) or None
