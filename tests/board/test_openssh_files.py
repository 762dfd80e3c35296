"""OpenSSH's files with odd lines: a clear error or none, never a traceback, nothing else ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.board.catalogue import Board
from finn_tui.board.connection import connect
from finn_tui.hosts.ssh.errors import HostKeyChanged
from finn_tui.hosts.ssh.openssh_files import (
    KeyEncrypted,
    known_hosts,
    known_hosts_file,
    usable_config,
)
from finn_tui.rehearsal import board as rehearsal_board

KEY = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
ECDSA = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode().strip()

ODD_KNOWN_HOSTS = [
    "one-word",
    "host ssh-ed25519 !!!",
    "host ssh-ed25519",
    "@unknown-marker host ssh-ed25519 AAAA",
    "@revoked host",
    f"|9|a|b {KEY}",
    f"|1|not-base64! {KEY}",
    f"|1|only-one {KEY}",
    f"10.0.0.0/99 {KEY}",
    f"[unclosed {KEY}",
    f"!*,?? {KEY}",
    "\x00\x01\x02",
    "\udcff",
    "x" * 100_000,
    "<<<<<<< HEAD",
    "host 1024 35 123456789",
]
ODD_CONFIG = [
    "Match",
    "Match nonsense x",
    "Match host",
    "Match exec",
    "Match localnetwork 10.0.0.0/99",
    'User "unclosed',
    "Port many",
    "Compression perhaps",
    "AddressFamily ipx",
    "CanonicalizeHostname sometimes",
    "Nonsense yes",
    "Port",
    "RekeyLimit",
    "=",
    "\x00",
    "\udcff",
    "x" * 100_000,
    "Include /nowhere/*",
    "Include",
    "Include .",
    "Include /",
    "<<<<<<< HEAD",
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "user"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return home


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("odd", ODD_KNOWN_HOSTS, ids=range(len(ODD_KNOWN_HOSTS)))
def test_an_odd_known_host_ends_nothing_else(home: Path, odd: str) -> None:
    write(home / ".ssh" / "known_hosts", f"before {KEY}", odd, f"after {KEY}")
    write(known_hosts_file(), odd, f"ours {KEY}")
    known = known_hosts()
    for name in ("before", "after", "ours"):
        assert len(known.match(name, "", 22)[0]) == 1


@pytest.mark.parametrize("odd", ODD_CONFIG, ids=range(len(ODD_CONFIG)))
def test_an_odd_line_in_the_configuration_ends_nothing_else(home: Path, odd: str) -> None:
    write(home / ".ssh" / "config", "Host lab", "Port 2201", odd, "Host *", "User me")
    with usable_config(host="lab") as (config, notes):
        options = asyncssh.SSHClientConnectionOptions(config=config, host="lab")
        assert (options.port, options.username) == (2201, "me")
    assert all("config, line 3 is left out" in note for note in notes) and len(notes) <= 1


def test_what_stands_under_a_condition_that_is_not_understood_holds_for_nobody(home: Path) -> None:
    write(home / ".ssh" / "config", "Match nonsense x", "Port 99", "Host *", "Port 22")
    with usable_config(host="lab") as (config, _):
        assert asyncssh.SSHClientConnectionOptions(config=config, host="lab").port == 22


@contextlib.asynccontextmanager
async def lab(folder: Path) -> AsyncIterator[Board]:
    async with rehearsal_board.running(folder=folder, python=Path(sys.executable)) as endpoint:
        key = str(endpoint.client_key)
        yield Board("lab", endpoint.host, endpoint.port, endpoint.user, sudo=False, key=key)


async def test_it_connects_with_odd_files_and_says_so(home: Path, tmp_path: Path) -> None:
    write(home / ".ssh" / "known_hosts", *ODD_KNOWN_HOSTS)
    write(home / ".ssh" / "config", *(line for line in ODD_CONFIG if "\x00" not in line))
    # Without an end of line: the next one must not be written behind it.
    write(known_hosts_file(), f"other {KEY}")
    seen: list[Progress] = []
    async with lab(tmp_path / "board") as board:
        async with connect(board, trust=True) as link:
            assert (await link.run("echo", "on"))[1] == b"on\n"
        async with connect(board, seen.append) as link:
            assert (await link.run("echo", "on"))[1] == b"on\n"
    assert len(known_hosts_file().read_text().splitlines()) == 2
    assert any("is left out" in progress.message for progress in seen)


async def test_another_kind_of_key_behind_an_alias_is_a_changed_key(
    home: Path, tmp_path: Path
) -> None:
    async with lab(tmp_path / "board") as board:
        write(home / ".ssh" / "config", "Host alias", "HostName 127.0.0.1", f"Port {board.port}")
        write(home / ".ssh" / "known_hosts", f"[127.0.0.1]:{board.port} {ECDSA}")
        for trust in (False, True):
            with pytest.raises(HostKeyChanged):
                async with connect(replace(board, host="alias", port=0), trust=trust):
                    pass


async def test_a_revoked_key_is_refused(home: Path, tmp_path: Path) -> None:
    async with rehearsal_board.running(
        folder=tmp_path / "board", python=Path(sys.executable)
    ) as endpoint:
        write(
            home / ".ssh" / "known_hosts",
            f"@revoked [127.0.0.1]:{endpoint.port} {endpoint.host_key}",
        )
        board = Board("lab", "127.0.0.1", endpoint.port, key=str(endpoint.client_key))
        with pytest.raises(FinnTuiError, match="failed") as caught:
            async with connect(board, trust=True):
                pass
    assert "revoked" in caught.value.why


def _encrypted(path: Path) -> None:
    # As ssh-keygen makes them.
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(path)]
    subprocess.run(command, check=True)


def _encrypt(key: Path, into: Path) -> None:
    """Write a copy of a key that a passphrase opens."""
    private = asyncssh.read_private_key(key)
    private.write_private_key(into, passphrase="secret")
    into.chmod(0o600)


KEYS: dict[str, Callable[[Path], object]] = {
    "encrypted": _encrypted,
    "empty": lambda path: path.write_bytes(b""),
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 9),
    "public": lambda path: path.write_text(KEY),
    "folder": lambda path: path.mkdir(),
    "missing": lambda path: None,
    "cut": lambda path: path.write_bytes(
        asyncssh.generate_private_key("ssh-ed25519").export_private_key()[:150]
    ),
    "regular expression": lambda path: path.write_bytes(
        b"-----BEGIN [Z-A PRIVATE KEY-----\nAAAA\n-----END [Z-A PRIVATE KEY-----\n"
    ),
    "putty": lambda path: path.write_text("PuTTY-User-Key-File-3: ssh-ed25519\n"),
}


@pytest.mark.parametrize("kind", KEYS)
async def test_keys_that_cannot_be_used(home: Path, tmp_path: Path, kind: str) -> None:
    KEYS[kind](tmp_path / "key")
    with pytest.raises(FinnTuiError, match="key") as caught:
        async with connect(Board("lab", "127.0.0.1", 9, key=str(tmp_path / "key"))):
            pass
    assert caught.value.fix and caught.value.kind == "board"
    if kind == "encrypted":
        assert "ssh-add" in caught.value.fix


async def test_an_encrypted_key_opens_with_its_passphrase(home: Path, tmp_path: Path) -> None:
    async with lab(tmp_path / "board") as board:
        # As the board's only key: the usual one, one that the configuration names, one of ours.
        key = home / ".ssh" / "own"
        _encrypt(Path(board.key), key)
        async with connect(board, trust=True):
            pass
        for name, config in (("id_ed25519", []), ("other", ["IdentityFile ~/.ssh/other"])):
            path = home / ".ssh" / name
            key.rename(path)
            write(home / ".ssh" / "config", "Host *", *config)
            await _opens_with(replace(board, key=""), path)
            await _opens_with(replace(board, key=str(path)), path)
            path.rename(key)


async def _opens_with(board: Board, path: Path) -> None:
    for passphrases in ({}, {str(path): "not it"}):
        with pytest.raises(KeyEncrypted) as caught:
            async with connect(board, passphrases=passphrases):
                pass
        assert caught.value.key == path
        assert ("does not open it" in caught.value.why) == bool(passphrases)
        assert "not it" not in str(vars(caught.value)), "no error tells a secret"
    async with connect(board, passphrases={str(path): "secret"}) as link:
        assert (await link.run("echo", "on"))[1] == b"on\n"


def test_odd_lines_of_included_files_end_nothing_else(home: Path) -> None:
    ssh = home / ".ssh"
    write(ssh / "config", "Include conf.d/*", 'Include "two.conf" ~/.ssh/three.conf', "Host lab")
    write(ssh / "conf.d" / "a.conf", "Port many", "Port 2201", "Include ~/.ssh/deep.conf")
    write(ssh / "conf.d" / "b.conf", *ODD_CONFIG)
    write(ssh / "deep.conf", "Match nonsense x", "Port 99", "Host *", "User me", 'Host "unclosed')
    write(ssh / "two.conf", "Match localnetwork 10.0.0.0/99", "Port 98")
    write(ssh / "three.conf", "Include three.conf", "Host lab", "Compression yes")
    with usable_config(host="lab") as (config, notes):
        options = asyncssh.SSHClientConnectionOptions(config=config, host="lab")
        assert (options.port, options.username) == (2201, "me")
        assert options.compression_algs
        assert options.config.get("Compression") is True
    for words in ("a.conf, line 1", "deep.conf, line 1", "deep.conf, line 5", "two.conf, line 1"):
        assert any(words in note for note in notes), words
    assert any("too many files include others" in note for note in notes)
    assert not any("finn-tui-ssh" in note for note in notes), "copies are nobody's business"


@pytest.mark.parametrize(
    "host", ["a" * 70, "a..b", "", "x" * 300 + ".y", "a b", "ü" * 80, "\udcff", "host\x1b[2J", "%h"]
)
async def test_names_that_are_none(home: Path, host: str) -> None:
    write(home / ".ssh" / "config", "Host *", "ConnectTimeout 2")
    with pytest.raises(FinnTuiError) as caught:
        async with connect(Board("lab", host, 9)):
            pass
    assert caught.value.kind == "board"


async def test_a_key_that_cannot_be_remembered(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(paths, "config_dir", lambda: tmp_path / "file" / "x")
    async with lab(tmp_path / "board") as board:
        with pytest.raises(FinnTuiError, match="could not be written") as caught:
            async with connect(board, trust=True):
                pass
    assert caught.value.kind == "disk" and "known_hosts" in caught.value.what


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_configuration_that_cannot_be_read(home: Path) -> None:
    write(home / ".ssh" / "config", "Host *")
    (home / ".ssh" / "config").chmod(0)
    with pytest.raises(FinnTuiError, match="cannot be used"), usable_config(host="lab"):
        pass
