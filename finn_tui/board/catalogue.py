"""Which boards there are: named ones from ``boards.toml`` and the simulated one, which always is.

The file holds no secrets: keys stay with the SSH agent or in files that it names, passwords are
asked for and kept in memory.

    [lab]
    host = "192.168.2.99"       # or a name from ~/.ssh/config
    user = "xilinx"
    sudo = true                 # PYNQ's drivers need root
    python = "/usr/local/share/pynq-venv"

    [rented]
    url = "http://192.168.2.99:9090"    # reached by its Jupyter server only

    [lent]
    paste = true                # it has a terminal only, into which a line is pasted

    [lecture]
    recording = "/home/me/lecture.jsonl"    # no board: a recorded session of one
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict

from finn_tui.base.entries import EntryFile
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean, unprintable
from finn_tui.hosts.machine import Machine

SIMULATED = "simulated"
#: A board of which nothing is known but that it has a terminal.
PASTED = "pasted"
FLAVOURS = ("auto", "finn-plus", "upstream")
#: ``replay:FILE`` is a recorded session in place of a board.
REPLAY = "replay:"


@dataclass(frozen=True)
class Board:
    """A board that can be reached by SSH, by its Jupyter server or by a pasted line.

    Attributes:
        name: what users call it.
        host: address, or a name from the user's SSH configuration.
        port: SSH port; 0 leaves it to the SSH configuration (usually 22).
        user: login name; empty leaves it to the SSH configuration.
        folder: where our files go, relative to the home directory or absolute.
        sudo: whether the driver must be started as root by ``sudo``.
        python: interpreter, or virtual environment, that has pynq and the driver.
        driver: "finn-plus", "upstream", or "auto": what the deployment package holds.
        keep: runs that stay there after a deploy, the newest; 0 for all.
        key: private key file, if it is none of the usual ones.
        url: its Jupyter server, for one that is reached by that instead of SSH.
        paste: it is reached by a line that is pasted into its terminal, by nothing else.
        stand_in: it has finn-tui's stand-in for an FPGA and takes rehearsals, no real bitstreams.
        recording: a recorded session that is replayed in place of a board.
        replay_speed: of that: 1 as recorded, 10 ten times as fast, 0 without pauses.
    """

    name: str
    host: str
    port: int = 0
    user: str = "xilinx"
    folder: str = "finn-tui"
    sudo: bool = True
    python: str = "python3"
    driver: str = "auto"
    keep: int = 0
    key: str = ""
    url: str = ""
    paste: bool = False
    stand_in: bool = False
    recording: str = ""
    replay_speed: float = 1.0

    @property
    def replay(self) -> bool:
        """Whether this is a recorded session, of which no figure is a measurement."""
        return bool(self.recording)

    @property
    def recording_path(self) -> Path:
        """The file of the recorded session."""
        return Path(self.recording).expanduser()

    @property
    def simulated(self) -> bool:
        """Whether this is a board without an FPGA."""
        return self.stand_in or self.name == SIMULATED

    @property
    def machine(self) -> Machine:
        """What a transport must know of it."""
        address = self.url or self.host or self.address
        return Machine(self.name, "board", address, self.port, self.user, self.key)

    @property
    def is_connected_to(self) -> bool:
        """Whether it has an address that finn-tui connects to."""
        return not (self.paste or self.replay or self.name == SIMULATED)

    @property
    def address(self) -> str:
        """Where it is, for people."""
        if self.paste:
            return "a line pasted into its terminal"
        if self.recording:
            return f"REPLAY of {clean(self.recording)}"
        return self.url or (f"{self.user}@{self.host}" if self.user else self.host)

    @property
    def interpreter(self) -> str:
        """The Python to start; ``python`` may also name a virtual environment."""
        path = PurePosixPath(self.python)
        return self.python if path.name.startswith("python") else str(path / "bin" / "python3")


class BoardEntry(Struct, frozen=True, omit_defaults=True):
    """``[NAME]`` in boards.toml: a machine with an FPGA.

    Attributes:
        host: its address, or a name from ``~/.ssh/config``.
        port: SSH port; 0 leaves it to the SSH configuration (usually 22).
        user: login name; empty leaves it to the SSH configuration.
        folder: where finn-tui's files go, relative to the home directory or absolute.
        sudo: whether the driver must be started as root by ``sudo``.
        python: interpreter, or virtual environment, that has pynq and the driver.
        driver: the driver that is used; ``auto`` is what the deployment package holds.
        keep: runs that stay there after a deploy, the newest; 0 for all.
        key: private key file, if it is none of the usual ones.
        url: its Jupyter server, where it is reached by that instead of SSH.
        paste: it is reached by a line that is pasted into its terminal, by nothing else.
        stand_in: it has finn-tui's stand-in for an FPGA and takes rehearsals, no real bitstreams.
        recording: a recorded session that is replayed in place of a board.
        replay_speed: of that: 1 as recorded, 10 ten times as fast, 0 without pauses.
    """

    host: str = ""
    port: Annotated[
        int, Meta(ge=0, le=65535, description="A number between 1 and 65535; 0 is the usual one.")
    ] = 0
    user: str = "xilinx"
    folder: str = "finn-tui"
    sudo: bool = True
    python: str = "python3"
    driver: Literal["auto", "finn-plus", "upstream"] = "auto"
    keep: Annotated[int, Meta(ge=0, le=100_000, description="A number of runs; 0 for all.")] = 0
    key: str = ""
    url: str = ""
    paste: bool = False
    stand_in: bool = False
    recording: str = ""
    replay_speed: Annotated[
        float, Meta(ge=0, le=1e6, description="A factor; 0 is without pauses.")
    ] = 1.0


def replay_name(recording: Path) -> str:
    """What a replay calls the board: no name of a board has a blank."""
    return "REPLAY " + re.sub(r"[^A-Za-z0-9._-]", "_", recording.stem)[:60]


def is_replay(name: str) -> bool:
    """Whether a board's name stands for a recorded session. Reads ``boards.toml``."""
    if name.startswith(REPLAY):
        return True
    board = boards().get(name)
    return board is not None and board.replay


