"""The key page of the docs is the table of actions, written out."""

from __future__ import annotations

import os
from pathlib import Path

from finn_tui.ui.actions.action import SCOPES
from finn_tui.ui.actions.keymap import key_name
from finn_tui.ui.actions.table import ACTIONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "keys.md"

_HEAD = """# Keys

Made from the table of actions in `finn_tui/ui/actions/table.py`;
`FINN_TUI_UPDATE_DOCS=1 uv run pytest tests/ui/test_docs.py` writes it again.
Any of them can be changed in `keys.toml` in the
configuration folder, by its id: `"app.build" = "f5"`. Everything is in the
palette (`ctrl+p` or `:`) too.

One letter means one thing on all screens: `d` deploys, `e` goes to errors, `f` loads a folding,
`n` is the next one, `t` chooses the board, `x` ends what runs, `a` does it again. A capital is
the same for more or for a part of it: `D` only deploys, `N` is more than the next move, `X` removes
what a run left, `F` follows a log as in `less`.
"""


def page() -> str:
    """The page as it should be."""
    lines = [_HEAD]
    for place, title in SCOPES.items():
        actions = [action for action in ACTIONS if action.scope == place]
        if not actions:
            continue
        lines += [f"## {title[0].upper()}{title[1:]}", "", "| keys | does | id |", "|---|---|---|"]
        for action in actions:
            keys = " ".join(f"`{key_name(key)}`" for key in action.keys)
            lines.append(f"| {keys} | {action.help} | {action.id} |")
        lines.append("")
    return "\n".join(lines)


def test_the_key_page_is_current() -> None:
    if os.environ.get("FINN_TUI_UPDATE_DOCS"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()
