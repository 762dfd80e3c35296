"""Jobs of a real Slurm that build in containers of a real Docker daemon."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from finn_tui.base import paths
from finn_tui.hosts.container import Container
from finn_tui.hosts.detached import LABEL
from finn_tui.lab.build_places import following
from finn_tui.lab.sweep import sweep
from finn_tui.lab.sweep.sweep_items import SweepOptions
from finn_tui.lab.workbench import Workbench
from finn_tui.runs.documents import RunState
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.slurm.script import JobPlan, batch_script
from tests.hosts.docker_daemon import IMAGE, Docker
from tests.hosts.slurm_cluster import SlurmCluster
from tests.lab.slurm.test_slurm_builds import lab, open_model
from tests.runs.conftest import STEPS
from tests.waiting import PATIENCE, until

__all__ = ["lab"]

HOSTS = f"""
[boxes]
engine = ["/usr/bin/python3"]
env = {{IN_THE_BOX = "a b'c"}}
setup = "printenv IN_THE_BOX SLURM_JOB_ID"
[boxes.slurm]
cpus = 1
parallel = 2
[boxes.container]
image = "{IMAGE}"
mounts = ["/usr:/usr:ro"]
options = ["--network", "none"]
"""


async def state_of(lab: Workbench, run: RunFolder, *states: str) -> RunState:
    async with asyncio.timeout(PATIENCE), following.asked(lab.workspace.runs_dir):
        while (state := reconcile(run)).state not in states:  # noqa: ASYNC110 - a file tells it
            await asyncio.sleep(0.1)
    return state


def containers(docker: Docker) -> list[str]:
    return docker.run("ps", "-a", "--filter", f"label={LABEL}", "--format", "{{.Names}}").split()


async def none_left(docker: Docker) -> None:
    """Wait until the scripts of jobs whose runs have ended have removed their containers."""
    await until(lambda: not containers(docker))


async def test_jobs_build_in_containers_and_scancel_reaches_them(
    docker: Docker, cluster: SlurmCluster, lab: Workbench
) -> None:
    with (paths.config_dir() / "hosts.toml").open("a") as file:
        file.write(HOSTS)
    opened = await open_model(lab)
    items = sweep.named(lab, opened, ["published", "exp1"])
    options = SweepOptions(board=None, rehearse=True, seconds=1, on="boxes")
    done = await sweep.sweep(lab, items, options)
    assert [item.status for item in done] == ["done", "done"]
    for item in done:
        assert item.run is not None
        assert item.run.log.read_text().startswith("a b'c\n"), "the setup lines ran in it"
        assert str(reconcile(item.run).job).partition("_")[2] in ("0", "1")
    await none_left(docker)
    # A build that works is cancelled: its job, and the container that is no child of it.
    opened.model.dataflow.write_text(json.dumps({"steps": STEPS, "seconds": 60}))
    run = await lab.build(opened, rehearse=True, seconds=1, on="boxes")
    await state_of(lab, run, "running")
    assert containers(docker) == [f"finn-tui-{run.id}"]
    await lab.cancel(run)
    assert (await state_of(lab, run, "cancelled")).state == "cancelled"
    await none_left(docker)


@pytest.mark.parametrize("notify", ["", 'printf "%s %s" "$FINN_TUI_RUN" "$FINN_TUI_STATE"'])
def test_a_job_starts_its_python_in_an_image_of_apptainer(tmp_path: Path, notify: str) -> None:
    """A program that does what `apptainer exec` does with its words stands for it."""
    (run := tmp_path / "run 1").mkdir()
    (run / "state.json").write_text('{\n "state": "succeeded"\n}\n')
    (bin := tmp_path / "bin").mkdir()
    (bin / "apptainer").write_text('#!/bin/sh\nprintf "%s|" "$@" "$APPTAINERENV_A" "$A"\nexit 3\n')
    (bin / "apptainer").chmod(0o755)
    container = Container(
        runtime="apptainer",
        image="/shared/finn 1.sif",
        mounts=("/tools:/tools:ro",),
        env={"A": "b'c"},
        options=("--nv",),
    )
    plan = JobPlan(["python3"], [str(run)], "source x", {}, notify, container)
    environment = {"PATH": f"{bin}:{os.environ['PATH']}"}
    (tmp_path / "script").write_text(batch_script(plan))
    done = subprocess.run(["bash", str(tmp_path / "script")], env=environment)
    assert done.returncode == 3
    log = (run / "runner.log").read_text()
    assert log.startswith(
        f"exec|--nv|--bind|/tools:/tools:ro|--bind|{run}|--pwd|{run}|/shared/finn 1.sif|bash|-c|"
        f"source x\nexec \"$@\"|finn-tui|python3|{run}/engine.pyz|build|{run}|b'c|b'c|"
    )
    assert log.rpartition("|")[2].strip() == ("run 1 succeeded" if notify else "")
