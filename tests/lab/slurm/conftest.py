"""The fixtures of a real Slurm."""

from tests.hosts.slurm_fixtures import cluster, started_cluster
from tests.runs.conftest import fake_archive
from tests.runs.remote.conftest import server

__all__ = ["cluster", "fake_archive", "server", "started_cluster"]
