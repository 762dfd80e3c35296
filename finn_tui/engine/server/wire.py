"""The server's loop: requests in, answers and events out, and FINN's prints kept off the wire.

FINN prints to stdout, starts programs that do, and calls ``logging``; the protocol needs stdout
for itself. So the real stdout is moved to a descriptor of its own, descriptor 1 becomes a pipe
whose lines turn into ``log`` events, and ``logging`` and ``warnings`` are sent the same way.
Descriptor 2 is left as it is: a crash of the interpreter must still reach whoever started it.
"""

import errno
import logging
import os
import queue
import signal
import sys
import threading
import traceback
from typing import Any, Callable, Dict, Optional, Set

from finn_tui.engine import protocol
from finn_tui.engine.protocol import EngineError

Handler = Callable[[Dict[str, Any], "Context"], Any]
Request = Dict[str, Any]

_CHUNK = 1 << 16


class Context:
    """What a handler may do while it works on a request: report, and learn that it is unwanted."""

    def __init__(self, server: "Server", id: int) -> None:
        self._server = server
        self._id = id

    def check(self) -> None:
        """Raise ``EngineError`` of kind "cancelled" if the terminal has cancelled the request."""
        if self._server.is_cancelled(self._id):
            raise EngineError("The request was cancelled", kind="cancelled")

    def progress(self, message: str, fraction: Optional[float] = None) -> None:
        """Send a "progress" event; ``fraction`` is 0..1 or None. Also a place to be cancelled."""
        self.check()
        self.event("progress", {"message": message, "fraction": fraction})

    def event(self, name: str, data: Dict[str, Any]) -> None:
        """Send an event of this request."""
        self._server.send(protocol.event(self._id, name, data))


class Server:
    """One connection on a pair of descriptors, working requests in the calling thread.

    ``methods`` maps a method's name to its handler; ``ping`` and ``cancel`` are answered here, by
    the reading thread, so that they never wait for FINN. ``on_exit`` is called once before the
    process ends, from whichever thread notices that it must.
    """

    def __init__(
        self,
        methods: Dict[str, Handler],
        read_fd: int,
        write_fd: int,
        on_exit: Optional[Callable[[], None]] = None,
        installed: str = "",
    ) -> None:
        self._installed = installed
        self._methods = methods
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._on_exit = on_exit
        self._queue: "queue.Queue[Optional[Request]]" = queue.Queue()
        self._write_lock = threading.Lock()
        self._state_lock = threading.Lock()
        self._unanswered: Set[int] = set()
        self._cancelled: Set[int] = set()

    def serve(self) -> None:
        """Say hello and work until stdin closes."""
        self.send(
            {
                "hello": {
                    "protocol": protocol.PROTOCOL,
                    "pid": os.getpid(),
                    "python": "%d.%d.%d" % sys.version_info[:3],
                    "installed": self._installed,
                }
            }
        )
        threading.Thread(target=self._read, name="wire-reader", daemon=True).start()
        while True:
            request = self._queue.get()
            if request is None:
                self._exit()
                return
            self._work(request)

    def send(self, message: Dict[str, Any]) -> None:
        """Write one message; from any thread. A terminal that is gone ends the process."""
        data = memoryview(protocol.encode(message))
        with self._write_lock:
            try:
                while data:
                    data = data[os.write(self._write_fd, data) :]
            except OSError as error:
                if error.errno in (errno.EPIPE, errno.ECONNRESET, errno.EBADF):
                    self._exit()
                raise

    def is_cancelled(self, id: int) -> bool:
        """Whether the terminal has cancelled this request."""
        with self._state_lock:
            return id in self._cancelled

    # -- the reading thread ----------------------------------------------------------------

    def _read(self) -> None:
        try:
            self._read_requests()
        except BaseException:
            # A server that hears nothing any more must not stay behind.
            traceback.print_exc()
            self._exit()

    def _read_requests(self) -> None:
        pending = b""
        while True:
            try:
                chunk = os.read(self._read_fd, _CHUNK)
            except OSError:
                chunk = b""
            if not chunk:
                break
            pending += chunk
            if b"\n" not in chunk:
                if len(pending) > protocol.MAX_LINE:
                    self._refuse(None, "The line is longer than %d bytes" % protocol.MAX_LINE)
                    pending = b""
                continue
            lines = pending.split(b"\n")
            pending = lines.pop()
            for line in lines:
                if line.strip():
                    self._accept(line)
        with self._state_lock:
            busy = bool(self._unanswered)
        if busy:
            # The terminal has gone and nobody reads the answer: FINN cannot be interrupted
            # politely in the middle of a transformation, so the whole process goes.
            self._exit()
        self._queue.put(None)

    def _accept(self, line: bytes) -> None:
        try:
            message = protocol.decode(line)
        except protocol.ProtocolError as error:
            self._refuse(None, str(error))
            return
        id, method, params = message.get("id"), message.get("method"), message.get("params", {})
        if not isinstance(id, int) or isinstance(id, bool):
            self._refuse(None, "A request needs a whole number as its id")
        elif not isinstance(method, str) or not isinstance(params, dict):
            self._refuse(id, "A request needs a method (text) and params (an object)")
        elif method == "ping":
            self.send(protocol.result(id, {}))
        elif method == "cancel":
            self.send(protocol.result(id, {"cancelled": self._cancel(params.get("id"))}))
        else:
            with self._state_lock:
                known = id in self._unanswered
                self._unanswered.add(id)
            if known:
                self._refuse(None, "The id %d is still in use by an earlier request" % id)
            else:
                self._queue.put({"id": id, "method": method, "params": params})

    def _cancel(self, id: Any) -> bool:
        with self._state_lock:
            if not isinstance(id, int) or id not in self._unanswered:
                return False
            self._cancelled.add(id)
            return True

    def _refuse(self, id: Optional[int], what: str) -> None:
        failure = EngineError(what, "The engine could not read the request", kind="protocol")
        self.send(protocol.error(id, failure.as_dict()))

    # -- the working thread ----------------------------------------------------------------

    def _work(self, request: Request) -> None:
        id = request["id"]
        try:
            context = Context(self, id)
            context.check()
            handler = self._methods.get(request["method"])
            if handler is None:
                raise EngineError(
                    "The engine knows no method %r" % request["method"],
                    "It knows %s" % ", ".join(sorted([*self._methods, "cancel", "ping"])),
                    "Use an engine of the same version as the terminal",
                    kind="protocol",
                )
            answer = protocol.result(id, handler(request["params"], context))
            protocol.encode(answer)  # a result that is not JSON is this request's failure
        except (Exception, SystemExit) as error:
            # The boundary between FINN and the wire: FINN raises anything, and exits, too.
            # Whatever it was, it belongs to this request, and the server lives on.
            answer = protocol.error(id, explain(error).as_dict())
        sys.stdout.flush()
        with self._state_lock:
            self._unanswered.discard(id)
            self._cancelled.discard(id)
        self.send(answer)

    def _exit(self) -> None:
        if self._on_exit is not None:
            self._on_exit()
        os._exit(0)


