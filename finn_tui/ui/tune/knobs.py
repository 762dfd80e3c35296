"""Lists of the knobs and settings of a layer, their values and effects."""

from __future__ import annotations

from finn_tui.core.design import Layer
from finn_tui.core.device import RESOURCES
from finn_tui.core.editor import Option
from finn_tui.core.estimate.estimate import Estimate
from finn_tui.core.folding.knob_values import legal_text
from finn_tui.ui.toolkit.listing import Cell, Column, Content, Row
from finn_tui.ui.toolkit.styled_line import setting_text, short
from finn_tui.ui.tune.state import TuneState

#: What a name that does not say it means, in a few words.
_MEANINGS = {
    "inFIFODepths": "input FIFO words",
    "outFIFODepths": "output FIFO words",
    "inFIFODepth": "input FIFO words",
    "outFIFODepth": "output FIFO words",
    "runtime_writeable_weights": "0 fixed, 1 written by the driver",
}


def value_now(tune: TuneState, layer: Layer, name: str) -> str:
    """Return the present value of a knob or setting as text.

    Args:
        tune: the open model.
        layer: the layer.
        name: of the knob or setting.
    """
    return setting_text(tune.editor.value(layer.name, name))


def knobs_content(tune: TuneState, layer: Layer) -> Content:
    """Return the knobs and settings of a layer with their values and those of the baseline.

    Args:
        tune: the open model.
        layer: the layer.
    """
    editor = tune.editor
    baseline = editor.baseline
    rows = []
    for item in layer.settable:
        current = editor.value(layer.name, item.name)
        before = (
            baseline.values[layer.name].get(item.name)
            if layer.knob(item.name)
            else (baseline.settings.get(layer.name, {}).get(item.name, layer.attrs.get(item.name)))
        )
        meaning = _MEANINGS.get(item.name, legal_text(layer, item))
        rows.append(
            Row(
                item.name,
                [
                    (item.name, ""),
                    (setting_text(current), "strong" if current == before else "accent"),
                    (meaning if current == before else f"was {setting_text(before)}", "dim"),
                ],
            )
        )
    columns = [Column("knob", 26), Column("now", 19), Column("legal values")]
    return Content(columns, rows)


def values_content(tune: TuneState, name: str) -> Content:
    """Return the values of a knob or setting with the estimate for each.

    Args:
        tune: the open model.
        name: of the knob or setting.
    """
    editor, targets = tune.editor, tune.targets
    present = editor.estimate
    rows = [
        Row(setting_text(option.value), _cells(option, present, len(targets)))
        for option in editor.options_batch(targets, name)
    ]
    columns = [
        Column(name[:14], 14),
        Column("II", 10, True),
        Column("LUT", 8, True, rank=1),
        Column("B18", 6, True, rank=2),
        Column("URAM", 5, True, rank=4),
        Column("DSP", 5, True, rank=3),
        Column(""),
    ]
    return Content(columns, rows, "type a value")


def _cells(option: Option, present: Estimate, layers: int) -> list[Cell]:
    text = setting_text(option.value)
    if option.refused == layers:
        blank: list[Cell] = [("", "")] * 5
        return [(text, "dim"), *blank, (option.why, "warn")]
    if option.current:
        text += " now"
    elif option.refused:
        text += f"  {layers - option.refused}/{layers}"
    role = "strong" if option.current else ""
    after = option.estimate
    better = "good" if after.ii_cycles < present.ii_cycles else role
    cells: list[Cell] = [(text, role), (short(after.ii_cycles, 10), better)]
    extra, extra_present = after.infrastructure.total(), present.infrastructure.total()
    for resource in RESOURCES:
        change = (
            after.total[resource]
            + extra[resource]
            - present.total[resource]
            - extra_present[resource]
        )
        cells.append(
            (f"{round(change):+,}" if round(change) else "·", "" if round(change) else "dim")
        )
    moved = ", ".join(f"{layer} {knob} {new}" for layer, knob, _, new in option.moved[:2])
    return [*cells, (f"also {moved}" if moved else "", "accent")]
