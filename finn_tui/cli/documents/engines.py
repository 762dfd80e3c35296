"""Documents of engine."""

from __future__ import annotations

from msgspec import Struct

from finn_tui.cli.documents.base import DamagedItem, Document
from finn_tui.engine.catalogue import EngineInfo
from finn_tui.hosts.container import Container


class EngineRow(Struct, frozen=True, kw_only=True):
    """A Python in which FINN is installed.

    Attributes:
        name: what it is called.
        command: what starts it, there.
        host: the host that it is on; empty for this machine.
        container: in which it is; null for none.
        managed: whether finn-tui installed it.
        flavour: ``finn-plus`` or ``upstream``; null before it was asked.
        version: of FINN; null before it was asked.
    """

    name: str
    command: tuple[str, ...]
    host: str
    container: Container | None
    managed: bool
    flavour: str | None
    version: str | None


class EngineList(Document, frozen=True, kw_only=True):
    """All engines, in the order in which they are tried.

    Attributes:
        format_version: version of the document's form.
        engines: each of them.
        damaged: those that cannot be read, each with the reason.
    """

    engines: tuple[EngineRow, ...]
    damaged: tuple[DamagedItem, ...]


class EngineInfoDocument(EngineInfo, frozen=True, kw_only=True):
    """What an engine says of itself.

    Attributes:
        format_version: version of the document's form.
        name: of the engine.
        place: where it is, in words.
        host: the host that it is on; empty for this machine.
        container: in which it is; null for none.
    """

    format_version: int
    name: str
    place: str
    host: str
    container: Container | None
