"""The wire's words: what goes in comes out, and what is no message is told apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import finn_tui
from finn_tui.engine import protocol
from tests.sources import syntax_tree

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.integers(0), st.text(), st.dictionaries(st.text(), JSON))
def test_a_message_is_one_line_and_comes_back(
    id: int, method: str, params: dict[str, object]
) -> None:
    message = protocol.request(id, method, params)
    line = protocol.encode(message)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert protocol.decode(line) == message


@pytest.mark.parametrize("line", [b"", b"hello\n", b"[1]\n", b"3\n", b"\xff\xfe\n", b"{\n"])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(protocol.ProtocolError):
        protocol.decode(line)


def test_nan_never_reaches_the_wire() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        protocol.encode({"result": float("nan")})


def test_what_runs_inside_finn_is_python_3_8() -> None:
    package = Path(finn_tui.__file__).parent
    files = [
        package / "__init__.py",
        package / "engine/__init__.py",
        package / "engine/protocol.py",
    ]
    for path in files + sorted((package / "engine/server").rglob("*.py")):
        syntax_tree(path, (3, 8))
