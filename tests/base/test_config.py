"""Configuration files: every mistake is named with file, line, key, value and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct

from finn_tui.base import config
from finn_tui.base.errors import FinnTuiError


class Part(Struct, frozen=True):
    part: str
    LUT: Annotated[int, Meta(ge=0)] | None = None


class Example(Struct, frozen=True):
    clock: Annotated[float, Meta(ge=1, description="A period in ns, 1 or more.")] = 10.0
    alert: Literal["bell", "off"] = "off"
    words: tuple[str, ...] = ()
    boards: dict[str, Part] = {}


@pytest.mark.parametrize(
    ("text", "what", "why"),
    [
        ("a = 1\nclock = \n", "cannot be read", "Line 2: 'clock ='"),
        ("[boards.Mi", "cannot be read", "Line 1: '[boards.Mi'"),
        ("# x\nclok = 5\n", "line 2: clok = 5 is an unknown key (did you mean clock?)", "alert"),
        ("clock = true\n", "line 1: clock = True is not valid", "A period in ns"),
        ("\nclock = 0.5\n", "line 2: clock = 0.5 is not valid", "1 or more"),
        ('alert = "bel"\n', "alert = 'bel' is not valid", "bell, off (did you mean bell?)"),
        ("words = ['a', 3]\n", "words.#2 = 3 is not valid", "Expected str"),
        ("boards = 3\n", "boards = 3 is not valid", "Expected object"),
        ("[boards]\nX = 3\n", "line 2: boards.X = 3 is not a table", "part, LUT"),
        ("[boards.X]\nLUT = 5\n", "line 1: [boards.X] has no part", "part"),
        ("[boards.X]\npart='p'\nLUT='m'\n", "line 3: boards.X.LUT = 'm' is not valid", "int"),
        ("[boards.X]\npart='p'\nLUTS=1\n", "LUTS = 1 in [boards.X] is an unknown key (did", "LUT"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, what: str, why: str) -> None:
    path = tmp_path / "file.toml"
    path.write_text(text)
    with pytest.raises(FinnTuiError) as caught:
        config.read(path, Example)
    assert str(path) in caught.value.what and what in caught.value.what
    assert why in caught.value.why
    assert caught.value.fix


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_text("clock = 0\nalert = 'x'\nworse = 1\n")
    with pytest.raises(FinnTuiError) as caught:
        config.read(path, Example)
    assert all(word in str(caught.value) for word in ("clock = 0", "alert = 'x'", "worse = 1"))


@pytest.mark.parametrize(
    "content", [b"clock = 5 # \xff\n", b"\x00", b"[" * 100_000, b"a" * 2_000_000]
)
def test_what_is_no_text_is_an_error_and_no_traceback(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.toml"
    path.write_bytes(content)
    with pytest.raises(FinnTuiError, match="cannot be read"):
        config.read(path, Example)


def test_a_folder_of_that_name_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FinnTuiError, match="cannot be read"):
        config.read(tmp_path, Example)


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_bytes(b"\xef\xbb\xbfclock = 5\r\n[boards.X]\r\npart = 'p'\r\n")
    assert config.read(path, Example) == Example(clock=5.0, boards={"X": Part("p")})


def _set(key: str, value: Any) -> Any:
    return lambda document: document.__setitem__(key, value)


def test_a_change_keeps_comments_order_and_other_keys(tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_text("# top\nclock = 10  # ours\n\n# mine\n[boards.X]\npart = 'p'  # here\n")
    assert config.change(path, Example, _set("alert", "bell")).alert == "bell"
    text = path.read_text()
    assert "# top\nclock = 10  # ours\n" in text and "part = 'p'  # here" in text
    assert config.read(path, Example) == Example(10.0, "bell", (), {"X": Part("p")})


@pytest.mark.parametrize("text", ["clock = \n", "clok = 5\n", "clock = 'x'\n"])
def test_a_broken_file_is_never_written_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.toml"
    path.write_text(text)
    with pytest.raises(FinnTuiError):
        config.change(path, Example, _set("alert", "bell"))
    assert path.read_text() == text


def test_a_change_that_would_break_the_file_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    with pytest.raises(FinnTuiError, match="alert = 'x'"):
        config.change(path, Example, _set("alert", "x"))
    assert not path.exists()
