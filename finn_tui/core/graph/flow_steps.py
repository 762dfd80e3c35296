"""What the steps of FINN's flow do, in words; the texts are in ``flow_steps.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path


@cache
def _texts() -> Mapping[str, str]:
    path = Path(__file__).with_name("flow_steps.toml")
    return {str(name): str(text) for name, text in tomllib.loads(path.read_text("utf-8")).items()}


def step_text(name: str) -> str:
    """Return what a step does; empty for a step that is not FINN's.

    Args:
        name: of the step or stage, with or without "step_".
    """
    return _texts().get(name.removeprefix("step_"), "")
