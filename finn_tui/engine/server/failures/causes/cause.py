"""One way in which builds fail, and how decisive it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

#: From this rank on, a line tells that something failed and not why.
SYMPTOM = 7
#: Up to this rank, a line alone shows that a log which just stops is one of a failed build.
DECISIVE = 2


@dataclass(frozen=True)
class Cause:
    """One way in which builds fail.

    Attributes:
        id: its name in JSON.
        rank: lower wins when several are found.
        title: what happened, in a few words.
        means: what that means.
        advice: what to do.
        ids: messages that show it, as the tools number them.
        signs: other lines that show it: (words, expression). One of the words stands in every
            line that the expression can match, and is looked for first.
        facilities: every ERROR of these facilities of messages (``Synth 8-439``) shows it.
    """

    id: str
    rank: int
    title: str
    means: str
    advice: str
    ids: Tuple[str, ...] = ()
    signs: Tuple[Tuple[Tuple[str, ...], str], ...] = ()
    facilities: Tuple[str, ...] = ()
