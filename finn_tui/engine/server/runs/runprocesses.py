"""The processes of a run: which of them are proved to be the build's, and ending those.

This is the only place that decides whether a process belongs to a build, and the only one that
signals a process by its number. Proof is either the kernel's boot id with the start ticks that
state.json records, or the mark ``FINN_TUI_RUN_FOLDER=<this folder>`` in the process's
environment. State documents come from other machines, from before a restart and from broken
disks, so nothing in them is taken for granted. Standard library only.
"""

import contextlib
import hmac
import math
import os
import signal
import socket
import sys
import time
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Set

#: In the environment of every process of a build, so that none is missed when it is ended.
MARK = "FINN_TUI_RUN_FOLDER"

#: Where a state document was written: in this process namespace of this start of this machine.
HERE = "here"
#: By this kernel, perhaps in another container: its process numbers mean nothing here.
SAME_KERNEL = "same kernel"
#: On this machine, before it was restarted.
REBOOTED = "rebooted"
#: On another machine, or on one that cannot be told from others.
ELSEWHERE = "elsewhere"

#: The largest process number that ``kill`` takes; above, Python raises ``OverflowError``.
_LARGEST_PID = 2**31 - 1
#: Start times by the clock of one process differ by less than this; only where there are no boot
#: ids, since the clock may be set while the process runs.
_SAME_START_SECONDS = 2.0
#: Heartbeats further in the future than clocks of machines differ are no heartbeats.
_CLOCKS_DIFFER_SECONDS = 86400.0


class Process(NamedTuple):
    """A process that cannot be confused with a later one of the same number.

    Attributes:
        pid: its number in this process namespace.
        ticks: when it began, in kernel ticks since the machine's start.
    """

    pid: int
    ticks: int


def host() -> str:
    """Return this machine's name. For people: several machines may have the same one."""
    return socket.gethostname()


def boot_id() -> Optional[str]:
    """Return the kernel's id of this start of the machine, or None where it has none."""
    return _first_line("/proc/sys/kernel/random/boot_id")


def machine_id() -> Optional[str]:
    """Return an id of this installation, None if it has none (as in most containers).

    It is derived from /etc/machine-id, which must not be published: run folders are passed on.
    """
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        text = _first_line(path)
        if text and text != "uninitialized":
            return hmac.new(text.encode("utf-8"), b"finn-tui", "sha256").hexdigest()[:32]
    return None


def pid_namespace() -> Optional[int]:
    """Return the number of the namespace in which process numbers count, None if not known.

    Containers on one machine share its boot id and differ in this.
    """
    if not _proc_is_ours():
        return None
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return None


def identity() -> Dict[str, Any]:
    """Return the fields of a state document that tell where it was written."""
    return {
        "host": host(),
        "machine": machine_id(),
        "boot": boot_id(),
        "pid_namespace": pid_namespace(),
    }


def own_identity() -> Dict[str, Any]:
    """Return the fields of a state document that identify this process."""
    pid = os.getpid()
    return dict(identity(), pid=pid, pid_started=process_started(pid), pid_ticks=process_ticks(pid))


def valid_pid(value: Any) -> Optional[int]:
    """Return a process number from a document, or None if it is not one that may be looked at.

    0 and negative numbers stand for groups of processes, 1 is the machine's first process.
    """
    if type(value) is not int or not 1 < value <= _LARGEST_PID:
        return None
    return value


def valid_heartbeat(value: Any) -> float:
    """Return a time from a document in seconds since the epoch, 0 if it is not one."""
    seconds = finite(value)
    if seconds is None or not 0 < seconds < time.time() + _CLOCKS_DIFFER_SECONDS:
        return 0.0
    return seconds


