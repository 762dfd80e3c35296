"""The line that says what the last key did to the folding, or why it did nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from finn_tui.core.folding.batch_edit import BatchEdit
from finn_tui.core.folding.model import Change
from finn_tui.ui.toolkit.styled_line import plural, setting_text


@dataclass(frozen=True)
class Notice:
    """The effect of the last key, or why it had none; ``role`` is its colour."""

    text: str
    role: str = ""


def reasons(skipped: Sequence[tuple[str, str, str]]) -> str:
    """Return why layers were skipped, equal reasons grouped; see ``BatchEdit``."""
    layers_by_reason: dict[str, list[str]] = {}
    for layer, why, _ in skipped:
        layers_by_reason.setdefault(why.removeprefix(layer).lstrip(": "), []).append(layer)
    return "; ".join(
        f"{names[0]} {why}" if len(names) == 1 else f"{len(names)} x {why}"
        for why, names in sorted(layers_by_reason.items(), key=lambda item: -len(item[1]))
    )


def of_step(layer: str, text: str, change: Change) -> Notice:
    """Return what a change of one knob did, with what it is coupled to.

    Args:
        layer: whose knob it is.
        text: the knob with its old and new value.
        change: what moved with it.
    """
    if not change.moved:
        return Notice(text)
    moved = "; ".join(
        (f"{name} " if name != layer else "") + f"{other} {old} → {new}"
        for name, other, old, new in change.moved
    )
    return Notice(f"{text}; coupled: {moved}", "accent")


def of_single(name: str, batch: BatchEdit) -> Notice:
    """Return what a change of a knob or setting of one layer did.

    Args:
        name: of the knob or setting.
        batch: the change, which has changed that layer.
    """
    layer, old, new = batch.changed[0]
    text = f"{layer} {name} {setting_text(old)} → {setting_text(new)}"
    if batch.moved:
        text += "; coupled: " + "; ".join(
            f"{other} {knob} {before} → {after}" for other, knob, before, after in batch.moved
        )
    return Notice(text)


def of_batch(name: str, batch: BatchEdit, how: str) -> Notice:
    """Return what a change of the marked layers did, and which were skipped and why.

    Args:
        name: of the knob or setting.
        batch: the change.
        how: what became of the knob: "larger", "→ 4".
    """
    count, skipped = len(batch.changed), batch.skipped
    text = f"{name} {how} on {plural(count, 'layer')}" if count else f"{name}: nothing changed"
    if batch.moved:
        layers = len({layer for layer, *_ in batch.moved})
        text += f", and {plural(layers, 'coupled layer')}"
    if skipped:
        text += f"; {len(skipped)} skipped: {reasons(skipped)}"
    return Notice(text, "" if count and not skipped else "warn")
