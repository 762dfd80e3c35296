"""The only reader of TOML files: typed structs in, errors with file, line, key and value out."""

from __future__ import annotations

import difflib
import enum
import functools
import re
import tomllib
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError

if TYPE_CHECKING:
    import tomlkit

T = TypeVar("T")

#: Bytes beyond which a file is no configuration.
_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Problem:
    """One mistake in a file.

    Attributes:
        key: keys down to the value, outermost first.
        what: what is wrong, with key and value.
        allowed: what may stand there.
    """

    key: tuple[str, ...]
    what: str
    allowed: str


def parse(path: Path, content: bytes) -> dict[str, Any]:
    """Parse a TOML file's content.

    Args:
        path: where it comes from, for the error.
        content: UTF-8, with or without a byte order mark.

    Raises:
        FinnTuiError: it is no TOML; the error names the line and shows it.
    """
    if len(content) > _MOST_BYTES:
        raise _broken(path, f"It has {len(content):,} bytes; a configuration is small.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _broken(path, f"Line {line} has bytes that are not UTF-8.") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = re.search(r"at line (\d+)", message)
        lines = text.splitlines()
        number = int(at[1]) if at else len(lines)
        line_text = lines[number - 1].strip() if 0 < number <= len(lines) else ""
        shown = f": {line_text[:80]!r}" if line_text else ""
        raise _broken(path, f"Line {number}{shown}: {message}.") from error
    except RecursionError as error:
        raise _broken(path, "Its values are nested too deep.") from error
    except ValueError as error:
        # A number of thousands of digits, which Python refuses to read.
        raise _broken(path, f"A value cannot be read: {error}.") from error


def _broken(path: Path, why: str) -> FinnTuiError:
    return FinnTuiError(
        f"{path} cannot be read",
        why,
        "Correct the file in an editor, or remove it; finn-tui does not change it until then.",
    )


def load(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return the document and the content of a TOML file; both empty if there is no file.

    Raises:
        FinnTuiError: it cannot be read or is no TOML.
    """
    try:
        content = files.read_bounded(path, _MOST_BYTES)
    except FileNotFoundError:
        return {}, b""
    except OSError as error:
        raise _broken(path, f"{error.strerror or error}.") from error
    return parse(path, content), content


def read(path: Path, kind: type[T]) -> T:
    """Read a TOML file as a struct, or as a dict of structs.

    Args:
        path: the file; without one, the type's defaults are returned.
        kind: the type.

    Raises:
        FinnTuiError: it cannot be read, has unknown keys or wrong values; names each of them.
    """
    document, content = load(path)
    return decode(document, kind, path, content)


def decode(
    document: Mapping[str, Any],
    kind: type[T],
    path: Path,
    content: bytes = b"",
    others: Sequence[Problem] = (),
) -> T:
    """Turn a document into a struct.

    Args:
        document: as parsed from TOML.
        kind: a struct, or ``dict[str, Struct]``.
        path: where it comes from, for errors.
        content: the file's text, in which errors find their line.
        others: mistakes that no type shows.

    Raises:
        FinnTuiError: unknown keys or wrong values; names each of them and what is allowed.
    """
    mistakes = [*problems(document, kind), *others]
    if not mistakes:
        return msgspec.convert(document, kind)
    lines = [describe(problem, path, content) for problem in mistakes]
    raise FinnTuiError(
        lines[0],
        "\n".join([mistakes[0].allowed, *(line.removeprefix(f"{path}, ") for line in lines[1:])]),
        "Correct the line, or remove it; finn-tui does not change the file until then.",
    )


def describe(problem: Problem, path: Path, content: bytes = b"") -> str:
    """Return one mistake with its file and line, in one sentence.

    Args:
        problem: the mistake.
        path: the file.
        content: its text.
    """
    line = line_of(content, problem.key)
    return f"{path}{f', line {line}' if line else ''}: {problem.what}"


def problems(
    value: Any, kind: Any, key: tuple[str, ...] = (), *, tell_unknown: bool = True
) -> Iterator[Problem]:
    """Find every mistake in a value that should be of a type.

    Args:
        value: as parsed from TOML or JSON.
        kind: the type. ``Annotated[dict[str, Any], known_keys(Struct)]`` is a table that may have
            other keys beside those of the struct.
        key: keys down to the value.
        tell_unknown: whether an unknown key is a mistake.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    table = open_table(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _struct_problems(value, kind, key, tell_unknown)
    elif table is not None:
        yield from _struct_problems(value, table, key, False)
    elif origin is dict and isinstance(value, dict):
        for name, item in value.items():
            yield from problems(item, arguments[1], (*key, name), tell_unknown=tell_unknown)
    elif (origin is list or (origin is tuple and arguments[1:] == (...,))) and isinstance(
        value, list
    ):
        for index, item in enumerate(value, 1):
            yield from problems(item, arguments[0], (*key, f"#{index}"), tell_unknown=tell_unknown)
    elif (present := _present(kind)) is not None:
        if value is not None or type(None) not in arguments:
            yield from problems(value, present, key, tell_unknown=tell_unknown)
    else:
        try:
            msgspec.convert(value, kind)
        except (msgspec.ValidationError, UnicodeEncodeError) as error:
            # The second is for halves of surrogate pairs, which JSON can spell.
            yield Problem(
                key,
                f"{shown_key(key)} = {_shown(value)} is not valid",
                _allowed(error, kind, value),
            )


def _present(kind: Any) -> Any:
    """Return the one type of a value that may be missing or null; None for any other type."""
    if typing.get_origin(kind) not in (types.UnionType, typing.Union):
        return None
    absent = (type(None), msgspec.UnsetType)
    present = [argument for argument in typing.get_args(kind) if argument not in absent]
    return present[0] if len(present) == 1 else None


def known_keys(kind: type[msgspec.Struct]) -> msgspec.Meta:
    """Annotate a ``dict[str, Any]`` with the struct that describes the keys finn-tui uses."""
    return msgspec.Meta(extra={"known_keys": kind})


def open_table(kind: Any) -> type[msgspec.Struct] | None:
    """Return the struct that ``known_keys`` gave a type; None for any other type."""
    for note in getattr(kind, "__metadata__", ()):
        extra = getattr(note, "extra", None)
        if extra and "known_keys" in extra:
            struct: type[msgspec.Struct] = extra["known_keys"]
            return struct
    return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


@functools.cache
def field_types(kind: type[msgspec.Struct]) -> Mapping[str, tuple[msgspec.structs.FieldInfo, Any]]:
    """Return the annotated types of a struct's fields by their names in documents."""
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = msgspec.structs.fields(kind)
    return {field.encode_name: (field, hints[field.name]) for field in fields}


def _struct_problems(
    value: Any, kind: type[msgspec.Struct], key: tuple[str, ...], tell_unknown: bool
) -> Iterator[Problem]:
    fields = field_types(kind)
    if not isinstance(value, dict):
        yield Problem(
            key,
            f"{shown_key(key)} = {_shown(value)} is not a table",
            f"It holds the keys {', '.join(fields)}.",
        )
        return
    for name, item in value.items():
        if name in fields:
            yield from problems(item, fields[name][1], (*key, name), tell_unknown=tell_unknown)
            continue
        if not tell_unknown:
            continue
        where = f" in [{shown_key(key)}]" if key else ""
        yield Problem(
            (*key, name),
            f"{name} = {_shown(item)}{where} is an unknown key{did_you_mean(name, fields)}",
            f"Known keys: {', '.join(fields)}.",
        )
    for field, _ in fields.values():
        if field.required and field.encode_name not in value:
            owner = f"[{shown_key(key)}]" if key else "the file"
            yield Problem(
                key, f"{owner} has no {field.encode_name}", f"Required keys: {_required(kind)}."
            )


def _required(kind: type[msgspec.Struct]) -> str:
    return ", ".join(field.encode_name for field in msgspec.structs.fields(kind) if field.required)


def _allowed(error: Exception, kind: Any, value: Any) -> str:
    if typing.get_origin(kind) is Literal:
        words = [str(word) for word in typing.get_args(kind)]
        return f"It is one of {', '.join(words)}{did_you_mean(str(value), words)}."
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        words = [str(word.value) for word in kind]
        return f"It is one of {', '.join(words)}{did_you_mean(str(value), words)}."
    for note in getattr(kind, "__metadata__", ()):
        if getattr(note, "description", None):
            return str(note.description)
    text = str(error).split(" - at `")[0].replace("`", "")
    return f"{text}."


def did_you_mean(word: str, known: typing.Iterable[str]) -> str:
    """Return a hint at the nearest known word.

    Args:
        word: as typed.
        known: the words that are known.

    Returns:
        " (did you mean X?)", to be put behind a sentence; empty if none is near.
    """
    near = difflib.get_close_matches(word, list(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""


def shown_key(key: tuple[str, ...]) -> str:
    """Return a key as it is written: ``boards.Mine.part``."""
    return ".".join(key)


def line_of(content: bytes, key: tuple[str, ...]) -> int | None:
    """Return the line, from 1, on which a key is set or its table begins.

    Args:
        content: text of a TOML file.
        key: the key, one part a level.

    Returns:
        the line number; None if it is not in the text.
    """
    table: tuple[str, ...] = ()
    best = None
    wanted = ".".join(key)
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        header = re.match(r"\s*\[\[?([^\]]+)\]", line)
        if header:
            table = _parts(header[1])
            place = table
        else:
            setting = re.match(r"\s*([^=#]+?)\s*=", line)
            if not setting:
                continue
            place = (*table, *_parts(setting[1]))
        # A name with dots may be one key in quotes or one part a level.
        there = ".".join(place)
        if there == wanted:
            return number
        if there and wanted.startswith(f"{there}."):
            best = number
    return best


def _parts(text: str) -> tuple[str, ...]:
    pieces: list[tuple[str, str, str]] = re.findall(r""""([^"]*)"|'([^']*)'|([^.\s"']+)""", text)
    return tuple("".join(piece) for piece in pieces)


def change(path: Path, kind: type[T], edit: Callable[[tomlkit.TOMLDocument], None]) -> T:
    """Change a TOML file under its lock; comments and the keys that ``edit`` leaves alone stay.

    Args:
        path: the file; made if it is missing.
        kind: what it holds; the changed file is checked before it is written.
        edit: changes the document.

    Returns:
        What the file holds now.

    Raises:
        FinnTuiError: the file is broken, before or after the change, or cannot be written; it
            stays as it is.
    """
    # It takes a tenth of the app's start to import.
    import tomlkit

    result: list[T] = []

    def changed(content: bytes) -> bytes:
        parse(path, content)
        document = tomlkit.parse(content.decode("utf-8-sig"))
        edit(document)
        text = tomlkit.dumps(document).encode("utf-8")
        result[:] = [decode(parse(path, text), kind, path, text)]
        return text

    files.update(path, changed)
    return result[0]
