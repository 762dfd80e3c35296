"""Dynamic programming over a chain and over residual blocks, against HiGHS and against choices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finn_tui.core.design import Design
from finn_tui.core.device import RESOURCES, budget_weights
from finn_tui.core.estimate.estimate import CostTable
from finn_tui.core.estimate.infrastructure import CostLookup
from finn_tui.core.folding import model as foldings
from finn_tui.core.optimize import exact, explain, frontier, labels
from finn_tui.core.optimize import solve as solver
from finn_tui.core.optimize.exact import Exact
from finn_tui.core.optimize.labels import undominated
from finn_tui.core.optimize.milp import MilpModel
from finn_tui.core.optimize.problem import DIMENSIONS, Answer, Problem, restricted
from finn_tui.core.optimize.relaxation import Bounds, Goal
from tests import data
from tests.core.designs import residual
from tests.core.optimize.test_solve import DEVICE, near


def chain(layers: int, share: float, minimax: bool = False) -> Problem:
    """Return CNV's layers again and again on that share of so many xc7z020 as they fill."""
    document = data.repeated(data.prepared("cnv-w1a1"), layers)
    design = Design.from_json("chain", document["design"])
    full = {item["layer"]: CostTable.from_json(item) for item in document["tables"]}
    folding = foldings.ones(design, full)
    tables = restricted(full, folding)
    limits = {"LUT": 53200 * share * layers / 21, "BRAM_18K": 280 * share * layers / 21}
    scale = 0.02 if minimax else 1.0
    weights = {name: scale / limits[name] if limits.get(name) else 0.0 for name in RESOURCES}
    streams = solver.stream_costs(design, tables, folding, CostLookup.from_json(document["prices"]))
    return Problem(
        design,
        tables,
        folding,
        limits,
        weights,
        streams=streams,
        minimax_weight=50.0 if minimax else 0.0,
        lutram_limit=17400.0 * share * layers / 21,
    )


