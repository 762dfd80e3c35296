"""The table of experiments as text: columns, Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finn_tui.base import files
from finn_tui.base.text import number
from finn_tui.lab.results.results_table import Experiment

SIMULATED = "SIMULATED"


@dataclass(frozen=True)
class TableColumn:
    """A column of the table.

    Attributes:
        title: its heading.
        text: a row's cell; a dash where there is nothing.
        right: whether it holds numbers.
    """

    title: str
    text: Callable[[Experiment], str]
    right: bool = True


def _percent(value: float | None, digits: int, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.{digits}f} %"


#: What `finn-tui experiments` prints.
COLUMNS = (
    TableColumn("run", lambda row: row.run, right=False),
    TableColumn("folding", lambda row: row.folding, right=False),
    TableColumn("state", lambda row: row.verdict, right=False),
    TableColumn("II", lambda row: number(row.ii_cycles)),
    TableColumn("est. fps", lambda row: number(row.estimated_fps)),
    TableColumn("est. LUT", lambda row: number(row.estimated.get("LUT"))),
    TableColumn("LUT", lambda row: number(row.synthesized.get("LUT"))),
    TableColumn("BRAM18", lambda row: number(row.synthesized.get("BRAM_18K"))),
    TableColumn("WNS", lambda row: number(row.wns, 3)),
    TableColumn("fps", lambda row: number(row.fps)),
    TableColumn("accuracy", lambda row: _percent(row.accuracy, 2)),
    TableColumn("", lambda row: SIMULATED if row.any_simulated else "", right=False),
)

#: What a report shows: with the estimate that counts what a build counts, and where data come from.
REPORT_COLUMNS = (
    TableColumn("folding", lambda row: row.folding, right=False),
    TableColumn("run", lambda row: row.run[-4:], right=False),
    TableColumn("II", lambda row: number(row.ii_cycles)),
    TableColumn("est. fps", lambda row: number(row.estimated_fps)),
    TableColumn("fps", lambda row: number(row.fps)),
    TableColumn("of est.", lambda row: _percent(row.of_estimate, 0)),
    TableColumn("est. LUT", lambda row: number(row.estimated_whole.get("LUT"))),
    TableColumn("LUT", lambda row: number(row.synthesized.get("LUT"))),
    TableColumn("error", lambda row: _percent(row.error_percent.get("LUT"), 1, "+")),
    TableColumn("BRAM18", lambda row: number(row.synthesized.get("BRAM_18K"))),
    TableColumn("DSP", lambda row: number(row.synthesized.get("DSP"))),
    TableColumn("WNS ns", lambda row: number(row.wns, 2)),
    TableColumn("accuracy", lambda row: _percent(row.accuracy, 2)),
    TableColumn("", lambda row: SIMULATED if row.any_simulated else "", right=False),
)


def texts(rows: Sequence[Experiment], columns: Sequence[TableColumn] = COLUMNS) -> list[list[str]]:
    """Return the cells of all rows."""
    return [[column.text(row) for column in columns] for row in rows]


def headings(columns: Sequence[TableColumn] = COLUMNS) -> list[str]:
    """Return the headings."""
    return [column.title for column in columns]


def markdown(rows: Sequence[Experiment], columns: Sequence[TableColumn] = COLUMNS) -> str:
    """Return a Markdown table."""
    rule = ["---:" if column.right else "---" for column in columns]
    cells = [[_markdown_cell(cell) for cell in row] for row in texts(rows, columns)]
    lines = [headings(columns), rule, *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _markdown_cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: "\\" + character for character in "&%$#_{}"},
}


def _latex_cell(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text.replace("\n", " "))


def latex(rows: Sequence[Experiment], columns: Sequence[TableColumn] = REPORT_COLUMNS) -> str:
    r"""Return a LaTeX ``tabular``; it needs ``\usepackage{booktabs}``."""
    align = "".join("r" if column.right else "l" for column in columns)
    body = [
        " & ".join(map(_latex_cell, line)) + r" \\"
        for line in (headings(columns), *texts(rows, columns))
    ]
    lines = [
        rf"\begin{{tabular}}{{{align}}}",
        r"\toprule",
        body[0],
        r"\midrule",
        *body[1:],
        r"\bottomrule",
        r"\end{tabular}",
    ]
    remarks = [f"% {line}" for line in provenance(rows)]
    return "\n".join([*remarks, *lines]) + "\n"


def comma_separated(rows: Sequence[Experiment]) -> str:
    """Return all figures as CSV, with the keys of ``experiments --json``."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    flat = [_flat(row.as_json()) for row in rows]
    keys = list(dict.fromkeys(key for row in flat for key in row))
    writer.writerow(keys)
    for row in flat:
        writer.writerow(["" if row.get(key) is None else row.get(key) for key in keys])
    return out.getvalue()


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat.update({f"{key}_{inner}": item for inner, item in value.items()})
        else:
            flat[key] = " ".join(value) if isinstance(value, list) else value
    return flat


def write(path: Path, rows: Sequence[Experiment]) -> None:
    """Write the table in the form that the file's ending names: csv, md, tex or json.

    Raises:
        FinnTuiError: the disk does not take it.
    """
    if path.suffix == ".csv":
        text = comma_separated(rows)
    elif path.suffix == ".md":
        text = markdown(rows, REPORT_COLUMNS) + "\n" + "\n".join(provenance(rows)) + "\n"
    elif path.suffix == ".tex":
        text = latex(rows)
    else:
        text = json.dumps([row.as_json() for row in rows], indent=2) + "\n"
    files.replace(path, text)


#: What data sets are that are taken for others.
_DATASETS = {
    "digits28": "digits28 (the 8x8 digits of scikit-learn, enlarged; not MNIST)",
    "random": "random weights, never trained",
}


def dataset_title(name: str) -> str:
    """Return a data set's name, with what it is where it is taken for another."""
    return _DATASETS.get(name, name)


def provenance(rows: Sequence[Experiment]) -> list[str]:
    """Return where the figures come from: stand-ins, and data sets."""
    lines = []
    built = [row for row in rows if row.simulated]
    measured = [row for row in rows if row.measured_simulated]
    if built:
        lines.append(
            f"{SIMULATED}: {len(built)} of {len(rows)} builds are rehearsals with stand-ins for "
            "Vivado and Vitis HLS; their LUT, FF, BRAM, DSP and WNS are no figures of hardware."
        )
    if measured:
        lines.append(
            f"{SIMULATED}: throughput and accuracy of {len(measured)} of {len(rows)} runs come "
            "from the simulated board, which computes the network in software."
        )
    for title, names in (
        ("Accuracy measured on", {row.dataset: row.images for row in rows if row.dataset}),
        ("Trained on", {row.trained_on: None for row in rows if row.trained_on}),
    ):
        parts = [
            dataset_title(name) + (f", {images:,} images" if images else "")
            for name, images in names.items()
        ]
        if parts:
            lines.append(f"{title}: {'; '.join(parts)}.")
    return lines
