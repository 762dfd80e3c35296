"""A migration in words, for the command line and the screen."""

from __future__ import annotations

from finn_tui.core.migrate.migrate import Entry, Migration

#: More legal values than this are not listed.
_LISTED = 12


def remarks(entry: Entry) -> list[str]:
    """Return the remarks on an entry: doubts, renamed attributes, values that are not legal."""
    reasons = [entry.why] if entry.why else []
    reasons += [after for _, after in entry.renamed]
    left_out: dict[str, list[str]] = {}
    for item in entry.refused:
        if item.legal:
            legal = ", ".join(str(value) for value in item.legal[:_LISTED])
            ellipsis = ", ..." if len(item.legal) > _LISTED else ""
            reasons.append(
                f"{item.name} = {item.value} is not legal ({legal}{ellipsis}): {item.why}"
            )
        else:
            left_out.setdefault(item.why, []).append(item.name)
    reasons += [f"without {' and '.join(names)}: {why}" for why, names in left_out.items()]
    return reasons


def rows(migration: Migration) -> list[tuple[str, str, str]]:
    """Return name in the file, the layer here and remarks, of each entry that is for a layer."""
    return [
        (
            entry.name,
            "=" if entry.how == "same" else entry.layer or "NO LAYER",
            "; ".join(remarks(entry)),
        )
        for entry in migration.entries
        if entry.how != "inserted"
    ]


def closing(migration: Migration) -> list[str]:
    """Return how it went, and what the file says nothing of."""
    lines = [migration.summary]
    for layer, knob, old, new in migration.moved:
        lines.append(f"{layer} {knob} {old} > {new}, to go with its neighbour")
    for layer, knob, old, new in migration.filled:
        lines.append(f"{layer} {knob} {old} > {new}: not in the file, folded to fit the others")
    filled = {item[0] for item in migration.filled}
    left = [name for name in migration.unnamed if name not in filled]
    if left:
        lines.append(f"not in the file, left as the graph has them: {', '.join(left)}")
    return lines
