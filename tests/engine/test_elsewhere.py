"""The engine's code on its way to where an engine runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.archive import engine_archive
from finn_tui.engine.elsewhere import send_archive
from finn_tui.hosts.local import LocalTransport


async def test_the_name_of_a_folder_is_no_command(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for word in (f"$(touch {tmp_path}/ran)", f"`touch {tmp_path}/ran`", "it's"):
        folder = f"{tmp_path}/file/{word}"
        with pytest.raises(FinnTuiError, match="cannot be put") as caught:
            await send_archive(engine_archive(), LocalTransport(), folder)
        assert caught.value.why == f"no folder can be written: {folder}"
    assert not (tmp_path / "ran").exists()
