"""The solver against brute force: every choice of every small graph, tried one by one."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.device import RESOURCES, Device, budget_weights
from finn_tui.core.estimate.infrastructure import CostLookup
from finn_tui.core.folding import model as foldings
from finn_tui.core.folding.model import Folding
from finn_tui.core.optimize import frontier
from finn_tui.core.optimize import solve as solver
from finn_tui.core.optimize.buildability import refusals
from finn_tui.core.optimize.exact import Exact
from finn_tui.core.optimize.problem import Answer, Problem
from finn_tui.core.optimize.solve import Infeasible, Solution
from tests.core.designs import conv_like, random_designs

DEVICE = Device("board", "part", {"LUT": 1000, "BRAM_18K": 20, "URAM": 4, "DSP": 5})
WIDTHS = (2, 4, 6)

uses = st.tuples(st.integers(0, 5), st.integers(0, 2), st.just(0), st.just(0)).map(
    lambda use: tuple(map(float, use))
)


def near(cost: float) -> Any:
    """What HiGHS may say of a cost.

    Its tolerance is 1e-6 for rows that are off their bounds and for columns that are off 0 or 1;
    both are multiplied by costs in its objective, which is that much less exact.
    """
    return pytest.approx(cost, rel=1e-5, abs=1e-6)


@st.composite
def costs(draw: st.DrawFn) -> CostLookup:
    """What converters and FIFOs cost, at random; or nothing known of them."""
    if draw(st.booleans()):
        return CostLookup()
    return CostLookup(
        {(a, b): draw(uses) for a in WIDTHS for b in WIDTHS if a != b},
        {(width, 2): draw(uses) for width in WIDTHS},
    )


@st.composite
def problems(draw: st.DrawFn) -> tuple[Problem, CostLookup]:
    """Random graphs, weights, limits, locks, held knobs and prices."""
    design, tables = draw(random_designs())
    folding = Folding(
        {
            name: table.values(draw(st.integers(0, len(table.points) - 1)))
            for name, table in tables.items()
        },
        {},
    )
    known = draw(costs())
    knobs = {knob.name for layer in design.layers for knob in layer.knobs}
    problem = Problem(
        design,
        tables,
        folding,
        draw(st.dictionaries(st.sampled_from(RESOURCES), st.integers(0, 40), max_size=3)),
        {name: draw(st.sampled_from([0.0, 0.5, 1.0, 7.0])) for name in RESOURCES},
        frozenset(draw(st.sets(st.sampled_from(sorted(tables)), max_size=1))),
        solver.stream_costs(design, tables, folding, known),
        frozenset(draw(st.sets(st.sampled_from(sorted(knobs)), max_size=1))),
        draw(st.sampled_from([0.0, 0.0, 3.0])),
    )
    return problem, known


def weighted(problem: Problem, total: Mapping[str, float]) -> float:
    """The cost of some resources: the sum, and what the largest part of it costs on top."""
    each = [problem.weights[name] * total[name] for name in RESOURCES]
    return sum(each) + problem.minimax_weight * max(each)


def choices(problem: Problem, known: CostLookup) -> Iterator[tuple[int, float, dict[str, int]]]:
    """(II, weighted cost, rows) of everything that is allowed, by the rules told anew."""
    design, tables = problem.design, problem.tables
    names = [layer.name for layer in design.layers]
    for rows in itertools.product(*(range(len(tables[name].points)) for name in names)):
        at = dict(zip(names, rows, strict=True))
        values = {name: tables[name].values(row) for name, row in at.items()}
        if any(
            values[a[0]][a[1]] != values[b[0]][b[1]]
            for a, b in ((c.a, c.b) for c in design.couplings)
        ):
            continue
        if any(values[name] != problem.folding.values[name] for name in problem.locked):
            continue
        if any(
            value != problem.folding.values[name][knob]
            for name in names
            for knob, value in values[name].items()
            if knob in problem.fixed
        ):
            continue
        use = [sum(tables[n].resources[r][i] for n, r in at.items()) for i in range(4)]
        for stream in design.streams:
            out = (
                tables[stream.producer].out_width[at[stream.producer]] if stream.producer else None
            )
            into = (
                tables[stream.consumer].in_width[at[stream.consumer]] if stream.consumer else None
            )
            inserted = [
                known.fifo.get((width, 2))
                for width in dict.fromkeys((out, into))
                if width is not None
            ]
            if out is not None and into is not None and out != into:
                inserted.append(known.dwc.get((out, into)))
            for item in inserted:
                use = [a + b for a, b in zip(use, item or (0, 0, 0, 0), strict=True)]
        total = dict(zip(RESOURCES, use, strict=True))
        if all(total[name] <= limit for name, limit in problem.limits.items()):
            cost = weighted(problem, total)
            yield max(tables[n].cycles[r] for n, r in at.items()), cost, at


def legal(problem: Problem, solution: Solution) -> None:
    foldings.check(problem.design, problem.tables, solution.folding)
    for name in problem.locked:
        assert solution.folding.values[name] == problem.folding.values[name]
    assert solution.used is not None
    for name, limit in problem.limits.items():
        assert solution.used[name] <= limit + 1e-6
    for name, values in solution.folding.values.items():
        before = problem.folding.values[name]
        assert all(values[knob] == before[knob] for knob in values if knob in problem.fixed)
    assert weighted(problem, solution.used) == near(solution.cost)


def by_highs(problem: Problem, cycles: int) -> Solution:
    """Solve without the paths, as where too many streams are open at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frontier, "MOST_STATES", 0)
        return solver.solve(problem, cycles)


