"""A real Slurm of one node on this machine: munged, slurmctld, slurmd in their own namespaces.

``python slurm_cluster.py FOLDER`` runs the daemons, obeys lines on stdin (``kill NAME``, ``start
NAME``) and ends everything, jobs included, when stdin closes or its parent dies. ``SlurmCluster``
starts it; commands such as ``sbatch`` find it by the environment variable ``SLURM_CONF``.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

_NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "unshare")
_ACCOUNTING = ("mariadbd", "mariadb-install-db", "slurmdbd", "sacct", "sacctmgr")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
START_SECONDS = 120.0
SETTLE_SECONDS = 60.0

_CONFIG = """\
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CryptoType=crypto/munge
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/{storage}
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=2
RequeueExit=99
SlurmctldTimeout=10
SlurmdTimeout=10
{more}
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10
"""

#: The accounting's daemon and its database, which listens on a socket of its own only.
_DATABASE = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
LogFile={folder}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm
"""


def missing(*, accounting: bool = False) -> str | None:
    """Why no Slurm can be started here; None if one can.

    Args:
        accounting: with slurmdbd and its database.
    """
    packages = "slurm-wlm, munge" + (", slurmdbd, mariadb-server-core" if accounting else "")
    needed = (*_NEEDED, *(_ACCOUNTING if accounting else ()))
    names = [name for name in needed if shutil.which(name, path=_PATH) is None]
    if names:
        return f"not installed: {', '.join(names)} ({packages})"
    if os.getuid() != 0:
        return "Slurm's daemons need root"
    command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    done = subprocess.run(command, capture_output=True)
    return None if done.returncode == 0 else "no namespaces may be made here"


