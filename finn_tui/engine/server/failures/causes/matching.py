"""Which cause a line of a log or an error shows."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Dict, Optional, Pattern, Tuple

from finn_tui.engine.server.failures.causes.cause import SYMPTOM, Cause
from finn_tui.engine.server.failures.causes.design import DESIGN
from finn_tui.engine.server.failures.causes.finn import FINN
from finn_tui.engine.server.failures.causes.over_utilization import shortage
from finn_tui.engine.server.failures.causes.surroundings import SURROUNDINGS

#: In the order in which a line is matched: what is particular stands before what is general.
CAUSES: Tuple[Cause, ...] = (*SURROUNDINGS, *DESIGN, *FINN)
BY_ID: Dict[str, Cause] = {cause.id: cause for cause in CAUSES}
BY_MESSAGE: Dict[str, str] = {message: cause.id for cause in CAUSES for message in cause.ids}
#: Messages that are no ERROR and yet show a cause when a build has failed.
WARNINGS = frozenset(
    {
        "Common 17-348",
        "Common 17-301",
        "Route 35-1",
        "Route 35-8",
        "Route 35-535",
        "Route 35-7",
        "Route 35-2",
        "Route 35-3",
        "Route 35-162",
        "Route 35-447",
        "Timing 38-282",
        "Route 35-328",
        "Vivado 12-8222",
        "Common 17-41",
        "Common 17-344",
    }
)
#: What a line says, it says at its beginning: a longer one must not take long to see through.
_LONGEST = 4000
_FACILITIES: Dict[str, str] = {
    facility: cause.id for cause in CAUSES for facility in cause.facilities
}
#: Text without any of these holds no line that a sign matches.
NEEDLES: Tuple[str, ...] = tuple(
    dict.fromkeys(word for cause in CAUSES for words, _ in cause.signs for word in words)
)


@lru_cache(maxsize=None)
def _signs() -> Tuple[Tuple[str, Tuple[str, ...], Pattern[str]], ...]:
    return tuple(
        (cause.id, words, re.compile(pattern)) for cause in CAUSES for words, pattern in cause.signs
    )


def of_error(message: str, text: str) -> Optional[str]:
    """Return the id of the cause that an ERROR message shows, None if none claims it.

    Args:
        message: its number, ``HLS 200-101``.
        text: the whole line; what it says goes before its number, since tools use some numbers
            for many things.
    """
    worded = named_by(text)
    if worded is not None and BY_ID[worded].rank < SYMPTOM:
        return worded
    numbered = BY_MESSAGE.get(message) or _FACILITIES.get(message.rpartition("-")[0])
    return numbered or _FACILITIES.get(message.split(" ", 1)[0]) or worded


def of_warning(message: str) -> Optional[str]:
    """Return the id of the cause that a message below ERROR shows, None for most."""
    return BY_MESSAGE[message] if message in WARNINGS else None


@lru_cache(maxsize=1024)
def _signs_with(words: Tuple[str, ...]) -> Tuple[Tuple[str, Tuple[str, ...], Pattern[str]], ...]:
    """The signs that can show where no other of the words stand."""
    known = frozenset(words)
    return tuple(
        (cause, tuple(word for word in own if word in known), pattern)
        for cause, own, pattern in _signs()
        if known.intersection(own)
    )


def named_by(text: str, words: Optional[Tuple[str, ...]] = None) -> Optional[str]:
    """Return the id of the cause that a line's words show, None if they show none.

    Args:
        text: the line.
        words: those of ``NEEDLES`` that stand in the text around it, if that is known: a line is
            looked at for these alone.
    """
    text = text[:_LONGEST]
    for cause, own, pattern in _signs() if words is None else _signs_with(words):
        for word in own:
            if word in text:
                if pattern.search(text):
                    return cause
                break
    return None


def precedence(cause: str, text: str) -> Tuple[int, float]:
    """Return the sort key of a line that shows a cause: rank, then the worst shortage first."""
    worst = -shortage(text).ratio if cause == "over-utilization" else 0.0
    return BY_ID[cause].rank, worst
