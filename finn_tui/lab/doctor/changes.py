"""What ``doctor --fix`` may change: each change shows itself, keeps a backup and says its undo."""

from __future__ import annotations

import difflib
import os
import re
import shlex
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finn_tui.base import config, files
from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.text import one_line

_HEAD = "# Written by `finn-tui doctor --fix`, one line a variable. Edit or delete it freely.\n"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Change(ABC):
    """Something that can be changed on this machine without root."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What is done, in a few words."""

    @abstractmethod
    def preview(self) -> list[str]:
        """Exact lines of the change, as a unified diff or commands.

        Raises:
            FinnTuiError: it cannot be made.
        """

    @abstractmethod
    def apply(self) -> str:
        """Make the change and return how it is undone.

        Raises:
            FinnTuiError: it cannot be made; nothing has changed then.
        """


@dataclass(frozen=True)
class MakeFolder(Change):
    """Make a folder with its parents."""

    path: str

    @property
    def title(self) -> str:
        """What is done."""
        return f"make the folder {self.path}"

    def preview(self) -> list[str]:
        """The command that does the same."""
        return [f"mkdir -p {shlex.quote(self.path)}"]

    def apply(self) -> str:
        """Make it."""
        try:
            Path(self.path).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise files.not_written(Path(self.path), error) from error
        return f"rmdir {shlex.quote(self.path)}"


@dataclass(frozen=True)
class EditFile(Change):
    """Replace or add lines of text files; each is kept as a backup beside it.

    ``edits`` gives the new content from the old one, which is empty for a file that is not there.
    """

    def edited(self) -> Mapping[Path, tuple[str, str]]:
        """Old and new content by file, in the order of writing.

        Raises:
            FinnTuiError: a file cannot be read, or is not as it was when it was looked at.
        """
        raise NotImplementedError

    @property
    def title(self) -> str:
        """What is done."""
        return "change " + " and ".join(str(path) for path in self.edited())

    def preview(self) -> list[str]:
        """The difference of each file."""
        lines: list[str] = []
        for path, (old, new) in self.edited().items():
            lines += _difference(path, old, new)
        return lines

    def apply(self) -> str:
        """Write the files; links are followed, so that a linked file stays a link."""
        undo = []
        for path, (old, new) in self.edited().items():
            if old == new:
                continue
            target = Path(os.path.realpath(path))
            undo.append(_backup(target))
            files.replace(target, new)
        return "; ".join(undo) or "nothing has changed"


def _difference(path: Path, old: str, new: str) -> list[str]:
    return list(
        difflib.unified_diff(
            old.splitlines(),
            new.splitlines(),
            f"{path}" if old else "/dev/null",
            str(path),
            n=1,
            lineterm="",
        )
    )


def _backup(path: Path) -> str:
    """Keep a file beside itself; the command that brings it back."""
    if not path.exists():
        return f"rm {shlex.quote(str(path))}"
    stamp = time.strftime("%Y%m%d-%H%M%S")
    backup = path.with_name(f"{path.name}.finn-tui-{stamp}")
    number = 1
    while backup.exists():
        number += 1
        backup = path.with_name(f"{path.name}.finn-tui-{stamp}-{number}")
    try:
        shutil.copy2(path, backup)
    except OSError as error:
        raise files.not_written(backup, error) from error
    return f"cp -p {shlex.quote(str(backup))} {shlex.quote(str(path))}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise FinnTuiError(
            f"{path} cannot be read",
            str(error),
            "Change it by hand.",
            kind=ErrorKind.DISK,
        ) from error


@dataclass(frozen=True)
class MendLine(EditFile):
    """Replace one line of a file.

    Attributes:
        file: the file.
        line: its number, from 1.
        old: what stands there, as a terminal shows it; the file is left alone if it is something
            else by now.
        new: what is to stand there.
    """

    file: str
    line: int
    old: str
    new: str

    def edited(self) -> Mapping[Path, tuple[str, str]]:
        """The file with that line replaced."""
        path = Path(self.file)
        content = _read(path)
        lines = content.splitlines(keepends=True)
        index = self.line - 1
        present = one_line(lines[index].rstrip("\r\n")) if 0 <= index < len(lines) else None
        if present != self.old:
            raise FinnTuiError(
                f"line {self.line} of {path} is not what it was",
                "The file has changed since it was examined.",
                "Run `finn-tui doctor` again.",
            )
        line = lines[index]
        indent = line[: len(line) - len(line.lstrip())]
        lines[index] = indent + self.new + line[len(line.rstrip("\r\n")) :]
        return {path: (content, "".join(lines))}


@dataclass(frozen=True)
class SetVariables(EditFile):
    """Set variables in a file of finn-tui's own that the shell reads at its start.

    Attributes:
        values: by name.
        file: our own.
        startup: the shell's, which gets one line that reads ours.
    """

    values: Mapping[str, str]
    file: str
    startup: str

    def edited(self) -> Mapping[Path, tuple[str, str]]:
        """Both files; the shell's only where the line is not there yet."""
        own, startup = Path(self.file), Path(self.startup)
        old = _read(own)
        lines = (old or _HEAD).splitlines()
        for name, value in self.values.items():
            lines = [line for line in lines if not line.startswith(f"export {name}=")]
            lines.append(export(name, value))
        content = _read(startup)
        place = shlex.quote(str(own))
        source = f"[ -f {place} ] && . {place}  # by finn-tui doctor"
        result = {own: (old, "\n".join(lines) + "\n")}
        if source not in content.splitlines():
            gap = "" if not content or content.endswith("\n") else "\n"
            result[startup] = (content, f"{content}{gap}{source}\n")
        return result


@dataclass(frozen=True)
class SetKey(EditFile):
    """Set one key of a TOML file; comments and other keys stay.

    Attributes:
        file: the file; it is made if it is missing.
        key: the tables and the key, outermost first.
        value: what it is set to.
    """

    file: str
    key: tuple[str, ...]
    value: str

    def edited(self) -> Mapping[Path, tuple[str, str]]:
        """The file with that key."""
        # It takes long to import.
        import tomlkit

        path = Path(self.file)
        content = _read(path)
        config.parse(path, content.encode())
        document = tomlkit.parse(content)
        table: Any = document
        for name in self.key[:-1]:
            if name not in table:
                table[name] = tomlkit.table()
            table = table[name]
        table[self.key[-1]] = self.value
        return {path: (content, tomlkit.dumps(document))}


def export(name: str, value: str) -> str:
    """The line of a shell that sets a variable.

    Raises:
        FinnTuiError: the name is none, or the value has more than one line.
    """
    if not _NAME.fullmatch(name) or not value.isprintable():
        raise FinnTuiError(
            f"{name} cannot be set",
            "The value is not one line of printable characters.",
            "Set it by hand.",
        )
    return f"export {name}={shlex.quote(value)}"
