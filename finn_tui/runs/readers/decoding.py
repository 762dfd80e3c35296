"""Bytes of any log as plain UTF-8 text: compressed files, other encodings, stamps before lines."""

from __future__ import annotations

import bz2
import codecs
import lzma
import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from finn_tui.base.text import clean
from finn_tui.runs.readers.lines import LogReader
from finn_tui.runs.readers.parsed_file import ParsedFile

#: How much a compressed file may hold: a log of a build has some hundred megabytes.
MOST = 16 << 30
_PORTION = 1 << 12

_DATE = r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
#: What others write before each line of a tool: ``ts``, docker, compose, journald, CI services.
_STAMPS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\[{_DATE}\] ?",
        rf"{_DATE}[ \t]",
        r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?: [\w.-]+ [\w./+-]+(?:\[\d+\])?:)? ",
        r"\[?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\]?[ \t]",
        r"\d{9,10}\.\d{1,9} ",
        r"#\d{1,4} \d{1,6}\.\d{1,3} ",
        r"[\w.-]{1,40} +\| ?",
    )
)
#: Share of a file's first lines that a stamp has to stand before.
_SHARE = 0.8


class Decoder:
    """Turns a file's bytes into UTF-8, in whatever portions they come."""

    def __init__(self, steps: tuple[Callable[[], Callable[[bytes], bytes]], ...]) -> None:
        """``steps``: each makes a function that decodes portions, in their order."""
        self._make = steps
        self._steps = [make() for make in steps]
        self._out = 0
        #: Why the rest was not read.
        self.note: str | None = None

    def again(self) -> Decoder:
        """A decoder of the same kind at the beginning of a file."""
        return Decoder(self._make)

    def decode(self, data: bytes) -> bytes:
        """The text that a portion completes; what is damaged is left out from there on."""
        if self.note is not None:
            return b""
        try:
            for step in self._steps:
                data = step(data)
        except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
            self.note = f"damaged: {error}"
            return b""
        self._out += len(data)
        if self._out > MOST:
            self.note = f"only its first {MOST >> 30} GB were read"
        return data


def _streams(make: Callable[[], Any]) -> Callable[[], Callable[[bytes], bytes]]:
    """Decode one stream or several, one behind the other, as parallel compressors write them."""

    def begin() -> Callable[[bytes], bytes]:
        state: list[Any] = [make()]

        def decode(data: bytes) -> bytes:
            parts = []
            while data:
                parts.append(state[0].decompress(data))
                data = b""
                if state[0].eof:
                    data = state[0].unused_data.lstrip(b"\0")
                    state[0] = make()
            return b"".join(parts)

        return decode

    return begin


def _charset(name: str) -> Callable[[], Callable[[bytes], bytes]]:
    def begin() -> Callable[[bytes], bytes]:
        inner = codecs.getincrementaldecoder(name)("replace")
        return lambda data: inner.decode(data).lstrip("\ufeff").encode("utf-8", "replace")

    return begin


def _carriage_returns() -> Callable[[bytes], bytes]:
    return lambda data: data.replace(b"\r", b"\n")


