"""The Tune screen's dialogs that set values: of the chosen knob, and of all that a layer has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from finn_tui.core.design import Knob, Layer, Setting, Value
from finn_tui.core.folding.knob_values import (
    IllegalFolding,
    attribute,
    check_setting,
    legal_text,
    read,
)
from finn_tui.ui.messages import WorkKind
from finn_tui.ui.toolkit.listing import Column, Content, Row
from finn_tui.ui.tune import detail as tune_detail
from finn_tui.ui.tune import knobs as tune_knobs
from finn_tui.ui.tune.layer_text import knob_title
from finn_tui.ui.tune.messages import SharedValuesListed, ValuesListed
from finn_tui.ui.tune.mode import TuneMode
from finn_tui.ui.tune.state import TuneState


class ValueDialogs(TuneMode):
    """The dialogs that choose a value from a list."""

    def do_tune_values(self) -> None:
        """List all legal values of the knob with the estimate for each."""
        tune = self.tune
        if tune is None:
            return
        layer, knob = tune.layer, tune.chosen_knob
        if layer is None or knob is None:
            tune.step(1)
            self.redraw()
            return
        if tune.marked:
            self.context.start(WorkKind.VALUES, _list_shared_values(tune, knob))
            return
        rows = [Row(key, cells) for key, cells in tune_detail.options_table(tune)]
        current = str(tune.editor.folding.values[layer.name][knob.name])
        legal = tune.editor.tables[layer.name].legal(knob.name)
        title = f"{layer.name}: {knob.name}, with the estimate for each value"
        self._choose_value(tune, knob, title, rows, legal, current)

    def shared_values_listed(self, message: SharedValuesListed) -> None:
        """Choose a value of a knob for the marked layers."""
        tune, knob = message.tune, message.knob
        rows = [Row(key, cells) for key, cells in message.options]
        legal = tuple(option for option, _ in message.options)
        title = f"{knob.name} of {len(tune.marked)} marked layers"
        hint = "3/9: legal for 3 of 9 marked layers; the others stay unchanged"
        self._choose_value(tune, knob, title, rows, legal, None, hint)

    def _choose_value(
        self,
        tune: TuneState,
        knob: Knob,
        title: str,
        rows: list[Row],
        legal: Sequence[Value],
        current: str | None,
        hint: str = "type a value or use ↑ ↓; enter sets it, esc cancels",
    ) -> None:
        from finn_tui.ui.dialogs.choose import ChooseDialog

        columns = [
            Column(knob_title(knob.name), 8),
            Column("cycles", 10, True, rank=2),
            Column("II", 10, True),
            Column("fps", 9, True),
            Column("LUT", 7, True, rank=1),
            Column("", 7, True, rank=4),
            Column("B18", 4, True, rank=3),
            Column("", 4, True, rank=5),
            Column("", 4),
        ]

        def refuse(text: str) -> str | None:
            values = ", ".join(str(value) for value in legal)
            return f"{knob.name} = {text} is not legal here. Legal values: {values}."

        def accept(text: str | None) -> None:
            chosen = next((value for value in legal if str(value) == text), None)
            if chosen is not None:
                tune.set(chosen)
                self.redraw()

        self.app.push_screen(
            ChooseDialog(
                title,
                Content(columns, rows, "only one value is legal: couplings fix it"),
                current,
                free=refuse,
                typing="find",
                hint=hint,
            ),
            accept,
        )

    def do_tune_knobs(self) -> None:
        """List all knobs and settings of the layer, or of the marked ones."""
        tune = self.tune
        if tune is None:
            return
        layer = tune.layer
        if layer is None or not layer.settable:
            tune.step(1)
            self.redraw()
            return
        self._choose_knob(tune, layer, None)

    def _choose_knob(self, tune: TuneState, layer: Layer, at: str | None) -> None:
        from finn_tui.ui.dialogs.choose import ChooseDialog

        names = {item.name for item in layer.settable}

        def accept(name: str | None) -> None:
            if name in names:
                self.context.start(WorkKind.VALUES, _list_values(tune, layer, name))

        marked = f", for {len(tune.marked)} marked layers" if tune.marked else ""
        self.app.push_screen(
            ChooseDialog(
                f"{layer.name}: knobs and settings{marked}",
                tune_knobs.knobs_content(tune, layer),
                at,
                hint="enter lists the values with their effect; type to filter, esc closes",
            ),
            accept,
        )

    def values_listed(self, message: ValuesListed) -> None:
        """Choose a value of a knob or setting."""
        from finn_tui.ui.dialogs.choose import ChooseDialog

        tune, layer, name = message.tune, message.layer, message.name
        item = attribute(layer, name)

        def refuse(text: str) -> str | None:
            if isinstance(item, Setting) and not item.values:
                try:
                    check_setting(layer, item, read(item, text))
                except IllegalFolding as error:
                    return f"{error.what}. {error.why}"
                return None
            return f"{name} = {text} is not legal here. Legal values: {legal_text(layer, item)}."

        def accept(text: str | None) -> None:
            if text is not None:
                tune.set_named(name, text)
                self._price(tune)
                self.redraw()
            self._choose_knob(tune, layer, name)

        typed = isinstance(item, Setting) and not item.values
        hint = legal_text(layer, item) if typed else "type a value or use ↑ ↓; enter sets it"
        current = tune_knobs.value_now(tune, layer, name)
        title = f"{layer.name}: {name}" + (f" of {len(tune.marked)} marked" if tune.marked else "")
        title += f", now {current}"
        pick = ChooseDialog(title, message.content, current, free=refuse, typing="find", hint=hint)
        self.app.push_screen(pick, accept)

    def _price(self, tune: TuneState) -> None:
        """Ask FINN in the background for the cost of FIFO depths that are not known yet."""
        if any(item.use is None for item in tune.editor.estimate.infrastructure.items):
            self.context.models.price_fifos(tune)


async def _list_shared_values(tune: TuneState, knob: Knob) -> SharedValuesListed:
    # Many layers times many values: not on the event loop.
    table = await asyncio.to_thread(tune_detail.options_table, tune)
    return SharedValuesListed(tune, knob, table)


async def _list_values(tune: TuneState, layer: Layer, name: str) -> ValuesListed:
    # FIFO depths of 500 marked layers are many bills: not on the event loop.
    content = await asyncio.to_thread(tune_knobs.values_content, tune, name)
    return ValuesListed(tune, layer, name, content)
