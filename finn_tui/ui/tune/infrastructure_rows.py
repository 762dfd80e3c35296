"""Budget bars of the design, and the rows below the layers: FIFOs, converters, shell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from finn_tui.core.compare import Comparison
from finn_tui.core.device import RESOURCES, Device
from finn_tui.core.estimate.estimate import Estimate
from finn_tui.core.estimate.infrastructure import InfrastructureCost
from finn_tui.ui.toolkit.styled_line import StyledLine, cells, plural, rate, short, whole
from finn_tui.ui.tune.columns import Columns
from finn_tui.ui.tune.comparison import signed
from finn_tui.ui.tune.state import TuneState

TITLES = {"LUT": "LUT", "BRAM_18K": "BRAM18", "URAM": "URAM", "DSP": "DSP"}

#: Screens that are this wide name what a word alone would say on narrower ones.
_WIDE = 100


@dataclass(frozen=True)
class Use:
    """One resource: FINN's total, what FINN inserts beside it, and the board's budget.

    Attributes:
        amount: FINN's total.
        extra: converters and FIFOs, as far as they are priced.
        share: of both in the budget; None where that is unknown, infinity where the part has none.
        limit: FINN's fill limit.
    """

    name: str
    amount: float
    extra: float
    available: int | None
    share: float | None
    limit: float

    @property
    def role(self) -> str:
        """Return the role (colour) of the bar; the text says the same."""
        if self.share is None or self.share <= self.limit:
            return "bar"
        return "bad" if self.share > 1 else "warn"

    @property
    def over(self) -> str:
        """Return by how much the budget is exceeded, as text; empty if it is not."""
        if self.share is None or self.available is None or self.share <= 1:
            return ""
        if not self.available:
            return "OVER: the part has none"
        return f"OVER by {ceil(self.amount + self.extra - self.available):,}"

    def figure(self, detail: int) -> str:
        """Return the amount, its share and a warning; detail 0 is the shortest of three forms."""
        text = whole(self.amount)
        if self.over and not detail:
            text = whole(self.amount + self.extra)
        elif self.extra:
            text += f" + {whole(self.extra)}" if detail else f"+{short(self.extra, 5)}"
        if self.share is None:
            return text
        if detail and self.available:
            text += f" of {whole(self.available)}"
        if self.available:
            text += f" {self.share:.0%}"
        if self.over:
            return f"{text} {self.over}"
        if detail == 2 and self.name == "BRAM_18K" and self.amount + self.extra:
            text += f" ({ramb36(self.amount + self.extra)})"
        return text + (f" >{self.limit:.0%}" if self.share > self.limit else "")


def ramb36(halves: float) -> str:
    """Return a number of BRAM_18K as RAMB36 blocks, the unit of the data sheets."""
    return f"{halves / 2:,.4g} RAMB36"


def resource_uses(estimate: Estimate, device: Device) -> list[Use]:
    """Return the use of each resource that the part has or the design needs.

    Args:
        estimate: of the present folding.
        device: the board's part.
    """
    extra = estimate.infrastructure.total()
    rows = []
    for name in RESOURCES:
        amount, available = estimate.total[name], device.budget.get(name)
        if amount or extra[name] or available or name == "LUT":
            share = device.use(name, amount + extra[name])
            limit = device.limits.get(name, 1.0)
            rows.append(Use(name, amount, extra[name], available, share, limit))
    return rows


def budget_line(estimate: Estimate, device: Device, width: int) -> StyledLine:
    """Return a bar for each resource of the part, with FINN's fill limit marked on it.

    Args:
        estimate: of the present folding.
        device: the board's part.
        width: columns of the terminal.
    """
    items = resource_uses(estimate, device)
    for detail in (2, 1, 0):
        texts = [item.figure(detail) for item in items]
        fixed = sum(
            len(TITLES[item.name]) + 2 + len(text) for item, text in zip(items, texts, strict=True)
        )
        room = width - 2 - fixed - 3 * (len(items) - 1)
        # Where there is little room, what takes nothing needs no bar.
        barred = [
            item.share is not None and (item.amount + item.extra > 0 or width >= _WIDE)
            for item in items
        ]
        each = room // max(1, sum(barred))
        if each >= 10 or not detail:
            break
    line = StyledLine().add(" ")
    for item, text, with_bar in zip(items, texts, barred, strict=True):
        line.add(TITLES[item.name] + " ", "dim")
        if with_bar and each >= 4:
            _meter(line, item, min(each, 24))
            line.add(" ")
        line.add(text, item.role if item.role != "bar" else "")
        if item is not items[-1]:
            line.add("   ")
    if not device.budget:
        line.add(f"   resources of {device.part} not known", "dim")
    return line


def _meter(line: StyledLine, item: Use, width: int) -> None:
    """Draw one bar: FINN's total solid, what FINN inserts hatched, the fill limit as a line."""
    share = item.share or 0.0
    total = item.amount + item.extra
    mark = min(width - 1, round(item.limit * width))
    filled = min(width, max(1 if share > 0 else 0, round(min(share, 9.0) * width)))
    inserted = round(filled * item.extra / total) if total else 0
    last = width - (share > 1)
    for start, end in ((0, mark), (mark + 1, last)):
        full = max(0, min(end, filled - inserted) - start)
        hatched = max(0, min(end, filled) - start) - full
        line.add("█" * full, item.role).add("▒" * hatched, item.role)
        line.add("░" * (end - start - full - hatched), "faint")
        if start == 0 and mark < last:
            line.add("│", "strong")
    if share > 1:
        line.add("▶", item.role)


