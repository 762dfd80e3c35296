"""What the Tune screen shows, as lines: figures and the layer table."""

from __future__ import annotations

from dataclasses import dataclass

from finn_tui.core.costs import LayerCost
from finn_tui.core.design import Layer, Value
from finn_tui.ui import explain
from finn_tui.ui.text import Line, bar, cells, fit, milliseconds, plural, rate, short, whole
from finn_tui.ui.tune import Tune

_COLUMN_TITLES = {"LUT": "LUT", "BRAM_18K": "B18", "URAM": "URAM", "DSP": "DSP"}
_KNOB_TITLES = {"parallel_window": "win", "ram_style": "ram"}
_KNOB_ORDER = ("PE", "SIMD", "ram_style", "parallel_window")
_VALUES = {"distributed": "dist"}


def knob_title(knob: str) -> str:
    """A knob's name as a column has it."""
    return _KNOB_TITLES.get(knob, knob)


def value_text(value: Value) -> str:
    """A knob's value as a cell has it."""
    return _VALUES.get(str(value), str(value))


#: Columns before a layer: the cursor and the mark.
GUTTER = 2

#: Lanes of the graph's branches that are drawn on a wide screen; on a narrow one half as many.
_LANES = 12

# Figures


def figures(tune: Tune, width: int) -> Line:
    """II, fps, latency; what is not saved. What is less needed goes where there is room for it."""
    estimate = tune.editor.estimate
    state = _saved(tune)
    line = Line().add(" II ", "dim").add(whole(estimate.ii_cycles), "strong")
    pieces: list[tuple[str, str, int]] = [
        (" cycles", "dim", 3),
        ("   ", "", 0),
        (rate(estimate.fps), "strong", 0),
        (" fps", "dim", 0),
        (f" at {clock_text(estimate.clock_ns)}", "dim", 2),
        ("   latency ", "dim", 0),
        (milliseconds(estimate.latency_ms), "", 0),
        (f" ({whole(estimate.latency_cycles)} cycles)", "dim", 4),
    ]
    converters = len(estimate.mismatches)
    if converters:
        pieces.append((f"   {plural(converters, 'width converter')}", "dim", 1))
    room = width - line.width - state.width - 2
    most = max(rank for _, _, rank in pieces)
    while most and sum(cells(text) for text, _, rank in pieces if rank <= most) > room:
        most -= 1
    for text, role, rank in pieces:
        if rank <= most:
            line.add(text, role)
    return line.right(state, width)


def _saved(tune: Tune) -> Line:
    editor = tune.editor
    changes, name = editor.changes, editor.baseline_name
    told = f"{plural(changes, 'change')} against {name}" if changes else ""
    line = Line()
    if tune.solving is not None and (tune.solving.busy or tune.solving.unseen):
        line.add("s", "key", "tune.solve")
        line.add(" solving...   " if tune.solving.busy else " solved   ", "accent", "tune.solve")
    if editor.unsaved:
        return line.add("unsaved: ", "warn").add(told or tune.folding_name).add(" ")
    return line.add((told or tune.folding_name) + " ", "dim")


def clock_text(clock_ns: float) -> str:
    """A clock as people say it: "100 MHz"."""
    return f"{1000 / clock_ns:.4g} MHz"


# The layer table


@dataclass(frozen=True)
class Columns:
    """Widths of the table's columns for one screen width.

    ``left`` (name, shape, knobs), ``middle`` (cycles, bar) and ``right`` (resources, bits) are
    panes of their own, because the terminal is sent whole runs of columns and a change of the II
    touches the bars of every row but nothing else.
    """

    name: int
    shape: int
    full_names: bool
    rail: int
    knobs: tuple[tuple[str, int], ...]
    cycles: int
    bar: int
    resources: tuple[tuple[str, int], ...]
    bits: int

    @property
    def left(self) -> int:
        """Columns of the left pane."""
        return GUTTER + self.rail + self.name + self.shape + sum(width for _, width in self.knobs)

    @property
    def middle(self) -> int:
        """Columns of the middle pane: cycles, a blank, the bar, the mark of the II."""
        return self.cycles + 1 + self.bar + 3

    @property
    def right(self) -> int:
        """Columns of the right pane."""
        return sum(width for _, width in self.resources) + self.bits