def marks(done: Mapping[str, Any]) -> str:
    """The words that stand beside a figure that no board was measured for; empty for others.

    Args:
        done: what was measured, as a document.
    """
    words = ("REPLAY" if done.get("replay") else "", "SIMULATED" if done.get("simulated") else "")
    return " ".join(filter(None, words))


def check_board_kind(board: Board, run: str, *, simulated: bool) -> None:
    """Refuse a rehearsal's bitstream on a real board, or the other way.

    Args:
        board: as boards.toml has it, or as its transport knows it.
        run: its name.
        simulated: whether its bitstream is a rehearsal's.

    Raises:
        FinnTuiError: it is of the other kind.
    """
    if simulated and not board.simulated:
        raise FinnTuiError(
            f"a rehearsal's bitstream is SIMULATED: {run}",
            f"{board.name} is a real board, and there is nothing in it for an FPGA.",
            "Deploy it to the board `simulated`, or build it with AMD's tools.",
        )
    if board.simulated and not simulated:
        raise FinnTuiError(
            f"{board.name} takes no real bitstream: {run}",
            "It is a simulated board, without an FPGA.",
            "Deploy it to a real board; `finn-tui boards` lists yours.",
        )


def simulated() -> Board:
    """The board that always exists; its address is known only while it runs."""
    return Board(SIMULATED, "127.0.0.1", sudo=False)


def _check(name: str, entry: BoardEntry, path: Path) -> None:
    if sum(map(bool, (entry.host, entry.url, entry.paste, entry.recording))) != 1:
        raise FinnTuiError(
            f"{path}: the board {name} needs either host or url or paste = true or recording",
            "host is its address for SSH, url that of its Jupyter server; paste is for a board "
            "that has a terminal only, recording the file of a recorded session.",
            'For example host = "192.168.2.99", or url = "http://192.168.2.99:9090".',
        )
    if PurePosixPath(_folder(entry)) in (PurePosixPath("."), PurePosixPath("/")):
        raise FinnTuiError(
            f"{path}: {name}.folder = {entry.folder!r} is no folder of its own",
            "Old runs are removed in it, so that it must hold nothing else.",
            'For example folder = "finn-tui", below the home directory there.',
        )
    if entry.python.startswith("~"):
        raise FinnTuiError(
            f"{path}: {name}.python = {entry.python!r} begins with ~",
            "The driver may be started as root, whose home is another one.",
            f'Name the whole path, such as python = "/home/xilinx/{entry.python[2:]}".',
        )
    if entry.url:
        try:
            server_address(entry.url)
        except FinnTuiError as error:
            raise FinnTuiError(f"{path}: [{name}] {error.what}", error.why, error.fix) from None