_MAGIC = (
    (b"\x1f\x8b", (".gz",), _streams(lambda: zlib.decompressobj(zlib.MAX_WBITS | 16))),
    (b"BZh", (".bz2",), _streams(bz2.BZ2Decompressor)),
    (b"\xfd7zXZ\0", (".xz",), _streams(lzma.LZMADecompressor)),
    (b"\x5d\0\0", (".lzma",), _streams(lzma.LZMADecompressor)),
)
#: Where signs of what is not read stand, and what to do first.
_PACKED = (
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd: decompress it first (zstd -d)"),
    (0, b"\x04\x22\x4d\x18", "compressed with lz4: decompress it first (lz4 -d)"),
    (0, b"\x89LZO\0", "compressed with lzop: decompress it first (lzop -d)"),
    (0, b"\x1f\x9d", "compressed with compress: decompress it first (uncompress)"),
    (0, b"PK\x03\x04", "a zip archive: unpack it first (unzip) and give the folder"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first (7z x) and give the folder"),
    (0, b"Rar!\x1a", "a rar archive: unpack it first (unrar x) and give the folder"),
    (257, b"ustar", "a tar archive: unpack it first (tar xf) and give the folder"),
)
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decoder_for(name: str, head: bytes) -> tuple[Decoder | None, str]:
    """Find out how a file has to be decoded.

    Args:
        name: its name without folders.
        head: its first bytes.

    Returns:
        The decoder, None for plain text; the name without what says that it is compressed.
    """
    steps: list[Callable[[], Callable[[bytes], bytes]]] = []
    for magic, endings, make in _MAGIC:
        if head.startswith(magic):
            steps.append(make)
            head = Decoder((make,)).decode(head)
            for ending in endings:
                name = name.removesuffix(ending)
            break
    charset = next((text for bom, text in _BOMS if head.startswith(bom)), None)
    charset = charset or ("utf-8-sig" if head.startswith(codecs.BOM_UTF8) else _wide(head))
    if charset is not None:
        steps.append(_charset(charset))
        head = Decoder((_charset(charset),)).decode(head)
    if head.count(b"\r") > 1 and b"\n" not in head:
        steps.append(_carriage_returns)
    return (Decoder(tuple(steps)) if steps else None), name


def packed(head: bytes) -> str | None:
    """What a file is packed with that is not read, and what to do; None for any other.

    Args:
        head: its first bytes, decompressed where that can be done.
    """
    return next((note for at, sign, note in _PACKED if head.startswith(sign, at)), None)


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark at its beginning: every other byte is 0."""
    part = head[:2000]
    if len(part) < 8:
        return None
    even, odd = part[::2].count(0), part[1::2].count(0)
    half = len(part) // 2
    if odd > 0.6 * half and even < 0.1 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.6 * half and odd < 0.1 * half else None


def reads_as_text(head: bytes) -> bool:
    """Whether a file with noughts is a text all the same, whose beginning or tail is damaged."""
    data = head.lstrip(b"\0").partition(b"\0")[0]
    if len(data) < 64:
        return False
    odd = sum(byte < 32 and byte not in b"\t\n\r\x1b" for byte in data)
    return odd <= len(data) // 100


def stamp_of(head: bytes) -> re.Pattern[str] | None:
    """What stands before the lines of a text that is not the tool's; None if nothing does.

    Args:
        head: the first bytes of the text, decoded.
    """
    lines = clean(head.decode("utf-8", "replace")).split("\n")[:-1][:200]
    lines = [line.rstrip("\r") for line in lines]
    # An empty line of the tool leaves the stamp without the blank behind it.
    full = [line + " " for line in lines if line.strip()]
    if len(full) < 3:
        return None
    for stamp in _STAMPS:
        if sum(stamp.match(line) is not None for line in full) >= _SHARE * len(full):
            return stamp
    return None


class DecodingReader:
    """Decodes what it is fed and gives it to another reader."""

    def __init__(self, decoder: Decoder, inner: Any) -> None:
        self._decoder = decoder
        self.inner = inner

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""
        # In small portions, since a few bytes can stand for megabytes.
        for at in range(0, len(data), _PORTION):
            self.inner.feed(self._decoder.decode(data[at : at + _PORTION]))

    def finish(self) -> ParsedFile:
        """Return what was read in all; nothing more will come."""
        return self._noted(self.inner.finish())

    def reading(self) -> ParsedFile:
        """Return what was read so far."""
        return self._noted(self.inner.reading())

    @property
    def rest(self) -> str:
        """The line that has not ended yet."""
        return self.inner.rest if isinstance(self.inner, LogReader) else ""

    def _noted(self, reading: ParsedFile) -> ParsedFile:
        return replace(reading, note=self._decoder.note) if self._decoder.note else reading
