"""Files of a terminal on another machine: what a request reads is sent, what it writes is fetched.

Sent files lie in a folder named by their content below ``files/`` beside the archive that this
process runs from, so that nothing is sent twice; what nobody used for long is removed. Written
files lie in a folder of this process until they are fetched.
"""

import base64
import os
import re
import shutil
import sys
import tempfile
import time
from typing import Any, Dict, List, Tuple

from finn_tui.engine.protocol import FILE_PIECE, EngineError, digest_of
from finn_tui.engine.server.finn import finn_env
from finn_tui.engine.server.hashes import file_sha256

Params = Dict[str, Any]

#: Seconds after which what nobody used is removed.
UNUSED = 30 * 86400.0
_LEFT_OVER = 86400.0
_DIGEST = re.compile("[0-9a-f]{64}")

_state: Dict[str, Any] = {"swept": False}


def find(params: Params, context: Any) -> Any:
    """Where a set of files is; null if it must be sent."""
    folder = _folder_of(params)
    _sweep()
    if not os.path.isdir(folder):
        return {"path": None}
    os.utime(folder, None)
    return {"path": folder}


def send(params: Params, context: Any) -> Any:
    """Take a piece of a file of a set."""
    path = _inside(_partial_of(params), params.get("name"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "r+b" if params.get("offset") else "wb") as file:
        file.seek(int(params.get("offset") or 0))
        file.write(base64.b64decode(str(params.get("data") or ""), validate=True))
    return {}


def complete(params: Params, context: Any) -> Any:
    """Check a set of files that was sent, and put it in its place."""
    folder, partial = _folder_of(params), _partial_of(params)
    hashes = {name: file_sha256(os.path.join(partial, name)) for name in _names(partial)}
    if digest_of(hashes) != params["digest"]:
        shutil.rmtree(partial, ignore_errors=True)
        raise EngineError(
            "Files were damaged on their way to the engine",
            "What arrived has another content than what was sent",
            "Try again",
            kind="engine",
        )
    try:
        os.rename(partial, folder)
    except OSError:
        # Another engine was faster with the same files.
        shutil.rmtree(partial, ignore_errors=True)
        if not os.path.isdir(folder):
            raise
    return {"path": folder}


def make(params: Params, context: Any) -> Any:
    """A path for what a request will write; in a folder of its own."""
    folder = tempfile.mkdtemp(prefix="written-", dir=finn_env.scratch())
    return {"path": _inside(folder, params.get("name"))}


def written(params: Params, context: Any) -> Any:
    """What a request has written: names, sizes and hashes."""
    folder = _scratch(params)
    listed = []
    for name in _names(folder):
        context.check()
        path = os.path.join(folder, name)
        listed.append({"name": name, "size": os.path.getsize(path), "sha256": file_sha256(path)})
    return {"files": listed}


def fetch(params: Params, context: Any) -> Any:
    """A piece of a written file."""
    with open(_inside(_scratch(params), params.get("name")), "rb") as file:
        file.seek(int(params.get("offset") or 0))
        return {"data": base64.b64encode(file.read(FILE_PIECE)).decode("ascii")}


def drop(params: Params, context: Any) -> Any:
    """Remove what was written; graphs stay among the sent files, since requests read them next."""
    folder = _scratch(params)
    for name in _names(folder):
        if name.endswith(".onnx"):
            _keep(os.path.join(folder, name))
    shutil.rmtree(folder, ignore_errors=True)
    return {}


def _keep(path: str) -> None:
    name = os.path.basename(path)
    target = os.path.join(_root(), digest_of({name: file_sha256(path)}))
    if os.path.isdir(target):
        return
    partial = tempfile.mkdtemp(prefix=".partial-", dir=_root())
    shutil.move(path, os.path.join(partial, name))
    try:
        os.rename(partial, target)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)


def _root() -> str:
    folder = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "files")
    os.makedirs(folder, exist_ok=True)
    return folder


def _folder_of(params: Params) -> str:
    digest = params.get("digest")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise EngineError("%r names no files" % (digest,), kind="protocol")
    return os.path.join(_root(), digest)


def _partial_of(params: Params) -> str:
    folder, digest = os.path.split(_folder_of(params))
    return os.path.join(folder, ".partial-%s-%d" % (digest, os.getpid()))


def _scratch(params: Params) -> str:
    """The folder that ``make`` gave, or raise."""
    folder = os.path.dirname(str(params.get("path")))
    scratch, name = os.path.split(folder)
    if scratch != finn_env.scratch() or not name.startswith("written-"):
        raise EngineError("%r is no folder for written files" % folder, kind="protocol")
    return folder


def _inside(folder: str, name: Any) -> str:
    """The path of a name below a folder, or raise for one that leads out of it."""
    parts = name.split("/") if isinstance(name, str) else []
    if not parts or any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise EngineError("%r is no name of a file" % (name,), kind="protocol")
    return os.path.join(folder, *parts)


def _names(folder: str) -> List[str]:
    """The regular files below a folder, by their names in it with slashes."""
    names = []
    for place, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(place, name)
            if os.path.isfile(path) and not os.path.islink(path):
                names.append(os.path.relpath(path, folder).replace(os.sep, "/"))
    return sorted(names)


def _sweep() -> None:
    """Remove, once in this process, what was not used for long and what was left half sent."""
    if _state["swept"]:
        return
    _state["swept"] = True
    for path, age in _ages(_root()):
        left_over = os.path.basename(path).startswith(".partial-")
        if age > (_LEFT_OVER if left_over else UNUSED):
            shutil.rmtree(path, ignore_errors=True)


def _ages(folder: str) -> List[Tuple[str, float]]:
    entries = []
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        try:
            entries.append((path, time.time() - os.stat(path).st_mtime))
        except OSError:
            continue  # another engine removed it
    return entries


METHODS: Dict[str, Any] = {
    "files_find": find,
    "files_send": send,
    "files_complete": complete,
    "files_make": make,
    "files_written": written,
    "files_fetch": fetch,
    "files_drop": drop,
}
