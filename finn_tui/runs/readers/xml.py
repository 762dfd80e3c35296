"""XML as it comes: elements are looked at when they end, then forgotten."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from finn_tui.runs.readers.parsed_file import ParsedFile

#: More than the largest hierarchical report of a big design.
MAX_BYTES = 256 << 20
_DEEPEST = 200


class XmlReader(ABC):
    """Reads a document; ``_element`` sees each element with the tags from the root to it."""

    kind = "xml"

    def __init__(self) -> None:
        self._parser: XMLPullParser[Element] | None = XMLPullParser(("start", "end"))
        self._path: list[Element] = []
        self._note: str | None = None
        self._bytes = 0
        self._whole = False

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""
        if self._parser is None:
            return
        self._bytes += len(data)
        if self._bytes > MAX_BYTES:
            self._stop(f"longer than {MAX_BYTES >> 20} MB")
            return
        try:
            self._parser.feed(data)
            events = cast(Iterator[tuple[str, Element]], self._parser.read_events())
            for event, element in events:
                (self._start if event == "start" else self._end)(element)
        except (ParseError, ValueError, LookupError) as error:
            self._stop(f"not well formed: {error}")

    def _start(self, element: Element) -> None:
        self._path.append(element)
        if len(self._path) > _DEEPEST:
            raise ParseError("nested too deeply")

    def _end(self, element: Element) -> None:
        self._element(element, tuple(part.tag for part in self._path))
        self._path.pop()
        if self._path:
            self._path[-1].remove(element)
        else:
            self._whole = True

    def _stop(self, note: str) -> None:
        self._parser, self._note = None, self._note or note

    @abstractmethod
    def _element(self, element: Element, path: tuple[str, ...]) -> None:
        """An element has ended."""

    @abstractmethod
    def _result(self) -> ParsedFile:
        """Return what was read."""

    def finish(self) -> ParsedFile:
        """Nothing more will come."""
        if not self._whole and self._note is None:
            self._note = "cut off"
        return self.reading()

    def reading(self) -> ParsedFile:
        """Return what was read so far."""
        parsed = self._result()
        if parsed.outcome == "succeeded" and self._note is not None:
            return replace(parsed, outcome="incomplete", note=self._note)
        return replace(parsed, note=self._note)
