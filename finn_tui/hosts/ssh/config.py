"""Copies of the user's SSH configuration without the lines that asyncssh cannot read.

asyncssh refuses a whole file for one odd line. Files that are named by ``Include`` are copied, too,
and the copies name each other.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.config import ConfigParseError

_MOST_BYTES = 4 << 20
_MOST_FILES = 200
_MOST_ODD_LINES = 50
#: As deep as OpenSSH follows.
_DEEPEST = 16
_INCLUDE = re.compile(r"\s*include(?:\s*=\s*|\s+)(.*)", re.IGNORECASE)


class Unusable(Exception):
    """The configuration cannot be used at all; says why."""


@dataclass
class _Copy:
    original: Path
    path: Path
    lines: list[str]


class ConfigCopies:
    """Copies in a folder of a configuration and of all that it includes.

    Attributes:
        notes: what was left out, and why.
    """

    def __init__(self, config: Path, folder: Path) -> None:
        """Copy ``config`` into ``folder``.

        Raises:
            OSError: ``config`` itself cannot be read.
        """
        self.notes: list[str] = []
        self._folder = folder
        self._copies: list[_Copy] = []
        self.config = self._copy(config, 0)

    def _copy(self, original: Path, depth: int) -> Path:
        with original.open("rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
        copy = _Copy(original, self._folder / f"config-{len(self._copies)}", text.splitlines())
        self._copies.append(copy)
        for number, line in enumerate(copy.lines):
            if (include := _INCLUDE.match(line)) is not None and include[1].strip():
                where = f"{original}, line {number + 1}"
                copy.lines[number] = self._included(line, include[1], where, depth + 1)
        return copy.path

    def _included(self, line: str, patterns: str, where: str, depth: int) -> str:
        """The line that includes copies of what a line includes."""
        paths: list[Path] = []
        try:
            for pattern in shlex.split(patterns):
                paths += _matches(pattern)
        except (ValueError, RuntimeError, OSError, IndexError):
            # Quotes, ~, or a pattern that pathlib refuses ("." is an IndexError of its): the line
            # stays for asyncssh, which meets the same, and ``mend`` notes it.
            return line
        copies = []
        for path in paths:
            if depth > _DEEPEST or len(self._copies) >= _MOST_FILES:
                self.notes.append(f"{where}: {path} is left out: too many files include others")
                break
            try:
                copies.append(self._copy(path, depth))
            except OSError as error:
                self.notes.append(f"{where}: {path} is left out: {error.strerror or error}")
        return "Include " + " ".join(f'"{copy}"' for copy in copies) if copies else ""

    def mend(self, options: dict[str, Any]) -> None:
        """Blank each line that asyncssh cannot read, and note it.

        Args:
            options: of the connection, as ``host``; conditions in the files depend on them.

        Raises:
            Unusable: no such line can be named.
        """
        odd = 0
        while (problem := self._problem(options)) is not None:
            copy, number, why = problem
            if copy is None or odd >= _MOST_ODD_LINES:
                raise Unusable(self._with_originals(why))
            odd += 1
            self.notes.append(f"{copy.original}, line {number + 1} is left out: {why}")
            # What belongs to a condition that is not understood holds for no host.
            opens = re.match(r"\s*(match|host)\b", copy.lines[number], re.IGNORECASE)
            copy.lines[number] = "Match !all" if opens else ""

    def _with_originals(self, text: str) -> str:
        for copy in reversed(self._copies):
            text = text.replace(str(copy.path), str(copy.original))
        return text

    def _problem(self, options: dict[str, Any]) -> tuple[_Copy | None, int, str] | None:
        """The first line that asyncssh cannot read: its copy (None: unknown), number, and why."""
        error = self._tried(options)
        if error is None:
            return None
        if isinstance(error, ConfigParseError):
            at = re.match(r"(.*) line (\d+): (.*)", str(error), re.DOTALL)
            copy = next((c for c in self._copies if at and at[1] == str(c.path)), None)
            if at is None or copy is None:
                return None, 0, str(error)
            return copy, int(at[2]) - 1, at[3]
        if self._tried(options, 0) is not None:
            # Not the files: who connects meets it, too, and says what it is.
            self._write()
            return None
        # Its parser fails on some lines instead of refusing them: find the first such line.
        good, bad = 0, sum(len(copy.lines) for copy in self._copies)
        while bad - good > 1:
            middle = (good + bad) // 2
            if self._tried(options, middle) is None:
                good = middle
            else:
                bad = middle
        for copy in self._copies:
            if bad <= len(copy.lines):
                return copy, bad - 1, "it cannot be understood"
            bad -= len(copy.lines)
        return None, 0, str(error)

    def _write(self, most: int | None = None) -> None:
        """Write the copies; of all lines in their order only the first ``most``, None: all."""
        for copy in self._copies:
            lines = copy.lines if most is None else copy.lines[: max(0, most)]
            copy.path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            most = None if most is None else most - len(copy.lines)

    def _tried(self, options: dict[str, Any], most: int | None = None) -> Exception | None:
        self._write(most)
        try:
            asyncssh.SSHClientConnectionOptions(config=[str(self.config)], **options)
        except Exception as error:  # The boundary to asyncssh's parser, which raises anything.
            return error
        return None


def _matches(pattern: str) -> Iterator[Path]:
    """The files that a pattern of ``Include`` names, as asyncssh finds them."""
    path = Path(pattern).expanduser()
    if path.anchor:
        start, rest = Path(path.anchor), str(Path(*path.parts[1:]))
    else:
        start, rest = Path("~/.ssh").expanduser(), pattern
    return (match for match in sorted(start.glob(rest)) if match.is_file())
