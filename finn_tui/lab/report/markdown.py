"""Markdown of a student as blocks of data that the template sets.

The text is data from first to last: HTML is shown as text, nothing is fetched, pictures are files
of the notes' own folder, and links are only what a reader may click on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from finn_tui.base.text import clean

if TYPE_CHECKING:
    from markdown_it.token import Token

Block = dict[str, Any]
Inline = dict[str, Any]

#: A line of its own that stands for something that the workspace has: ``[[table]]``.
_INSERT = re.compile(r"^\[\[\s*([a-z][a-z0-9 -]{0,40}?)\s*\]\]$")
_LINK = re.compile(r"^(?:https?://|mailto:)", re.IGNORECASE)
#: How deep Markdown is read, and how deep it is set: what is deeper stands with what is around it.
_DEPTH, _SET_DEPTH = 20, 6


def text(content: str) -> Inline:
    """Return plain text as a part of a line."""
    return {"kind": "text", "text": clean(content)}


def paragraph(content: str) -> Block:
    """Return a paragraph of plain text."""
    return {"kind": "paragraph", "parts": [text(content)]}


def heading(content: str, level: int, *, new_page: bool = False) -> Block:
    """Return a heading.

    Args:
        content: its text.
        level: from 1.
        new_page: whether it begins one.
    """
    return {"kind": "heading", "level": level, "parts": [text(content)], "new_page": new_page}


def note(content: str) -> Block:
    """Return a remark of finn-tui's, set off from the text."""
    return {"kind": "note", "parts": [text(content)]}


def read(source: str) -> list[Block]:
    """Return what the template sets of Markdown; ``insert`` blocks stand for what is inserted.

    Args:
        source: the text; its size is the caller's to bound.
    """
    from markdown_it import MarkdownIt

    # Without "html" a tag is text. Raw links stay text, too: nobody clicks in print.
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": _DEPTH})
    parser.enable(["table", "strikethrough"])
    blocks: list[Block] = []
    _Reader().read_blocks(iter(parser.parse(clean(source))), blocks, "")
    return blocks