def finite(value: Any) -> Optional[float]:
    """Return a number from a document, or None if it is not one or too large."""
    if type(value) not in (int, float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def origin(state: Mapping[str, Any]) -> str:
    """Return where a state document was written: ``HERE``, ``SAME_KERNEL``, ...

    A host name proves nothing. Machines that were cloned share the machine id too, so a document
    of another boot counts as ``REBOOTED`` only if its last heartbeat is older than this boot.
    """
    boot, ours = state.get("boot"), boot_id()
    machine = state.get("machine")
    namespace, our_namespace = state.get("pid_namespace"), pid_namespace()
    same_machine = machine is not None and machine == machine_id()
    if boot and ours:
        if boot == ours:
            same = our_namespace is not None and namespace == our_namespace
            return HERE if same else SAME_KERNEL
        before = valid_heartbeat(state.get("heartbeat")) < boot_time()
        return REBOOTED if same_machine and before else ELSEWHERE
    if not boot and not ours and same_machine and namespace == our_namespace:
        return HERE
    return ELSEWHERE


def leader(state: Mapping[str, Any]) -> Optional[Process]:
    """Return the runner that a state document names if it is alive and proved to be that one."""
    pid, ticks = valid_pid(state.get("pid")), state.get("pid_ticks")
    if pid is None or type(ticks) is not int or not _proc_is_ours():
        return None
    # Documents of version 0.1 have no namespace.
    if state.get("pid_namespace") not in (None, pid_namespace()):
        return None
    if (state.get("boot") or None) != boot_id() or process_ticks(pid) != ticks:
        return None
    if not state.get("boot"):
        # Ticks count from the machine's start: without its id, the clock must agree as well.
        start, recorded = process_started(pid), finite(state.get("pid_started"))
        if start is None or recorded is None or state.get("host") != host():
            return None
        if abs(start - recorded) > _SAME_START_SECONDS:
            return None
    return Process(pid, ticks)


def works_on(process: Process, folder: str) -> bool:
    """Return whether a runner builds this folder, by its arguments or its mark.

    The state of a copied folder names the runner of the original.
    """
    target = os.path.realpath(folder)
    arguments = _read_bytes("/proc/%d/cmdline" % process.pid).split(b"\0")
    try:
        working = os.readlink("/proc/%d/cwd" % process.pid)
    except OSError:  # another user's
        working = "/"
    paths = [os.path.join(working, os.fsdecode(argument)) for argument in arguments if argument]
    named = target in [os.path.realpath(path) for path in paths]
    return (named or _is_marked(process.pid, target)) and _still(process)


def build_processes(folder: str, runner: Optional[Process] = None) -> List[Process]:
    """Return the processes of a run, its runner left out.

    Args:
        folder: the run folder.
        runner: the proved runner: its session and its descendants belong to the run. None if it
            is gone: then only marked processes do, since its number may be somebody else's.
    """
    table = _process_table()
    target = os.path.realpath(folder)
    members = {pid for pid in table if _is_marked(pid, target)}
    if runner is not None and _still(runner):
        # A tool may start its children in sessions of their own, so no single sign is enough.
        members |= {pid for pid, entry in table.items() if entry.session == runner.pid}
        members |= _descendants(table, members | {runner.pid})
        members.discard(runner.pid)
    return [Process(pid, table[pid].ticks) for pid in sorted(members - {os.getpid()})]


def end_processes(
    folder: str,
    runner: Optional[Process] = None,
    grace: float = 5.0,
    more: Iterable[Process] = (),
) -> None:
    """End the processes of a run but the runner: asked first, killed after ``grace`` seconds.

    Args:
        folder: the run folder.
        runner: as for ``build_processes``.
        grace: seconds between SIGTERM and SIGKILL.
        more: processes that were proved to belong to the run and may have left every trail.
    """
    asked: Set[Process] = set()
    deadline = time.monotonic() + grace
    killed_at: Optional[float] = None
    while True:
        processes = {process for process in more if _still(process)}
        processes.update(build_processes(folder, runner))
        processes -= _protected(runner)
        if not processes:
            return
        now = time.monotonic()
        late = now > deadline
        if late and killed_at is None:
            killed_at = now
        for process in sorted(processes):
            if late or process not in asked:
                with contextlib.suppress(OSError):
                    send_signal(process, signal.SIGKILL if late else signal.SIGTERM)
                asked.add(process)
        # Counted from the kill: the machine may have stood still since the deadline.
        if killed_at is not None and now > killed_at + grace:
            return
        time.sleep(0.05)


def send_signal(process: Process, number: int) -> bool:
    """Signal a process, and return False if it has ended meanwhile.

    Raises:
        PermissionError: it belongs to another user.
        ValueError: it is this process, or the machine's first one.
    """
    if valid_pid(process.pid) is None or process.pid == os.getpid():
        raise ValueError("process %r must not be signalled" % (process.pid,))
    try:
        if sys.version_info >= (3, 9) and hasattr(os, "pidfd_open"):
            # The descriptor keeps its process: looked at afterwards, no other one can be hit.
            try:
                descriptor = os.pidfd_open(process.pid)
            except ProcessLookupError:
                return False
            except OSError:  # a kernel before 5.3, or a sandbox
                pass
            else:
                try:
                    if not _still(process):
                        return False
                    signal.pidfd_send_signal(descriptor, number)
                    return True
                finally:
                    os.close(descriptor)
        if not _still(process):
            return False
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def myself() -> Optional[Process]:
    """Return this process, None where the kernel does not tell its start."""
    ticks = process_ticks(os.getpid())
    return Process(os.getpid(), ticks) if ticks is not None else None


def reap(parent: int, but: int) -> None:
    """Wait for children of ``parent``, this process, that have ended; not for ``but``."""
    for pid in _pids():
        fields = _stat(pid) if pid != but else None
        if fields is not None and fields[0] == "Z" and int(fields[1]) == parent:
            with contextlib.suppress(OSError):
                os.waitpid(pid, os.WNOHANG)


def process_started(pid: int) -> Optional[float]:
    """Return when a process began (seconds since the epoch), or None if it is not there.

    The same figure as ``psutil.Process(pid).create_time()``, from Linux's /proc.
    """
    fields = _stat(pid)
    if fields is None:
        return None
    try:
        with open("/proc/stat") as file:
            boot = next(int(line.split()[1]) for line in file if line.startswith("btime"))
    except (OSError, StopIteration):
        return None
    return boot + int(fields[19]) / float(os.sysconf("SC_CLK_TCK"))


def process_ticks(pid: int) -> Optional[int]:
    """Return when a living process began in kernel ticks, which no change of the clock moves."""
    fields = _stat(pid)
    return int(fields[19]) if fields is not None and fields[0] not in ("Z", "X") else None


def boot_time() -> float:
    """Return when this machine was started (seconds since the epoch), 0 if that is not known."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.time() - time.clock_gettime(clock) if clock is not None else 0.0


class _Entry(NamedTuple):
    parent: int
    session: int
    ticks: int


def _still(process: Process) -> bool:
    return process_ticks(process.pid) == process.ticks


def _process_table() -> Dict[int, _Entry]:
    """The living processes that may be looked at, by number; empty where there is no /proc."""
    table: Dict[int, _Entry] = {}
    for pid in _pids():
        fields = _stat(pid) if pid > 1 else None
        if fields is not None and fields[0] not in ("Z", "X"):
            table[pid] = _Entry(int(fields[1]), int(fields[3]), int(fields[19]))
    return table


def _descendants(table: Mapping[int, _Entry], roots: Set[int]) -> Set[int]:
    members = set(roots)
    grown = True
    while grown:
        children = {pid for pid, entry in table.items() if entry.parent in members}
        grown = not children <= members
        members |= children
    return members


def _protected(runner: Optional[Process]) -> Set[Process]:
    """The processes that are never signalled: this one, its ancestors and its session.

    The build's own processes end the rest of their session; everybody else leaves theirs alone.
    """
    table = _process_table()
    own = os.getpid()
    inside = runner is not None and runner.pid in (own, os.getsid(0))
    protected = set() if inside else {p for p, e in table.items() if e.session == os.getsid(0)}
    if runner is not None:
        protected.add(runner.pid)
    pid = own
    while pid in table:
        protected.add(pid)
        pid = table[pid].parent
    return {Process(pid, table[pid].ticks) for pid in protected if pid in table}


def _pids() -> List[int]:
    if not _proc_is_ours():
        return []
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return []


def _proc_is_ours() -> bool:
    """Whether /proc is there and numbers processes as ``os.kill`` does.

    In a new process namespace without a /proc of its own, its numbers are other processes'.
    """
    try:
        if os.readlink("/proc/self") != str(os.getpid()):
            return False
    except OSError:
        return False
    for line in _read_bytes("/proc/self/status").splitlines():
        if line.startswith(b"NSpid:"):
            return len(line.split()) == 2
    return True


def _stat(pid: int) -> Optional[List[str]]:
    """The fields of /proc/PID/stat after the name: state, parent, group, session, ..."""
    if type(pid) is not int or pid < 1:
        return None
    fields = _read_bytes("/proc/%d/stat" % pid).decode("utf-8", "replace").rpartition(")")[2]
    return fields.split() or None


def _is_marked(pid: int, folder: str) -> bool:
    mark = ("%s=%s" % (MARK, folder)).encode("utf-8", "surrogateescape")
    return mark in _read_bytes("/proc/%d/environ" % pid).split(b"\0")


def _read_bytes(path: str) -> bytes:
    """What a small file of the kernel's holds; nothing if it is gone or another user's."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _first_line(path: str) -> Optional[str]:
    lines = _read_bytes(path).decode("ascii", "replace").splitlines()
    return (lines[0].strip() or None) if lines else None
