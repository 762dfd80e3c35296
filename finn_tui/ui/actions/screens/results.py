"""Actions of the Results screen."""

from __future__ import annotations

from finn_tui.ui.actions import availability
from finn_tui.ui.actions.action import Action

RESULTS: tuple[Action, ...] = (
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
)
