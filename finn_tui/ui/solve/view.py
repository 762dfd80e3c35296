"""Lines of the solve dialog: the form, the progress, the changes to review."""

from __future__ import annotations

import time
from collections.abc import Sequence

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.compare import Comparison, Difference
from finn_tui.core.device import RESOURCES
from finn_tui.core.optimize.solve import Infeasible, Solution
from finn_tui.lab.solver import options as lab
from finn_tui.ui.solve.state import Field, SolveState
from finn_tui.ui.toolkit.listing import Column, Content, Row
from finn_tui.ui.toolkit.styled_line import (
    StyledLine,
    cells,
    clock_text,
    duration,
    rate,
    short,
    shorten,
    whole,
    wrap,
)
from finn_tui.ui.tune.infrastructure_rows import TITLES
from finn_tui.ui.tune.layer_text import knob_title, short_name, value_text

_TITLE = 19
#: Cells for a text that is typed.
_TEXT = 12


def title(solving: SolveState) -> StyledLine:
    """Return the title line: model, board and clock."""
    editor = solving.tune.editor
    line = StyledLine().add(f"Solve {solving.tune.opened.model.title}", "title")
    return line.add(f"  {editor.device.board} at {clock_text(editor.clock_ns)}", "dim")


# The form


def form(solving: SolveState, width: int) -> list[StyledLine]:
    """Return the lines of the form and of what is known before solving.

    Args:
        solving: the dialog's state.
        width: columns of the dialog.
    """
    lines = []
    current = solving.current_field.key
    for index, field in enumerate(solving.fields):
        lines.append(_field(solving, field, index, field.key == current, width))
        if field.key == "limits" and solving.form.values["limits"] == "finn":
            shares = "   ".join(f"{TITLES[n]} {s:.0%}" for n, s in _fill_limits(solving).items())
            lines.append(StyledLine().to(_TITLE).add(shares, "dim"))
    lines.append(_locked(solving, width))
    lines.append(StyledLine())
    lines.append(_fact("now", _pace(solving, solving.tune.editor.estimate.ii_cycles)))
    lines += _fastest(solving, width)
    return lines


def _fill_limits(solving: SolveState) -> dict[str, float]:
    device = solving.tune.editor.device
    return {name: device.limits.get(name, 1.0) for name in RESOURCES if device.budget.get(name)}


def _pace(solving: SolveState, cycles: int) -> str:
    fps = 1e9 / (solving.tune.editor.clock_ns * cycles)
    return f"{rate(fps)} frames/s, II {whole(cycles)}"


def _fact(name: str, text: str, role: str = "") -> StyledLine:
    return StyledLine().add(" ").cell(name, _TITLE - 1, "dim").add(text, role)


def _locked(solving: SolveState, width: int) -> StyledLine:
    locked = sorted(solving.tune.locked)
    if not locked:
        return _fact("locked", "none", "dim")
    count_text = f"{len(locked)} layers: " if len(locked) > 1 else ""
    return _fact("locked", shorten(count_text + ", ".join(locked), width - _TITLE - 1))


def _fastest(solving: SolveState, width: int) -> list[StyledLine]:
    if not solving.tune.editor.device.budget:
        part = solving.tune.editor.device.part
        return [_fact("fastest", f"not known: no resource figures for {part}", "dim")]
    fastest = solving.fastest
    if fastest is None:
        return [_fact("fastest", "...", "dim")]
    if isinstance(fastest, FinnTuiError):
        text = fastest.why if isinstance(fastest, Infeasible) else fastest.what
        return [_fact("fastest", shorten(f"none: {text}", width - _TITLE - 1), "warn")]
    line = _fact("fastest", _pace(solving, fastest.cycles))
    holds = [TITLES[item.resource] for item in fastest.binding if item.holds]
    return [line.add(f"; limited by {' and '.join(holds)}", "dim") if holds else line]


