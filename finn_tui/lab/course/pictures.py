"""Pictures of screens: where they are kept, what they are called, and what may be one."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base import files

if TYPE_CHECKING:
    from finn_tui.lab.workspace import Workspace

#: Endings of what can be set.
KINDS = (".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp")
MOST_BYTES = 8_000_000
#: More pixels than a screen or a camera has are a trap for the renderer.
_MOST_PIXELS = 40_000_000
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}", re.DOTALL)


def folder(workspace: Workspace, part: str) -> Path:
    """Return where the pictures of a part are kept."""
    return workspace.root / "report" / "pictures" / part


def names(workspace: Workspace, part: str) -> list[str]:
    """Return the file names of a part's pictures."""
    return [path.name for path in paths(workspace, part)]


def paths(workspace: Workspace, part: str) -> list[Path]:
    """Return a part's pictures, in the order of their names."""
    place = folder(workspace, part)
    if not _PART.fullmatch(part) or not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if path.suffix.lower() in KINDS)


def save_screen(workspace: Workspace, part: str, name: str, svg: str) -> Path:
    """Keep a picture of a screen.

    Args:
        workspace: whose it is.
        part: of the course.
        name: what it is called, without ending.
        svg: as Textual exports it.

    Returns:
        The file.

    Raises:
        FinnTuiError: the disk does not take it.
    """
    path = folder(workspace, part) / f"{plain(name)}.svg"
    files.replace(path, offline(svg))
    return path


def title(part: str, name: str) -> str:
    """Return what a picture of a part is called: "Part1-flow-01-export"."""
    return f"{part}-{name}"


def shows(file_name: str, part: str, screen: str) -> bool:
    """Return whether a part's picture is one of a screen, by its name."""
    return file_name.removeprefix(title(part, "")).startswith(screen)


def plain(name: str) -> str:
    """Return a name that can be a file's everywhere: "Part3-tfc-w1a1-results"."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", name).strip("-.")[:100] or "picture"


def offline(svg: str) -> str:
    """Return Textual's SVG without the fonts that it would fetch from elsewhere."""
    without = _FONT_FACE.sub("", svg)
    return without.replace(
        "font-family: Fira Code, monospace", 'font-family: "DejaVu Sans Mono", monospace'
    )


def problem(path: Path, root: Path) -> str | None:
    """Return why a file is not shown as a picture; None if it can be.

    Args:
        path: the file.
        root: the folder that it must lie in, links followed.
    """
    if path.suffix.lower() not in KINDS:
        return f"it is none of {', '.join(KINDS)}"
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            return "it lies outside of the folder of the notes"
        if not path.is_file():
            return "there is no such file"
        if path.stat().st_size > MOST_BYTES:
            return f"it has more than {MOST_BYTES / 1e6:.0f} MB"
        with path.open("rb") as file:
            head = file.read(4096)
    except (OSError, ValueError) as error:
        return str(error)
    if path.suffix.lower() == ".png":
        if not head.startswith(b"\x89PNG\r\n\x1a\n") or len(head) < 24:
            return "it is no PNG"
        width, height = struct.unpack(">II", head[16:24])
        if width * height > _MOST_PIXELS:
            return f"it has {width:,} x {height:,} pixels"
    elif path.suffix.lower() == ".svg" and b"<svg" not in head:
        return "it is no SVG"
    return None
