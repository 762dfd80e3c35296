"""What needs a host shares one connection to it and one question for its password."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.client import Engine
from finn_tui.hosts import catalogue, shared
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.ssh.questions import Question, QuestionKind
from finn_tui.hosts.status import HostStatus, LinkState
from finn_tui.lab.build_places.links import HostLinks
from tests.engine.test_in_container import FAKE
from tests.hosts.conftest import last
from tests.hosts.sshd import Server, new_key


class Asked:
    """Answers the questions of logins, and remembers them."""

    def __init__(self, passphrase: str) -> None:
        self.passphrase = passphrase
        self.questions: list[Question] = []

    async def __call__(self, question: Question) -> str | None:
        self.questions.append(question)
        await asyncio.sleep(0.2)  # who comes meanwhile waits for the same answer
        return "yes" if question.kind is QuestionKind.HOST_KEY else self.passphrase


@pytest.fixture
def asked(server: Server) -> Iterator[Asked]:
    """A host whose login asks for a passphrase, and for its host key."""
    key = new_key(Path(server.key))
    (server.folder / "authorized").write_bytes(key.export_public_key())
    key.write_private_key(server.key, passphrase="sesame")
    asked = Asked("sesame")
    before = shared.ask_with(asked)
    yield asked
    shared.ask_with(before)
    shared.secrets().passphrases.clear()


def logins(server: Server) -> int:
    """How many connections the server has let in."""
    return (server.folder / "sshd.log").read_text().count("Accepted publickey")


async def test_an_engine_and_runs_share_one_connection(
    asked: Asked, lab: Host, server: Server
) -> None:
    catalogue.add(lab)
    seen: list[HostStatus] = []
    stop = shared.listen(seen.append)

    async def engine() -> Engine:
        return await Engine.start(EngineSpec("far", FAKE, host="lab"))

    async def runs(hosts: HostLinks) -> None:
        async with hosts.use("lab") as link:
            assert (await link.transport.run("echo", "run"))[1] == b"run\n"

    async with HostLinks() as hosts:
        started, _, _ = await asyncio.gather(engine(), runs(hosts), runs(hosts))
        assert (await started.call("info"))["version"] == "1.6.1"
        kinds = sorted(question.kind.value for question in asked.questions)
        assert kinds == ["host key", "passphrase"]
        assert logins(server) == 1
        await started.close()
        # Whoever is left keeps it.
        await runs(hosts)
        assert logins(server) == 1
        assert last(seen).state is LinkState.CONNECTED
    assert last(seen).state is LinkState.CLOSED
    stop()
    # What was typed is known, the connection is a new one.
    async with HostLinks() as hosts:
        await runs(hosts)
    assert logins(server) == 2 and len(asked.questions) == 2


async def test_an_engine_that_does_not_start_keeps_no_connection(asked: Asked, lab: Host) -> None:
    catalogue.add(lab)
    seen: list[HostStatus] = []
    stop = shared.listen(seen.append)
    with pytest.raises(Exception, match="ended on lab"):
        await Engine.start(EngineSpec("far", ("/nowhere/python",), host="lab"))
    assert last(seen).state is LinkState.CLOSED
    stop()
