"""A TOML file with a table for each machine that the user has named; it never holds a secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from finn_tui.base import config, paths
from finn_tui.base.errors import FinnTuiError

if TYPE_CHECKING:
    import tomlkit

E = TypeVar("E", bound=msgspec.Struct)

_SECRETS = ("pass", "token", "secret")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


class EntryFile(Generic[E]):
    """The file of one kind of machine: read entry by entry, changed under its lock."""

    def __init__(
        self,
        word: str,
        kind: type[E],
        check: Callable[[str, E, Path], None],
        *,
        reserved: str = "",
        example: str = "--host ADDRESS",
    ) -> None:
        """Describe the file.

        Args:
            word: what an entry is, "board"; the file is ``boards.toml``, the command ``boards``.
            kind: the type of a table.
            check: raises ``FinnTuiError`` for what no type shows, given name, entry and file.
            reserved: a name that is made by finn-tui itself and has no entry.
            example: what ``add`` needs, for the hint at it.
        """
        self._word = word
        self._kind = kind
        self._check = check
        self._reserved = reserved
        self._example = example

    @property
    def path(self) -> Path:
        """Where the file is."""
        return paths.config_dir() / f"{self._word}s.toml"

    def load(self) -> tuple[dict[str, E], dict[str, FinnTuiError]]:
        """Read the file, entry by entry.

        Returns:
            the entries by name, and what is wrong with other entries by name; where the file is no
            TOML, by the file's name.
        """
        entries: dict[str, E] = {}
        broken: dict[str, FinnTuiError] = {}
        path = self.path
        try:
            document, content = config.load(path)
        except FinnTuiError as error:
            return entries, {path.name: error}
        for name, value in document.items():
            try:
                self._check_name(name, content)
                entries[name] = self._checked({name: value}, content)[name]
            except FinnTuiError as error:
                broken[name] = error
        return entries, broken

    def missing(self, name: str, known: Iterable[str]) -> FinnTuiError:
        """What to say of a name that is not among those that can be read.

        Args:
            name: what was asked for.
            known: all names that would do.
        """
        _, broken = self.load()
        problem = broken.get(name) or broken.get(self.path.name)
        if problem is not None:
            return problem
        names = list(known)
        return FinnTuiError(
            f"there is no {self._word} called {name}{config.did_you_mean(name, names)}",
            f"Known: {', '.join(names)}." if names else f"No {self._word} has a name yet.",
            f"Name it with `finn-tui {self._word}s add {name} {self._example}`.",
        )

    def check(self, name: str, entry: E) -> None:
        """Check a name and its entry before it is written. Raises ``FinnTuiError``."""
        if self._reserved and name == self._reserved:
            raise FinnTuiError(
                f"a {self._word} cannot be called {name!r}",
                "The name is taken.",
                "Choose another name.",
            )
        self._check_name(name)
        self._checked({name: msgspec.to_builtins(entry)})

    def _check_name(self, name: str, content: bytes = b"") -> None:
        """Raise ``FinnTuiError`` for a name that cannot be typed or shown.

        Args:
            name: of an entry.
            content: of the file; empty if the name is not from there.
        """
        if _NAME.match(name):
            return
        line = config.line_of(content, (name,))
        where = f"{self.path}, line {line}: " if line else ""
        raise FinnTuiError(
            f"{where}a {self._word} cannot be called {name!r}",
            "A name begins with a letter or digit and has letters, digits, dot, - and _.",
            "Choose another name.",
        )

    def put(self, name: str, entry: E) -> None:
        """Write an entry, replacing one of the same name; the rest stays as it is.

        Raises:
            FinnTuiError: a name or value that cannot be used, or a file that cannot be written.
        """
        self.check(name, entry)

        def edit(document: tomlkit.TOMLDocument) -> None:
            self._checked(document.unwrap())
            document[name] = msgspec.to_builtins(entry)
            self._checked(document.unwrap())

        config.change(self.path, dict[str, self._kind], edit)  # type: ignore[name-defined]

    def remove(self, name: str) -> None:
        """Take an entry out of the file, if it is there."""

        def edit(document: tomlkit.TOMLDocument) -> None:
            document.pop(name, None)

        config.change(self.path, dict[str, self._kind], edit)  # type: ignore[name-defined]

    def _checked(self, document: dict[str, Any], content: bytes = b"") -> dict[str, E]:
        path = self.path
        for name, entry in document.items():
            if self._reserved and name == self._reserved:
                raise FinnTuiError(
                    f"{path}: the {self._word} {name} is made by finn-tui itself",
                    "It always exists and has no address of its own.",
                    f"Give the {self._word} in the file another name.",
                )
            if isinstance(entry, dict) and any(word in key for key in entry for word in _SECRETS):
                raise FinnTuiError(
                    f"{path}: the {self._word} {name} has a password or token in it",
                    "Secrets are not kept in files: they are asked for and kept in memory.",
                    "Remove the line; a key file or the SSH agent asks for nothing.",
                )
        kind: Any = dict[str, self._kind]  # type: ignore[name-defined]
        entries: dict[str, E] = config.decode(document, kind, path, content)
        for name, entry in entries.items():
            try:
                self._check(name, entry, path)
            except FinnTuiError as error:
                line = config.line_of(content, (name,))
                if line and error.what.startswith(f"{path}:"):
                    error.what = error.what.replace(f"{path}:", f"{path}, line {line}:", 1)
                raise
        return entries