# The rows below the layers


@dataclass(frozen=True)
class _Row:
    title: str
    note: str
    amounts: Mapping[str, float] | None
    role: str = "dim"


def breakdown_rows(
    tune: TuneState, plan: Columns, *, tall: bool
) -> list[tuple[StyledLine, StyledLine, StyledLine]]:
    """Return the rows of the cost breakdown below the layers, for the three panes.

    Folded it is one row; it is folded on short screens unless the user says otherwise.

    Args:
        tune: the open model.
        plan: widths of the columns.
        tall: whether the screen has room for all rows.
    """
    estimate, comparison = tune.editor.estimate, tune.comparison
    unfolded = tall if tune.breakdown_open is None else tune.breakdown_open
    if comparison is not None:
        rows = _differences(comparison, unfolded)
    else:
        rows = [*_rows(estimate), *_learned(tune)] if unfolded else [_folded(estimate)]
    notes = max(cells(row.title) for row in rows) + 3
    return [_panes(row, plan, notes, signs=comparison is not None) for row in rows]


def _differences(comparison: Comparison, unfolded: bool) -> list[_Row]:
    a, b = comparison.a.estimate, comparison.b.estimate
    whole_row = _Row(
        "with FIFOs and converters",
        f"II {whole(a.ii_cycles)} → {whole(b.ii_cycles)}",
        comparison.total_with_infrastructure,
        "strong",
    )
    if not unfolded:
        return [whole_row]
    rows = [_Row("FINN's total", f"fps {rate(a.fps)} → {rate(b.fps)}", comparison.total, "")]
    for kind, title in (("dwc", "width converters"), ("fifo", "FIFOs")):
        before, after = len(a.infrastructure.of(kind)), len(b.infrastructure.of(kind))
        cost_after, cost_before = b.infrastructure.total(kind), a.infrastructure.total(kind)
        amounts = {name: cost_after[name] - cost_before[name] for name in RESOURCES}
        rows.append(_Row(f"+ {title}", f"{before} → {after}" if before != after else "", amounts))
    return [*rows, whole_row]


