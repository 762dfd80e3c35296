"""Foldings in FINN's own form, the JSON that ``ApplyConfig`` reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from finn_tui.base.text import shown
from finn_tui.core.design import Design, Knob, Layer, Value
from finn_tui.core.estimate.estimate import Tables
from finn_tui.core.folding.knob_values import IllegalFolding, MalformedFolding, attribute, read
from finn_tui.core.folding.model import Folding, check, present, set_setting

#: Op types that FINN itself inserts while it builds; a folding taken from ``final_hw_config.json``
#: names them although the dataflow graph before the build has none.
INSERTED = ("StreamingFIFO", "StreamingDataWidthConverter", "IODMA", "TLastMarker", "CheckSum")


def to_json(design: Design, folding: Folding) -> dict[str, Any]:
    """Return a folding as FINN's ``ApplyConfig`` reads it.

    Args:
        design: whose layer order the document has.
        folding: a legal folding.
    """
    document: dict[str, Any] = {"Defaults": {}}
    for layer in design.layers:
        entry = {**folding.values[layer.name], **folding.settings.get(layer.name, {})}
        if entry:
            document[layer.name] = entry
    return document


def from_json(
    design: Design, tables: Tables, document: Any, base: Folding | None = None
) -> tuple[Folding, list[str]]:
    """Read FINN's folding JSON.

    Args:
        design: the layers.
        tables: their cost tables.
        document: the parsed file.
        base: what layers keep that the document does not name, as with ``ApplyConfig``; the
            graph's own values if None.

    Returns:
        the folding, and notes for the user (entries without effect).

    Raises:
        IllegalFolding: the document has another form, unknown layers, values that are not legal
            or couplings that do not hold; the error names them.
    """
    check_form(document)
    notes: list[str] = []
    strangers = [name for name in document if name != "Defaults" and name not in design.by_name]
    inserted = [name for name in strangers if name.startswith(INSERTED)]
    if inserted:
        notes.append(
            f"left out {len(inserted)} layers that FINN inserts itself ({inserted[0]}, ...)"
        )
    strangers = [name for name in strangers if name not in inserted]
    if strangers:
        raise IllegalFolding(
            f"the folding names {len(strangers)} "
            f"{'layer' if len(strangers) == 1 else 'layers'} that {design.model} does not have: "
            + ", ".join(shown(name) for name in strangers[:6])
            + (", ..." if len(strangers) > 6 else ""),
            f"{design.model} has {', '.join(layer.name for layer in design.layers[:4])}, ... "
            f"({len(design.layers)} layers).",
            "Use a folding made for this model and this FINN's node names.",
        )
    start = base if base is not None else present(design, tables)
    values = {name: dict(entry) for name, entry in start.values.items()}
    folding = start
    named: dict[str, set[str]] = {}
    for layer in design.layers:
        entry = {**_defaults(document, layer), **document.get(layer.name, {})}
        named[layer.name] = set(entry)
        for name, value in entry.items():
            if _is_the_graphs(layer, name, value):
                continue  # FINN writes attributes out that this layer does not fold
            item = attribute(layer, name)
            if isinstance(item, Knob):
                values[layer.name][name] = value
            else:
                folding = set_setting(layer, item, folding, read(item, value))
        notes += _idle(layer, values[layer.name], named[layer.name])
    folding = replace(folding, values=values)
    check(design, tables, folding)
    return folding, notes


def _is_the_graphs(layer: Layer, name: str, value: Any) -> bool:
    """Return whether an entry only says what the graph has anyway, of what cannot be set here."""
    if any(item.name == name for item in layer.settable) or name not in layer.attrs:
        return False
    return type(layer.attrs[name]) is type(value) and layer.attrs[name] == value


def check_form(document: Any) -> None:
    """Make sure that a document is a folding configuration, whatever it says.

    Raises:
        IllegalFolding: it has another form.
    """
    if not isinstance(document, dict) or not all(
        isinstance(entry, dict) for entry in document.values()
    ):
        raise MalformedFolding(
            "the document is not a folding configuration",
            'FINN expects an object like {"Defaults": {}, "MVAU_hls_0": {"PE": 2, "SIMD": 4}}.',
            "Give a folding JSON, as FINN writes it to final_hw_config.json.",
        )


def _idle(layer: Layer, values: dict[str, Value], named: set[str]) -> list[str]:
    """Set knobs that do not matter to what our tables call them then; FINN ignores them."""
    notes = []
    for knob in layer.knobs:
        if knob.needs and knob.idle is not None and not knob.matters(values):
            if knob.name in named and values[knob.name] != knob.idle:
                with_ = ", ".join(f"{name} = {values[name]}" for name in knob.needs)
                note = f"{layer.name}: {knob.name} = {values[knob.name]} means nothing with {with_}"
                notes.append(note)
            values[knob.name] = knob.idle
    return notes


def _defaults(document: Mapping[str, Any], layer: Layer) -> dict[str, Any]:
    # FINN: "Defaults": {"ram_style": ["auto", ["MVAU_hls"]], "mem_mode": ["internal", ["all"]]}
    defaults: dict[str, Any] = {}
    for name, rule in document.get("Defaults", {}).items():
        if not (
            isinstance(rule, list)
            and len(rule) == 2
            and isinstance(rule[1], list)
            and all(isinstance(op, str) for op in rule[1])
        ):
            raise MalformedFolding(
                f"the default of {shown(name)} has the wrong form",
                'FINN expects [value, ["all"]] or [value, [op types]].',
                'Write it as "ram_style": ["auto", ["all"]].',
            )
        known = layer.knob(name) is not None or any(s.name == name for s in layer.settings)
        if known and ("all" in rule[1] or layer.op in rule[1]):
            defaults[name] = rule[0]
    return defaults
