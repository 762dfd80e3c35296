"""Runs on a board that only has a terminal: does what finn-tui asks for over HTTP.

Its text is what the pasted line fetches, checks and executes; ``line.py`` puts ``CONFIG`` in front
of it, and the line itself the key ``k``. Standard library only; Python 3.8 syntax.

Every message is authenticated with the key (HMAC-SHA-256), which never travels over HTTP, and
numbered, so that nobody on the way can change, repeat or invent one. finn-tui sends requests as
JSON lines, and this end answers each under its ``id``:

    {"id", "call", ...}         a file operation; answered by {"id", "result"} or {"id", "error"}
    {"id", "start": COMMAND}    answered by {"id", "out" | "err": base64}, last {"id", "exit"}
    {"id", "in": base64}, {"id", "eof"}, {"id", "kill"}
    {"end": TEXT}               say the text and end

It ends, and all that it started, when finn-tui ends or cannot be reached any more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import queue
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, Dict, List, Optional

# Bytes of output in one message, and messages that wait; a command that prints more has to wait.
_PIECE = 256 * 1024
_WAITING = 16
# Seconds without an answer after which finn-tui counts as gone.
_GONE = 30.0
_TIMEOUT = 40.0
# The last message of one that leaves by itself.
_BYE = b'{"bye": true}\n'


class Refused(Exception):
    """finn-tui answered, and not with what can be used."""


class Line:
    """The way to finn-tui: authenticated messages up and down."""

    def __init__(self, config: Dict[str, Any], key: bytes) -> None:
        self._config = config
        self._key = key
        self._instance = os.urandom(8).hex()

    def sign(self, way: str, number: int, body: bytes) -> str:
        """The authentication of one message."""
        head = "%s %s %d " % (way, self._instance, number)
        return hmac.new(self._key, head.encode() + body, hashlib.sha256).hexdigest()

    def post(self, way: str, number: int, body: bytes = b"") -> bytes:
        """Send a message and return the answer, again and again while nobody answers."""
        began = time.monotonic()
        while True:
            try:
                return self._once(way, number, body)
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() - began > _GONE:
                    raise Refused("finn-tui cannot be reached any more (%s)" % error)
                time.sleep(0.5)

    def confirm(self, number: int) -> None:
        """Say that the last message has arrived; the other end may hang up on hearing it."""
        try:
            self._once("down", number, b"")
        except (OSError, http.client.HTTPException, Refused):
            pass

    def _once(self, way: str, number: int, body: bytes) -> bytes:
        host, port = self._config["host"], self._config["port"]
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
        try:
            headers = {"X-Board": self._instance, "X-Sign": self.sign(way, number, body)}
            path = "%s/%s/%d" % (self._config["path"], way, number)
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            content = answer.read(64 << 20)
            if answer.status == 409:
                raise Refused("another terminal runs this line already")
            if answer.status in (404, 410):
                raise Refused("finn-tui has ended; ask it for a new line")
            if answer.status != 200:
                raise OSError("status %d" % answer.status)
            expected = self.sign(way + " answer", number, content)
            if not hmac.compare_digest(answer.headers.get("X-Sign", ""), expected):
                raise Refused("an answer was changed on the way; nothing of it was done")
            return content
        finally:
            connection.close()


class Sender(threading.Thread):
    """Sends messages in their order."""

    def __init__(self, line: Line) -> None:
        super().__init__(daemon=True)
        self._line = line
        self._queue: "queue.Queue[bytes]" = queue.Queue(_WAITING)
        self.problem: Optional[Refused] = None

    def put(self, **message: Any) -> None:
        """Send a message; waits while too many are waiting."""
        data = json.dumps(message).encode() + b"\n"
        while self.problem is None:
            try:
                self._queue.put(data, timeout=1.0)
                return
            except queue.Full:
                pass

    def run(self) -> None:
        """Send until nobody takes it any more."""
        number = 1
        while True:
            body = self._queue.get()
            while len(body) < _PIECE:
                try:
                    body += self._queue.get_nowait()
                except queue.Empty:
                    break
            try:
                self._line.post("up", number, body)
            except Refused as error:
                self.problem = error
                return
            if body.endswith(_BYE):
                return
            number += 1


class Program:
    """A running command."""

    def __init__(self, sender: Sender, number: int, command: str) -> None:
        self._sender = sender
        self._number = number
        self._input: "queue.Queue[Optional[bytes]]" = queue.Queue()
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(pipe, name), daemon=True)
            for pipe, name in ((self.process.stdout, "out"), (self.process.stderr, "err"))
        ]
        for reader in self._readers:
            reader.start()
        for work in (self._wait, self._write):
            threading.Thread(target=work, daemon=True).start()

    def give(self, data: Optional[bytes]) -> None:
        """Write to its standard input; None closes it."""
        self._input.put(data)

    def kill(self) -> None:
        """End it, with all that it started in its session."""
        self._input.put(None)
        if self.process.poll() is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except OSError:
                pass

    def _write(self) -> None:
        pipe: Any = self.process.stdin
        while True:
            data = self._input.get()
            try:
                if data is None:
                    pipe.close()
                    return
                while data:
                    data = data[pipe.write(data) :]
            except (OSError, ValueError):
                return

    def _read(self, pipe: Any, name: str) -> None:
        while True:
            data = pipe.read(_PIECE)
            if not data:
                return
            text = base64.b64encode(data).decode("ascii")
            self._sender.put(**{"id": self._number, name: text})

    def _wait(self) -> None:
        code = self.process.wait()
        for reader in self._readers:
            # What it left running may hold the pipes for ever.
            reader.join(2.0)
        self._sender.put(id=self._number, exit=code)


def _lstat(path: str) -> Optional[Dict[str, Any]]:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    kind = kinds.get(stat.S_IFMT(status.st_mode), "other")
    return {"kind": kind, "size": status.st_size, "modified": status.st_mtime}


def _list(path: str, most: int) -> List[str]:
    return sorted(os.listdir(path))[:most]


def _read(path: str, offset: int, size: int) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        file.seek(offset)
        return base64.b64encode(file.read(size)).decode("ascii")


def _write(path: str, offset: int, data: str, new: bool, last: bool) -> None:
    flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    if new:
        flags |= os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, 0o644), "wb") as file:
        file.seek(offset)
        file.write(base64.b64decode(data))
        file.flush()
        if last:
            os.fsync(file.fileno())


def _hash(path: str) -> Optional[str]:
    digest = hashlib.sha256()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
    except FileNotFoundError:
        return None
    return digest.hexdigest()


_CALLS: Dict[str, Any] = {
    "lstat": _lstat,
    "list": _list,
    "read": _read,
    "write": _write,
    "sha256": _hash,
    "mkdir": lambda path: os.mkdir(path, 0o755),
    "rename": lambda path, target: os.replace(path, target),
    "remove": lambda path: os.remove(path),
}


class Relay:
    """Does what finn-tui asks for, until one of the two ends."""

    def __init__(self, config: Dict[str, Any], key: bytes) -> None:
        self._line = Line(config, key)
        self._sender = Sender(self._line)
        self._programs: Dict[int, Program] = {}
        self._starting = False
        self._interrupted = False

    def interrupt(self, number: int, frame: Any) -> None:
        """Handle a signal that ends this: at once, but for a program that is being started.

        A program that is not in the table yet would be left running. Further signals change
        nothing: what was started is being ended.
        """
        if self._interrupted:
            return
        self._interrupted = True
        if not self._starting:
            raise KeyboardInterrupt

    def run(self) -> str:
        """Work; returns what to say at the end."""
        hello = {
            "python": sys.version.split()[0],
            "root": os.geteuid() == 0,
            "home": os.getcwd(),
            "machine": os.uname().machine,
            "name": os.uname().nodename,
        }
        self._line.post("up", 0, json.dumps({"hello": hello}).encode() + b"\n")
        self._sender.start()
        try:
            number = 0
            while True:
                for text in self._line.post("down", number).splitlines():
                    number += 1
                    message = json.loads(text.decode("utf-8"))
                    if "end" in message:
                        self._line.confirm(number)
                        return str(message["end"])
                    self._take(message)
                if self._sender.problem is not None:
                    raise self._sender.problem
        except KeyboardInterrupt:
            # Said, so that the other end need not wait for the silence.
            self._sender.put(bye=True)
            self._sender.join(1.0)
            raise
        finally:
            for program in list(self._programs.values()):
                program.kill()

    def _take(self, message: Dict[str, Any]) -> None:
        number = message["id"]
        try:
            if "call" in message:
                work = _CALLS[message["call"]]
                self._sender.put(id=number, result=work(**message["with"]))
            elif "start" in message:
                ended = [n for n, p in self._programs.items() if p.process.poll() is not None]
                for each in ended:
                    del self._programs[each]
                self._start(number, message["start"])
            elif number in self._programs:
                program = self._programs[number]
                if "in" in message:
                    program.give(base64.b64decode(message["in"]))
                elif "eof" in message:
                    program.give(None)
                else:
                    program.kill()
        except Exception as error:  # The boundary: what goes wrong crosses as data.
            errno = getattr(error, "errno", None)
            text = "%s: %s" % (type(error).__name__, error)
            self._sender.put(id=number, error=text, errno=errno)

    def _start(self, number: int, command: str) -> None:
        self._starting = True
        try:
            self._programs[number] = Program(self._sender, number, command)
        finally:
            self._starting = False
        if self._interrupted:
            raise KeyboardInterrupt


def as_root(config: Dict[str, Any], key: str, source: str) -> None:
    """Go on as root through ``sudo``, which asks for its password on this terminal itself."""
    print("finn-tui: the driver needs root; sudo may ask for your password here", flush=True)
    # A file without a name: the key is not to be seen in the arguments.
    with tempfile.TemporaryFile() as file:
        file.write(("%s\n%s" % (key, source)).encode("utf-8"))
        file.flush()
        file.seek(0)
        os.dup2(file.fileno(), 0)
    code = "import sys;i=sys.stdin.buffer;k=i.readline().decode().strip();b=i.read();exec(b)"
    try:
        os.execvp("sudo", ["sudo", sys.executable, "-c", code])
    except OSError as error:
        sys.exit("finn-tui: sudo cannot be started (%s); become root and paste again" % error)


def main(config: Dict[str, Any], key: str, source: bytes) -> None:
    """Serve finn-tui; this is the pasted line's program."""
    if config["sudo"] and os.geteuid() != 0:
        as_root(config, key, source.decode("utf-8"))

    relay = Relay(config, key.encode("ascii"))
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, relay.interrupt)
    os.chdir(os.path.expanduser("~"))
    print("finn-tui: connected to %(host)s:%(port)d; ctrl-C ends it" % config, flush=True)
    try:
        text = relay.run()
    except KeyboardInterrupt:
        text = "ended; what it had started on the board ended with it"
    except Refused as error:
        text = str(error)
    print("finn-tui: " + text, flush=True)
