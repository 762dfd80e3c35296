"""Runs on the board, in a terminal of its Jupyter server: commands and files for finn-tui.

Standard library only, Python 3.8 syntax. It is sent as text and speaks lines of JSON in both
directions over the terminal, which is in raw mode without echo; bytes travel as base64. Commands
have pipes of their own and no terminal, so that nothing else prints here.

    {"id", "op": "start", "command"}    then events {"id", "out" | "err": base64}, {"id", "exit"}
    {"id", "op": "in" | "eof" | "got" | "close", ...}    about a command that runs
    {"id", "op": "stat" | "list" | ...}    answered with {"id", "value"} or {"id", "error", "errno"}

It ends, and all commands with it, when the terminal ends or nothing was heard for a while.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import queue
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from typing import IO, Any, Callable

# Seconds without a word after which the other side counts as gone; it says how many.
SILENCE = [30.0]
# Bytes of one stream that may be under way without having been taken.
WINDOW = 1 << 20
PIECE = 32768

OUT_LOCK = threading.Lock()
COMMANDS: dict[int, Command] = {}
HEARD = [time.monotonic()]
UPLOADS: list[str] = []


def send(**fields: Any) -> None:
    """Write one line."""
    data = json.dumps(fields).encode("ascii") + b"\n"
    with OUT_LOCK:
        while data:
            data = data[os.write(1, data) :]


def text(data: bytes) -> str:
    """As JSON can carry it."""
    return base64.b64encode(data).decode("ascii")


class Command:
    """A command line of the shell, with what it prints and gets."""

    def __init__(self, number: int, command: str) -> None:
        self.number = number
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        COMMANDS[number] = self
        self.taken = threading.Condition()
        self.reaping = threading.Lock()
        self.under_way = {"out": 0, "err": 0}
        self.closed = False
        self.input: queue.Queue[bytes | None] = queue.Queue()
        pipes: Any = (("out", self.process.stdout), ("err", self.process.stderr))
        self.readers = [
            threading.Thread(target=self.read, args=pipe, daemon=True) for pipe in pipes
        ]
        threads = [threading.Thread(target=work, daemon=True) for work in (self.feed, self.wait)]
        for thread in self.readers + threads:
            thread.start()

    def read(self, name: str, pipe: IO[bytes]) -> None:
        """Pass on what it prints, as fast as it is taken."""
        while True:
            data = os.read(pipe.fileno(), PIECE)
            if not data:
                return
            with self.taken:
                while self.under_way[name] >= WINDOW and not self.closed:
                    self.taken.wait()
                if self.closed:
                    continue
                self.under_way[name] += len(data)
            send(**{"id": self.number, name: text(data)})

    def feed(self) -> None:
        """Pass on its input."""
        assert self.process.stdin is not None
        try:
            while True:
                data = self.input.get()
                if data is None:
                    break
                self.process.stdin.write(data)
                self.process.stdin.flush()
        except OSError:
            pass
        try:
            self.process.stdin.close()
        except OSError:
            pass

    def wait(self) -> None:
        """Tell its exit status when all that it printed is passed on."""
        for thread in self.readers:
            thread.join()
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        with self.reaping:
            code = self.process.wait()
        COMMANDS.pop(self.number, None)
        self.input.put(None)
        send(id=self.number, exit=code if code >= 0 else 128 - code)

    def got(self, name: str, count: int) -> None:
        """So much was taken."""
        with self.taken:
            self.under_way[name] -= count
            self.taken.notify_all()

    def close(self, grace: float = 2.0) -> None:
        """Let go of it: no more input, and killed if it does not end by itself."""
        self.input.put(None)
        with self.taken:
            self.closed = True
            self.taken.notify_all()
        threading.Thread(target=self.kill, args=(grace,), daemon=True).start()

    def kill(self, grace: float) -> None:
        """Kill it and what it started, unless it ends in that time (seconds)."""
        until = time.monotonic() + grace
        while self.number in COMMANDS and time.monotonic() < until:
            time.sleep(0.05)
        with self.reaping:
            # Not waited for yet: its number, and that of its group, are still its own.
            if self.process.returncode is None:
                try:
                    os.killpg(self.process.pid, signal.SIGKILL)
                except OSError:
                    pass


def entry(name: str, info: os.stat_result) -> dict[str, Any]:
    """An entry of a folder."""
    kinds = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "folder"), (stat.S_ISLNK, "link"))
    kind = next((word for test, word in kinds if test(info.st_mode)), "other")
    return {"name": name, "kind": kind, "size": info.st_size}


def do_stat(path: str) -> dict[str, Any] | None:
    """What lies there; links are not followed."""
    try:
        return entry(os.path.basename(path), os.lstat(path))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return None


def do_list(path: str, most: int) -> list[dict[str, Any]]:
    """The entries of a folder."""
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return []
    entries = []
    for name in names[:most]:
        found = do_stat(os.path.join(path, name))
        if found is not None:
            entries.append(found)
    return entries


def do_folder(path: str, parents: bool = False) -> None:
    """Make a folder, or leave what is there."""
    if parents:
        os.makedirs(path, exist_ok=True)
        return
    try:
        os.mkdir(path)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise


def opened(path: str, flags: int) -> int:
    """Open a file, but not through a link."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def do_read(path: str, position: int, count: int) -> str:
    """A piece of a file."""
    file = opened(path, os.O_RDONLY)
    try:
        return text(os.pread(file, count, position))
    finally:
        os.close(file)


