"""Fixtures that many tests share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.hosts.docker_daemon import Docker, docker_daemon

# How fast the machine is says nothing of what is tested.
settings.register_profile("finn-tui", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("finn-tui")

#: Real logs and facts that lie beside the project where it is developed, and nowhere else.
SHARED = Path(__file__).resolve().parents[2] / "shared"


#: Signals that a shell ignores for what it starts in the background, with nohup or from cron.
INHERITED = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD)


@pytest.fixture(autouse=True, scope="session")
def _signals() -> Iterator[None]:
    """Children of tests get signals as from a terminal, however the tests were started.

    An ignored signal stays ignored in every child, and Python installs no handler for it then.
    """
    ignored = {
        number: signal.SIG_IGN for number in INHERITED if signal.getsignal(number) is signal.SIG_IGN
    }
    for number in ignored:
        handler = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, handler)
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, INHERITED)
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    for number, handler in ignored.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every test has a home of its own; only the engine's environment is shared."""
    monkeypatch.setenv("FINN_TUI_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FINN_TUI_WORKSPACE", raising=False)


@pytest.fixture(scope="session")
def engine_python() -> Iterator[str]:
    """The interpreter of a real engine environment, installed as a user's would be.

    It lies where the user's lies too, so that it is made once a machine.
    ``FINN_TUI_ENGINE_PYTHON`` names another one.
    """
    given = os.environ.get("FINN_TUI_ENGINE_PYTHON")
    if given:
        yield given
        return
    code = (
        "import asyncio, sys\n"
        "from finn_tui.cli.common import Reporter\n"
        "from finn_tui.engine.provision import install\n"
        "with Reporter() as reporter:\n"
        "    print(asyncio.run(install(on_progress=reporter)).command[0])\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "FINN_TUI_HOME"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        pytest.skip("the engine could not be installed (no network?); see the messages above")
    python = done.stdout.strip().splitlines()[-1]
    os.environ["FINN_TUI_ENGINE_PYTHON"] = python
    yield python
    del os.environ["FINN_TUI_ENGINE_PYTHON"]


@pytest.fixture(scope="session")
def docker_session() -> Iterator[Docker]:
    """A Docker daemon of the tests' own."""
    with docker_daemon() as docker:
        yield docker


@pytest.fixture
def docker(docker_session: Docker, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """The daemon, which ``docker`` finds in this test."""
    monkeypatch.setenv("DOCKER_HOST", docker_session.host)
    return docker_session


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first: what needs FINN, a board or a whole build comes last."""
    # Not the keywords: the name of the folder tests/engine is one of them.
    items.sort(
        key=lambda item: tuple(
            item.get_closest_marker(name) is not None for name in ("slow", "engine")
        )
    )


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long text by its length: pytest puts ids into the environment of every child."""
    if isinstance(val, str | bytes) and len(val) > 1000:
        return f"{argname}-of-{len(val)}"
    return None
