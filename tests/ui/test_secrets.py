"""The app asks for the passphrase of a key, shows dots, and keeps it in memory."""

from __future__ import annotations

from pathlib import Path

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress
from finn_tui.hosts.ssh.openssh_files import KeyEncrypted
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
