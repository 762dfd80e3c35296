"""The four numbers of the Board screen, and what is read of a run's measurements."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from finn_tui.lab.boards.board_results import end_to_end, read_board_results
from finn_tui.runs.folder import RunFolder
from finn_tui.ui.board.numbers import Figure, lines_wanted, number_lines
from finn_tui.ui.board.view import job_lines
from finn_tui.ui.state import BoardState

FIGURES = [
    Figure("estimate", "1,562,500", "fps", ("100 MHz", "II 64 cycles")),
    Figure("device", "1,552,641", "fps", ("100 MHz", "batch 10,000"), simulated=True),
    Figure("end to end", "304,832", "fps", ("100 MHz", "batch 10,000"), simulated=True),
    Figure("accuracy", about=("V measures it", "d does all of it")),
]


def test_numbers_are_large_where_there_is_room_and_never_without_their_conditions() -> None:
    for width, height, wanted in ((160, 20, 6), (76, 20, 13), (80, 5, 4)):
        assert lines_wanted(FIGURES, width, height) == wanted
        lines = number_lines(FIGURES, width, height)
        text = "\n".join(line.text for line in lines)
        assert len(lines) == wanted and all(line.width <= width for line in lines)
        assert text.count("SIMULATED") == 2 and text.count("batch 10,000") == 2
        assert "V measures it" in text


def test_a_replay_is_marked_in_every_size_and_kept_apart(tmp_path: Path) -> None:
    figures = [replace(figure, replay=figure.simulated) for figure in FIGURES]
    for width, height in ((160, 20), (76, 20), (80, 5)):
        text = "\n".join(line.text for line in number_lines(figures, width, height))
        assert text.count("REPLAY") == text.count("SIMULATED") == 2

    run = RunFolder(tmp_path)
    measured = {"images_per_s": 9.0, "batch": 1, "clock_mhz": 1.0}
    replayed = {**measured, "images_per_s": 5.0, "replay": True}
    run.update_results(
        throughput=measured,
        accuracy={"percent": 1.0, "images": 5},
        replay={"throughput": replayed},
    )
    assert read_board_results(run, "simulated").results["throughput"] == measured
    read = read_board_results(run, "replay:lunch.jsonl")
    assert read.replay and read.results["throughput"] == replayed
    assert "accuracy" not in read.results, "nothing that was measured stands beside a replay"
    text = "\n".join(line.text for line in job_lines(BoardState(results=read.results), 60, 20))
    assert "5.00 images/s REPLAY" in text


def test_end_to_end_counts_packing_and_copying() -> None:
    names = ["fold_input", "pack_input", "copy_input_data_to_device", "runtime"]
    names += ("copy_output_data_from_device", "unpack_output", "unfold_output")
    metrics = {f"{name}[ms]": 1.0 for name in names}
    assert end_to_end({"metrics": metrics, "batch": 7}) == 1000.0
    assert end_to_end({"metrics": {}, "batch": 7}) is None
    assert end_to_end({"end_to_end_images_per_s": 5.0}) == 5.0


def test_worst_classes_and_differing_images_are_read_from_the_run_folder(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    folder = tmp_path / "board" / "lab"
    folder.mkdir(parents=True)
    labels = np.array([0, 0, 1, 1, 2])
    np.savez(folder / "predictions.npz", predictions=np.array([0, 1, 1, 1, 0]), labels=labels)
    images = np.zeros((1, 1, 2, 2), np.uint8)
    np.savez(
        folder / "differences.npz",
        indices=np.array([4]),
        images=images,
        board_classes=np.array([0]),
        software_classes=np.array([2]),
    )
    run.update_results(
        accuracy={"board": "lab", "percent": 60.0, "images": 5, "simulated": False},
        comparison={"board": "lab", "samples": 5, "differs": True, "first": 4},
    )
    read = read_board_results(run)
    assert [(row.name, row.percent) for row in read.worst] == [("2", 0.0), ("0", 50.0)]
    (image,) = read.differing
    assert (image.index, image.board, image.software) == (4, 0, 2)
    # Damaged files are left out; a board's name leads to no folder outside the run.
    (folder / "differences.npz").write_bytes(b"PK")
    (folder / "predictions.npz").write_bytes(b"")
    read = read_board_results(run)
    assert not read.worst and not read.differing
