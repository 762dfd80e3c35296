"""Next moves for a folding: what can be reduced at this II, and the moves to a rate.

Nothing here needs a screen; ``screen.py`` draws it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.folding.model import Folding
from finn_tui.core.optimize.greedy import Blocked, Move, MovePath, path_to, reclaim, reclaim_all
from finn_tui.core.optimize.solve import target_cycles
from finn_tui.ui.solve.state import number
from finn_tui.ui.toolkit.listing import Column, Content, Row
from finn_tui.ui.toolkit.styled_line import StyledLine, plural, rate, short, shorten, whole, wrap
from finn_tui.ui.tune.infrastructure_rows import TITLES
from finn_tui.ui.tune.layer_text import short_name
from finn_tui.ui.tune.move_text import knob_changes, move_cost, move_steps
from finn_tui.ui.tune.notice import Notice
from finn_tui.ui.tune.state import TuneState

_TITLE = 12
#: Cells for the rate that is typed.
_RATE = 12


@dataclass(frozen=True)
class Advice:
    """The advice for one folding and target; ``path`` is None without a target."""

    folding: Folding
    cycles: int | None
    reductions: Sequence[Move] = ()
    all_reductions: Move | None = None
    path: MovePath | None = None


@dataclass
class AdviceState:
    """The advice for one model.

    Attributes:
        target: the rate as it is typed, frames per second.
        advice: the last advice; of another folding or target while it is being computed.
    """

    tune: TuneState
    target: str = ""
    advice: Advice | None = field(default=None)

    @property
    def cycles(self) -> int | None:
        """Return the II that the typed rate needs; None if none is typed or it is not valid."""
        try:
            return target_cycles(number(self.target, ""), self.tune.editor.clock_ns)
        except FinnTuiError:
            return None

    @property
    def fresh(self) -> bool:
        """Whether the advice is of the present folding and target."""
        advice = self.advice
        return (
            advice is not None
            and advice.folding is self.tune.editor.folding
            and advice.cycles == self.cycles
        )

    def work_out(self) -> Advice:
        """Compute the advice; takes seconds for large designs and belongs into a thread."""
        editor, locked, cycles = self.tune.editor, frozenset(self.tune.locked), self.cycles
        back = reclaim(editor, None, locked)
        return Advice(
            editor.folding,
            cycles,
            back,
            reclaim_all(editor, locked) if back else None,
            path_to(editor, cycles, locked) if cycles is not None else None,
        )

    def reclaim(self, layer: str) -> None:
        """Reduce one layer."""
        for move in self.advice.reductions if self.advice is not None and self.fresh else ():
            if layer in move.values:
                self.tune.apply_move(move)

    def reclaim_all(self) -> None:
        """Reduce all layers."""
        if self.advice is not None and self.fresh and self.advice.all_reductions is not None:
            move = self.advice.all_reductions
            self.tune.apply_move(move, f"{plural(len(move.values), 'layer')} reduced")

    def go_to_target(self) -> None:
        """Apply all moves towards the rate."""
        path = self.advice.path if self.advice is not None and self.fresh else None
        if path is not None and path.move is not None:
            self.tune.apply_move(path.move, plural(path.moves, "move"))
        elif path is None:
            self.tune.notice = Notice("type a target in frames per second", "warn")


def lines(state: AdviceState, width: int) -> list[StyledLine]:
    """Return the lines above the list.

    Args:
        state: of the dialog.
        width: columns of the dialog.
    """
    tune = state.tune
    editor, estimate = tune.editor, tune.editor.estimate
    title = StyledLine().add("What next", "title").add(f"  {tune.opened.model.title}", "dim")
    title.add(f"   II {whole(estimate.ii_cycles)}, {rate(estimate.fps)} frames/s")
    holders = [cost.name for cost in estimate.layers if cost.cycles == estimate.ii_cycles]
    held = StyledLine().cell("bottleneck", _TITLE, "dim")
    held.add(shorten(", ".join(holders), width - _TITLE))
    rows = [title, StyledLine(), held]
    advice = tune.advice()
    if isinstance(advice, Move):
        text = f"{move_steps(editor, advice)}: II {whole(advice.ii_cycles)}, {move_cost(advice)}; "
        rows += _fact("faster", text + f"then {advice.bottleneck} is the bottleneck", width)
    elif isinstance(advice, Blocked):
        rows += _fact("faster", f"no move: {advice.why}", width, "warn")
    typed = StyledLine().cell("rate", _TITLE, "dim").add(" " * _RATE, hit="rate")
    typed.add(" frames/s", "dim")
    if not state.target:
        typed.add("   type a frame rate to see the moves to it", "dim")
    elif state.cycles is None:
        typed.add("   not a possible frame rate", "bad")
    else:
        typed.add(f"   II {whole(state.cycles)}", "dim")
    rows.append(typed)
    if state.cycles is not None:
        rows += _path_lines(state, width)
    rows.append(StyledLine())
    over = {n: a for n, a in editor.estimate.total.items() if a > editor.device.budget.get(n, a)}
    if over:
        names = " and ".join(TITLES[name] for name in over)
        rows.insert(3, StyledLine().cell("", _TITLE).add(f"{names} OVER the budget", "bad"))
    return rows


def _fact(name: str, text: str, width: int, role: str = "") -> list[StyledLine]:
    wrapped = wrap(text, width - _TITLE, role)
    return [
        StyledLine().cell(name if not at else "", _TITLE, "dim").append(line)
        for at, line in enumerate(wrapped)
    ]


def _path_lines(state: AdviceState, width: int) -> list[StyledLine]:
    path = state.advice.path if state.advice is not None and state.fresh else None
    if path is None:
        return _fact("", "...", width, "dim")
    if not path.slow:
        return _fact("", "reached: no layer is slower", width, "good")
    slow = f"{plural(len(path.slow), 'layer')} too slow, the slowest {path.slow[0]}"
    rows = _fact("", slow, width)
    if path.move is not None:
        text = (
            f"{plural(path.moves, 'move')}: II {whole(path.move.ii_cycles)}, {move_cost(path.move)}"
        )
        rows += _fact("", text, width)
    if path.blocked is not None:
        rows += _fact("", f"then {path.blocked.text()}", width, "bad")
    for name, (amount, limit) in path.over.items():
        text = f"{TITLES[name]} {whole(amount)}, above its fill limit of {whole(limit)}"
        if path.fits is not None and path.fits < state.tune.editor.estimate.ii_cycles:
            text += f"; fits down to II {whole(path.fits)}"
        rows += _fact("", text, width, "bad")
    return rows


def layers(state: AdviceState, width: int) -> Content:
    """Return the layers that can be reduced.

    Args:
        state: of the dialog.
        width: columns of the dialog.
    """
    wide = width >= 90
    columns = [
        Column("can be reduced", 32 if wide else 15),
        Column("change"),
        Column("cycles", 10, True, rank=3),
        Column("LUT", 8, True, rank=1),
        Column("B18", 5, True, rank=2),
        Column("DSP", 4, True, rank=4),
    ]
    advice = state.advice
    if advice is None:
        return Content(columns, [], "...")
    editor = state.tune.editor
    rows = []
    for move in advice.reductions:
        layer = editor.design.by_name[move.layer]
        values = editor.folding.values[move.layer]
        changes = knob_changes(values, move.values[move.layer])
        row = editor.tables[move.layer].row(move.folding.values[move.layer])
        cycles = editor.tables[move.layer].cycles_of(row) if row is not None else 0
        use = {
            name: f"{amount:+,.0f}" if round(amount) else "" for name, amount in move.use.items()
        }
        rows.append(
            Row(
                move.layer,
                [
                    (move.layer if wide else short_name(layer), ""),
                    (changes, ""),
                    (short(cycles, 10), "dim"),
                    (use["LUT"], ""),
                    (use["BRAM_18K"], ""),
                    (use["DSP"], ""),
                ],
            )
        )
    return Content(columns, rows, "no layer can be reduced at this II")
