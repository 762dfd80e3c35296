"""Actions of the Learn screen."""

from __future__ import annotations

from finn_tui.ui.actions.action import Action

LEARN: tuple[Action, ...] = (
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
)
