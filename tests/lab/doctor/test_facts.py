"""Reading what ``engine.pyz doctor`` prints, which may come from any machine."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.doctor import facts
from tests.lab.doctor.samples import LAB


def test_a_login_message_before_the_document_is_left_out() -> None:
    output = b"Welcome to lab1!\r\n* {quota}: 80 %\n" + json.dumps(LAB).encode() + b"\n"
    read = facts.parse(output)
    assert read.problems == {}
    assert read.system is not None
    assert read.system.name == "lab1"


def test_every_part_of_the_sample_is_read() -> None:
    read = facts.from_document(LAB)
    assert all(getattr(read, name) is not None for name in LAB if name != "format")


@settings(max_examples=50)
@given(st.binary(max_size=400))
def test_other_output_is_an_error_or_facts(output: bytes) -> None:
    try:
        facts.parse(output)
    except FinnTuiError as error:
        assert error.what.isprintable()
        assert error.why.isprintable()


def test_deep_and_large_documents_end() -> None:
    deep = b'{"system": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(FinnTuiError, match="did not describe itself"):
        facts.parse(deep)
    with pytest.raises(FinnTuiError, match="did not describe itself"):
        facts.parse(b"{" * 20_000_000)
    large = {**LAB, "startup": [1] * 100_000, "finn": {"installed": True, "version": "x" * 10**6}}
    read = facts.from_document(large)
    assert "unknown form" in read.problems["startup"]
    assert read.finn is not None
    assert len(read.finn.version) <= 2000
