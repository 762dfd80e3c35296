"""The catalogue of causes of failed builds: how each shows, what it means, what to do.

The only one: the builder's last word (``build_failure``, inside FINN's Python), ``inspect``, Runs
and the log readers all ask it. Standard library only and Python 3.8 syntax.

Sources of the words: real logs, FINN's builder and public issue threads. ``rank`` orders causes:
what stops a build from outside comes before what is wrong in the design, and both before what
merely follows from them (``run-failed`` is what Vivado says last and what FINN shows first).

``surroundings``, ``design`` and ``finn`` are the catalogue, ``matching`` looks lines up in it.
"""

from __future__ import annotations

from finn_tui.engine.server.failures.causes.cause import DECISIVE, SYMPTOM, Cause
from finn_tui.engine.server.failures.causes.matching import (
    BY_ID,
    BY_MESSAGE,
    CAUSES,
    NEEDLES,
    WARNINGS,
    named_by,
    of_error,
    of_warning,
    precedence,
)
from finn_tui.engine.server.failures.causes.over_utilization import Shortage, has_uram, shortage

__all__ = [
    "BY_ID",
    "BY_MESSAGE",
    "CAUSES",
    "DECISIVE",
    "NEEDLES",
    "SYMPTOM",
    "WARNINGS",
    "Cause",
    "Shortage",
    "has_uram",
    "named_by",
    "of_error",
    "of_warning",
    "precedence",
    "shortage",
]
