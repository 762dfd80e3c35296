"""Text about a training: its epochs, its curves, and what its network takes for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from finn_tui.base.text import clean, time_span
from finn_tui.ui.runs.build_view import error_lines
from finn_tui.ui.toolkit.listing import Column, Content, Row
from finn_tui.ui.toolkit.styled_line import StyledLine, bar, brief, fit, printable, shorten

if TYPE_CHECKING:
    from finn_tui.runs.live.training import TrainingSnapshot
    from finn_tui.ui.state import RunView

#: Lines of curves: less shows nothing, more tells no more.
_LEAST_PLOT, _MOST_PLOT = 7, 18


def epoch_rows(snapshot: TrainingSnapshot | None) -> Content:
    """Return the epochs with loss and accuracies, the newest last.

    Args:
        snapshot: of the training; None while it is read.
    """
    columns = [
        Column("ep", 4, True),
        Column("loss", 6, True),
        Column("train", 6, True, rank=2),
        Column("test %", 6, True),
        Column("time", 6, True, rank=3),
    ]
    if snapshot is None:
        return Content(columns, [], "reading the run ...")
    best = snapshot.best.number if snapshot.best is not None else 0
    rows = []
    for epoch in snapshot.done:
        mark = "*" if epoch.number == best else ""
        rows.append(
            Row(
                epoch.number,
                [
                    (f"{mark}{epoch.number}", "good" if mark else ""),
                    ("-" if epoch.loss is None else f"{epoch.loss:.3f}", ""),
                    ("-" if epoch.train_accuracy is None else f"{epoch.train_accuracy:.1f}", "dim"),
                    (f"{epoch.accuracy:.2f}", "good" if mark else "strong"),
                    (brief(epoch.seconds), "dim"),
                ],
            )
        )
    return Content(columns, rows, "no epoch is done yet")


def live_lines(
    run: RunView,
    snapshot: TrainingSnapshot | None,
    result: Mapping[str, Any],
    width: int,
    height: int,
) -> list[StyledLine]:
    """Return how far a training is, or what it has reached, with its curves.

    Args:
        run: the training.
        snapshot: of its events; None while they are read.
        result: ``training`` of its results; empty before the first epoch.
        width: columns.
        height: most lines.
    """
    if snapshot is None:
        return []
    final = run.state.final
    lines = error_lines(run, width, max(3, height // 2)) if final else []
    lines += _result_lines(result, width) if final and result else _progress_lines(snapshot, width)
    left = height - len(lines)
    table = _class_lines(result, width, max(0, left // 2)) if final and result else []
    curves = _curves(snapshot, width, min(_MOST_PLOT, left - len(table)))
    return [line.cut(width)[0] for line in [*lines, *curves, *table][:height]]


def _progress_lines(snapshot: TrainingSnapshot, width: int) -> list[StyledLine]:
    if not snapshot.epochs:
        return [StyledLine().add(f" {shorten(printable(snapshot.message), width - 2)}", "dim")]
    share = snapshot.share or 0.0
    epoch = min(snapshot.epochs, max(1, snapshot.epoch))
    first = StyledLine().add(f" epoch {epoch} of {snapshot.epochs} ", "strong")
    first.add(bar(share, max(6, min(24, width - 50))), "bar").add(f" {share:.0%}")
    if snapshot.eta_s is not None:
        first.add(f"  about {time_span(snapshot.eta_s)} left", "strong")
    second = StyledLine()
    if snapshot.points:
        second.add(" loss ", "dim").add(f"{snapshot.points[-1].loss:.3f}")
    if snapshot.done:
        second.add("  accuracy ", "dim").add(f"{snapshot.done[-1].accuracy:.2f} %")
    if snapshot.best is not None:
        second.add("  best ", "dim").add(f"{snapshot.best.accuracy:.2f} %", "good")
        second.add(f" in epoch {snapshot.best.number}", "dim")
    third = StyledLine()
    if snapshot.lr is not None:
        third.add(" learning rate ", "dim").add(f"{snapshot.lr:.3g}")
    if snapshot.images_per_s:
        third.add("  ", "dim").add(f"{snapshot.images_per_s:,.0f} images/s")
    device = f"  {snapshot.device}, {snapshot.images:,} images of {clean(snapshot.dataset)}"
    third.add(shorten(printable(device), max(0, width - third.width)), "dim")
    return [line for line in (first, second, third) if line.width]


def _result_lines(result: Mapping[str, Any], width: int) -> list[StyledLine]:
    line = StyledLine().add(f" {_number(result, 'percent'):.2f} %", "good")
    dataset = printable(clean(str(result.get("dataset") or "")))
    line.add(f" of {_number(result, 'images'):,.0f} test images of {dataset}, in software", "")
    epochs, best = _number(result, "epochs"), _number(result, "best_epoch")
    text = (
        f" {epochs:.0f} epochs in {time_span(_number(result, 'seconds'))}, "
        f"{_number(result, 'images_per_s'):,.0f} images/s; best.pt is epoch {best:.0f}, chosen on "
        f"{clean(str(result.get('selected_on') or ''))}"
    )
    return [line, StyledLine().add(shorten(printable(text), width - 1), "dim")]


def _number(part: Mapping[str, Any], name: str) -> float:
    value = part.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return 0.0


def _curves(snapshot: TrainingSnapshot, width: int, height: int) -> list[StyledLine]:
    """Loss and accuracy over the epochs, beside each other where there is room."""
    if height < _LEAST_PLOT or not snapshot.points or width < 30:
        return []
    from finn_tui.lab.results.plots import curve

    loss = [(point.at, point.loss) for point in snapshot.points]
    train = [(point.at, point.accuracy) for point in snapshot.points]
    test = [(float(epoch.number), epoch.accuracy) for epoch in snapshot.done]
    accuracy = [("train", "braille", train), ("test", "o" if len(test) < 30 else "dot", test)]
    title = "accuracy %: train, o test"
    # The axis ends where the training has come to: the rest would be empty.
    span = min(float(snapshot.epochs), max(1.0, snapshot.points[-1].at))
    if width >= 84:
        half = (width - 3) // 2
        left = curve([("loss", "braille", loss)], half, height, title="loss", span=span)
        right = curve(accuracy, half, height, title=title, span=span)
        return [
            StyledLine().add(f" {fit(one, half)} ", "bar").add(other, "accent")
            for one, other in zip(left, right, strict=False)
        ]
    lines = curve(accuracy, width - 1, height, title=title, span=span)
    return [StyledLine().add(f" {line}", "accent") for line in lines]


def _class_lines(result: Mapping[str, Any], width: int, height: int) -> list[StyledLine]:
    """The classes, lowest accuracy first, beside the confusions that occur most."""
    classes = [
        one
        for one in result.get("per_class") or ()
        if isinstance(one, Mapping) and type(one.get("class")) is int
    ]
    names = {one["class"]: printable(clean(str(one.get("name")))) for one in classes}
    known = [one for one in classes if type(one.get("percent")) in (int, float)]
    known.sort(key=lambda one: _number(one, "percent"))
    pairs = [pair for pair in result.get("confusions") or () if isinstance(pair, Mapping)]
    if height < 3 or not known:
        return []
    wide = min(14, max([5, *(len(names[one["class"]]) for one in known)]))
    room = max(8, width - 62)
    lines = [
        StyledLine()
        .add(f" {fit('class', wide)} accuracy", "dim")
        .to(wide + 18 + min(20, room))
        .add("most confused: class as class, times", "dim")
    ]
    rows = max(len(known), len(pairs))
    for at in range(min(height - 1, rows)):
        line = StyledLine()
        if at < len(known):
            one = known[at]
            percent = _number(one, "percent")
            line.add(f" {fit(names[one['class']], wide)} {percent:6.2f} % ")
            line.add(bar(percent / 100, min(20, room)), "bar")
        line.to(wide + 18 + min(20, room))
        if at < len(pairs):
            line.add(_confusion(pairs[at], names, width - line.width))
        lines.append(line)
    return lines


def _confusion(pair: Mapping[str, Any], names: Mapping[Any, str], width: int) -> str:
    label, predicted = (
        names.get(number, "?") if type(number) is int else "?"
        for number in (pair.get("label"), pair.get("predicted"))
    )
    return shorten(f"{label} as {predicted}  {_number(pair, 'count'):.0f}", max(0, width))


def training_facts(values: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Return how a network is trained, for the question before it."""
    return [
        (f"{values['epochs']} epochs of batches of {values['batch']}", ""),
        (f"learning rate {values['lr']:g}", ""),
    ]
