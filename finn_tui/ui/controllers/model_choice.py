"""The dialog in which a model is chosen."""

from __future__ import annotations

from collections.abc import Callable

from finn_tui.ui.context import AppContext


def choose_model(
    context: AppContext, present: str | None, accept: Callable[[str | None], None]
) -> None:
    """Show presets, models of the workspace and a line for the path of a network.

    Args:
        context: of the app.
        present: the open model, None for none.
        accept: called with the chosen name or path, or None.
    """
    from finn_tui.lab.models.models import damaged_names, shown_names
    from finn_tui.lab.models.presets import load_presets
    from finn_tui.ui.dialogs.choose import ChooseDialog
    from finn_tui.ui.toolkit.listing import Cell, Column, Content, Row
    from finn_tui.ui.toolkit.text_input import why_no_file

    files = (".onnx", ".toml", ".ini", ".py")
    presets_by_name, broken = load_presets(context.lab.workspace.root)
    titles = shown_names(context.lab.workspace)
    damaged = damaged_names(context.lab.workspace)

    def prepared(name: str) -> Cell:
        if name in damaged:
            return ("damaged", "warn")
        return ("prepared" if name in titles else "", "dim")

    rows = [
        Row(name, [(name, ""), (preset.title, "dim"), prepared(name)])
        for name, preset in presets_by_name.items()
    ]
    rows += [
        Row(name, [(title, ""), ("in this workspace", "dim"), prepared(name)])
        for name, title in sorted(titles.items())
        if name not in presets_by_name
    ]
    rows += [
        Row(name, [(name, "dim"), (f"damaged: {error.why}", "warn")])
        for name, error in sorted(broken.items())
        if name not in titles
    ]
    width = min(24, max([14, *map(len, titles.values())]))
    context.show_dialog(
        ChooseDialog(
            "Open a model",
            Content([Column("model", width), Column(""), Column("", 9)], rows),
            present,
            free=lambda text: why_no_file(text, "model", files),
            files=files,
            hint="type to filter, or the path of a network: .onnx (QONNX), .toml, .ini, .py",
        ),
        accept,
    )