@pytest.fixture
def without_highs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where HiGHS must help out."""

    def never(*_: object, **__: object) -> Answer:
        raise AssertionError("the paths were not enough")

    monkeypatch.setattr(MilpModel, "run", never)


@pytest.mark.parametrize("cycles", [20_000, 33_333])
def test_a_chain_costs_what_highs_says(cycles: int) -> None:
    problem = chain(40, 0.9)
    answer, expected = Exact(problem).run(cycles, 60), MilpModel(problem, cycles).run(60)
    assert answer.optimal and expected.optimal
    assert answer.cost == near(expected.cost)
    assert answer.bound == near(expected.cost)


def test_the_highest_utilization_is_what_highs_says() -> None:
    problem = chain(10, 0.9, minimax=True)
    answer, expected = Exact(problem).run(33_333, 60), MilpModel(problem, 33_333).run(60)
    assert answer.optimal and expected.optimal
    assert answer.cost == near(expected.cost)


@pytest.mark.usefixtures("without_highs")
@pytest.mark.parametrize("minimax", [False, True])
def test_a_hundred_layers_are_proved_without_highs(minimax: bool) -> None:
    problem = chain(100, 0.6, minimax)
    target = solver.solve(problem, 33_333)
    assert target.optimal and target.cycles <= 33_333
    fastest = solver.fill(problem)
    assert fastest.optimal and fastest.least_cycles == fastest.cycles < 33_333
    assert fastest.used is not None
    for name, limit in problem.limits.items():
        assert fastest.used[name] <= limit


@pytest.mark.usefixtures("without_highs")
def test_residual_blocks_are_paths_too() -> None:
    design, tables = residual(4)
    folding = foldings.ones(design, tables)
    widths = sorted({w for table in tables.values() for w in (*table.in_width, *table.out_width)})
    costs = CostLookup({(a, b): (float(a + b), 0.0, 0.0, 0.0) for a in widths for b in widths})
    streams = solver.stream_costs(design, tables, folding, costs)
    limits = {"LUT": 4_000.0}
    problem = Problem(design, tables, folding, limits, budget_weights(DEVICE), streams=streams)
    assert solver.fill(problem).optimal


def test_where_too_much_is_open_at_once_highs_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = chain(10, 0.9)
    expected = solver.solve(problem, 33_333)
    monkeypatch.setattr(frontier, "MOST_EDGES", 10)
    assert solver.solve(problem, 33_333).cost == near(expected.cost)


def test_what_a_search_drops_is_not_proved_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """One label a layer finds little; its bound must allow for what it dropped."""
    problem = chain(21, 0.75, minimax=True)
    expected = solver.solve(problem, 20_000)
    monkeypatch.setattr(labels, "WIDTHS", (1,))
    monkeypatch.setattr(MilpModel, "run", lambda *_, **__: Answer())
    answer = Exact(problem).run(20_000, 60)
    assert answer.bound <= expected.cost * (1 + 1e-9)
    assert not answer.impossible
    assert not answer.optimal or answer.cost == near(expected.cost)


def test_no_time_proves_nothing() -> None:
    problem = chain(21, 0.75, minimax=True)
    answer = Exact(problem).run(20_000, 0.0)
    assert not answer.optimal and not answer.impossible


def test_rows_that_highs_found_are_kept_for_the_next_question() -> None:
    problem = chain(10, 0.9)
    rows = MilpModel(problem, 33_333).run(60).rows
    path = Exact(problem)._path(rows)
    amounts = explain.used(problem, rows)
    assert dict(zip((*RESOURCES, explain.LUTRAM), path.use, strict=True)) == pytest.approx(amounts)


def test_a_price_of_a_limit_that_is_left_out_gives_no_label_up() -> None:
    """The second row dominates the first while BRAM is left out, and leads to nothing itself."""
    uses = [[(2.0, 5.0), (1.0, 8.0), (0.5, 10.0)], [(0.0, 4.0), (2.1, 1.0)]]
    edges = []
    for name, pairs in zip("ab", uses, strict=True):
        use = np.zeros((len(pairs), DIMENSIONS))
        use[:, :2] = pairs
        state = np.zeros(len(pairs), dtype=np.int64)
        edges.append(frontier.Edges.of(name, state, state, np.arange(len(pairs)), use, 1))
    cost, limits = np.zeros(DIMENSIONS), np.full(DIMENSIONS, np.inf)
    cost[0], limits[1] = 1.0, 10.0
    goal = Goal(cost, np.zeros(DIMENSIONS), limits)
    multipliers = np.zeros((2 * DIMENSIONS, 2))
    multipliers[1, 1] = 15.0
    bounds = Bounds(multipliers, 0.5, None, ())
    outcome = labels.best_path(edges, goal, bounds, float("inf"), enough=3.0)
    assert outcome.path is not None
    assert outcome.path.use[:2].tolist() == [2.0, 9.0]


@settings(max_examples=200)
@given(st.integers(1, 4), st.data())
def test_dominated_labels_and_only_these_go(columns: int, data: st.DataObject) -> None:
    row = st.tuples(st.integers(0, 1), *[st.integers(0, 4)] * columns)
    drawn = np.array(data.draw(st.lists(row, min_size=1, max_size=30)))
    state, keys = drawn[:, 0].astype(np.int64), drawn[:, 1:].astype(float)
    kept = undominated(state, keys)
    assert list(kept) == sorted(set(kept.tolist()))
    for at in range(len(state)):
        rivals = kept[state[kept] == state[at]]
        assert (keys[rivals] <= keys[at]).all(axis=1).any()
    for at in kept:
        others = kept[(state[kept] == state[at]) & (kept != at)]
        assert not (keys[others] <= keys[at]).all(axis=1).any()


def test_a_row_that_another_dominates_only_when_slower_stays() -> None:
    problem = chain(21, 0.9)
    graph = frontier.Frontier.of(problem)
    assert graph is not None
    limits = np.full(DIMENSIONS, np.inf)
    for cycles in (10_000, 40_000):
        model = MilpModel(replace(problem, limits={}), cycles)
        rows = {
            (edges.layer, int(row)) for edges in graph.edges(cycles, limits) for row in edges.row
        }
        assert rows <= set(model._columns)
        assert {layer for layer, _ in rows} == {layer.name for layer in problem.design.layers}


def test_of_two_answers_the_better_rows_and_the_better_bound() -> None:
    paths = Answer({"L0": 1}, 2.0, 1.5)
    better = exact._better(paths, Answer({"L0": 2}, 1.9, 1.8))
    assert (better.rows, better.bound, better.optimal) == ({"L0": 2}, 1.8, False)
    worse = exact._better(paths, Answer({"L0": 3}, 2.5, 1.7))
    assert (worse.rows, worse.bound, worse.optimal) == ({"L0": 1}, 1.7, False)
    # Nothing is cheaper than HiGHS's bound, and the rows of the paths cost no more than that.
    proved = exact._better(paths, Answer({"L0": 1}, 2.0, 2.0, optimal=True))
    assert proved.optimal and proved.bound == 2.0
    assert exact._better(paths, Answer(impossible=True)) is paths
    assert exact._better(Answer(bound=1.0), Answer(impossible=True)).impossible
    assert exact._better(Answer(bound=1.0), Answer({"L0": 1}, 2.0, 0.5)).bound == 1.0