class SlurmCluster:
    """A running cluster of one node.

    Attributes:
        folder: of its configuration, logs and sockets.
        cpus: jobs of one processor that run at once.
        environment: what commands of Slurm need to find it.
    """

    def __init__(
        self, folder: Path, *, cpus: int = 4, more: str = "", accounting: bool = False
    ) -> None:
        """Describe a cluster; entering it starts it.

        Args:
            folder: for its files; made.
            cpus: of its node.
            more: further lines of slurm.conf.
            accounting: with slurmdbd and a MariaDB of its own.
        """
        self.folder = folder
        self._accounting = accounting
        self.cpus = cpus
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}
        self._more = more
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> SlurmCluster:
        # Here, because the namespace runs this file as a script.
        from tests.ports import free_port

        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "munge.key").write_bytes(os.urandom(1024))
        (self.folder / "munge.key").chmod(0o600)
        first, second, third = (free_port() for _ in range(3))
        if self._accounting:
            self._prepare_accounting(third)
            self._more += f"AccountingStorageHost=127.0.0.1\nAccountingStoragePort={third}\n"
            # Of munge: its socket.
            self._more += f"AccountingStoragePass={self.folder}/munge.sock\n"
        (self.folder / "slurm.conf").write_text(
            _CONFIG.format(
                folder=self.folder,
                controller_port=first,
                node_port=second,
                cpus=self.cpus,
                more=self._more,
                storage="slurmdbd" if self._accounting else "none",
            )
        )
        self._process = subprocess.Popen(
            [
                *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *(sys.executable, str(Path(__file__).resolve()), str(self.folder)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Jobs must not find what pytest puts there.
            env={
                "PATH": _PATH,
                "LANG": "C.UTF-8",
                "MYSQL_UNIX_PORT": str(self.folder / "mariadb.sock"),
                **self.environment,
            },
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_idle():
            if time.monotonic() > deadline or self._process.poll() is not None:
                log = self.folder / "slurmctld.log"
                said = log.read_text() if log.exists() else "nothing"
                self.__exit__(None, None, None)
                raise RuntimeError(f"Slurm did not start; slurmctld said {said[-2000:]}")
            time.sleep(0.1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _prepare_accounting(self, port: int) -> None:
        """Write slurmdbd's configuration and an empty database."""
        config = self.folder / "slurmdbd.conf"
        config.write_text(_DATABASE.format(folder=self.folder, port=port))
        config.chmod(0o600)
        data = f"--datadir={self.folder}/database"
        options = ("--user=root", "--auth-root-authentication-method=normal", "--skip-test-db")
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", data, *options],
            env={"PATH": _PATH},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command of Slurm and return its output."""
        environment = {**os.environ, "PATH": _PATH, **self.environment}
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if check and done.returncode:
            raise RuntimeError(f"{command}: {done.stdout}")
        return done.stdout

    def settle(self) -> None:
        """Empty the queue and wait until the node can take jobs; begin anew if it does not.

        A node that was said to be down, or a slurmctld that was killed, may take minutes to find
        its way back, for which the next test should not wait.
        """
        self.run("scancel", "--user=root", check=False)
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            queue = self.run("squeue", "--noheader", "--all", check=False).strip()
            if not queue and self._is_idle():
                return
            time.sleep(0.2)
        self.__exit__(None, None, None)
        shutil.rmtree(self.folder)
        self.__enter__()

    def _is_idle(self) -> bool:
        states = self.run("sinfo", "--noheader", "--format=%T", check=False).split()
        return bool(states) and all(state == "idle" for state in states)

    def kill(self, daemon: str) -> None:
        """Kill slurmctld, slurmd or slurmdbd; jobs go on."""
        self._say(f"kill {daemon}")

    def pause(self, daemon: str) -> None:
        """Stop a daemon where it is: it answers nobody, and its port stays open."""
        self._say(f"pause {daemon}")

    def go_on(self, daemon: str) -> None:
        """Let a daemon go on that was paused."""
        self._say(f"continue {daemon}")

    def start(self, daemon: str) -> None:
        """Start a daemon that was killed."""
        self._say(f"start {daemon}")

    def _say(self, line: str) -> None:
        assert self._process is not None and self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer == "done", answer


def _serve(folder: Path) -> None:
    """Run the daemons as the first process of a process namespace, until stdin closes."""
    munge = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
    commands = {
        "munged": ["munged", "-F", "-f", f"--socket={folder}/munge.sock", *munge],
        "slurmctld": ["slurmctld", "-D"],
        "slurmd": ["slurmd", "-D", "-N", "localhost"],
        "slurmdbd": ["slurmdbd", "-D"],
        "mariadbd": [
            *("mariadbd", "--no-defaults", "--user=root", f"--datadir={folder}/database"),
            *(f"--socket={folder}/mariadb.sock", "--skip-networking", "--skip-name-resolve"),
            *("--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900"),
        ],
    }
    children: dict[str, subprocess.Popen[bytes]] = {}

    def start(name: str) -> None:
        with (folder / f"{name}.out").open("ab") as log:
            children[name] = subprocess.Popen(
                commands[name], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    # As the first process of its namespace it inherits what others leave behind.
    signal.signal(signal.SIGCHLD, lambda *_: _reap(children))
    start("munged")
    while not (folder / "munge.sock").exists():
        time.sleep(0.02)
    database = folder / "slurmdbd.conf"
    if database.exists():
        start("mariadbd")
        while b"ready for connections" not in _content(folder / "mariadbd.out"):
            time.sleep(0.02)
        start("slurmdbd")
        # slurmctld does not begin without the cluster's accounting.
        while b"started" not in _content(folder / "slurmdbd.log"):
            time.sleep(0.05)
    start("slurmctld")
    start("slurmd")
    for line in sys.stdin:
        word, _, name = line.strip().partition(" ")
        if word == "kill":
            children[name].kill()
            children[name].wait()
        elif word in ("pause", "continue"):
            children[name].send_signal(signal.SIGSTOP if word == "pause" else signal.SIGCONT)
        else:
            start(name)
        sys.stdout.write("done\n")
        sys.stdout.flush()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _reap(children: dict[str, subprocess.Popen[bytes]]) -> None:
    own = {child.pid for child in children.values()}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) in own:
            continue
        try:
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if state == "Z" and parent == "1":
                os.waitpid(int(entry.name), os.WNOHANG)
        except (OSError, ChildProcessError):
            continue


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
