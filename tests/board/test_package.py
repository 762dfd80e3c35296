"""What a run folder has for a board."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.board import agent
from finn_tui.board.package import package, shown_name, validation_files
from finn_tui.engine.server.training import locate, published
from finn_tui.lab.builds.plans import deploy_outlook
from finn_tui.runs.folder import RunFolder
from tests.board import samples
from tests.sources import syntax_tree


def change(run: Path, **values: Any) -> None:
    path = run / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_run(run_folder: Path) -> None:
    what = package(run_folder)
    assert (what.flavour, what.bitfile) == ("finn-plus", "bitfile/finn-accel.bit")
    assert what.clock_mhz == 1e3 / samples.CLOCK_NS and what.simulated
    assert what.fps == pytest.approx(1e9 / samples.CLOCK_NS / samples.II)
    assert what.folder == f"runs/{run_folder.name}"


def test_the_clock_is_what_it_was_built_for(run_folder: Path) -> None:
    change(run_folder, clock_ns=5.0)
    assert package(run_folder).clock_mhz == 200.0
    (run_folder / "run.json").unlink()
    assert package(run_folder).clock_mhz == 100.0, "settings.json says it too"


def test_a_deployment_package_by_itself(run_folder: Path) -> None:
    what = package(run_folder / "build" / "deploy")
    assert what.root == run_folder / "build" / "deploy" and what.fps is None
    assert what.dataset == "mnist"


def test_broken_documents_are_named(run_folder: Path) -> None:
    (run_folder / "run.json").write_text("{")
    with pytest.raises(FinnTuiError, match=r"run\.json cannot be read"):
        package(run_folder)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("run.json", '{"clock_ns": 0}', "clock_ns = 0 is not valid. A period in ns."),
        ("run.json", '{"estimate": {"fps": "fast"}}', "estimate.fps = 'fast' is not valid"),
        ("run.json", '{"source": []}', "source = [] is not a table"),
        (
            "build/deploy/driver/settings.json",
            '{"driver_information": {"fclk_mhz": "x"}}',
            "driver_information.fclk_mhz = 'x' is not valid. A clock in MHz.",
        ),
    ],
)
def test_values_of_another_type_are_named(
    run_folder: Path, name: str, text: str, problem: str
) -> None:
    (run_folder / name).write_text(text)
    with pytest.raises(FinnTuiError, match=f"{name} cannot be read") as caught:
        package(run_folder)
    assert problem in caught.value.why


def test_test_sets_have_the_name_of_what_they_hold(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(run_folder, source={"weights": {"dataset": "digits28"}})
    what = package(run_folder)
    files = validation_files(what)
    assert shown_name(what, files) == "digits28"
    common = paths.data_dir() / "datasets" / "mnist"
    common.mkdir(parents=True)
    for name, path in files.items():
        path.rename(common / name)
    elsewhere = validation_files(package(run_folder))
    assert all(path.parent == common for path in elsewhere.values())
    # Files of that name are the published set only if their checksums are.
    assert shown_name(what, elsewhere) == "unverified files (mnist format)"
    md5 = {name: locate.md5(str(path)) for name, path in elsewhere.items()}
    entry = published.MNIST._replace(md5=md5)
    monkeypatch.setitem(published.PUBLISHED, "mnist", entry)
    assert shown_name(what, elsewhere) == "mnist"


def test_an_archive_is_unpacked_where_it_is_needed(run_folder: Path) -> None:
    change(run_folder, dataset="cifar10")
    common = paths.data_dir() / "datasets" / "cifar10"
    common.mkdir(parents=True)
    with pytest.raises(FinnTuiError) as caught:
        validation_files(package(run_folder))
    assert str(common) in caught.value.fix and "cifar-10-python.tar.gz" in caught.value.fix
    assert caught.value.kind == "input"
    with tarfile.open(common / "cifar-10-python.tar.gz", "w:gz") as tar:
        info = tarfile.TarInfo("cifar-10-batches-py/test_batch")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"abcde"))
    files = validation_files(package(run_folder))
    assert files["test_batch"].read_bytes() == b"abcde"
    (common / "cifar-10-python.tar.gz").write_bytes(b"broken")
    assert validation_files(package(run_folder)) == files, "unpacked once"
    files["test_batch"].unlink()
    with pytest.raises(FinnTuiError, match="cannot be unpacked"):
        validation_files(package(run_folder))


def test_runs_without_a_test_set(run_folder: Path) -> None:
    change(run_folder, dataset="imagenet")
    with pytest.raises(FinnTuiError, match="names no test set"):
        validation_files(package(run_folder))


def test_the_agent_is_python_3_8() -> None:
    """Old PYNQ images have nothing newer."""
    folder = Path(agent.__file__).parent
    for path in folder.glob("*.py"):
        syntax_tree(path, (3, 8))
        assert "from __future__ import annotations" in path.read_text() or path.stem == "__init__"


def test_what_is_deployed_names_the_test_set_by_its_true_name(run_folder: Path) -> None:
    change(
        run_folder,
        model="tfc-w1a1",
        created="2026-11-23T12:00:00Z",
        folding={},
        folding_name="published",
        board="Pynq-Z2",
        part="xc7z020clg400-1",
        source={"weights": {"dataset": "mnist-10k"}},
    )
    assert deploy_outlook(RunFolder(run_folder)).dataset == "mnist-10k"
    for path in (run_folder / "dataset").iterdir():
        path.unlink()
    assert deploy_outlook(RunFolder(run_folder)).dataset == "mnist"
