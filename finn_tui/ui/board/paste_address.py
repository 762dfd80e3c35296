"""The question where a board reaches this machine, for the line that is pasted into it."""

from __future__ import annotations

from finn_tui.base.errors import FinnTuiError
from finn_tui.board.paste.session import interfaces_here, parse_listening
from finn_tui.ui.dialogs.choose import ChooseDialog
from finn_tui.ui.toolkit.listing import Column, Content, Row


def address_dialog(machine: str, last: str = "") -> ChooseDialog:
    """Return the question; its answer is a text for ``parse_listening``.

    Args:
        machine: the board's name.
        last: the answer of the last time.
    """
    interfaces = interfaces_here()
    known = [address for address, _ in interfaces]
    rows = [
        Row(address, [(address, ""), (name, "dim"), (_network(address), "dim")])
        for address, name in interfaces
    ]
    if last and last not in known:
        rows.insert(0, Row(last, [(last, ""), ("", ""), ("as last time", "dim")]))
    return ChooseDialog(
        f"Which address of this machine does {machine} reach?",
        Content([Column("address", 24), Column("interface", 14), Column("")], rows),
        last or (known[0] if known else None),
        free=_refuse,
        typing="find",
        echo=_echo,
        hint="Only this address is listened at; ADDRESS:PORT sets the port. Through a tunnel: "
        "ADDRESS:PORT as ADDRESS:PORT, as the board sees it.",
    )


def _network(address: str) -> str:
    return "this machine only" if address.startswith("127.") else ""


def _refuse(text: str) -> str | None:
    try:
        parse_listening(text)
    except FinnTuiError as error:
        return f"{error.what}. {error.fix}"
    return None


def _echo(text: str) -> str:
    try:
        where = parse_listening(text)
    except FinnTuiError:
        return ""
    port = f"port {where.port}" if where.port else "a free port"
    said = f"listens at {where.address}, {port}"
    if where.board_sees is None:
        return said
    host, seen = where.board_sees
    return f"{said}; the board connects to {host}" + (f", port {seen}" if seen else "")
