"""Two foldings of a model beside each other, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finn_tui.base.progress import OnProgress, ignore
from finn_tui.core.compare import Comparison, Side, compare
from finn_tui.lab.foldings.opened import Opened

if TYPE_CHECKING:
    from finn_tui.lab.workbench import Workbench


async def compare_named(
    lab: Workbench, opened: Opened, a: str, b: str, on_progress: OnProgress = ignore
) -> Comparison:
    """Compare two foldings of a model, each named as FOLDING is.

    Args:
        lab: the workspace.
        opened: the model.
        a, b: the foldings.
        on_progress: told what is going on.

    Raises:
        FinnTuiError: as ``Workbench.read_folding``.
    """
    sides = []
    for name in (a, b):
        folding, _ = lab.read_folding(opened, name)
        await lab.price(opened, on_progress, folding.settings)
        sides.append((name, folding))
    editor = opened.editor
    return compare(
        editor.design, *(Side(name, each, editor.estimate_of(each)) for name, each in sides)
    )
