"""Actions in dialogs: solving, the Pareto front, what next."""

from __future__ import annotations

from finn_tui.ui.actions.action import Action

DIALOGS: tuple[Action, ...] = (
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
