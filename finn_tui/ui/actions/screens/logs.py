"""Actions in logs and in the viewer of large ones."""

from __future__ import annotations

from finn_tui.ui.actions import availability
from finn_tui.ui.actions.action import Action

LOGS: tuple[Action, ...] = (
    Action(
        "log.follow",
        "Follow",
        "Follow the end of the log; on Runs, again: follow whichever log of the build grows.",
        ("F",),
        "log",
        "follow",
    ),
    Action("log.left", "Left", "Show the left part of long lines.", ("left",), "log"),
    Action("log.right", "Right", "Show the right part of long lines.", ("right",), "log"),
    Action(
        "viewer.search",
        "Search",
        "Search from the cursor on, wrapping at the end; capitals in the text "
        "make it case-sensitive; tab switches to a regular expression.",
        ("slash",),
        "viewer",
        "search",
    ),
    Action(
        "viewer.next",
        "Next match",
        "Go to the next match.",
        ("n",),
        "viewer",
        "next",
        availability.no_search,
    ),
    Action(
        "viewer.previous",
        "Previous match",
        "Go to the previous match.",
        ("N",),
        "viewer",
        "",
        availability.no_search,
    ),
    Action(
        "viewer.next-error",
        "Next error",
        "Go to the next error, wrapping at the end.",
        ("e",),
        "viewer",
        "next error",
    ),
    Action(
        "viewer.previous-error", "Previous error", "Go to the previous error.", ("E",), "viewer"
    ),
    Action(
        "viewer.errors",
        "Errors only",
        "Show errors only, or all lines again.",
        ("exclamation_mark",),
        "viewer",
        "errors only",
    ),
    Action(
        "viewer.severity",
        "Severity",
        "Show errors; also critical warnings; also warnings; all lines.",
        ("v",),
        "viewer",
        "severity",
    ),
    Action(
        "viewer.matches",
        "Matches only",
        "Show matches only, or all lines again; enter shows the lines around a match.",
        ("ampersand",),
        "viewer",
        "",
        availability.no_search,
    ),
    Action(
        "viewer.go-to",
        "Go to",
        "Go to a line number, or to a percentage such as 50%.",
        ("percent_sign",),
        "viewer",
        "go to",
    ),
    Action(
        "viewer.wrap",
        "Wrap",
        "Wrap long lines, or cut them.",
        ("W",),
        "viewer",
        "wrap",
    ),
    Action("viewer.mark", "Mark", "Start or end marking lines.", ("space",), "viewer"),
    Action(
        "viewer.copy",
        "Copy",
        "Copy the marked lines, or this one, to the terminal's clipboard (OSC 52).",
        ("y",),
        "viewer",
        "copy",
    ),
    Action(
        "viewer.pager", "Pager", "Open the file in $PAGER.", ("vertical_line",), "viewer", "pager"
    ),
    Action(
        "viewer.close",
        "Close",
        "Close the viewer.",
        ("escape", "q"),
        "viewer",
        "close",
    ),
)
