"""Checks ``--json`` documents against their description in ``finn_tui/cli/documents/``."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from finn_tui.base import config
from finn_tui.cli.common import JSON_FORMAT
from finn_tui.cli.documents import DOCUMENTS, Failure


def command_of(arguments: Sequence[str], document: dict[str, Any]) -> str:
    """The name in ``DOCUMENTS`` of the document that a command line gave."""
    words = [word for word in arguments if not word.startswith("-")]
    name = " ".join(words[:2]) if " ".join(words[:2]) in DOCUMENTS else words[0]
    if name == "build" and "--check" in arguments:
        return "build --check"
    if name == "go" and "runs" in document:
        return "go RUN RUN"
    if name == "calibrate" and "nodes" in document:
        return "calibrate RUN"
    return name


def check(arguments: Sequence[str], document: Any) -> None:
    """Fail unless every key of a document is described and has the type that is described."""
    assert isinstance(document, dict), f"{arguments}: the document is no object"
    assert next(iter(document)) == "format_version"
    assert document["format_version"] == JSON_FORMAT
    refused = set(document) == {"format_version", "error"}
    kind = Failure if refused else DOCUMENTS[command_of(arguments, document)]
    problems = [f"{problem.what}. {problem.allowed}" for problem in config.problems(document, kind)]
    assert not problems, f"{arguments}: " + "\n".join(problems)


def keys_of(kind: Any, prefix: str = "") -> Iterator[str]:
    """Every described key of a type, as ``layers.name``; not those of tables with other keys."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for name, (_, inner) in config.field_types(kind).items():
            yield prefix + name
            yield from keys_of(inner, f"{prefix}{name}.")
    elif typing.get_origin(kind) in (tuple, types.UnionType, typing.Union):
        for argument in typing.get_args(kind):
            yield from keys_of(argument, prefix)


def keys_in(value: Any, prefix: str = "") -> Iterator[str]:
    """Every key that occurs in a document, as ``keys_of`` names them."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield prefix + name
            yield from keys_in(inner, f"{prefix}{name}.")
    elif isinstance(value, list):
        for inner in value:
            yield from keys_in(inner, prefix)


def missing(command: str, documents: Iterable[Any]) -> set[str]:
    """Described keys of a command that occur in none of its documents."""
    seen = {key for document in documents for key in keys_in(document)}
    return set(keys_of(DOCUMENTS[command])) - seen
