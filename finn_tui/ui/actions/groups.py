"""How the actions of a place are grouped for the help screen, most needed first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from finn_tui.ui.actions.action import SCOPES, Action
from finn_tui.ui.actions.table import actions_of

#: By place: a title and the ids of its actions. What is not named here comes last by itself.
_GROUPS: Mapping[str, Sequence[tuple[str, Sequence[str]]]] = {
    "flow": (
        (
            "Look",
            (
                "list.choose",
                "list.filter",
                "flow.follow",
                "flow.back",
                "flow.base",
                "flow.netron",
                "flow.leave-failed",
            ),
        ),
    ),
    "tune": (
        (
            "Fold",
            (
                "tune.larger",
                "tune.smaller",
                "tune.left",
                "tune.right",
                "tune.values",
                "tune.knobs",
                "tune.bottleneck",
                "tune.undo",
                "tune.redo",
            ),
        ),
        ("Find a folding", ("tune.solve", "tune.next", "tune.advice", "tune.pareto", "tune.lock")),
        (
            "Foldings and target",
            ("tune.load", "tune.save", "tune.target", "tune.clock"),
        ),
        (
            "Compare and arrange",
            (
                "tune.compare",
                "tune.compare-with",
                "tune.bill",
                "tune.sort",
                "tune.mark",
                "tune.mark-all",
                "list.filter",
            ),
        ),
    ),
    "runs": (
        (
            "Watch",
            ("runs.error", "runs.logs", "log.follow", "runs.mark", "list.choose", "list.filter"),
        ),
        ("End and go on", ("runs.cancel", "runs.resume", "runs.retry", "runs.clean")),
        ("Remember", ("runs.note", "runs.tags")),
    ),
    "board": (
        (
            "Board",
            (
                "app.go",
                "board.deploy",
                "board.execute",
                "board.throughput",
                "board.validate",
                "board.stop",
                "board.choose",
                "board.doctor",
                "board.paste",
            ),
        ),
        ("Queue", ("board.continue", "board.earlier", "board.later", "board.remove")),
        ("Log", ("log.follow", "list.filter", "list.choose")),
    ),
    "results": (
        ("Compare", ("results.mark", "results.compare", "results.plot", "results.sort")),
        ("Go on", ("results.load", "results.series", "results.stop", "list.choose")),
        ("Keep", ("results.export", "results.tags", "list.filter")),
    ),
    "learn": (
        (
            "Step",
            (
                "learn.next-step",
                "learn.previous-step",
                "learn.next-fold",
                "learn.previous-fold",
                "learn.next-question",
                "learn.previous-question",
            ),
        ),
        (
            "Numbers",
            (
                "learn.more-pe",
                "learn.less-pe",
                "learn.more-simd",
                "learn.less-simd",
                "learn.reset",
                "learn.numbers",
            ),
        ),
        ("Exercises and report", ("learn.answer", "learn.another", "learn.export")),
    ),
    "viewer": (
        (
            "Search",
            ("viewer.search", "viewer.next", "viewer.previous", "viewer.matches", "viewer.go-to"),
        ),
        (
            "Errors",
            ("viewer.next-error", "viewer.previous-error", "viewer.errors", "viewer.severity"),
        ),
        (
            "Read and copy",
            ("log.follow", "viewer.wrap", "viewer.mark", "viewer.copy", "viewer.pager"),
        ),
    ),
}
_EVERYWHERE: Sequence[tuple[str, Sequence[str]]] = (
    (
        "Main path",
        (
            "app.open-model",
            "app.handling",
            "app.build",
            "app.train",
            "app.go",
            "app.help",
            "app.palette",
            "app.quit",
        ),
    ),
    ("Screens", ("app.flow", "app.tune", "app.runs", "app.board", "app.results", "app.learn")),
    (
        "Panes",
        ("pane.next", "pane.previous", "pane.zoom", "pane.larger", "pane.smaller"),
    ),
)


def own_groups(place: str) -> int:
    """Return how many of a place's groups are its own."""
    return len(_GROUPS.get(place, ()))


def groups(place: str, *others: str) -> list[tuple[str, list[Action]]]:
    """Return the groups of a place, then those of everywhere, each action once.

    Args:
        place: a key of ``SCOPES``.
        others: places whose actions apply there too, such as "list" and "app".
    """
    left = {action.id: action for action in actions_of(place, *others)}
    result: list[tuple[str, list[Action]]] = []
    own = _GROUPS.get(place, ())
    for title, ids in (*own, *_EVERYWHERE):
        actions = [left.pop(id) for id in ids if id in left]
        if actions:
            result.append((title, actions))
    rest: dict[str, list[Action]] = {}
    for action in left.values():
        rest.setdefault(action.scope, []).append(action)
    for where, actions in rest.items():
        title = SCOPES[where]
        result.append((title[0].upper() + title[1:], actions))
    return result
