"""A build in a container of its own that has not begun to work, without a daemon."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, cast

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.container import Container
from finn_tui.hosts.detached import Detached, ImageContainers
from finn_tui.hosts.remote_files import RemoteFiles
from finn_tui.hosts.transport import Transport
from finn_tui.runs.remote import image_link
from finn_tui.runs.remote.image_link import ImageLink

FOLDER = "/host/runs/one"


class Containers:
    """Those of one run.

    Attributes:
        removed: whose containers were removed.
    """

    container = Container(image="finn")

    def __init__(self, *known: Detached) -> None:
        self._known = list(known)
        self.removed: list[str] = []

    async def find(self, folder: str) -> list[Detached]:
        """All."""
        return self._known

    async def last_words(self, known: Detached) -> str:
        """None has any."""
        return ""

    async def remove(self, known: Detached, folder: str) -> None:
        """Keep which."""
        self.removed.append(known.id)


class QueuedLink(ImageLink):
    """Its runner says nothing."""

    async def _state(self, folder: str) -> dict[str, Any] | None:
        return {"state": "queued"}

    async def ask(
        self, job: str, *, seconds: float = 0.0, build: bool = False, **request: Any
    ) -> dict[str, Any]:
        """The run is concluded."""
        assert job == "conclude" and request["state"] == "failed"
        return {}


def link_to(containers: Containers) -> ImageLink:
    """A link whose containers are these."""
    transport, every = cast(Transport, None), cast(ImageContainers, containers)
    return QueuedLink(Host(name="image", container=containers.container), transport, every)


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (Detached("a", running=True), "Its container has said nothing for 0 s."),
        (Detached("a", running=False, exit_code=3), "Its container ended with code 3 and said"),
    ],
)
async def test_why_a_container_does_not_build_is_said(
    known: Detached, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_link, "START_SECONDS", 0.0)
    containers = Containers(known)
    with pytest.raises(FinnTuiError, match="could not be started") as failed:
        await link_to(containers)._taken_over(known, FOLDER)
    assert failed.value.why.startswith(why)
    assert containers.removed == ["a"]


async def test_a_state_that_no_reader_takes_is_none() -> None:
    class Files:
        async def read(self, path: str, most: int) -> bytes:
            return b"[" * 100_000

    class Line:
        @contextlib.contextmanager
        def translated(self) -> Iterator[None]:
            yield

    link = ImageLink(Host(name="image"), cast(Transport, Line()), cast(ImageContainers, None))
    link._files = cast(RemoteFiles, Files())
    assert await link._state(FOLDER) is None


async def test_of_several_containers_the_one_that_runs_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(image_link, "START_SECONDS", 0.0)
    containers = Containers(Detached("old", running=False), Detached("new", running=True))
    with pytest.raises(FinnTuiError, match="could not be started"):
        await link_to(containers).start(FOLDER, 1)
    assert containers.removed == ["new"]
