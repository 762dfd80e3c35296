"""The log viewer, with the list of the run's logs beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from finn_tui.base.text import size
from finn_tui.runs.logs.search import Query, disabled_reason
from finn_tui.runs.logs.search_worker import SearchHits
from finn_tui.runs.logs.severity import Severity
from finn_tui.ui.actions import table as actions
from finn_tui.ui.context import AppContext, context_of
from finn_tui.ui.logs import tree as log_tree
from finn_tui.ui.logs.pager import page
from finn_tui.ui.logs.pane import LogPane
from finn_tui.ui.logs.view import COPIED, LEVEL_NAMES, LEVELS, LogView
from finn_tui.ui.messages import WorkKind
from finn_tui.ui.toolkit.frame import key_line
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Content, Listing
from finn_tui.ui.toolkit.panes import PaneScreen, Resize, TooSmall
from finn_tui.ui.toolkit.styled_line import StyledLine

if TYPE_CHECKING:
    from finn_tui.ui.state import RunView

#: Errors of a log up to this size are looked for without being asked.
_SMALL = 64_000_000
#: What searches a log.
_SCANS = (WorkKind.LOG_ERRORS, WorkKind.LOG_SEARCH, WorkKind.LOG_ONLY)


class LogScreen(PaneScreen):
    """Shows one log over the whole screen."""

    place: ClassVar[str] = "viewer"
    BINDINGS = actions.bindings("viewer")
    CSS_PATH = "screen.tcss"
    RESIZES: ClassVar[Mapping[str, Resize]] = {
        "tree": Resize("tree", "width"),
        "log": Resize("tree", "width", -1),
    }

    def __init__(
        self,
        path: Path,
        title: str,
        run: RunView | None = None,
        *,
        searching: bool = False,
        tree: bool = False,
        line: int | None = None,
    ) -> None:
        """Create the viewer, see ``LogController.open_log``."""
        super().__init__()
        self._run = run
        self._title = title
        self._searching = searching
        self._tree = tree
        self._line = line
        self._level: Severity | None = None
        #: The search whose first hit to go to, and in which direction.
        self._jump: tuple[SearchHits, int] | None = None
        self.view = LogView(path)

    @property
    def context(self) -> AppContext:
        """Return the app context."""
        return context_of(self)

    @property
    def log_pane(self) -> LogPane:
        """Return the log pane."""
        return self.query_one("#log", LogPane)

    def compose(self) -> ComposeResult:
        """Yield the path, the list of logs, the log, and the keys."""
        yield LineView(self._where, id="where", classes="frame")
        with Horizontal():
            yield Listing(id="tree", title="Logs", classes="pane")
            yield LogPane(id="log", large=True, state=self._search_state)
        yield LineView(self._keys, on_hit=self._do, id="keys", classes="frame")
        yield TooSmall(classes="frame")

    def on_mount(self) -> None:
        """Open the log."""
        self._show(self.view, self._title)
        if self._run is None:
            self.query_one("#tree").remove()
        else:
            self.context.logs.list_logs(self._run.folder)
        self._focus(tree=self._tree and self._run is not None)
        if self._searching:
            self.log_pane.begin_search()
        if self._line is not None:
            self.view.go_to_line(self._line)

    def on_unmount(self) -> None:
        """Stop all searches."""
        self.context.state.searching = False
        self.context.stop(WorkKind.LOGS, *_SCANS)
        if self.view.file is not None:
            self.view.file.close()

    def _focus(self, *, tree: bool) -> None:
        """Focus the list of logs or the log; in a narrow window only the focused one is shown."""
        self.set_class(tree, "-tree")
        self.set_focus(self.query_one("#tree", Listing) if tree else self.log_pane)
        self._redraw()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Follow a focus that a click has moved."""
        self.set_class(event.widget.id == "tree", "-tree")

    def _show(self, view: LogView, title: str) -> None:
        self.view, self._title = view, title
        self._level, self._jump = None, None
        self.context.state.searching = view.search is not None
        self.context.stop(*_SCANS)
        self.log_pane.set_log(view, title)
        if view.size <= _SMALL:
            self._look_for_errors()
        self._redraw()

    def _redraw(self) -> None:
        self.query_one("#where", LineView).redraw()
        self.query_one("#keys", LineView).redraw()
        self.log_pane.redraw()

    def _where(self, width: int, height: int) -> list[StyledLine]:
        line = StyledLine().add(" ").add(self._title, "title")
        path = str(self.view.path)
        if self._run is not None:
            path = path.removeprefix(f"{self._run.folder.path}/")
            line.add(f"   run {self._run.id if width >= 110 else self._run.id[-4:]}", "dim")
        right = StyledLine().add(size(self.view.size) + " ", "dim")
        if self._run is not None and self._run.simulated:
            right.add(" SIMULATED ", "sim")
        room = width - line.width - right.width - 4
        if room > 12 and path != self._title:
            line.add("   " + (path if len(path) <= room else "…" + path[-(room - 1) :]), "dim")
        return [line.right(right, width)]

    def _keys(self, width: int, height: int) -> list[StyledLine]:
        shown = [action for action in actions.actions_of("viewer") if action.footer]
        if self._run is not None:
            shown.insert(-1, actions.BY_ID["pane.next"])
        shown.insert(0, actions.BY_ID["log.follow"])
        return [key_line(shown, self.context.state, width)]

    def _do(self, hit: object) -> None:
        if isinstance(hit, str) and hit in actions.BY_ID:
            self.context.action_do(hit)

    def _search_state(self) -> str:
        """Return hits, search and filter as text for the heading."""
        view = self.view
        texts = []
        for hits, name in ((view.errors, "error"), (view.search, "")):
            if hits is None:
                continue
            count = f"{len(hits):,}" + ("+" if hits.full else "")
            if name and len(hits):
                texts.append(f"{count} {name}" + ("s" if len(hits) != 1 else ""))
            elif not name:
                position = hits.index(view.cursor) + 1 if len(hits) else 0
                texts.append(f"/{hits.query.text}  {position:,} of {count}")
            if not hits.whole and not hits.full and view.size:
                texts.append(f"searching {min(1.0, hits.done / view.size):.0%}")
        if view.only is not None:
            texts.append("matches only" if view.only is view.search else LEVEL_NAMES[self._level])
            if not view.only.whole and not view.only.full and view.size:
                texts.append(f"{min(1.0, view.only.done / view.size):.0%}")
        return ", ".join(texts)

    # Results of workers

    def show_hits(self, hits: SearchHits) -> None:
        """Show new hits of a search, and jump to the wanted one."""
        view = self.view
        if hits not in (view.errors, view.search, view.only) or not self.query("#log"):
            return
        if self._jump is not None and self._jump[0] is hits:
            self._try_jump()
        self.log_pane.redraw()

    def _try_jump(self) -> None:
        assert self._jump is not None
        hits, direction = self._jump
        # What lies before the cursor is known only when the search has come round.
        if len(hits) and (direction >= 0 or hits.whole or hits.full):
            self._jump = None
            if direction == 0:
                index = hits.index(self.view.cursor)
                self.view.go_to(hits[index if index < len(hits) else 0])
            else:
                self.view.next_hit(hits, direction)
        elif hits.whole:
            self._jump = None
            subject = "no error" if hits.query.kind == "severity" else f"{hits.query.text}: not"
            self.notify(f"{subject} found", title=self._title, markup=False)

    def show_logs(self, run: str, logs: Sequence[log_tree.Measured]) -> None:
        """Show the logs of the run.

        Args:
            run: id of the run.
            logs: with size and time of last change.
        """
        if self._run is not None and run == self._run.id and self.query("#tree"):
            tree = self.query_one("#tree", Listing)
            first = not tree.rows
            tree.set_content(log_tree.tree(logs), str(self.view.path) if first else None)
            self.query_one("#where", LineView).redraw()

    def on_listing_moved(self, event: Listing.Moved) -> None:
        """Open another log if both are visible."""
        if self.has_class("-wide"):
            self._open(str(event.key or ""))

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Open the log."""
        if not str(event.key).startswith("/"):
            return
        self._open(str(event.key))
        self._focus(tree=False)

    def _open(self, path: str) -> None:
        if path.startswith("/") and path != str(self.view.path):
            view = LogView(Path(path))
            if view.look() == "gone" and not view.size:
                self.notify("The file was deleted.", severity="warning", markup=False)
                return
            if self.view.file is not None:
                self.view.file.close()
            self._show(view, self._name_of(path))

    def _name_of(self, path: str) -> str:
        content: Content = self.query_one("#tree", Listing).content
        for row in content.rows:
            if row.key == path:
                return row.cells[0][0].replace("▸", "").strip()
        return Path(path).name

    def on_log_pane_begun(self, event: LogPane.Begun) -> None:
        """Show the replaced file."""
        self._show(self.view, self._title)

    def on_log_pane_searched(self, event: LogPane.Searched) -> None:
        """Search from the cursor on, and jump to the first hit."""
        query = Query("regex" if event.regex else "text", event.text)
        why = disabled_reason(query)
        if why is not None:
            self.notify(why, title="search", severity="warning", markup=False)
            return
        view = self.view
        start = view.cursor if view.size else 0
        view.search = SearchHits(query, start)
        self.context.state.searching = True
        if view.only is not None and self._level is None:
            view.show_only(None)
        self._begin(WorkKind.LOG_SEARCH, view.search, start, 0)

    def on_log_pane_opened(self, event: LogPane.Opened) -> None:
        """Leave the filter at the line under the cursor."""
        if self.view.only is not None:
            self._level = None
            self.view.stay()
            self.view.show_only(None)
            self.log_pane.redraw()

    def _begin(self, kind: WorkKind, hits: SearchHits, start: int, direction: int | None) -> None:
        self._jump = (hits, direction) if direction is not None else None
        path = self.view.path
        assert path is not None
        self.context.logs.search(kind, path, hits, start)
        self._redraw()

    def _look_for_errors(self, direction: int | None = None) -> None:
        start = self.view.cursor if direction is not None else 0
        self.view.errors = SearchHits(Query("severity", level=Severity.ERROR), start)
        self._begin(WorkKind.LOG_ERRORS, self.view.errors, start, direction)

    # Actions

    def do_viewer_search(self) -> None:
        """Start typing a search."""
        self._focus(tree=False)
        self.log_pane.begin_search()

    def do_viewer_next(self) -> None:
        """Go to the next match."""
        self._hop(1)

    def do_viewer_previous(self) -> None:
        """Go to the previous match."""
        self._hop(-1)

    def _hop(self, direction: int) -> None:
        hits = self.view.search
        assert hits is not None, "the action is disabled without a search"
        self._jump = (hits, direction)
        self._try_jump()
        self._redraw()

    def do_viewer_next_error(self) -> None:
        """Go to the next error."""
        self._error(1)

    def do_viewer_previous_error(self) -> None:
        """Go to the previous error."""
        self._error(-1)

    def _error(self, direction: int) -> None:
        if self.view.errors is None:
            self._look_for_errors(direction)
        else:
            self._jump = (self.view.errors, direction)
            self._try_jump()
            self._redraw()

    def do_viewer_errors(self) -> None:
        """Show errors only, or all lines."""
        self._filter(None if self._level is Severity.ERROR else Severity.ERROR)

    def do_viewer_severity(self) -> None:
        """Show the next severity filter."""
        self._filter(LEVELS[(LEVELS.index(self._level) + 1) % len(LEVELS)])

    def _filter(self, level: Severity | None) -> None:
        view = self.view
        self._level = level
        if level is None:
            self.context.stop(WorkKind.LOG_ONLY)
            view.show_only(None)
            self._redraw()
            return
        hits = SearchHits(Query("severity", level=level))
        view.show_only(hits)
        self._begin(WorkKind.LOG_ONLY, hits, 0, None)

    def do_viewer_matches(self) -> None:
        """Show matches only, or all lines."""
        view = self.view
        self._level = None
        view.show_only(None if view.only is view.search else view.search)
        self._redraw()

    def do_viewer_go_to(self) -> None:
        """Go to a line number or a percentage of the file."""
        from finn_tui.ui.dialogs.ask_text import AskTextDialog

        def accept(text: str | None) -> None:
            if text is None:
                return
            if text.endswith("%"):
                self.view.go_to_share(float(text[:-1]))
            else:
                self.view.go_to_line(int(text.replace(",", "")))
            self._redraw()

        hint = "line number, or 50% for the middle of the file"
        self.app.push_screen(AskTextDialog("Go to", refuse=_no_place, hint=hint), accept)

    def do_viewer_wrap(self) -> None:
        """Wrap long lines, or cut them."""
        self.view.wrap = not self.view.wrap
        self.view.column = 0
        self._redraw()

    def do_viewer_mark(self) -> None:
        """Start or end marking lines."""
        self.view.mark = self.view.cursor if self.view.mark is None else None
        self.view.stay()
        self._redraw()

    def do_viewer_copy(self) -> None:
        """Copy the marked lines."""
        copied = self.view.copied()
        if copied is None:
            text = f"That is more than {COPIED // 1000} kB; | opens the file in a pager."
            self.notify(text, title="not copied", severity="warning", markup=False)
            return
        text, count = copied
        self.app.copy_to_clipboard(text)
        self.view.mark = None
        text = f"{count} line{'s' if count != 1 else ''} sent to the terminal's clipboard"
        if os.environ.get("TMUX"):
            text += "; tmux passes it on with `set -g set-clipboard on`"
        self.notify(text, title="copied", markup=False)
        self._redraw()

    def do_viewer_pager(self) -> None:
        """Open the file in $PAGER."""
        view = self.view
        assert view.path is not None, "the viewer shows one log"
        number = view.count.number(view.cursor) if view.count is not None else None
        self.context.start(WorkKind.PAGER, page(self.app, view.path, number))

    def do_viewer_close(self) -> None:
        """Leave the mark or the filter, else close."""
        view = self.view
        if view.mark is not None:
            view.mark = None
        elif view.only is not None:
            self._filter(None)
        else:
            self.dismiss(None)
            return
        self._redraw()

    def do_pane_next(self) -> None:
        """Focus the list of logs or the log."""
        self._focus(tree=self._run is not None and not self.has_class("-tree"))

    def do_pane_previous(self) -> None:
        """Focus the list of logs or the log."""
        self.do_pane_next()

    def do_log_follow(self) -> None:
        """Follow the log, from the list of logs too."""
        self.log_pane.do_log_follow()


def _no_place(text: str) -> str | None:
    digits = text.removesuffix("%").replace(",", "")
    try:
        number = float(digits) if text.endswith("%") else int(digits)
    except ValueError:
        return f"{text} is neither a line number nor a percentage"
    if text.endswith("%") and not 0 <= number <= 100:
        return "a percentage is from 0% to 100%"
    return None if number >= 0 else "line numbers start at 1"
