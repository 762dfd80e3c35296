"""Which of many words stand in which lines: one pass over a block, whatever their number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

#: So many characters are looked through at a time: each match takes a hundred bytes of memory.
_PART = 1 << 16


class WordFinder:
    """Finds the lines of a block that hold any of some words."""

    def __init__(self, words: Iterable[bytes]) -> None:
        """``words``: none of them empty, none with a line end."""
        # This kind of match is the one that the library looks for with vector instructions.
        self._any = BytesAhoCorasick(words, matchkind=MatchKind.LeftmostFirst)

    def starts(self, block: bytearray, end: int) -> Iterator[tuple[int, int]]:
        """Where the lines with a word begin and end, in order, among the first ``end`` bytes."""
        stop = -1
        with memoryview(block) as view, view[:end] as part:
            matches = self._any.find_matches_as_indexes(part)
        for _, at, _ in matches:
            if at < stop:
                continue
            start = block.rfind(b"\n", 0, at) + 1
            stop = block.find(b"\n", at, end)
            stop = end if stop < 0 else stop
            yield start, stop


class WordsOfLines:
    """Tells which of some words stand in each line of a text."""

    def __init__(self, words: Iterable[str]) -> None:
        """``words``: none of them empty, none with a line end."""
        self._words = tuple(dict.fromkeys(words))
        self._all = BytesAhoCorasick(
            [word.encode() for word in self._words], implementation=Implementation.DFA
        )

    def find(self, lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The words in each line that has any."""
        words: dict[str, tuple[str, ...]] = {}
        part: list[str] = []
        size = 0
        for line in lines:
            part.append(line)
            size += len(line)
            if size > _PART:
                self._find("\n".join(part).encode("utf-8", "replace"), words)
                part, size = [], 0
        self._find("\n".join(part).encode("utf-8", "replace"), words)
        return words

    def _find(self, block: bytes, words: dict[str, tuple[str, ...]]) -> None:
        line, stop = "", -1
        seen: set[int] = set()
        for number, at, _ in self._all.find_matches_as_indexes(block, overlapping=True):
            if at > stop:
                self._keep(line, seen, words)
                start = block.rfind(b"\n", 0, at) + 1
                stop = block.find(b"\n", at)
                stop = len(block) if stop < 0 else stop
                line, seen = block[start:stop].decode("utf-8", "replace"), set()
            seen.add(number)
        self._keep(line, seen, words)

    def _keep(self, line: str, seen: set[int], words: dict[str, tuple[str, ...]]) -> None:
        if seen:
            words[line] = tuple(self._words[number] for number in sorted(seen))
