"""The zip as a teacher opens it: real PDFs of a workspace with rehearsed runs."""

from __future__ import annotations

import io
import os
import re
import struct
import zipfile
import zlib
from pathlib import Path

import msgspec
import pypdf
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.course import definition, notes, pictures
from finn_tui.lab.course.definition import Course
from finn_tui.lab.models.presets import presets
from finn_tui.lab.report import submission
from finn_tui.lab.report.submission import Submission
from finn_tui.lab.workspace import Workspace
from tests.lab.report.conftest import rewrite

pytestmark = pytest.mark.usefixtures("typesetter")

SCREEN = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 60"><style>@font-face { font-family:'
    ' "Fira Code"; src: url("https://elsewhere.test/f.woff2"); }</style>'
    '<text x="5" y="30" font-family="monospace">PE 16</text></svg>'
)


async def write(workspace: Workspace) -> Submission:
    return await submission.write(workspace, definition.load(), "G7", workspace.root / "G7.zip")


def read(done: Submission, name: str) -> bytes:
    with zipfile.ZipFile(done.path) as archive:
        return archive.read(f"G7_lab_FINN/{name}")


def pdf_text(done: Submission, name: str) -> str:
    document = pypdf.PdfReader(io.BytesIO(read(done, name)))
    return " ".join(" ".join(page.extract_text() for page in document.pages).split())


async def test_the_zip_has_what_the_lab_asks_for(student: Workspace) -> None:
    notes.init(student, definition.load())
    (student.root / "report" / "part3.md").write_text(
        "# Folding\n\nThe **second** layer decides.\n\n[[table]]\n", encoding="utf-8"
    )
    pictures.save_screen(student, "Part3", "Part3 board/accuracy", SCREEN)
    done = await write(student)
    with zipfile.ZipFile(done.path) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    top = "G7_lab_FINN"
    for needed in (
        f"{top}/Part1/",
        f"{top}/Part2/",
        f"{top}/Part3/Part3-board-accuracy.svg",
        f"{top}/Part3/Part3-board-accuracy.png",
        f"{top}/Part3/Part3-tfc-w1a1-experiments-SIMULATED.csv",
        f"{top}/Part3/Part3-throughput-against-lut-SIMULATED.svg",
        f"{top}/Report.pdf",
        f"{top}/Question.pdf",
    ):
        assert needed in names
    assert all(name.startswith(f"{top}/") for name in names)
    assert b"elsewhere.test" not in read(done, "Part3/Part3-board-accuracy.svg")
    assert read(done, "Part3/Part3-board-accuracy.png").startswith(b"\x89PNG")
    report = pdf_text(done, "Report.pdf")
    assert "The second layer decides." in report
    assert "1,550,861" in report and "17,561" in report
    assert "Question 1" in pdf_text(done, "Question.pdf")


async def test_rehearsed_figures_and_data_sets_are_named(student: Workspace) -> None:
    done = await write(student)
    assert done.simulated
    report = pdf_text(done, "Report.pdf")
    # One mark a row, one at the head, two where the figures come from.
    assert report.count("SIMULATED") >= 3 + 1 + 2
    assert "digits28 (the 8x8 digits of scikit-learn, enlarged; not MNIST)" in report
    table = read(done, "Part3/Part3-tfc-w1a1-experiments-SIMULATED.md").decode()
    assert table.count("| SIMULATED |") == 3 and "not MNIST" in table


async def test_a_real_run_is_not_marked(student: Workspace) -> None:
    for run in student.runs_dir.iterdir():
        for name in ("run.json", "results.json"):
            text = (run / name).read_text()
            (run / name).write_text(text.replace('"simulated": true', '"simulated": false'))
        rewrite(run / "run.json", rehearsal=None)
    done = await write(student)
    assert not done.simulated
    assert "SIMULATED" not in pdf_text(done, "Report.pdf")
    assert not any("SIMULATED" in name for name in done.names)


