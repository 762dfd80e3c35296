"""What the user has agreed to run: content of workspaces, by its hash, in the user's own folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from finn_tui.base import files, paths


def _store() -> Path:
    return paths.config_dir() / "agreed-steps.json"


def _agreed() -> dict[str, str]:
    try:
        document = json.loads(_store().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    return {str(key): str(value) for key, value in document.items()}


def is_agreed(digest: str) -> bool:
    """Whether the user has agreed to run the content with this SHA-256."""
    return digest in _agreed()


def agree(digest: str, path: Path) -> None:
    """Remember that the user agreed to run a content.

    Args:
        digest: SHA-256 of the content.
        path: where it was read from, for the user's own information.
    """
    document = {**_agreed(), digest: str(path.absolute())}
    files.replace(_store(), json.dumps(document, indent=1))


def command_digest(command: str, settings: Path) -> str:
    """What consent to a shell command of one workspace's settings is kept under.

    Args:
        command: as it would be run.
        settings: the file that names it.
    """
    return hashlib.sha256(f"notify\0{settings.absolute()}\0{command}".encode()).hexdigest()