def _field(
    solving: SolveState, field: Field, index: int, at_cursor: bool, width: int
) -> StyledLine:
    line = StyledLine("cursor" if at_cursor else "").add(">" if at_cursor else " ", "accent")
    line.cell(field.title, _TITLE - 1, "" if at_cursor else "dim", hit=("line", index))
    if field.kind == "text":
        if at_cursor:
            return line.add(" " * _TEXT, hit=("edit", index)).add(f" {field.unit}", "dim")
        text = solving.form.texts.get(field.key, "")
        return line.add(text, "strong").add(("" if text else "-") + f" {field.unit}", "dim")
    if field.kind == "set":
        return _set(solving, field, index, at_cursor, line)
    chosen = solving.choice(field)
    room = width - line.width
    shown: Sequence[int] = range(len(field.choices))
    if sum(cells(field.choices[at][1]) + 4 for at in shown) > room:
        shown = [chosen]
    for at in shown:
        label = field.choices[at][1]
        if at == chosen:
            line.add(f"‹{label}›", "edit" if at_cursor else "strong")
        else:
            line.add(f" {label} ", "dim", ("choice", index, at))
        line.add(" ")
    if len(shown) < len(field.choices):
        line.add(f" {chosen + 1} of {len(field.choices)}", "dim")
    return line


def _set(
    solving: SolveState, field: Field, index: int, at_cursor: bool, line: StyledLine
) -> StyledLine:
    for at, (value, label) in enumerate(field.choices):
        held = value in solving.form.fixed
        cursor = at_cursor and at == solving.form.knob % len(field.choices)
        text = f"{'·' if held else '✓'} {label}"
        role = "edit" if cursor else "dim" if held else ""
        line.add(text, role, ("knob", index, at)).add("  ")
    return line


def form_keys() -> Sequence[tuple[str, str]]:
    """Return the actions of the form with their labels."""
    return (
        ("solve.go", "solve"),
        ("solve.up", "↓ line"),
        ("solve.left", "→ choice"),
        ("solve.toggle", "fix or free"),
        ("dialog.close", "close"),
    )


# The work


def working(solving: SolveState, width: int) -> list[StyledLine]:
    """Return the lines about the solver's progress.

    Args:
        solving: the dialog's state.
        width: columns of the dialog.
    """
    elapsed = duration(time.monotonic() - solving.began)
    line = StyledLine().add("• ", "accent").add(solving.title, "strong")
    message = shorten(solving.message or "starting the solver", width - 4)
    return [
        line.right(StyledLine().add(elapsed, "dim"), width),
        StyledLine().add(f"  {message}", "dim"),
    ]


def refused(solving: SolveState, width: int) -> list[StyledLine]:
    """Return the lines that say why there is no answer.

    Args:
        solving: the dialog's state.
        width: columns of the dialog.
    """
    error = solving.error
    if error is None:
        return []
    lines = wrap(f"! {error.what}", width, "bad")
    for text, role in ((error.why, ""), (error.fix, "accent")):
        if text:
            lines += [StyledLine(), *wrap(text, width, role)]
    fastest = solving.fastest
    if solving.offers_fastest and isinstance(fastest, Solution):
        lines += [StyledLine(), _fact("fastest", _pace(solving, fastest.cycles))]
    return lines


# The answer


