"""The doctor of this machine in the app."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_tui.base.progress import OnProgress, ignore
from finn_tui.hosts import catalogue, shared
from finn_tui.hosts.machine import Machine
from finn_tui.hosts.ssh.questions import Question, QuestionKind
from finn_tui.lab.doctor import examine
from finn_tui.lab.doctor.changes import MakeFolder, SetVariables
from finn_tui.lab.doctor.check import Check, Report, Verdict
from finn_tui.lab.workspace import Workspace
from finn_tui.ui.dialogs import checks as dialog
from finn_tui.ui.dialogs.confirm import Confirm
from tests.ui.conftest import MakeApp, screen_text, until


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student's home; the doctor finds a wrong board, no folder for builds, and old tools."""
    place = tmp_path / "home"
    place.mkdir()
    (place / ".bashrc").write_text("alias ll='ls -l'\n")

    async def examined(workspace: Workspace, tell: OnProgress = ignore) -> Report:
        own, startup = str(place / "own.sh"), str(place / ".bashrc")
        board = SetVariables({"PYNQ_BOARD": "Pynq-Z2"}, own, startup)
        build = SetVariables({"FINN_HOST_BUILD_DIR": str(place / "b")}, own, startup)
        checks = (
            Check("python", "Python", Verdict.OK, "3.11.7, /usr/bin/python3"),
            Check("vivado", "Vivado", Verdict.WARNING, "not found", "Needed.", "Install it."),
            Check("PYNQ_BOARD", "PYNQ_BOARD", Verdict.WRONG, "pynq", "Why.", "export", (board,)),
            Check(
                "FINN_HOST_BUILD_DIR",
                "FINN_HOST_BUILD_DIR",
                Verdict.WRONG,
                "a restart of the machine empties /tmp/b",
                "Lost.",
                "mkdir",
                (MakeFolder(str(place / "b")), build),
            ),
            *(Check(f"n{n}", f"Check {n}", Verdict.UNKNOWN, "v " * 90) for n in range(25)),
        )
        return Report("", "student@lab1", {"FINN": checks[:2], "Variables": checks[2:]})

    async def examined_host(name: str, workspace: Workspace, tell: OnProgress = ignore) -> Report:
        check = Check("python", "Python", Verdict.OK, f"of {name}")
        return Report(name, "student@lab1", {"FINN": (check,)})

    monkeypatch.setattr(examine, "examine", examined)
    monkeypatch.setattr(examine, "examine_named", examined_host)
    return place


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_checks(make_app: MakeApp, home: Path, size: tuple[int, int]) -> None:
    app = make_app(None)
    async with app.run_test(size=size) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: "✗ wrong" in screen_text(app))
        text = screen_text(app)
        assert "1 ok, 1 warning, 2 wrong, 25 unknown" in text
        assert "look again" in text
        assert ("Variables" in text) is (size[0] > 110)
        # The first that is wrong is under the cursor.
        assert "PYNQ_BOARD: pynq" in text and "→ export" in text
        await pilot.press("up")
        text = screen_text(app)
        assert "→ Install it." in text
        assert "fix, after" not in text, "nothing of it can be changed from here"


@pytest.mark.parametrize(("count", "text"), [(1, "1 warning"), (4, "4 warnings")])
def test_warnings_are_counted(count: int, text: str) -> None:
    rows = [dialog.CheckRow(str(n), "Disk", "warning", "full") for n in range(count)]
    assert dialog._summary(rows) == text


async def test_each_change_is_asked_for(make_app: MakeApp, home: Path) -> None:
    app = make_app(None)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: "✗ wrong" in screen_text(app))
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert "+export PYNQ_BOARD=Pynq-Z2" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Confirm))
        assert not (home / "own.sh").exists(), "nothing without consent"
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("enter")
        await until(pilot, (home / "own.sh").exists)
        await until(pilot, lambda: "Changed. Undo:" in screen_text(app))
        assert "export PYNQ_BOARD=Pynq-Z2\n" in (home / "own.sh").read_text()
        assert (home / ".bashrc").read_text().startswith("alias ll")
        # A folder and a variable: the one is declined, the other is made.
        await pilot.press("down", "f")
        await until(pilot, lambda: "mkdir -p" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "+export" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "FINN_HOST_BUILD_DIR" in (home / "own.sh").read_text())
        assert not (home / "b").exists()


async def test_a_file_that_changed_meanwhile_is_left_alone(make_app: MakeApp, home: Path) -> None:
    app = make_app(None)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: "✗ wrong" in screen_text(app))
        (home / ".bashrc").write_bytes(b"\xff\n")
        await pilot.press("f")
        await until(pilot, lambda: "cannot be read" in screen_text(app))
        assert (home / ".bashrc").read_bytes() == b"\xff\n"


async def test_another_machine(make_app: MakeApp, home: Path) -> None:
    catalogue.add(catalogue.Host(name="server", host="lab-server"))
    app = make_app(None)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: "✗ wrong" in screen_text(app))
        await pilot.press("h")
        await until(pilot, lambda: "lab-server" in screen_text(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: "Python: of server" in screen_text(app))
        assert "doctor: server" in screen_text(app)


async def test_the_login_to_another_machine_asks_over_the_doctor(
    make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine("server", "host", "lab-server", 0, "me")
    question = Question(machine, QuestionKind.PASSWORD, "password of me@lab-server")

    async def examined_host(name: str, workspace: Workspace, tell: OnProgress = ignore) -> Report:
        ask = shared.secrets().ask
        assert ask is not None
        answer = await ask(question)
        return Report(name, "x", {"FINN": (Check("python", "Python", Verdict.OK, f"{answer}!"),)})

    monkeypatch.setattr(examine, "examine_named", examined_host)
    catalogue.add(catalogue.Host(name="server", host="lab-server"))
    app = make_app(None)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: "✗ wrong" in screen_text(app))
        await pilot.press("h")
        await until(pilot, lambda: "lab-server" in screen_text(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: "Password of me@lab-server" in screen_text(app))
        await pilot.press(*"pw7", "enter")
        await until(pilot, lambda: "Python: pw7!" in screen_text(app))
