"""The project's own sources as syntax trees, for tests of what they may contain."""

from __future__ import annotations

import ast
import gc
from pathlib import Path


def syntax_tree(source: Path | str, feature_version: tuple[int, int] | None = None) -> ast.Module:
    """Parse a file or a text.

    The garbage collector rests meanwhile: an object of another test that it ends may report an
    error, for whose traceback Python 3.11 parses a source; two parsers at a time are too many for
    it (SystemError: AST constructor recursion depth mismatch).

    Args:
        source: the file's path, or the text.
        feature_version: the Python whose syntax it must be; None for this one's.

    Raises:
        SyntaxError: it is not.
    """
    name = str(source) if isinstance(source, Path) else "<text>"
    text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    collects = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(text, name, feature_version=feature_version)
    finally:
        if collects:
            gc.enable()
