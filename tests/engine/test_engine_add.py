"""`engine add`: what a user points at is found out, tried and remembered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from finn_tui.base import environments, paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.engines import engine as command
from finn_tui.engine import catalogue, provision, recipes, targets
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.preparing import opening

from . import fake_finn


@pytest.fixture(autouse=True)
def _no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FINN_TUI_ENGINE_PYTHON", raising=False)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Sources that bring their own qonnx, with empty packages instead of an environment."""
    root = fake_finn.checkout(tmp_path / "finn-0.9")
    fake_finn.packages(root / "deps/qonnx/src", "qonnx.core.modelwrapper", "numpy", "onnx")
    return root


async def test_each_kind_is_recognised(tmp_path: Path) -> None:
    python = fake_finn.environment(tmp_path / "lab" / ".venv")
    folder = python.parent.parent
    wrapper = tmp_path / "finn-shell"
    wrapper.write_text("#!/bin/sh\n")
    wrapper.chmod(0o755)
    seen = {
        words: await targets.detect(words)
        for words in (
            (str(python),),
            (str(folder),),
            (str(folder.parent),),
            (str(wrapper),),
            ("env", "A=b c", str(python)),
            (f"env A=b {python}",),
        )
    }
    assert [target.kind for target in seen.values()] == [
        "interpreter",
        "virtual environment",
        "virtual environment",
        "wrapper command",
        "command",
        "command",
    ]
    commands = [target.command for target in seen.values()]
    assert commands[0] == commands[1] == commands[2] == (str(python),)
    assert commands[3] == (str(wrapper),)
    assert commands[4][1:] == ("A=b c", str(python)) and commands[5][1:] == ("A=b", str(python))


async def test_what_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").write_text("")
    (tmp_path / "link").symlink_to("/nowhere/python")
    monkeypatch.chdir(tmp_path)
    for word, message in (
        ("text", "cannot be executed"),
        (str(tmp_path / "link"), "link to /nowhere/python, which is not there"),
        ("/dev/null", "cannot be executed"),
        (str(tmp_path), "holds no Python and no FINN"),
        (str(tmp_path / "text"), "cannot be executed"),
        (str(tmp_path / "nothing"), "there is no"),
        ("no-such-program-here", "there is no"),
    ):
        with pytest.raises(FinnTuiError, match=message):
            await targets.detect((word,))


async def test_a_program_that_is_no_python_is_said_to_be_none() -> None:
    for program, said in (("true", "said nothing"), ("cat", "no text")):
        with pytest.raises(FinnTuiError, match="ended with exit code") as caught:
            await provision.add("lab", [program])
        assert said in caught.value.why and "must be a Python" in caught.value.fix
    assert not catalogue.engines()


def test_a_checkout_is_added_and_says_what_it_lacks(checkout: Path) -> None:
    arguments = ["add", "finn-0.9", str(checkout / "src"), "--python", sys.executable]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert "finn like 0.8.1 (sources" in result.output and "FINN checkout" in result.output
    assert "stages from convert_to_hls on" in result.output
    assert "deps has no finn-hlslib, cnpy, board_files" in result.output
    assert '["finn-0.9"]' in (paths.config_dir() / "engines.toml").read_text()
    spec = catalogue.find("finn-0.9")
    assert spec is not None and spec.info is not None
    assert spec.info["root"] == str(checkout) and spec.command[-1] == sys.executable
    removed = CliRunner().invoke(command, ["remove", "finn-0.9", "--yes"])
    assert removed.exit_code == 0 and "finn-0.9" not in catalogue._engines_file().read_text()


def test_a_builder_that_cannot_be_imported_is_said_at_once(checkout: Path) -> None:
    (checkout / "src/finn/builder/build_dataflow_steps.py").write_text("import onnxscript\n")
    result = CliRunner().invoke(command, ["add", "lab", str(checkout), "--python", sys.executable])
    assert result.exit_code == 1
    assert "it needs the package onnxscript" in result.output
    for line, words in (
        ("import finn.newer", ("its own finn.newer is not there", "incomplete, or one that")),
        ("from finn import newer", ("imported: cannot import name 'newer'", "incomplete, or")),
        ("from qonnx import ApplyConfig", ("The qonnx of", "does not go with the FINN")),
        ("import qonnx.gone", ("The qonnx of", "engine install --finn-root")),
    ):
        (checkout / "src/finn/builder/build_dataflow_steps.py").write_text(
            f"import qonnx\n{line}\n"
        )
        arguments = ["add", "lab", str(checkout), "--python", sys.executable]
        result = CliRunner().invoke(command, arguments)
        assert all(each in result.output for each in words), result.output
    assert not catalogue.engines()


