"""A host: a real OpenSSH server on the loopback, with the engine's archive and a fake builder."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import psutil
import pytest

from finn_tui.engine.catalogue import EngineSpec
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.ssh.connection import SshConnection
from finn_tui.hosts.ssh.login import connect
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch.launch import BuildRequest
from finn_tui.runs.remote import launch, link
from finn_tui.runs.remote.link import Link
from tests.hosts import namespace
from tests.hosts.namespace import Namespace
from tests.ports import free_port
from tests.runs.conftest import FOLDING, STEPS
from tests.waiting import PATIENCE, wait_until

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
SFTP = next(
    (p for p in ("/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server") if Path(p).exists()),
    "internal-sftp",
)


class Server:
    """sshd on a free port, for this user and one key.

    Attributes:
        host: as hosts.toml would have it.
        opened: how often it was connected to.
    """

    def __init__(self, folder: Path, home: Path, space: Namespace | None) -> None:
        """Write its files.

        Args:
            folder: for them.
            home: finn-tui's folder there.
            space: where its sessions are, and the builds that they start; None for here.
        """
        self.folder = folder
        self._space = space
        self.opened = 0
        for name in ("host", "client"):
            asyncssh.generate_private_key("ssh-ed25519").write_private_key(folder / name)
            (folder / name).chmod(0o600)
        key = asyncssh.read_private_key(folder / "client")
        (folder / "authorized").write_bytes(key.export_public_key())
        self.port = free_port()
        (folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {folder}/host\n"
            f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n"
            f"PasswordAuthentication no\nPidFile {folder}/pid\nPermitRootLogin yes\n"
            f"Subsystem sftp {SFTP}\n"
        )
        user = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
        self.host = Host(
            name="lab",
            host="127.0.0.1",
            port=self.port,
            user=user,
            key=str(folder / "client"),
            folder=str(home),
            engine=(sys.executable,),
            setup="echo settings were read; export FROM_SETUP=1",
            env={"FROM_ENV": "a b'c"},
        )

    def start(self) -> None:
        """Start (again); ready when it answers."""
        assert SSHD is not None
        before = len(log.read_text()) if (log := self.folder / "sshd.log").exists() else 0
        prefix = self._space.children_inside if self._space is not None else []
        self.process = subprocess.Popen(
            [*prefix, SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")],
            stderr=(self.folder / "sshd.log").open("ab"),
        )
        # Not a connection: another test's server may have taken the port meanwhile.
        wait_until(
            lambda: (
                "Server listening" in log.read_text()[before:] or self.process.poll() is not None
            )
        )
        if self.process.poll() is not None:
            pytest.fail("sshd does not start: " + log.read_text()[-300:])

    @property
    def space(self) -> Namespace:
        """The namespace in which processes of the host may be signalled."""
        if self._space is None:
            pytest.skip(f"this signals processes: {namespace.missing()}")
        return self._space

    def cut(self) -> int:
        """Kill the server's end of each connection, as a network that breaks; returns how many."""
        every = psutil.Process(self.process.pid).children(recursive=True)
        ends = 0
        for one in every:
            # Some end by themselves meanwhile.
            with contextlib.suppress(psutil.NoSuchProcess):
                if one.name().startswith("sshd"):
                    one.kill()
                    ends += 1
        return ends

    def stop(self) -> None:
        """End it with its connections: the host cannot be reached."""
        self.cut()
        self.process.terminate()
        self.process.wait(PATIENCE)

    @contextlib.asynccontextmanager
    async def connect(self, name: str = "lab", kind: type[Link] = Link) -> AsyncIterator[Link]:
        """See ``runs.remote.link.Connect``."""
        async with connect(self.host.machine, trust=True) as connection:
            self.opened += 1
            yield kind(self.host, SshConnection(self.host.machine, connection))


@pytest.fixture
def server(tmp_path: Path, fake_archive: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A host, and its folder ``tmp_path / "host"``."""
    if SSHD is None:
        pytest.skip("OpenSSH's sshd is not installed")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    folder = tmp_path / "sshd"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    for module in (launch, link):
        monkeypatch.setattr(module, "engine_archive", lambda: fake_archive)
    with contextlib.ExitStack() as stack:
        space = stack.enter_context(Namespace()) if namespace.missing() is None else None
        running = Server(folder, tmp_path / "host", space)
        running.start()
        yield running
        running.stop()
    if space is not None:
        return  # its builds have ended with it
    for place in (tmp_path / "host").glob("runs/*/state.json"):
        state = json.loads(place.read_text())
        # A job's number counts in the namespace of the cluster, which ends its jobs by itself.
        mine = state.get("pid") and not state.get("scheduler")
        if state.get("state") in ("queued", "running") and mine:
            with contextlib.suppress(OSError):
                os.kill(state["pid"], 15)


#: ``await begin_on(link, parallel=1, **plan)``, see ``fake_builder``.
BeginOn = Callable[..., Any]


@pytest.fixture
def begin_on(tmp_path: Path) -> BeginOn:
    """Launch a run on a host whose builder does what its keywords say."""

    async def begin(link: Link, data: int = 0, **plan: Any) -> RunFolder:
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        (folder / "dataflow.onnx").write_text(json.dumps({"steps": STEPS, **plan}))
        if data:
            (folder / "dataset").mkdir(exist_ok=True)
            (folder / "dataset" / "images").write_bytes(os.urandom(data))
        request = BuildRequest(
            model="net",
            graph=folder / "dataflow.onnx",
            folder=folder,
            folding=FOLDING,
            folding_name="published",
            board="Pynq-Z2",
            part="xc7z020clg400-1",
            clock_ns=10.0,
            engine=EngineSpec("lab", (sys.executable,)),
            rehearse=1.0,
        )
        return await launch.launch_on(request, tmp_path / "runs", link)

    return begin
