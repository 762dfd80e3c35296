"""What the Tune screen shows, as lines: figures and the layer table."""

from __future__ import annotations

from finn_tui.core.design import Layer, Value
from finn_tui.core.estimate.estimate import LayerCost
from finn_tui.ui.toolkit.styled_line import (
    StyledLine,
    bar,
    cells,
    clock_text,
    fit,
    milliseconds,
    plural,
    rate,
    short,
    whole,
)
from finn_tui.ui.tune import layer_text
from finn_tui.ui.tune.columns import GUTTER, Columns
from finn_tui.ui.tune.comparison import signed
from finn_tui.ui.tune.layer_text import knob_title, value_text
from finn_tui.ui.tune.state import TuneState

_COLUMN_TITLES = {"LUT": "LUT", "BRAM_18K": "B18", "URAM": "URAM", "DSP": "DSP"}
# Figures


def figures_line(tune: TuneState, width: int) -> StyledLine:
    """Return II, fps, latency and what is not saved; less needed figures only where they fit.

    Args:
        tune: the open model.
        width: columns of the terminal.
    """
    estimate = tune.editor.estimate
    state = _saved(tune)
    line = StyledLine().add(" II ", "dim").add(whole(estimate.ii_cycles), "strong")
    pieces: list[tuple[str, str, int]] = [
        (" cycles", "dim", 3),
        ("   ", "", 0),
        (rate(estimate.fps), "strong", 0),
        (" fps", "dim", 0),
        (f" at {clock_text(estimate.clock_ns)}", "dim", 2),
        (" with FIFOs deep enough", "dim", 4),
        # FINN's critical path, about twice of what RTL simulation gives.
        ("   latency ≤ ", "dim", 0),
        (milliseconds(estimate.latency_ms), "", 0),
        (f" ({whole(estimate.latency_cycles)} cycles)", "dim", 5),
    ]
    converters = len(estimate.mismatches)
    if converters:
        pieces.append((f"   {plural(converters, 'width converter')}", "dim", 1))
    room = width - line.width - state.width - 2
    max_rank = max(rank for _, _, rank in pieces)
    while max_rank and sum(cells(text) for text, _, rank in pieces if rank <= max_rank) > room:
        max_rank -= 1
    for text, role, rank in pieces:
        if rank <= max_rank:
            line.add(text, role)
    if line.width + 1 + state.width > width:
        state = _saved(tune, brief=True)
    return line.right(state, width)


def _saved(tune: TuneState, *, brief: bool = False) -> StyledLine:
    editor = tune.editor
    changes, name = editor.changes, editor.baseline_name
    summary = f"{plural(changes, 'change')} against {name}" if changes else ""
    line = StyledLine()
    if tune.solver:
        line.add("s", "key", "tune.solve")
        line.add(
            " solving...   " if tune.solver == "busy" else " solved   ", "accent", "tune.solve"
        )
    if editor.unsaved and brief:
        return line.add("unsaved ", "warn")
    if editor.unsaved:
        return line.add("unsaved: ", "warn").add(summary or tune.folding_name).add(" ")
    return line.add((summary or tune.folding_name) + " ", "dim")


# The layer table


def heading_row(tune: TuneState, plan: Columns) -> tuple[StyledLine, StyledLine, StyledLine]:
    """Return the headings of the three panes.

    Args:
        tune: the open model.
        plan: widths of the columns.
    """
    left = StyledLine()
    left.cell(" " * (GUTTER + plan.lanes), GUTTER + plan.lanes)
    _title(left, tune, "name", "layer", plan.name + plan.shape)
    for name, width in plan.knobs:
        left.cell(knob_title(name) + " ", width, "head", right=True)
    middle = StyledLine()
    _title(middle, tune, "cycles", "cycles", plan.cycles)
    middle.cell("before", plan.was, "head", right=True)
    middle.add(" ").cell("of II" if plan.bar else "", plan.bar + 3, "head")
    right = StyledLine()
    sign = "±" if tune.comparison is not None else ""
    for name, width in plan.resources:
        _title(right, tune, name, sign + _COLUMN_TITLES[name], width)
    if plan.bits:
        right.cell("bits", plan.bits, "head", right=True)
    return left, middle, right


def _title(line: StyledLine, tune: TuneState, sort: str, title: str, width: int) -> None:
    """Add a heading that sorts when it is clicked, with an arrow on the sorted column."""
    active = tune.sort == sort
    arrow = ("▴" if sort == "name" else "▾") if active else ""
    role, right = "accent" if active else "head", sort != "name"
    line.cell(title + arrow, width, role, right=right, hit=("sort", "" if active else sort))