def _rows(estimate: Estimate) -> list[_Row]:
    infrastructure = estimate.infrastructure
    return [
        _Row("FINN's total", _unknown(estimate), estimate.total, ""),
        _inserted(
            infrastructure,
            "dwc",
            "width converter",
            "FINN's formula for older RTL, up to 10x off"
            if estimate.costs.ops.get("dwc", "").endswith("_rtl")
            else "",
        ),
        _inserted(
            infrastructure,
            "fifo",
            "FIFO",
            "this FINN's own estimate, too high" if estimate.costs.fifos_too_high else "",
        ),
        _Row("total with FIFOs and DWCs", _halves(estimate), _whole(estimate), "strong"),
        _shell(estimate),
    ]


def _learned(tune: TuneState) -> list[_Row]:
    """Return the resources that the user's own builds predict; no row without builds."""
    learned = tune.opened.learned
    if learned is None:
        return []
    layers = tune.editor.estimate.layers
    totals = {name: learned.total(layers, name) for name in RESOURCES}
    span, unknown = totals["LUT"]
    note = f"LUT {whole(span.low)} to {whole(span.high)}"
    if unknown:
        note += f", {plural(unknown, 'layer')} as FINN estimates"
    title = f"expected from your {plural(len(learned.sources), 'build')}"
    return [_Row(title, note, {name: figure.value for name, (figure, _) in totals.items()})]


def _shell(estimate: Estimate) -> _Row:
    shell = estimate.shell
    if shell is None:
        return _Row("not counted: DMA and shell", "no measurement for this part", None)
    return _Row("not counted: DMA and shell", f"measured on {shell.whose}", shell.use)


def _folded(estimate: Estimate) -> _Row:
    infrastructure = estimate.infrastructure
    title = f"total with {plural(len(infrastructure.of('fifo')), 'FIFO')}"
    if infrastructure.of("dwc"):
        title += f", {plural(len(infrastructure.of('dwc')), 'DWC')}"
    unpriced = sum(item.use is None for item in infrastructure.items)
    if unpriced:
        title += f" ({unpriced:,} without known cost)"
    return _Row(title, _halves(estimate), _whole(estimate), "dim")


def _unknown(estimate: Estimate) -> str:
    """Return how many layers' LUTs the total lacks; empty where FINN has a model of all."""
    count = len(estimate.unmodelled)
    return f"LUT of {plural(count, 'layer')} unknown" if count else ""


def _inserted(infrastructure: InfrastructureCost, kind: str, noun: str, caution: str = "") -> _Row:
    items = infrastructure.of(kind)
    notes = []
    if kind == "fifo" and items:
        notes.append(f"deepest: {max(item.depth or 0 for item in items):,} words")
    unpriced = sum(item.use is None for item in items)
    if unpriced:
        notes.append(f"{unpriced:,} without known cost")
    if caution and items:
        notes.append(caution)
    amounts = None if items and unpriced == len(items) else infrastructure.total(kind)
    return _Row(f"+ {plural(len(items), noun)}", ", ".join(notes), amounts)


def _whole(estimate: Estimate) -> dict[str, float]:
    extra = estimate.infrastructure.total()
    return {name: estimate.total[name] + extra[name] for name in RESOURCES}


def _halves(estimate: Estimate) -> str:
    halves = _whole(estimate)["BRAM_18K"]
    return f"B18 = {ramb36(halves)}" if halves else ""


def _panes(
    row: _Row, plan: Columns, notes: int, *, signs: bool
) -> tuple[StyledLine, StyledLine, StyledLine]:
    hit = ("bill",)
    text = StyledLine().add(" ").add(row.title, row.role, hit)
    if notes + 1 + cells(row.note) <= plan.left + plan.middle:
        text.to(notes + 1).add(row.note, "dim", hit)
    text.to(plan.left + plan.middle)
    left, middle = text.cut(plan.left)
    right = StyledLine()
    for name, width in plan.resources:
        if row.amounts is None:
            amount = "?"
        else:
            amount = signed(row.amounts[name]) if signs else short(row.amounts[name], width - 1)
        role = row.role if row.amounts is None or row.amounts[name] else "dim"
        right.cell(amount, width, role, right=True, hit=hit)
    right.add(" " * plan.bits)
    return left, middle, right