async def test_what_is_missing_is_listed_with_its_command(student: Workspace) -> None:
    done = await write(student)
    gaps = {gap.what: gap.command for gap in done.gaps}
    assert gaps["Part 2, step 1: train the network"] == "finn-tui train vgg9-w1a1"
    assert "Part 3, step 4: experiment 2: at least three foldings, built and measured" in gaps
    # Published and experiment 1 are built.
    assert not any(what.startswith(("Part 3, step 2", "Part 3, step 3")) for what in gaps)
    report = pdf_text(done, "Report.pdf")
    assert "No notes yet: report/part1.md is not there." in report
    assert "No run of cnv-w1a1 yet." in report


async def test_facts_are_those_of_the_workspace_s_own_preset(student: Workspace) -> None:
    (student.root / "report").mkdir()
    (student.root / "report" / "part3.md").write_text("# Folding\n\n[[facts]]\n")
    shipped = presets()["tfc-w1a1"].path.read_text(encoding="utf-8")
    (student.root / "presets").mkdir()
    (student.root / "presets" / "tfc-w1a1.toml").write_text(
        re.sub("^title = .*", 'title = "A net of our own"', shipped, flags=re.MULTILINE)
    )
    report = pdf_text(await write(student), "Report.pdf")
    assert "Network tfc-w1a1: A net of our own" in report
    assert "Trained on digits28 (the 8x8 digits of scikit-learn, enlarged; not MNIST)" in report


async def test_places_that_are_still_to_be_written_are_missing(student: Workspace) -> None:
    course = definition.load()
    (part,) = [part for part in course.part if part.id == "Part3"]
    # Whether the course has a step for it or not.
    course = Course("c", "C", (msgspec.structs.replace(part, step=()),))
    notes.init(student, course)
    path = student.root / "report" / "part3.md"
    out = student.root / "G7.zip"
    (gap,) = (await submission.write(student, course, "G7", out)).gaps
    assert gap.what == "Part 3: part3.md still has 2 TODO" and str(path) in gap.command
    path.write_text("# All written\n")
    assert not (await submission.write(student, course, "G7", out)).gaps


HOSTILE = (
    """\
# <script>alert(1)</script> #evil() $x$ \\u{41}

<img src="https://elsewhere.test/a.png"> **#import "@preview/x:1.0.0"** `#sys.inputs`

![remote](https://elsewhere.test/a.png) ![file](file:///etc/passwd) ![up](../../secret.png)
![absolute](/etc/hostname) ![bomb](bomb.png) ![data](data:image/png;base64,AAAA)

[click](javascript:alert(1)) [[secret]] [relative](secret.txt) [fine](https://example.org)

<div onload="evil()">a block</div>

[[unknown]]

]] "quoted" \\ @cite <label> //comment

"""
    + "> " * 60
    + "deep\n"
)


