"""The logs of a run: which there are, and reading them as they grow."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from finn_tui.base.text import clean
from finn_tui.runs.folder import RunFolder

#: The most that is read at a time, so that a log of any size leaves the screen alive.
CHUNK = 1 << 20

#: Of a log that is larger than this when it is first seen, only its beginning, which tells the
#: tool and the session, and its end are read through; reading takes a second for some 12 MB.
LARGE = 16 << 20
BEGINNING, END = 1 << 20, 4 << 20

_PATTERNS = (
    ("hls", "code_gen_ipgen_*/vitis_hls.log"),
    ("hls", "code_gen_ipgen_*/vivado_hls.log"),
    ("stitch", "vivado_stitch_proj_*/vivado.log"),
    ("synthesis", "vivado_stitch_proj_*/*.runs/*/runme.log"),
    ("synthesis", "synth_out_of_context_*/*/*/*.runs/synth_1/runme.log"),
    ("implementation", "synth_out_of_context_*/*/*/*.runs/impl_1/runme.log"),
    ("bitfile", "vivado_zynq_proj_*/vivado.log"),
    ("synthesis", "vivado_zynq_proj_*/*.runs/*_synth_1/runme.log"),
    ("synthesis", "vivado_zynq_proj_*/*.runs/synth_1/runme.log"),
    ("implementation", "vivado_zynq_proj_*/*.runs/impl_1/runme.log"),
)
#: Python's tempfile ends the names of FINN's folders with this many random characters.
_RANDOM = 8


@dataclass(frozen=True)
class LogFile:
    """One log of a run.

    Attributes:
        path: where it is.
        kind: runner, finn, hls, stitch, synthesis, implementation or bitfile.
        title: what it is about: a layer, a Vivado run.
    """

    path: Path
    kind: str
    title: str


def find_logs(run: RunFolder) -> list[LogFile]:
    """The logs that a run has by now, in the order in which a build writes them."""
    logs = [
        LogFile(run.log, "runner", "everything printed"),
        LogFile(run.build / "build_dataflow.log", "finn", "FINN"),
    ]
    logs = [log for log in logs if log.path.is_file()]
    for kind, pattern in _PATTERNS:
        paths = sorted(run.working.glob(pattern), key=lambda path: (path.stat().st_ctime, path))
        logs += [LogFile(path, kind, _title(kind, path)) for path in paths]
    return logs


def _title(kind: str, path: Path) -> str:
    name = path.parent.name[:-_RANDOM].rstrip("_")
    if kind == "hls":
        return name.removeprefix("code_gen_ipgen_")
    if kind == "stitch":
        inner = name.removeprefix("vivado_stitch_proj").lstrip("_")
        return f"stitching {inner}" if inner else "stitching"
    if kind == "bitfile":
        return "Zynq project"
    return path.parent.name


def measured(logs: list[LogFile]) -> tuple[tuple[LogFile, int, float], ...]:
    """Logs with their bytes and when they were last written to (seconds since the epoch)."""
    sizes = []
    for log in logs:
        try:
            status = log.path.stat()
        except OSError:
            continue
        sizes.append((log, status.st_size, status.st_mtime))
    return tuple(sizes)


def left_out(size: int) -> tuple[int, int] | None:
    """Of a log of ``size`` bytes, from where to where it is not read; None: it is read whole."""
    return (BEGINNING, size - END) if size > LARGE else None


class Growth:
    """What is added to a file, as bytes; none is read twice.

    A file that shrinks or is replaced is read from its beginning, as ``tail -F`` does.

    Attributes:
        offset: how far it has been read.
        begun: how often it was begun anew; readers of the bytes have to as well.
    """

    def __init__(self, path: Path, *, last: int | None = None) -> None:
        """Follow ``path``, which need not be there yet; ``last``: bytes before its end."""
        self.path = path
        self.offset = 0
        self.begun = 0
        self._inode: int | None = None
        if last is not None:
            try:
                status = path.stat()
            except OSError:
                return
            self._inode = status.st_ino
            self.offset = max(0, status.st_size - last)

    def read(self, limit: int = CHUNK) -> bytes:
        """At most ``limit`` new bytes; none if there are none, or the file cannot be read."""
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                replaced = self._inode is not None and self._inode != status.st_ino
                if replaced or status.st_size < self.offset:
                    self.offset = 0
                    self.begun += 1
                self._inode = status.st_ino
                file.seek(self.offset)
                data = file.read(limit)
        except OSError:
            return b""
        self.offset += len(data)
        return data


class Tail:
    """Reads a log as it grows, line by line; see ``Growth``."""

    def __init__(self, path: Path, *, last: int | None = None) -> None:
        """Follow ``path``, which need not be there yet.

        Args:
            last: begin this many bytes before the end, at the start of a line; None: at the top.
        """
        self.path = path
        self._growth = Growth(path, last=last)
        self._begun = 0
        self._rest = b""
        self._skip_line = self._growth.offset > 0

    def read(self, limit: int = CHUNK) -> list[str]:
        """New whole lines, cleaned, from at most ``limit`` bytes; empty if there are none."""
        data = self._growth.read(limit)
        if self._growth.begun != self._begun:
            self._begun, self._rest, self._skip_line = self._growth.begun, b"", False
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        if not newline:
            return []
        lines = clean(whole.decode("utf-8", "replace").replace("\r", "")).split("\n")
        if self._skip_line:
            self._skip_line = False
            lines = lines[1:]
        return lines

    def rest(self) -> list[str]:
        """What stands after the last line end, once nothing more will come."""
        last, self._rest = self._rest, b""
        return [clean(last.decode("utf-8", "replace").rstrip("\r"))] if last else []
