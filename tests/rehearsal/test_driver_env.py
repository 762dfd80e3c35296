"""The simulated board's Python environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.rehearsal import board, driver_env


async def test_a_named_interpreter_is_taken_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "python3"
    monkeypatch.setenv(driver_env.VARIABLE, str(python))
    with pytest.raises(FinnTuiError, match="no Python at") as caught:
        await driver_env.ensure()
    assert driver_env.VARIABLE in caught.value.fix
    python.touch()
    assert await driver_env.ensure() == python


async def test_a_board_that_cannot_start_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "board"
    folder.mkdir()
    (folder / "home").write_text("a file where a folder belongs")
    with pytest.raises(FinnTuiError, match="did not start") as caught:
        async with board.running(folder=folder, python=Path("/usr/bin/python3")):
            pass
    assert "home" in caught.value.why and "Traceback" in caught.value.detail
