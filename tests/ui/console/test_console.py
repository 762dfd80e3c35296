"""A board's terminal in the app: what is shown, what is sent, and what cannot harm."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import Color
from textual.app import App
from textual.events import Paste
from textual.geometry import Offset
from textual.selection import Selection

from finn_tui.ui.console.emulator import _MOST_BACK, PIECE, Emulator
from finn_tui.ui.console.keys import key_bytes
from finn_tui.ui.console.screen import ConsoleScreen
from finn_tui.ui.console.view import ConsoleView
from tests.ui.conftest import MakeApp, screen_text, until


def fed(data: bytes, columns: int = 20, rows: int = 5) -> Emulator:
    emulator = Emulator(columns, rows)
    for start in range(0, len(data), PIECE):
        emulator.feed(data[start : start + PIECE])
    return emulator


def shown(emulator: Emulator, back: int = 0) -> list[str]:
    return [emulator.text(y, back) for y in range(emulator.rows)]


def test_text_colours_and_cursor() -> None:
    emulator = fed("a\x1b[1;31mred\x1b[0m 漢字|\r\n\x1b[38;5;208morange\x1b[38;2;1;2;3mx".encode())
    assert shown(emulator)[:2] == ["ared 漢字|", "orangex"]
    assert emulator.cursor == (1, 7)
    styles = {s.text: s.style for s in emulator.row(0) if s.style is not None}
    assert styles["red"].bold and styles["red"].color == Color.parse("red")
    colours = {s.text: s.style.color for s in emulator.row(1) if s.style and s.style.color}
    assert colours["orange"].name == "#ff8700" and colours["x"].name == "#010203"


def test_lines_that_scrolled_off() -> None:
    emulator = fed(b"".join(b"line %d\r\n" % n for n in range(_MOST_BACK + 500)))
    assert emulator.back == _MOST_BACK, "bounded"
    assert shown(emulator)[:4] == [f"line {_MOST_BACK + n}" for n in range(496, 500)]
    assert shown(emulator, 2)[:2] == [f"line {_MOST_BACK + n}" for n in (494, 495)]
    assert shown(emulator, _MOST_BACK)[0] == f"line {500 - 4}"


def test_the_alternate_screen_leaves_no_trace() -> None:
    emulator = fed(b"before\r\n\x1b[?1049h\x1b[2J\x1b[Hvim\x1b[?1h" + b"\r\nx" * 50)
    assert "before" not in shown(emulator) and emulator.application_keys
    assert emulator.back == 0, "what an editor scrolls is not kept"
    emulator.feed(b"\x1b[?1049l\x1b[?1lafter")
    assert shown(emulator)[:2] == ["before", "after"] and not emulator.application_keys


def test_a_size_is_never_the_board_s_choice() -> None:
    emulator = fed(b"\x1b[?3h\x1b[8;900;900twide")
    assert (emulator.columns, emulator.rows) == (20, 5)
    emulator.resize(40, 10)
    emulator.feed(b"\x1b[10;40Hx")
    emulator.resize(2, 1)
    assert emulator.cursor is not None
    for y in range(emulator.rows):
        emulator.row(y)


SEQUENCES = [
    *(b"\x1b[", b"\x1b]0;", b"\x1bP", b"\x1b[>c", b"\x1b[?1049h", b"\x1b[99999999999999S"),
    *(b"\x1b[9999;9999r", b"\x1b#8", b"\x1b(0", b"\x1b[6n", b"\x9b", b"\x1bc", b"\xe2\x80\xae"),
]


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(SEQUENCES),
        ),
        max_size=30,
    )
)
@settings(max_examples=60)
def test_whatever_a_board_prints(pieces: list[bytes]) -> None:
    emulator = Emulator(12, 4)
    for piece in pieces:
        emulator.feed(piece)
    for y in range(emulator.rows):
        for segment in emulator.row(y):
            assert not any(ord(c) < 32 or c in "\x7f\x9b\u202e\u2066" for c in segment.text)
    emulator.feed(b"\x1b\\\x18")
    emulator.feed(b"\x1bc\x1b[2J\x1b[Hstill here")
    assert any("still" in line for line in shown(emulator))


def test_sequences_without_an_end_are_bounded() -> None:
    for start in (b"\x1b]0;", b"\x1b[1"):
        emulator = fed(start + b";1" * 20_000)
        emulator.feed(b"\x1bc")
        emulator.feed(b"\x1b[2J\x1b[Hback")
        assert shown(emulator)[0] == "back"
    emulator = fed(b"a" + "\u0301".encode() * 20_000)
    assert len(emulator.text(0)) < 2 * PIECE, "combining characters do not pile up"


@pytest.mark.parametrize(
    ("key", "character", "application", "sent"),
    [
        ("a", "a", False, b"a"),
        ("ä", "ä", False, "ä".encode()),
        ("enter", "\r", False, b"\r"),
        ("ctrl+c", "\x03", False, b"\x03"),
        ("up", None, False, b"\x1b[A"),
        ("up", None, True, b"\x1bOA"),
        ("ctrl+left", None, True, b"\x1b[1;5D"),
        ("delete", "\x7f", False, b"\x1b[3~"),
        ("backspace", "\x7f", False, b"\x7f"),
        ("f1", None, False, b"\x1bOP"),
        ("f12", None, False, b"\x1b[24~"),
        ("shift+tab", None, False, b"\x1b[Z"),
        ("alt+b", None, False, b"\x1bb"),
        ("plus", "+", False, b"+"),
        ("f19", None, False, b""),
    ],
)
def test_keys(key: str, character: str | None, application: bool, sent: bytes) -> None:
    assert key_bytes(key, character, application=application) == sent


class Board:
    """A console that prints what it is given."""

    def __init__(self) -> None:
        self.output: asyncio.Queue[bytes] = asyncio.Queue()
        self.typed = b""
        self.sizes: list[tuple[int, int]] = []

    async def read(self) -> bytes:
        return await self.output.get()

    def write(self, data: bytes) -> None:
        self.typed += data

    def resize(self, columns: int, rows: int) -> None:
        self.sizes.append((columns, rows))

    async def close(self) -> None:
        pass


class Harness(App[None]):
    left = False

    def leave(self, _: Any) -> None:
        self.left = True


async def test_in_the_app() -> None:
    app, board = Harness(), Board()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = ConsoleScreen("lab", simulated=False)
        await app.push_screen(screen, app.leave)
        await pilot.press("c", "d", "space")
        serving = asyncio.create_task(screen.serve(board))
        # One line says how to leave.
        await until(pilot, lambda: board.sizes[-1:] == [(80, 23)])
        await until(pilot, lambda: board.typed)
        assert board.typed == b"cd ", "what is typed while it connects is not lost"
        await board.output.put(b"$ \x1b[6n\x1b[?2004h")
        await pilot.press("l", "s", "enter", "ctrl+c", "q", "escape", "ctrl+r")
        view = screen.query_one(ConsoleView)
        # Programs there are answered.
        await until(pilot, lambda: b"\x1b[1;3R" in board.typed)
        assert b"ls\r\x03q\x1b\x12" in board.typed, "every key goes to the board"
        board.typed = b""
        view.post_message(Paste("one\ntwo\x1b[201~three"))
        await until(pilot, lambda: board.typed)
        assert board.typed == b"\x1b[200~one\rtwo[201~three\x1b[201~"
        await pilot.resize_terminal(100, 40)
        await until(pilot, lambda: board.sizes[-1] == (100, 39))

        await board.output.put(b"\x1b[2J\x1b[H" + b"".join(b"row %d\r\n" % n for n in range(60)))
        await until(pilot, lambda: view.emulator.back >= 22)
        await pilot.press("shift+pageup")
        # As far as there is something.
        await until(pilot, lambda: view.back == view.emulator.back == 22)
        first = view.render_line(0).text.rstrip()
        await board.output.put(b"more\r\n")
        await until(pilot, lambda: view.emulator.back == 23)
        assert view.render_line(0).text.rstrip() == first, "what is read stays"
        selected = view.get_selection(Selection(Offset(0, 1), Offset(5, 2)))
        assert selected is not None and selected[0] == "row 1\nrow 2"
        await pilot.press("x")
        assert view.back == 0, "typing shows the end again"

        await pilot.press("ctrl+right_square_bracket")
        await until(pilot, lambda: app.left and not isinstance(app.screen, ConsoleScreen))
        serving.cancel()


async def test_a_flood_leaves_room_for_keys() -> None:
    """`yes` on the board: other work of the app goes on between slices of the output."""
    app, board = Harness(), Board()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = ConsoleScreen("lab", simulated=True)
        await app.push_screen(screen)
        await pilot.pause()
        view, turns = screen.query_one(ConsoleView), 0

        async def other() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        task = asyncio.create_task(other())
        view.connect(board)
        await view.feed(b"abcdefgh\r\n" * 20_000)
        task.cancel()
        # On any machine: a slice ends after some milliseconds, and there were many.
        assert turns > 20
        assert view.emulator.back == _MOST_BACK


async def test_the_app_s_own_keys_belong_to_the_board(make_app: MakeApp) -> None:
    app, board = make_app(None), Board()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = ConsoleScreen("lab", simulated=False)
        await app.push_screen(screen)
        serving = asyncio.create_task(screen.serve(board))
        await pilot.pause()
        # Quit, palette, help, a picture of the screen: of all screens, but not of this one.
        await pilot.press("ctrl+q", "ctrl+p", "f1", "q", "ctrl+c", "tab")
        assert board.typed == b"\x11\x10\x1bOPq\x03\t"
        assert app.screen is screen and app.is_running
        text = screen_text(app)
        assert "ctrl+] leave" in text.splitlines()[-1], "the one way out is shown"
        await pilot.press("ctrl+right_square_bracket")
        await until(pilot, lambda: app.screen is not screen)
        serving.cancel()
