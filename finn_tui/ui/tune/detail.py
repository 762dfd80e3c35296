"""Text about the layer under the cursor and the legal values of its knobs."""

from __future__ import annotations

from collections.abc import Sequence

from finn_tui.core.design import Layer
from finn_tui.core.editor import Option
from finn_tui.core.estimate.infrastructure import InsertedNode
from finn_tui.core.optimize.greedy import Blocked
from finn_tui.ui.toolkit.styled_line import (
    StyledLine,
    cells,
    printable,
    rate,
    short,
    shorten,
    whole,
)
from finn_tui.ui.tune import layer_text
from finn_tui.ui.tune.columns import columns
from finn_tui.ui.tune.comparison import changes_text
from finn_tui.ui.tune.layer_text import value_text
from finn_tui.ui.tune.move_text import move_cost, move_steps
from finn_tui.ui.tune.state import TuneState


def detail_lines(tune: TuneState, width: int, height: int) -> list[StyledLine]:
    """Return the lines about the layer under the cursor; the last one is the notice.

    Args:
        tune: the open model.
        width: columns of the terminal.
        height: lines that are drawn.
    """
    layer = tune.layer
    if layer is None:
        return [StyledLine().add(f" {tune.empty_reason}", "dim")]
    height -= 1
    lines = _short_detail(tune, layer, width) if height < 4 else _long_detail(tune, layer, width)
    notice = tune.notice
    if notice is None:
        lines = [*lines, *[StyledLine()] * (height - len(lines))]
        return [*lines[:height], _next(tune, width)]
    text = StyledLine().add(" ").add(shorten(printable(notice.text), width - 2), notice.role)
    lines = lines[: height - 1]
    lines += [StyledLine()] * (height - 1 - len(lines))
    return [*lines, text, _next(tune, width)]


def _next(tune: TuneState, width: int) -> StyledLine:
    """Return the line with the cheapest move that lowers the II."""
    answer = tune.advice(quick=True)
    if answer is None:
        return StyledLine()
    if isinstance(answer, Blocked):
        return StyledLine().add(" " + shorten(answer.text(), width - 2), "dim")
    line = StyledLine().add(" ").add("next ", "dim").add(move_steps(tune.editor, answer))
    effect = f": II {answer.ii_cycles:,}, {move_cost(answer)}"
    line.add(shorten(effect, max(0, width - line.width - 1)), "dim")
    holder = layer_text.short_name(tune.editor.design.by_name[answer.bottleneck])
    then = f"; then {holder} is the bottleneck"
    return line.add(then if line.width + cells(then) < width else "", "dim")


def _short_detail(tune: TuneState, layer: Layer, width: int) -> list[StyledLine]:
    values = tune.editor.folding.values[layer.name]
    first = (
        StyledLine()
        .add(f" {layer.name}", "strong")
        .add(f"  {layer_text.precision_text(layer)}", "dim")
    )
    facts = [", ".join(layer_text.divisor_rules(layer))]
    facts.append(layer_text.cycles_formula(layer, values, tune.cost(layer).cycles) or "")
    facts = [fact for fact in facts if fact]
    difference = tune.difference(layer.name)
    extras = [
        layer_text.unknown_lut(tune.editor.estimate, layer),
        changes_text(difference) if difference is not None else "",
        _learned(tune, layer),
        _other_knobs(tune, layer, width),
        _depths(tune, layer),
        *layer_text.coupled_with(tune.editor.design, layer),
    ]
    if first.width + 2 + cells(", ".join(facts)) <= width:
        first.add("  " + ", ".join(facts))
    elif facts:
        first.add("  " + shorten(facts[-1], width - first.width - 3))
        extras = [*facts[:-1], *extras]
    second = "; ".join(fact for fact in extras if fact)
    return [first, StyledLine().add(" " + shorten(second, width - 2), "dim")]


def _learned(tune: TuneState, layer: Layer) -> str:
    """Return the resources that the user's own builds predict for the layer."""
    learned = tune.opened.learned
    text = learned.text(layer.op, tune.cost(layer).resources) if learned is not None else ""
    return f"your builds: {text}" if text else ""


def _other_knobs(tune: TuneState, layer: Layer, width: int) -> str:
    # Knobs that have no column at this width are told here, the chosen one in its brackets.
    shown = {name for name, _ in columns(tune, width - 1).knobs}
    values, chosen = tune.editor.folding.values[layer.name], tune.chosen_knob
    texts = []
    for knob in layer.knobs:
        # What one sets once, if ever, is told where it is not as the graph has it.
        relevant = knob in layer.chosen or values[knob.name] != layer.present[knob.name]
        if knob.name not in shown and relevant:
            text = value_text(values[knob.name])
            if chosen is not None and chosen.name == knob.name:
                text = f"‹{text}›"
            texts.append(f"{knob.name} {text}")
    return "  ".join(texts)


def _long_detail(tune: TuneState, layer: Layer, width: int) -> list[StyledLine]:
    editor = tune.editor
    values = editor.folding.values[layer.name]
    lines = [StyledLine().add(f" {layer.name}", "strong")]
    lines[0].add(f"  {layer.shape}  {layer_text.precision_text(layer)}", "dim")
    lines[0].add(f"  {layer.in_dtype} in, {layer.out_dtype} out", "dim")
    lines.append(_legal_values(tune, layer, width))
    difference = tune.difference(layer.name)
    if difference is not None:
        text = f" against {tune.comparing_with}: {changes_text(difference)}"
        lines.append(StyledLine().add(shorten(text, width - 1), "accent"))
    facts = [", ".join(layer_text.divisor_rules(layer))]
    facts.append(layer_text.cycles_formula(layer, values, tune.cost(layer).cycles) or "")
    facts.append(_other_knobs(tune, layer, width))
    facts.append(layer_text.unknown_lut(editor.estimate, layer))
    fact_text = "   ".join(fact for fact in facts if fact)
    if fact_text:
        lines.append(StyledLine().add(" " + shorten(fact_text, width - 2)))
    if learned := _learned(tune, layer):
        lines.append(StyledLine().add(" " + shorten(learned, width - 2)))
    streams = _streams(tune, layer)
    if cells("   ".join(streams)) <= width - 2:
        streams = ["   ".join(streams)]
    for text in streams:
        lines.append(StyledLine().add(" " + shorten(text, width - 2), "dim"))
    for text in layer_text.coupled_with(editor.design, layer):
        lines.append(StyledLine().add(" " + shorten(text, width - 2), "dim"))
    return lines


