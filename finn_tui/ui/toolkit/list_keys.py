"""The keys of a list whose screen has a line of text for all other keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from finn_tui.ui.toolkit.listing import Listing

if TYPE_CHECKING:
    from textual.screen import Screen


class ListKeys:
    """For a screen with one list whose keys go to a line of text: they move the list all the
    while. The screen has the bindings of lists."""

    def move_list(self, step: Callable[[Listing], None]) -> None:
        """Do one of the list's actions."""
        step(cast("Screen[Any]", self).query_one(Listing))

    def do_list_up(self) -> None:
        """Move the cursor up."""
        self.move_list(Listing.do_list_up)

    def do_list_down(self) -> None:
        """Move the cursor down."""
        self.move_list(Listing.do_list_down)

    def do_list_page_up(self) -> None:
        """Move the cursor a page up."""
        self.move_list(Listing.do_list_page_up)

    def do_list_page_down(self) -> None:
        """Move the cursor a page down."""
        self.move_list(Listing.do_list_page_down)