async def test_hostile_notes_are_shown_as_text(student: Workspace) -> None:
    folder = student.root / "report"
    folder.mkdir()
    (student.root.parent / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    size = struct.pack(">II", 60000, 60000)
    (folder / "bomb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + size + zlib.compress(b"0" * 999)
    )
    (folder / "part3.md").write_text(HOSTILE, encoding="utf-8")
    done = await write(student)
    report = pdf_text(done, "Report.pdf")
    for shown in (
        "<script>alert(1)</script>",
        "#evil()",
        '#import "@preview/x:1.0.0"',
        "@cite",
        'onload="evil()"',
    ):
        assert shown in report
    left_out = [remark for remark in done.notes if "left out" in remark]
    # Markdown itself takes file: and javascript: for text.
    assert len(left_out) == 5, done.notes
    assert any("60,000 x 60,000 pixels" in remark for remark in left_out)
    assert any("[[unknown]] is unknown" in remark for remark in done.notes)
    links = [
        annotation.get_object().get("/A", {}).get("/URI")
        for page in pypdf.PdfReader(io.BytesIO(read(done, "Report.pdf"))).pages
        for annotation in page.get("/Annots", [])
    ]
    assert links == ["https://example.org"]


async def test_letters_of_many_scripts_are_shown_or_reported(student: Workspace) -> None:
    folder = student.root / "report"
    folder.mkdir()
    (folder / "part3.md").write_text(
        "# Größe und Durchsatz\n\nÄnderung: Ω → █ \U0001e900\n", encoding="utf-8"
    )
    done = await write(student)
    report = pdf_text(done, "Report.pdf")
    assert "Größe und Durchsatz" in report and "Ω" in report
    told = [remark for remark in done.notes if "no font" in remark]
    assert len(told) <= 1
    # The block and the arrow come with the typesetter; only a rare script can be missing.
    assert not any(letter in remark for remark in told for letter in "ΩÄ█→")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a" * (notes.MOST_BYTES + 1)])
async def test_notes_that_cannot_be_read_are_an_error(student: Workspace, content: bytes) -> None:
    (student.root / "report").mkdir()
    (student.root / "report" / "part3.md").write_bytes(content)
    with pytest.raises(FinnTuiError, match=r"part3\.md cannot be read"):
        await write(student)
    assert not (student.root / "G7.zip").exists()


async def test_links_to_elsewhere_are_not_handed_in(student: Workspace) -> None:
    secret = student.root.parent / "secret.txt"
    secret.write_text("the secret")
    folder = student.root / "report"
    (folder / "pictures" / "Part3").mkdir(parents=True)
    (student.root.parent / "secret.svg").write_text("<svg>the secret</svg>")
    (folder / "pictures" / "Part3" / "a.svg").symlink_to(student.root.parent / "secret.svg")
    (student.root / "tfc-w1a1.onnx").symlink_to(secret)
    done = await write(student)
    assert not any(name.endswith(("a.svg", ".onnx")) for name in done.names)
    assert any("a.svg is left out" in remark for remark in done.notes)
    (folder / "part3.md").symlink_to(secret)
    with pytest.raises(FinnTuiError, match=r"part3\.md cannot be read"):
        await write(student)


async def test_an_exported_network_is_handed_in(student: Workspace) -> None:
    (student.root / "tfc-w1a1.onnx").write_bytes(b"onnx")
    os.utime(student.root / "tfc-w1a1.onnx", (0, 0))
    done = await write(student)
    assert read(done, "Part3/tfc-w1a1.onnx") == b"onnx"


async def test_a_picture_that_is_a_trap_costs_only_itself(student: Workspace) -> None:
    folder = student.root / "report"
    folder.mkdir()
    entities = "".join(f'<!ENTITY a{i + 1} "{f"&a{i};" * 10}">' for i in range(9))
    (folder / "laughs.svg").write_text(
        f'<!DOCTYPE svg [<!ENTITY a0 "ha">{entities}]>'
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>&a9;</text></svg>'
    )
    (folder / "fetch.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
        '<image href="file:///etc/passwd" width="9" height="9"/></svg>'
    )
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 40)
    (folder / "part3.md").write_text(
        "![a](laughs.svg)\n\n![b](fetch.svg)\n\n![c](broken.png)\n\nThe text stays.\n"
    )
    done = await write(student)
    report = pdf_text(done, "Report.pdf")
    assert "The text stays." in report and "root:" not in report
    for name in ("laughs.svg", "broken.png"):
        assert f"The picture {name} is left out" in report
        assert any(name in remark for remark in done.notes)


@pytest.mark.parametrize("group", ["", "../up", "a b", "x" * 61, "ü"])
async def test_a_group_names_a_file(student: Workspace, group: str, tmp_path: Path) -> None:
    with pytest.raises(FinnTuiError, match="cannot be the name of a group"):
        await submission.write(student, definition.load(), group, tmp_path / "a.zip")
