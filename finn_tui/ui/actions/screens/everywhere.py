"""Actions on all screens, in lists and between panes."""

from __future__ import annotations

from finn_tui.ui.actions import availability
from finn_tui.ui.actions.action import Action

EVERYWHERE: tuple[Action, ...] = (
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
)