def _legal_values(tune: TuneState, layer: Layer, width: int) -> StyledLine:
    knob = tune.chosen_knob
    line = StyledLine()
    if knob is None:
        return line.add(" no knobs: FINN has no parallelism for this layer", "dim")
    values = tune.editor.tables[layer.name].legal(knob.name)
    current = tune.editor.folding.values[layer.name][knob.name]
    texts = [str(value) for value in values]
    at = values.index(current)
    first, last = at, at
    room = width - 4 - cells(knob.name) - cells(texts[at]) - 2 - 4
    while True:
        left = cells(texts[first - 1]) + 1 if first > 0 else None
        right = cells(texts[last + 1]) + 1 if last + 1 < len(texts) else None
        if left is not None and left <= room and (right is None or at - first <= last - at):
            first, room = first - 1, room - left
        elif right is not None and right <= room:
            last, room = last + 1, room - right
        elif left is not None and left <= room:
            first, room = first - 1, room - left
        else:
            break
    line.add(f" {knob.name}", "strong").add(" … " if first else "  ", "dim")
    for index in range(first, last + 1):
        if index == at:
            line.add(f"‹{texts[index]}›", "edit")
        else:
            line.add(texts[index], hit=("value", values[index]))
        line.add(" ")
    return line.add("…" if last + 1 < len(texts) else "", "dim")


def _streams(tune: TuneState, layer: Layer) -> list[str]:
    """Return the input and output streams of a layer with the FIFOs and converters on them."""
    streams: dict[tuple[str, str | None], list[str]] = {}
    for item in tune.editor.estimate.infrastructure.near(layer.name):
        if item.consumer == layer.name:
            key = ("from", item.producer)
        elif item.producer == layer.name:
            key = ("to", item.consumer)
        else:
            continue
        streams.setdefault(key, []).append(_inserted(item))
    return [
        f"{word} {name or 'outside'}: {', '.join(items)}" for (word, name), items in streams.items()
    ]


def _inserted(item: InsertedNode) -> str:
    price = "" if item.use is None or not item.use[0] else f" ({whole(item.use[0])} LUT)"
    if item.kind == "dwc":
        return f"width converter {item.in_width} to {item.out_width} bits{price}"
    return f"FIFO of {item.depth:,} x {item.in_width} bits{price}"


def _depths(tune: TuneState, layer: Layer) -> str:
    """Return the depths in words of the FIFOs next to a layer: "FIFO 128 in, 2 out"."""
    before: list[str] = []
    after: list[str] = []
    for item in tune.editor.estimate.infrastructure.near(layer.name):
        if item.kind != "fifo":
            continue
        if item.consumer == layer.name and item.in_width == tune.cost(layer).in_width:
            before.append(f"{item.depth:,}")
        elif item.producer == layer.name and item.in_width == tune.cost(layer).out_width:
            after.append(f"{item.depth:,}")
    sides = [f"{'+'.join(side)} {word}" for side, word in ((before, "in"), (after, "out")) if side]
    return f"FIFO {', '.join(sides)}" if sides else ""


def options_table(tune: TuneState) -> Sequence[tuple[str, list[tuple[str, str]]]]:
    """Return the legal values of the chosen knob as (value, cells), each cell (text, role)."""
    layer = tune.layer
    if layer is None:
        return ()
    names = set(tune.targets)
    positions = [i for i, item in enumerate(tune.editor.design.layers) if item.name in names]
    rows = []
    present = tune.editor.estimate
    for option in tune.options():
        estimate = option.estimate
        cycles = max(estimate.layers[position].cycles for position in positions)
        fits = estimate.fits(tune.editor.device)
        role = "strong" if option.current else ""
        rows.append(
            (
                str(option.value),
                [
                    (_choice(option, len(positions)), role),
                    (short(cycles, 10), role),
                    (
                        short(estimate.ii_cycles, 10),
                        role or _better(estimate.ii_cycles, present.ii_cycles),
                    ),
                    (short(estimate.fps, 9) if estimate.fps >= 10 else rate(estimate.fps), role),
                    (short(estimate.total["LUT"], 7), role),
                    (_difference(estimate.total["LUT"] - present.total["LUT"]), "dim"),
                    (whole(estimate.total["BRAM_18K"]), role),
                    (_difference(estimate.total["BRAM_18K"] - present.total["BRAM_18K"]), "dim"),
                    ("OVER" if fits is False else "", "bad"),
                ],
            )
        )
    return rows


def _choice(option: Option, layers: int) -> str:
    """Return a value as text, and for how many of the marked layers it is legal if not for all."""
    text = value_text(option.value) + (" now" if option.current else "")
    return f"{text}  {layers - option.refused}/{layers}" if option.refused else text


def _better(value: float, present: float) -> str:
    return "good" if value < present else ""


def _difference(value: float) -> str:
    return "" if round(value) == 0 else f"{round(value):+,}"