def summary(solving: SolveState, difference: Comparison, width: int) -> list[StyledLine]:
    """Return the lines that compare the answer with the present folding.

    Args:
        solving: the dialog's state.
        difference: present folding and answer.
        width: columns of the dialog.
    """
    solution = solving.solution
    assert solution is not None
    before, after = difference.a.estimate, difference.b.estimate
    lines = [
        StyledLine().add(shorten(solving.title.capitalize(), width), "strong"),
        StyledLine().add(shorten(solution.verdict, width), "good" if solution.optimal else "warn"),
        StyledLine(),
    ]
    change_text = _times(before.ii_cycles / after.ii_cycles)
    lines.append(_pair("II", whole(before.ii_cycles), whole(after.ii_cycles), change_text))
    lines.append(_pair("frames/s", rate(before.fps), rate(after.fps), ""))
    request = solving.request
    counted = request.options.include_infrastructure if request is not None else True
    old, new = lab.amounts(before, counted), lab.amounts(after, counted)
    device = solving.tune.editor.device
    limits = request.options.limits if request is not None else {}
    binding = {item.resource for item in solution.binding}
    for name in RESOURCES:
        if not (old[name] or new[name]):
            continue
        change = new[name] - old[name]
        change_text = f"{change:+,.0f}" if round(change) else "unchanged"
        notes = []
        if device.budget.get(name):
            notes.append(f"limit {limits.get(name, 1.0):.0%}")
        if name in binding:
            notes.append("limiting")
        texts = [_amount(solving, name, amount[name]) for amount in (old, new)]
        tail = f"{change_text:<11}{', '.join(notes)}"
        lines.append(_pair(TITLES[name], texts[0], texts[1], tail, binds=name in binding))
    lines.append(_inserted(difference, counted))
    for item in solution.binding:
        held = "; this limits the rate" if item.holds else ""
        lines += wrap(f"{item.text()}{held}", width, "warn")
    return lines


def _times(ratio: float) -> str:
    word, ratio = ("faster", ratio) if ratio >= 1 else ("slower", 1 / ratio)
    return "unchanged" if ratio == 1 else f"{ratio:,.{0 if ratio >= 100 else 1}f} times {word}"


def _amount(solving: SolveState, name: str, amount: float) -> str:
    share = solving.tune.editor.device.use(name, amount)
    if share is None:
        return whole(amount)
    return f"{whole(amount)} {share:>4.0%}" if share < float("inf") else f"{whole(amount)} OVER"


def _pair(name: str, before: str, after: str, note: str, *, binds: bool = False) -> StyledLine:
    line = StyledLine().cell(name, 10, "dim").cell(before, 14, right=True).add("  → ", "dim")
    line.cell(after, 14, "strong", right=True)
    return line.add("   ").add(note, "warn" if binds else "dim")


def _inserted(difference: Comparison, counted: bool) -> StyledLine:
    before, after = (
        len(side.estimate.infrastructure.of("dwc")) for side in (difference.a, difference.b)
    )
    text = f"{before} width converters → {after}"
    return StyledLine().add(text + (", counted above" if counted else ", not counted"), "dim")


def layers(difference: Comparison, width: int) -> Content:
    """Return the layers that change.

    Args:
        difference: present folding and answer.
        width: columns of the dialog.
    """
    wide = width >= 90
    # What the cycles are now stands in the table behind the dialog.
    cycles_before = [Column("cycles now", 10, True, rank=4)] if wide else []
    columns = [
        Column("layer", 32 if wide else 14),
        *cycles_before,
        Column("then" if wide else "cycles", 10, True),
        Column("changes"),
        Column("LUT", 7, True, rank=1),
        Column("B18", 4, True, rank=2),
    ]
    rows = [_layer(item, wide) for item in difference.changed]
    return Content(columns, rows, "the solution is the present folding: no change")


def _layer(item: Difference, wide: bool) -> Row:
    changes = " ".join(
        f"{knob_title(change.name)} {value_text(change.before)}→{value_text(change.after)}"
        for change in item.changes
    )
    amounts = {
        name: f"{amount:+,.0f}" if round(amount) else "" for name, amount in item.resources.items()
    }
    return Row(
        item.name,
        [
            (item.name if wide else short_name(item.layer), ""),
            *([(short(item.before.cycles, 10), "dim")] if wide else []),
            (short(item.after.cycles, 10), ""),
            (changes, ""),
            (amounts["LUT"], ""),
            (amounts["BRAM_18K"], ""),
        ],
    )
