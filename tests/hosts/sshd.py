"""A real OpenSSH server on the loopback, for this user and one key only."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
import pytest

from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
SFTP = next(
    (p for p in ("/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server") if Path(p).exists()),
    "internal-sftp",
)


def new_key(path: Path, kind: str = "ssh-ed25519") -> asyncssh.SSHKey:
    """Write a new private key, in the place of one that is there."""
    path.unlink(missing_ok=True)
    key = asyncssh.generate_private_key(kind)
    key.write_private_key(path)
    path.chmod(0o600)
    return key


@dataclass
class Server:
    """An sshd.

    Attributes:
        folder: with its files; ``client`` is the key that it lets in.
        port: where it listens.
        address: likewise.
        prefix: command in front of sshd's, such as one that enters a namespace.
    """

    folder: Path
    port: int
    address: str = "127.0.0.1"
    prefix: Sequence[str] = ()
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def user(self) -> str:
        return subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()

    @property
    def key(self) -> str:
        return str(self.folder / "client")

    def start(self) -> None:
        """Start (again); ready when it answers."""
        assert SSHD is not None
        log = self.folder / "sshd.log"
        self.process = subprocess.Popen(
            [*self.prefix, SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")],
            stderr=log.open("ab"),
        )
        wait_until(lambda: "Server listening" in log.read_text() or self.process.poll() is not None)
        if self.process.poll() is not None:
            pytest.skip("sshd does not start here: " + log.read_text()[-300:])

    def stop(self) -> None:
        """End it; what it serves goes on."""
        self.process.terminate()
        self.process.wait(PATIENCE)
        (self.folder / "sshd.log").unlink(missing_ok=True)

    def set_environment(self, **variables: str) -> None:
        """Give sessions from now on these variables; they must not have blanks in them."""
        path = self.folder / "sshd_config"
        lines = path.read_text().splitlines()
        more = "".join(f" {name}={value}" for name, value in variables.items())
        path.write_text(
            "".join(
                f"{line}{more}\n" if line.startswith("SetEnv ") else f"{line}\n" for line in lines
            )
        )
        self.stop()
        self.start()

    def hang_up(self) -> None:
        """End it and all sessions that it serves."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        assert children, "it serves a session"
        self.stop()
        for child in children.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)

    def refused(self) -> str:
        """Why sshd lets this user in by no key at all; empty if it does."""
        code = (
            "import asyncio, asyncssh\n"
            "async def main():\n"
            f"    async with asyncssh.connect({self.address!r}, {self.port},\n"
            f"        username={self.user!r}, client_keys=[{self.key!r}], known_hosts=None): pass\n"
            "asyncio.run(main())\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE
        )
        return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["?"])[-1]


def server_in(
    folder: Path,
    *options: str,
    address: str = "127.0.0.1",
    prefix: Sequence[str] = (),
) -> Server:
    """Write the files of an sshd that lets this user in by the key ``client``; not started yet.

    Args:
        folder: made for them.
        options: further lines of its configuration, before ours.
        address: where it listens.
        prefix: command in front of sshd's.
    """
    if SSHD is None:
        pytest.skip("OpenSSH's sshd is not installed")
    folder.mkdir(mode=0o700)
    (folder / "bin").mkdir()
    new_key(folder / "host")
    key = new_key(folder / "client")
    (folder / "authorized").write_bytes(key.export_public_key())
    server = Server(folder, free_port(), address, prefix)
    lines = (
        *options,
        f"ListenAddress {address}",
        f"Port {server.port}",
        f"HostKey {folder}/host",
        f"AuthorizedKeysFile {folder}/authorized",
        "StrictModes no",
        "LogLevel VERBOSE",
        "UsePAM no",
        "PasswordAuthentication no",
        f"PidFile {folder}/pid",
        "PermitRootLogin yes",
        f"Subsystem sftp {SFTP}",
        f"SetEnv PATH={folder}/bin:/usr/local/bin:/usr/bin:/bin",
    )
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    return server
