"""In the app the login to an engine's host asks in dialogs; a refusal leaves a key to try again."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from finn_tui.engine import catalogue
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.hosts import catalogue as hosts
from finn_tui.hosts import shared
from finn_tui.hosts.catalogue import Host
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.dialogs.ask_text import AskTextDialog
from tests import data
from tests.engine.test_in_container import FAKE
from tests.hosts.sshd import Server, new_key
from tests.ui.conftest import screen_text
from tests.waiting import until


@pytest.fixture
async def app(
    tmp_path: Path, lab: Host, server: Server, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FinnTuiApp]:
    """An app whose model needs an engine on a host that asks for a passphrase."""
    monkeypatch.delenv("FINN_TUI_ENGINE_PYTHON", raising=False)
    key = new_key(Path(server.key))
    (server.folder / "authorized").write_bytes(key.export_public_key())
    key.write_private_key(server.key, passphrase="sesame")
    spec = EngineSpec("far", FAKE, host="lab")
    catalogue.add(spec)
    catalogue.remember(spec, data.engine_info())
    hosts.add(lab)
    root = tmp_path / "workspace"
    data.workspace(root, "tfc-w1a1")
    for name in ("design.json", "tables.json"):
        (root / "models/tfc-w1a1" / data.PART / name).unlink()
    (root / "finn-tui.toml").write_text('rehearse = true\nengine = "far"\n')
    workbench = Workbench(Workspace.open(root))
    yield FinnTuiApp(workbench, "tfc-w1a1")
    await workbench.close()
    shared.secrets().passphrases.clear()


async def shown(app: FinnTuiApp, text: str) -> None:
    """Wait until a text is on the screen; pauses of the pilot wait for the login's dialog."""
    with contextlib.suppress(TimeoutError):
        await until(lambda: text in screen_text(app))
    assert text in screen_text(app), screen_text(app)


async def typed(app: FinnTuiApp, pilot: Pilot[Any], text: str) -> None:
    """Type into the dialog that asks for it, once it takes keys."""
    await until(lambda: isinstance(app.screen, AskTextDialog) and isinstance(app.focused, Input))
    await pilot.press(*text, "enter")


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_a_login_is_asked_for_refused_and_given(
    app: FinnTuiApp, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        await shown(app, "assphrase of")
        await pilot.press("escape")
        await shown(app, "trust this key")
        await pilot.press("escape")
        await shown(app, "log in to lab")
        assert "hosts test" not in screen_text(app)
        await pilot.press("escape")
        await shown(app, "lab asks for login")
        # The list of hosts asks again what was refused an answer.
        await pilot.press("f4")
        await shown(app, "enter connects now")
        assert "asks for login" in screen_text(app)
        await pilot.press("enter")
        await shown(app, "assphrase of")
        await typed(app, pilot, "sesame")
        await shown(app, "trust this key")
        await pilot.press("t")
        await shown(app, " ms ")
        assert " ms " in screen_text(app).splitlines()[0]


async def test_what_needed_the_login_goes_on_after_it(app: FinnTuiApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(app, "assphrase of")
        await typed(app, pilot, "sesame")
        await shown(app, "trust this key")
        await pilot.press("escape")
        await shown(app, "log in to lab")
        await pilot.press("l")
        await shown(app, "trust this key")
        await pilot.press("t")
        # The model opens without being asked for again; the passphrase is known.
        await shown(app, "MVAU")
