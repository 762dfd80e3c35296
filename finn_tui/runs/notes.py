"""What a user says of a run: a note and tags, in a file of their own beside run.json."""

from __future__ import annotations

import re
from collections.abc import Iterable

from finn_tui.base import documents
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean
from finn_tui.engine.server.runs import runfiles
from finn_tui.runs.documents import Notes
from finn_tui.runs.folder import RunFolder

_TAG = re.compile(r"[\w][\w.:/+-]{0,39}")


def read_notes(run: RunFolder) -> Notes:
    """What is said of a run; nothing where there is no file or a broken one, see ``load_notes``."""
    try:
        return load_notes(run)
    except FinnTuiError:
        return Notes()


def load_notes(run: RunFolder) -> Notes:
    """What is said of a run; nothing where there is no file.

    Raises:
        FinnTuiError: notes.json is broken.
    """
    path = run.path / runfiles.NOTES
    fix = "Correct or remove the file; the run itself is not concerned."
    try:
        notes = documents.decode(documents.read(path, fix), Notes, path, fix)
    except FileNotFoundError:
        return Notes()
    # A folder may come from somebody else: what it says must not command the terminal.
    return Notes(clean(notes.note), tuple(clean(tag) for tag in notes.tags))


def set_note(run: RunFolder, text: str) -> Notes:
    """Set the note; an empty text takes it away.

    Raises:
        FinnTuiError: notes.json is broken, or cannot be written (kind "disk").
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
    remaining = [tag for tag in dict.fromkeys((*load_notes(run).tags, *given)) if tag not in gone]
    return _write(run, tags=remaining)


def _write(run: RunFolder, **parts: object) -> Notes:
    # A broken file stays as it is.
    load_notes(run)
    try:
        runfiles.update_json(str(run.path), runfiles.NOTES, parts)
    except (OSError, ValueError) as error:
        raise FinnTuiError(
            f"what you say of {run.id} could not be written",
            str(error),
            "Make room on the disk, or mend notes.json in the run's folder.",
            kind="disk",
        ) from error
    return load_notes(run)
