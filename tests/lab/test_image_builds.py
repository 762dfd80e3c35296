"""Builds that each run in a container of an image, started by a real Docker daemon."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts import catalogue
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.container import Container
from finn_tui.hosts.detached import LABEL
from finn_tui.lab.build_places import links
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.remote import image_link, launch, link
from tests.hosts.docker_daemon import IMAGE, Docker
from tests.lab.test_host_builds import settled
from tests.runs.conftest import fake_archive, release
from tests.runs.remote.conftest import BeginOn, Server, begin_on, server

__all__ = ["begin_on", "fake_archive", "server"]

#: The image has no files: its containers see this machine's. There is no bridge in the tests.
CONTAINER = Container(
    image=IMAGE,
    mounts=("/usr:/usr:ro",),
    env={"IN_THE_BOX": "a b'c"},
    options=("--network", "none"),
)


@pytest.fixture
def image_host(
    docker: Docker, tmp_path: Path, fake_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> Host:
    """This machine, whose builds each get a container."""
    for module in (launch, link):
        monkeypatch.setattr(module, "engine_archive", lambda: fake_archive)
    host = Host(
        name="image",
        folder=str(tmp_path / "host"),
        engine=("/usr/bin/python3",),
        setup="export FROM_SETUP=1",
        container=CONTAINER,
    )
    catalogue.add(host)
    return host


@pytest.fixture
def lab(image_host: Host, tmp_path: Path) -> Workbench:
    """A workbench whose user knows the host."""
    return Workbench(Workspace.open(tmp_path))


async def begin(begin_on: BeginOn, **plan: object) -> RunFolder:
    """Begin a build; the connection is closed behind it."""
    async with links.HostLinks() as hosts, hosts.use("image") as there:
        run = await begin_on(there, **plan)
    assert isinstance(run, RunFolder)
    return run


def there(host: Host, run: RunFolder) -> dict[str, Any]:
    """What state.json of a run says in the folder where it works."""
    return dict(json.loads(Path(host.folder, "runs", run.id, "state.json").read_text()))


def containers(docker: Docker) -> list[str]:
    """Names of all containers of runs and jobs, those that have ended among them."""
    return docker.run("ps", "-a", "--filter", "name=finn-tui", "--format", "{{.Names}}").split()


async def test_a_build_outlives_its_command_and_leaves_its_logs_and_no_container(
    lab: Workbench, docker: Docker, image_host: Host, begin_on: BeginOn
) -> None:
    run = await begin(begin_on, seconds=0.2, say=2000, fail="step_three")
    name = f"finn-tui-{run.id}"
    assert containers(docker) == [name], "named after the run, and no job is left"
    place = f"{image_host.folder}/runs/{run.id}"
    label = docker.run("inspect", name, "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}')
    assert label == place
    environment = docker.run("inspect", name, "--format", "{{json .Config.Env}}")
    assert "IN_THE_BOX=a b'c" in json.loads(environment)
    await settled(lab, run)
    assert reconcile(run).state == "failed" and b"line 0000" in run.log.read_bytes()
    assert containers(docker) == []
    await lab.resume(run)
    assert containers(docker) == [name]
    await settled(lab, run)
    assert reconcile(run).state == "succeeded" and reconcile(run).attempt == 2
    assert containers(docker) == []


async def test_cancel_ends_the_container_of_its_run_and_no_other(
    lab: Workbench, docker: Docker, image_host: Host, begin_on: BeginOn
) -> None:
    run = await begin(begin_on, seconds=60)
    with docker.container("finn-tui-neighbour", "--label", f"{LABEL}={image_host.folder}/runs/x"):
        assert (await lab.cancel(run)).state == "cancelled"
        assert containers(docker) == ["finn-tui-neighbour"]
    assert reconcile(run).state == "cancelled"


async def test_a_container_that_was_ended_from_outside_is_said_and_resumed(
    lab: Workbench,
    docker: Docker,
    image_host: Host,
    begin_on: BeginOn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold = Path(image_host.folder) / "hold"
    run = await begin(begin_on, hold=str(hold))
    while not (await asyncio.to_thread(there, image_host, run)).get("step"):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    # As a daemon does that is restarted: nobody has cancelled the build.
    await asyncio.to_thread(docker.run, "stop", f"finn-tui-{run.id}")
    with monkeypatch.context() as impatient:
        impatient.setattr(image_link, "SILENT_SECONDS", 1.0)
        await settled(lab, run)
    release(hold)
    state = reconcile(run)
    assert state.state == "lost" and state.error is not None
    assert "ended from outside" in state.error.what and "code 1" in state.error.why
    assert containers(docker) == []
    await lab.resume(run)
    await settled(lab, run)
    assert reconcile(run).state == "succeeded"


@pytest.mark.parametrize(
    ("options", "what", "why"),
    [
        (("--no-such-option",), "no container of the image", "unknown flag"),
        (("--network", "none", "--user", "4711"), "cannot be written", "the user 4711"),
    ],
)
async def test_an_image_that_cannot_build_is_said_before_anything_is_sent(
    lab: Workbench, docker: Docker, image_host: Host, options: tuple[str, ...], what: str, why: str
) -> None:
    container = replace(CONTAINER, options=options)
    catalogue.remove("image")
    catalogue.add(replace(image_host, container=container))
    async with links.HostLinks() as hosts, hosts.use("image") as there:
        with pytest.raises(FinnTuiError, match=what) as caught:
            await launch.check(there, rehearse=True)
    assert why in caught.value.why
    assert containers(docker) == []


async def test_why_a_container_does_not_start_is_said(
    lab: Workbench, docker: Docker, image_host: Host, begin_on: BeginOn
) -> None:
    catalogue.remove("image")
    setup = 'case " $* " in *" build "*) echo no; exit 9;; esac'
    catalogue.add(replace(image_host, setup=setup))
    with pytest.raises(FinnTuiError, match="could not be started") as caught:
        await begin(begin_on, seconds=60)
    assert caught.value.why == "no"
    assert containers(docker) == []


@pytest.fixture
def far(docker: Docker, server: Server) -> Server:
    """A host behind SSH whose Docker only it finds; each build there gets a container."""
    server.stop()
    config = server.folder / "sshd_config"
    config.write_text(config.read_text() + f"SetEnv DOCKER_HOST={docker.host}\n")
    server.host = replace(server.host, engine=("/usr/bin/python3",), setup="", container=CONTAINER)
    server.start()
    catalogue.add(server.host)
    return server


async def test_the_line_and_the_server_may_go_while_a_far_container_builds(
    far: Server, docker: Docker, begin_on: BeginOn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST")
    async with far.connect():
        pass  # its host key is known from now on
    lab = Workbench(Workspace.open(tmp_path))
    async with links.HostLinks() as hosts, hosts.use("lab") as there:
        run = await begin_on(there, seconds=1)
    far.stop()
    assert containers(docker) == [f"finn-tui-{run.id}"]
    following_it = asyncio.create_task(settled(lab, run))
    await asyncio.sleep(1)
    far.start()
    await following_it
    assert reconcile(run).state == "succeeded" and containers(docker) == []
    async with links.HostLinks() as hosts, hosts.use("lab") as there:
        run = await begin_on(there, seconds=60)
    assert (await lab.cancel(run)).state == "cancelled"
    assert reconcile(run).state == "cancelled" and containers(docker) == []
