"""The container in which FINN is, as engines.toml and hosts.toml name it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

#: The programs that run containers of a daemon, or as one does.
Runtime = Literal["docker", "podman"]
#: A word of the command line: one line, no blanks at its ends.
_Word = Annotated[
    str, Meta(pattern=r"\A(\S([^\n\r\0]*\S)?)?\Z", description="One line without blanks around it.")
]


class Container(Struct, frozen=True, omit_defaults=True):
    """``[NAME.container]`` in engines.toml and hosts.toml: one that runs, or an image.

    Attributes:
        runtime: the program, ``docker`` or ``podman``; empty takes the one that is there. Jobs of
            Slurm may have ``apptainer`` or ``singularity``.
        name: of a container that runs.
        image: of which a container is started for each engine and each build.
        mounts: what an image gets of the machine, ``/there:/inside`` or ``/there:/inside:ro``.
        env: variables in it.
        options: more options of ``docker run``.
    """

    runtime: Annotated[
        Literal["", "docker", "podman", "apptainer", "singularity"],
        Meta(
            description="docker, podman, or empty for the one that is there; apptainer or "
            "singularity for jobs of Slurm."
        ),
    ] = ""
    name: Annotated[_Word, Meta(description="Name of a container that runs.")] = ""
    image: Annotated[
        _Word, Meta(description="Image of which a container is started, instead of a name.")
    ] = ""
    mounts: Annotated[
        tuple[_Word, ...],
        Meta(description="What an image gets of the machine, such as /opt/Xilinx:/opt/Xilinx:ro."),
    ] = ()
    env: Annotated[dict[str, str], Meta(description="Variables in the container.")] = {}
    options: Annotated[
        tuple[_Word, ...], Meta(description="More options of `docker run` for an image.")
    ] = ()

    @property
    def title(self) -> str:
        """What it is, for people."""
        return f"container {self.name}" if self.name else f"image {self.image}"