def test_other_sources_in_the_same_folder_are_asked_again(checkout: Path) -> None:
    CliRunner().invoke(command, ["add", "lab", str(checkout), "--python", sys.executable])
    spec = catalogue.find("lab")
    assert spec is not None and spec.info is not None
    (checkout / ".git").mkdir()
    (checkout / ".git/HEAD").write_text("ref: refs/heads/dev\n")
    spec = catalogue.find("lab")
    assert spec is not None and spec.info is None


async def test_a_python_without_the_dependencies_is_not_kept(tmp_path: Path) -> None:
    root = fake_finn.checkout(tmp_path / "finn")
    with pytest.raises(FinnTuiError, match="cannot run the FINN in") as caught:
        await provision.add("lab", [str(root)], sys.executable)
    assert "No module named" in caught.value.why and "--finn-root" in caught.value.fix
    with pytest.raises(FinnTuiError, match="has no FINN"):
        await provision.add("lab", [sys.executable])
    assert not catalogue.engines()


async def test_names_that_are_taken_or_no_names(tmp_path: Path) -> None:
    folder = catalogue.engine_folder("managed")
    fake_finn.environment(folder)
    environments.write_marker(folder, {"version": "1"})
    for name, message in (
        ("managed", "already"),
        ("finn-plus", "is the engine that finn-tui installs"),
        ("../x", "cannot be called"),
        ("", "cannot be called"),
    ):
        with pytest.raises(FinnTuiError, match=message):
            await provision.add(name, [sys.executable])


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('[finn-0.10.1]\ncommand = ["python3"]\n', "finn-0.10.1"),
        ('[lab.old]\ncommand = ["python3"]\n', "lab.old"),
    ],
)
def test_a_version_as_a_name_wants_quotation_marks(content: str, name: str) -> None:
    paths.config_dir().mkdir(parents=True)
    (paths.config_dir() / "engines.toml").write_text(content)
    with pytest.raises(FinnTuiError) as caught:
        catalogue.find(name)
    assert f'["{name}"]' in caught.value.fix
    (paths.config_dir() / "engines.toml").write_text(content.replace(f"[{name}]", f'["{name}"]'))
    spec = catalogue.find(name)
    assert spec is not None and spec.command == ("python3",)


def test_what_finn_tui_brings_comes_before_others() -> None:
    for name in ("finn-0.9", "finn-plus", "finn-plus-1.4.0"):
        fake_finn.environment(catalogue.engine_folder(name))
        environments.write_marker(catalogue.engine_folder(name), {"version": "1"})
    assert [spec.name for spec in catalogue.engines()] == [
        "finn-plus",
        "finn-0.9",
        "finn-plus-1.4.0",
    ]


def test_recipes_follow_what_the_sources_need(tmp_path: Path) -> None:
    old = recipes.Checkout(fake_finn.checkout(tmp_path / "old"))
    split = recipes.Checkout(fake_finn.checkout(tmp_path / "split", split=True))
    assert (old.qonnx, split.qonnx) == ("qonnx==0.1", "qonnx==0.4.0")
    (split.root / "src/finn/transformation/general.py").write_text("class ApplyConfig: ...\n")
    assert split.qonnx == "qonnx==1.0.0"
    assert not old.needs_old_numpy
    (old.root / "src/finn/util/data.py").write_text("x = np.str(3)\n")
    assert old.needs_old_numpy
    assert any("old-numpy" in each for each in recipes.upstream("x", old).arguments[0])
    (old.root / "deps/qonnx/src/qonnx").mkdir(parents=True)
    assert old.qonnx is None and len(old.paths) == 2


