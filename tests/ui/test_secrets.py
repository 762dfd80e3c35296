"""The app asks for the passphrase of a key, shows dots, and keeps it in memory."""

from __future__ import annotations

from pathlib import Path

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress
from finn_tui.board import catalogue
from finn_tui.board.agent_session import SudoRefused
from finn_tui.board.catalogue import Board
from finn_tui.hosts.ssh.errors import HostKeyChanged
from finn_tui.hosts.ssh.openssh_files import KeyEncrypted
from finn_tui.hosts.transport import LoginRefused
from finn_tui.lab.workbench import Workbench
from finn_tui.ui.controllers.board_work import Credentials
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until

KEY = Path("/home/somebody/.ssh/id_ed25519")


async def test_a_passphrase_is_asked_for_again_until_it_is_right(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    make_run(lab.workspace)
    tried: list[str | None] = []

    async def job(
        lab: Workbench,
        name: str,
        path: Path,
        machine: str,
        credentials: Credentials,
        tell: OnProgress,
    ) -> tuple[FinnTuiError, ...]:
        passphrase = credentials.passphrases.get(str(KEY))
        tried.append(passphrase)
        if passphrase != "hidden7":
            raise KeyEncrypted(KEY, wrong=passphrase is not None)
        return ()

    app = make_app("tfc-w1a1", job)
    async with app.run_test(size=(140, 40)) as pilot:
        await opened(pilot)
        await pilot.press("d", "enter")
        for number, (typed, words) in enumerate(
            (("wrong", "No SSH agent holds it"), ("hidden7", "does not open it")), 1
        ):
            await until(pilot, lambda: words in screen_text(app))  # noqa: B023 - awaited here
            assert "enter the key's passphrase" in screen_text(app)
            await pilot.press("k")
            await until(pilot, lambda: f"Passphrase of {KEY}" in screen_text(app))
            await pilot.press(*typed)
            await until(pilot, lambda: "•" * len(typed) in screen_text(app))  # noqa: B023
            assert typed not in screen_text(app)
            await pilot.press("enter")
            await until(pilot, lambda: len(tried) == number + 1)  # noqa: B023
        assert tried == [None, "wrong", "hidden7"]
    for folder in (lab.workspace.root, paths.config_dir()):
        for path in folder.rglob("*"):
            assert not path.is_file() or b"hidden7" not in path.read_bytes(), path


async def test_login_and_sudo_have_a_password_each(make_app: MakeApp, lab: RecordedLab) -> None:
    make_run(lab.workspace, simulated=False)
    catalogue.add(Board("lab", "10.0.0.9"))
    board = catalogue.find("lab")
    tried: list[tuple[str | None, str | None]] = []

    async def job(
        lab: Workbench,
        name: str,
        path: Path,
        machine: str,
        credentials: Credentials,
        tell: OnProgress,
    ) -> tuple[FinnTuiError, ...]:
        tried.append((credentials.password, credentials.sudo_password))
        if credentials.password is None:
            raise LoginRefused(board.machine, "Permission denied.")
        if credentials.sudo_password != "root7":
            raise SudoRefused(board, "sudo: incorrect password attempt" if tried[2:] else "")
        return ()

    app = make_app("tfc-w1a1", job)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        app.state.board.machine = "lab"
        await pilot.press("4")
        await until(pilot, lambda: app.current_mode == "board")
        await pilot.press("T")
        for question, words, typed in (
            ("p", "does not let xilinx in", "user7"),
            ("s", "sudo on lab asks for a password", ""),
            ("s", "The one that was given is not it", "root7"),
        ):
            await until(pilot, lambda: words in screen_text(app))  # noqa: B023 - awaited here
            await pilot.press(question)
            await until(pilot, lambda: "kept in memory" in screen_text(app))
            await pilot.press(*typed, "enter")
        await until(pilot, lambda: len(tried) == 4)
        # Empty was the login's; each is kept for the next job.
        assert tried[1:] == [("user7", None), ("user7", "user7"), ("user7", "root7")]
        await until(pilot, lambda: not app.state.board.busy)
        await pilot.press("V")
        await until(pilot, lambda: len(tried) == 5)
        assert tried[4] == ("user7", "root7")


async def test_a_changed_host_key_can_only_be_read(make_app: MakeApp, lab: RecordedLab) -> None:
    make_run(lab.workspace)

    async def job(*_: object) -> tuple[FinnTuiError, ...]:
        raise HostKeyChanged(Board("lab", "10.0.0.9").machine, "SHA256:other")

    app = make_app("tfc-w1a1", job)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("4")
        await until(pilot, lambda: app.current_mode == "board")
        await pilot.press("T")
        await until(pilot, lambda: "SHA256:other" in screen_text(app))
        text = " ".join(screen_text(app).split())
        assert "remove its line from" in text, "what to do if it is right"
        assert "trust this key" not in text, "it is not done by one key"
        await pilot.press("t", "escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert app.boards.credentials("simulated").trust is False
