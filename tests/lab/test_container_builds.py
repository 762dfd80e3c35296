"""Builds in a container of a real Docker daemon, by its name in hosts.toml."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts import catalogue
from finn_tui.hosts.catalogue import Host, SlurmEntry
from finn_tui.hosts.container import Container
from finn_tui.lab.build_places import links
from finn_tui.lab.doctor.check import Check, Verdict
from finn_tui.lab.doctor.examine import examine_named
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.remote import launch, link
from tests.hosts.docker_daemon import IMAGE, Docker
from tests.lab.test_host_builds import settled
from tests.runs.conftest import fake_archive
from tests.runs.remote.conftest import BeginOn, begin_on

__all__ = ["begin_on", "fake_archive"]


@pytest.fixture
def box(
    docker: Docker, tmp_path: Path, fake_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Host]:
    """This machine with a container that sees finn-tui's folder at its own path."""
    for module in (launch, link):
        monkeypatch.setattr(module, "engine_archive", lambda: fake_archive)
    (folder := tmp_path / "host").mkdir()
    host = Host(
        name="box",
        folder=str(folder),
        engine=("/usr/bin/python3",),
        container=Container(name="builder"),
    )
    catalogue.add(host)
    with docker.container("builder", "-v", f"{folder}:{folder}"):
        yield host


async def test_a_build_goes_on_in_the_container_and_is_cancelled_there(
    box: Host, docker: Docker, begin_on: BeginOn, tmp_path: Path
) -> None:
    lab = Workbench(Workspace.open(tmp_path))
    async with links.HostLinks() as hosts, hosts.use("box") as here:
        done = await begin_on(here, seconds=0.2)
        await settled(lab, done)
        assert reconcile(done).state == "succeeded"
        assert not await working(docker)
        run = await begin_on(here, seconds=60)
    assert await working(docker), "it works after the command that started it has ended"
    assert (await lab.cancel(run)).state == "cancelled"
    assert not await working(docker)
    assert reconcile(run).state == "cancelled"


async def working(docker: Docker) -> list[str]:
    """What runs in the container beside its main process."""
    return await asyncio.to_thread(docker.processes, "builder")


async def test_a_container_that_does_not_see_the_folder_is_refused(
    box: Host, docker: Docker, tmp_path: Path
) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    catalogue.add(Host(name="blind", folder=elsewhere, engine=box.engine, container=box.container))
    async with links.HostLinks() as hosts, hosts.use("blind") as here:
        with pytest.raises(FinnTuiError, match="does not see"):
            await here.files()


async def test_the_doctor_asks_finn_where_builds_have_it(box: Host, tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path)

    async def engine_check(name: str) -> Check:
        report = await examine_named(name, workspace)
        return next(check for check in report.checks if check.id == "engine")

    inside = await engine_check("box")
    assert inside.verdict is Verdict.WRONG and "no FINN" in inside.value, "it was asked"
    image = Container(image=IMAGE, mounts=("/usr:/usr:ro",), options=("--network", "none"))
    catalogue.add(Host(name="image", folder=box.folder, engine=box.engine, container=image))
    of_image = await engine_check("image")
    assert of_image.verdict is Verdict.WRONG and "no FINN" in of_image.value
    # The image of jobs is on the nodes of a cluster.
    slurm = Host(
        name="jobs", folder=box.folder, engine=box.engine, container=image, slurm=SlurmEntry()
    )
    catalogue.add(slurm)
    assert (await engine_check("jobs")).verdict is Verdict.UNKNOWN
