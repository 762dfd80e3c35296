"""`engine add` of containers, run-docker.sh and hosts: what was pointed at is found out there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.engines import engine as command
from finn_tui.cli.hosts import hosts as hosts_command
from finn_tui.engine import catalogue, provision, run_docker, targets
from finn_tui.hosts import catalogue as hosts
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.container import Container
from finn_tui.hosts.pool import HostPool
from tests.engine import fake_finn
from tests.hosts.docker_daemon import IMAGE, Docker

#: As FINN's script puts the command line together, with less of it.
SCRIPT = """#!/bin/bash
: ${FINN_HOST_BUILD_DIR="/tmp/finn_dev"}
: ${FINN_DOCKER_TAG="finn-tui-test:1"}
: ${FINN_DOCKER_PREBUILT="0"}
SCRIPTPATH=$(dirname "$(readlink -f "$0")")
echo "Docker tag is named $FINN_DOCKER_TAG"
if [ "$FINN_DOCKER_PREBUILT" = "0" ]; then touch "$SCRIPTPATH/built"; fi
DOCKER_EXEC="docker run --rm --init --network none --hostname finn_dev -e SHELL=/bin/bash "
DOCKER_EXEC+="-w $SCRIPTPATH -v $SCRIPTPATH:$SCRIPTPATH "
DOCKER_EXEC+="-v $FINN_HOST_BUILD_DIR:$FINN_HOST_BUILD_DIR "
DOCKER_EXEC+="-v /usr:/usr:ro -v /etc/shadow:/etc/shadow:ro -v $SCRIPTPATH/ssh_keys:$HOME/.ssh "
DOCKER_EXEC+="-e FINN_ROOT=$SCRIPTPATH -e PYNQ_IP=$PYNQ_IP -e PYNQ_PASSWORD=xilinx "
DOCKER_EXEC+="-e PYTHONPATH=$SCRIPTPATH/src:$SCRIPTPATH/deps/qonnx/src "
DOCKER_EXEC+="$FINN_DOCKER_EXTRA $FINN_DOCKER_TAG $@"
$DOCKER_EXEC
"""


@pytest.fixture(autouse=True)
def _no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FINN_TUI_ENGINE_PYTHON", raising=False)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Sources of FINN with their script; no Python of this machine runs them."""
    root = fake_finn.checkout(tmp_path / "finn-0.9")
    fake_finn.packages(root / "deps/qonnx/src", "qonnx.core.modelwrapper")
    (root / "run-docker.sh").write_text(SCRIPT)
    return root


@pytest.fixture
def build_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "builds"
    folder.mkdir()
    monkeypatch.setenv("FINN_HOST_BUILD_DIR", str(folder))
    return folder


@pytest.fixture
def running(docker: Docker, checkout: Path) -> Iterator[str]:
    """A container of FINN that runs: what its command is given, a new process in it is not."""
    mounts = ("-v", f"{checkout}:{checkout}:ro")
    env = ("-e", f"FINN_ROOT={checkout}")
    with docker.container("finn_dev", *mounts, *env) as name:
        yield name


def test_a_running_container_is_added_by_its_name(running: str, checkout: Path) -> None:
    result = CliRunner().invoke(command, ["add", f"docker:{running}"])
    assert result.exit_code == 0, result.output
    assert "docker container that runs" in result.output
    assert "in the container finn_dev" in result.output and f"image {IMAGE}" in result.output
    spec = catalogue.find("finn_dev")
    assert spec is not None and spec.info is not None and spec.info["root"] == str(checkout)
    assert spec.container == Container(runtime="docker", name="finn_dev") and not spec.host
    listed = CliRunner().invoke(command, ["list"])
    assert "container finn_dev" in listed.output and "finn like 0.8.1" in listed.output
    info = CliRunner().invoke(command, ["info", "finn_dev"])
    assert info.exit_code == 0 and "container finn_dev" in info.output, info.output


def test_a_command_that_enters_a_container_is_that_container(running: str) -> None:
    result = CliRunner().invoke(
        command, ["add", "lab", "docker", "exec", "-i", running, "env", "PYTHONPATH=/x", "python3"]
    )
    assert result.exit_code == 1 and "This Python has no FINN" in result.output, result.output
    words = ("docker", "exec", "-it", running, "python3")
    assert targets.exec_of(words) == ("docker", running, ("python3",))
    assert targets.exec_of(("docker", "exec", "-e", "A=1", running, "python3")) is None


