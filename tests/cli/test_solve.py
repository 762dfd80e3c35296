"""`solve` and `pareto` on recorded models: no engine is needed where everything is priced."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Done
from tests.waiting import wait_until


def test_solve_answers_with_the_estimates_document_and_the_proof(
    cli: Cli, recorded: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "found.json"
    done = cli(
        "solve", "cnv-w1a1", "--target-fps", "3000", "--json", "--out", str(out), env=recorded
    )
    assert done.code == 0, done.err
    answer = done.json
    assert answer["optimal"] is True and answer["bound"] == pytest.approx(answer["cost"])
    assert 0 < answer["seconds"] < 20
    assert answer["fps"] >= 3000 and answer["ii_cycles"] <= 33333 and answer["fits"] is True
    assert answer["folding"] == json.loads(out.read_text())
    assert "cheapest" in done.err
    # The folding is legal for us, and its estimate is the one that came with it.
    again = cli("estimate", "cnv-w1a1", "--folding", str(out), "--json", env=recorded)
    assert again.code == 0, again.err
    assert again.json == {key: answer[key] for key in again.json}
    assert answer["extra"]["dwc"]["LUT"] > 0 and answer["extra"]["fifo"]["LUT"] > 0
    # Weighted cost is what it says: shares of the board, converters and FIFOs included.
    whole = {
        name: answer["total"][name] + sum(answer["extra"][kind][name] for kind in ("dwc", "fifo"))
        for name in ("LUT", "BRAM_18K", "DSP")
    }
    cost = sum(whole[name] / answer["budget"][name] for name in whole)
    assert answer["cost"] == pytest.approx(cost)


def test_fill_with_the_whole_part_and_with_less(cli: Cli, recorded: dict[str, str]) -> None:
    whole = cli("solve", "cnv-w1a1", "--fill", "--finn-only", "--json", env=recorded).json
    assert whole["ii_cycles"] == whole["least_cycles"] <= 12_544
    assert whole["fits"] and whole["optimal"] and whole["counted"] == "finn"
    assert whole["binding"][0]["resource"] == "LUT" and whole["binding"][0]["holds"]
    done = cli("solve", "cnv-w1a1", "--fill", "--limit", "LUT=0.7", "BRAM_18K=0.8", env=recorded)
    assert done.code == 0, done.err
    assert "without this limit it could be faster" in done.out
    assert "proved: nothing that fits is cheaper or faster" in done.out
    less = cli(
        "solve", "cnv-w1a1", "--fill", "--limit", "LUT=0.7,BRAM_18K=0.8", "--json", env=recorded
    ).json
    used = less["total"]["LUT"] + less["extra"]["dwc"]["LUT"] + less["extra"]["fifo"]["LUT"]
    assert used <= 0.7 * 53200
    assert less["ii_cycles"] > whole["ii_cycles"]


def test_balance_keeps_the_speed_of_its_start_and_the_locked_layers(
    cli: Cli, recorded: dict[str, str]
) -> None:
    start = cli("estimate", "cnv-w1a1", "--folding", "published", "--json", env=recorded).json
    answer = cli(
        "solve",
        "cnv-w1a1",
        "--balance",
        "--folding",
        "published",
        "--lock",
        "MVAU_hls_0,MVAU_hls_8",
        "--json",
        env=recorded,
    ).json
    assert answer["ii_cycles"] <= start["ii_cycles"]
    before = {layer["name"]: layer["knobs"] for layer in start["layers"]}
    after = {layer["name"]: layer["knobs"] for layer in answer["layers"]}
    assert before != after
    for name in ("MVAU_hls_0", "MVAU_hls_8"):
        assert after[name] == before[name]


def test_no_dearer_than_another_folding_in_any_resource(cli: Cli, recorded: dict[str, str]) -> None:
    def bill(answer: dict[str, Any]) -> dict[str, float]:
        extra = answer["extra"]
        return {
            name: answer["total"][name] + extra["dwc"][name] + extra["fifo"][name]
            for name in ("LUT", "BRAM_18K", "URAM", "DSP")
        }

    published = cli("estimate", "cnv-w1a1", "--folding", "published", "--json", env=recorded).json
    fps = str(published["fps"])
    arguments = ("solve", "cnv-w1a1", "--target-fps", fps, "--json")
    free = cli(*arguments, env=recorded).json
    held = cli(*arguments, "--no-dearer-than", "published", env=recorded).json
    assert bill(free)["LUT"] > bill(published)["LUT"]
    for name, amount in bill(held).items():
        assert amount <= bill(published)[name] + 1e-6
    assert held["ii_cycles"] <= published["ii_cycles"]
    # With the present bill as limit there is nothing faster to be had than it can pay.
    solved = cli(
        "solve", "cnv-w1a1", "--fill", "--no-dearer-than", "published", "--json", env=recorded
    ).json
    assert solved["ii_cycles"] < published["ii_cycles"] and solved["binding"]


def test_held_knobs_stay_and_the_scarcest_can_come_first(
    cli: Cli, recorded: dict[str, str]
) -> None:
    arguments = ("solve", "cnv-w1a1", "--target-fps", "1000", "--folding", "published", "--json")
    held = cli(*arguments, "--hold", "ram_style", env=recorded).json
    start = cli("estimate", "cnv-w1a1", "--folding", "published", "--json", env=recorded).json
    for before, after in zip(start["layers"], held["layers"], strict=True):
        assert before["knobs"].get("ram_style") == after["knobs"].get("ram_style")

    def shares(answer: dict[str, Any]) -> list[float]:
        extra = answer["extra"]
        return [
            (answer["total"][name] + extra["dwc"][name] + extra["fifo"][name])
            / answer["budget"][name]
            for name in ("LUT", "BRAM_18K", "DSP")
        ]

    least = cli(*arguments, env=recorded).json
    even = cli(*arguments, "--minimise", "scarcest", env=recorded).json
    assert max(shares(even)) < max(shares(least)) and sum(shares(even)) > sum(shares(least))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Give one of --target-fps N, --fill and --balance"),
        (("--fill", "--balance"), "Give one of"),
        (("--fill", "--limit", "LUT"), "RESOURCE=SHARE"),
        (("--fill", "--limit", "FF=0.5"), "FF is not a resource that can be limited"),
        (("--fill", "--limit", "LUT=30000"), "cannot be"),
        (("--fill", "--weight", "LUT=-1"), "a weight of -1 for LUT cannot be"),
        (("--fill", "--lock", "MVAU_9"), "no layer MVAU_9"),
        (("--fill", "--hold", "PEE"), "no knob PEE to hold"),
        (("--fill", "--no-dearer-than", "setfolding"), "folds for a target"),
        (("--balance", "--no-dearer-than", "best"), "no folding called best"),
        (("--fill", "extra"), "unexpected extra argument"),
        (("--target-fps", "0"), "target rate 0 frames/s is out of range"),
        (("--target-fps", "3000", "--folding", "best"), "no folding called best"),
    ],
)
def test_wrong_use_exits_with_2(
    cli: Cli, recorded: dict[str, str], arguments: tuple[str, ...], message: str
) -> None:
    done = cli("solve", "tfc-w1a1", *arguments, env=recorded)
    assert done.code == 2, done.err
    assert message in done.err and "Traceback" not in done.err
    assert done.out == ""


def test_what_cannot_be_reached_exits_with_1_and_says_why(
    cli: Cli, recorded: dict[str, str]
) -> None:
    fast = cli("solve", "cnv-w1a1", "--target-fps", "50000", env=recorded)
    assert fast.code == 1 and "MVAU_hls_1 needs at least 4,704 cycles" in fast.err
    done = cli(
        "solve", "cnv-w1a1", "--target-fps", "3000", "--limit", "LUT=0.2", "--json", env=recorded
    )
    assert done.code == 1
    assert done.json["error"]["kind"] == "infeasible"
    assert "LUT" in done.json["error"]["why"] and "the limit is 10,640" in done.json["error"]["why"]


def test_a_front_as_a_table_a_drawing_and_json(cli: Cli, recorded: dict[str, str]) -> None:
    arguments = ("pareto", "tfc-w1a1", "--points", "6", "--no-setfolding")
    drawn = cli(*arguments, "--plot", env=recorded)
    assert drawn.code == 0, drawn.err
    assert "frames per second" in drawn.out and "oo solve" in drawn.out
    assert "\x1b" not in drawn.out
    answer = cli(*arguments, "--json", env=recorded).json
    points = answer["points"]
    assert len(points) > 2 and answer["setfolding"] == []
    for faster, slower in itertools.pairwise(points):
        assert faster["fps"] > slower["fps"] and faster["cost"] > slower["cost"]
    for point in points:
        # The largest share is found to a thousandth of itself.
        assert point["bound"] >= 0.998 * point["cost"] and point["fits"]
        assert point["scarcest"]["resource"] in answer["budget"]


def test_ctrl_c_ends_it_and_leaves_no_process(recorded: dict[str, str]) -> None:
    import psutil

    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "finn_tui.cli",
            "pareto",
            "cnv-w1a1",
            "--points",
            "200",
            "--no-setfolding",
        ],
        env={**os.environ, **recorded},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "pareto" in line:
            break
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130 and out == "" and "Traceback" not in err
    ended = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)  # whoever has still to ask for it
    wait_until(
        lambda: not [one for one in children if one.is_running() and one.status() not in ended]
    )


@pytest.mark.engine
@pytest.mark.usefixtures("engine_python")
def test_finns_own_heuristic_stands_beside_the_front(cli: Cli) -> None:
    done: Done = cli("pareto", "tfc-w1a1", "--points", "3", "--json")
    assert done.code == 0, done.err
    answer: dict[str, Any] = done.json
    assert [point["target_cycles"] for point in answer["setfolding"]] == [
        point["target_cycles"] for point in answer["points"]
    ]
    for ours, heuristic in zip(answer["points"], answer["setfolding"], strict=True):
        if heuristic["ii_cycles"] <= ours["target_cycles"]:
            assert ours["cost"] <= heuristic["cost"] + 1e-9
    shown = cli("pareto", "tfc-w1a1", "--points", "3", "--plot")
    assert "SetFolding: II" in shown.out and "xx SetFolding" in shown.out


def test_a_clock_that_the_workspace_chose_is_said(cli: Cli, recorded: dict[str, str]) -> None:
    settings = Path(recorded["FINN_TUI_WORKSPACE"]) / "finn-tui.toml"
    settings.write_text("clock_ns = 5.0\n")
    try:
        told = cli("estimate", "tfc-w1a1", "--json", env=recorded)
        asked = cli("estimate", "tfc-w1a1", "--clock-ns", "10", "--json", env=recorded)
    finally:
        settings.unlink()
    assert told.json["clock_ns"] == 5 and "5 ns, as the workspace's finn-tui.toml says" in told.err
    assert asked.json["clock_ns"] == 10 and "finn-tui.toml" not in asked.err
