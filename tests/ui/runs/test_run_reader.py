"""What a look at the runs of a workspace costs the event loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from finn_tui.ui.controllers.run_reader import has_changed
from finn_tui.ui.state import RunView


@dataclass(eq=False)
class View:
    """A run that counts how often it is compared."""

    id: str
    position: int
    compared: list[int]

    def __eq__(self, other: Any) -> bool:
        self.compared.append(1)
        return isinstance(other, View) and self.position == other.position

    __hash__ = None  # type: ignore[assignment]


def test_200_runs_that_all_moved_up_are_not_compared_with_each_other() -> None:
    compared: list[int] = []
    before = [View(str(number), number, compared) for number in range(200)]
    after = [View(str(number), number, compared) for number in range(200)]
    assert not has_changed(cast(list[RunView], after), cast(list[RunView], before))
    assert len(compared) == 200
    after[199].position = 7
    assert has_changed(cast(list[RunView], after), cast(list[RunView], before))
    assert has_changed(cast(list[RunView], after), cast(list[RunView], before[:-1]))