@pytest.mark.parametrize("solve", [solver.solve, by_highs])
@settings(max_examples=150)
@given(problems(), st.integers(1, 6))
def test_the_optimum_is_that_of_brute_force(
    solve: Callable[[Problem, int], Solution], case: tuple[Problem, CostLookup], cycles: int
) -> None:
    problem, known = case
    costs = [cost for ii, cost, _ in choices(problem, known) if ii <= cycles]
    if not costs:
        with pytest.raises(Infeasible):
            solve(problem, cycles)
        return
    solution = solve(problem, cycles)
    assert solution.cost == near(min(costs))
    assert solution.bound == near(min(costs))
    assert solution.optimal and solution.cycles <= cycles
    legal(problem, solution)


@settings(max_examples=100)
@given(problems())
def test_fill_is_the_fastest_and_then_the_cheapest(case: tuple[Problem, CostLookup]) -> None:
    problem, known = case
    costs = [(ii, cost) for ii, cost, _ in choices(problem, known)]
    if not costs:
        with pytest.raises(Infeasible):
            solver.fill(problem)
        return
    fastest = min(ii for ii, _ in costs)
    solution = solver.fill(problem)
    assert solution.cycles == solution.least_cycles == fastest
    assert solution.cost == near(min(c for ii, c in costs if ii == fastest))
    assert solution.optimal
    legal(problem, solution)
    # What is said to hold it back does: without that limit alone, something is faster.
    for binding in solution.binding:
        freed = {name: x for name, x in problem.limits.items() if name != binding.resource}
        faster = any(ii < fastest for ii, _, _ in choices(replace(problem, limits=freed), known))
        assert faster is binding.holds


@settings(max_examples=60)
@given(problems(), st.integers(1, 6))
def test_what_stands_in_the_way_is_what_does(case: tuple[Problem, CostLookup], cycles: int) -> None:
    problem, known = case
    if any(ii <= cycles for ii, _, _ in choices(problem, known)):
        return
    with pytest.raises(Infeasible) as refused:
        solver.solve(problem, cycles)
    error = refused.value
    if error.binding and error.binding[0] in problem.tables:
        for name in error.binding:
            assert problem.arrays[name].cycles[problem.rows(name, None)].min() > cycles
        return

    def without(names: tuple[str, ...]) -> bool:
        freed = {name: x for name, x in problem.limits.items() if name not in names}
        return any(ii <= cycles for ii, _, _ in choices(replace(problem, limits=freed), known))

    alone = tuple(name for name in problem.limits if without((name,)))
    if alone:
        assert error.binding == alone
        assert all(name in error.why for name in alone)
    elif without(tuple(problem.limits)):
        assert error.binding == tuple(problem.limits)
    else:
        assert not error.binding and "coupled" in error.why


@settings(max_examples=30)
@given(problems())
def test_the_front_has_no_dearer_point_that_is_slower(case: tuple[Problem, CostLookup]) -> None:
    problem, known = case
    costs = [(ii, cost) for ii, cost, _ in choices(problem, known)]
    if not costs:
        return
    front = solver.pareto(problem, points=6)
    for faster, slower in itertools.pairwise(front):
        assert faster.cycles < slower.cycles and faster.cost > slower.cost
    for point in front:
        least = min(cost for ii, cost in costs if ii <= point.cycles)
        assert point.cost == pytest.approx(least, abs=1e-5)