def explain(error: BaseException) -> EngineError:
    """Any exception as an ``EngineError`` that a user can read, with its traceback as detail."""
    if isinstance(error, EngineError):
        return error
    detail = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    text = "%s: %s" % (type(error).__name__, error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EngineError(
            "The disk is full", text, "Free some space and try again", kind="disk", detail=detail
        )
    if isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError)):
        return EngineError("A file could not be used", text, kind="input", detail=detail)
    return EngineError("FINN failed", text, "See the log and the detail", "finn", detail)


class _LogEvents(logging.Handler):
    """Sends log records as "log" events."""

    def __init__(self, server: "Server") -> None:
        logging.Handler.__init__(self)
        self._server = server

    def emit(self, record: logging.LogRecord) -> None:
        try:
            data = {"level": record.levelname.lower(), "text": self.format(record)}
            self._server.send(protocol.event(None, "log", data))
        except Exception:
            # The rule of logging: a record that cannot be shown must not stop the work.
            self.handleError(record)


def _pump(server: "Server", read_fd: int) -> None:
    """Turn what arrives on the pipe behind descriptor 1 into "log" events, line by line."""
    pending = b""
    while True:
        chunk = os.read(read_fd, _CHUNK)
        if not chunk:
            return
        lines = (pending + chunk).replace(b"\r\n", b"\n").split(b"\n")
        pending = lines.pop()
        if len(pending) > _CHUNK:  # a program that never ends its line
            lines.append(pending)
            pending = b""
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                server.send(protocol.event(None, "log", {"level": "info", "text": text}))


def open_server(
    methods: Dict[str, Handler],
    on_exit: Optional[Callable[[], None]] = None,
    installed: str = "",
) -> Server:
    """Take stdin and stdout for the protocol, turn everything else into events, and return.

    ``installed`` is said in the greeting: a hash of what can be imported here, see ``installed``.
    """
    # The terminal's Ctrl-C reaches the whole process group; the engine ends with its stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    read_fd, write_fd = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    pipe_read, pipe_write = os.pipe()
    os.dup2(pipe_write, 1)
    os.close(pipe_write)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
    server = Server(methods, read_fd, write_fd, on_exit, installed)
    threading.Thread(target=_pump, args=(server, pipe_read), name="wire-pump", daemon=True).start()
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers = [_LogEvents(server)]
    root.setLevel(logging.INFO)
    return server
