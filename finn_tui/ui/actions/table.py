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
    "mode": "on the six screens",
    "list": "in lists",
    "pane": "between panes",
    "log": "in logs",
    "viewer": "in a large log",
    "flow": "Flow",
    "tune": "Tune",
    "runs": "Runs",
    "board": "Board",
    "results": "Results",
    "learn": "Learn",
    "dialog": "in dialogs",
    "solve": "in the solve dialog",
    "next": "in the dialog of what next",
    "pareto": "at the Pareto front",
}


@dataclass(frozen=True)
class Action:
    """One user action.

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
        """Return the name of the method that does the action."""
        return "do_" + self.id.replace(".", "_").replace("-", "_")


ACTIONS: tuple[Action, ...] = (
    Action("app.flow", "Flow", "The stages from export to dataflow graph.", ("1",), "app"),
    Action("app.tune", "Tune", "Fold the layers.", ("2",), "app"),
    Action("app.runs", "Runs", "Watch and cancel builds.", ("3",), "app"),
    Action("app.board", "Board", "Deploy, measure and validate on a board.", ("4",), "app"),
    Action("app.results", "Results", "All runs with their measured results.", ("5",), "app"),
    Action(
        "app.learn",
        "Learn",
        "How a folded layer computes: circuit, cycles, im2col, tiling.",
        ("6",),
        "app",
    ),
    Action(
        "app.open-model",
        "Open a model",
        "Choose a preset, a model of the workspace or an .onnx file; it is prepared if needed.",
        ("o",),
        "app",
        "open",
    ),
    Action(
        "flow.leave-failed",
        "Stages of the open model",
        "Show the open model again instead of the stages of one that could not be prepared.",
        ("escape",),
        "flow",
        "",
        availability.no_failed_stages,
    ),
    Action(
        "app.handling",
        "Input, output and steps",
        "What was assumed of the network's input and output, and why; choose pre-processing, "
        "input type, top-k and steps, and prepare it so.",
        ("H",),
        "mode",
        "",
        availability.no_model,
    ),
    Action(
        "app.build",
        "Build",
        "Build the present folding in the background; asks first, with the expected time.",
        ("b",),
        "mode",
        "build",
        availability.cannot_build,
    ),
    Action(
        "app.train",
        "Train this network",
        "Train the open network on its data set in the background; asks first.",
        ("ctrl+t",),
        "mode",
        "",
        availability.cannot_train,
    ),
    Action(
        "app.go",
        "Deploy and validate",
        "Deploy a built run to the board, execute a sample, measure throughput and accuracy: on "
        "Runs and Results the marked ones or the one under the cursor, elsewhere the newest; asks "
        "first.",
        ("d",),
        "mode",
        "deploy",
        availability.cannot_go,
    ),
    Action(
        "app.help",
        "Keys of this screen",
        "What every key does here, and why one is disabled.",
        ("question_mark", "f1"),
        "app",
        "help",
    ),
    Action(
        "app.palette",
        "Palette",
        "Find any action by its name.",
        ("ctrl+p", "colon"),
        "app",
        priority=True,
    ),
    Action(
        "app.course",
        "Course",
        "The steps of the lab and which are done; enter does one.",
        ("f2",),
        "app",
    ),
    Action(
        "app.doctor",
        "Doctor of this machine",
        "Check what builds need here (FINN, Vivado, licence, docker ...), each with its fix.",
        ("f3",),
        "app",
    ),
    Action(
        "app.picture",
        "Picture of the screen",
        "Keep the screen as SVG in the workspace, for the report.",
        ("f12",),
        "app",
        priority=True,
    ),
    Action("app.theme", "Theme", "Choose the colours.", (), "app"),
    Action(
        "app.quit",
        "Quit",
        "Quit; builds go on, and the working folding is kept.",
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
    Action("list.choose", "Choose", "Choose the row.", ("enter",), "list"),
    Action(
        "list.filter",
        "Filter",
        "Show only rows with these letters; !word shows the other rows.",
        ("slash",),
        "list",
        "filter",
    ),
    Action("pane.next", "Next pane", "Focus the next pane.", ("tab",), "pane", "pane"),
    Action("pane.previous", "Previous pane", "Focus the previous pane.", ("shift+tab",), "pane"),
    Action(
        "pane.zoom", "Zoom the pane", "Show only this pane, or all panes again.", ("z",), "pane"
    ),
    Action(
        "pane.larger",
        "Larger pane",
        "Enlarge the pane; sizes are remembered.",
        ("greater_than_sign",),
        "pane",
    ),
    Action(
        "pane.smaller",
        "Smaller pane",
        "Shrink the pane; sizes are remembered.",
        ("less_than_sign",),
        "pane",
    ),
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
    Action(
        "tune.larger",
        "Larger",
        "Set the next larger value.",
        ("plus", "equals_sign"),
        "tune",
        "- step",
        availability.no_model,
    ),
    Action(
        "tune.smaller",
        "Smaller",
        "Set the next smaller value.",
        ("minus", "underscore"),
        "tune",
        "",
        availability.no_model,
    ),
    Action("tune.left", "Knob to the left", "Choose the knob to the left.", ("left", "h"), "tune"),
    Action(
        "tune.right", "Knob to the right", "Choose the knob to the right.", ("right", "l"), "tune"
    ),
    Action(
        "tune.values",
        "All values",
        "List all legal values of the knob with the estimate for each.",
        ("enter",),
        "tune",
        "all values",
        availability.no_model,
    ),
    Action(
        "tune.solve",
        "Solve",
        "Find the smallest folding for a frame rate, the fastest that fits, or "
        "a smaller one at this II; shows the changes first.",
        ("s",),
        "tune",
        "solve",
        availability.no_model,
    ),
    Action(
        "tune.pareto",
        "Pareto front",
        "Frames per second against the highest utilization, beside FINN's "
        "SetFolding; a point can be loaded.",
        ("P",),
        "tune",
        "pareto",
        availability.no_model,
    ),
    Action(
        "tune.next",
        "Next move",
        "Apply the cheapest change that lowers the II; the last line shows it.",
        ("n",),
        "tune",
        "next",
        availability.no_model,
    ),
    Action(
        "tune.advice",
        "What next",
        "What can be reduced at this II, and the moves to a frame rate.",
        ("N",),
        "tune",
        "",
        availability.no_model,
    ),
    Action(
        "tune.undo",
        "Undo",
        "Undo the last change.",
        ("u",),
        "tune",
        "undo",
        availability.nothing_to_undo,
    ),
    Action(
        "tune.redo",
        "Redo",
        "Redo the last undone change.",
        ("ctrl+r",),
        "tune",
        "",
        availability.nothing_to_redo,
    ),
    Action(
        "tune.bottleneck",
        "To the bottleneck",
        "Go to the layer that determines the II.",
        ("i",),
        "tune",
        "to II",
        availability.no_model,
    ),
    Action(
        "tune.knobs",
        "All knobs and settings",
        "All that can be set on the layer, or on the "
        "marked ones: memories, DSPs or LUTs, FIFO depths, ..., with the effect.",
        ("m",),
        "tune",
        "more",
        availability.no_model,
    ),
    Action(
        "tune.mark",
        "Mark the layer",
        "Marked layers are changed together, as one step to undo; esc removes all marks.",
        ("space",),
        "tune",
        "mark",
        availability.no_model,
    ),
    Action(
        "tune.mark-all",
        "Mark all shown",
        "Mark all layers that match the filter; again: unmark them.",
        ("A",),
        "tune",
        "",
        availability.no_model,
    ),
    Action(
        "tune.lock",
        "Lock for the solver",
        "The solver does not change the marked layers, or the one "
        "under the cursor; again: unlock them.",
        ("L",),
        "tune",
        "",
        availability.no_model,
    ),
    Action(
        "tune.sort",
        "Sort",
        "Sort by cycles, LUT, BRAM, ..., name, or in the order of the "
        "graph; a click on a heading sorts, too.",
        ("S",),
        "tune",
        "",
        availability.no_model,
    ),
    Action(
        "tune.compare",
        "Compare",
        "Compare with the folding last loaded or saved, or a chosen one; "
        "again: only layers that differ; again: off.",
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
        "Cost breakdown",
        "FIFOs and width converters, which FINN's total leaves out; "
        "unfold or fold them below the layers.",
        ("dollar_sign",),
        "tune",
        "",
        availability.no_model,
    ),
    Action(
        "tune.load",
        "Load a folding",
        "Load a folding of the preset, a saved one, or a file.",
        ("f",),
        "tune",
        "load",
        availability.no_model,
    ),
    Action(
        "tune.save",
        "Save the folding",
        "Save in the workspace under a name, as FINN's JSON.",
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
        "Set the clock period for estimates and builds.",
        ("p",),
        "tune",
        "",
        availability.no_model,
    ),
    Action(
        "runs.cancel",
        "Cancel the run",
        "End the chosen build or training; its folder is kept.",
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
        "Why the chosen run failed, with details.",
        ("e",),
        "runs",
        "error",
        availability.no_error,
    ),
    Action(
        "runs.resume",
        "Resume the run",
        "Resume in its folder, at the step it ended in or an earlier one.",
        ("r",),
        "runs",
        "resume",
        availability.not_ended,
    ),
    Action(
        "runs.retry",
        "Build it again",
        "Build the same again in a new run; asks first.",
        ("a",),
        "runs",
        "",
        availability.not_ended,
    ),
    Action(
        "runs.note",
        "Note",
        "Edit the note of the run.",
        ("quotation_mark",),
        "runs",
        "",
        availability.no_run,
    ),
    Action(
        "runs.tags",
        "Tags",
        "Add tags to the run; -tag removes one.",
        ("number_sign",),
        "runs",
        "",
        availability.no_run,
    ),
    Action(
        "runs.clean",
        "Clean up",
        "Remove its working files; asks first, with the size.",
        ("X",),
        "runs",
        "",
        availability.not_ended,
    ),
    Action(
        "runs.mark",
        "Mark the run",
        "Mark runs, so that d deploys and validates all of them; esc removes all marks.",
        ("space",),
        "runs",
        "",
        availability.no_run,
    ),
    Action(
        "board.deploy",
        "Deploy",
        "Copy changed files to the board.",
        ("D",),
        "board",
        "copy",
        availability.cannot_measure,
    ),
    Action(
        "board.execute",
        "Execute",
        "Run one sample image.",
        ("I",),
        "board",
        "execute",
        availability.cannot_measure,
    ),
    Action(
        "board.throughput",
        "Throughput",
        "Measure images per second.",
        ("T",),
        "board",
        "throughput",
        availability.cannot_measure,
    ),
    Action(
        "board.validate",
        "Validate",
        "Measure the accuracy on the test set.",
        ("V",),
        "board",
        "validate",
        availability.cannot_measure,
    ),
    Action(
        "board.choose",
        "Choose the board",
        "Choose the machine to deploy to.",
        ("t",),
        "board",
        "machine",
    ),
    Action(
        "board.console",
        "Console",
        "Open a terminal on the machine; ctrl+] leaves it.",
        ("dollar_sign",),
        "board",
        "console",
    ),
    Action(
        "board.doctor",
        "Doctor",
        "Examine the machine for the run: image, driver, memory, clock, users; each with its fix.",
        ("asterisk",),
        "board",
        "doctor",
    ),
    Action(
        "board.paste",
        "Line to paste",
        "Show the line that is pasted into the terminal of a board that is reached by nothing "
        "else.",
        ("at",),
        "board",
        "",
    ),
    Action(
        "board.record",
        "Record",
        "Record what is done on the board from now on, to be replayed without it; again: no more.",
        ("ctrl+r",),
        "board",
        "",
    ),
    Action(
        "board.replay-slower",
        "Replay slower",
        "Replay a recorded session more slowly, also while it is replayed.",
        ("left_parenthesis",),
        "board",
        "",
        availability.no_replay,
    ),
    Action(
        "board.replay-faster",
        "Replay faster",
        "Replay a recorded session faster, also while it is replayed; the last step is without "
        "pauses.",
        ("right_parenthesis",),
        "board",
        "",
        availability.no_replay,
    ),
    Action(
        "board.stop",
        "Stop",
        "Stop the job on the board; the runs behind it in the queue wait.",
        ("x",),
        "board",
        "stop",
        availability.nothing_to_stop,
    ),
    Action(
        "board.continue",
        "Go on with the queue",
        "Start the next run of the queue after a stop or a question.",
        ("n",),
        "board",
        "go on",
        availability.queue_not_held,
    ),
    Action(
        "board.earlier",
        "Earlier in the queue",
        "Move the run under the cursor up in the queue.",
        ("shift+up", "ctrl+up"),
        "board",
        "",
        availability.no_queue,
    ),
    Action(
        "board.later",
        "Later in the queue",
        "Move the run under the cursor down in the queue.",
        ("shift+down", "ctrl+down"),
        "board",
        "",
        availability.no_queue,
    ),
    Action(
        "board.remove",
        "Remove from the queue",
        "Remove the run under the cursor from the queue.",
        ("delete", "backspace"),
        "board",
        "",
        availability.no_queue,
    ),
    Action(
        "flow.follow",
        "Follow the branch",
        "Go to the node at the far end of the branch that begins here.",
        ("right",),
        "flow",
        "follow",
    ),
    Action(
        "flow.back",
        "Back along the branch",
        "Go to the node at which the branch that ends here begins.",
        ("left",),
        "flow",
    ),
    Action(
        "flow.netron",
        "Open in Netron",
        "Open the graph of the stage in Netron, if it is installed; it ends with the app.",
        ("Y",),
        "flow",
        "Netron",
    ),
    Action(
        "flow.base",
        "Compare with this stage",
        "Compare all stages with this one; again: each with the one before.",
        ("space",),
        "flow",
        "compare",
    ),
    Action(
        "learn.next-step",
        "Next cycle or pixel",
        "Go to the next cycle, or to the next output pixel of a convolution.",
        ("right",),
        "learn",
        "step",
    ),
    Action(
        "learn.previous-step",
        "Previous cycle or pixel",
        "Go to the previous cycle or output pixel.",
        ("left",),
        "learn",
    ),
    Action(
        "learn.next-fold",
        "Next fold",
        "Go to the next neuron fold, or to the next row of output pixels.",
        ("shift+right", "J"),
        "learn",
    ),
    Action(
        "learn.previous-fold",
        "Previous fold",
        "Go to the previous neuron fold or row of output pixels.",
        ("shift+left", "K"),
        "learn",
    ),
    Action(
        "learn.next-question",
        "Next question",
        "Show the next of the lab's four questions.",
        ("space",),
        "learn",
        "question",
    ),
    Action(
        "learn.previous-question",
        "Previous question",
        "Show the previous of the lab's four questions.",
        ("backspace",),
        "learn",
    ),
    Action(
        "learn.more-pe",
        "Larger PE",
        "Try the next larger PE here; the folding in Tune stays.",
        ("plus",),
        "learn",
        "PE",
    ),
    Action("learn.less-pe", "Smaller PE", "Try the next smaller PE here.", ("minus",), "learn"),
    Action(
        "learn.more-simd",
        "Larger SIMD",
        "Try the next larger SIMD here; the folding in Tune stays.",
        ("right_square_bracket",),
        "learn",
        "SIMD",
    ),
    Action(
        "learn.less-simd",
        "Smaller SIMD",
        "Try the next smaller SIMD here.",
        ("left_square_bracket",),
        "learn",
    ),
    Action(
        "learn.reset",
        "Folding of Tune",
        "Show the folding of Tune, or of the lab, again.",
        ("R",),
        "learn",
    ),
    Action(
        "learn.answer",
        "Answer the exercise",
        "Type the answer to the exercise; it is checked and explained.",
        ("Q",),
        "learn",
        "answer",
    ),
    Action("learn.another", "Another exercise", "Ask another exercise.", ("U",), "learn"),
    Action(
        "learn.export",
        "Write the drawing",
        "Write drawing and text of this question into the report folder.",
        ("O",),
        "learn",
        "drawing",
    ),
    Action(
        "learn.numbers",
        "Own numbers",
        "Type numbers of your own.",
        ("M",),
        "learn",
        "numbers",
    ),
    Action(
        "results.mark",
        "Mark the run",
        "Mark runs to compare them; esc removes all marks.",
        ("space",),
        "results",
        "mark",
        availability.no_result,
    ),
    Action(
        "results.compare",
        "Compare",
        "Show marked runs side by side, layer by layer; again: the run under the cursor.",
        ("c", "equals_sign"),
        "results",
        "compare",
        availability.no_result,
    ),
    Action(
        "results.load",
        "Fold as this run",
        "Load the folding of the run into Tune.",
        ("f",),
        "results",
        "fold as this",
        availability.no_result,
    ),
    Action(
        "results.plot",
        "Plot",
        "Plot fps against LUT, measured against the estimate, or experiments over time; then none.",
        ("P",),
        "results",
        "plot",
        availability.no_result,
    ),
    Action(
        "results.sort",
        "Sort",
        "Sort by the next of: newest, folding, fps, estimate, LUT, accuracy.",
        ("S",),
        "results",
        "sort",
        availability.no_result,
    ),
    Action(
        "results.tags",
        "Tags",
        "Add tags to the run; -tag removes one.",
        ("number_sign",),
        "results",
        "",
        availability.no_result,
    ),
    Action(
        "results.export",
        "Export the table",
        "Write the table into the workspace as CSV, Markdown, LaTeX or JSON.",
        ("w", "ctrl+s"),
        "results",
        "export",
        availability.no_result,
    ),
    Action(
        "results.series",
        "Build a series",
        "Build, deploy and validate several foldings, one after the other; asks which.",
        ("B",),
        "results",
        "series",
        availability.no_series,
    ),
    Action(
        "results.stop",
        "Stop the series",
        "Start and measure no more foldings of the series; builds that run go on.",
        ("x",),
        "results",
        "",
        availability.nothing_swept,
    ),
    Action(
        "solve.go", "Solve, apply", "Start the solver; then apply its answer.", ("enter",), "solve"
    ),
    Action("solve.up", "Line above", "Go to the line above.", ("up",), "solve"),
    Action("solve.down", "Line below", "Go to the line below.", ("down", "tab"), "solve"),
    Action("solve.left", "Previous choice", "Select the previous choice.", ("left",), "solve"),
    Action("solve.right", "Next choice", "Select the next choice.", ("right",), "solve"),
    Action(
        "solve.toggle",
        "Fix or free",
        "Whether the solver may change the knob.",
        ("space",),
        "solve",
    ),
    Action(
        "solve.fastest", "The fastest that fits", "If a rate cannot be reached.", ("f",), "solve"
    ),
    Action(
        "solve.again",
        "Edit the form",
        "Return to the form without applying the answer.",
        ("a",),
        "solve",
    ),
    Action("solve.stop", "Stop", "End the solver.", ("x",), "solve"),
    Action(
        "pareto.setfolding",
        "Load SetFolding",
        "Load the folding of FINN's own heuristic for the same target.",
        ("f",),
        "pareto",
    ),
    Action("pareto.again", "Compute again", "Compute all points again.", ("a",), "pareto"),
    Action(
        "next.move", "Next move", "Apply the cheapest change that lowers the II.", ("n",), "next"
    ),
    Action(
        "next.target",
        "All moves to the rate",
        "Apply next moves until the rate is reached.",
        ("N",),
        "next",
    ),
    Action(
        "next.all",
        "Reduce all",
        "Reduce all layers that can be reduced at this II.",
        ("A",),
        "next",
    ),
    Action("next.undo", "Undo", "Undo the last change.", ("u",), "next"),
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