def layer_row(
    tune: TuneState, index: int, plan: Columns, focus: bool
) -> tuple[StyledLine, StyledLine, StyledLine]:
    """Return one layer for the three panes.

    Args:
        tune: the open model.
        index: the row.
        plan: widths of the columns.
        focus: whether the table has the keys.
    """
    layer = tune.layers[index]
    cost = tune.cost(layer)
    at_cursor = index == tune.window.cursor
    base = ("cursor" if focus else "cursor-blur") if at_cursor else ""
    return (
        _left(tune, layer, index, plan, base),
        _middle(tune, cost, plan, base, index),
        _right(tune, cost, plan, base, index),
    )


def has_converter(tune: TuneState, name: str) -> bool:
    """Return whether a width converter stands before a layer.

    Args:
        tune: the open model.
        name: of the layer.
    """
    return name in tune.editor.estimate.converted


def _left(tune: TuneState, layer: Layer, index: int, plan: Columns, base: str) -> StyledLine:
    at_cursor = bool(base)
    line = StyledLine(base).add(">" if at_cursor else " ", "accent")
    hit = ("row", index)
    marked = layer.name in tune.marked
    line.add("•" if marked else " ", "accent", ("mark", index))
    if plan.lanes:
        lanes = tune.lanes[layer.name] if tune.in_graph_order else ""
        line.cell(fit(lanes, plan.lanes - 1) + " ", plan.lanes, "quiet", hit=hit)
    if plan.full_names:
        line.cell(layer.name, plan.name, "strong" if at_cursor else "", hit=hit)
        line.cell(layer.shape, plan.shape - 2, "dim", right=True, hit=hit)
    else:
        name = layer_text.short_name(layer)
        line.cell(name, min(plan.name - 2, cells(name) + 1), "strong" if at_cursor else "", hit=hit)
        room = GUTTER + plan.lanes + plan.name - 2 - line.width
        shape = layer.shape if cells(layer.shape) <= room else ""
        line.cell(shape, room, "dim", right=True, hit=hit)
    line.cell(" L" if layer.name in tune.locked else "", 2, "warn", hit=hit)
    values = tune.editor.folding.values[layer.name]
    before = _before(tune, layer)
    chosen = tune.chosen_knob if at_cursor else None
    for name, width in plan.knobs:
        if name not in values:
            line.add(" " * width, hit=hit)
            continue
        text = value_text(values[name])
        target = ("knob", index, name)
        old = f"{value_text(before[name])}→" if name in before else ""
        if chosen is not None and chosen.name == name:
            line.add(" " * (width - cells(text) - 2 - cells(old))).add(old, "dim", target)
            line.add("‹", "edit", ("step", index, name, -1)).add(text, "edit", target)
            line.add("›", "edit", ("step", index, name, 1))
        elif old:
            line.add(" " * (width - cells(old) - cells(text) - 1)).add(old, "dim", target)
            line.add(text, "accent", target).add(" ")
        else:
            role = "dim" if tune.comparison is not None else ""
            line.cell(text + " ", width, role, right=True, hit=target)
    return line


def _before(tune: TuneState, layer: Layer) -> dict[str, Value]:
    """Return the values in the compared folding of the knobs that differ."""
    difference = tune.difference(layer.name)
    if difference is None:
        return {}
    return {
        item.name: item.before for item in difference.changes if layer.knob(item.name) is not None
    }


def _middle(tune: TuneState, cost: LayerCost, plan: Columns, base: str, index: int) -> StyledLine:
    hit, ii = ("row", index), tune.editor.estimate.ii_cycles
    holds = cost.cycles == ii
    line = StyledLine(base).cell(short(cost.cycles, plan.cycles), plan.cycles, right=True, hit=hit)
    difference = tune.difference(cost.name)
    if difference is not None:
        before = short(difference.before.cycles, plan.was - 1) if difference.cycles else "·"
        line.cell(before, plan.was, "dim", right=True, hit=hit)
    line.add(" ")
    line.add(bar(cost.cycles / ii, plan.bar), "bar-ii" if holds else "bar", hit)
    return line.cell(" II" if holds else "", 3, "ii", hit=hit)


def _right(tune: TuneState, cost: LayerCost, plan: Columns, base: str, index: int) -> StyledLine:
    line, estimate = StyledLine(base), tune.editor.estimate
    converter, difference = has_converter(tune, cost.name), tune.difference(cost.name)
    for name, width in plan.resources:
        amount = cost.resources[name] if difference is None else difference.resources[name]
        text = short(amount, width - 1) if difference is None else signed(amount)
        changed = difference is None or difference.changes
        if name == "LUT" and not amount and changed and cost.name in estimate.unmodelled:
            text = "?"  # FINN has no model of it: not 0
        line.cell(text, width, "" if amount else "dim", right=True, hit=("row", index))
    if not plan.bits:
        return line
    # A mark where this layer's input has another width than what comes: FINN converts it there.
    bits = f"{'≠' if converter else ''}{cost.in_width}>{cost.out_width}"
    role = "" if converter else "dim"
    return line.cell(" ", 1).cell(bits, plan.bits - 1, role, right=True, hit=("row", index))
