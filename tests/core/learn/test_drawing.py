"""Drawings: SVG that is well-formed, stays inside its frame and carries data only as text."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finn_tui.core.learn.circuit import circuit_drawing, circuit_lines
from finn_tui.core.learn.convolution import Convolution, convolution_of, read_convolution
from finn_tui.core.learn.drawing import Drawing, Label
from finn_tui.core.learn.im2col_drawing import convolution_drawing
from finn_tui.core.learn.lesson import EXAMPLES, lab_lesson
from finn_tui.core.learn.matrix import MatrixUnit, matrix_unit
from finn_tui.core.learn.picture import network_at
from finn_tui.core.learn.picture_drawing import picture_drawing
from finn_tui.core.learn.schedule_drawing import schedule_drawing
from finn_tui.core.learn.text import plain
from tests.core.learn.test_convolution import convolutions
from tests.core.learn.test_matrix import recorded, units

SVG = "{http://www.w3.org/2000/svg}"


def checked(drawing: Drawing) -> ElementTree.Element:
    """Parse a drawing; fail if a shape lies outside of it or a text does for the most part."""
    root = ElementTree.fromstring(drawing.svg())
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for element in root.iter():
        name = element.tag.removeprefix(SVG)
        points: list[tuple[float, float]] = []
        if name == "rect":
            x, y = float(element.get("x", 0)), float(element.get("y", 0))
            points = [(x, y), (x + float(element.attrib["width"]), y)]
            points.append((x, y + float(element.attrib["height"])))
        elif name == "circle":
            points = [(float(element.attrib["cx"]), float(element.attrib["cy"]))]
        elif name in ("polyline", "polygon"):
            pairs = element.attrib["points"].split()
            points = [(float(x), float(y)) for x, y in (pair.split(",") for pair in pairs)]
        elif name == "text":
            points = [(float(element.attrib["x"]), float(element.attrib["y"]))]
        for x, y in points:
            assert -1 <= x <= width + 1, (name, element.attrib)
            assert -1 <= y <= height + 1, (name, element.attrib)
    return root


def texts(root: ElementTree.Element) -> list[str]:
    """All texts of a drawing."""
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_the_lab_s_circuits_have_every_gate() -> None:
    small = texts(checked(circuit_drawing(lab_lesson("8x8 PE 4 SIMD 1").unit or pytest.fail())))
    assert small.count("XNOR") == 4
    # One adder in each PE: the accumulator's.
    assert small.count("+") == 4
    large = texts(checked(circuit_drawing(lab_lesson("8x8 PE 8 SIMD 8").unit or pytest.fail())))
    assert large.count("XNOR") == 64
    # Seven adders of the tree and the accumulator's in each PE.
    assert large.count("+") == 8 * 8
    assert {f"PE {pe}" for pe in range(8)} <= set(large)


@settings(max_examples=60)
@given(units(), st.integers(0, 600))
def test_drawings_of_any_matrix_stay_in_their_frame(unit: MatrixUnit, number: int) -> None:
    checked(circuit_drawing(unit))
    drawn = texts(checked(schedule_drawing(unit, number)))
    assert str(number % unit.steps) in drawn
    assert "PE 0" in plain(circuit_lines(unit))


@settings(max_examples=60)
@given(convolutions(), st.integers(0, 10_000))
def test_drawings_of_any_convolution_stay_in_their_frame(conv: Convolution, number: int) -> None:
    checked(convolution_drawing(conv, number))
    checked(picture_drawing(conv, None, "Pynq-Z2", 280))
    checked(picture_drawing(conv, None, "somewhere", None))


@pytest.mark.parametrize("model", ["tfc-w1a1", "cnv-w1a1"])
def test_every_layer_of_the_recorded_models_is_drawn(model: str) -> None:
    design, tables = recorded(model)
    values = {layer.name: layer.present for layer in design.layers}
    network = network_at(design, values, 224, 224)
    for layer in design.layers:
        table = tables[layer.name]
        unit = matrix_unit(layer, dict(zip(table.knobs, table.folds[-1], strict=False)))
        if unit is not None:
            checked(circuit_drawing(unit))
            checked(schedule_drawing(unit))
        conv = convolution_of(design, layer)
        if conv is not None:
            checked(convolution_drawing(conv, 3))
    for conv in network.windows if network is not None else ():
        checked(picture_drawing(conv, network, "Pynq-Z2", 280))


def test_a_name_is_text_and_never_markup() -> None:
    drawing = Drawing(100, 50, 'a <b> & "c"\x1b[31m')
    drawing.add(Label(10, 10, "<script>x</script>\x07 & more"))
    root = checked(drawing)
    assert texts(root) == ["<script>x</script>� & more"] or "script" in texts(root)[0]
    assert not list(root.iter(f"{SVG}script"))
    assert "\x1b" not in drawing.svg() and "\x07" not in drawing.svg()


PICTURES = {
    f"question{question}-{at}": (question, text)
    for question in (1, 2, 3, 4)
    for at, text in enumerate(EXAMPLES)
    if (at < 2) == (question < 3) and not (question == 3 and at == 3) and (question < 4 or at == 3)
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_drawing_looks_as_it_did(name: str, snapshot_svg: Path) -> None:
    question, text = PICTURES[name]
    drawing = lab_lesson(text).drawing(question, 2)
    assert drawing is not None
    checked(drawing)
    path = snapshot_svg / f"{name}.svg"
    assert drawing.svg() == path.read_text(encoding="utf-8"), (
        f"{name} looks different; FINN_TUI_UPDATE_SNAPSHOTS=1 writes it again"
    )


@pytest.fixture
def snapshot_svg() -> Path:
    """The committed drawings, as a person has looked at them; written again on demand."""
    import os

    folder = Path(__file__).parent / "drawings"
    if os.environ.get("FINN_TUI_UPDATE_SNAPSHOTS"):
        folder.mkdir(exist_ok=True)
        for name, (question, text) in PICTURES.items():
            drawing = lab_lesson(text).drawing(question, 2)
            if drawing is not None:
                (folder / f"{name}.svg").write_text(drawing.svg(), encoding="utf-8")
    return folder


def test_a_subject_without_a_matrix_has_no_drawing() -> None:
    assert lab_lesson("8x8 PE 4 SIMD 1").drawing(3) is None
    assert lab_lesson("8x8 PE 4 SIMD 1").drawing(4) is None
    assert read_convolution("4x4x2").kernel == (3, 3)
