"""The app asks before anything of a workspace or a package runs that the user did not choose."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress
from finn_tui.lab.boards.driver_consent import UnagreedDriver
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.ui.controllers.board_work import Credentials, board_job
from tests.lab.test_driver_consent import foreign
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until

QUESTION = "Start this command when a build has ended?"


def notify(workspace: Workspace, command: str) -> None:
    path = workspace.root / "finn-tui.toml"
    text = path.read_text() if path.exists() else ""
    path.write_text(f'notify = "{command}"\n{text}')


@pytest.mark.parametrize(("key", "agreed"), [("r", True), ("n", False), ("escape", False)])
async def test_a_command_of_the_workspace_is_asked_about(
    make_app: MakeApp, lab: RecordedLab, key: str, agreed: bool
) -> None:
    notify(lab.workspace, "touch ended")
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await until(pilot, lambda: QUESTION in screen_text(app))
        assert "touch ended" in screen_text(app)
        await pilot.press(key)
        await until(pilot, lambda: QUESTION not in screen_text(app))
        assert bool(lab.workspace.agreed_notify()) == agreed
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        asked = not lab.workspace.agreed_notify() and not lab.workspace.declined_notify()
        assert (QUESTION in screen_text(app)) == asked == (key == "escape")


async def test_a_foreign_driver_is_asked_about(
    make_app: MakeApp, lab: RecordedLab, tmp_path: Path
) -> None:
    make_run(lab.workspace)
    run = foreign(tmp_path / "foreign")
    tried: list[bool] = []

    async def job(
        lab: Workbench,
        name: str,
        path: Path,
        machine: str,
        credentials: Credentials,
        tell: OnProgress,
    ) -> tuple[FinnTuiError, ...]:
        try:
            return await board_job(lab, "deploy", run, "nobody", credentials, tell)
        except UnagreedDriver:
            tried.append(False)
            raise
        except FinnTuiError:
            tried.append(True)  # it went on to the board, which is not there
            return ()

    app = make_app("tfc-w1a1", job)
    async with app.run_test(size=(140, 40)) as pilot:
        await opened(pilot)
        await pilot.press("d", "enter")
        await until(pilot, lambda: "run this code on the board" in screen_text(app))
        assert tried == [False]
        await pilot.press("r")
        await until(pilot, lambda: tried == [False, True])
