"""Which boards there are: named ones from ``boards.toml`` and the simulated one, which always is.

The file holds no secrets: keys stay with the SSH agent or in files that it names, passwords are
asked for and kept in memory.

    [lab]
    host = "192.168.2.99"       # or a name from ~/.ssh/config
    user = "xilinx"
    sudo = true                 # PYNQ's drivers need root
    python = "/usr/local/share/pynq-venv"
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from finn_tui import paths
from finn_tui.errors import FinnTuiError

if TYPE_CHECKING:
    import tomlkit

SIMULATED = "simulated"
FLAVOURS = ("auto", "finn-plus", "upstream")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


@dataclass(frozen=True)
class Board:
    """A board that can be reached by SSH.

    Attributes:
        name: what users call it.
        host: address, or a name from the user's SSH configuration.
        port: SSH port; 0 leaves it to the SSH configuration (usually 22).
        user: login name; empty leaves it to the SSH configuration.
        folder: where our files go, relative to the home directory or absolute.
        sudo: whether the driver must be started as root by ``sudo``.
        python: interpreter, or virtual environment, that has pynq and the driver.
        driver: "finn-plus", "upstream", or "auto": what the deployment package holds.
        key: private key file, if it is none of the usual ones.
    """

    name: str
    host: str
    port: int = 0
    user: str = "xilinx"
    folder: str = "finn-tui"
    sudo: bool = True
    python: str = "python3"
    driver: str = "auto"
    key: str = ""

    @property
    def simulated(self) -> bool:
        """Whether this is the board without an FPGA."""
        return self.name == SIMULATED

    @property
    def interpreter(self) -> str:
        """The Python to start; ``python`` may also name a virtual environment."""
        path = PurePosixPath(self.python)
        return self.python if path.name.startswith("python") else str(path / "bin" / "python3")


_KEYS = {field.name: field.type for field in fields(Board) if field.name != "name"}
_TYPES: dict[str, type] = {"port": int, "sudo": bool}


def simulated() -> Board:
    """The board that always exists; its address is known only while it runs."""
    return Board(SIMULATED, "127.0.0.1", sudo=False)


def boards_file() -> Path:
    """Where named boards are kept."""
    return paths.config_dir() / "boards.toml"


def boards() -> dict[str, Board]:
    """All boards by name, the simulated one first.

    Raises:
        FinnTuiError: ``boards.toml`` cannot be understood; says which entry.
    """
    path = boards_file()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        content = {}
    except (OSError, ValueError) as error:
        raise FinnTuiError(f"{path} cannot be read", str(error), "Correct or remove it.") from error
    found = {SIMULATED: simulated()}
    for name, entry in content.items():
        found[name] = _read(name, entry, path)
    return found


def find(name: str) -> Board:
    """The board of that name. Raises ``FinnTuiError`` with the nearest names for another."""
    known = boards()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    raise FinnTuiError(
        f"there is no board called {name}",
        (f"Did you mean {near[0]}? " if near else "") + "Known: " + ", ".join(known) + ".",
        f"Name it with `finn-tui boards add {name} --host ADDRESS`.",
    )


def add(board: Board) -> None:
    """Write a board to ``boards.toml``, replacing one of the same name; the rest stays as it is.

    Raises:
        FinnTuiError: a name that cannot be used, or a file that cannot be written.
    """
    import tomlkit

    if board.simulated or not _NAME.match(board.name):
        raise FinnTuiError(
            f"a board cannot be called {board.name!r}",
            "The name is taken." if board.simulated else "Use letters, digits, dot, - and _.",
            "Choose another name.",
        )
    path = boards_file()
    entry: dict[str, Any] = {
        key: getattr(board, key)
        for key in _KEYS
        if key == "host" or getattr(board, key) != getattr(Board("", ""), key)
    }
    _read(board.name, entry, path)
    document = _document(path)
    table = tomlkit.table()
    for key, value in entry.items():
        table[key] = value
    document[board.name] = table
    _write(path, document)


def remove(name: str) -> None:
    """Take a board out of ``boards.toml``. Raises ``FinnTuiError`` if it is not there."""
    path = boards_file()
    document = _document(path)
    if name not in document:
        find(name)
        raise FinnTuiError(f"{name} cannot be removed", "It always exists.")
    del document[name]
    _write(path, document)


def _read(name: str, entry: Any, path: Path) -> Board:
    def wrong(why: str) -> FinnTuiError:
        return FinnTuiError(
            f"the board {name} in {path} cannot be understood",
            why,
            "Keys: " + ", ".join(_KEYS) + "; only host must be there.",
        )

    if name == SIMULATED:
        raise wrong("The simulated board is made by finn-tui itself.")
    if not isinstance(entry, dict) or not entry.get("host"):
        raise wrong("It has no host.")
    for key, value in entry.items():
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, 1)
            secret = "Passwords are not kept in files. " if "pass" in key else ""
            raise wrong(secret + f"It has a key {key!r}" + (f"; {near[0]}?" if near else "."))
        kind = _TYPES.get(key, str)
        if type(value) is not kind:
            raise wrong(f"{key} must be {'a number' if kind is int else kind.__name__}.")
    if entry.get("driver", "auto") not in FLAVOURS:
        raise wrong("driver must be one of " + ", ".join(FLAVOURS) + ".")
    if not 0 <= entry.get("port", 0) <= 65535:
        raise wrong("port must be between 1 and 65535.")
    return Board(name, **entry)


def _document(path: Path) -> tomlkit.TOMLDocument:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except (OSError, TOMLKitError) as error:
        raise FinnTuiError(f"{path} cannot be read", str(error), "Correct or remove it.") from error


def _write(path: Path, document: tomlkit.TOMLDocument) -> None:
    import tomlkit

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(tomlkit.dumps(document), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise FinnTuiError(
            f"{path} cannot be written", str(error), "Make room or correct its rights.", kind="disk"
        ) from error
