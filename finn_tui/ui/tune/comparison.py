"""The folding that the Tune screen compares with, and the differences as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from finn_tui.core.compare import Comparison, Difference, Side, compare
from finn_tui.core.editor import Editor
from finn_tui.core.folding.model import Folding
from finn_tui.ui.toolkit.styled_line import setting_text, whole

#: What the key goes through: not compared, all layers, only those that differ.
MODES = ("", "all", "changed")


@dataclass
class ComparisonState:
    """A comparison that follows the folding as it is edited.

    Attributes:
        mode: one of ``MODES``.
        name, folding: what it is compared with; no folding stands for the editor's baseline.
    """

    mode: str = ""
    name: str = ""
    folding: Folding | None = None
    _key: tuple[Any, ...] = ()
    _comparison: Comparison | None = field(default=None, repr=False)
    _other: Side | None = field(default=None, repr=False)

    def next(self) -> None:
        """Switch to the next mode; after the last comes the first."""
        self.mode = MODES[(MODES.index(self.mode) + 1) % len(MODES)]

    def current(self, editor: Editor) -> Comparison | None:
        """Return the comparison of the present folding; None while the comparison is off."""
        if not self.mode:
            return None
        folding = self.folding if self.folding is not None else editor.baseline
        name = self.name if self.folding is not None else editor.baseline_name
        estimate = editor.estimate
        # What is compared with costs the same until it, the clock or the costs change.
        key = (folding, editor.clock_ns, editor.costs, name)
        if self._other is None or any(a is not b for a, b in zip(self._key, key, strict=True)):
            self._key, self._comparison = key, None
            self._other = Side(name, folding, editor.estimate_of(folding))
        if self._comparison is None or self._comparison.b.estimate is not estimate:
            present = Side("now", editor.folding, estimate)
            self._comparison = compare(editor.design, self._other, present)
        return self._comparison


def changes_text(difference: Difference) -> str:
    """Return the differences of a layer as text: "PE 1 → 2; cycles 8 → 4, +34 LUT"."""
    changes = ", ".join(
        f"{item.name} {setting_text(item.before)} → {setting_text(item.after)}"
        for item in difference.changes
    )
    effects = []
    if difference.cycles:
        effects.append(
            f"cycles {whole(difference.before.cycles)} → {whole(difference.after.cycles)}"
        )
    effects += [
        f"{round(amount):+,} {name}"
        for name, amount in difference.resources.items()
        if round(amount)
    ]
    return "; ".join(text for text in (changes, ", ".join(effects)) if text) or "no difference"


def signed(amount: float) -> str:
    """Return a difference with its sign, a dot for none."""
    return f"{round(amount):+,}" if round(amount) else "·"
