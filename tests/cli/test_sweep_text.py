"""Why foldings of a series failed: each reason once, with the foldings that it ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.sweep import grouped
from finn_tui.lab.sweep.sweep_items import SweepItem


def failed(name: str, what: str, kind: Any = "disk") -> SweepItem:
    error = FinnTuiError(what, "0.1 GB are free.", "Make room.", kind=kind, detail="its log")
    return SweepItem(name, cast(Any, SimpleNamespace()), error=error)


def test_one_reason_of_many_foldings_is_said_once() -> None:
    items = [failed(f"f{number}", "the disk is full") for number in range(200)]
    items += [failed("slow", "slow: clock missed by 0.5 ns", "finn")]
    errors = grouped(items)
    assert [error.what for error in errors] == [
        "f0, f1, f2, f3, f4, f5 and 194 more: the disk is full",
        "slow: clock missed by 0.5 ns",
    ]
    assert [error.kind for error in errors] == ["disk", "finn"]
    assert errors[0].why and errors[0].fix
    assert [error.detail for error in errors] == ["its log", "its log"]


def test_a_name_that_is_part_of_a_word_is_put_before() -> None:
    errors = grouped([failed("f1", "the folding f12 is missing"), failed("x", "x is missing")])
    assert [error.what for error in errors] == ["f1: the folding f12 is missing", "x is missing"]
