"""The table of everything a user can do.

Bindings, the line of keys, the palette, the help screen and the user's keymap come from here and
from nowhere else. An action's method is ``do_`` and its id with dots and dashes as underscores; it
is looked for on the focused widget, then on the widgets around it, the screen and the app.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_tui.ui.actions import availability
from finn_tui.ui.state import AppState

if TYPE_CHECKING:
    from textual.binding import BindingType

DisabledReason = Callable[[AppState], str | None]

#: Where an action applies: scope and the words for it on screens.
SCOPES = {
    "app": "everywhere",
    "mode": "on the five screens",
    "list": "in lists",
    "pane": "between panes",
    "log": "in logs",
    "viewer": "in a large log",
    "flow": "Flow",
    "tune": "Tune",
    "runs": "Runs",
    "board": "Board",
    "results": "Results",
    "dialog": "in dialogs",
    "solve": "in the solve dialog",
    "next": "in the dialog of what next",
    "pareto": "at the Pareto front",
}


@dataclass(frozen=True)
class Action:
    """One thing that a user can do.

    Attributes:
        id: stable name, used by keymaps.
        title: a few words, for palette and help.
        help: one sentence.
        keys: default keys, in Textual's names.
        scope: a key of ``SCOPES``.
        footer: the word in the line of keys; empty if it is not shown there.
        disabled_reason: returns why it cannot be done now, or None if it can.
        priority: taken before the focused widget sees the key.
    """

    id: str
    title: str
    help: str
    keys: tuple[str, ...]
    scope: str
    footer: str = ""
    disabled_reason: DisabledReason | None = None
    priority: bool = False

    @property
    def method(self) -> str:
        """Name of the method that does it."""
        return "do_" + self.id.replace(".", "_").replace("-", "_")


ACTIONS: tuple[Action, ...] = (
    Action("app.flow", "Flow", "The stages from export to dataflow graph.", ("1",), "app"),
    Action("app.tune", "Tune", "Fold the layers.", ("2",), "app"),
    Action("app.runs", "Runs", "Watch and cancel builds.", ("3",), "app"),
    Action("app.board", "Board", "Deploy, measure and validate on a board.", ("4",), "app"),
    Action("app.results", "Results", "All runs with what they were measured at.", ("5",), "app"),
    Action(
        "app.open-model",
        "Open a model",
        "Choose a preset, a model of the workspace or an "
        ".onnx file; it is prepared if it was not before.",
        ("o",),
        "app",
        "open",
    ),
    Action(
        "app.build",
        "Build",
        "Build the present folding in the background; says before what and how long.",
        ("b",),
        "mode",
        "build",
        availability.cannot_build,
    ),
    Action(
        "app.go",
        "Deploy and validate",
        "Bring the newest built run to the board, execute a "
        "sample, measure throughput and accuracy; says before what is sent.",
        ("d",),
        "mode",
        "deploy",
        availability.cannot_go,
    ),
    Action(
        "app.help",
        "Keys of this screen",
        "What every key does here, and why it cannot now.",
        ("question_mark", "f1"),
        "app",
        "help",
    ),
    Action(
        "app.palette",
        "Palette",
        "Find anything that can be done by its name.",
        ("ctrl+p", "colon"),
        "app",
        priority=True,
    ),
    Action("app.theme", "Theme", "Choose colours; the choice is kept.", (), "app"),
    Action(
        "app.quit",
        "Quit",
        "Leave; builds go on, and the folding is there again next time.",
        ("q", "ctrl+q"),
        "app",
        "quit",
    ),
    Action("list.up", "Up", "The row above.", ("up", "k"), "list"),
    Action("list.down", "Down", "The row below.", ("down", "j"), "list"),
    Action("list.page-up", "Page up", "A screen up.", ("pageup", "ctrl+u"), "list"),
    Action("list.page-down", "Page down", "A screen down.", ("pagedown",), "list"),
    Action("list.top", "First row", "To the first row.", ("home", "g"), "list"),
    Action("list.bottom", "Last row", "To the last row.", ("end", "G"), "list"),
    Action("list.choose", "Choose", "Take the row.", ("enter",), "list"),
    Action(
        "list.filter",
        "Filter",
        "Show only rows with these letters; !word shows the others.",
        ("slash",),
        "list",
        "filter",
    ),
    Action("pane.next", "Next pane", "Keys go to the next list or log.", ("tab",), "pane", "pane"),
    Action(
        "pane.previous", "Pane before", "Keys go to the list or log before.", ("shift+tab",), "pane"
    ),
    Action(
        "pane.zoom", "Zoom the pane", "Give the pane all the room, or take it back.", ("z",), "pane"
    ),
    Action(
        "pane.larger",
        "Larger pane",
        "Give the pane more room; sizes are kept.",
        ("greater_than_sign",),
        "pane",
    ),
    Action(
        "pane.smaller",
        "Smaller pane",
        "Give the pane less room; sizes are kept.",
        ("less_than_sign",),
        "pane",
    ),
    Action(
        "log.follow",
        "Follow",
        "Stay at the end of the log as it grows; on Runs, once more: of "
        "whichever log of the build grows.",
        ("F",),
        "log",
        "follow",
    ),
    Action("log.left", "Left", "Back to the left part of long lines.", ("left",), "log"),
    Action("log.right", "Right", "To the right part of long lines.", ("right",), "log"),
    Action(
        "viewer.search",
        "Search",
        "Find a text from here on, round the end; capitals matter "
        "if there are any; tab takes what is typed as an expression.",
        ("slash",),
        "viewer",
        "search",
    ),
    Action(
        "viewer.next",
        "Next match",
        "To the next line that was found.",
        ("n",),
        "viewer",
        "next",
        availability.no_search,
    ),
    Action(
        "viewer.previous",
        "Match before",
        "To the line before that was found.",
        ("N",),
        "viewer",
        "",
        availability.no_search,
    ),
    Action(
        "viewer.next-error",
        "Next error",
        "To the next error, round the end.",
        ("e",),
        "viewer",
        "next error",
    ),
    Action("viewer.previous-error", "Error before", "To the error before.", ("E",), "viewer"),
    Action(
        "viewer.errors",
        "Errors only",
        "Only the errors, or all lines again.",
        ("exclamation_mark",),
        "viewer",
        "errors only",
    ),
    Action(
        "viewer.severity",
        "Severity",
        "Show errors; critical warnings too; warnings too; all.",
        ("v",),
        "viewer",
        "severity",
    ),
    Action(
        "viewer.matches",
        "Matches only",
        "Only the lines that were found, or all again; enter on one shows what stands around it.",
        ("ampersand",),
        "viewer",
        "",
        availability.no_search,
    ),
    Action(
        "viewer.go-to",
        "Go to",
        "A line by its number, or a place such as 50%.",
        ("percent_sign",),
        "viewer",
        "go to",
    ),
    Action(
        "viewer.wrap",
        "Wrap",
        "Long lines go on in the next row, or are cut.",
        ("W",),
        "viewer",
        "wrap",
    ),
    Action("viewer.mark", "Mark", "Mark lines from here on, or no longer.", ("space",), "viewer"),
    Action(
        "viewer.copy",
        "Copy",
        "The marked lines, or this one, to the terminal's clipboard (OSC 52).",
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
        "Back to where the log was opened.",
        ("escape", "q"),
        "viewer",
        "close",
    ),
    Action(
        "tune.larger",
        "Larger",
        "The next larger legal value.",
        ("plus", "equals_sign"),
        "tune",
        "- step",
        availability.no_model,
    ),
    Action(
        "tune.smaller",
        "Smaller",
        "The next smaller legal value.",
        ("minus", "underscore"),
        "tune",
        "",
        availability.no_model,
    ),
    Action("tune.left", "Knob to the left", "The knob to the left.", ("left", "h"), "tune"),
    Action("tune.right", "Knob to the right", "The knob to the right.", ("right", "l"), "tune"),
    Action(
        "tune.values",
        "All values",
        "All legal values of the knob with what each would give; type a number to choose it.",
        ("enter",),
        "tune",
        "all values",
        availability.no_model,
    ),
    Action(
        "tune.solve",
        "Solve",
        "Find the cheapest folding for a rate, the fastest that fits, or "
        "a cheaper one at this II; what it changes is shown before it is taken.",
        ("s",),
        "tune",
        "solve",
        availability.no_model,
    ),
    Action(
        "tune.pareto",
        "Pareto front",
        "Frames per second against the scarcest resource, FINN's "
        "SetFolding beside it; a point can be loaded.",
        ("P",),
        "tune",
        "pareto",
        availability.no_model,
    ),
    Action(
        "tune.next",
        "Next move",
        "The cheapest change that lowers the II, as the last line says.",
        ("n",),
        "tune",
        "next",
        availability.no_model,
    ),
    Action(
        "tune.advice",
        "What next",
        "What could be given back at this II, and how far a rate is.",
        ("N",),
        "tune",
        "",
        availability.no_model,
    ),
    Action(
        "tune.undo",
        "Undo",
        "Take the last change back.",
        ("u",),
        "tune",
        "undo",
        availability.nothing_to_undo,
    ),
    Action(
        "tune.redo",
        "Redo",
        "Make the undone change again.",
        ("ctrl+r",),
        "tune",
        "",
        availability.nothing_to_redo,
    ),
    Action(
        "tune.bottleneck",
        "To the bottleneck",
        "Put the cursor on the layer that holds the II.",
        ("i",),
        "tune",
        "to II",
        availability.no_model,
    ),
    Action(
        "tune.knobs",
        "All knobs and settings",
        "Everything that can be set on the layer, or on "
        "the marked ones: memories, DSPs or LUTs, FIFO depths, ..., with its effect.",
        ("m",),
        "tune",
        "more",
        availability.no_model,
    ),
    Action(
        "tune.mark",
        "Mark the layer",
        "Marked layers are changed together, as one step to undo; esc takes all marks away.",
        ("space",),
        "tune",
        "mark",
        availability.no_model,
    ),
    Action(
        "tune.mark-all",
        "Mark all shown",
        "Mark all layers that pass the filter; again takes their marks away.",
        ("A",),
        "tune",
        "",
        availability.no_model,
    ),
    Action(
        "tune.lock",
        "Lock for the solver",
        "The solver leaves the marked layers, or the one "
        "under the cursor, as they are; again gives them free.",
        ("L",),
        "tune",
        "",
        availability.no_model,
    ),
    Action(
        "tune.sort",
        "Sort",
        "By cycles, LUT, BRAM, ..., name, and back to the order of the "
        "graph; a click on a heading does it too.",
        ("S",),
        "tune",
        "",
        availability.no_model,
    ),
    Action(
        "tune.compare",
        "Compare",
        "With the folding last loaded or saved, or another one that "
        "was chosen; again, only the layers that differ; again, no longer.",
        ("c",),
        "tune",
        "compare",
        availability.no_model,
    ),
    Action(
        "tune.compare-with",
        "Compare with",
        "Choose the folding to compare with.",
        ("C",),
        "tune",
        "",
        availability.no_model,
    ),
    Action(
        "tune.bill",
        "The whole bill",
        "What FINN inserts beside the layers and leaves out of "
        "its total: unfold it below the layers, or fold it.",
        ("dollar_sign",),
        "tune",
        "",
        availability.no_model,
    ),
    Action(
        "tune.load",
        "Load a folding",
        "A folding of the preset, a saved one, or a file.",
        ("f",),
        "tune",
        "load",
        availability.no_model,
    ),
    Action(
        "tune.save",
        "Save the folding",
        "Under a name of the workspace, as FINN's JSON.",
        ("w", "ctrl+s"),
        "tune",
        "save",
        availability.no_model,
    ),
    Action(
        "tune.target", "Board", "Fold for another board.", ("t",), "tune", "", availability.no_model
    ),
    Action(
        "tune.clock",
        "Clock",
        "Estimate and build for another clock period.",
        ("p",),
        "tune",
        "",
        availability.no_model,
    ),
    Action(
        "runs.cancel",
        "Cancel the build",
        "End the chosen build; its folder stays.",
        ("x",),
        "runs",
        "cancel",
        availability.not_running,
    ),
    Action(
        "runs.logs",
        "Logs",
        "All logs of the run: FINN's, each HLS layer's, each of Vivado's "
        "runs; search, filter, copy.",
        ("l",),
        "runs",
        "logs",
        availability.no_run,
    ),
    Action(
        "runs.error",
        "What went wrong",
        "The error of the chosen run with its details.",
        ("e",),
        "runs",
        "error",
        availability.no_error,
    ),
    Action(
        "runs.resume",
        "Resume the run",
        "Go on in its folder, at the step it ended in or an earlier one.",
        ("r",),
        "runs",
        "resume",
        availability.not_ended,
    ),
    Action(
        "runs.retry",
        "Build it again",
        "The same request in a new run; says before how long.",
        ("a",),
        "runs",
        "",
        availability.not_ended,
    ),
    Action(
        "runs.note",
        "Note",
        "Say something about the run.",
        ("quotation_mark",),
        "runs",
        "",
        availability.no_run,
    ),
    Action(
        "runs.tags",
        "Tags",
        "Give the run tags; -tag takes one away.",
        ("number_sign",),
        "runs",
        "",
        availability.no_run,
    ),
    Action(
        "runs.clean",
        "Clean up",
        "Remove its working files; says before what that frees.",
        ("X",),
        "runs",
        "",
        availability.not_ended,
    ),
    Action(
        "board.deploy",
        "Deploy",
        "Copy what changed to the board.",
        ("D",),
        "board",
        "copy",
        availability.cannot_measure,
    ),
    Action(
        "board.execute",
        "Execute",
        "One sample image.",
        ("I",),
        "board",
        "execute",
        availability.cannot_measure,
    ),
    Action(
        "board.throughput",
        "Throughput",
        "Images per second beside the estimate.",
        ("T",),
        "board",
        "throughput",
        availability.cannot_measure,
    ),
    Action(
        "board.validate",
        "Validate",
        "Accuracy on the test set.",
        ("V",),
        "board",
        "validate",
        availability.cannot_measure,
    ),
    Action(
        "board.choose",
        "Choose the board",
        "Which machine to deploy to.",
        ("t",),
        "board",
        "machine",
    ),
    Action(
        "board.stop",
        "Stop",
        "End what runs on the board.",
        ("x",),
        "board",
        "stop",
        availability.nothing_to_stop,
    ),
    Action(
        "solve.go", "Solve, take", "Ask the solver; then, take what it found.", ("enter",), "solve"
    ),
    Action("solve.up", "Line above", "The line above.", ("up",), "solve"),
    Action("solve.down", "Line below", "The line below.", ("down", "tab"), "solve"),
    Action("solve.left", "Choice before", "The choice before.", ("left",), "solve"),
    Action("solve.right", "Next choice", "The next choice.", ("right",), "solve"),
    Action(
        "solve.toggle",
        "Free or not",
        "Whether the solver may change the knob.",
        ("space",),
        "solve",
    ),
    Action(
        "solve.fastest", "The fastest that fits", "Where a rate cannot be reached.", ("f",), "solve"
    ),
    Action(
        "solve.again",
        "Another question",
        "Back to the form; the answer is not taken.",
        ("a",),
        "solve",
    ),
    Action("solve.stop", "Stop", "End the solver.", ("x",), "solve"),
    Action(
        "pareto.setfolding",
        "Load SetFolding's",
        "What FINN's own heuristic makes of the same target.",
        ("f",),
        "pareto",
    ),
    Action("pareto.again", "Find it anew", "All points once more.", ("a",), "pareto"),
    Action("next.move", "Next move", "The cheapest change that lowers the II.", ("n",), "next"),
    Action(
        "next.target",
        "All moves to the rate",
        "The cheapest next move, again and again.",
        ("N",),
        "next",
    ),
    Action(
        "next.all",
        "Give all back",
        "All that the layers could give back at this II.",
        ("A",),
        "next",
    ),
    Action("next.undo", "Undo", "Take the last change back.", ("u",), "next"),
    Action("dialog.close", "Close", "Close without a change.", ("escape",), "dialog"),
)

BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}


def actions_of(*scopes: str) -> list[Action]:
    """Return the actions of some scopes, in the table's order."""
    return [action for action in ACTIONS if action.scope in scopes]


def bindings(*scopes: str) -> list[BindingType]:
    """Return Textual bindings of the actions of some scopes; their ids are the actions'."""
    from textual.binding import Binding

    return [
        Binding(
            ",".join(keys),
            f"app.do('{action.id}')",
            action.title,
            show=False,
            id=action.id,
            priority=priority,
            tooltip=action.help,
        )
        for action in actions_of(*scopes)
        for priority, keys in _by_priority(action)
        if keys
    ]


def _by_priority(action: Action) -> Iterable[tuple[bool, list[str]]]:
    # Text can be typed everywhere: only keys that are no text are taken before the widget.
    early = [key for key in action.keys if action.priority and "+" in key]
    yield True, early
    yield False, [key for key in action.keys if key not in early]
