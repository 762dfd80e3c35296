"""The user's OpenSSH files as asyncssh takes them: one odd line ends nothing else."""

from __future__ import annotations

import contextlib
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import asyncssh

from finn_tui.base import files, paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.machine import Word, catalogue
from finn_tui.hosts.ssh.config import ConfigCopies, Unusable

_MOST_BYTES = 16 << 20
#: Keys that are tried where nobody names one.
_USUAL_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa", "id_dsa")


def known_hosts_file() -> Path:
    """Where trusted machines' keys are kept, beside the user's own ``~/.ssh/known_hosts``."""
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
def usable_config(word: Word = "host", **options: object) -> Iterator[tuple[list[str], list[str]]]:
    """The user's configuration for one connection, without the lines that asyncssh cannot read.

    Args:
        word: what is connected to, for errors.
        options: of the connection, as ``host``; conditions in the file depend on them.

    Yields:
        Paths for asyncssh's ``config``, and a note for each line that was left out.

    Raises:
        FinnTuiError: the file cannot be used at all; says why.
    """
    path = user_config()
    with tempfile.TemporaryDirectory(prefix="finn-tui-ssh-") as folder:
        try:
            copies = ConfigCopies(path, Path(folder))
            copies.mend(options)
        except (FileNotFoundError, NotADirectoryError):
            yield [], []
            return
        except OSError as error:
            raise _unusable(path, str(error), word) from error
        except Unusable as error:
            raise _unusable(path, str(error), word) from None
        yield [str(copies.config)], copies.notes


def _unusable(path: Path, why: str, word: Word) -> FinnTuiError:
    return FinnTuiError(
        f"{path} cannot be used",
        why,
        "Correct it; `ssh -G HOST` shows what OpenSSH makes of it.",
        kind=word,
    )


class KeyEncrypted(FinnTuiError):
    """A private key is encrypted, and its passphrase is not known, or is another one.

    Attributes:
        key: its file.
    """

    def __init__(self, key: Path, *, wrong: bool = False, word: Word = "host") -> None:
        """For a key file; ``wrong``: a passphrase was given that does not open it."""
        self.key = key
        # Commands of hosts ask in any terminal and have no option for it.
        password = "; where the board takes passwords, --ask-password will do"
        super().__init__(
            f"the key {key} is encrypted",
            "The passphrase that was given does not open it."
            if wrong
            else "No SSH agent holds it, and nobody was there to be asked for its passphrase.",
            f"Give its passphrase when asked, or run `ssh-add {shlex.quote(str(key))}` first"
            f"{password if word == 'board' else ''}.",
            kind="board" if word == "board" else "login",
        )


def key_path(key: str) -> Path:
    """The file of a key that a catalogue or an SSH configuration names."""
    return Path(key).expanduser()


def read_key(key: str, passphrase: str | None = None, *, word: Word = "host") -> asyncssh.SSHKey:
    """Read a private key; with a passphrase that takes a second.

    Args:
        key: its file.
        passphrase: opens it; kept nowhere.
        word: what it is for, for errors.

    Raises:
        KeyEncrypted: it is encrypted, and the passphrase is not its.
        FinnTuiError: it cannot be used.
    """
    path = key_path(key)
    try:
        return asyncssh.read_private_key(path, passphrase)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        if "assphrase" in str(error) or isinstance(error, asyncssh.KeyEncryptionError):
            raise KeyEncrypted(path, wrong=passphrase is not None, word=word) from None
        raise FinnTuiError(
            f"the key {path} cannot be used",
            str(error),
            f"Name a private key in OpenSSH's or PEM form as `key` in {catalogue(word)}.",
            kind=word,
        ) from None
    except Exception as error:  # The boundary to asyncssh's parsers, which raise anything.
        raise FinnTuiError(
            f"the key {path} cannot be read",
            str(error) or type(error).__name__,
            f"Correct `key` in {catalogue(word)}, or remove it to use the usual keys.",
            kind=word,
        ) from None


def identities(key: str, config: list[str], host: str) -> list[str]:
    """The private key files that a login may use, whether or not they exist.

    Args:
        key: the one that the catalogue names; empty if none.
        config: paths of the SSH configuration, see ``usable_config``.
        host: the machine's, as it is named there.
    """
    if key:
        return [key]
    # The boundary to asyncssh's parser, which raises anything; it has read this file before.
    with contextlib.suppress(Exception):
        options = asyncssh.SSHClientConnectionOptions(config=config, host=host)
        names = options.config.get("IdentityFile")
        if isinstance(names, list) and names:
            return [str(name) for name in names]
    return [f"~/.ssh/{name}" for name in _USUAL_KEYS]


def opened_keys(
    names: list[str], passphrases: Mapping[str, str], word: Word
) -> list[asyncssh.SSHKey]:
    """Those of a login's keys that can be used, if one of them needs a known passphrase.

    Args:
        names: their files; see ``identities``.
        passphrases: by the files of the keys.
        word: what the login is to, for errors.

    Returns:
        The keys; empty where no passphrase is for one of them.

    Raises:
        KeyEncrypted: a passphrase does not open its key.
    """
    if not any(str(key_path(name)) in passphrases for name in names):
        return []
    keys = []
    for name in names:
        passphrase = passphrases.get(str(key_path(name)))
        try:
            keys.append(read_key(name, passphrase, word=word))
        except FinnTuiError:
            if passphrase is not None:
                raise
    return keys
