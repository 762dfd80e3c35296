"""The fixtures of a real Slurm."""

from tests.hosts.slurm_fixtures import cluster, started_cluster
from tests.runs.conftest import fake_archive

__all__ = ["cluster", "fake_archive", "started_cluster"]
