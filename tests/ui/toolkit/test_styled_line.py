"""Lines, numbers, windows: what screens are made of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from finn_tui.ui.toolkit import styled_line
from finn_tui.ui.toolkit.filter_bar import matches
from finn_tui.ui.toolkit.styled_line import (
    StyledLine,
    bar,
    brief,
    duration,
    fit,
    printable,
    rate,
    short,
    shorten,
    wrap,
)
from finn_tui.ui.toolkit.viewport import Viewport


@given(st.text(), st.integers(1, 30), st.booleans())
def test_fit_gives_exactly_the_width(what: str, width: int, right: bool) -> None:
    assert styled_line.cells(fit(printable(what), width, right=right)) == width


@given(st.text())
def test_nothing_that_a_terminal_obeys_gets_through(what: str) -> None:
    assert printable(what).isprintable()


def test_escape_sequences_are_shown_harmless() -> None:
    assert StyledLine().add("\x1b[31mred\x07").text == "�[31mred�"


@given(st.floats(0, 2), st.integers(1, 40))
def test_a_bar_has_its_width_and_something_is_never_nothing(share: float, width: int) -> None:
    drawn = bar(share, width)
    assert len(drawn) == width
    assert bool(drawn.strip()) == (share > 0)


@given(st.floats(0, 1e13), st.integers(5, 14))
def test_short_numbers_fit(value: float, width: int) -> None:
    assert len(short(value, width)) <= width


def test_numbers_and_times_as_people_write_them() -> None:
    assert [short(v, 6) for v in (12, 12345, 123456, 12345678)] == [
        "12",
        "12,345",
        "123.5k",
        "12.3M",
    ]
    assert [duration(s) for s in (0.04, 42, 185, 7440)] == [
        "0.0 s",
        "42 s",
        "3 min 05 s",
        "2 h 04 min",
    ]
    assert [brief(s) for s in (0.4, 42, 185, 7440)] == ["0.4 s", "42 s", "3m05", "2h04"]
    assert [rate(v) for v in (3051.76, 0.5)] == ["3,052", "0.50"]


def test_a_click_finds_what_was_written_there() -> None:
    line = StyledLine().add("ab").add("cde", hit="x").right(StyledLine().add("z", hit="y"), 10)
    assert [line.at(c) for c in (0, 2, 4, 5, 9)] == [None, "x", "x", None, "y"]


@given(
    st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=200),
    st.integers(8, 60),
)
def test_wrapped_lines_fit_and_lose_no_word(what: str, width: int) -> None:
    lines = wrap(what, width)
    assert all(line.width <= width for line in lines)
    assert "".join("".join(line.text for line in lines).split()) == "".join(what.split())


_MOVES = st.tuples(st.sampled_from(["move", "to", "scroll", "page", "drag"]), st.integers(-60, 60))


@given(st.integers(0, 50), st.integers(1, 20), st.lists(_MOVES))
def test_a_window_stays_inside_its_list(
    count: int, height: int, moves: list[tuple[str, int]]
) -> None:
    window = Viewport()
    window.size(count, height)
    for name, amount in moves:
        getattr(window, name)(amount)
        assert 0 <= window.top <= max(0, count - height)
        assert 0 <= window.cursor <= max(0, count - 1)
        assert all(0 <= row < count for row in window.rows)
        if name in ("move", "to", "page") and count:
            assert window.cursor in window.rows
        thumb = window.thumb()
        assert (thumb is None) == (count <= height)
        if thumb is not None:
            assert thumb[0] >= 0 and thumb[1] >= 1 and sum(thumb) <= height


def test_filters() -> None:
    assert matches("swg", "ConvolutionInputGenerator_rtl_0", "SWG 0")
    assert not matches("!swg", "SWG 0")
    assert matches("", "x") and matches("!", "x")


def test_no_number_is_cut_in_two() -> None:
    text = "II 32,400, 8,502 LUT"
    assert shorten(text, 40) == text
    assert shorten(text, 13) == "II 32,400,…"
    assert shorten(text, 8) == "II…"
    assert shorten("minimize_bit_width", 9) == "minimize…"
    assert shorten("run-20260102", 8) == "run-…"
