"""Actions of the Runs screen."""

from __future__ import annotations

from finn_tui.ui.actions import availability
from finn_tui.ui.actions.action import Action

RUNS: tuple[Action, ...] = (
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
)
