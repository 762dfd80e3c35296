"""Finding a run's logs and reading them as they grow."""

from __future__ import annotations

from pathlib import Path

from finn_tui.base.text import clean
from finn_tui.runs.logs.tail import Tail, find_logs
from tests.runs.conftest import MakeRun


def test_lines_come_once_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = Tail(path)
    assert tail.read() == []
    path.write_bytes(b"one\r\ntwo\nthr")
    assert tail.read() == ["one", "two"]
    assert tail.read() == []
    with path.open("ab") as file:
        file.write(b"ee\n\nfour")
    assert tail.read() == ["three", ""]
    assert tail.rest() == ["four"]
    assert tail.rest() == []


def test_a_large_log_is_opened_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"line {i}\n" for i in range(1000)))
    lines = Tail(path, last=30).read()
    assert lines == ["line 997", "line 998", "line 999"]
    assert Tail(path, last=10**9).read()[0] == "line 0"


def test_a_log_that_is_begun_anew_is_read_from_its_top(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("a long first line\n")
    tail = Tail(path)
    assert tail.read() == ["a long first line"]
    path.write_text("new\n")
    assert tail.read() == ["new"]
    other = tmp_path / "other"
    other.write_text("replaced by another file\n")
    other.replace(path)
    assert tail.read() == ["replaced by another file"]


def test_reading_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("0123456789\n" * 100)
    tail = Tail(path)
    got = [tail.read(limit=55) for _ in range(30)]
    assert max(len(lines) for lines in got) <= 6
    assert sum(len(lines) for lines in got) == 100


def test_what_a_log_says_cannot_command_the_terminal() -> None:
    text = "\x1b[31mred\x1b[0m \x1b]0;title\x07plain\x1b[2J\ttab\x9b5n\x08 \x1bc end"
    assert clean(text) == "red plain\ttab  end"


def test_bytes_that_are_no_text_do_not_stop_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"ECHO \xb1\xd2\xb0\xca\nnext\n")
    first, second = Tail(path).read()
    assert first.startswith("ECHO ")
    assert second == "next"


def test_logs_are_named_by_what_they_are_about(make_run: MakeRun) -> None:
    run = make_run()
    names = [
        "runner.log",
        "build/build_dataflow.log",
        "finn_build_dir/code_gen_ipgen_MVAU_hls_0_3nmdq768/vitis_hls.log",
        "finn_build_dir/code_gen_ipgen_Thresholding_hls_0__bwrgiyq/vitis_hls.log",
        "finn_build_dir/vivado_stitch_proj_a60r4xwa/vivado.log",
        "finn_build_dir/vivado_stitch_proj_SDP_0_IODMA_hls_0__pzs0w6f/vivado.log",
        "finn_build_dir/vivado_zynq_proj_ha5qt6_z/vivado.log",
        "finn_build_dir/vivado_zynq_proj_ha5qt6_z/finn_zynq_link.runs/top_idma0_0_synth_1/runme.log",
        "finn_build_dir/vivado_zynq_proj_ha5qt6_z/finn_zynq_link.runs/synth_1/runme.log",
        "finn_build_dir/vivado_zynq_proj_ha5qt6_z/finn_zynq_link.runs/impl_1/runme.log",
    ]
    for name in names:
        path = run.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n")
    log_files = find_logs(run)
    assert sorted(str(log.path.relative_to(run.path)) for log in log_files) == sorted(names)
    assert [(log.kind, log.title) for log in log_files] == [
        ("runner", "everything printed"),
        ("finn", "FINN"),
        ("hls", "MVAU_hls_0"),
        ("hls", "Thresholding_hls_0"),
        ("stitch", "stitching"),
        ("stitch", "stitching SDP_0_IODMA_hls_0"),
        ("bitfile", "Zynq project"),
        ("synthesis", "top_idma0_0_synth_1"),
        ("synthesis", "synth_1"),
        ("implementation", "impl_1"),
    ]
