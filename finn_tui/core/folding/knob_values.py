"""What may be set on a layer, knobs and settings alike: found by name, checked, read from text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import shown
from finn_tui.core.design import Knob, Layer, Setting, Value

#: FINN's tools take no larger whole number.
MOST = 2**31 - 1


class IllegalFolding(FinnTuiError):
    """A value that FINN could not build or that would compute something else."""


class MalformedFolding(IllegalFolding):
    """A document that is no folding, whatever the design: damaged, or something else."""


def attribute(layer: Layer, name: str) -> Knob | Setting:
    """Return a knob or setting of a layer by name.

    Args:
        layer: any layer.
        name: of the knob or setting.

    Raises:
        IllegalFolding: the layer has none of that name; the error lists those that it has.
    """
    for item in layer.settable:
        if item.name == name:
            return item
    known = [item.name for item in layer.settable]
    other_case = [item for item in known if item.lower() == name.lower()]
    if other_case:
        raise IllegalFolding(
            f"{layer.name} has no {shown(name)}",
            f"Its attribute is {other_case[0]}; names are case-sensitive.",
            f"Write {other_case[0]}.",
        )
    raise IllegalFolding(
        f"{layer.name} has no {shown(name)}",
        f"A {layer.op} has {', '.join(known) or 'nothing that can be set'}.",
        "Remove the entry, or check that the folding was made for this model and FINN version.",
    )


def legal_text(layer: Layer, item: Knob | Setting) -> str:
    """Return what a knob or setting can be: "1, 2, 4" or "whole numbers from 0 on".

    Args:
        layer: any layer.
        item: one of its knobs or settings.
    """
    if item.values:
        return listed(item.values)
    if item.kind == "ints":
        most = _streams(layer, item.name)
        text = f"whole numbers from 0 to {MOST:,}, such as 32"
        return text + (f", or {most} of them for {most} streams, such as 2, 32" if most > 1 else "")
    return f"a whole number from 0 to {MOST:,}" if item.kind == "int" else "any text"


def listed(values: Sequence[Any]) -> str:
    """Return values in one line."""
    return ", ".join(str(value) for value in values)


def is_one_of(value: Any, values: Sequence[Value]) -> bool:
    """Return whether a value is one of some values and of the same type.

    1 == True and 1 == 1.0 in Python, but FINN's file tells them apart.

    Args:
        value: from a file or typed.
        values: the legal ones.
    """
    return type(value) in (int, str) and value in values


def _streams(layer: Layer, name: str) -> int:
    """Return how many values a list of whole numbers can have: one for each stream on that side."""
    return max(1, len(layer.outputs if name.startswith("out") else layer.inputs))


def read(item: Knob | Setting, given: Any) -> Any:
    """Convert a value to the form that FINN's folding file has.

    Text is read as the attribute's type ("2, 32" as two FIFO depths), and a single depth as a
    list of one. Whether the value is legal is not checked.

    Args:
        item: the knob or setting.
        given: a value or typed text.
    """
    if isinstance(given, str):
        parts = given.replace("[", " ").replace("]", " ").replace(",", " ").split()
        if item.kind == "ints":
            given = [_whole(part) for part in parts]
        elif item.kind == "int" or any(isinstance(value, int) for value in item.values):
            given = _whole(given.strip())
        else:
            given = given.strip()
    if item.kind == "ints" and type(given) is int:
        return [given]
    return list(given) if isinstance(given, tuple) else given


def _whole(text: str) -> int | str:
    try:
        return int(text.replace("_", ""))
    except ValueError:
        return text  # and `check_setting` says what it should be


def check_setting(layer: Layer, item: Setting, value: Any) -> None:
    """Check that a setting can have a value.

    Args:
        layer: any layer.
        item: one of its settings.
        value: the value.

    Raises:
        IllegalFolding: it cannot; the error names the layer, the value and what is legal.
    """
    if item.values:
        fine = is_one_of(value, item.values)
    elif item.kind == "ints":
        fine = (
            isinstance(value, list)
            and bool(value)
            and all(type(each) is int and 0 <= each <= MOST for each in value)
        )
    elif item.kind == "int":
        fine = type(value) is int and 0 <= value <= MOST
    else:
        fine = isinstance(value, str) if item.kind == "text" else True
    if not fine:
        raise illegal(layer, item, value)


def illegal(layer: Layer, item: Knob | Setting, value: Any) -> IllegalFolding:
    """Return the error for a value that a knob or setting cannot have.

    Args:
        layer: any layer.
        item: one of its knobs or settings.
        value: the value that is not legal.
    """
    # Text in place of a number shall be seen to be text.
    text = shown(value, quoted=item.kind not in ("choice", "text"))
    return IllegalFolding(
        f"{layer.name}: {item.name} = {text} is not legal",
        f"Legal values: {legal_text(layer, item)}.",
        "Choose one of them.",
    )