async def test_versions_of_finn_plus() -> None:
    arguments = recipes.finn_plus("x", "1.4.0").arguments[-1]
    assert {"finn-plus==1.4.0", "onnx-passes", "psutil==7.2.2"} <= set(arguments)
    assert not any(each.startswith("onnx==") for each in arguments)
    assert recipes.finn_plus().version == recipes.finn_plus("x", "1.6.1").version
    assert [recipes.full_version(each) for each in ("1.6", "1.6.1")] == ["1.6.0", "1.6.1"]
    with pytest.raises(FinnTuiError, match="no version of finn-plus"):
        await provision.install(version="1.4; rm")
    with pytest.raises(FinnTuiError, match="no FINN checkout"):
        await provision.install(finn_root=Path("/"))


def test_modules_that_are_not_there_are_stood_in_for(tmp_path: Path) -> None:
    root = fake_finn.checkout(tmp_path / "finn")
    code = (
        "import sys\n"
        "from finn_tui.engine.server.finn import finn_env, stand_ins\n"
        "steps, config = finn_env.steps()\n"
        "assert {'finn.util.test', 'torch'} <= set(stand_ins._registered)\n"
        "try:\n"
        "    finn_env.torch_ready()\n"
        "except Exception as error:\n"
        "    print(error.what)\n"
        "from finn_tui.engine.server.finn import finn_api\n"
        "print(finn_api.prepared_by(config.default_build_dataflow_steps))\n"
        "print(finn_api.minimal_fifos(object()))\n"
        "print(finn_api.inserted_op('StreamingDataWidthConverter'))\n"
        "for method in (lambda: 3, lambda part: part):\n"
        "    print(finn_api.with_part(method, 'part')())\n"
    )
    path = f"{root / 'src'}:{Path(__file__).resolve().parents[2]}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": path, "PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.stdout.splitlines() == [
        "This engine cannot make a Brevitas network",
        "step_create_dataflow_partition",
        "{'auto_fifo_depths': False}",
        "StreamingDataWidthConverter_Batch",
        "3",
        "part",
    ], done.stdout


@pytest.mark.parametrize(
    ("ops", "maker", "remedy"),
    [
        ("StreamingFCLayer_Batch Thresholding_Batch", "FINN before 0.8", ""),
        ("MatrixVectorActivation ConvolutionInputGenerator_rtl", "FINN 0.8 or 0.9", "0.9"),
        ("Thresholding_Batch", "FINN 0.9 or older", "0.9"),
        ("MVAU_hls StreamingMaxPool_hls Thresholding_rtl", "FINN 0.10 or 0.10.1", "0.10.1"),
        ("MVAU StreamingMaxPool Thresholding", "FINN 0.10 or 0.10.1", "0.10.1"),
        ("MVAU_hls Pool_hls", "finn-plus or FINN dev", "engine install"),
        ("MVAU_hls Reshape_rtl Pool_hls", "finn-plus", "engine install"),
        ("MVAU_hls LabelSelect_hls", "FINN 0.10 or later", "engine install"),
        ("Conv", "", ""),
    ],
)
def test_the_ops_of_a_graph_say_which_finn_opens_it(ops: str, maker: str, remedy: str) -> None:
    said = opening.made_by(ops.split())
    assert said[0] == maker and said[1].endswith(remedy)


def test_a_graph_that_another_finn_made_asks_for_its_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "installed", lambda: "finn-plus 1.6.1")

    def explained(kind: str, maker: str) -> EngineError:
        error = EngineError("FINN stopped", "A reason.", "A fix")
        return opening.explained(error, kind, maker)

    for kind, maker in (("qonnx", ""), ("finn", "finn-plus 1.6.1")):
        assert explained(kind, maker).fix == "A fix"
    assert (
        "made by finn 0.10, and this engine is finn-plus 1.6.1"
        in explained("finn", "finn 0.10").why
    )
    for maker, remedy in (
        ("finn 0.10", "--finn-root FOLDER-OF-FINN-0.10`"),
        ("finn like 0.9 (sources 3c5624e6)", "--finn-root FOLDER-OF-FINN-0.9`"),
        ("finn-plus 1.5.0", "--version 1.5.0`"),
    ):
        fix = explained("finn", maker).fix
        assert f"with an engine of {maker}; `" in fix and remedy in fix
    # Anybody may have written the file: its words are no command to copy.
    for maker in ("finn-plus $(reboot)", "finn-plus --help", "finn 0.9`reboot`"):
        assert "finn-tui engine install" not in explained("finn", maker).fix
    assert explained("hardware", "").fix.startswith("A fix; if another FINN made the file")
