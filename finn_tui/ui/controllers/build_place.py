"""Where a build is to work: this machine, or one of the user's hosts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finn_tui.ui.context import AppContext


def choose_place(context: AppContext, present: str, then: Callable[[str], None]) -> None:
    """Ask where to build, where there is a choice.

    Args:
        context: of the app.
        present: the host that was chosen the last time; empty for this machine.
        then: called with the host's name, empty for this machine.
    """
    from finn_tui.hosts.catalogue import load_hosts
    from finn_tui.ui.dialogs.choose import ChooseDialog
    from finn_tui.ui.toolkit.listing import Column, Content, Row

    hosts, broken = load_hosts()
    if not hosts and not broken:
        then("")
        return
    here = "this machine"
    rows = [Row(here, [(here, ""), ("", ""), ("", "")])]
    for host in hosts.values():
        way = "Slurm" if host.slurm is not None else ""
        rows.append(Row(host.name, [(host.name, ""), (host.address, "dim"), (way, "dim")]))
    rows += [
        Row(name, [(name, "dim"), (f"damaged: {error.why}", "warn"), ("", "")])
        for name, error in broken.items()
    ]

    def chosen(answer: str | None) -> None:
        if answer in broken:
            context.show_error(broken[answer])
        elif answer is not None:
            then("" if answer == here else answer)

    width = min(24, max([14, *map(len, hosts)]))
    context.show_dialog(
        ChooseDialog(
            "Build on",
            Content([Column("machine", width), Column("where"), Column("", 5)], rows),
            present if present in hosts else here,
        ),
        chosen,
    )
