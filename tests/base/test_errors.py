"""Errors as data."""

from __future__ import annotations

import json
import typing

from finn_tui.base.errors import ErrorKind, FinnTuiError, KindName


def test_an_error_crosses_as_data() -> None:
    error = FinnTuiError("what", "why", "fix", kind=ErrorKind.DISK, detail="detail")
    document = json.loads(json.dumps(error.as_dict()))
    assert document["kind"] == "disk"
    assert FinnTuiError.from_dict(document).as_dict() == document


def test_a_kind_of_another_version_is_of_the_engine() -> None:
    assert FinnTuiError.from_dict({"what": "x", "kind": "weather"}).kind is ErrorKind.ENGINE
    assert FinnTuiError.from_dict({"what": "x", "kind": 5}).kind is ErrorKind.ENGINE


def test_kinds_have_the_same_names_everywhere() -> None:
    assert set(typing.get_args(KindName)) == {kind.value for kind in ErrorKind}
