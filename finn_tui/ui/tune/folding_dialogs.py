"""The Tune screen's dialogs for foldings: loading, saving, and what to compare with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.estimate.estimate import estimate
from finn_tui.core.folding.model import Folding, MalformedFolding
from finn_tui.lab.foldings import saved_foldings
from finn_tui.lab.foldings.saved_foldings import ForeignFolding
from finn_tui.lab.workbench import Workbench
from finn_tui.ui import crash
from finn_tui.ui.messages import WorkKind
from finn_tui.ui.toolkit.listing import Cell, Column, Content, Row
from finn_tui.ui.toolkit.styled_line import rate, short
from finn_tui.ui.tune.messages import FoldingsListed
from finn_tui.ui.tune.mode import TuneMode
from finn_tui.ui.tune.notice import Notice
from finn_tui.ui.tune.state import TuneState

if TYPE_CHECKING:
    from finn_tui.core.migrate.migrate import Migration


class FoldingDialogs(TuneMode):
    """The dialogs that choose or name a folding."""

    def do_tune_load(self) -> None:
        """Choose a folding of the preset, a saved one, or a file."""
        if self.tune is not None:
            work = list_foldings(self.context.lab, self.tune, "load")
            self.context.start(WorkKind.FOLDINGS, work)

    def foldings_listed(self, message: FoldingsListed) -> None:
        """Open the dialog with the listed foldings, to load one or to compare with it."""
        from finn_tui.ui.dialogs.choose import ChooseDialog
        from finn_tui.ui.toolkit.text_input import why_no_file

        files = (".json",)
        tune, rows = message.tune, message.rows
        loads = message.purpose == "load"
        title, use = (
            ("Load a folding", self._load) if loads else ("Compare with", self._compare_with)
        )
        columns = [
            Column("folding", 22),
            Column("source", 14, rank=2),
            Column("II", 10, True, rank=3),
            Column("fps", 9, True),
            Column("LUT", 7, True, rank=4),
            Column("B18", 4, True, rank=5),
        ]

        def accept(text: str | None) -> None:
            if text is not None:
                use(tune, text)

        self.app.push_screen(
            ChooseDialog(
                title,
                Content(columns, rows),
                tune.folding_name,
                free=lambda text: why_no_file(text, "folding", files),
                files=files,
                hint="type to filter, or type the path of a FINN folding JSON",
            ),
            accept,
        )

    def _load(self, tune: TuneState, name: str) -> None:
        try:
            folding, notes = self.context.lab.read_folding(tune.opened, name)
        except ForeignFolding as error:
            self._offer(tune, name, error.migration)
            return
        except FinnTuiError as error:
            self.context.show_error(error)
            return
        self._take_folding(tune, folding, saved_foldings.title(name), notes)
        # A file elsewhere may have the name of a saved folding, and is not that one.
        tune.saved_name = name if name in self.context.lab.workspace.foldings() else ""

    def _offer(self, tune: TuneState, name: str, migration: Migration) -> None:
        """Show how a folding of another FINN version is converted; load it if the user agrees."""
        import textwrap

        from finn_tui.core.migrate import report
        from finn_tui.ui.dialogs.choose import Notice as Dialog

        first, *remarks = report.closing(migration)
        detail = []
        for foreign_name, our_name, outcome in report.rows(migration):
            detail.append(
                f"{foreign_name} {our_name}" if our_name == "=" else f"{foreign_name} > {our_name}"
            )
            detail += textwrap.wrap(outcome, 66, initial_indent="    ", subsequent_indent="    ")

        def answered(answer: str | None) -> None:
            if answer == "y":
                self._take_folding(
                    tune, migration.folding, saved_foldings.title(name), [first.rstrip(".")]
                )

        self.app.push_screen(
            Dialog(
                f"{Path(name).name} was written for another FINN version",
                [(first, ""), *((line, "dim") for line in remarks)],
                [("y", "load the converted folding")],
                role="warn",
                detail="\n".join(detail),
            ),
            answered,
        )

    def _take_folding(
        self, tune: TuneState, folding: Folding, name: str, notes: Sequence[str]
    ) -> None:
        tune.editor.load(folding, name)
        tune.folding_name, tune.saved_name = name, ""
        tune.notice = Notice("; ".join([f"loaded {name}", *notes]))
        self.redraw()

    def do_tune_save(self) -> None:
        """Save the folding under a name."""
        tune = self.tune
        if tune is None:
            return
        from finn_tui.ui.dialogs.choose import ChooseDialog

        lab = self.context.lab
        rows = [
            Row(name, [(name, ""), ("loaded" if name == tune.saved_name else "saved", "dim")])
            for name in lab.workspace.foldings()
        ]

        def refuse(name: str) -> str | None:
            try:
                saved_foldings.check_name(tune.opened.model, name)
            except FinnTuiError as error:
                return f"{error.what}. {error.why}"
            return None

        def meaning(name: str) -> str:
            if refuse(name) is not None:
                return ""
            if not lab.workspace.folding_path(name).exists():
                return "= new saved folding"
            if name == tune.saved_name:
                return "= overwrites the loaded folding"
            return "= overwrites another saved folding; asks first"

        def accept(name: str | None) -> None:
            if name is not None:
                self._save_as(tune, name)

        self.app.push_screen(
            ChooseDialog(
                "Save the folding as",
                Content([Column("name", 34), Column("")], rows, "no saved folding yet"),
                tune.saved_name or None,
                free=refuse,
                typing="name",
                text=tune.saved_name,
                echo=meaning,
                hint="type a name and press enter; ↑ ↓ insert a saved name",
            ),
            accept,
        )

    def _save_as(self, tune: TuneState, name: str) -> None:
        """Save under a name; ask first if that overwrites another folding than the loaded one."""
        from finn_tui.ui.dialogs.choose import confirm

        def answered(answer: str | None) -> None:
            if answer == "y":
                self._save(tune, name)

        try:
            asks = saved_foldings.overwrites_other(
                self.context.lab.workspace, tune.opened, name, tune.saved_name
            )
        except FinnTuiError as error:
            self.context.show_error(error)
            return
        if not asks:
            self._save(tune, name)
            return
        why = (
            "Its file was changed since it was loaded."
            if name == tune.saved_name
            else f"The loaded folding is {tune.folding_name}."
        )
        self.app.push_screen(
            confirm(
                f"Replace the saved folding {name}?", f"{why} Its contents are lost.", "replace it"
            ),
            answered,
        )

    def _save(self, tune: TuneState, name: str) -> None:
        try:
            path = saved_foldings.save(self.context.lab.workspace, tune.opened, name)
        except FinnTuiError as error:
            self.context.show_error(error)
            return
        tune.folding_name = tune.saved_name = name
        tune.notice = Notice(f"saved as {path}", "good")
        self.redraw()

    def do_tune_compare(self) -> None:
        """Switch the comparison: all layers, only those that differ, off."""
        if self.tune is not None:
            self.tune.compare()
            self.redraw()

    def do_tune_compare_with(self) -> None:
        """Choose the folding to compare with."""
        if self.tune is not None:
            work = list_foldings(self.context.lab, self.tune, "compare")
            self.context.start(WorkKind.FOLDINGS, work)

    def _compare_with(self, tune: TuneState, name: str) -> None:
        try:
            folding, _ = self.context.lab.read_folding(tune.opened, name)
        except ForeignFolding as error:
            # Nothing is loaded: it is read as the list of foldings showed it.
            folding = error.migration.folding
        except FinnTuiError as error:
            self.context.show_error(error)
            return
        tune.compare_with(saved_foldings.title(name), folding)
        tune.notice = None
        self.redraw()


async def list_foldings(
    lab: Workbench, tune: TuneState, purpose: Literal["load", "compare"]
) -> FoldingsListed:
    """Read every folding that the user can name for a model.

    Args:
        lab: the workspace.
        tune: the open model.
        purpose: what one of them is chosen for.
    """
    return FoldingsListed(tune, await asyncio.to_thread(_folding_rows, lab, tune), purpose)


def _folding_rows(lab: Workbench, tune: TuneState) -> list[Row]:
    """Return a row for every folding: its estimate, or why it cannot be used."""
    opened, editor = tune.opened, tune.editor
    preset = opened.model.preset
    rows = []
    for name in saved_foldings.names(lab.workspace, opened.model):
        brought = preset is not None and name in preset.foldings
        origin = "no parallelism" if name == "ones" else "preset" if brought else "saved"
        try:
            folding, _ = lab.read_folding(opened, name)
        except ForeignFolding as error:
            folding, origin = error.migration.folding, "other FINN"
        except FinnTuiError as error:
            rows.append(Row(name, [(name, "dim"), (_why_unusable(error), "warn")]))
            continue
        except Exception as error:
            # The boundary of one file: whatever is wrong with it, the others stay usable.
            defect = crash.explain(error, f"reading the folding {name}")
            rows.append(Row(name, [(name, "dim"), (f"{defect.what}: {defect.why}", "warn")]))
            continue
        result = estimate(editor.design, editor.tables, folding.values, editor.clock_ns)
        cells: list[Cell] = [
            (name, ""),
            (origin, "dim"),
            (short(result.ii_cycles, 10), ""),
            (short(result.fps, 9) if result.fps >= 10 else rate(result.fps), ""),
            (short(result.total["LUT"], 7), ""),
            (short(result.total["BRAM_18K"], 4), ""),
        ]
        rows.append(Row(name, cells))
    return rows


def _why_unusable(error: FinnTuiError) -> str:
    """Return why a folding cannot be used: its file is damaged, or it fits another model."""
    if not isinstance(error, MalformedFolding):
        return error.what
    # The row names the file already.
    unreadable = error.what.endswith("cannot be read as a folding")
    return f"damaged: {error.why if unreadable else error.what}"
