"""Where finn-tui keeps what belongs to the user, and what ships in the package."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def _user_dir(kind: str) -> Path:
    # One variable moves everything, for tests and for homes on small network disks.
    root = os.environ.get("FINN_TUI_HOME")
    if root:
        return Path(root) / kind
    return Path(getattr(platformdirs, f"user_{kind}_dir")("finn-tui", appauthor=False))


def config_dir() -> Path:
    """Settings, named hosts and boards, user themes and presets."""
    return _user_dir("config")


def data_dir() -> Path:
    """Managed environments, the simulated board."""
    return _user_dir("data")


def cache_dir() -> Path:
    """Return the folder of what can be made again: the engine's zipapp, cost tables."""
    return _user_dir("cache")


def state_dir() -> Path:
    """Return the folder of the app's own log, and of what was measured of hosts."""
    return _user_dir("state")


def shipped_dir(name: str) -> Path:
    """Return a data folder of the package: such as ``presets`` or ``themes``.

    In a wheel it lies inside the package, in a checkout beside it.
    """
    package = Path(__file__).resolve().parents[1]
    inside = package / name
    return inside if inside.is_dir() else package.parent / name
