"""Which columns the layer table has at a width, and how wide each is."""

from __future__ import annotations

from dataclasses import dataclass

from finn_tui.ui.toolkit.styled_line import cells, whole
from finn_tui.ui.tune import layer_text
from finn_tui.ui.tune.layer_text import value_text
from finn_tui.ui.tune.state import TuneState

_KNOB_ORDER = ("PE", "SIMD", "ram_style", "parallel_window")


#: Columns before a layer: the cursor and the mark.
GUTTER = 2

#: Cells of a layer's name in the narrowest window.
_LEAST_NAME = 14

#: Lanes of the graph's branches that are drawn on a wide screen; on a narrow one half as many.
_LANES = 12


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
    lanes: int
    knobs: tuple[tuple[str, int], ...]
    cycles: int
    was: int
    bar: int
    resources: tuple[tuple[str, int], ...]
    bits: int

    @property
    def left(self) -> int:
        """Return the width of the left pane."""
        return GUTTER + self.lanes + self.name + self.shape + sum(width for _, width in self.knobs)

    @property
    def middle(self) -> int:
        """Return the width of the middle pane: cycles, cycles before, a blank, the bar, the II's
        mark.
        """
        return self.cycles + self.was + 1 + self.bar + 3

    @property
    def right(self) -> int:
        """Return the width of the right pane."""
        return sum(width for _, width in self.resources) + self.bits


def columns(tune: TuneState, width: int) -> Columns:
    """Return the columns that fit in a width, the most needed first.

    Args:
        tune: the open model.
        width: columns of the terminal.
    """
    compared = tune.comparison is not None
    plan = tune.plans.get((width, compared))
    if plan is None:
        plan = tune.plans[width, compared] = _columns(tune, width, compared)
    return plan


def _columns(tune: TuneState, width: int, compared: bool) -> Columns:
    design, device = tune.editor.design, tune.editor.device
    layers = design.layers
    present = {knob.name for layer in layers for knob in layer.chosen}
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
        # Compared, a changed value stands behind the one before it: 16→32.
        return 2 * max(values) + 3 if compared else max(5, 2 + max(values))

    max_cycles = max(max(tune.editor.tables[layer.name].fold_cycles) for layer in layers)
    cycles = max(9, len(whole(max_cycles)) + 1) if width >= 100 else 11
    knobs = [(name, knob_width(name)) for name in names if name in ("PE", "SIMD")]
    sign = int(compared)
    resources = [("LUT", 7 + sign), ("BRAM_18K", 5 + sign), ("DSP", 4 + sign)]
    longest = max(
        len(f"{a}>{b}")
        for table in tune.editor.tables.values()
        for a, b in zip(table.fold_in, table.fold_out, strict=True)
    )
    bits, meter = max(8, min(longest + 2, 13 if width >= 100 else 9)), 8
    was = 0
    if compared:
        if width < 100:
            # The numbers are what is looked at then.
            cycles, meter, bits = 9, 0, 0
        was = cycles + 1
    shapes = max(len(layer.shape) for layer in layers)
    lanes = len(next(iter(tune.lanes.values()), ""))
    lanes_width = min(lanes, _LANES if width >= 100 else _LANES // 2) + (lanes > 0)
    titles = max(len(layer_text.short_name(layer)) for layer in layers)

    def used() -> int:
        fixed = GUTTER + lanes_width + cycles + was + 1 + meter + 3 + bits
        return fixed + sum(w for _, w in [*knobs, *resources])

    # In a narrow window the least needed columns go, the names last of all.
    least = min(titles + 1, _LEAST_NAME)
    if width - used() < least and meter:
        meter = 4
    if width - used() < least:
        bits = 0
    if width - used() < least:
        meter = 0
    while width - used() < least and resources:
        resources.pop()
    if width - used() < least:
        lanes_width = 0
    name = min(titles + 1 + shapes + 2, width - used())
    shape = 0
    spare = width - used() - name
    for extra in names:
        if extra not in ("PE", "SIMD") and knob_width(extra) <= spare:
            knobs.append((extra, knob_width(extra)))
            spare -= knob_width(extra)
    if device.budget.get("URAM") and spare >= 5:
        resources.insert(2, ("URAM", 5))
        spare -= 5
    longer = min(12, spare) if meter else 0
    meter, spare = meter + longer, spare - longer
    names_width = max(len(layer.name) for layer in layers)
    full = names_width + 1 + shapes + 2 - name <= spare
    if full:
        spare -= names_width + 3 + shapes - name
        name, shape = names_width + 1, shapes + 2
    meter += min(12, spare) if meter else 0
    return Columns(
        name, shape, full, lanes_width, tuple(knobs), cycles, was, meter, tuple(resources), bits
    )
