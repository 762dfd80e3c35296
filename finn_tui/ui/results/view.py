"""Table and details of the Results screen."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_tui.lab.models.identity import titles
from finn_tui.lab.results.results_export import dataset_title
from finn_tui.runs.folder import missed_text
from finn_tui.ui.toolkit.listing import Cell, Column, Content, Field, Row
from finn_tui.ui.toolkit.styled_line import StyledLine, rate, short, whole

if TYPE_CHECKING:
    from finn_tui.lab.results.results_compare import RunComparison
    from finn_tui.lab.results.results_table import Experiment


@dataclass(frozen=True)
class _Figure:
    column: Column
    cell: Cell


def _number(value: float | None, width: int, form: str = "", unit: str = "") -> Cell:
    if value is None:
        return ("-", "faint")
    if form:
        return (f"{value:{form}}{unit}", "")
    # Rates below ten have fractions; units of a resource have none.
    return (rate(value) if value < 10 and value % 1 else short(value, width), "")


def _state(row: Experiment, broad: bool) -> Cell:
    """The run's state; a missed clock stands there as in Runs."""
    missed = row.clock_missed_ns
    if missed is None:
        return (row.state, "dim")
    return (f"! {missed_text(missed)}" if broad else "! clock", "bad")


def _percent(value: float | None, form: str) -> Cell:
    return ("-", "faint") if value is None else (f"{value:{form}} %", "")


def _pair(estimated: float | None, built: float | None) -> Cell:
    """Return the estimate and what was built, as 15,646>16,645."""
    if built is None:
        return ("-" if estimated is None else whole(estimated), "faint")
    return (f"{'-' if estimated is None else whole(estimated)}>{whole(built)}", "")


def _figures(
    row: Experiment, width: int, model: tuple[str, int], *, marked: bool, any_missed: bool
) -> list[_Figure]:
    """Return the cells of a row; some are left out on narrow screens.

    Args:
        row: the run.
        width: columns of the table.
        model: its name among those of the table, and columns for it.
        marked: whether the run is.
        any_missed: whether any run of the table misses its clock.
    """
    wide, broad = width >= 110, width >= 140
    figures = [
        _Figure(Column("", 1), ("*" if marked else " ", "accent")),
        _Figure(Column("run", 4), (row.run[-4:], "quiet")),
        _Figure(Column("model", model[1], rank=9), (model[0], "strong")),
        _Figure(Column("folding"), (row.folding, "")),
    ]
    if wide or any_missed:
        column = Column("state", 26 if broad and any_missed else 9, rank=1 if any_missed else 8)
        figures.append(_Figure(column, _state(row, broad)))
    figures.append(_Figure(Column("II", 7, True, rank=4), _number(row.ii_cycles, 7)))
    figures.append(_Figure(Column("est.fps", 9, True, rank=3), _number(row.estimated_fps, 9)))
    figures.append(_Figure(Column("fps", 9, True), _strong(_number(row.fps, 9))))
    if wide:
        figures.append(_Figure(Column("of est", 6, True), _percent(row.of_estimate, ".0f")))
    lut, memory = row.synthesized.get("LUT"), row.synthesized.get("BRAM_18K")
    whole_estimate = row.estimated_whole or row.estimated
    if broad:
        figures += [
            _Figure(Column("LUT est>built", 15, True), _pair(whole_estimate.get("LUT"), lut)),
            _Figure(Column("error", 7, True), _percent(row.error_percent.get("LUT"), "+.1f")),
            _Figure(Column("B18", 9, True), _pair(whole_estimate.get("BRAM_18K"), memory)),
        ]
    else:
        figures.append(_Figure(Column("LUT", 6, True, rank=5), _number(lut, 6)))
        if wide:
            figures.append(_Figure(Column("B18", 5, True, rank=7), _number(memory, 5)))
    if wide:
        wns = _number(row.wns, 6, "+.2f")
        slack = (wns[0], "bad") if (row.wns or 0) < 0 else wns
        figures.append(_Figure(Column("WNS", 6, True, rank=6), slack))
    figures.append(_Figure(Column("acc.", 7, True), _strong(_number(row.accuracy, 7, ".2f", "%"))))
    simulated = row.simulated or row.measured_simulated
    figures.append(_Figure(Column("", 9), ("SIMULATED" if simulated else "", "sim")))
    if broad:
        tags = " ".join(f"#{tag}" for tag in row.tags)
        figures.append(_Figure(Column("tags", 10, rank=10), (tags, "dim")))
    return figures


def _strong(cell: Cell) -> Cell:
    return cell if cell[1] else (cell[0], "strong")


def results_content(
    rows: Sequence[Experiment], width: int, marked: Collection[str] = ()
) -> Content:
    """Return runs as rows, in their order.

    Args:
        rows: of the runs.
        width: columns of the table.
        marked: ids of marked runs.
    """
    models = titles({row.run: (row.model, row.content) for row in rows})
    model_width = min(22, max([8, *map(len, models.values())]))
    missed = any(row.clock_missed_ns is not None for row in rows)
    drawn = [
        (
            row,
            _figures(
                row,
                width,
                (models[row.run], model_width),
                marked=row.run in marked,
                any_missed=missed,
            ),
        )
        for row in rows
    ]
    columns = [figure.column for figure in drawn[0][1]] if drawn else []
    return Content(
        columns,
        [
            Row(
                row.run,
                [figure.cell for figure in figures],
                " ".join([row.run, row.state, *(f"#{tag}" for tag in row.tags)]),
            )
            for row, figures in drawn
        ],
    )


