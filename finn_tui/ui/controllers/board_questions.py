"""What a board or a package may ask before it goes on: consent, trust, a password, a passphrase."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.ui.context import AppContext

if TYPE_CHECKING:
    from finn_tui.lab.boards.driver_consent import UnagreedDriver
    from finn_tui.ui.controllers.board_work import Credentials


def ask(
    context: AppContext,
    error: FinnTuiError,
    machine: str,
    credentials: Credentials,
    again: Callable[[], None],
    refused: Callable[[], None],
) -> bool:
    """Show an error that an answer of the user may help; whether it is one.

    Args:
        context: the app.
        error: what happened.
        machine: the board's name.
        credentials: takes the answer; in memory only.
        again: called after an answer, to try the work again.
        refused: called if there is no answer.
    """
    from finn_tui.lab.boards.driver_consent import UnagreedDriver
    from finn_tui.ui.board.progress import asks_password, asks_sudo, encrypted_key, unknown_key

    fingerprint = unknown_key(error)
    if isinstance(error, UnagreedDriver):
        _ask_about_driver(context, error, again, refused)
    elif fingerprint:

        def trusted(answer: str | None) -> None:
            if answer == "t":
                credentials.trust = fingerprint
                again()
            else:
                refused()

        context.show_error(error, (("t", "trust this key"),), trusted)
    elif asks_sudo(error):
        _ask_sudo(context, error, machine, credentials, again, refused)
    elif encrypted_key(error) or asks_password(error):
        _ask_secret(context, error, machine, credentials, again, refused)
    else:
        return False
    return True


def _ask_about_driver(
    context: AppContext,
    driver: UnagreedDriver,
    again: Callable[[], None],
    refused: Callable[[], None],
) -> None:
    from finn_tui.lab import consent

    def agreed(answer: str | None) -> None:
        if answer != "r":
            refused()
            return
        try:
            consent.agree(driver.digest, driver.path)
        except FinnTuiError as problem:
            refused()
            context.show_error(problem)
        else:
            again()

    context.show_error(driver, (("r", "run this code on the board"),), agreed)


def _ask_sudo(
    context: AppContext,
    error: FinnTuiError,
    machine: str,
    credentials: Credentials,
    again: Callable[[], None],
    refused: Callable[[], None],
) -> None:
    credentials.sudo_password = None

    def entered(text: str | None) -> None:
        if text is None:
            refused()
            return
        credentials.sudo_password = text or credentials.password
        again()

    def answered(answer: str | None) -> None:
        if answer == "s":
            ask_sudo_password(context, machine, credentials, entered)
        else:
            refused()

    context.show_error(error, (("s", "enter the password for sudo"),), answered)


def ask_sudo_password(
    context: AppContext,
    machine: str,
    credentials: Credentials,
    then: Callable[[str | None], None],
) -> None:
    """Ask for the password of sudo.

    Args:
        context: the app.
        machine: the board's name.
        credentials: what is known of it already.
        then: called with the text, which is empty for the login's password, or None.
    """
    from finn_tui.board import catalogue

    # The password or token of a Jupyter server is no user's.
    login = credentials.password is not None and not catalogue.find(machine).url
    title = f"Password for sudo on {machine}"
    _show_secret_dialog(context, f"{title} (empty: the login's)" if login else title, then, login)


def _ask_secret(
    context: AppContext,
    error: FinnTuiError,
    machine: str,
    credentials: Credentials,
    again: Callable[[], None],
    refused: Callable[[], None],
) -> None:
    """Show why a board did not let us in, and ask for what may help."""
    from finn_tui.ui.board.progress import asks_password, encrypted_key

    key = encrypted_key(error)
    # A wrong one is forgotten: it would be tried again before anything else.
    credentials.passphrases.pop(key, None)

    def entered_passphrase(text: str | None) -> None:
        if text:
            credentials.passphrases[key] = text
            again()
        else:
            refused()

    def entered_password(text: str | None) -> None:
        if text:
            credentials.password = text
            again()
        else:
            refused()

    def answered(answer: str | None) -> None:
        if answer == "k":
            _show_secret_dialog(context, f"Passphrase of {key}", entered_passphrase)
        elif answer == "p":
            _show_secret_dialog(context, f"Password for {machine}", entered_password)
        else:
            refused()

    ways = [("k", "enter the key's passphrase")] if key else []
    if asks_password(error):
        ways.append(("p", "enter a password"))
    context.show_error(error, tuple(ways), answered)


def _show_secret_dialog(
    context: AppContext, title: str, then: Callable[[str | None], None], empty: bool = False
) -> None:
    from finn_tui.ui.dialogs.ask_text import AskTextDialog

    context.show_dialog(
        AskTextDialog(
            title,
            secret=True,
            empty=empty,
            hint="kept in memory while the app runs, never on disk",
        ),
        then,
    )
