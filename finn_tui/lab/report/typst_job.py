"""Runs in the typesetter's environment: sets documents and pictures that a folder holds.

Called with the folder, which is also all that Typst may read. ``job.json`` in it lists what to do;
the answer goes to stdout as one JSON document. Nothing but the standard library and typst is here.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import typst

#: Stands before and after each character whose glyph is looked for.
_FENCE = "|"
#: A code point that no font has.
_NOTHING = "\uffff"
_PROBE = """
#set page(width: auto, height: auto)
#set text(font: {fonts})
#for line in json("probe.json") {{ par(text(line)) }}
"""
_USE = re.compile(r'<use [^>]*xlink:href="#([^"]+)"')


def main() -> None:
    """Do the job of the folder."""
    root = Path(sys.argv[1])
    job: dict[str, Any] = json.loads((root / "job.json").read_text(encoding="utf-8"))
    fonts = [str(root / "fonts")] if (root / "fonts").is_dir() else []
    answer: dict[str, Any] = {"missing": [], "errors": {}, "damaged": []}
    for path in sorted(root.glob("*/content.json")):
        answer["damaged"] += without_damaged(path)
    if job.get("characters"):
        answer["missing"] = missing(root, job["characters"], job["fonts"], fonts)
    for task in job["tasks"]:
        try:
            typst.compile(
                root / task["input"],
                output=root / task["output"],
                root=root,
                font_paths=fonts,
                ppi=task.get("ppi"),
                sys_inputs=task.get("inputs", {}),
            )
        except typst.TypstError as error:
            answer["errors"][task["output"]] = str(error.message)
    print(json.dumps(answer))


def without_damaged(path: Path) -> list[str]:
    """Replace pictures of a document that cannot be shown by a remark; return the remarks."""
    document = json.loads(path.read_text(encoding="utf-8"))
    remarks: list[str] = []

    def sift(value: Any) -> Any:
        if isinstance(value, list):
            return [sift(each) for each in value]
        if not isinstance(value, dict):
            return value
        if value.get("kind") == "image":
            why = damage(path.parent, value["path"])
            if why is None:
                return value
            remark = f"The picture {value.get('title') or value['path']} is left out: {why}"
            remarks.append(remark)
            return {"kind": "note", "parts": [{"kind": "text", "text": remark}]}
        return {key: sift(each) for key, each in value.items()}

    document["blocks"] = sift(document["blocks"])
    if remarks:
        path.write_text(json.dumps(document), encoding="utf-8")
    return remarks


def damage(folder: Path, name: str) -> str | None:
    """Return why a picture cannot be shown; None if it can."""
    source = f"#image({json.dumps(name)}, width: 1cm)".encode()
    (folder / "picture.typ").write_bytes(source)
    try:
        typst.compile(folder / "picture.typ", root=folder, format="pdf")
    except typst.TypstError as error:
        return str(error.message)
    return None


def missing(root: Path, characters: str, families: list[str], fonts: list[str]) -> list[str]:
    """Return the characters that no font of this machine can show.

    Args:
        root: a folder to work in.
        characters: to look for.
        families: fonts to prefer.
        fonts: folders with more fonts.
    """
    lines = [_FENCE + character + _FENCE for character in _NOTHING + characters]
    (root / "probe.json").write_text(json.dumps(lines), encoding="utf-8")
    names = "(" + ", ".join(json.dumps(name) for name in families) + ",)"
    (root / "probe.typ").write_text(_PROBE.format(fonts=names), encoding="utf-8")
    svg = typst.compile(root / "probe.typ", root=root, font_paths=fonts, format="svg")
    page = svg if isinstance(svg, bytes) else b"".join(svg)
    glyphs = _USE.findall(page.decode("utf-8", "replace"))
    if not glyphs:
        return []
    # The fence's glyph parts the lines; what stands for no glyph is what the first line shows.
    fence = glyphs[0]
    shown: list[tuple[str, ...]] = []
    inside: list[str] = []
    for glyph in glyphs[1:]:
        if glyph == fence:
            shown.append(tuple(inside))
            inside = []
        else:
            inside.append(glyph)
    # Every second group lies between two lines and is empty.
    shown = shown[::2]
    if len(shown) != len(lines):
        return []
    return [
        character
        for character, group in zip(characters, shown[1:], strict=True)
        if group and group == shown[0]
    ]


if __name__ == "__main__":
    main()
