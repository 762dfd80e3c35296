"""Lines of a file by offset are what splitting the file gives, whatever it holds."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from finn_tui.base.text import readable
from finn_tui.runs.logs.bigfile import BigFile, LineCount

_LINES = st.lists(st.binary(max_size=12).map(lambda data: data.replace(b"\n", b"")), max_size=30)
_END = st.sampled_from([b"\n", b"\r\n"])


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    end = draw(_END)
    text = b"".join(line + end for line in draw(_LINES))
    return text + draw(st.binary(max_size=5).map(lambda data: data.replace(b"\n", b"")))


def _split(text: bytes) -> list[bytes]:
    parts = text.split(b"\n")
    lines = [part + b"\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines


@given(texts(), st.integers(1, 40), st.integers(0, 420), st.integers(0, 40))
def test_a_window_is_what_splitting_gives(text: bytes, block: int, at: int, count: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "log")
        path.write_bytes(text)
        file = BigFile(path, longest=1000, block=block)
        lines = _split(text)
        starts = [sum(map(len, lines[:i])) for i in range(len(lines))]
        assert file.after(at, count) == [start for start in starts if start >= at][:count]
        earlier = [start for start in starts if start < at]
        assert file.before(at, count) == (earlier[-count:] if count else [])
        whole = [line.removesuffix(b"\n").removesuffix(b"\r") for line in lines]
        assert [file.line(start) for start in starts] == whole
        for number, start in enumerate(starts):
            end = starts[number + 1] if number + 1 < len(starts) else len(text)
            assert file.end_of(start) == end
            assert {file.start_of(byte) for byte in range(start, end)} == {start}


@given(texts(), st.integers(1, 50))
def test_lines_are_numbered_as_an_editor_does(text: bytes, span: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "log")
        path.write_bytes(text)
        file = BigFile(path)
        count = LineCount(file, span)
        starts = file.after(0, 1000)
        if len(text) >= span:
            assert count.total is None
            assert count.number(len(text)) is None
        while not count.done:
            count.step()
        assert count.total == len(starts)
        assert [count.number(start) for start in starts] == list(range(1, len(starts) + 1))
        assert [count.start(number) for number in range(1, len(starts) + 1)] == starts
        if starts:
            assert count.start(len(starts) + 5) == starts[-1]
            assert count.start(-3) == 0


@given(st.lists(texts(), max_size=6), st.integers(1, 40), st.integers(1, 50))
def test_what_is_appended_in_any_pieces_is_read(pieces: list[bytes], block: int, span: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "log")
        path.write_bytes(b"")
        file = BigFile(path, block=block)
        count = LineCount(file, span)
        text = b""
        for piece in pieces:
            with path.open("ab") as log:
                log.write(piece)
            text += piece
            assert file.look() == ("grown" if piece else "same")
            lines = _split(text)
            starts = [sum(map(len, lines[:i])) for i in range(len(lines))]
            assert file.before(file.size, 1000) == starts
            while not count.done:
                count.step()
            assert count.total == len(lines)


@given(
    st.lists(st.one_of(st.just(b"\n"), st.binary(min_size=1, max_size=40)), max_size=12),
    st.integers(1, 12),
    st.integers(1, 9),
)
def test_without_line_ends_lines_are_broken_the_same_from_both_sides(
    parts: list[bytes], longest: int, block: int
) -> None:
    text = b"".join(parts)
    with TemporaryDirectory() as folder:
        path = Path(folder, "log")
        path.write_bytes(text)
        file = BigFile(path, longest=longest, block=block)
        starts = file.after(0, 1000)
        assert file.before(file.size, 1000) == starts
        assert b"".join(file.read(a, file.end_of(a)) for a in starts) == text
        assert all(len(file.line(start)) <= 2 * longest for start in starts)
        ends = {at + 1 for at, byte in enumerate(text) if byte == 10 and at + 1 < len(text)}
        assert ends <= set(starts), "every line end ends a line"
        assert {at for at in range(len(text)) if file.start_of(at) == at} == set(starts)


def test_a_file_that_is_cut_replaced_or_gone_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = BigFile(path)
    assert file.look() == "gone"
    assert file.after(0, 5) == [] and file.before(10, 5) == []
    path.write_bytes(b"one\ntwo\n")
    assert file.look() == "anew"
    assert file.look() == "same"
    path.write_bytes(b"x\n")
    assert file.look() == "anew"
    assert [file.line(start) for start in file.after(0, 5)] == [b"x"]
    other = tmp_path / "other"
    other.write_bytes(b"longer than before\n")
    other.replace(path)
    assert file.look() == "anew"
    assert file.line(0) == b"longer than before"
    path.unlink()
    assert file.look() == "gone"
    assert file.line(0) == b"longer than before", "what is open can still be read"


def test_what_is_shown_of_a_line_is_harmless() -> None:
    assert readable(b"\x1b[31m\xb1ad\x1b[0m\tx\r50 %\r100 %\r\n"[:-1]) == "�ad     x 50 % 100 %"
