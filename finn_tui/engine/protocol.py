"""What is said between the terminal and the engine: JSON lines on stdin and stdout.

Standard library only and Python 3.8 syntax, because this file also runs inside FINN's Python.

Every line is one JSON object of at most ``MAX_LINE`` bytes:

    server  {"hello": {"protocol": 1, "pid": 71, "python": "3.11.7",
                                                  "installed": "a3.."}}    once, first
    client  {"id": 3, "method": "tables", "params": {...}}
    server  {"id": 3, "event": "progress", "data": {...}}                  any number
    server  {"id": 3, "result": {...}}  or  {"id": 3, "error": {...}}      exactly one
    server  {"id": null, "event": "log", "data": {"level": .., "text": ..}}
    client  {"id": 4, "method": "cancel", "params": {"id": 3}}             answered at once
    client  {"id": 5, "method": "ping", "params": {}}                      answered at once

Requests are worked on one after the other, in order; ``ping`` and ``cancel`` do not queue.
``log`` events carry what FINN prints and logs, ``null`` as their id, as it comes. The server ends
when its stdin closes, even in the middle of a request. An error object has the keys of
``ERROR_KEYS``.
"""

import hashlib
import json
from typing import Any, Dict, Optional

PROTOCOL = 1
MAX_LINE = 64 * 1024 * 1024
#: Bytes of a file in one message.
FILE_PIECE = 1 << 20
ERROR_KEYS = ("kind", "what", "why", "fix", "detail")


class ProtocolError(ValueError):
    """A line that is no message of this protocol."""


class EngineError(Exception):
    """An error with an explanation, raised inside the engine and sent to the terminal as data.

    Attributes: ``kind`` is a stable word ("input", "engine", "finn", "cancelled", "disk",
    "protocol"), ``what`` happened, ``why`` it did, what to do to ``fix`` it, and ``detail`` (a
    traceback).
    """

    def __init__(
        self, what: str, why: str = "", fix: str = "", kind: str = "input", detail: str = ""
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix
        self.kind = kind
        self.detail = detail

    def as_dict(self) -> Dict[str, str]:
        return {key: getattr(self, key) for key in ERROR_KEYS}


def encode(message: Dict[str, Any]) -> bytes:
    """One message as a line. NaN and infinity are refused: they are not JSON."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode("utf-8") + b"\n"


def decode(line: bytes) -> Dict[str, Any]:
    """One line as a message. Raises ``ProtocolError`` for anything that is not a JSON object."""
    try:
        message = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("not JSON: %s" % error) from error
    if not isinstance(message, dict):
        raise ProtocolError("not an object: %r" % type(message).__name__)
    return message


def _refuse(constant: str) -> Any:
    raise ValueError("%s is not JSON" % constant)


def request(id: int, method: str, params: Dict[str, Any]) -> Dict[str, Any]:
    """A request as an object for ``encode``."""
    return {"id": id, "method": method, "params": params}


def result(id: Optional[int], value: Any) -> Dict[str, Any]:
    """The answer to a request."""
    return {"id": id, "result": value}


def error(id: Optional[int], failure: Dict[str, str]) -> Dict[str, Any]:
    """The answer to a request that failed; ``failure`` has the keys of ``ERROR_KEYS``."""
    return {"id": id, "error": failure}


def event(id: Optional[int], name: str, data: Dict[str, Any]) -> Dict[str, Any]:
    """Something that happened while request ``id`` was worked on (or outside any, with None)."""
    return {"id": id, "event": name, "data": data}


def digest_of(hashes: Dict[str, str]) -> str:
    """The name of a set of files: a hash over their names and contents.

    Args:
        hashes: SHA-256 of each file by its name within the set.
    """
    document = json.dumps(sorted(hashes.items()), separators=(",", ":"))
    return hashlib.sha256(document.encode("utf-8")).hexdigest()
