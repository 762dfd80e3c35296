"""What identifies a model: the content of its files and how they are handled, never its name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finn_tui.base import files
from finn_tui.engine.source_files import tensor_files


def content(source: Mapping[str, Any]) -> str:
    """The hash of a source: its files' contents, and everything else that is said of it.

    Args:
        source: what the engine's ``prepare`` is given. A file that is not there counts by its path.
    """
    document = json.dumps(_by_content(source), sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()


def _by_content(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {
        key: _file(Path(item)) if key == "path" and isinstance(item, str) else _by_content(item)
        for key, item in value.items()
    }


def _file(path: Path) -> list[str]:
    try:
        return [files.sha256(path), *(files.sha256(other) for other in tensor_files(path))]
    except OSError:
        return [str(path)]


def model_id(content: str, finn: Mapping[str, Any], part: str) -> str:
    """16 hex digits for a content as one FINN prepares it for one part."""
    parts = [content, finn.get("flavour"), finn.get("version"), part]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def label_of_title(title: str) -> str:
    """A model's name in the workspace from how it is shown: ``net (3fa2c1)`` is net-3fa2c1."""
    shown = re.fullmatch(r"(\S+) \(([0-9a-f]{6,64})\)", title)
    return f"{shown[1]}-{shown[2]}" if shown else title


#: Digits of a content's hash that stand in names; more where six are the same.
DIGITS = (6, 12, 64)


def title_of(name: str, content: str) -> str:
    """How a model's name in the workspace is shown: net-3fa2c1 as ``net (3fa2c1)``."""
    for digits in DIGITS:
        suffix = f"-{content[:digits]}"
        if len(content) >= digits and name.endswith(suffix):
            return f"{name.removesuffix(suffix)} ({content[:digits]})"
    return name


def titles(models: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """How models are shown beside each other, each told apart from another content of its name.

    Args:
        models: name and content (empty if not known) by anything that tells them apart.
    """
    shown = {key: (title_of(name, content), content) for key, (name, content) in models.items()}
    contents: dict[str, set[str]] = {}
    for title, content in shown.values():
        contents.setdefault(title, set()).add(content)
    return {
        key: f"{title} ({content[: DIGITS[0]]})" if content and len(contents[title]) > 1 else title
        for key, (title, content) in shown.items()
    }