def _folder(entry: BoardEntry) -> str:
    """An entry's folder; what is relative is below the home directory, with and without ~/."""
    return "." if entry.folder == "~" else entry.folder.removeprefix("~/")


_FILE = EntryFile("board", BoardEntry, _check, reserved=SIMULATED)


def pasted() -> Board:
    """A board without an entry that is reached by a pasted line."""
    return Board(PASTED, "", paste=True)


def boards_file() -> Path:
    """Where named boards are kept."""
    return _FILE.path


def boards() -> dict[str, Board]:
    """All boards that can be read, by name, the simulated one first; see ``load_boards``."""
    return load_boards()[0]


def load_boards() -> tuple[dict[str, Board], dict[str, FinnTuiError]]:
    """Read ``boards.toml``, entry by entry.

    Returns:
        all boards by name, the simulated one first, and what is wrong with other entries by name;
        where the file is no TOML, by the file's name.
    """
    entries, broken = _FILE.load()
    named = {name: board_of(name, entry) for name, entry in entries.items()}
    return {SIMULATED: simulated(), **named}, broken


def board_of(name: str, entry: BoardEntry) -> Board:
    """The board of an entry."""
    values = {**asdict(entry), "folder": _folder(entry)}
    if entry.url:
        values |= {"url": server_address(entry.url), "host": urlsplit(entry.url).hostname}
    return Board(name, **values)


def server_address(url: str) -> str:
    """The address of a Jupyter server as it is kept: without its pages, and without secrets.

    Raises:
        FinnTuiError: it is none, or has a password or token in it.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
        plain = url.isprintable() and " " not in url
    except ValueError:
        usable, plain = False, False
    if not (usable and plain):
        odd = unprintable(url) or ("a blank" if " " in url else "")
        raise FinnTuiError(
            f"{clean(url)[:200]!r} is no address of a Jupyter server",
            f"It has {odd} in it."
            if odd
            else "It begins with http:// or https:// and names a machine.",
            "A PYNQ board's is usually http://ADDRESS:9090.",
        )
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise FinnTuiError(
            "the address of a Jupyter server must not have a password or token in it",
            "Addresses are kept in boards.toml, secrets in memory only: they are asked for.",
            f"Give {parts.scheme}://{parts.netloc.rpartition('@')[2]} and --ask-password.",
        )
    path = re.sub(r"/(lab|tree|login|notebooks)?(/.*)?$", "", parts.path) if parts.path else ""
    return f"{parts.scheme}://{parts.netloc}{path}"


def find(name: str) -> Board:
    """The board of that name. Raises ``FinnTuiError`` with the nearest names for another."""
    if name == SIMULATED:
        return simulated()
    if name.startswith(REPLAY):
        return Board(name, "", sudo=False, recording=name.removeprefix(REPLAY))
    known = boards()
    if name in known:
        return known[name]
    if name == PASTED:
        return pasted()
    raise _FILE.missing(name, known)


def add(board: Board) -> None:
    """Write a board to ``boards.toml``, replacing one of the same name; the rest stays as it is.

    Raises:
        FinnTuiError: a name that cannot be used, or a file that cannot be written.
    """
    entry = BoardEntry(**{key: getattr(board, key) for key in BoardEntry.__struct_fields__})
    if entry.url:
        address = server_address(entry.url)
        entry = msgspec.structs.replace(entry, url=address, host="")
    _FILE.put(board.name, entry)


def remove(name: str) -> None:
    """Take a board out of ``boards.toml``. Raises ``FinnTuiError`` if it is not there."""
    if name == SIMULATED:
        raise FinnTuiError(f"{name} cannot be removed", "It always exists.")
    find(name)
    _FILE.remove(name)
