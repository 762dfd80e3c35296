"""The dialog that chooses from a list."""

from __future__ import annotations

from pathlib import PurePath
from typing import ClassVar

from textual.app import App

from finn_tui.ui.dialogs.choose import ChooseDialog
from finn_tui.ui.toolkit.listing import Column, Content, Listing, Row
from tests.ui.conftest import until


class _Early(ChooseDialog):
    """A dialog whose rows are replaced before it was drawn, as a fast answer does."""

    CSS_PATH: ClassVar[list[str | PurePath]] = []

    def on_mount(self) -> None:
        listing = self.query_one(Listing)
        listing.call_after_refresh(self.show_content, _content("measured"))
        super().on_mount()


def _content(answer: str) -> Content:
    rows = [Row(name, [(name, ""), (answer, "")]) for name in ("first", "second")]
    return Content([Column("board", 10), Column("answers", 10)], rows)


async def test_rows_that_come_before_the_first_drawing_stay() -> None:
    app: App[None] = App()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = _Early("Board", _content("..."), "second")
        await app.push_screen(dialog)
        listing = dialog.query_one(Listing)
        await until(
            pilot,
            lambda: [row.cells[1][0] for row in listing.rows] == ["measured", "measured"],
        )
        assert listing.key == "second"


async def test_columns_are_as_wide_as_the_numbers_of_the_rows_that_are_shown() -> None:
    app: App[None] = App()
    async with app.run_test(size=(80, 24)) as pilot:
        columns = [Column("board", 10), Column("LUT", 4, True)]
        short = Content(columns, [Row("a", [("a", ""), ("1", "")])])
        long = Content(columns, [Row("a", [("a", ""), ("1,234,567", "")])])
        dialog = ChooseDialog("Board", short)
        await app.push_screen(dialog)
        listing = dialog.query_one(Listing)
        await until(pilot, lambda: "1" in listing.shown)
        # As a dialog gives it, before the list is drawn.
        listing.content = long
        listing.set_content(long)
        await until(pilot, lambda: "1,234,567" in listing.shown)
