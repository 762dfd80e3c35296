"""The doctor of a host, over a real OpenSSH server."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from finn_tui.engine import catalogue as engines
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.hosts import catalogue
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.local import LocalTransport
from finn_tui.hosts.pool import HostPool
from finn_tui.lab.doctor import examine
from finn_tui.lab.doctor.check import Check, Report
from finn_tui.lab.doctor.examine import examine_host
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.remote.link import Link


def checks(report: Report) -> dict[str, Check]:
    return {check.id: check for check in report.checks}


async def test_a_host_is_judged_as_builds_find_it(lab: Host, tmp_path: Path) -> None:
    settings = tmp_path / "settings64.sh"
    settings.write_text("echo 'welcome {'; export FINN_HOST_BUILD_DIR=/tmp/build\n")
    host = replace(
        lab,
        engine=(sys.executable,),
        setup=f"source {settings}",
        env={"PYNQ_BOARD": "pynq z2", "FINN_XILINX_VERSION": "2022.1"},
    )
    pool = HostPool()
    try:
        async with pool.use(host, trust=True) as transport:
            report = await examine_host(Link(host, transport), Workspace.open(tmp_path / "w"))
    finally:
        await pool.close()
    assert report.host == host.name
    found = checks(report)
    assert found["PYNQ_BOARD"].verdict == "wrong"
    assert f'[{host.name}.env]: PYNQ_BOARD = "Pynq-Z2"' in found["PYNQ_BOARD"].fix
    assert "empties /tmp/build" in found["FINN_HOST_BUILD_DIR"].value
    assert found["engine"].verdict == "wrong", "this Python has no FINN"
    assert found["clock"].verdict == "ok"
    assert "workspace" not in found
    assert "hosts" not in found


async def test_named_machines_are_tried_without_a_login(
    lab: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINN_TUI_HOME", str(tmp_path / "finn-tui"))
    catalogue.add(lab)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # refuses: it does not listen
        catalogue.add(replace(lab, name="off", port=closed.getsockname()[1]))
        answers = {each.name: each for each in await examine.named_hosts(connect=True)}
    assert answers["lab"].seconds is not None
    assert answers["lab"].problem is None
    assert answers["off"].problem
    assert answers["off"].fix
    untried = {each.name: each for each in await examine.named_hosts(connect=False)}
    assert all(each.seconds is None and each.problem is None for each in untried.values())


def test_engines_elsewhere_are_not_looked_for_here() -> None:
    specs = [
        EngineSpec("gone", ("/no/such/python",)),
        EngineSpec("there", ("/no/such/python",), host="lab"),
    ]
    gone, there, wanted = examine.engine_states(specs, {}, "mine")
    assert "cannot be started" in gone.problem
    assert there.problem == ""
    assert "host lab" in there.version
    assert "not there" in wanted.problem


async def test_an_engine_that_does_not_start_and_none(lab: Host, tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "w")
    here = replace(lab, host="", port=0, user="", key="", folder=str(tmp_path / "there"))
    gone = replace(here, engine=("/no/such/python",))
    broken = checks(await examine_host(Link(gone, LocalTransport()), workspace))["engine"]
    assert (broken.verdict, "does not start" in broken.value) == ("wrong", True)
    unnamed = checks(await examine_host(Link(here, LocalTransport()), workspace))["engine"]
    assert unnamed.verdict == "warning"
    assert 'engine = ["PYTHON"] in [' in unnamed.fix


async def test_a_workspace_whose_engine_is_on_a_host_is_not_said_to_have_no_finn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This machine's Python of the same path has none, and is none of its business."""
    monkeypatch.setenv("FINN_TUI_HOME", str(tmp_path / "finn-tui"))
    engines.add(EngineSpec("there", (sys.executable,), host="lab"))
    report = await examine.examine(Workspace.open(tmp_path / "w"))
    engine = checks(report)["engine"]
    assert (engine.verdict, "host lab" in engine.value) == ("ok", True)
