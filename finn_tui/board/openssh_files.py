"""The user's OpenSSH files as asyncssh takes them: one odd line ends nothing else."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncssh
from asyncssh.config import ConfigParseError

from finn_tui.base import files, paths
from finn_tui.base.errors import FinnTuiError

_MOST_BYTES = 16 << 20
_MOST_ODD_LINES = 50


def known_hosts_file() -> Path:
    """Where trusted boards' keys are kept, beside the user's own ``~/.ssh/known_hosts``."""
    return paths.config_dir() / "known_hosts"


def user_config() -> Path:
    """The user's SSH configuration."""
    return Path("~/.ssh/config").expanduser()


def known_hosts() -> asyncssh.SSHKnownHosts:
    """All known host keys; lines that cannot be understood are left out, as OpenSSH does."""
    known = asyncssh.SSHKnownHosts()
    for path in (known_hosts_file(), Path("~/.ssh/known_hosts").expanduser()):
        with contextlib.suppress(OSError):
            with path.open("rb") as file:
                text = file.read(_MOST_BYTES).decode("utf-8", "replace")
            for line in text.splitlines():
                # Line by line: asyncssh refuses a whole file for one line. The boundary to its
                # parsers, which raise anything, as re.error and IndexError.
                with contextlib.suppress(Exception):
                    known.load(line)
    return known


def remember(key: asyncssh.SSHKey, host: str, port: int) -> None:
    """Add a host's key to ``known_hosts_file``.

    Raises:
        FinnTuiError: it cannot be written (kind "disk").
    """
    path = known_hosts_file()
    name = host if port == 22 else f"[{host}]:{port}"
    line = f"{name} {key.export_public_key().decode().strip()}\n".encode()

    def added(content: bytes) -> bytes:
        end = b"\n" if content and not content.endswith(b"\n") else b""
        return content + end + line

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise files.not_written(path, error) from error
    files.update(path, added)


@contextlib.contextmanager
def usable_config(**options: object) -> Iterator[tuple[list[str], list[str]]]:
    """The user's configuration for one connection, without the lines that asyncssh cannot read.

    Args:
        options: of the connection, as ``host``; conditions in the file depend on them.

    Yields:
        Paths for asyncssh's ``config``, and a note for each line that was left out.

    Raises:
        FinnTuiError: the file cannot be used at all; says why.
    """
    path = user_config()
    try:
        lines = path.read_bytes().decode("utf-8", "replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        yield [], []
        return
    except OSError as error:
        raise _unusable(path, str(error)) from error
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="finn-tui-ssh-") as folder:
        copy = Path(folder) / "config"
        while (problem := _problem(copy, lines, options)) is not None:
            number, why = problem
            if number is None or len(notes) >= _MOST_ODD_LINES:
                raise _unusable(path, why.replace(str(copy), str(path)))
            notes.append(f"{path}, line {number + 1} is left out: {why}")
            # What belongs to a condition that is not understood holds for no host.
            opens = re.match(r"\s*(match|host)\b", lines[number], re.IGNORECASE)
            lines[number] = "Match !all" if opens else ""
        yield [str(copy)], notes


def _problem(
    copy: Path, lines: list[str], options: dict[str, object]
) -> tuple[int | None, str] | None:
    """The first line that asyncssh cannot read, from 0 (None: another file), and why."""
    error = _tried(copy, lines, options)
    if error is None:
        return None
    if isinstance(error, ConfigParseError):
        at = re.match(re.escape(str(copy)) + r" line (\d+): (.*)", str(error), re.DOTALL)
        return (int(at[1]) - 1, at[2]) if at else (None, str(error))
    if _tried(copy, [], options) is not None:
        # Not the file: who connects meets it, too, and says what it is.
        copy.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return None
    # Its parser fails on some lines instead of refusing them: find the first such line.
    good, bad = 0, len(lines)
    while bad - good > 1:
        middle = (good + bad) // 2
        if _tried(copy, lines[:middle], options) is None:
            good = middle
        else:
            bad = middle
    return bad - 1, "it cannot be understood"


def _tried(copy: Path, lines: list[str], options: dict[str, object]) -> Exception | None:
    copy.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        asyncssh.SSHClientConnectionOptions(config=[str(copy)], **options)
    except Exception as error:  # The boundary to asyncssh's parser, which raises anything.
        return error
    return None


def _unusable(path: Path, why: str) -> FinnTuiError:
    return FinnTuiError(
        f"{path} cannot be used",
        why,
        "Correct it; `ssh -G HOST` shows what OpenSSH makes of it.",
        kind="board",
    )


def key_problem(key: str) -> FinnTuiError | None:
    """Why a private key file cannot be used; None if it can."""
    path = Path(key).expanduser()
    try:
        asyncssh.read_private_key(path)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        if "assphrase" in str(error) or isinstance(error, asyncssh.KeyEncryptionError):
            return FinnTuiError(
                f"the key {path} is encrypted",
                "finn-tui asks for no passphrases; it uses the keys that the SSH agent holds.",
                f"Run `ssh-add {path}`, then try again.",
                kind="board",
            )
        return FinnTuiError(
            f"the key {path} cannot be used",
            str(error),
            "Name a private key in OpenSSH's or PEM form as `key` in boards.toml.",
            kind="board",
        )
    except Exception as error:  # The boundary to asyncssh's parsers, which raise anything.
        return FinnTuiError(
            f"the key {path} cannot be read",
            str(error) or type(error).__name__,
            "Correct `key` in boards.toml, or remove it to use the usual keys.",
            kind="board",
        )
    return None
