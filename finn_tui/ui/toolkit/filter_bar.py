"""Filtering rows by typed text."""

from __future__ import annotations


def matches(filter: str, *texts: str) -> bool:
    """Return whether a text contains the filter, ignoring case; ``!word`` inverts it."""
    inverse, wanted = filter.startswith("!"), filter.removeprefix("!").lower()
    if not wanted:
        return True
    return any(wanted in text.lower() for text in texts) != inverse
