"""A deployment package by itself: a folder or zip file named on the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.board.package import package
from finn_tui.lab.boards.plain_packages import plain_package
from tests.board import samples


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A package as somebody hands it on."""
    run = tmp_path / "run"
    run.mkdir()
    samples.write_run(run)
    return Path(shutil.copytree(run / "build" / "deploy", tmp_path / "given"))


def test_a_folder_and_its_zip_file_are_runs_of_their_own(given: Path, tmp_path: Path) -> None:
    before = sorted(given.rglob("*"))
    run = plain_package(str(given))
    assert run is not None and not run.is_relative_to(given) and run.name.startswith("given-")
    what = package(run)
    assert what.clock_mhz == 100.0 and what.simulated and what.folder == f"runs/{run.name}"
    zipped = shutil.make_archive(str(tmp_path / "deploy"), "zip", tmp_path, "given")
    other = plain_package(zipped)
    assert other is not None and other.name.rpartition("-")[2] == run.name.rpartition("-")[2]
    (run / "results.json").write_text("{}")
    assert plain_package(str(given)) == run and (run / "results.json").is_file()
    assert sorted(given.rglob("*")) == before, "nothing is written beside the user's files"

    settings = given / "driver" / "settings.json"
    settings.write_text(settings.read_text() + " ")
    assert plain_package(str(given)) != run, "another content is another run"


def test_what_is_no_package_is_refused_or_left_to_the_runs(given: Path, tmp_path: Path) -> None:
    assert plain_package("last") is None and plain_package(str(tmp_path / "run")) is None
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.zip").write_bytes(b"PK")
    for name, words in (("empty", "no deployment package"), ("x.zip", "cannot be unpacked")):
        with pytest.raises(FinnTuiError, match=words):
            plain_package(str(tmp_path / name))
    settings = given / "driver" / "settings.json"
    (tmp_path / "secret").write_text(settings.read_text())
    settings.unlink()
    settings.symlink_to(tmp_path / "secret")
    with pytest.raises(FinnTuiError, match="symbolic link to a file outside"):
        plain_package(str(given))
