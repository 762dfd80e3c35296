"""The folded matrix product: its cycles are FINN's, and every weight is used exactly once."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.design import Design
from finn_tui.core.estimate.estimate import CostTable
from finn_tui.core.learn.matrix import (
    MatrixUnit,
    divisors,
    lab_matrix,
    matrix_unit,
    next_divisor,
    read_matrix,
)
from tests import data


@cache
def recorded(name: str) -> tuple[Design, dict[str, CostTable]]:
    """The design and FINN's cost tables of a recorded model."""
    document = data.prepared(name)
    tables = [CostTable.from_json(table) for table in document["tables"]]
    return Design.from_json(name, document["design"]), {table.layer: table for table in tables}


@st.composite
def units(draw: st.DrawFn) -> MatrixUnit:
    """Any folded matrix of a size that can be looked at."""
    rows, columns = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    pe = draw(st.sampled_from(divisors(rows)))
    return lab_matrix(rows, columns, pe, draw(st.sampled_from(divisors(columns))))


@pytest.mark.parametrize("model", ["tfc-w1a1", "cnv-w1a1"])
def test_the_cycles_are_those_of_finn_in_every_folding(model: str) -> None:
    design, tables = recorded(model)
    seen = set()
    for layer in design.layers:
        table = tables[layer.name]
        for fold, cycles in zip(table.folds, table.fold_cycles, strict=True):
            values = dict(zip(table.knobs, fold, strict=False))
            unit = matrix_unit(layer, values)
            if unit is not None:
                seen.add(unit.kind)
                assert unit.cycles == cycles, (layer.name, values)
    assert seen == {"MVAU", "Thresholding"}


@pytest.mark.parametrize("model", ["tfc-w1a1", "cnv-w1a1"])
def test_the_streams_are_as_wide_as_those_of_finn(model: str) -> None:
    design, tables = recorded(model)
    for layer in design.layers:
        table = tables[layer.name]
        for fold, width in zip(table.folds, table.fold_out, strict=True):
            unit = matrix_unit(layer, dict(zip(table.knobs, fold, strict=False)))
            if unit is not None:
                assert unit.output_width == width, (layer.name, fold)
        for fold, width in zip(table.folds, table.fold_in, strict=True):
            unit = matrix_unit(layer, dict(zip(table.knobs, fold, strict=False)))
            if unit is not None:
                assert unit.input_width == width, (layer.name, fold)


@given(units())
def test_the_steps_compute_the_product(unit: MatrixUnit) -> None:
    random = np.random.default_rng(0)
    weights = random.integers(-3, 4, (unit.rows, unit.columns))
    inputs = random.integers(-3, 4, unit.columns)
    outputs: dict[int, int] = {}
    accumulators = np.zeros(unit.pe, dtype=int)
    for number in range(unit.cycles_per_vector):
        step = unit.step(number)
        lanes = range(step.first_column, step.first_column + unit.simd)
        if step.first:
            accumulators[:] = 0
        for pe in range(unit.pe):
            for column in lanes:
                assert unit.step_of(step.first_row + pe, column) == number
                accumulators[pe] += weights[step.first_row + pe, column] * inputs[column]
        if step.last:
            outputs |= {step.first_row + pe: accumulators[pe] for pe in range(unit.pe)}
    assert [outputs[row] for row in range(unit.rows)] == list(weights @ inputs)


@given(units())
def test_inputs_are_read_once_from_the_stream(unit: MatrixUnit) -> None:
    steps = [unit.step(number) for number in range(unit.steps)]
    read = [step.first_column for step in steps if step.reads_stream]
    assert read == list(range(0, unit.columns, unit.simd))


def test_the_lab_s_latencies() -> None:
    assert lab_matrix(8, 8, 4, 1).cycles_per_vector == 16
    assert lab_matrix(8, 8, 4, 1).cycles == 128
    assert lab_matrix(8, 8, 8, 8).cycles_per_vector == 1
    assert lab_matrix(8, 8, 8, 8).cycles == 8


@given(st.integers(1, 5000))
def test_divisors_are_all_of_them(number: int) -> None:
    assert divisors(number) == [n for n in range(1, number + 1) if number % n == 0]
    values = divisors(number)
    walked = [1]
    while (following := next_divisor(number, walked[-1], 1)) != walked[-1]:
        walked.append(following)
    assert walked == values


def test_a_typed_matrix() -> None:
    unit = read_matrix(" 16 x 8 pe=4 SIMD 2")
    assert (unit.rows, unit.columns, unit.pe, unit.simd) == (16, 8, 4, 2)
    for text in ("8", "8x0", "0x8", "axb", "8x8 PE", "9999999x1"):
        with pytest.raises(FinnTuiError, match="is not a folded matrix"):
            read_matrix(text)
    with pytest.raises(FinnTuiError, match="PE 3 does not divide the 8 rows") as error:
        read_matrix("8x8 PE 3 SIMD 1")
    assert "1, 2, 4, 8" in error.value.fix
