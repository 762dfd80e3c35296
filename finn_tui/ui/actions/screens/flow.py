"""Actions of the Flow screen."""

from __future__ import annotations

from finn_tui.ui.actions import availability
from finn_tui.ui.actions.action import Action

FLOW: tuple[Action, ...] = (
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
)
