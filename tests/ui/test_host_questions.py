"""The app asks what a login to a host wants: dots for secrets, one dialog at a time."""

from __future__ import annotations

import asyncio

from finn_tui.hosts import catalogue, shared
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.machine import Machine
from finn_tui.hosts.ssh.questions import Question, QuestionKind
from finn_tui.hosts.status import LinkState
from finn_tui.ui.controllers.host_questions import HostQuestions
from tests.ui.conftest import MakeApp, RecordedLab, opened, screen_text, until

LAB = Machine("lab", "host", "lab-server", 0, "me")
PASSWORD = Question(LAB, QuestionKind.PASSWORD, "password of me@lab-server")
KEY = Question(LAB, QuestionKind.HOST_KEY, "lab is not known yet. SHA256:abc", hidden=False)


async def test_questions_of_a_login(make_app: MakeApp, lab: RecordedLab) -> None:
    app = make_app("tfc-w1a1")
    async with app.run_test(size=(140, 40)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: isinstance(shared.secrets().ask, HostQuestions))
        ask = shared.secrets().ask
        assert isinstance(ask, HostQuestions)

        key = asyncio.create_task(ask(KEY))
        password = asyncio.create_task(ask(PASSWORD))
        await until(pilot, lambda: "SHA256:abc" in screen_text(app))
        assert "trust this key" in screen_text(app)
        assert "Password of" not in screen_text(app), "one after the other"
        await pilot.press("t")
        assert await key == "yes"
        await until(pilot, lambda: "Password of me@lab-server" in screen_text(app))
        await pilot.press(*"pw7")
        await until(pilot, lambda: "•••" in screen_text(app))
        # A login that gives up while the user types gets the answer the next time.
        password.cancel()
        await pilot.press("enter")
        await until(pilot, lambda: "Password of" not in screen_text(app))
        assert await ask(PASSWORD) == "pw7"

        # No is no: the line is tried again and again, the user is not asked again.
        refused = asyncio.create_task(ask(PASSWORD))
        await until(pilot, lambda: "Password of me@lab-server" in screen_text(app))
        await pilot.press("escape")
        assert await refused is None
        assert await ask(PASSWORD) is None
        assert "Password of" not in screen_text(app)


async def test_the_list_of_hosts_ends_no_connection_that_is_being_made(make_app: MakeApp) -> None:
    """A host far away is waited for: who looks how it is does not give it up."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    catalogue.add(Host(name="slow", host="127.0.0.1", port=port, user="me"))
    app = make_app(None)
    async with server, app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.state.runs_read)
        app.hosts.log_in("slow")
        await until(pilot, lambda: "slow" in app.state.hosts)
        await pilot.press("f4")
        await until(pilot, lambda: "enter connects now" in screen_text(app))
        await pilot.pause(0.2)
        assert app.state.hosts["slow"].state is LinkState.CONNECTING
        assert screen_text(app).count("connecting") >= 2, "on top and in the list"
