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
        return _decoded(_store().read_bytes())
    except OSError:
        return {}


def _decoded(content: bytes) -> dict[str, str]:
    """What the file says; nothing if it is damaged: the user is then asked again."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
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

    def added(content: bytes) -> bytes:
        document = {**_decoded(content), digest: str(path.absolute())}
        return json.dumps(document, indent=1).encode()

    files.update(_store(), added)


def command_digest(command: str, settings: Path, *, declined: bool = False) -> str:
    """What consent to a shell command of one workspace's settings is kept under.

    Args:
        command: as it would be run.
        settings: the file that names it.
        declined: what the user's no is kept under.
    """
    kind = "no notify" if declined else "notify"
    return hashlib.sha256(f"{kind}\0{settings.absolute()}\0{command}".encode()).hexdigest()
