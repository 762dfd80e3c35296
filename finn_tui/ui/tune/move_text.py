"""Text of the moves that ``core/optimize/greedy.py`` proposes."""

from __future__ import annotations

from collections.abc import Mapping

from finn_tui.core.design import Value
from finn_tui.core.editor import Editor
from finn_tui.core.optimize.greedy import Move
from finn_tui.ui.tune.layer_text import knob_title, short_name, value_text

_TITLES = {"LUT": "LUT", "BRAM_18K": "B18", "URAM": "URAM", "DSP": "DSP"}


def knob_changes(before: Mapping[str, Value], after: Mapping[str, Value]) -> str:
    """Return the knobs that change: "PE 16→2 ram auto→dist".

    Args:
        before: values by knob.
        after: the new values of those that change.
    """
    return " ".join(
        f"{knob_title(knob)} {value_text(before[knob])}→{value_text(value)}"
        for knob, value in after.items()
    )


def move_steps(editor: Editor, move: Move) -> str:
    """Return what a move sets on its first layer: "MVAU 0 PE 16→2 SIMD 3→27".

    Args:
        editor: of the model.
        move: the move.
    """
    layer = editor.design.by_name[move.layer]
    text = knob_changes(editor.folding.values[move.layer], move.values[move.layer])
    others = len(move.values) - 1
    return f"{short_name(layer)} {text}" + (f" and {others} more" if others else "")


def move_cost(move: Move) -> str:
    """Return the resources that a move adds or saves: "+392 LUT -3 B18"."""
    parts = [
        f"{amount:+,.0f} {_TITLES[name]}" for name, amount in move.use.items() if round(amount)
    ]
    if move.unknown_lut:
        parts.append("? LUT")
    return " ".join(parts) or "no cost"
