"""From a folded network to a validated board on the command line: the lab's main job."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli import contract
from tests.cli.conftest import Cli
from tests.engine.conftest import ROOT

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.usefixtures("engine_python")]


@pytest.fixture(scope="module")
def built(cli_home: Path) -> dict[str, Any]:
    """One rehearsal build for this module, made on first use by the test that asks."""
    return {}


def the_build(cli: Cli, built: dict[str, Any]) -> dict[str, Any]:
    if not built:
        done = cli("build", "tfc-w1a1", "--rehearse", "--seconds", "4", "--json")
        assert done.code == 0, done.err
        built.update(done.json)
    return built


def test_a_rehearsal_build_succeeds_and_says_simulated(cli: Cli, built: dict[str, Any]) -> None:
    answer = the_build(cli, built)
    assert answer["state"] == "succeeded"
    assert answer["simulated"] is True
    folder = Path(answer["folder"])
    assert (folder / "build/deploy/bitfile/finn-accel.bit").is_file()
    results = json.loads((folder / "results.json").read_text())
    assert results["post_synthesis"]["simulated"] is True
    assert results["timing"]["simulated"] is True
    assert results["estimate"]["ii_cycles"] == 64


_OPEN_ALL = """
import sys
from finn_tui.engine.server import graphs
from finn_tui.engine.server.finn import finn_env
from finn_tui.engine.server.preparing import opening
finn_env.steps()
for path in sys.argv[1:]:
    stage = opening.open_graph(path)
    print("opened", stage.kind, len(stage.model.graph.node))
"""


def test_every_graph_that_a_build_leaves_opens(
    cli: Cli, built: dict[str, Any], engine_python: str
) -> None:
    folder = Path(the_build(cli, built)["folder"]) / "build" / "intermediate_models"
    whole = sorted(folder.glob("*.onnx"))
    assert {"step_generate_hardware", "step_synthesize_bitfile"} <= {path.stem for path in whole}
    ran = subprocess.run(
        [engine_python, "-c", _OPEN_ALL, *map(str, whole)],
        cwd=ROOT,
        timeout=200,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    opened = [line.split() for line in ran.stdout.splitlines() if line.startswith("opened ")]
    # Whatever the build had inserted by then, and whatever it had cut out of what.
    assert len(opened) == len(whole)
    assert {kind for _, kind, _ in opened} == {"dataflow"}
    assert len({nodes for _, _, nodes in opened}) == 1


def test_the_board_computes_what_the_software_computes(cli: Cli, built: dict[str, Any]) -> None:
    answer = the_build(cli, built)
    done = cli("go", answer["run"], "--to", "simulated", "--json")
    assert done.code == 0, done.err
    board = done.json
    absent = contract.missing("go", [board])
    # What was missing, and images that differ, are not in a result without any.
    assert not {key for key in absent if "missing." not in key and ".differences." not in key}
    validation = board["validate"]
    assert board["execute"]["class"] == board["execute"]["software"]
    assert validation["software_same"] == validation["images"] == 400
    sample = Path(answer["folder"]) / "sample"
    software, labels = np.load(sample / "software.npy"), np.load(sample / "labels.npy")
    assert validation["percent"] == pytest.approx(100 * float((software == labels).mean()))
    # The stand-in takes the time of II at the clock: the driver cannot measure more than that.
    assert board["throughput"]["images_per_s"] <= 1e8 / 64
    assert board["throughput"]["images_per_s"] > 0.5 * 1e8 / 64
    assert board["throughput"]["batch"] and board["throughput"]["clock_mhz"] == 100
    for part in ("execute", "throughput", "validate"):
        assert board[part]["simulated"] is True


@pytest.fixture(scope="module")
def cases(engine_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The networks of ``make_cases.py``."""
    folder = tmp_path_factory.mktemp("cases")
    script = Path(__file__).resolve().parents[1] / "engine" / "make_cases.py"
    subprocess.run([engine_python, str(script), str(folder)], check=True, capture_output=True)
    return folder


def test_an_own_network_is_compared_with_the_software(cli: Cli, cases: Path) -> None:
    """Scores and no top-1, no test set: nothing to validate, and a difference is said."""
    done = cli("build", str(cases / "bias.onnx"), "--rehearse", "--seconds", "2", "--json")
    assert done.code == 0, done.err
    run, folder = done.json["run"], Path(done.json["folder"])
    answer = cli("go", run, "--to", "simulated")
    assert answer.code == 0, answer.err
    assert "not validated" in answer.out and "names no test set" in answer.out
    assert "board against software on 20 samples: classes equal, outputs equal" in answer.out
    images = np.load(folder / "sample" / "images.npy")
    software = np.load(folder / "sample" / "software.npy")
    np.savez(folder / "mine.npz", images=images, labels=software)
    own = cli("validate", run, "--to", "simulated", "--dataset", str(folder / "mine.npz"), "--json")
    assert own.code == 0 and (own.json["percent"], own.json["dataset"]) == (100.0, "mine.npz")
    assert own.json["comparison"]["outputs_equal"] == 20
    assert "names no test set" in cli("validate", run, "--to", "simulated").out
    outputs = np.load(folder / "sample" / "outputs.npy")
    outputs[3] += 1.0
    np.save(folder / "sample" / "outputs.npy", outputs)
    wrong = cli("go", run, "--to", "simulated")
    assert wrong.code == 1
    assert "1 of 20 outputs differ, first in sample 3" in wrong.out
    assert "computes something else than the network in software" in wrong.err