@pytest.mark.parametrize("place", ["script", "folder"])
def test_run_docker_is_read_as_it_starts_its_container(
    docker: Docker, checkout: Path, build_folder: Path, place: str
) -> None:
    target = checkout / "run-docker.sh" if place == "script" else checkout
    result = CliRunner().invoke(command, ["add", str(target)])
    assert result.exit_code == 0, result.output
    spec = catalogue.find("finn-0.9")
    assert spec is not None and spec.container is not None
    container = spec.container
    assert container.image == IMAGE and not container.name
    assert f"{build_folder}:{build_folder}" in container.mounts
    assert "/etc/shadow:/etc/shadow:ro" not in container.mounts
    assert not any(mount.endswith("/.ssh") for mount in container.mounts)
    assert container.env["FINN_ROOT"] == str(checkout)
    assert not {"PYNQ_PASSWORD", "PYNQ_IP"} & set(container.env)
    assert container.options == ("--network", "none", "-w", str(checkout))
    assert not (checkout / "built").exists(), "nothing is built for it"
    assert f"image {IMAGE}, as" in result.output and str(build_folder) in result.output
    assert spec.info is not None and spec.info["root"] == str(checkout)


def test_a_host_builds_in_the_container_of_a_run_docker(
    docker: Docker, checkout: Path, build_folder: Path
) -> None:
    added = CliRunner().invoke(hosts_command, ["add", "box", "--here", "--finn", str(checkout)])
    assert added.exit_code == 0, added.output
    host = hosts.find("box")
    assert host.container is not None and host.container.image == IMAGE and not host.setup
    assert f"{build_folder}:{build_folder}" in host.container.mounts
    assert host.container.env["FINN_ROOT"] == str(checkout) and host.engine[-1] == "python3"
    tested = CliRunner().invoke(hosts_command, ["test", "box"])
    assert tested.exit_code == 0 and f"FINN in {checkout}" in tested.output, tested.output
    hosts.add(replace(host, engine=("python9",)))
    tested = CliRunner().invoke(hosts_command, ["test", "box"])
    assert tested.exit_code == 1 and "python9" in tested.output


def test_an_image_that_is_not_there_is_said(
    docker: Docker, checkout: Path, build_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINN_DOCKER_TAG", "xilinx/finn:v0")
    result = CliRunner().invoke(command, ["add", str(checkout / "run-docker.sh")])
    assert result.exit_code == 1
    assert "the image xilinx/finn:v0" in result.output and "it builds the image" in result.output
    assert not catalogue.engines()


def test_what_docker_run_says_is_taken_apart() -> None:
    words = ["run", "--rm", "-it", "--init", "--gpus", "all", "--user=1:2", "-p", "1:1", "img", "x"]
    container = run_docker.parse(words, "docker")
    assert container.options == ("--gpus", "all", "--user=1:2") and container.image == "img"


@pytest.fixture
async def pool(lab: Host) -> HostPool:
    hosts.add(lab)
    pool = HostPool()
    async with pool.use(lab, trust=True):
        pass
    return pool


async def test_a_checkout_and_an_environment_on_a_host(
    pool: HostPool, checkout: Path, tmp_path: Path
) -> None:
    fake_finn.packages(checkout / "deps/qonnx/src", "numpy", "onnx")
    (checkout / "src/finn/util/test.py").unlink()
    spec, target = await provision.add(None, (str(checkout),), host="lab", pool=pool)
    assert (spec.name, spec.host, target.kind) == ("lab-finn-0.9", "lab", "FINN checkout")
    assert spec.info is not None and spec.info["root"] == str(checkout)
    python = fake_finn.environment(tmp_path / "far away" / ".venv")
    with pytest.raises(FinnTuiError, match="has no FINN"):
        await provision.add("bare", (str(python.parents[2]),), host="lab", pool=pool)
    with pytest.raises(FinnTuiError, match="there is no /nowhere on lab"):
        await provision.add("none", ("/nowhere",), host="lab", pool=pool)
    assert [each.name for each in catalogue.engines()] == ["lab-finn-0.9"]
    assert os.environ.get("FINN_ROOT") is None
    await pool.close()
