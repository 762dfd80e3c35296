"""Why there is no folding, or none that is faster: the limits and layers that stand in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.device import RESOURCES
from finn_tui.core.folding.model import Folding
from finn_tui.core.optimize.exact import Exact
from finn_tui.core.optimize.problem import NO_USE, Answer, Problem

#: From this share on, a limit is said to hold the optimum back.
TIGHT = 0.95

#: The LUTs that can be memory; they are a limit like a resource.
LUTRAM = "LUTRAM"


class Infeasible(FinnTuiError):
    """No folding reaches the target within the limits; ``binding`` says what stands in the way."""

    def __init__(self, what: str, why: str, fix: str, binding: tuple[str, ...] = ()) -> None:
        """Create the error; ``binding`` are resources, or layers that cannot be fast enough."""
        super().__init__(what, why, fix, kind="infeasible")
        self.binding = binding

    def __reduce__(self) -> tuple[type[Infeasible], tuple[object, ...]]:
        # Crosses from the solver's process; an exception's own way knows only its first argument.
        return Infeasible, (self.what, self.why, self.fix, self.binding)


@dataclass(frozen=True)
class Binding:
    """A limit that is (nearly) exhausted.

    Attributes:
        used, limit: units of the resource.
        layers: those that use most of it, largest first.
        holds: whether a folding with a lower II would fit without this limit alone; None where
            that was not asked.
    """

    resource: str
    used: float
    limit: float
    layers: tuple[str, ...]
    holds: bool | None = None

    def text(self) -> str:
        """Return a line: "BRAM_18K at 98 % of its limit: MVAU_hls_5, MVAU_hls_4"."""
        share = f"{100 * self.used / self.limit:.0f} %" if self.limit else "all"
        return f"{self.resource} at {share} of its limit: {', '.join(self.layers)}"


def used(problem: Problem, rows: Mapping[str, int]) -> dict[str, float]:
    """Return what chosen rows use of each resource, and of the LUTRAM where it is limited."""
    total = sum((problem.uses[name][row] for name, row in rows.items()), NO_USE)
    for producer, consumer, costs_by_width in problem.between:
        widths = (
            int(problem.tables[producer].out_width[rows[producer]]),
            int(problem.tables[consumer].in_width[rows[consumer]]),
        )
        total = total + costs_by_width.get(widths, NO_USE)
    return dict(zip((*RESOURCES, LUTRAM), total.tolist(), strict=True))


def largest(problem: Problem, rows: Mapping[str, int], resource: str) -> tuple[str, ...]:
    """Return the layers that use most of a resource, largest first.

    Args:
        problem: what is folded.
        rows: the chosen row of each layer.
        resource: one of ``RESOURCES``, or ``LUTRAM``.
    """
    at = (*RESOURCES, LUTRAM).index(resource)
    use = {name: float(problem.uses[name][row, at]) for name, row in rows.items()}
    ranked = sorted((name for name in use if use[name]), key=lambda name: -use[name])
    return tuple(ranked[:3])


def held_by(exact: Exact, best: Folding, faster: int | None) -> tuple[Binding, ...]:
    """Return the limits each of which alone keeps a folding from the next lower II.

    Args:
        exact: the problem.
        best: the fastest folding.
        faster: the next lower II; None if there is none.
    """
    if faster is None:
        return ()
    problem = exact.problem
    rows = {name: problem.tables[name].row(values) for name, values in best.values.items()}
    chosen = {name: row for name, row in rows.items() if row is not None}
    amounts = used(problem, chosen)
    bindings = []
    for name, limit in all_limits(problem).items():
        freed, limits = _without(exact, name)
        holds = bool(possible(freed, faster, _ASIDE, limits).rows)
        if holds or (limit and amounts[name] >= TIGHT * limit):
            layers = largest(problem, chosen, name)
            bindings.append(Binding(name, amounts[name], limit, layers, holds))
    return tuple(sorted(bindings, key=lambda item: not item.holds))


#: How long a question may take that only explains an answer; most take a hundredth of it.
_ASIDE = 10.0


def possible(
    exact: Exact, cycles: int, seconds: float, limits: Mapping[str, float] | None = None
) -> Answer:
    """Return whether some folding reaches ``cycles`` within the limits, whatever it costs."""
    return exact.run(cycles, seconds, limits=limits, weights={})


def all_limits(problem: Problem) -> dict[str, float]:
    """Return the limits by name, that of the LUTRAM among them."""
    lutram = problem.lutram_limit
    return {**problem.limits, **({LUTRAM: lutram} if lutram is not None else {})}


def _without(exact: Exact, *names: str) -> tuple[Exact, dict[str, float]]:
    """Return the same question without some limits: whom to ask, and the limits that are left."""
    limits = {name: limit for name, limit in exact.problem.limits.items() if name not in names}
    if LUTRAM in names and exact.problem.lutram_limit is not None:
        return Exact(replace(exact.problem, lutram_limit=None)), limits
    return exact, limits


def too_slow(problem: Problem, layers: Sequence[str], cycles: int) -> Infeasible:
    """Return why a target cannot be reached by layers whatever they use."""

    def least(name: str) -> int:
        return int(problem.arrays[name].cycles[problem.rows(name, None)].min())

    worst = max(layers, key=least)
    locked = worst in problem.locked
    fixed = [knob for knob in problem.tables[worst].knobs if knob in problem.fixed]
    others = f", and {len(layers) - 1} more layers are too slow" if len(layers) > 1 else ""
    why = "it is locked" if locked else "its fastest legal point"
    if fixed and not locked:
        why += f" while {', '.join(fixed)} stay{'s' if len(fixed) == 1 else ''}"
    return Infeasible(
        f"no folding reaches {cycles:,} cycles",
        f"{worst} needs at least {least(worst):,} cycles ({why}){others}.",
        f"Ask for {least(worst):,} cycles or more"
        + (", or unlock the layer." if locked else "; only another network could be faster."),
        tuple(layers),
    )


def explained(exact: Exact, cycles: int, seconds: float) -> Infeasible:
    """Return why there is no folding: the limits of which lifting a single one allows one."""
    problem, seconds = exact.problem, min(seconds, _ASIDE)
    what = f"no folding reaches {cycles:,} cycles within the limits"
    binding_resources, needs = [], []
    limits = all_limits(problem)
    for name, limit in limits.items():
        # The least of it that is needed while the others keep their limits.
        freed, others = _without(exact, name)
        weights = {name: 1.0} if name in problem.limits else {}
        answer = freed.run(cycles, seconds, limits=others, weights=weights)
        if answer.rows:
            binding_resources.append(name)
            least = f"at least {answer.bound:,.0f}" if answer.optimal and weights else "more"
            needs.append(f"{name} ({least} needed, the limit is {limit:,.0f})")
    if binding_resources:
        why = f"What stands in the way: {', or '.join(needs)}."
        fix = "Raise that limit, or ask for a higher II."
        if binding_resources == [LUTRAM]:
            fix = "Use a part with more LUTs that can be memory, or ask for a higher II."
        return Infeasible(what, why, fix, tuple(binding_resources))
    freed, others = _without(exact, *limits)
    if possible(freed, cycles, seconds, others).impossible:
        why = "Even without limits there is none: coupled layers have no value that both can take"
        why += " at that speed" + (
            ", or locked layers keep them from it." if problem.locked else "."
        )
        return Infeasible(f"no folding reaches {cycles:,} cycles", why, "Ask for a higher II.")
    return Infeasible(
        what,
        f"No single limit is to blame: two or more must be raised together ({', '.join(limits)}).",
        "Raise the limits, or ask for a higher II.",
        tuple(limits),
    )
