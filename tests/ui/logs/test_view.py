"""Moving about in a log, without a screen."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finn_tui.runs.logs.search import Query, SearchBatch
from finn_tui.runs.logs.search_worker import SearchHits
from finn_tui.ui.app_log import AppLog
from finn_tui.ui.logs.view import COPIED, LogView, line_text, role_of
from finn_tui.ui.toolkit.styled_line import StyledLine


def view_of(folder: Path, count: int = 100, width: int = 1) -> LogView:
    path = folder / "log"
    path.write_text("".join(f"line {n} {'x' * width}\n" for n in range(count)))
    return LogView(path)


def texts(view: LogView, height: int = 10, width: int = 40) -> list[str]:
    return [row.text for row in view.rows(width, height)]


_MOVES = st.lists(
    st.sampled_from(
        [
            "up",
            "down",
            "pgup",
            "pgdn",
            "top",
            "end",
            "in",
            "out",
            "wheel",
            "wrap",
            "grow",
            "share",
            "filter",
            "all",
        ]
    ),
    max_size=25,
)


@given(_MOVES, st.integers(1, 12), st.integers(0, 60))
def test_the_cursor_is_always_in_view_and_the_view_full(
    moves: list[str], height: int, count: int
) -> None:
    with TemporaryDirectory() as folder:
        view = view_of(Path(folder), count, 50)
        hits = SearchHits(Query("text", "1"))
        hits.add(
            SearchBatch(tuple(at for at in view.after(0, 999) if b"1" in view.data(at)), 1, True)
        )
        for move in [*moves, ""]:
            rows = view.rows(30, height)
            starts = {row.start for row in rows}
            assert len(rows) <= height
            if view.after(0, 1):
                assert view.cursor in starts, move
            if not view.wrap:
                assert len(rows) == min(height, len(view.after(0, 999)))
            thumb = view.thumb()
            assert thumb is None or (thumb[0] >= 0 and sum(thumb) <= max(1, height))
            match move:
                case "up" | "down":
                    view.move(-1 if move == "up" else 1)
                case "pgup" | "pgdn":
                    view.page(-1 if move == "pgup" else 1)
                case "top":
                    view.to_top()
                case "end":
                    view.to_bottom()
                case "in":
                    view.next_hit(hits, 1)
                case "out":
                    view.next_hit(hits, -1)
                case "wheel":
                    view.scroll(3)
                case "wrap":
                    view.wrap = not view.wrap
                case "share":
                    view.go_to_share(60)
                    view.settle()
                case "filter":
                    view.show_only(hits)
                case "all":
                    view.show_only(None)
                case "grow":
                    assert view.path is not None
                    with view.path.open("a") as log:
                        log.write("more 1\n")
                    view.look()
                    assert view.file is not None
                    new = view.file.start_of(view.size)
                    hits.add(SearchBatch((new,), 1, True))


def test_it_follows_until_one_moves_up_and_again_from_the_end(tmp_path: Path) -> None:
    view = view_of(tmp_path)
    assert texts(view)[-1] == "line 99 x"
    view.move(-1)
    assert not view.following
    view.move(1)
    assert not view.following, "the last line was reached, not passed"
    view.move(1)
    assert view.following
    view.page(-1)
    assert texts(view)[0] == "line 90 x" and view.place() == "line 91 of 100"
    view.scroll(-2)
    assert texts(view)[0] == "line 88 x"
    view.to_top()
    assert view.place() == "line 1 of 100"


def test_lines_by_number_and_share(tmp_path: Path) -> None:
    view = view_of(tmp_path)
    view.go_to_line(40)
    assert view.place() == "line 40 of 100"
    view.go_to_line(4000)
    assert view.place() == "line 100 of 100"
    view.go_to_share(50)
    assert view.place() in ("line 49 of 100", "line 50 of 100", "line 51 of 100")
    view.go_to_share(0)
    assert view.place() == "line 1 of 100"


def test_a_line_beyond_what_is_counted_is_gone_to_later(tmp_path: Path) -> None:
    view = view_of(tmp_path, 300_000)
    texts(view)
    assert view.place() == "100 %"
    view.go_to_line(250_000)
    assert not view.following
    for _ in range(1000):
        view.count_lines(0.001)
    assert view.place() == "line 250,000 of 300,000"


def test_wrapped_lines_go_on_below_and_the_end_is_the_end(tmp_path: Path) -> None:
    view = view_of(tmp_path, 20, 30)
    view.wrap = True
    rows = view.rows(20, 5)
    assert [row.text for row in rows[-2:]] == ["line 19 " + "x" * 12, "x" * 18]
    assert [row.first for row in rows[-2:]] == [True, False]
    view.wrap = False
    view.sideways(25)
    assert texts(view)[-1] == "x" * 13
    view.sideways(-100)
    assert view.column == 0


def test_a_filter_shows_only_lines_that_were_found(tmp_path: Path) -> None:
    view = view_of(tmp_path)
    hits = SearchHits(Query("text", "7"))
    hits.add(SearchBatch(tuple(at for at in view.after(0, 100) if b"7" in view.data(at)), 1, True))
    view.show_only(hits)
    assert texts(view)[:2] == ["line 72 x", "line 73 x"]
    view.to_top()
    assert texts(view)[:3] == ["line 7 x", "line 17 x", "line 27 x"]
    view.move(2)
    view.show_only(None)
    assert view.place() == "line 28 of 100"
    assert view.next_hit(hits, -1) and view.place() == "line 18 of 100"
    view.to_top()
    assert view.next_hit(hits, -1) and view.place() == "line 98 of 100", "round the end"


def test_copying_has_a_limit(tmp_path: Path) -> None:
    view = view_of(tmp_path, 2000, 100)
    view.to_top()
    view.rows(40, 10)
    assert view.copied() == ("line 0 " + "x" * 100, 1)
    view.mark = view.cursor
    view.move(2)
    assert view.copied() is not None and view.copied()[1] == 3  # type: ignore[index]
    view.to_bottom()
    view.rows(40, 10)
    assert view.size > COPIED and view.copied() is None


def test_a_file_that_begins_anew_is_read_from_its_top(tmp_path: Path) -> None:
    view = view_of(tmp_path)
    view.go_to_line(50)
    assert view.path is not None
    view.path.write_text("new\n")
    assert view.look() == "anew"
    assert texts(view) == ["new"]
    view.path.unlink()
    assert view.look() == "gone"
    assert texts(view) == ["new"] and view.state == "gone"
    assert view.look() == "same", "said once"


def test_nothing_so_far(tmp_path: Path) -> None:
    for view in (LogView(), LogView(tmp_path / "none")):
        view.look()
        assert texts(view) == [] and view.place() == "empty"
        view.move(-1)
        view.page(1)
        view.to_bottom()
        view.go_to_line(3)
        assert view.thumb() is None


@pytest.mark.parametrize(
    ("data", "text", "role"),
    [
        (b"[2026-01-02 03:04:05] Running step: x [1/2]", "03:04:05 Running step: x [1/2]", ""),
        (b"[2026-01-02 03:04:05,678]ERROR:gone", "03:04:05 ERROR:gone", "bad"),
        (b"CRITICAL WARNING: [x 1-1] y", "CRITICAL WARNING: [x 1-1] y", "warn"),
        (b"INFO: fine\x1b[2J", "INFO: fine", ""),
    ],
)
def test_lines_as_they_are_shown(data: bytes, text: str, role: str) -> None:
    assert (line_text(data), role_of(data)) == (text, role)


def test_what_the_app_says_is_a_log_like_others() -> None:
    spool = AppLog()
    assert spool.lines == []
    spool.add(["one", "[red]two"])
    spool.add(["three"])
    assert spool.lines == ["one", "[red]two", "three"]
    view = LogView(spool.path)
    view.look()
    assert texts(view) == spool.lines
    path = spool.path
    spool.clear()
    assert path is not None and not path.exists() and spool.lines == []


def test_matches_stand_out_as_text_and_whole_for_expressions(tmp_path: Path) -> None:
    from finn_tui.ui.logs.view import draw_row

    view = view_of(tmp_path, 3)
    view.search = SearchHits(Query("text", "NE"))
    row = view.rows(40, 10)[0]
    assert draw_row(row, view, 40, StyledLine()).spans == [("line 0 x", "")]
    view.search = SearchHits(Query("text", "ne"))
    assert draw_row(row, view, 40, StyledLine()).spans == [
        ("li", ""),
        ("ne", "match"),
        (" 0 x", ""),
    ]
    view.search = SearchHits(Query("regex", "li.e"))
    view.search.add(SearchBatch((0,), 1, True))
    assert draw_row(row, view, 40, StyledLine()).spans == [("line 0 x", "match")]
