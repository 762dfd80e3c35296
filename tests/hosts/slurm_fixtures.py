"""Fixtures of a real Slurm, for the conftest of tests that use one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hosts.slurm_cluster import SlurmCluster, missing


@pytest.fixture(scope="session")
def started_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """A cluster for all tests of a worker."""
    why = missing()
    if why is not None:
        pytest.skip(f"no Slurm can be started here: {why}")
    with SlurmCluster(tmp_path_factory.mktemp("slurm") / "cluster") as cluster:
        yield cluster


@pytest.fixture
def cluster(
    started_cluster: SlurmCluster, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SlurmCluster]:
    """The cluster, found by the commands of Slurm; its queue is empty again after the test."""
    for name, value in started_cluster.environment.items():
        monkeypatch.setenv(name, value)
    yield started_cluster
    started_cluster.settle()
