"""What next: the cheapest move that lowers the II, and what could be given back meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from finn_tui.core.costs import Estimate
from finn_tui.core.design import Value
from finn_tui.core.device import RESOURCES, budget_weights
from finn_tui.core.editor import Editor
from finn_tui.core.folding import Folding, IllegalFolding, change
from finn_tui.core.rules import refusal


@dataclass(frozen=True)
class Move:
    """One layer's knobs set anew, with what is coupled to them.

    Attributes:
        layer: the layer that is moved.
        values: only those of its knobs that change.
        folding: the whole folding after the move.
        ii_cycles, bottleneck: the design's II after it, and the first layer that then holds it.
        use: what it adds (or gives back, negative), by resource, of FINN's own total.
        cost: ``use`` in shares of the board's budget, summed.
    """

    layer: str
    values: Mapping[str, Value]
    folding: Folding
    ii_cycles: int
    bottleneck: str
    use: Mapping[str, float]
    cost: float

    def text(self) -> str:
        """As a line: "MVAU_hls_6: SIMD 8 gives 16,384 for +9 LUT; then MVAU_hls_7 holds the II"."""
        values = ", ".join(f"{knob} {value}" for knob, value in self.values.items())
        parts = [f"{amount:+,.0f} {name}" for name, amount in self.use.items() if amount]
        return (
            f"{self.layer}: {values} gives {self.ii_cycles:,} for {', '.join(parts) or 'nothing'}; "
            f"then {self.bottleneck} holds the II"
        )


def next_move(editor: Editor) -> Move | None:
    """The cheapest move of the bottleneck that makes it faster; None if it is as fast as it can be.

    Where several layers hold the II, the move is the first one's, and the II falls only once all
    of them have moved: ``ii_cycles`` and ``bottleneck`` say so.
    """
    now = editor.estimate
    moves = _moves(editor, now.bottleneck, below=now.ii_cycles)
    return min(moves, key=lambda move: (move.cost, move.ii_cycles), default=None)


def give_back(editor: Editor, count: int = 5) -> list[Move]:
    """Moves of layers that are faster than needed which cost less and keep the II.

    One move a layer, its cheapest; those that give most back come first.
    """
    now = editor.estimate
    found: list[Move] = []
    for layer in now.layers:
        if layer.cycles < now.ii_cycles:
            moves = [move for move in _moves(editor, layer.name, below=None)
                     if move.ii_cycles <= now.ii_cycles and move.cost < -1e-12]  # fmt: skip
            if moves:
                found.append(min(moves, key=lambda move: move.cost))
    return sorted(found, key=lambda move: move.cost)[:count]


def _moves(editor: Editor, layer: str, below: int | None) -> list[Move]:
    """Every buildable row of a layer as a move; with ``below``, only those with fewer cycles."""
    table, now = editor.tables[layer], editor.estimate
    present = editor.folding.values[layer]
    weights = budget_weights(editor.device)
    found = []
    for row in range(len(table.points)):
        values = table.values(row)
        if below is not None and table.cycles[row] >= below:
            continue
        if values == present or refusal(editor.design.by_name[layer], values) is not None:
            continue
        folding = _take(editor, layer, values)
        if folding is None:
            continue
        after: Estimate = editor.estimate_of(folding)
        use = {name: after.total[name] - now.total[name] for name in RESOURCES}
        found.append(
            Move(
                layer,
                {knob: value for knob, value in values.items() if value != present[knob]},
                folding,
                after.ii_cycles,
                after.bottleneck,
                use,
                sum(weights[name] * amount for name, amount in use.items()),
            )
        )
    return found


def _take(editor: Editor, layer: str, values: Mapping[str, Value]) -> Folding | None:
    """The folding with a row of a layer and what must follow; None if couplings rule it out."""
    folding = editor.folding.with_layer(layer, values)
    for coupling in editor.design.couplings:
        for (mine, knob), (far, far_knob) in (
            (coupling.a, coupling.b),
            (coupling.b, coupling.a),
        ):
            if mine == layer and folding.values[far][far_knob] != values[knob]:
                try:
                    folding = change(
                        editor.design, editor.tables, folding, far, far_knob, values[knob]
                    ).folding
                except IllegalFolding:
                    return None
    # What followed may have moved the layer itself again.
    return folding if folding.values[layer] == values else None
