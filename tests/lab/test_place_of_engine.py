"""A build without a host goes where the workspace's engine is."""

from __future__ import annotations

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.hosts import catalogue
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.container import Container
from finn_tui.lab.build_places.locate import host_of_engine

IMAGE = Container(image="xilinx/finn:v0.10")
PYTHON = ("python3",)


def test_an_engine_of_this_machine_builds_here() -> None:
    assert host_of_engine(EngineSpec("own", PYTHON)) is None


def test_an_engine_in_a_container_builds_on_the_host_that_has_it() -> None:
    boxed = EngineSpec("boxed", PYTHON, container=IMAGE)
    with pytest.raises(FinnTuiError) as raised:
        host_of_engine(boxed)
    assert "hosts add NAME --here --finn docker:xilinx/finn:v0.10" in raised.value.fix
    other = Container(image="xilinx/finn:dev")
    catalogue.add(Host(name="dev", engine=PYTHON, container=other))
    catalogue.add(Host(name="far", host="far", engine=PYTHON, container=IMAGE))
    catalogue.add(
        Host(name="box", engine=PYTHON, container=Container(image=IMAGE.image, mounts=("/a:/a",)))
    )
    assert host_of_engine(boxed) == "box"


def test_an_engine_on_a_host_builds_there_only_if_builds_there_have_the_same() -> None:
    far = EngineSpec("far", PYTHON, host="lab")
    catalogue.add(Host(name="lab", host="lab", engine=("/opt/finn/bin/python",)))
    with pytest.raises(FinnTuiError, match="no host builds with the engine far") as raised:
        host_of_engine(far)
    assert "--on lab" in raised.value.fix
    catalogue.add(Host(name="lab", host="lab", engine=PYTHON))
    assert host_of_engine(far) == "lab"
