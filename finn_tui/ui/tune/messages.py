"""Results of the Tune screen's background work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from finn_tui.ui.messages import WorkKind, WorkResult

if TYPE_CHECKING:
    from finn_tui.core.design import Knob, Layer
    from finn_tui.ui.toolkit.listing import Cell, Content, Row
    from finn_tui.ui.tune.state import TuneState


@dataclass
class FoldingsListed(WorkResult):
    """The foldings that can be named for a model, with the estimate of each and the purpose."""

    kind = WorkKind.FOLDINGS
    tune: TuneState
    rows: Sequence[Row]
    purpose: Literal["load", "compare"]


@dataclass
class ValuesListed(WorkResult):
    """The values of a knob or setting of a layer, with the estimate for each."""

    kind = WorkKind.VALUES
    tune: TuneState
    layer: Layer
    name: str
    content: Content


@dataclass
class SharedValuesListed(WorkResult):
    """The values of a knob on the marked layers, as (value, cells)."""

    kind = WorkKind.VALUES
    tune: TuneState
    knob: Knob
    options: Sequence[tuple[str, list[Cell]]]
