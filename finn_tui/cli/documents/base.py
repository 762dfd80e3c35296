"""What every document of ``--json`` has, and what several of them share."""

from __future__ import annotations

from msgspec import Struct

from finn_tui.runs.documents import RunError


class Document(Struct, frozen=True, kw_only=True):
    """What every document has.

    Attributes:
        format_version: version of the document's form.
    """

    format_version: int


class DamagedItem(Struct, frozen=True, kw_only=True):
    """Something that cannot be read, listed beside what can be.

    Attributes:
        name: its name: of a run's folder, of an entry in a file, or of the file.
        what: what is wrong.
        why: why.
        fix: what to do about it.
    """

    name: str
    what: str
    why: str
    fix: str


class Failure(Document, frozen=True, kw_only=True):
    """Printed by every command that could not do its work, with exit code 1, or 2 for wrong use.

    Attributes:
        error: what happened.
    """

    error: RunError


class Finn(Struct, frozen=True):
    """The FINN that a design was made with.

    Attributes:
        flavour: ``finn-plus`` or ``upstream``.
        version: of FINN.
    """

    flavour: str
    version: str


class Resources(Struct, frozen=True, kw_only=True):
    """Resources of the FPGA.

    Attributes:
        LUT: look-up tables.
        BRAM_18K: block RAM in halves of 18 kbit.
        URAM: UltraRAM blocks.
        DSP: DSP slices.
    """

    LUT: float
    BRAM_18K: float
    URAM: float
    DSP: float
