"""A course as data: its parts and steps, from a TOML file that ships or that the user has."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

from finn_tui.base import config, paths
from finn_tui.base.errors import FinnTuiError

#: The course that is shown where none is named.
DEFAULT = "finn-lab"

Done = Literal[
    "prepared", "trained", "exported", "built", "measured", "validated", "pictures", "written"
]
ScreenName = Literal["flow", "tune", "board", "results"]
_Name = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$",
        description="A name of letters, digits, '.', '_' and '-'.",
    ),
]


class Step(Struct, frozen=True):
    """``[[part.step]]``: one thing to do.

    Attributes:
        title: what it is, in words.
        done: what must be on disk for it.
        command: what does it on the command line.
        key: the id of the app's action that does it.
        folding: the folding that must be built or measured; any if it is missing.
        count: how many different foldings must be.
        percent (%): the least accuracy.
        picture: what the names of pictures begin with, after the part's: the screen, as ``flow``.
    """

    title: str
    done: Done
    command: str
    key: str | None = None
    folding: str | None = None
    count: Annotated[int, Meta(ge=1, description="A whole number from 1.")] = 1
    percent: float | None = None
    picture: str = ""


class Part(Struct, frozen=True):
    """``[[part]]``: a part of the course.

    Attributes:
        id: its folder in the submission.
        title: what it is about.
        model: the network that it works with; none for questions.
        dataset: the data set that the network is meant for.
        notes: the student's text, in the workspace's folder ``report``.
        step: its steps, in their order.
        screens: the screens that a report shows pictures of.
    """

    id: _Name
    title: str
    notes: _Name
    model: str | None = None
    dataset: str | None = None
    step: tuple[Step, ...] = ()
    screens: tuple[ScreenName, ...] = ()

    @property
    def label(self) -> str:
        """The part as people name it: "Part 1" of Part1."""
        return re.sub(r"(?<=[A-Za-z])(?=[0-9])", " ", self.id)

    @property
    def heading(self) -> str:
        """The part with what it is about."""
        return f"{self.label}: {self.title}" if self.model is not None else self.title


class Course(Struct, frozen=True):
    """A file of ``courses/``.

    Attributes:
        name: what commands call it.
        title: what it is called in reports.
        part: its parts, in their order.
    """

    name: _Name
    title: str
    part: tuple[Part, ...] = ()


def load(name: str = DEFAULT) -> Course:
    """Return a course by its name; the user's file wins over the one that ships.

    Raises:
        FinnTuiError: there is none, or its file is broken.
    """
    folders = (paths.config_dir() / "courses", paths.shipped_dir("courses"))
    for folder in folders:
        path = folder / f"{name}.toml"
        if path.is_file():
            return config.read(path, Course)
    known = sorted({path.stem for folder in folders for path in folder.glob("*.toml")})
    raise FinnTuiError(
        f"there is no course called {name}",
        f"Known: {', '.join(known)}.",
        f"Name one of them, or put {name}.toml into {folders[0]}.",
    )