def do_create(path: str) -> None:
    """Make an empty file where nothing is."""
    os.close(opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))


def do_cut(path: str, size: int) -> None:
    """Shorten a file."""
    file = opened(path, os.O_WRONLY)
    try:
        os.ftruncate(file, size)
    finally:
        os.close(file)


def do_write(path: str, position: int, data: str) -> None:
    """Write a piece of a file."""
    content = base64.b64decode(data)
    file = opened(path, os.O_WRONLY)
    try:
        while content:
            written = os.pwrite(file, content, position)
            position += written
            content = content[written:]
    finally:
        os.close(file)


def do_sync(path: str) -> None:
    """Wait until it is on the disk."""
    file = opened(path, os.O_WRONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def do_rename(path: str, target: str) -> None:
    """Put a file in another's place."""
    os.replace(path, target)


def do_remove(path: str) -> None:
    """Remove a file or a link, if it is there."""
    try:
        os.remove(path)
    except OSError:
        pass


def names(folder: str) -> list[str]:
    """What lies in a folder, up to a bound; nothing where it cannot be read."""
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))[:200]]
    except OSError:
        return []


def places() -> list[str]:
    """Where the server's files may begin: only its command line and its settings know."""
    told: list[str] = []
    try:
        with open("/proc/%d/cmdline" % os.getppid(), "rb") as file:
            words = file.read(65536).decode("utf-8", "replace").split("\0")
            told = [word.rpartition("=")[2] for word in words]
    except OSError:
        pass
    tops = [BEGAN, os.getcwd(), *names("/home")]
    return told + tops + [path for top in tops for path in names(top)]


def do_uploads(name: str) -> bool:
    """Look for the folder of that name which was just made through the contents API."""
    for place in places():
        path = os.path.join(place, name)
        if os.path.isabs(path) and os.path.isdir(path) and not os.path.islink(path):
            UPLOADS.append(path)
            return True
    return False


def do_link(path: str, name: str) -> None:
    """Show a file to the contents API."""
    os.symlink(os.path.abspath(path), os.path.join(UPLOADS[0], name))


def do_unlink(name: str) -> None:
    """Show it no longer."""
    do_remove(os.path.join(UPLOADS[0], name))


FILES: dict[str, Callable[..., Any]] = {
    "stat": do_stat,
    "list": do_list,
    "folder": do_folder,
    "read": do_read,
    "create": do_create,
    "cut": do_cut,
    "write": do_write,
    "sync": do_sync,
    "rename": do_rename,
    "remove": do_remove,
    "uploads": do_uploads,
    "link": do_link,
    "unlink": do_unlink,
}


def work(requests: queue.Queue[Any]) -> None:
    """Answer requests about files, one after the other; a disk may be stuck for long."""
    while True:
        number, operation, arguments = requests.get()
        try:
            send(id=number, value=FILES[operation](**arguments))
        except OSError as error:
            send(id=number, error=os.strerror(error.errno or 0), errno=error.errno)
        except Exception as error:  # The boundary of the process: everything crosses it as data.
            send(id=number, error="%s: %s" % (type(error).__name__, error), errno=0)


def end(*ignored: Any) -> None:
    """End all commands and this."""
    for command in list(COMMANDS.values()):
        command.close(0.0)
    for path in UPLOADS:
        shutil.rmtree(path, ignore_errors=True)
    until = time.monotonic() + 2
    while COMMANDS and time.monotonic() < until:
        time.sleep(0.02)
    os._exit(0)


def watch() -> None:
    """End when nobody speaks any more."""
    while time.monotonic() - HEARD[0] < SILENCE[0]:
        time.sleep(0.5)
    end()


def handle(request: dict[str, Any], requests: queue.Queue[Any]) -> None:
    """Do what a line asks for, or have it done."""
    number, operation = request.pop("id", 0), request.pop("op")
    if operation == "ping":
        SILENCE[0] = request["silence"]
        send(id=0)
    elif operation == "bye":
        end()
    elif operation == "start":
        Command(number, request["command"])
    elif operation in FILES:
        requests.put((number, operation, request))
    elif number in COMMANDS:
        command = COMMANDS[number]
        if operation == "in":
            command.input.put(base64.b64decode(request["data"]))
        elif operation == "eof":
            command.input.put(None)
        elif operation == "got":
            command.got(request["stream"], request["count"])
        elif operation == "close":
            command.close()


def main() -> None:
    """Answer until the terminal ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(name, end)
    os.chdir(os.path.expanduser("~"))
    requests: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=work, args=(requests,), daemon=True).start()
    threading.Thread(target=watch, daemon=True).start()
    send(id=0, hello=sys.version.split()[0])
    for line in sys.stdin.buffer:
        HEARD[0] = time.monotonic()
        handle(json.loads(line.decode("ascii")), requests)
    end()


BEGAN = os.getcwd()
main()
