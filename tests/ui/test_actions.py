"""The table of actions: complete, without clashes, and what bindings and keymaps come from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.command import CommandPalette

from finn_tui.ui.actions import table as actions
from finn_tui.ui.actions.action import SCOPES, Action
from finn_tui.ui.actions.groups import groups
from finn_tui.ui.actions.keymap import is_key, key_name, read_keymap
from finn_tui.ui.actions.synonyms import SYNONYMS
from finn_tui.ui.actions.table import ACTIONS, BY_ID, actions_of
from finn_tui.ui.advice.screen import AdviceDialog
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.board.screen import BoardScreen
from finn_tui.ui.controllers.boards import BoardController
from finn_tui.ui.controllers.builds import BuildController
from finn_tui.ui.controllers.console import ConsoleController
from finn_tui.ui.controllers.course import CourseController
from finn_tui.ui.controllers.doctor import DoctorController
from finn_tui.ui.controllers.hosts import HostController
from finn_tui.ui.controllers.leaving import LeavingController
from finn_tui.ui.controllers.machine_doctor import MachineDoctorController
from finn_tui.ui.controllers.models import ModelController
from finn_tui.ui.controllers.paste import PasteController
from finn_tui.ui.controllers.solver import SolverController
from finn_tui.ui.controllers.sweep import SweepController
from finn_tui.ui.controllers.training import TrainingController
from finn_tui.ui.controllers.viewer import ViewerController
from finn_tui.ui.dialogs.help import Help
from finn_tui.ui.flow.screen import FlowScreen
from finn_tui.ui.learn.screen import LearnScreen
from finn_tui.ui.logs.pane import LogPane
from finn_tui.ui.logs.screen import LogScreen
from finn_tui.ui.palette import ActionCommands
from finn_tui.ui.pareto.screen import ParetoScreen
from finn_tui.ui.results.screen import ResultsScreen
from finn_tui.ui.runs.screen import RunsScreen
from finn_tui.ui.solve.screen import SolveDialog
from finn_tui.ui.toolkit.listing import Listing
from finn_tui.ui.tune.layer_table import LayerTable
from finn_tui.ui.tune.screen import TuneScreen
from tests.ui.conftest import MakeApp, opened, screen_text, tune_of, until

_SCREENS = {
    "flow": FlowScreen,
    "tune": TuneScreen,
    "runs": RunsScreen,
    "board": BoardScreen,
    "results": ResultsScreen,
    "learn": LearnScreen,
}

#: Where an action of every scope is looked for at last.
_EVERYWHERE = (
    FinnTuiApp,
    ModelController,
    BuildController,
    BoardController,
    ConsoleController,
    DoctorController,
    HostController,
    MachineDoctorController,
    PasteController,
    SolverController,
    SweepController,
    ViewerController,
    TrainingController,
    CourseController,
    LeavingController,
)


def test_ids_are_unique_and_places_are_known() -> None:
    assert len(BY_ID) == len(ACTIONS)
    assert {action.scope for action in ACTIONS} <= set(SCOPES)
    assert all(re.fullmatch(r"[a-z]+(\.[a-z-]+)+", action.id) for action in ACTIONS)
    assert all(action.help.endswith(".") for action in ACTIONS)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_has_a_method_where_it_applies(action: Action) -> None:
    where: dict[str, tuple[type, ...]] = {
        "app": (),
        "mode": (),
        "list": (Listing, LayerTable),
        "log": (LogPane,),
        "pane": tuple(_SCREENS.values()),
        "viewer": (LogScreen,),
        "dialog": (Help,),
        "solve": (SolveDialog,),
        "next": (AdviceDialog,),
        "pareto": (ParetoScreen,),
        **{name: (screen,) for name, screen in _SCREENS.items()},
    }
    owners = where[action.scope]
    if not any(hasattr(owner, action.method) for owner in _EVERYWHERE):
        assert owners, f"nothing has {action.method}"
        for owner in owners:
            assert callable(getattr(owner, action.method, None)), f"{owner}.{action.method}"


@pytest.mark.parametrize("place", _SCREENS)
def test_no_key_means_two_things_on_one_screen(place: str) -> None:
    # Lists and logs sit inside screens.
    with_log = place in ("runs", "board")
    inner = ("list", "log", "pane") if with_log else ("list", "pane")
    ids_by_key: dict[str, str] = {}
    for action in actions_of(place, "mode", "app", *inner):
        for key in action.keys:
            if {action.id, ids_by_key.get(key)} == {"tune.values", "list.choose"}:
                continue
            assert key not in ids_by_key, f"{key}: {ids_by_key.get(key)} and {action.id}"
            ids_by_key[key] = action.id


#: Letters that several places use, and the one thing that each means in all of them.
_MEANINGS = {
    "c": "compare",
    "d": "deploy",
    "e": "errors",
    "f": "load a folding that there is",
    "n": "the next one",
    "a": "again",
    "q": "leave",
    "t": "choose the board",
    "u": "undo",
    "x": "end what runs",
    "A": "all of them",
    "P": "a plot",
    "S": "sort",
    "w": "write what is shown into a file",
    "N": "n, and more of it",
    "l": "to the right as in vi; on Runs, which has nothing to the right, the logs",
}


def test_a_letter_means_one_thing_in_all_places() -> None:
    users: dict[str, list[str]] = {}
    for action in ACTIONS:
        for key in action.keys:
            if len(key) == 1 and action.scope not in ("list", "log"):
                users.setdefault(key, []).append(action.id)
    shared = {key: ids for key, ids in users.items() if len(ids) > 1}
    unexplained = {key: ids for key, ids in shared.items() if key not in _MEANINGS}
    assert not unexplained
    assert max(len(ids) for ids in shared.values()) <= 4, shared


def test_no_key_means_two_things_in_a_large_log() -> None:
    # The viewer's own come first, and q and / mean there what they mean in every pager.
    mine = {key: action.id for action in actions_of("viewer") for key in action.keys}
    others = {
        key: action.id for action in actions_of("log", "list", "pane", "app") for key in action.keys
    }
    both = {key for key in mine if key in others}
    assert both == {"q", "slash"}, both


def test_bindings_carry_the_ids() -> None:
    ids = {binding.id: binding.key for binding in actions.bindings("tune")}  # type: ignore[union-attr]
    assert ids["tune.larger"] == "plus,equals_sign"


def test_keys_are_written_as_people_do() -> None:
    assert [key_name(key) for key in ("plus", "ctrl+p", "question_mark", "left")] == [
        "+",
        "ctrl+p",
        "?",
        "←",
    ]
    shown = {key_name(key) for action in ACTIONS for key in action.keys}
    assert {"(", ")", "[", "]", "_"} <= shown
    assert not [name for name in shown if "_" in name and name != "_"], "no name of a character"


def test_a_keymap_is_read_and_its_mistakes_are_told(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(
        'tune.undo = "f7"\n"tune.save" = "W,ctrl+s"\n"tune.udno" = "y"\nruns.cancel = 3\n'
    )
    keymap, problems = read_keymap(path)
    assert keymap == {"tune.undo": "f7", "tune.save": "W,ctrl+s"}
    assert problems == [
        f"{path}, line 3: there is no action tune.udno (did you mean tune.undo?)",
        f"{path}, line 4: runs.cancel = 3 is not valid: it needs keys in quotes, such as "
        '"w,ctrl+s"',
    ]
    path.write_text("= broken")
    assert "cannot be read" in read_keymap(path)[1][0]
    assert read_keymap(tmp_path / "none.toml") == ({}, [])


async def test_a_users_key_works_and_is_shown(make_app: MakeApp, home: Path) -> None:
    (home / "config" / "keys.toml").write_text('tune.undo = "Z"\n')
    async with make_app().run_test(size=(160, 40)) as pilot:
        app = await opened(pilot)
        assert "Z undo" in screen_text(app)
        await pilot.press("plus", "u")
        assert app.state.tune is not None
        assert app.state.tune.editor.unsaved
        await pilot.press("Z")
        assert not app.state.tune.editor.unsaved


async def test_mistakes_in_a_keymap_are_said(make_app: MakeApp, home: Path) -> None:
    (home / "config" / "keys.toml").write_text('tune.unod = "z"\n')
    async with make_app().run_test(size=(120, 40), notifications=True) as pilot:
        app = await opened(pilot)
        await until(pilot, lambda: "action tune.unod" in " ".join(screen_text(app).split()))


async def test_help_lists_keys_with_the_reason_and_does_what_is_chosen(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press("plus", "question_mark")
        await until(pilot, lambda: "Keys: Tune" in screen_text(app))
        await pilot.press("slash", *"undo", "enter")
        await until(pilot, lambda: "Undo the last change" in screen_text(app))
        assert "not now" not in screen_text(app)
        await pilot.press("down")
        await until(pilot, lambda: "not now: nothing to redo" in screen_text(app))
        await pilot.press("up", "enter")
        await until(pilot, lambda: not isinstance(app.screen, Help))
        await until(pilot, lambda: app.state.tune and not app.state.tune.editor.unsaved)


@pytest.mark.parametrize("size", [(80, 24), (160, 50), (100, 14), (72, 20)])
async def test_help_opens_on_the_screens_own_keys_in_two_columns(
    make_app: MakeApp, size: tuple[int, int]
) -> None:
    async with make_app().run_test(size=size) as pilot:
        app = await opened(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: "Keys: Tune" in screen_text(app))
        lines = screen_text(app).splitlines()
        top = next(line for line in lines if "Fold" in line)
        assert len(top.split("│")[1].split()) > 2, f"one column only: {top}"
        # The sentence of the key under the cursor, and how to leave, whatever the size.
        assert "Set the next larger value." in screen_text(app)
        assert "esc close" in screen_text(app)
        seen = screen_text(app)
        for _ in range(40):
            await pilot.press("down")
            seen += screen_text(app)
        for text in ("Signs and colours", "bottleneck: holds the II", "ctrl+q"):
            assert text in seen


def test_every_key_of_a_place_is_in_its_help_once() -> None:
    for place in SCOPES:
        ids = [action.id for _, members in groups(place, "list", "app") for action in members]
        wanted = {action.id for action in actions_of(place, "list", "app")}
        assert set(ids) == wanted
        assert len(ids) == len(wanted)


async def test_f1_is_help_too_and_escape_closes_it(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, Help))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Help))


async def test_the_palette_offers_what_can_be_done(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "Open a model  (o)" in screen_text(app))
        await pilot.press(*"bottle")
        await until(pilot, lambda: "Tune: To the bottleneck  (i)" in screen_text(app))
        assert app.state.tune is not None
        tune_of(app).window.to(0)
        await pilot.press("enter")
        await until(pilot, lambda: tune_of(app).window.cursor == 17)


async def test_the_palette_lists_what_cannot_be_done_with_the_reason(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40), notifications=True) as pilot:
        app = await opened(pilot)
        # A terminal in an editor takes ctrl+p for itself.
        await pilot.press("colon")
        await until(pilot, lambda: "Open a model  (o)" in screen_text(app))
        await pilot.press(*"deploy")
        await until(pilot, lambda: "Deploy and validate  (d)" in screen_text(app))
        assert "not now: no successful run yet" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, CommandPalette))
        await until(pilot, lambda: "no successful run yet" in screen_text(app))


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("synthesis", "Build"),
        ("parallelism", "Larger"),
        ("PE/SIMD", "All values"),
        ("open file", "Open a model"),
        ("exit", "Quit"),
    ],
)
async def test_the_palette_knows_other_words(make_app: MakeApp, typed: str, title: str) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        palette = ActionCommands(app.screen)
        titles = [str(hit.text) async for hit in palette.search(typed)]
        assert any(f"{title}  (" in text for text in titles), titles


def test_synonyms_are_of_actions_that_there_are() -> None:
    assert set(SYNONYMS) <= set(BY_ID)


async def test_a_colon_can_be_typed(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press("slash", "colon")
        await until(pilot, lambda: "/:" in screen_text(app))
        assert not isinstance(app.screen, CommandPalette)


async def test_ctrl_c_says_how_to_leave(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24), notifications=True) as pilot:
        app = await opened(pilot)
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "q or ctrl+q quits" in screen_text(app))
        assert app.is_running


@pytest.mark.parametrize("width", [72, 80, 160])
async def test_the_line_of_keys_shows_the_main_path(make_app: MakeApp, width: int) -> None:
    async with make_app().run_test(size=(width, 24)) as pilot:
        app = await opened(pilot)
        line = screen_text(app).splitlines()[-1]
        for keys in ("b build", "d deploy", "o open", "f load", "w save", "q quit", "? help"):
            assert keys in line, line
        assert line.startswith(" + - step")
        for mode in "1345":
            await pilot.press(mode)
            await pilot.pause()
            line = screen_text(app).splitlines()[-1]
            for keys in ("b build", "d deploy", "o open", "q quit", "? help"):
                assert keys in line, line


async def test_an_action_that_cannot_be_done_says_why(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40), notifications=True) as pilot:
        app = await opened(pilot)
        await pilot.press("d")
        await until(pilot, lambda: "no successful run yet" in screen_text(app))


def test_keys_that_do_not_exist_are_told(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text('"tune.undo" = "ctrl+backspcae"\n"tune.save" = "W,ctlr+s"\n')
    keymap, problems = read_keymap(path)
    assert keymap == {}
    assert "line 1: tune.undo = 'ctrl+backspcae' is not valid: there is no key" in problems[0]
    assert problems[1] == (
        f"{path}, line 2: tune.save = 'W,ctlr+s' is not valid: there is no key ctlr+s "
        "(did you mean ctrl+s?)"
    )


def test_two_actions_with_one_key_are_told(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    build = BY_ID["app.build"].keys[0]
    path.write_text(f'"tune.undo" = "{build}"\n"runs.cancel" = "f9"\n"runs.retry" = "f9"\n')
    keymap, problems = read_keymap(path)
    assert set(keymap) == {"tune.undo", "runs.cancel", "runs.retry"}, "they are used all the same"
    assert len(problems) == 2
    assert problems[0].startswith(
        f"{path}, line 1: tune.undo = '{build}': {build} is a key of app.build"
    )
    assert problems[1].startswith(f"{path}, line 3: runs.retry = 'f9': f9 is a key of runs.cancel")
    # Swapping two keys is no conflict, and neither are keys that only other screens have.
    undo = BY_ID["tune.undo"].keys[0]
    path.write_text(f'"tune.undo" = "f8"\n"runs.cancel" = "{undo}"\n')
    assert read_keymap(path)[1] == []


def test_every_key_of_the_table_is_a_key() -> None:
    assert [key for action in ACTIONS for key in action.keys if not is_key(key)] == []
