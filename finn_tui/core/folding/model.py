"""Foldings: one choice of all knobs; legal by construction, read and written in FINN's forms."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from finn_tui.core.design import Design, Knob, Layer, Setting, Value
from finn_tui.core.estimate.estimate import CostTable, Tables, mismatches
from finn_tui.core.folding.knob_values import IllegalFolding as IllegalFolding
from finn_tui.core.folding.knob_values import MalformedFolding as MalformedFolding
from finn_tui.core.folding.knob_values import (
    attribute,
    check_setting,
    illegal,
    is_one_of,
    listed,
    read,
)

#: Op types that FINN itself inserts while it builds; a folding taken from ``final_hw_config.json``
#: names them although the dataflow graph before the build has none.
INSERTED = ("StreamingFIFO", "StreamingDataWidthConverter", "IODMA", "TLastMarker", "CheckSum")


@dataclass(frozen=True)
class Folding:
    """One choice of all knobs.

    Attributes:
        values: knob values of every layer of the design, each a legal point of its cost table.
        settings: attributes without a cost, by layer, only those that differ from the graph's
            (FIFO depths, mem_mode, ...).
    """

    values: Mapping[str, Mapping[str, Value]]
    settings: Mapping[str, Mapping[str, Any]]

    def with_layer(self, layer: str, values: Mapping[str, Value]) -> Folding:
        """The same folding with other knob values of one layer."""
        return replace(self, values={**self.values, layer: dict(values)})

    def with_setting(self, layer: str, name: str, value: Any) -> Folding:
        """The same folding with one more setting of a layer."""
        own = {**self.settings.get(layer, {}), name: value}
        return replace(self, settings={**self.settings, layer: own})

    def without_setting(self, layer: str, name: str) -> Folding:
        """The same folding with a setting of a layer as the graph has it."""
        own = {key: value for key, value in self.settings.get(layer, {}).items() if key != name}
        rest = {key: value for key, value in self.settings.items() if key != layer}
        return replace(self, settings={**rest, layer: own} if own else rest)

    def differences(self, other: Folding) -> int:
        """How many knobs and settings differ between two foldings of one design."""
        count = 0
        for layer, values in self.values.items():
            others = other.values[layer]
            if others is not values:
                count += sum(value != others[knob] for knob, value in values.items())
        for layer in set(self.settings) | set(other.settings):
            own, other_s = self.settings.get(layer, {}), other.settings.get(layer, {})
            count += sum(own.get(name) != other_s.get(name) for name in set(own) | set(other_s))
        return count


@dataclass(frozen=True)
class Change:
    """A changed folding and what else had to move with it, as (layer, knob, old, new)."""

    folding: Folding
    moved: tuple[tuple[str, str, Value, Value], ...] = ()


def present(design: Design, tables: Tables) -> Folding:
    """The folding that the prepared graph has, moved to the nearest legal one where it is none."""
    return _settle(design, tables, {layer.name: dict(layer.present) for layer in design.layers})


def ones(design: Design, tables: Tables) -> Folding:
    """No parallelism at all: PE and SIMD 1 everywhere (or the least that a layer allows)."""
    start: dict[str, dict[str, Value]] = {}
    for layer in design.layers:
        least = {knob.name: knob.values[0] for knob in layer.knobs if knob.kind == "int"}
        start[layer.name] = {**layer.present, **least}
    return _settle(design, tables, start)


def _apart(table: CostTable, row: int, values: Mapping[str, Value]) -> int:
    point = zip(table.knobs, table.points[row], strict=True)
    return sum(value != values.get(knob) for knob, value in point)


def _settle(design: Design, tables: Tables, start: Mapping[str, Mapping[str, Value]]) -> Folding:
    values: dict[str, Mapping[str, Value]] = {}
    for layer in design.layers:
        table = tables[layer.name]
        row = table.row(start[layer.name])
        if row is None:
            row = min(range(len(table)), key=lambda at: _apart(table, at, start[layer.name]))
        values[layer.name] = table.values(row)
    folding = Folding(values, {})
    for coupling in design.couplings:
        (layer_a, knob_a), (layer_b, knob_b) = coupling.a, coupling.b
        if folding.values[layer_a][knob_a] != folding.values[layer_b][knob_b]:
            folding = change(
                design, tables, folding, layer_b, knob_b, folding.values[layer_b][knob_b]
            ).folding
    return folding


def change(
    design: Design, tables: Tables, folding: Folding, layer: str, knob: str, value: Any
) -> Change:
    """Set one knob; what is coupled with it follows, on the layer itself and on others.

    A setting can be set in the same way; nothing is coupled with one.

    Raises:
        IllegalFolding: naming the layer, the value and the legal ones.
    """
    asked = attribute(design.by_name[layer], knob)
    if isinstance(asked, Setting):
        return Change(_set(design.by_name[layer], asked, folding, value))
    moved: list[tuple[str, str, Value, Value]] = []
    pending = [(layer, knob, value)]
    settled: dict[tuple[str, str], Value] = {}
    while pending:
        at, name, wanted = pending.pop()
        settled[at, name] = wanted
        table = tables[at]
        before = folding.values[at]
        row = table.nearest({**before, name: wanted}, fixed=name)
        if row is None:
            raise _illegal(design.by_name[at], table, name, wanted)
        after = table.values(row)
        folding = folding.with_layer(at, after)
        for other_knob, new in after.items():
            old = before[other_knob]
            if old != new and (at, other_knob) != (layer, knob):
                moved.append((at, other_knob, old, new))
            # A coupled end follows even where this one already had the value: the far end may not.
            if old == new and (at, other_knob) != (at, name):
                continue
            for coupling in design.coupled.get((at, other_knob), ()):
                far = coupling.other(at, other_knob)
                if far is None or folding.values[far[0]][far[1]] == new:
                    continue
                if settled.get(far, new) != new:
                    raise IllegalFolding(
                        f"{layer}: {knob} = {value} cannot be",
                        f"{far[0]} {far[1]} would have to be {settled[far]} and {new} at once: "
                        f"{coupling.why}.",
                        "Choose another value, or undo the change that leads here.",
                    )
                if tables[far[0]].legal(far[1]).count(new) == 0:
                    raise IllegalFolding(
                        f"{layer}: {knob} = {value} cannot be",
                        f"{far[0]} {far[1]} would have to follow ({coupling.why}), and it can be "
                        f"{listed(tables[far[0]].legal(far[1]))} only.",
                        "Choose a value that both layers can take.",
                    )
                pending.append((far[0], far[1], new))
    return Change(folding, tuple(moved))


def _illegal(layer: Layer, table: CostTable, knob: str, value: Any) -> IllegalFolding:
    item = attribute(layer, knob)
    return illegal(layer, replace(item, values=table.legal(knob)), value)


def _set(layer: Layer, item: Setting, folding: Folding, value: Any) -> Folding:
    check_setting(layer, item, value)
    # What the graph has anyway is no setting of the folding.
    if layer.attrs.get(item.name) == value:
        return folding.without_setting(layer.name, item.name)
    return folding.with_setting(layer.name, item.name, value)


def value_of(design: Design, folding: Folding, layer: str, name: str) -> Any:
    """What a knob or setting is in a folding: its own value, or the graph's.

    None for a setting that FINN has no value of.

    Raises:
        IllegalFolding: the layer has no such knob or setting.
    """
    item = attribute(design.by_name[layer], name)
    if isinstance(item, Knob):
        return folding.values[layer][name]
    return folding.settings.get(layer, {}).get(name, design.by_name[layer].attrs.get(name))


# FINN's folding JSON


def to_json(design: Design, folding: Folding) -> dict[str, Any]:
    """The folding as FINN's ``ApplyConfig`` reads it, layers in the order of the graph."""
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

    Layers that the document does not name stay as in ``base`` (the graph's own values if None),
    as ``ApplyConfig`` leaves them.

    Returns:
        the folding, and notes for the user (entries that do not matter here).

    Raises:
        IllegalFolding: for a document of another form, layers that the design does not have,
            values that are not legal and couplings that do not hold; it names them.
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
            + ", ".join(strangers[:6])
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
                folding = _set(layer, item, folding, read(item, value))
        notes += _idle(layer, values[layer.name], named[layer.name])
    folding = replace(folding, values=values)
    check(design, tables, folding)
    return folding, notes


def _is_the_graphs(layer: Layer, name: str, value: Any) -> bool:
    """Whether an entry only says what the graph has anyway, of what cannot be set here."""
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
            "this is no folding configuration",
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
        if not (isinstance(rule, list) and len(rule) == 2 and isinstance(rule[1], list)):
            raise MalformedFolding(
                f"the default of {name} is not understood",
                'FINN expects [value, ["all"]] or [value, [op types]].',
                'Write it as "ram_style": ["auto", ["all"]].',
            )
        known = layer.knob(name) is not None or any(s.name == name for s in layer.settings)
        if known and ("all" in rule[1] or layer.op in rule[1]):
            defaults[name] = rule[0]
    return defaults


def check(
    design: Design, tables: Tables, folding: Folding, only: Collection[str] | None = None
) -> None:
    """Make sure that a folding is legal.

    Args:
        only: the layers to look at, where the others are known to be legal; all if None.

    Raises:
        IllegalFolding: naming the first layer, value and legal values that are wrong.
    """
    layers = design.layers if only is None else [design.by_name[name] for name in only]
    _check_values(tables, folding, layers)
    for layer in layers:
        table, chosen = tables[layer.name], folding.values[layer.name]
        if table.row(chosen) is None:
            together = ", ".join(f"{knob} = {chosen[knob]}" for knob in table.knobs)
            knob = table.knobs[-1]
            for candidate in table.knobs:
                row = table.nearest(chosen, fixed=candidate)
                if row is not None:
                    knob = candidate
            near = table.nearest(chosen, fixed=knob)
            assert near is not None
            nearest = ", ".join(f"{name} = {value}" for name, value in table.values(near).items())
            raise IllegalFolding(
                f"{layer.name}: {together} is not legal together",
                _why_not_together(layer),
                f"The nearest legal choice is {nearest}.",
            )
        for name, value in folding.settings.get(layer.name, {}).items():
            setting = attribute(layer, name)
            if isinstance(setting, Setting):
                check_setting(layer, setting, value)
    for coupling in design.couplings:
        (layer_a, knob_a), (layer_b, knob_b) = coupling.a, coupling.b
        if only is not None and layer_a not in only and layer_b not in only:
            continue
        a, b = folding.values[layer_a][knob_a], folding.values[layer_b][knob_b]
        if a != b:
            raise IllegalFolding(
                f"{layer_a}: {knob_a} = {a} does not go with {layer_b}: {knob_b} = {b}",
                f"They must be equal: {coupling.why}.",
                f"Set {layer_a} {knob_a} to {b}, or {layer_b} {knob_b} to {a}.",
            )


def _check_values(tables: Tables, folding: Folding, layers: Sequence[Layer]) -> None:
    """Make sure that each value for itself is legal. Raises with all that are not."""
    wrong = [
        _illegal(layer, tables[layer.name], knob, folding.values[layer.name][knob])
        for layer in layers
        for knob in tables[layer.name].knobs
        if not is_one_of(folding.values[layer.name][knob], tables[layer.name].legal(knob))
    ]
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        rest = " ".join(f"{error.what}: {error.why}" for error in wrong[1:])
        raise IllegalFolding(
            f"{wrong[0].what}, and {len(wrong) - 1} more values are not",
            f"{wrong[0].why} {rest}",
            "Choose legal values for all of them.",
        )


def _why_not_together(layer: Layer) -> str:
    if layer.kind == "MVAU":
        return "The weight stream of an HLS MVAU, PE x SIMD x weight bits, is limited to 8191 bits."
    if layer.kind == "VVAU":
        return "A VVAU can have SIMD above 1 only once PE is at its maximum."
    if layer.kind == "ConvolutionInputGenerator":
        return "parallel_window = 1 needs SIMD at its maximum."
    return "FINN cannot build this combination."


# The lab's tuples


def from_tuples(
    design: Design,
    tables: Tables,
    tuples: Sequence[Sequence[Any]],
    thresholding_pe: Sequence[int] = (),
) -> Folding:
    """The folding that the lab's ``(PE, SIMD, in_fifo[, out_fifo, ram_style])`` tuples mean.

    One tuple for each MVAU in the order of the graph. As in the lab's notebooks, the sliding
    window that feeds an MVAU takes its SIMD, and standalone thresholds take ``thresholding_pe``.
    Every other layer (pooling, label selection, thresholds that are not given) has no number in
    the lab; it is folded just enough not to slow the MVAUs down, and so that its streams match
    its neighbours' where they can.

    Raises:
        MalformedFolding: for something else than a list of such tuples.
        IllegalFolding: for a wrong count or a value that is not legal.
    """
    for number, choice in enumerate(tuples):
        _check_tuple(number, choice)
    mvaus = [layer for layer in design.layers if layer.kind == "MVAU"]
    if len(tuples) != len(mvaus):
        raise IllegalFolding(
            f"{len(tuples)} tuples for {len(mvaus)} matrix layers",
            f"{design.model} has {', '.join(layer.name for layer in mvaus)}.",
            "Give one (PE, SIMD, in_fifo) tuple for each of them, first layer first.",
        )
    folding = ones(design, tables)
    touched = set()
    feeders = {
        stream.consumer: design.by_name[stream.producer]
        for stream in design.streams
        if stream.producer is not None
        and stream.consumer is not None
        and stream.producer in design.by_name
    }
    for layer, choice in zip(mvaus, tuples, strict=True):
        pe, simd, *rest = choice
        for knob, value in (("PE", pe), ("SIMD", simd)):
            folding = change(design, tables, folding, layer.name, knob, value).folding
        if tables[layer.name].row({**folding.values[layer.name], "PE": pe, "SIMD": simd}) is None:
            check(
                design,
                tables,
                folding.with_layer(
                    layer.name, {**folding.values[layer.name], "PE": pe, "SIMD": simd}
                ),
            )
        touched.add(layer.name)
        for name, depth in zip(("inFIFODepths", "outFIFODepths"), rest[:2], strict=False):
            folding = change(design, tables, folding, layer.name, name, [depth]).folding
        if len(rest) > 2:
            folding = change(design, tables, folding, layer.name, "ram_style", rest[2]).folding
        feeder = feeders.get(layer.name)
        if feeder is not None and feeder.kind == "ConvolutionInputGenerator":
            folding = change(design, tables, folding, feeder.name, "SIMD", simd).folding
            touched.add(feeder.name)
    thresholds = [layer for layer in design.layers if layer.kind == "Thresholding"]
    for layer, value in zip(thresholds, thresholding_pe, strict=False):
        folding = change(design, tables, folding, layer.name, "PE", value).folding
        touched.add(layer.name)
    ii = max(cycles(tables, folding, layer.name) for layer in mvaus)
    for layer in design.layers:
        if layer.name not in touched:
            folding = relieve(design, tables, folding, layer, ii)
    check(design, tables, folding)
    return folding


def _check_tuple(number: int, choice: Any) -> None:
    if isinstance(choice, list | tuple) and 2 <= len(choice) <= 5:
        pe, simd, *depths = choice[:4]
        texts = [*choice[4:]]
        if all(type(value) is int for value in (pe, simd, *depths)) and all(
            isinstance(text, str) for text in texts
        ):
            return
    raise MalformedFolding(
        f"tuple {number + 1} of the folding is {choice!r:.60}",
        "A tuple is (PE, SIMD, in_fifo, out_fifo, ram_style): whole numbers, and a text at last; "
        "the last three may be left out.",
        'Write it as [16, 64, 128, 32, "auto"].',
    )


def cycles(tables: Tables, folding: Folding, layer: str) -> int:
    """Cycles per frame that a layer needs in a folding."""
    row = tables[layer].row(folding.values[layer])
    assert row is not None, f"{layer} holds no legal point"
    return tables[layer].cycles_of(row)


def relieve(design: Design, tables: Tables, folding: Folding, layer: Layer, ii: int) -> Folding:
    """Fold a layer just enough for ``ii``, by the value with the fewest converters around it."""
    table = tables[layer.name]
    for knob in (knob for knob in layer.knobs if knob.kind == "int"):
        fitting = []
        for value in table.legal(knob.name):
            try:
                tried = change(design, tables, folding, layer.name, knob.name, value).folding
            except IllegalFolding:
                # A coupled layer cannot take this value; another one may do.
                continue
            moved = [name for name in tried.values if tried.values[name] != folding.values[name]]
            slowest = max(cycles(tables, tried, name) for name in {*moved, layer.name})
            if slowest <= ii:
                fitting.append((len(mismatches(design, tables, tried.values)), value, tried))
        if fitting:
            return min(fitting, key=lambda item: item[:2])[2]
    return folding


def to_tuples(design: Design, folding: Folding) -> list[tuple[Any, ...]]:
    """The lab's tuples ``(PE, SIMD, in_fifo, out_fifo, ram_style)`` of the MVAUs, in order.

    FIFO depths that the folding does not set are FINN's default of the graph.
    """
    tuples = []
    for layer in design.layers:
        if layer.kind != "MVAU":
            continue
        values = {
            **layer.attrs,
            **folding.settings.get(layer.name, {}),
            **folding.values[layer.name],
        }
        depths = [values.get(name, [2]) for name in ("inFIFODepths", "outFIFODepths")]
        tuples.append(
            (
                values["PE"],
                values["SIMD"],
                *(depth[0] if isinstance(depth, list | tuple) else depth for depth in depths),
                values.get("ram_style", "auto"),
            )
        )
    return tuples
