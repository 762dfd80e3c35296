"""What the board commands print: lines of each step's result."""

from __future__ import annotations

from typing import Any

from finn_tui.base.text import significant
from finn_tui.cli.common import number, table

#: Differing images that are listed.
_LISTED = 5


def mark(done: dict[str, Any]) -> str:
    """Two blanks and REPLAY or SIMULATED; nothing for a measurement on a board."""
    from finn_tui.board.catalogue import marks

    words = marks(done)
    return f"  {words}" if words else ""


def clock(done: dict[str, Any]) -> list[str]:
    """Return a line about a clock that is not the build's; none where it is."""
    note = done.get("clock_note")
    return [f"clock       WRONG: {note}{mark(done)}"] if note else []


def deployed(done: dict[str, Any]) -> str:
    return (
        f"deploy      {len(done['sent'])} of {done['files']} files, "
        f"{done['bytes_sent'] / 1e3:,.0f} kB in {done['seconds']:.1f} s to {done['board']}"
        f"{mark(done)}"
    )


def executed(done: dict[str, Any]) -> list[str]:
    from finn_tui.board.results import executed_text

    lines = [f"execute     {executed_text(done)}{mark(done)}"]
    lines += [f"            {note}" for note in done["notes"]]
    lines += clock(done)
    if done["top"]:
        of = {"board": "the board", "network": "the network in software"}
        source = of.get(done["scores_of"], "the dataflow graph in software")
        # What the software computes is no measurement.
        signed = mark(done) if done["scores_of"] == "board" else ""
        lines.append(f"            scores of {source}:")
        for row in done["top"]:
            name = "" if row["name"] in (None, str(row["class"])) else f"  {row['name']}"
            lines.append(
                f"            {row['class']:>5}  {significant(row['score'], 4):>10}{name}{signed}"
            )
    return [*lines, *_values(done)]


def _values(done: dict[str, Any]) -> list[str]:
    """The outputs beside the software's, value by value; only those that differ of many."""
    ours, theirs = done["outputs"], done["software_outputs"]
    if not theirs or len(ours) != len(theirs):
        return []
    apart = [at for at, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]]
    text = f"            {len(ours) - len(apart)} of {len(ours)} output values equal the software's"
    text += mark(done)
    rows = [
        f"            value {at}: board {ours[at]:.6g}, software {theirs[at]:.6g}{mark(done)}"
        for at in apart[:_LISTED]
    ]
    more = len(apart) - len(rows)
    return [text, *rows, *([f"            and {more} more"] if more > 0 else [])]


def throughput(done: dict[str, Any]) -> list[str]:
    from finn_tui.board.throughput import SWEEP_HEADINGS, sweep_rows

    estimate = done["estimate_images_per_s"]
    built = done["build_clock_mhz"]
    beside = f", estimate {number(estimate)}" if estimate else ""
    if estimate and built is not None:
        beside += f" at {built:g} MHz"
    lines = [
        f"throughput  {number(done['images_per_s'])} images/s{beside} "
        f"(batch {done['batch']:,}, {done['clock_mhz']:g} MHz){mark(done)}"
    ]
    lines += clock(done)
    if done["end_to_end_images_per_s"] is not None:
        lines.append(
            f"end to end  {number(done['end_to_end_images_per_s'])} images/s with packing and "
            f"copying (batch {done['batch']:,}){mark(done)}"
        )
    if done["latency_ms"] is not None:
        lines.append(
            f"latency     {significant(done['latency_ms'])} ms for one image through the "
            f"accelerator, with the driver's start{mark(done)}"
        )
    if len(done["sweep"]) > 1:
        text = table(SWEEP_HEADINGS, sweep_rows(done), right="r" * (len(SWEEP_HEADINGS) - 1))
        lines += ["", *(f"  {line}" for line in text.splitlines()), ""]
    return lines + [f"  - {reason}{mark(done)}" for reason in done["reasons"]]


def validation(done: dict[str, Any]) -> list[str]:
    from finn_tui.board.comparison import text
    from finn_tui.board.results import accuracy_text

    signed, lines = mark(done), []
    if done["percent"] is not None:
        same = done["software_same"]
        beside = "" if same is None else f"; {same:,} of {done['images']:,} as in software"
        lines.append(f"validate    {accuracy_text(done)} ({done['dataset']}){beside}{signed}")
        lines += clock(done)
        if done["label_note"]:
            lines.append(f"            WRONG LABELS? {done['label_note']}{signed}")
        lines += _worst(done)
    elif done["mean_squared_error"] is not None:
        lines.append(
            f"validate    mean squared error {significant(done['mean_squared_error'], 4)} of "
            f"{done['images']:,} samples ({done['dataset']}){signed}"
        )
    else:
        lines.append(f"validate    not validated{signed}")
    if done["comparison"] is not None and (
        done["software_same"] is None or done["comparison"]["differs"]
    ):
        lines.append(f"compare     {text(done['comparison'])}{signed}")
    for row in done["differences"][:_LISTED]:
        label = "" if row["label"] is None else f" (label {row['label']})"
        lines.append(
            f"            image {row['index']}{label}: board {row['board']}, "
            f"software {row['software']}{signed}"
        )
    if done["differences_file"]:
        lines.append(f"            images and both outputs: {done['differences_file']} of the run")
    return lines


def _worst(done: dict[str, Any]) -> list[str]:
    from finn_tui.board.results import worst_classes

    rows = worst_classes(done["per_class"])
    if len(done["per_class"]) < 2:
        return []
    texts = [
        f"{row['class']}{'' if row['name'] == str(row['class']) else ' ' + row['name']} "
        f"{row['percent']:.1f} %"
        for row in rows
    ]
    return [f"            worst classes: {', '.join(texts)}{mark(done)}"]
