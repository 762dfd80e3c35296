"""The choice of a board shows whether each answers, and never waits for that."""

from __future__ import annotations

import asyncio
import socket
from functools import partial

import pytest

from finn_tui.board import catalogue
from finn_tui.board.catalogue import Board
from finn_tui.hosts import reach
from finn_tui.hosts.machine import Machine
from finn_tui.hosts.reach import Reach, ReachStatus
from tests.ui.conftest import MakeApp, opened, screen_text, until, until_mode


async def test_boards_are_looked_for(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    # However slow the machine that tests it is.
    monkeypatch.setattr(reach, "measure", partial(reach.measure, seconds=100))

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-board\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        catalogue.add(Board("here", "127.0.0.1", server.sockets[0].getsockname()[1]))
        catalogue.add(Board("off", "127.0.0.1", closed.getsockname()[1], stand_in=True))
        app = make_app("tfc-w1a1")
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(pilot)
            await pilot.press("4")
            await until_mode(pilot, "board")
            await until(pilot, lambda: "nothing is built" in screen_text(app))
            await pilot.press("t")
            await until(pilot, lambda: " ms " in line_of(screen_text(app), "here"))
            await until(pilot, lambda: "refuses" in line_of(screen_text(app), "off"))
            assert "SIMULATED" in line_of(screen_text(app), "off")
            assert "on this machine" in line_of(screen_text(app), "simulated")
            await pilot.press(*"her", "enter")
            await until(pilot, lambda: app.state.board.machine == "here")
    server.close()


async def test_a_board_that_is_silent_does_not_hold_the_choice(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()

    async def silent(machine: Machine, seconds: float = 2.0) -> Reach:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Reach(ReachStatus.SILENT)

    monkeypatch.setattr(reach, "measure", silent)
    catalogue.add(Board("far", "192.0.2.1"))
    app = make_app("tfc-w1a1")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("4")
        await until_mode(pilot, "board")
        await pilot.press("t")
        await until(pilot, lambda: "..." in line_of(screen_text(app), "far"))
        await pilot.press(*"far", "enter")
        await until(pilot, lambda: app.state.board.machine == "far")
        await until(pilot, ended.is_set)


def line_of(text: str, name: str) -> str:
    """The line of a board in the list."""
    rows = (line.split() for line in text.splitlines() if "│" in line)
    return " ".join(next((row for row in rows if row[1:2] in ([name], [f">{name}"])), []))
