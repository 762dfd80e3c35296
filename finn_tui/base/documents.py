"""The only reader of JSON documents that finn-tui's own programs wrote: checked objects out.

A document may be older or newer than this finn-tui: keys that are not known are left alone, keys
that are missing have defaults where an older version did not write them. A value of a wrong type
is an error that names the file, the key, the value and what is allowed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from finn_tui.base import config, files
from finn_tui.base.errors import FinnTuiError

T = TypeVar("T", bound=msgspec.Struct)

#: Bytes beyond which a file is none of these documents.
_MOST_BYTES = 64_000_000


def read(path: Path, fix: str = "") -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Args:
        path: the file.
        fix: what the user can do about a broken one.

    Raises:
        FileNotFoundError: there is no such file.
        FinnTuiError: it cannot be read, is too large, or holds anything else.
    """
    try:
        document = json.loads(files.read_bounded(path, _MOST_BYTES))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _broken(path, f"{error.strerror or error}.", fix) from error
    except (ValueError, RecursionError) as error:
        raise _broken(path, why_not_json(error), fix) from error
    if not isinstance(document, dict):
        raise _broken(path, "It does not hold a JSON object.", fix)
    return document


def why_not_json(error: ValueError | RecursionError) -> str:
    """Say in a sentence why a text cannot be read as JSON.

    Args:
        error: what decoding or parsing it raised.
    """
    if isinstance(error, RecursionError):
        return "Its values are nested too deep."
    if isinstance(error, UnicodeDecodeError):
        return f"It is no text: its byte {error.start + 1:,} is not {error.encoding.upper()}."
    if isinstance(error, json.JSONDecodeError):
        if not error.doc.strip():
            return "It is empty."
        return f"Line {error.lineno:,}, column {error.colno:,} is no JSON: {error.msg}."
    if "integer string conversion" in str(error):
        return f"It has a number of more than {sys.get_int_max_str_digits():,} digits."
    return f"{error}."


def check(
    document: Mapping[str, Any], kind: type[msgspec.Struct], path: Path, fix: str = ""
) -> None:
    """Check the values of a document whose keys are those of a struct.

    Args:
        document: as parsed from JSON.
        kind: the struct that describes it.
        path: where it comes from, for errors.
        fix: what the user can do about a broken one.

    Raises:
        FinnTuiError: values of a wrong type or missing keys; names each of them.
    """
    problems = list(config.problems(document, kind, tell_unknown=False))
    if problems:
        lines = [f"{problem.what}. {problem.allowed}" for problem in problems[:20]]
        raise _broken(path, "\n".join(lines), fix)


def decode(document: Mapping[str, Any], kind: type[T], path: Path, fix: str = "") -> T:
    """Turn a document into a struct.

    Args:
        document: the parsed JSON.
        kind: the type.
        path: the file it was read from, for the error.
        fix: what the user can do about a malformed one.

    Raises:
        FinnTuiError: the document does not match the type.
    """
    check(document, kind, path, fix)
    return msgspec.convert(document, kind)


def _broken(path: Path, why: str, fix: str) -> FinnTuiError:
    return FinnTuiError(f"{path} cannot be read", why, fix)
