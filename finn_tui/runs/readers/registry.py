"""Which reader a file wants: by its name where that tells, else by its first bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from finn_tui.base.text import clean
from finn_tui.runs.readers.crash import CrashReader
from finn_tui.runs.readers.csynth import CsynthReader, CsynthXmlReader
from finn_tui.runs.readers.decoding import (
    DecodingReader,
    decoder_for,
    packed,
    reads_as_text,
    stamp_of,
)
from finn_tui.runs.readers.documents import JsonReader
from finn_tui.runs.readers.finn import FinnReader
from finn_tui.runs.readers.hierarchy import HierarchyReader
from finn_tui.runs.readers.hls import HlsReader
from finn_tui.runs.readers.lines import LogReader
from finn_tui.runs.readers.long_log import LongLog
from finn_tui.runs.readers.marker import MarkerReader, parse_name
from finn_tui.runs.readers.other import BinaryReader
from finn_tui.runs.readers.parsed_file import ParsedFile
from finn_tui.runs.readers.report import ReportReader
from finn_tui.runs.readers.timing import RouteStatusReader, TimingReader
from finn_tui.runs.readers.utilization import UtilizationReader
from finn_tui.runs.readers.vivado import VivadoReader

#: So many first bytes of a file are enough to tell what it is.
HEAD = 16 * 1024


class Reader(Protocol):
    """What all readers are: bytes in, a ``ParsedFile`` out, at any time."""

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""

    def finish(self) -> ParsedFile:
        """Return what was read in all; nothing more will come."""

    def reading(self) -> ParsedFile:
        """Return what was read so far."""


_BY_NAME: tuple[tuple[str, Callable[[], Reader]], ...] = (
    (r"hs_err_(?:pid)?\d+\.(?:log|dmp\.txt)", CrashReader),
    (r"(?:vivado|vitis)_hls\.log|(?:sol|solution)\d*\.log", HlsReader),
    (r"build_dataflow.*\.log", FinnReader),
    (r".*_csynth\.rpt", CsynthReader),
    (r".*_csynth\.xml", CsynthXmlReader),
    (r"synth_report\.xml|post_synth_resources\.xml", HierarchyReader),
    (r".*_utilization_\w+\.rpt", UtilizationReader),
    (r".*_timing_summary_\w+\.rpt|post_route_timing\.rpt", TimingReader),
    (r".*_?route_status\.rpt", RouteStatusReader),
    (r".*\.vdi|.*\.vds|runme\.log", VivadoReader),
)
_FINN_STAMP = re.compile(rb"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.\]]")
_NAMES = tuple((re.compile(pattern), make) for pattern, make in _BY_NAME)

#: Signs at the beginning of a file, and who reads it.
_BY_CONTENT: tuple[tuple[bytes, Callable[[], Reader]], ...] = (
    (rb"^# A fatal error has been detected|^# An unexpected error has occurred", CrashReader),
    (
        rb"^\*{6} (?:Vivado\(TM\) HLS|Vitis HLS)|^Vivado\(TM\) HLS - High|^Vitis HLS - High",
        HlsReader,
    ),
    (
        rb"Running step: \S+ \[\d+/\d+\]|^(?:\[[^\]]+\] ?)?Building dataflow accelerator from "
        rb"|^Build log is at ",
        FinnReader,
    ),
    (rb"^== (?:Vivado|Vitis) HLS Report for", CsynthReader),
    (rb"^\| Command +: report_utilization", UtilizationReader),
    (rb"^\| Command +: report_timing_summary", TimingReader),
    (rb"^Design Route Status", RouteStatusReader),
    (rb"^\| Tool Version +:", ReportReader),
    (
        rb"^\*{6} (?:Vivado|v\+\+) v|^# Vivado v|^\*\*\* Running vivado|^Command: \w+|^Phase \d",
        VivadoReader,
    ),
)
_CONTENTS = tuple((re.compile(pattern, re.M), make) for pattern, make in _BY_CONTENT)


def reader_for(name: str, head: bytes) -> Reader:
    """The reader for a file.

    Args:
        name: its name without folders.
        head: its first ``HEAD`` bytes, or all of them.
    """
    if parse_name(name) is not None:
        return MarkerReader(name)
    decoder, name = decoder_for(name, head)
    if decoder is not None:
        return DecodingReader(decoder, _reader_for(name, decoder.again().decode(head)))
    return _reader_for(name, head)


def bounded(reader: Reader) -> Reader:
    """Have a reader take a log of any size in bounded time; see ``LongLog``."""
    if isinstance(reader, DecodingReader):
        reader.inner = bounded(reader.inner)
        return reader
    return LongLog(reader) if isinstance(reader, LogReader) else reader


def _reader_for(name: str, head: bytes) -> Reader:
    """The reader for a file of plain text, or of something that is none."""
    if (note := packed(head)) is not None:
        return BinaryReader("archive", note)
    if "\x1b" in (text := head[:HEAD].decode("utf-8", "replace")):
        head = clean(text).encode("utf-8")
    stamp = stamp_of(head[:HEAD])
    if stamp is not None:
        lines = head[:HEAD].decode("utf-8", "replace").split("\n")
        bare = "\n".join(line[m.end() :] if (m := stamp.match(line)) else line for line in lines)
        reader = _plain_reader(name, bare.encode("utf-8"))
        # FINN's own log is stamped, and by these stamps its steps are timed.
        if isinstance(reader, LogReader) and not (
            isinstance(reader, FinnReader) and _FINN_STAMP.match(head.lstrip(b"\r\n"))
        ):
            reader.prefix = stamp
        return reader
    return _plain_reader(name, head)


def _plain_reader(name: str, head: bytes) -> Reader:
    for pattern, make in _NAMES:
        if pattern.fullmatch(name):
            return make()
    head = head[:HEAD]
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if name.endswith(".json") or (start == b"{" and not name.endswith((".log", ".rpt"))):
        return JsonReader(name)
    if b"\0" in head and not reads_as_text(head):
        return BinaryReader()
    if start == b"<":
        if b"report_utilization -hierarchical" in head:
            return HierarchyReader()
        if b"<profile>" in head:
            return CsynthXmlReader()
        return BinaryReader("xml")
    unix = head.replace(b"\r\n", b"\n")
    for pattern_, make in _CONTENTS:
        if pattern_.search(unix):
            return make()
    return FinnReader()