def conv_problem(limits: dict[str, float], locked: frozenset[str] = frozenset()) -> Problem:
    design, tables = conv_like()
    start = foldings.ones(design, tables)
    return Problem(design, tables, start, limits, budget_weights(DEVICE), locked)


def test_what_it_says_of_a_limit_that_is_too_low() -> None:
    problem = conv_problem({"LUT": 100.0, "BRAM_18K": 20.0})
    with pytest.raises(Infeasible) as refused:
        solver.solve(problem, 64)
    assert refused.value.binding == ("LUT",)
    assert "LUT" in refused.value.why and "the limit is 100" in refused.value.why
    assert refused.value.kind == "infeasible"


def test_a_locked_layer_that_is_too_slow_is_named() -> None:
    problem = conv_problem({}, frozenset({"MVAU_hls_0"}))
    with pytest.raises(Infeasible) as refused:
        solver.solve(problem, 100)
    assert refused.value.binding == ("MVAU_hls_0",)
    assert "locked" in refused.value.why and "unlock" in refused.value.fix
    assert solver.fill(problem).cycles == 16 * 24 * 16


def test_knobs_that_cost_nothing_stay_as_they_are() -> None:
    problem = conv_problem({})
    values = {name: dict(entry) for name, entry in problem.folding.values.items()}
    solution = solver.solve(problem, 16 * 24 * 16)
    assert solution.folding.values == values
    assert solution.folding.settings is problem.folding.settings


def test_what_finn_cannot_build_is_not_chosen() -> None:
    design, tables = conv_like(mw=4)
    wide = replace(design.layers[2], attrs={"MW": 2048})
    layers = tuple(wide if layer.name == wide.name else layer for layer in design.layers)
    problem = replace(conv_problem({}), design=replace(design, layers=layers), tables=tables)
    solution = solver.solve(problem, 10**6)
    assert solution.folding.values[wide.name]["SIMD"] == 2
    assert refusals(problem.design, solution.folding) == []


def test_the_limit_that_holds_the_fastest_back_is_told_with_its_largest_users() -> None:
    solution = solver.fill(conv_problem({"LUT": 300.0}))
    (binding,) = solution.binding
    assert (binding.resource, binding.holds) == ("LUT", True)
    assert binding.layers[0] == "MVAU_hls_0"
    assert binding.text().startswith("LUT at ") and "MVAU_hls_0" in binding.text()


def test_no_time_is_not_the_same_as_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Exact, "run", lambda self, *args, **more: Answer())
    with pytest.raises(FinnTuiError) as refused:
        solver.solve(conv_problem({"LUT": 300.0}), 512)
    assert refused.value.kind == "timeout"
    assert not isinstance(refused.value, Infeasible)


def test_questions_without_an_answer_take_the_proof_away(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = conv_problem({"LUT": 300.0})
    fastest = solver.fill(problem)
    run = Exact.run

    def unsure(exact: Exact, *args: Any, **more: Any) -> Answer:
        answer = run(exact, *args, **more)
        return answer if answer.rows else Answer()

    monkeypatch.setattr(Exact, "run", unsure)
    solution = solver.fill(problem)
    assert solution.cycles == fastest.cycles and not solution.optimal
    assert solution.least_cycles == solver.targets(problem)[0] < fastest.cycles


def test_cycles_of_a_rate_lead_back_to_it() -> None:
    for cycles in range(1, 5000, 7):
        for clock in (10.0, 5.0, 3.3, 8.123):
            assert solver.target_cycles(1e9 / (clock * cycles), clock) == cycles
    assert solver.target_cycles(3000, 10.0) == 33333
    for wrong in (0.0, -5.0, float("nan"), float("inf"), 2e8):
        with pytest.raises(FinnTuiError):
            solver.target_cycles(wrong, 10.0)


def test_shares_of_what_a_part_does_not_have() -> None:
    assert solver.budget_limits(DEVICE, {"LUT": 0.5})["LUT"] == 500
    with pytest.raises(FinnTuiError, match="FF is not a resource that can be limited"):
        solver.budget_limits(DEVICE, {"FF": 0.5})
    assert budget_weights(Device("b", "p"))["LUT"] > 0


def test_the_reason_survives_the_way_between_processes() -> None:
    error = Infeasible("what", "why", "fix", ("LUT",))
    again = pickle.loads(pickle.dumps(error))
    assert (again.what, again.why, again.fix, again.binding, again.kind) == (
        "what",
        "why",
        "fix",
        ("LUT",),
        "infeasible",
    )
