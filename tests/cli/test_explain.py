"""`explain`: text, JSON and drawings, without an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def test_the_lab_s_example_needs_no_model(cli: Cli, recorded: dict[str, str]) -> None:
    done = cli("explain", "lab", env=recorded)
    assert done.code == 0, done.err
    for number in (1, 2, 3, 4):
        assert f"Question {number}:" in done.out
    assert "NF 8/4 x SF 8/1 = 16 cycles a vector" in done.out
    assert "18 x 16" in done.out
    larger = cli("explain", "lab", "8x8", "--pe", "8", "--simd", "8", "--json", env=recorded).json
    assert larger["matrix"]["cycles_per_vector"] == 1
    assert larger["matrix"]["weight_memory_width"] == 64


def test_a_layer_in_its_folding_and_in_another(cli: Cli, recorded: dict[str, str]) -> None:
    answer = cli("explain", "cnv-w1a1", "MVAU_hls_1", "--json", env=recorded).json
    assert answer["matrix"]["cycles"] == answer["finn_cycles"] == 28224
    assert answer["convolution"]["image_matrix"] == [576, 784]
    other = cli(
        "explain", "cnv-w1a1", "1", "--pe", "64", "--simd", "576", "--json", env=recorded
    ).json
    assert other["matrix"]["cycles"] == other["finn_cycles"] == 784
    # A window generator stands for the product that it feeds.
    feeding = cli("explain", "cnv-w1a1", "ConvolutionInputGenerator_rtl_1", "--json", env=recorded)
    assert feeding.json["layer"] == "MVAU_hls_1"


def test_a_drawing_is_written(cli: Cli, recorded: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "new" / "q1.svg"
    done = cli("explain", "tfc-w1a1", "0", "--question", "1", "--svg", str(path), env=recorded)
    assert done.code == 0, done.err
    assert path.read_text().startswith("<svg")
    assert not done.out
    done = cli("explain", "lab", "--question", "1", "--svg", str(path), "--text", env=recorded)
    assert "PE 0" in done.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("lab", "--svg", "a.svg"), "Add --question"),
        (("lab", "8x8", "--pe", "3"), "PE 3 does not divide the 8 rows"),
        (("lab", "8x8", "--question", "3", "--svg", "a.svg"), "has no drawing for question 3"),
        (("lab", "banana"), "is not a folded matrix"),
        (("tfc-w1a1", "MVAU_9"), "has no layer MVAU_9"),
    ],
)
def test_wrong_use_is_explained(
    cli: Cli, recorded: dict[str, str], arguments: tuple[str, ...], says: str
) -> None:
    done = cli("explain", *arguments, env=recorded)
    assert done.code == 2
    assert says in done.err