def columns(tune: Tune, width: int) -> Columns:
    """What fits in a width, most needed first."""
    plan = tune.plans.get(width)
    if plan is None:
        plan = tune.plans[width] = _columns(tune, width)
    return plan


def _columns(tune: Tune, width: int) -> Columns:
    design, device = tune.editor.design, tune.editor.device
    layers = design.layers
    present = {knob.name for layer in layers for knob in layer.knobs}
    names = [name for name in _KNOB_ORDER if name in present]
    names += sorted(present - set(names))

    def knob_width(name: str) -> int:
        values = [
            cells(value_text(value))
            for layer in layers
            for knob in layer.knobs
            if knob.name == name
            for value in knob.values
        ]
        return max(5, 2 + max(values))

    most = max(max(tune.editor.tables[layer.name].cycles) for layer in layers)
    cycles = max(9, len(whole(most)) + 1) if width >= 100 else 11
    knobs = [(name, knob_width(name)) for name in names if name in ("PE", "SIMD")]
    resources = [("LUT", 7), ("BRAM_18K", 5), ("DSP", 4)]
    longest = max(
        len(f"{a}>{b}")
        for table in tune.editor.tables.values()
        for a, b in zip(table.in_width, table.out_width, strict=True)
    )
    bits, meter = max(8, min(longest + 2, 13 if width >= 100 else 9)), 8
    shapes = max(len(layer.shape) for layer in layers)
    lanes = len(next(iter(tune.rails.values()), ""))
    rail = min(lanes, _LANES if width >= 100 else _LANES // 2) + (lanes > 0)
    titles = max(len(explain.short_name(layer)) for layer in layers)
    used = GUTTER + rail + cycles + 1 + meter + 3 + bits + sum(w for _, w in [*knobs, *resources])
    name = min(titles + 1 + shapes + 2, width - used)
    shape = 0
    spare = width - used - name
    for extra in names:
        if extra not in ("PE", "SIMD") and knob_width(extra) <= spare:
            knobs.append((extra, knob_width(extra)))
            spare -= knob_width(extra)
    if device.budget.get("URAM") and spare >= 5:
        resources.insert(2, ("URAM", 5))
        spare -= 5
    longer = min(12, spare)
    meter, spare = meter + longer, spare - longer
    names_width = max(len(layer.name) for layer in layers)
    full = names_width + 1 + shapes + 2 - name <= spare
    if full:
        spare -= names_width + 3 + shapes - name
        name, shape = names_width + 1, shapes + 2
    meter += min(12, spare)
    return Columns(name, shape, full, rail, tuple(knobs), cycles, meter, tuple(resources), bits)


def head(tune: Tune, plan: Columns) -> tuple[Line, Line, Line]:
    """The headings of the three panes."""
    left = Line()
    first = GUTTER + plan.rail + plan.name + plan.shape
    told = []
    if tune.filter:
        told.append(f"/{tune.filter}  {len(tune.layers)} of {len(tune.editor.design.layers)}")
    if tune.marked:
        told.append(f"{len(tune.marked)} marked")
    if told:
        left.cell("  " + "  ".join(told), first, "accent")
    else:
        left.cell(" " * (GUTTER + plan.rail), GUTTER + plan.rail)
        _title(left, tune, "name", "layer", plan.name + plan.shape)
    for name, width in plan.knobs:
        left.cell(knob_title(name) + " ", width, "head", right=True)
    middle = Line()
    _title(middle, tune, "cycles", "cycles", plan.cycles)
    middle.add(" ").cell("of II", plan.bar + 3, "head")
    right = Line()
    for name, width in plan.resources:
        _title(right, tune, name, _COLUMN_TITLES[name], width)
    right.cell("bits", plan.bits, "head", right=True)
    return left, middle, right


def _title(line: Line, tune: Tune, sort: str, title: str, width: int) -> None:
    """A heading that sorts when it is clicked, with an arrow where it does."""
    here = tune.sort == sort
    arrow = ("▴" if sort == "name" else "▾") if here else ""
    role, right = "accent" if here else "head", sort != "name"
    line.cell(title + arrow, width, role, right=right, hit=("sort", "" if here else sort))


def row(tune: Tune, index: int, plan: Columns, focus: bool) -> tuple[Line, Line, Line]:
    """One layer in the three panes."""
    layer = tune.layers[index]
    cost = tune.cost(layer)
    here = index == tune.window.cursor
    base = ("cursor" if focus else "cursor-blur") if here else ""
    return (
        _left(tune, layer, index, plan, base),
        _middle(cost, tune.editor.estimate.ii_cycles, plan, base, index),
        _right(cost, converted(tune, layer.name), plan, base, index),
    )


def converted(tune: Tune, name: str) -> bool:
    """Whether a width converter stands before a layer."""
    return name in tune.editor.estimate.converted


def _left(tune: Tune, layer: Layer, index: int, plan: Columns, base: str) -> Line:
    here = bool(base)
    line = Line(base).add(">" if here else " ", "accent")
    hit = ("row", index)
    marked = layer.name in tune.marked
    line.add("•" if marked else " ", "accent", ("mark", index))
    if plan.rail:
        rail = tune.rails[layer.name] if tune.in_graph_order else ""
        line.cell(fit(rail, plan.rail - 1) + " ", plan.rail, "quiet", hit=hit)
    if plan.full_names:
        line.cell(layer.name, plan.name, "strong" if here else "", hit=hit)
        line.cell(layer.shape, plan.shape - 2, "dim", right=True, hit=hit)
    else:
        name = explain.short_name(layer)
        line.cell(name, min(plan.name - 2, cells(name) + 1), "strong" if here else "", hit=hit)
        rest = GUTTER + plan.rail + plan.name - 2 - line.width
        shape = layer.shape if cells(layer.shape) <= rest else ""
        line.cell(shape, rest, "dim", right=True, hit=hit)
    line.cell(" L" if layer.name in tune.locked else "", 2, "warn", hit=hit)
    values = tune.editor.folding.values[layer.name]
    chosen = tune.chosen_knob if here else None
    for name, width in plan.knobs:
        if name not in values:
            line.add(" " * width, hit=hit)
            continue
        text = value_text(values[name])
        target = ("knob", index, name)
        if chosen is not None and chosen.name == name:
            line.add(" " * (width - cells(text) - 2))
            line.add("‹", "edit", ("step", index, name, -1)).add(text, "edit", target)
            line.add("›", "edit", ("step", index, name, 1))
        else:
            line.cell(text + " ", width, right=True, hit=target)
    return line


def _middle(cost: LayerCost, ii: int, plan: Columns, base: str, index: int) -> Line:
    hit = ("row", index)
    holds = cost.cycles == ii
    line = Line(base).cell(short(cost.cycles, plan.cycles), plan.cycles, right=True, hit=hit)
    line.add(" ")
    line.add(bar(cost.cycles / ii, plan.bar), "bar-ii" if holds else "bar", hit)
    return line.cell(" II" if holds else "", 3, "ii", hit=hit)


def _right(cost: LayerCost, converter: bool, plan: Columns, base: str, index: int) -> Line:
    line = Line(base)
    for name, width in plan.resources:
        amount = cost.resources[name]
        role = "" if amount else "dim"
        line.cell(short(amount, width - 1), width, role, right=True, hit=("row", index))
    # A mark where this layer's input has another width than what comes: FINN converts it there.
    bits = f"{'≠' if converter else ''}{cost.in_width}>{cost.out_width}"
    role = "" if converter else "dim"
    return line.cell(" ", 1).cell(bits, plan.bits - 1, role, right=True, hit=("row", index))
