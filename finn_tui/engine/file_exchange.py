"""The files of a request to an engine on another machine: sent before it, fetched after it.

Methods of the engine take paths of its own machine. For an engine elsewhere, each path that it
reads is sent, named by its content, and replaced by where it lies there; each path that it writes
is replaced by one there, and what was written is fetched, checked by its hash. Both go over the
engine's own line, so whatever starts an engine can exchange files with it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Protocol, TypeVar

from msgspec import Meta, Struct, ValidationError, convert

from finn_tui.base import files, text
from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.engine import source_files
from finn_tui.engine.messages import not_understood
from finn_tui.engine.protocol import FILE_PIECE, digest_of

T = TypeVar("T")

OnEvent = Callable[[str, dict[str, Any]], None]
#: Bytes that a request may leave behind, all files together.
_MOST_BYTES = 8 << 30
#: Bytes above which the user is told what is being sent or fetched.
_WORTH_TELLING = 4 << 20


class Call(Protocol):
    """Asks the engine, as ``Engine.call`` does, with the parameters as they are."""

    def __call__(
        self, method: str, params: dict[str, Any] | None = None, on_event: OnEvent | None = None
    ) -> Awaitable[Any]: ...


@dataclass(frozen=True)
class PathParameters:
    """Which parameters of a method are paths, or objects with paths in them.

    Attributes:
        read: what the engine reads; in an object the keys ``path`` and ``tests`` are.
        written: what it writes.
    """

    read: tuple[str, ...] = ()
    written: tuple[str, ...] = ()


_GRAPH = PathParameters(read=("path",))
#: Every method that takes paths.
PATHS: Mapping[str, PathParameters] = {
    "prepare": PathParameters(read=("source", "data"), written=("out",)),
    "export": PathParameters(read=("source",), written=("out",)),
    "evaluate": PathParameters(read=("source", "checkpoint", "module", "dataset")),
    "graph": _GRAPH,
    "design": _GRAPH,
    "tables": _GRAPH,
    "setfolding": _GRAPH,
    "reports": _GRAPH,
    "execute": PathParameters(read=("path", "input"), written=("output",)),
    "netlist": PathParameters(read=("path",), written=("output",)),
}
_KEYS = ("path", "tests")


class _Found(Struct, frozen=True):
    path: str | None


class _Place(Struct, frozen=True):
    path: str


class _Written(Struct, frozen=True):
    name: str
    size: Annotated[int, Meta(ge=0)]
    sha256: str


class _Listing(Struct, frozen=True):
    files: tuple[_Written, ...]


class FileExchange:
    """The files of one engine."""

    def __init__(self, name: str, call: Call) -> None:
        """For the engine of that name, which is asked with ``call``."""
        self._name = name
        self._call = call

    async def call(self, method: str, params: Mapping[str, Any], on_event: OnEvent | None) -> Any:
        """Ask the engine with paths of this machine.

        Raises:
            FinnTuiError: as ``Engine.call``; or a file cannot be read, sent, fetched or written.
        """
        request = _Request(self._name, self._call, on_event)
        paths = PATHS[method]
        asked = dict(params)
        for key in paths.read:
            if asked.get(key) is not None:
                asked[key] = await request.sent(asked[key])
        for key in paths.written:
            if asked.get(key) is not None:
                asked[key] = await request.place_for(Path(asked[key]))
        try:
            answer = await self._call(method, asked, request.event)
        except FinnTuiError as error:
            if error.kind in (ErrorKind.CANCELLED, ErrorKind.ENGINE):
                raise
            # What it kept of a failure is worth having.
            await request.fetch_all()
            raise FinnTuiError.from_dict(request.localized(error.as_dict())) from error
        await request.fetch_all()
        return request.localized(answer)


class _Request:
    """The files of one request."""

    def __init__(self, name: str, call: Call, on_event: OnEvent | None) -> None:
        self._name = name
        self._call = call
        self._on_event = on_event
        #: Local paths by those that stand for them there.
        self._local: dict[str, str] = {}
        self._places: dict[str, Path] = {}

    async def sent(self, value: Any) -> Any:
        """A parameter with the paths in it replaced; the files are there then."""
        if isinstance(value, str):
            return await self._sent_path(value)
        if not isinstance(value, Mapping):
            return value
        return {
            key: await self._sent_path(item)
            if key in _KEYS and isinstance(item, str)
            else await self.sent(item)
            if isinstance(item, Mapping)
            else item
            for key, item in value.items()
        }

    async def _sent_path(self, given: str) -> str:
        path = Path(given).expanduser().absolute()
        if not await asyncio.to_thread(path.exists):
            return given  # the engine says that it is not there
        try:
            members = await asyncio.to_thread(source_files.with_companions, path)
            hashes = {
                name: await asyncio.to_thread(files.sha256, each) for name, each in members.items()
            }
            digest = digest_of(hashes)
            folder = (await self._asked("files_find", {"digest": digest}, _Found)).path
            if folder is None:
                await self._send(digest, members)
                folder = (await self._asked("files_complete", {"digest": digest}, _Place)).path
        except OSError as error:
            raise FinnTuiError(
                f"{path} cannot be sent to the engine {self._name}",
                str(error),
                "Check the path and its permissions.",
            ) from error
        there = str(PurePosixPath(folder) / path.name)
        self._local[there] = given
        return there

    async def _asked(self, method: str, params: dict[str, Any], kind: type[T]) -> T:
        """Ask about files. Raises ``FinnTuiError`` for an answer of another kind, too."""
        answer = await self._call(method, params)
        try:
            return convert(answer, kind)
        except ValidationError as error:
            raise not_understood(self._name, method, error) from error

    async def _send(self, digest: str, members: Mapping[str, Path]) -> None:
        total = sum(path.stat().st_size for path in members.values())
        done = 0
        for name, path in members.items():
            offset = 0
            with path.open("rb") as file:
                while True:
                    piece = await asyncio.to_thread(file.read, FILE_PIECE)
                    if not piece and offset:
                        break
                    data = base64.b64encode(piece).decode()
                    await self._call(
                        "files_send",
                        {"digest": digest, "name": name, "offset": offset, "data": data},
                    )
                    offset += len(piece)
                    done += len(piece)
                    self._tell("sending", name, done, total)
                    if len(piece) < FILE_PIECE:
                        break

    async def place_for(self, path: Path) -> str:
        """A path there for what is to be written to a path here."""
        place = (await self._asked("files_make", {"name": path.name}, _Place)).path
        self._places[place] = path
        self._local[place] = str(path)
        return place

    async def fetch_all(self) -> None:
        """Fetch what was written, and have it removed there."""
        for place, path in self._places.items():
            await self._fetch(place, path)
            await self._call("files_drop", {"path": place})

    async def _fetch(self, place: str, path: Path) -> None:
        written = (await self._asked("files_written", {"path": place}, _Listing)).files
        total = sum(file.size for file in written)
        if total > _MOST_BYTES:
            raise self._damaged(f"it wrote {text.size(total)}, more than {text.size(_MOST_BYTES)}")
        done = 0
        for file in written:
            parts = file.name.split("/")
            if parts[0] != path.name or any(
                part in ("", ".", "..") or "\0" in part for part in parts
            ):
                continue  # beside what was asked for
            await self._fetch_file(place, file, path.joinpath(*parts[1:]))
            done += file.size
            self._tell("fetching", file.name, done, total)

    async def _fetch_file(self, place: str, file: _Written, target: Path) -> None:
        with files.replacing(target, durable=False) as out:
            offset = 0
            while offset < file.size:
                question = {"path": place, "name": file.name, "offset": offset}
                answer = await self._call("files_fetch", question)
                try:
                    piece = base64.b64decode(answer["data"], validate=True)
                except (TypeError, KeyError, binascii.Error) as error:
                    raise self._damaged(f"{file.name}: {error}") from error
                if not piece:
                    break
                out.write(piece)
                offset += len(piece)
            out.flush()
            if offset != file.size or files.sha256(Path(out.name)) != file.sha256:
                raise self._damaged(f"{file.name} has another content than was written there")

    def _damaged(self, why: str) -> FinnTuiError:
        return FinnTuiError(
            f"what the engine {self._name} wrote did not arrive",
            why,
            "Try again.",
            kind="engine",
        )

    def _tell(self, doing: str, name: str, done: int, total: int) -> None:
        if total > _WORTH_TELLING and self._on_event is not None:
            message = f"{doing} {name} ({text.size(done)} of {text.size(total)})"
            self._on_event("progress", {"message": message, "fraction": done / total})

    def event(self, name: str, data: dict[str, Any]) -> None:
        """Hand an event on, with paths of this machine."""
        if self._on_event is not None:
            self._on_event(name, self.localized(data) if name == "progress" else data)

    def localized(self, value: Any) -> Any:
        """An answer with paths of this machine in place of those there."""
        if isinstance(value, str):
            for there, here in self._local.items():
                value = value.replace(there, here)
            return value
        if isinstance(value, list):
            return [self.localized(item) for item in value]
        if isinstance(value, dict):
            return {key: self.localized(item) for key, item in value.items()}
        return value
