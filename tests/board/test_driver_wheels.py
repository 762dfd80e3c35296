"""finn-plus-driver sent as wheels to a board without internet."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.board.driver_wheels import install_driver
from finn_tui.board.jobs import check
from finn_tui.board.transport import Transport


def wheel(folder: Path, version: str, requires: str = "") -> Path:
    """A wheel of the driver with nothing in it."""
    name = f"finn_plus_driver-{version}"
    metadata = f"Metadata-Version: 2.1\nName: finn-plus-driver\nVersion: {version}\n"
    info = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    members = {
        "finn_plus_driver/__init__.py": "",
        f"{name}.dist-info/METADATA": metadata + requires,
        f"{name}.dist-info/WHEEL": info,
    }
    path = folder / f"{name}-py3-none-any.whl"
    record = "".join(f"{member},,\n" for member in (*members, f"{name}.dist-info/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in {**members, f"{name}.dist-info/RECORD": record}.items():
            archive.writestr(member, text)
    return path


async def test_wheels_are_installed_below_our_folder(
    lab: tuple[Transport, Path], tmp_path: Path
) -> None:
    link, home = lab
    (wheels := tmp_path / "wheels").mkdir()
    wheel(wheels, "9.9.1")
    about = await install_driver(link, wheels)
    assert about["driver"] == "9.9.1" and about["simulated"], "pynq of the board stays in reach"
    installed = home / "finn-tui" / "driver-venv"
    assert list(installed.glob("lib/python3*/site-packages/finn_plus_driver/__init__.py"))

    # What cannot be installed leaves the environment as it was.
    wheel(wheels, "9.9.2", "Requires-Dist: a-package-that-is-nowhere\n")
    (wheels / "finn_plus_driver-9.9.1-py3-none-any.whl").unlink()
    with pytest.raises(FinnTuiError, match="cannot be installed on the board") as caught:
        await install_driver(link, wheels)
    assert "a-package-that-is-nowhere" in caught.value.why
    assert (await check(link))["driver"] == "9.9.1"


async def test_a_folder_without_the_driver(lab: tuple[Transport, Path], tmp_path: Path) -> None:
    with pytest.raises(FinnTuiError, match="no wheel of finn-plus-driver"):
        await install_driver(lab[0], tmp_path)
