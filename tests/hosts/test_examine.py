"""What `hosts test` says of a host that cannot build, over a real OpenSSH server."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from finn_tui.base.errors import FinnTuiError
from finn_tui.cli import main
from finn_tui.engine import archive
from finn_tui.hosts import catalogue, examine
from finn_tui.hosts.catalogue import Host, SlurmEntry
from finn_tui.hosts.container import Container
from finn_tui.hosts.examine import HostFacts, completed
from finn_tui.hosts.local import LocalTransport
from finn_tui.hosts.pool import HostPool
from finn_tui.hosts.transport import Transport
from tests.hosts.sshd import Server

#: Says what a Python of that release with FINN would say.
_OLD_PYTHON = """#!/bin/sh
echo '{"python": "3.6.15", "name": "finn-plus", "version": "1.4.0", "place": "/finn"}'
"""
_NO_SLURM = "#!/bin/sh\necho controller is away >&2\nexit 1\n"


def script(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


async def test_a_host_where_nothing_can_be_built_says_each_reason(
    lab: Host, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINN_TUI_HOME", str(tmp_path / "finn-tui"))
    (tmp_path / "file").write_text("no folder")
    script(server.folder / "bin" / "sinfo", _NO_SLURM)
    host = replace(
        lab,
        folder=str(tmp_path / "file" / "finn-tui"),
        engine=(script(tmp_path / "python", _OLD_PYTHON),),
        slurm=SlurmEntry(),
    )
    catalogue.add(host)
    pool = HostPool()
    try:
        async with pool.use(host, trust=True) as link:
            with pytest.raises(FinnTuiError, match="finn-tui cannot be made on lab") as refused:
                await link.files(host.folder)
        assert refused.value.kind == "disk"
    finally:
        await pool.close()
    done = await asyncio.to_thread(CliRunner().invoke, main, ["hosts", "test", "lab"])
    assert done.exit_code == 1, done.output
    assert "Python 3.6.15 is too old" in done.stdout
    assert "cannot be written: " in done.stdout
    assert "Slurm does not answer: controller is away" in done.stdout


async def test_a_line_that_breaks_while_a_host_is_examined_is_connected_again(
    lab: Host, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINN_TUI_HOME", str(tmp_path / "finn-tui"))
    catalogue.add(lab)
    pool = HostPool()
    try:
        async with pool.use(lab, trust=True):
            pass
    finally:
        await pool.close()
    asked = 0

    async def cut(link: Transport, host: Host) -> HostFacts:
        nonlocal asked
        asked += 1
        if asked == 1:
            await asyncio.to_thread(server.hang_up)
            await asyncio.to_thread(server.start)
        return await real(link, host)

    real = examine.examine
    monkeypatch.setattr(examine, "examine", cut)
    done = await asyncio.to_thread(CliRunner().invoke, main, ["hosts", "test", "lab"])
    assert done.exit_code == 0, done.output
    assert asked == 2 and "connecting again" in done.stderr and lab.folder in done.stdout


async def test_a_folder_that_can_be_written_is_left_as_it_was(
    lab: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINN_TUI_HOME", str(tmp_path / "finn-tui"))
    (there := Path(lab.folder)).mkdir()
    catalogue.add(lab)
    pool = HostPool()
    try:
        async with pool.use(lab, trust=True):
            pass
    finally:
        await pool.close()
    done = await asyncio.to_thread(CliRunner().invoke, main, ["hosts", "test", "lab"])
    assert done.exit_code == 0, done.output
    assert "cannot be written" not in done.stdout and not list(there.iterdir())


@pytest.mark.parametrize("container", [None, Container(name="box")])
async def test_slurm_is_not_added_to_a_container_that_runs(
    lab: Host, server: Server, container: Container | None
) -> None:
    for name, text in (("sbatch", "#!/bin/sh\n"), ("sinfo", "#!/bin/sh\necho 'main*'\n")):
        script(server.folder / "bin" / name, text)
    pool = HostPool()
    try:
        async with pool.use(lab, trust=True) as link:
            host = await completed(link, replace(lab, engine=("python3",), container=container))
    finally:
        await pool.close()
    assert host.slurm == (SlurmEntry() if container is None else None)
    catalogue.add(host)


async def test_an_answer_that_no_reader_takes_is_a_problem_of_the_engine() -> None:
    class Odd:
        async def run(
            self, *command: str, timeout: float = 30.0, stdin: bytes = b""
        ) -> tuple[int, bytes, bytes]:
            return 0, b"[" * 100_000, b""

    facts = HostFacts("Linux", "lab", None, "/there", True, None, {}, None)
    host = Host(name="lab", engine=("python3",))
    problem = (await examine._with_engine(cast(Transport, Odd()), host, facts)).engine_problem
    assert problem.startswith("[[[") and len(problem) <= 500


#: A docker whose daemon is killed while it does what is asked: its client says nothing then.
_DOCKER = """#!/bin/sh
if [ -e "$0.killed" ]; then
    echo 'Cannot connect to the Docker daemon. Is it running?' >&2
    exit 1
fi
case "$1 $2" in
    'container inspect') echo '[{"State": {"Running": true}, "Config": {}}]' ;;
    run*|'exec -i') touch "$0.killed"; exit 255 ;;
esac
"""


@pytest.mark.parametrize(
    "container",
    [Container(name="box", runtime="docker"), Container(image="finn", runtime="docker")],
)
async def test_a_docker_that_ends_while_it_is_asked_is_said_not_to_answer(
    container: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "docker", _DOCKER)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    host = Host(name="lab", engine=("python3",), container=container)
    facts = HostFacts("Linux", "lab", None, "/there", True, None, {}, None)
    problem = (await examine._with_engine(LocalTransport(), host, facts)).engine_problem
    assert problem.endswith(" cannot be used. Cannot connect to the Docker daemon. Is it running?")
    assert problem.startswith("docker on ")


def test_a_python_that_is_too_old_for_the_engine_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 6, 15))
    with pytest.raises(SystemExit, match=r"Python 3\.6 is too old"):
        exec(archive._MAIN, {})
