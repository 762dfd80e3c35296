"""Documents of config: settings and configuration files."""

from __future__ import annotations

from msgspec import Struct

from finn_tui.cli.documents.base import Document
from finn_tui.lab.workspace import Settings


class ConfigShow(Document, frozen=True, kw_only=True):
    """`config show`.

    Attributes:
        path: the workspace's finn-tui.toml.
        settings: all that hold.
        set: names of those that the file sets; the others are defaults.
    """

    path: str
    settings: Settings
    set: tuple[str, ...]


class ConfigFile(Struct, frozen=True, kw_only=True):
    """A configuration file.

    Attributes:
        name: of the file.
        path: where it lies.
        exists: whether it is there.
        problems: what is wrong with it.
    """

    name: str
    path: str
    exists: bool
    problems: tuple[str, ...]


class ConfigPath(Document, frozen=True, kw_only=True):
    """`config path`.

    Attributes:
        folder: the user's configuration folder.
        files: the workspace's and the user's.
    """

    folder: str
    files: tuple[ConfigFile, ...]
