"""A real Docker daemon of the tests' own, with an image of a small root file system.

It runs in a PID namespace that ends with the tests, without network, on a socket of its own. The
image has no files: containers see this machine's /usr, read only, so that nothing is downloaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import PATIENCE

IMAGE = "finn-tui-test:1"
_START_SECONDS = PATIENCE
_ROOT = ("etc", "proc", "sys", "dev", "tmp", "root", "home", "var", "run", "opt", "usr", "sbin")
_LINKS = ("bin", "lib", "lib64")
_PATH = "/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", "")


class Docker:
    """The daemon.

    Attributes:
        host: what ``DOCKER_HOST`` must be for it.
    """

    def __init__(self, folder: Path) -> None:
        self.host = f"unix://{folder}/docker.sock"
        self._folder = folder

    def run(self, *arguments: str) -> str:
        """Run ``docker`` and return what it prints."""
        done = subprocess.run(
            ["docker", "-H", self.host, *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def processes(self, container: str) -> list[str]:
        """The command lines of what runs in a container, beside what it was started for."""
        lines = self.run("top", container, "-eo", "pid,args").splitlines()[1:]
        return [line for line in lines if " sleep " not in line]

    @contextmanager
    def container(self, name: str, *options: str) -> Iterator[str]:
        """A container that runs and does nothing; removed at the end."""
        mounts = ("-v", "/usr:/usr:ro")
        command = ("sleep", "3600")
        self.run(
            "run", "-d", "--name", name, "--network", "none", *mounts, *options, IMAGE, *command
        )
        try:
            yield name
        finally:
            self.run("rm", "-f", name)

    def _make_image(self) -> None:
        root = self._folder / "root"
        for name in _ROOT:
            (root / name).mkdir(parents=True)
        (root / "tmp").chmod(0o1777)
        for name in _LINKS:
            (root / name).symlink_to(f"usr/{name}")
        (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
        archive = self._folder / "root.tar"
        subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
        self.run("import", str(archive), IMAGE)


@contextmanager
def docker_daemon() -> Iterator[Docker]:
    """Start a daemon; skips the test with the reason where none starts."""
    program = shutil.which("dockerd", path=_PATH)
    if program is None or shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    if os.getuid() != 0:
        pytest.skip("only root starts a Docker daemon")
    # A socket's path has room for 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="ft-docker-", dir="/tmp"))
    docker = Docker(folder)
    log = folder / "log"
    # The namespace goes with the process that made it, and that with this one's pipe.
    command = ["unshare", "-pfm", "--mount-proc", "--kill-child", sys.executable, "-c", _GUARD]
    command += [program, "--storage-driver=vfs", "--iptables=false", "--ip6tables=false"]
    command += ["--bridge=none", "-H", docker.host, "--pidfile", str(folder / "pid")]
    command += ["--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        _wait(docker, process, log)
        docker._make_image()
        yield docker
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


#: Runs a command until standard input closes; as PID 1 it takes all others with it.
_GUARD = (
    "import subprocess, sys; child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL); "
    "sys.stdin.read(); child.terminate(); child.wait(20)"
)


def _wait(docker: Docker, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        done = subprocess.run(["docker", "-H", docker.host, "info"], capture_output=True)
        if done.returncode == 0 and b"Server Version" in done.stdout:
            return
        time.sleep(0.3)
    pytest.skip("dockerd does not start here: " + log.read_text(errors="replace")[-400:])