def comparison_content(comparison: RunComparison, width: int) -> Content:
    """Return marked runs side by side: layers that differ, then figures.

    Args:
        comparison: of the runs.
        width: columns of the table.
    """
    count = len(comparison.rows)
    name = 18
    each = max(10, (width - name - 2) // count - 1)
    columns = [
        Column("", name),
        *(Column(f"{row.folding} {row.run[-4:]}", each) for row in comparison.rows),
    ]
    rows = [
        Row(layer.name, [(layer.name, ""), *((text, "") for text in layer.values)])
        for layer in comparison.layers
    ]
    if comparison.same:
        word = "layers are" if comparison.same > 1 else "layer is"
        rows.append(Row("same", [(f"{comparison.same} {word} folded alike", "dim")]))
    figures = comparison.figures()
    rows += [
        Row(f"figure {title}", [(title, "dim"), *((text, _role(text)) for text in texts)])
        for title, texts in figures
    ]
    return Content(columns, rows)


def _role(text: str) -> str:
    return "sim" if text == "SIMULATED" else "strong"


def compared_text(count: int, key: str) -> str:
    """Return what must be marked before runs can be compared."""
    return f"mark two or more runs with {key}; {count} marked"


_ESTIMATE, _BUILT, _SIMULATED, _CHOSEN = "o", "x", "s", "#"
#: Plots: a title and the axes.
PLOTS = (
    ("fps against LUT", ("LUT", "images per second")),
    ("measured against the estimate", ("estimate, images per second", "measured")),
    ("experiments over time", ("experiment", "images per second")),
)


def plot_lines(
    rows: Sequence[Experiment], which: int, key: object, width: int, height: int
) -> list[StyledLine]:
    """Return one of ``PLOTS``, in characters.

    Args:
        rows: the runs, newest first.
        which: number of the plot.
        key: id of the run under the cursor, which is drawn apart.
        width: columns.
        height: lines.
    """
    from finn_tui.lab.results.plots import scatter

    estimates: list[tuple[float, float]] = []
    built: list[tuple[float, float]] = []
    simulated: list[tuple[float, float]] = []
    chosen: list[tuple[float, float]] = []
    chosen_title = "this run"
    for at, row in enumerate(reversed(rows), 1):
        estimated_lut, lut = row.estimated_whole.get("LUT"), row.synthesized.get("LUT")
        point: tuple[float, float] | None = None
        if which == 0:
            if estimated_lut and row.estimated_fps:
                estimates.append((estimated_lut, row.estimated_fps))
            point = (lut, row.fps) if lut and row.fps else None
        elif which == 1:
            if row.estimated_fps:
                estimates.append((row.estimated_fps, row.estimated_fps))
            point = (row.estimated_fps, row.fps) if row.estimated_fps and row.fps else None
        else:
            point = (float(at), row.fps) if row.fps else None
        if point is None:
            continue
        if row.run == key:
            chosen.append(point)
            chosen_title += ", SIMULATED" if row.any_simulated else ""
        else:
            (simulated if row.any_simulated else built).append(point)
    if not built and not simulated and not chosen and not estimates:
        return [StyledLine().add(" nothing was measured yet; d measures the newest build", "dim")]
    series = [
        ("estimate", _ESTIMATE, estimates),
        ("measured", _BUILT, built),
        ("SIMULATED", _SIMULATED, simulated),
        (chosen_title, _CHOSEN, chosen),
    ]
    rates = [y for _, _, points in series for _, y in points]
    spread = min(rates) * 20 < max(rates)
    text = scatter(
        [one for one in series if one[2]],
        PLOTS[which][1],
        width,
        height,
        log_x=which == 1 and spread,
        log_y=spread,
    )
    return [StyledLine().add(line, "quiet") for line in text.splitlines()]


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
    if row.estimated_whole:
        text = _resources(row.estimated_whole)
        error = row.error_percent.get("LUT")
        text += "" if error is None else f"; LUT {error:+.1f} % against the build"
        fields.append(Field("with FIFOs, shell", text))
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
    if row.port_fps is not None and row.input_bytes is not None:
        text = f"at most {rate(row.port_fps)} fps"
        if row.estimated_fps and row.port_fps < row.estimated_fps:
            text += f", {row.port_fps / row.estimated_fps:.0%} of the estimate"
        text += f" ({row.input_bytes:,} B a frame)"
        fields.append(Field("memory port", text))
    if row.accuracy is not None:
        text = f"{measured}{row.accuracy:.2f} % of {row.images:,} images"
        if row.dataset:
            text += f" of {dataset_title(row.dataset)}"
        fields.append(Field("accuracy", text, role))
    if row.tags:
        fields.append(Field("tags", " ".join(f"#{tag}" for tag in row.tags)))
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
