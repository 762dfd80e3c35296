"""An image on the command line: the terminal's own protocol where it has one, else half blocks.

kitty's protocol takes pixels as they are, iTerm2's a PNG file. Sixel is not written: there is no
way to know of it without asking the terminal.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping
from typing import Any

from finn_tui.base.half_blocks import half_blocks, shade

#: Rows that an image gets in a terminal that draws pixels.
_ROWS = 12
#: Bytes of one escape sequence of kitty's.
_PIECE = 4096


def picture(sample: Any, environ: Mapping[str, str], width: int = 80, height: int = 24) -> str:
    """Return what draws an image; empty for what is none.

    Args:
        sample: uint8, (C, H, W) with one or three channels.
        environ: the environment, which tells the terminal.
        width, height: most columns and lines.
    """
    import numpy as np

    rows = half_blocks(sample, width, height)
    if not rows:
        return ""
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return "\n".join("".join(shade(up, low) for _, up, low in row) for row in rows)
    pixels = np.asarray(sample)
    rgb = pixels if pixels.shape[0] == 3 else np.repeat(pixels, 3, axis=0)
    rgb = np.ascontiguousarray(rgb.transpose(1, 2, 0))
    kind = protocol(environ)
    if kind == "kitty":
        return _kitty(rgb)
    if kind == "iterm":
        return _iterm(rgb)
    lines = ("".join(_cell(sign, up, low) for sign, up, low in row) + "\x1b[0m" for row in rows)
    return "\n".join(lines)


def protocol(environ: Mapping[str, str]) -> str | None:
    """Return the image protocol that the terminal is known to have: "kitty", "iterm" or None."""
    # A multiplexer draws the screen itself and drops what it does not know.
    if environ.get("TMUX") or environ.get("STY") or environ.get("TERM", "").startswith("screen"):
        return None
    program = environ.get("TERM_PROGRAM", "")
    if environ.get("KITTY_WINDOW_ID") or environ.get("TERM") in ("xterm-kitty", "xterm-ghostty"):
        return "kitty"
    if program in ("ghostty", "WezTerm"):
        return "kitty"
    return "iterm" if program == "iTerm.app" else None


def _cell(sign: str, upper: int, lower: int) -> str:
    front, back = (f"{c >> 16};{c >> 8 & 255};{c & 255}" for c in (upper, lower))
    return f"\x1b[38;2;{front};48;2;{back}m{sign}"


def _kitty(rgb: Any) -> str:
    height, width = rgb.shape[:2]
    data = base64.standard_b64encode(rgb.tobytes()).decode()
    pieces = [data[at : at + _PIECE] for at in range(0, len(data), _PIECE)]
    out = []
    for at, piece in enumerate(pieces):
        head = f"a=T,f=24,s={width},v={height},r={_ROWS},q=2," if at == 0 else ""
        out.append(f"\x1b_G{head}m={int(at < len(pieces) - 1)};{piece}\x1b\\")
    return "".join(out)


def _iterm(rgb: Any) -> str:
    data = base64.standard_b64encode(png(rgb)).decode()
    return f"\x1b]1337;File=inline=1;height={_ROWS};preserveAspectRatio=1:{data}\x07"


def png(rgb: Any) -> bytes:
    """Return a PNG file of uint8 (H, W, 3)."""
    height, width = rgb.shape[:2]
    rows = b"".join(b"\0" + rgb[y].tobytes() for y in range(height))
    parts = (
        (b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
