"""What the agent says of deployments, as data of checked types and sizes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import asdict

from finn_tui.board.facts import Bytes, Text, cleaned


class Deployment(Struct):
    """A run or a test set on a board.

    Attributes:
        folder: below the board's folder.
        kind: "runs" or "datasets".
        files: how many there are, those that work on the board left included.
        bytes: their size.
        time: when it was sent, seconds since 1970; None where no manifest says it.
        who: user and machine that sent it.
        whole: whether its deploy came to its end.
    """

    folder: Text
    kind: Literal["runs", "datasets"]
    files: Annotated[int, Meta(ge=0)]
    bytes: Bytes
    time: Annotated[float, Meta(ge=0.0, le=1e12)] | None = None
    who: Text | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        cleaned(self)

    @property
    def name(self) -> str:
        """The run's name."""
        return self.folder.partition("/")[2]

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {"name": self.name, **asdict(self)}


class DeploymentList(Struct):
    """What lies on a board, the newest first, and what is free on its disk."""

    entries: Annotated[list[Deployment], Meta(max_length=2000)]
    free_bytes: Bytes


class Removed(Struct):
    """Folders that were removed, and the bytes that this freed."""

    removed: Annotated[list[Text], Meta(max_length=2000)]
    freed_bytes: Bytes
