"""Table and details of the Results screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_tui.lab.identity import titles
from finn_tui.runs.folder import missed_text
from finn_tui.ui.toolkit.listing import Cell, Column, Content, Field, Row
from finn_tui.ui.toolkit.styled_line import rate, short, whole

if TYPE_CHECKING:
    from finn_tui.lab.results_table import Experiment


@dataclass(frozen=True)
class _Figure:
    column: Column
    cell: Cell


def _number(value: float | None, width: int, form: str = "", unit: str = "") -> Cell:
    if value is None:
        return ("-", "faint")
    if form:
        return (f"{value:{form}}{unit}", "")
    return (rate(value) if value < 10 else short(value, width), "")


def _state(row: Experiment, broad: bool) -> Cell:
    """The run's state; a missed clock stands there as in Runs."""
    missed = row.clock_missed_ns
    if missed is None:
        return (row.state, "dim")
    return (f"! {missed_text(missed)}" if broad else "! clock", "bad")


def _figures(
    row: Experiment, width: int, model: str, model_width: int, any_missed: bool
) -> list[_Figure]:
    """Return the cells of a row; some are left out on narrow screens.

    Args:
        row: the run.
        width: columns of the table.
        model: its name among those of the table; model_width: columns for it.
        any_missed: whether any run of the table misses its clock.
    """
    wide, broad = width >= 110, width >= 140
    figures = [
        _Figure(Column("run", 31 if broad else 4), (row.run if broad else row.run[-4:], "quiet")),
        _Figure(Column("model", model_width), (model, "strong")),
        _Figure(Column("folding"), (row.folding, "")),
    ]
    if wide or any_missed:
        state = _state(row, broad)
        column = Column("state", 26 if broad and any_missed else 9, rank=1 if any_missed else 5)
        figures.append(_Figure(column, state))
    figures.append(_Figure(Column("II", 7, True, rank=3), _number(row.ii_cycles, 7)))
    figures.append(_Figure(Column("est.fps", 9, True, rank=2), _number(row.estimated_fps, 9)))
    if wide:
        figures += [
            _Figure(Column("est.LUT", 7, True, rank=8), _number(row.estimated.get("LUT"), 7)),
            _Figure(Column("est.B18", 7, True, rank=9), _number(row.estimated.get("BRAM_18K"), 5)),
        ]
    figures.append(_Figure(Column("LUT", 6, True, rank=4), _number(row.synthesized.get("LUT"), 6)))
    if wide:
        wns = _number(row.wns, 6, "+.2f")
        figures += [
            _Figure(Column("B18", 5, True, rank=7), _number(row.synthesized.get("BRAM_18K"), 5)),
            _Figure(Column("WNS", 6, True, rank=6), (wns[0], "bad") if (row.wns or 0) < 0 else wns),
        ]
    figures.append(_Figure(Column("fps", 9, True), _strong(_number(row.fps, 9))))
    figures.append(_Figure(Column("acc.", 7, True), _strong(_number(row.accuracy, 7, ".2f", "%"))))
    simulated = row.simulated or row.measured_simulated
    figures.append(_Figure(Column("", 9), ("SIMULATED" if simulated else "", "sim")))
    return figures


def _strong(cell: Cell) -> Cell:
    return cell if cell[1] else (cell[0], "strong")


def results_content(rows: Sequence[Experiment], width: int) -> Content:
    """Return all runs, newest first.

    Args:
        rows: of the runs.
        width: columns of the table.
    """
    models = titles({row.run: (row.model, row.content) for row in rows})
    model_width = min(22, max([9, *map(len, models.values())]))
    missed = any(row.clock_missed_ns is not None for row in rows)
    drawn = [(row, _figures(row, width, models[row.run], model_width, missed)) for row in rows]
    columns = [figure.column for figure in drawn[0][1]] if drawn else []
    return Content(
        columns,
        [Row(row.run, [figure.cell for figure in figures], row.run) for row, figures in drawn],
        "no runs yet; b builds the present folding",
    )


def result_facts(row: Experiment, published: Sequence[str] = ()) -> list[Field]:
    """Return everything known of one run, each figure with its source.

    Args:
        row: the run.
        published: figures that others have published of its network.
    """
    # The mark stands first, where no narrow screen cuts it off.
    built = "SIMULATED  " if row.simulated else ""
    measured = "SIMULATED  " if row.measured_simulated else ""
    built_role, role = "sim" if built else "", "sim" if measured else ""
    fields = [
        Field("run", f"{built}{row.run}  {row.verdict}", built_role or "strong"),
        Field("folding", f"{row.folding}, {row.board}, {1000 / row.clock_ns:.4g} MHz"),
    ]
    if row.ii_cycles is not None and row.estimated_fps is not None:
        text = f"II {whole(row.ii_cycles)} cycles, {rate(row.estimated_fps)} fps, "
        fields.append(Field("estimate", text + _resources(row.estimated)))
    if row.synthesized:
        fields.append(Field("after synthesis", built + _resources(row.synthesized), built_role))
    if row.wns is not None:
        missed = row.clock_missed_ns
        met = missed_text(missed) if missed is not None else "timing not met"
        met = "timing met" if row.timing_met else met
        role_ = built_role or ("" if row.timing_met else "bad")
        fields.append(Field("WNS", f"{built}{row.wns:+.3f} ns, {met}", role_))
    if row.fps is not None:
        text = f"{measured}{rate(row.fps)} fps"
        if row.estimated_fps:
            text += f", {row.fps / row.estimated_fps:.1%} of the estimate"
        text += f", batch {row.batch:,}, {row.clock_mhz:g} MHz"
        fields.append(Field("throughput", text, role))
    if row.accuracy is not None:
        text = f"{measured}{row.accuracy:.2f} % of {row.images:,} images"
        fields.append(Field("accuracy", text, role))
    fields += [
        Field("" if number else "published", text, "dim") for number, text in enumerate(published)
    ]
    return fields


_TITLES = (("LUT", "LUT"), ("FF", "FF"), ("BRAM_18K", "BRAM18"), ("URAM", "URAM"), ("DSP", "DSP"))


def _resources(amounts: Mapping[str, float]) -> str:
    texts = [
        f"{whole(amounts[name])} {title}"
        for name, title in _TITLES
        if amounts.get(name) or (name in amounts and name in ("LUT", "BRAM_18K"))
    ]
    return ", ".join(texts)
