"""Faults put into good input."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

EVIL = "\x1b]0;PWNED\x07\x1b[66;66H\x9b31m\u202e\u2066\x1bPq\x1b\\"
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    10**30,
    float("nan"),
    float("inf"),
    "",
    EVIL,
    "x" * 70_000,
    [],
    {},
    [[]],
    {"": 0},
    "../../etc",
    "/",
    "\x00",
    "\ud800",
    [None] * 300,
    {EVIL: EVIL},
    4242,
    "1",
)
SPLICES = (
    b"\x00",
    b"\xff\xfe",
    b"{",
    b"}",
    b"[" * 3000,
    b'"',
    b"\n",
    b"\r",
    b"=",
    b"NaN",
    b"1e999",
    EVIL.encode(),
    b"\x80" * 9,
    b"-" * 99,
    b"9" * 5000,
)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Bytes with a few faults."""
    content = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 30))):
        at = rng.randrange(len(content) + 1)
        how = rng.randrange(6)
        if how == 0 and content:
            content[min(at, len(content) - 1)] = rng.randrange(256)
        elif how == 1:
            content[at:at] = rng.choice(SPLICES)
        elif how == 2:
            del content[at : at + rng.choice((1, 10, 1000))]
        elif how == 3 and rng.random() < 0.3:
            del content[at:]
        elif how == 4:
            content[at:at] = content[at : at + rng.choice((10, 1000))]
        else:
            content[at : at + 1] = rng.choice(SPLICES)
    return bytes(content)


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in pairs:
        yield value, key
        if isinstance(item, dict | list):
            yield from _spots(item)


def mutated_json(text: str, rng: random.Random) -> bytes:
    """A document with a few values of another type, or damaged as bytes."""
    if rng.random() < 0.3:
        return mutated(text.encode(), rng)
    document = json.loads(text)
    for _ in range(rng.choice((1, 1, 1, 3))):
        spots = list(_spots(document)) if isinstance(document, dict | list) else []
        if not spots or rng.random() < 0.03:
            document = copy.deepcopy(rng.choice(ODD))
            continue
        owner, key = rng.choice(spots)
        how = rng.random()
        if how < 0.15:
            del owner[key]
        elif how < 0.25 and isinstance(owner, dict):
            owner[rng.choice((EVIL, "", "x", "state", "format"))] = owner.pop(key)
        else:
            owner[key] = copy.deepcopy(rng.choice(ODD))
    return json.dumps(document).encode("utf-8", "surrogatepass")
