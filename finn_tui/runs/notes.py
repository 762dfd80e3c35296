"""What a user says of a run: a note and tags, in a file of their own beside run.json."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean
from finn_tui.engine.server import runfiles
from finn_tui.runs.folder import RunFolder

_TAG = re.compile(r"[\w][\w.:/+-]{0,39}")


@dataclass(frozen=True)
class Notes:
    """``notes.json``: free text, and tags in the order in which they were given."""

    note: str = ""
    tags: tuple[str, ...] = ()


def read_notes(run: RunFolder) -> Notes:
    """What is said of a run; nothing where the file is missing or broken."""
    try:
        document = runfiles.read_json(str(run.path / runfiles.NOTES)) or {}
        note, tags = document.get("note", ""), document.get("tags", [])
    except (OSError, ValueError, AttributeError, RecursionError):
        return Notes()
    # A folder may come from somebody else: what it says must not command the terminal.
    words = [clean(tag) for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    return Notes(clean(note) if isinstance(note, str) else "", tuple(words))


def set_note(run: RunFolder, text: str) -> Notes:
    """Set the note; an empty text takes it away.

    Raises:
        FinnTuiError: it cannot be written (kind "disk").
    """
    return _write(run, note=text.strip())


def change_tags(run: RunFolder, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Notes:
    """Add and take away tags.

    Raises:
        FinnTuiError: a tag has other than letters, digits and ``. _ : / + -``, or it cannot be
            written (kind "disk").
    """
    given = tuple(add)
    for tag in given:
        if not _TAG.fullmatch(tag):
            raise FinnTuiError(
                f"{tag!r} cannot be a tag",
                "A tag is one word of letters, digits and . _ : / + -, up to 40 long.",
                "Choose another; free text goes into the note.",
            )
    gone = set(remove)
    kept = [tag for tag in dict.fromkeys((*read_notes(run).tags, *given)) if tag not in gone]
    return _write(run, tags=kept)


def _write(run: RunFolder, **parts: object) -> Notes:
    try:
        runfiles.update_json(str(run.path), runfiles.NOTES, parts)
    except (OSError, ValueError) as error:
        raise FinnTuiError(
            f"what you say of {run.id} could not be written",
            str(error),
            "Make room on the disk, or mend notes.json in the run's folder.",
            kind="disk",
        ) from error
    return read_notes(run)