class _Reader:
    def __init__(self) -> None:
        self._level = 0

    def read_blocks(self, tokens: Iterator[Token], into: list[Block], end: str) -> None:
        """Read tokens up to the one that closes the block they are in."""
        for token in tokens:
            if token.type == end:
                return
            handler: Callable[[Token, Iterator[Token], list[Block]], None] | None = getattr(
                self, f"_read_{token.type}", None
            )
            if handler is not None:
                handler(token, tokens, into)

    def _read_heading_open(self, token: Token, tokens: Iterator[Token], into: list[Block]) -> None:
        level = int(token.tag[1:])
        parts, _ = self._parts(next(tokens))
        into.append({"kind": "heading", "level": level, "parts": parts})

    def _read_paragraph_open(
        self, token: Token, tokens: Iterator[Token], into: list[Block]
    ) -> None:
        inline = next(tokens)
        if insert := _INSERT.match(inline.content.strip()):
            into.append({"kind": "insert", "name": insert[1]})
            return
        parts, images = self._parts(inline)
        if any(part["kind"] != "text" or part["text"].strip() for part in parts):
            into.append({"kind": "paragraph", "parts": parts})
        into.extend(images)

    def _read_bullet_list_open(
        self, token: Token, tokens: Iterator[Token], into: list[Block]
    ) -> None:
        self._list(token, tokens, into)

    def _read_ordered_list_open(
        self, token: Token, tokens: Iterator[Token], into: list[Block]
    ) -> None:
        self._list(token, tokens, into)

    def _list(self, token: Token, tokens: Iterator[Token], into: list[Block]) -> None:
        ordered = token.type == "ordered_list_open"
        items: list[list[Block]] = []
        self._level += 1
        for inner in tokens:
            if inner.type == "list_item_open":
                items.append([])
                self.read_blocks(tokens, items[-1], "list_item_close")
            elif inner.type == token.type.replace("open", "close"):
                break
        self._level -= 1
        if self._level >= _SET_DEPTH:
            into += [block for item in items for block in item]
            return
        start = int(token.attrs.get("start", 1)) if ordered else 1
        into.append({"kind": "list", "ordered": ordered, "start": start, "items": items})

    def _read_blockquote_open(
        self, token: Token, tokens: Iterator[Token], into: list[Block]
    ) -> None:
        blocks: list[Block] = []
        self._level += 1
        self.read_blocks(tokens, blocks, "blockquote_close")
        self._level -= 1
        if self._level >= _SET_DEPTH:
            into += blocks
        else:
            into.append({"kind": "quote", "blocks": blocks})

    def _read_fence(self, token: Token, tokens: Iterator[Token], into: list[Block]) -> None:
        into.append({"kind": "code", "text": token.content.rstrip("\n")})

    _read_code_block = _read_fence

    def _read_hr(self, token: Token, tokens: Iterator[Token], into: list[Block]) -> None:
        into.append({"kind": "rule"})

    def _read_table_open(self, token: Token, tokens: Iterator[Token], into: list[Block]) -> None:
        rows: list[list[list[Inline]]] = []
        align: list[str] = []
        for inner in tokens:
            if inner.type == "table_close":
                break
            if inner.type == "tr_open":
                rows.append([])
            elif inner.type in ("th_open", "td_open"):
                if inner.type == "th_open":
                    style = str(inner.attrs.get("style", ""))
                    align.append(style.removeprefix("text-align:") or "left")
                rows[-1].append(self._parts(next(tokens))[0])
        into.append(table(rows[0], rows[1:], align))

    def _parts(self, inline: Token) -> tuple[list[Inline], list[Block]]:
        """Return the parts of a line, and the pictures in it, which stand below the line."""
        images: list[Block] = []
        parts = self._inline(iter(inline.children or []), images, "", 0)
        return parts, images

    def _inline(
        self, tokens: Iterator[Token], images: list[Block], end: str, level: int
    ) -> list[Inline]:
        parts: list[Inline] = []
        for token in tokens:
            if token.type == end:
                break
            match token.type:
                case "text":
                    parts.append(text(token.content))
                case "code_inline":
                    parts.append({"kind": "code", "text": token.content})
                case "softbreak":
                    parts.append(text(" "))
                case "hardbreak":
                    parts.append({"kind": "break"})
                case "strong_open" | "em_open" | "s_open":
                    kind = {"strong_open": "strong", "em_open": "emphasis", "s_open": "strike"}
                    close = token.type.replace("open", "close")
                    inner = self._inline(tokens, images, close, level + 1)
                    if level >= _SET_DEPTH:
                        parts += inner
                    else:
                        parts.append({"kind": kind[token.type], "parts": inner})
                case "link_open":
                    inner = self._inline(tokens, images, "link_close", level + 1)
                    target = str(token.attrs.get("href", ""))
                    if _LINK.match(target):
                        parts.append({"kind": "link", "target": target, "parts": inner})
                    else:
                        parts += inner
                case "image":
                    images.append(self._image(token))
                case _:
                    parts.append(text(token.content))
        return parts

    def _image(self, token: Token) -> Block:
        path = unquote(str(token.attrs.get("src", "")))
        caption = [text(token.content)] if token.content else []
        return {"kind": "image", "path": path, "caption": caption, "width": 90}


def table(
    header: Sequence[Sequence[Inline]],
    rows: Sequence[Sequence[Sequence[Inline]]],
    align: Sequence[str],
    caption: str = "",
) -> Block:
    """Return a table.

    Args:
        header: headings of the columns.
        rows: the cells; short rows are filled up.
        align: ``left``, ``right`` or ``center`` for each column.
        caption: what stands below.
    """
    width = len(header)
    return {
        "kind": "table",
        "header": list(header),
        "rows": [[*row[:width], *[[]] * (width - len(row))] for row in rows],
        "align": [*align[:width], *["left"] * (width - len(align))],
        "caption": [text(caption)] if caption else [],
    }


def characters(value: Any) -> Iterator[str]:
    """Yield the characters of all texts of a document that not every font has."""
    if isinstance(value, str):
        yield from (character for character in value if ord(character) > 0x24F)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from characters(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from characters(inner)
