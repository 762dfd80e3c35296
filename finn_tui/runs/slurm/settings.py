"""How a host's jobs are sent: the table ``[NAME.slurm]`` of hosts.toml, and sbatch's options."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

_WORD = Meta(pattern=r"^[^\s\x00-\x1f]*\Z", description="One word without spaces.")


class SlurmSettings(Struct, frozen=True, omit_defaults=True):
    """How jobs are sent to a cluster; what is empty or 0 is left to the cluster.

    Attributes:
        partition: where they wait.
        time: time limit of a build, in Slurm's form: ``8:00:00``, ``1-12``.
        cpus: processors of a build.
        memory: memory of a build, as ``32G``.
        account: who pays.
        qos: quality of service.
        parallel: builds of a sweep that run at once, as many as there are licences; 0 for all.
        extra: further options of sbatch, each as one text: ``--constraint=vivado``.
    """

    partition: Annotated[str, _WORD] = ""
    time: Annotated[str, _WORD] = ""
    cpus: Annotated[int, Meta(ge=0, le=10_000)] = 0
    memory: Annotated[str, _WORD] = ""
    account: Annotated[str, _WORD] = ""
    qos: Annotated[str, _WORD] = ""
    parallel: Annotated[int, Meta(ge=0, le=10_000)] = 0
    extra: tuple[str, ...] = ()

    def options(self) -> list[str]:
        """Return the options of sbatch for one build."""
        named = {
            "partition": self.partition,
            "time": self.time,
            "cpus-per-task": str(self.cpus or ""),
            "mem": self.memory,
            "account": self.account,
            "qos": self.qos,
        }
        return [*(f"--{name}={value}" for name, value in named.items() if value), *self.extra]