def test_deploying_again_sends_nothing(cli: Cli, built: dict[str, Any]) -> None:
    answer = the_build(cli, built)
    cli("deploy", answer["run"], "--to", "simulated")
    again = cli("deploy", answer["run"], "--to", "simulated", "--json").json
    assert not contract.missing("deploy", [again])
    assert again["sent"] == [] and again["bytes_sent"] == 0


def test_a_series_takes_what_is_built_and_measures_it(cli: Cli, built: dict[str, Any]) -> None:
    answer = the_build(cli, built)
    done = cli("sweep", "tfc-w1a1", "--foldings", "published", "--rehearse", "--json")
    assert done.code == 0, done.err
    (row,) = done.json["foldings"]
    assert (row["run"], row["reused"], row["status"]) == (answer["run"], True, "done")
    assert cli("sweep", "tfc-w1a1").code == 2


def test_the_table_of_experiments_in_all_its_forms(cli: Cli, built: dict[str, Any]) -> None:
    answer = the_build(cli, built)
    (row,) = [
        row
        for row in cli("experiments", "--json").json["experiments"]
        if row["run"] == answer["run"]
    ]
    assert (row["folding"], row["ii_cycles"], row["simulated"]) == ("published", 64, True)
    lines = list(csv.DictReader(io.StringIO(cli("experiments", "--csv").out)))
    assert answer["run"] in [line["run"] for line in lines]
    assert float(lines[-1]["estimated_LUT"]) == row["estimated"]["LUT"]
    for form in ((), ("--md",)):
        text = cli("experiments", *form).out
        (line,) = [line for line in text.splitlines() if answer["run"] in line]
        assert "SIMULATED" in line


def test_runs_are_listed_shown_and_their_logs_read(cli: Cli, built: dict[str, Any]) -> None:
    answer = the_build(cli, built)
    assert "SIMULATED" in cli("runs").out
    shown = cli("runs", "show", answer["run"], "--json").json
    assert [step["status"] for step in shown["steps"]] == ["finished"] * len(shown["steps"])
    assert "step_synthesize_bitfile" in [step["name"] for step in shown["steps"]]
    listed = cli("logs", answer["run"], "--list").out
    assert "MVAU_hls_0" in listed and "impl_1" in listed
    log = cli("logs", answer["run"], "--file", "impl_1").out
    assert "SIMULATED" in log and "write_bitstream completed successfully" in log
    assert "Running step" in cli("logs", "last", "-f").out


def test_a_detached_build_is_cancelled_and_stays_so(cli: Cli) -> None:
    done = cli("build", "tfc-w1a1", "--rehearse", "--seconds", "120", "--detach", "--json")
    assert done.code == 0, done.err
    name = done.json["run"]
    assert done.json["state"] in ("queued", "running")
    assert cli("cancel", name, "--json").json["state"] == "cancelled"
    attached = cli("attach", name, "--json")
    assert attached.code == 1
    assert attached.json["state"] == "cancelled"


def test_without_tools_a_real_build_is_refused(cli: Cli) -> None:
    done = cli("build", "tfc-w1a1", env={"PATH": "/usr/bin:/bin", "XILINX_VIVADO": ""})
    assert done.code == 1
    assert "vivado" in done.err.lower() and "--rehearse" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("runs", "show", "nothing"), "no run called nothing"),
        (("go", "nothing"), "no run called nothing"),
        (("boards", "test", "simulatd"), "did you mean simulated"),
        (("boards", "add", "simulated", "--host", "x"), "cannot be called"),
    ],
)
def test_wrong_names_are_answered(cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    done = cli(*arguments)
    assert done.code == 2, done.err
    assert message in done.err and "Traceback" not in done.err


def test_the_demo_runs_the_whole_path_as_plain_text(cli: Cli, cli_home: Path) -> None:
    done = cli("demo", "--seconds", "3", env={"FINN_TUI_WORKSPACE": str(cli_home / "demo")})
    assert done.code == 0, done.err
    for word in (
        "prepare",
        "fold",
        "estimate",
        "build",
        "deploy",
        "execute",
        "throughput",
        "validate",
    ):
        assert f"\n{word} " in "\n" + done.out, word
    assert "succeeded" in done.out
    assert done.out.rstrip().endswith("SIMULATED")


def test_a_folding_that_finn_cannot_build_is_refused_before_it_is_begun(cli: Cli) -> None:
    done = cli("build", "cnv-w1a1", "--folding", "ones", "--rehearse", "--json")
    assert done.code == 2, done.err
    assert "MVAU_hls_3 has SIMD 1 and needs at least 2" in done.json["error"]["what"]
